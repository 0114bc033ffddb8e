//! A job: operations that depend on each other only within a slot, the same for every engine, and the checking of what
//! they brought.
//!
//! An engine asks [`Job::next`] what a slot does next, does it, and tells [`Job::done`] how it ended.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::client::Client;
use crate::memory::Slab;
use crate::op::{Code, Op};
use crate::pattern;

/// What is read to look at an end.
const BLOCK: u32 = 4096;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, often.
    Nop,
    /// Reads of one file.
    Read,
    /// Writes of one file.
    Write,
    /// Writes of one file, each followed by fdatasync(2).
    Synced,
    /// Sends back what comes, on each connection.
    PingPong,
    /// Takes what comes, on each connection.
    Stream,
    /// Opens, looks at and closes files.
    Tree,
}

/// What is done, by whom, and with what.
pub(crate) struct Job {
    /// What.
    pub(crate) kind: Kind,
    /// The bytes of an operation.
    pub(crate) size: u32,
    /// How many operations there are at a time: the number of slots.
    pub(crate) depth: usize,
    /// The file, or the connections.
    pub(crate) files: Vec<OwnedFd>,
    /// The memory of the slots.
    pub(crate) slab: Slab,
    /// The offsets to read or write, in order.
    plan: Vec<u64>,
    /// The files of a tree, and their sizes.
    paths: Vec<(&'static CStr, u64)>,
    /// The other side of the connections.
    client: Option<Client>,
    /// How much each connection brings in a round: exchanges, or bytes.
    share: u64,
    slots: Vec<Slot>,
    /// Memory to look at what was written.
    spare: Slab,
    cursor: usize,
    salt: u64,
    /// Whether the file is in the page cache.
    cached: bool,
    /// The folder of a tree.
    folder: Option<TempDir>,
    /// Whether every byte is looked at, and not only the first and last ones.
    pub(crate) thorough: bool,
}

/// Where a slot is.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// What it does next, or now.
    stage: Stage,
    /// The offset in the file, or in the stream; the number of the exchange, or of the file of a tree.
    at: u64,
    /// The bytes of this message that are through.
    part: u32,
    /// The descriptor of an opened file.
    fd: i32,
    /// What the connection still has to bring.
    left: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    First,
    Second,
    Third,
}

impl Job {
    fn new(kind: Kind, size: u32, depth: usize, files: Vec<OwnedFd>) -> Self {
        Self {
            kind,
            size,
            depth,
            files,
            slab: Slab::new(depth, size as usize),
            plan: Vec::new(),
            paths: Vec::new(),
            client: None,
            share: 0,
            slots: vec![Slot::default(); depth],
            spare: Slab::new(1, size.max(BLOCK) as usize),
            cursor: 0,
            salt: 0,
            cached: false,
            folder: None,
            thorough: true,
        }
    }

    /// So many NOPs.
    pub(crate) fn nops(count: usize, depth: usize) -> Self {
        let mut job = Self::new(Kind::Nop, 1, depth, Vec::new());
        job.plan = vec![0; count];
        job
    }

    /// Reads or writes of `size` bytes at these offsets. To be read, the file has the pattern with salt 0.
    pub(crate) fn file(
        kind: Kind,
        (file, cached): (File, bool),
        size: u32,
        plan: Vec<u64>,
        depth: usize,
    ) -> Self {
        let mut job = Self::new(kind, size, depth, vec![file.into()]);
        job.plan = plan;
        job.cached = cached;
        job
    }

    /// Opens, looks at and closes these files, which have these sizes.
    pub(crate) fn tree(paths: Vec<(&'static CStr, u64)>, depth: usize) -> Self {
        let size = size_of::<libc::statx>() as u32;
        let mut job = Self::new(Kind::Tree, size, depth, Vec::new());
        job.plan = vec![0; paths.len()];
        job.paths = paths;
        job
    }

    /// Keeps a folder as long as the job.
    pub(crate) fn with_folder(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Talks with a client: `share` exchanges on each connection, or messages from each connection.
    pub(crate) fn network(
        kind: Kind,
        client: Client,
        files: Vec<OwnedFd>,
        size: u32,
        share: u64,
    ) -> Self {
        let mut job = Self::new(kind, size, files.len(), files);
        job.client = Some(client);
        job.share = match kind {
            Kind::Stream => share * u64::from(size),
            _ => share,
        };
        job
    }

    /// How many units of work a round has.
    pub(crate) fn units(&self) -> u64 {
        match self.kind {
            Kind::PingPong => self.share * self.depth as u64,
            Kind::Stream => self.share / u64::from(self.size) * self.depth as u64,
            _ => self.plan.len() as u64,
        }
    }

    /// Begins a round.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.cursor = 0;
        self.salt += 1;
        for slot in &mut self.slots {
            ensure!(slot.stage == Stage::First, "the last round was not ended");
            slot.part = 0;
            slot.left = self.share;
        }
        if self.cached {
            self.warm()?;
        }
        if self.writes() {
            for slot in 0..self.depth {
                // SAFETY: nothing is in flight between rounds.
                pattern::fill(unsafe { self.memory(slot, self.size) }, 0, 0);
            }
        }
        Ok(())
    }

    fn writes(&self) -> bool {
        matches!(self.kind, Kind::Write | Kind::Synced)
    }

    /// Reads what the round will read or write: the last one may have left it in the caches of another processor.
    fn warm(&self) -> Result<()> {
        let file = self.files[0].as_fd();
        for (at, &offset) in self.plan.iter().enumerate() {
            // SAFETY: nothing is in flight between rounds.
            let memory = unsafe { self.memory(at % self.depth, self.size) };
            let (start, len) = (memory.as_mut_ptr().cast(), memory.len());
            // SAFETY: the memory is live and this long.
            let came = unsafe { libc::pread(file.as_raw_fd(), start, len, offset as i64) };
            ensure!(came == len as isize, "a read of {came} bytes");
        }
        Ok(())
    }

    /// Has the other side begin: part of what is timed.
    pub(crate) fn start_client(&mut self) -> Result<()> {
        self.client.as_mut().map_or(Ok(()), Client::start)
    }

    /// Ends a round: everything must have been done.
    pub(crate) fn end(&mut self) -> Result<()> {
        if let Some(client) = &mut self.client {
            client
                .finish()
                .context("the other side of the connections")?;
        }
        for slot in &self.slots {
            ensure!(
                slot.left == 0 && slot.stage == Stage::First,
                "not all was done"
            );
        }
        ensure!(self.cursor == self.plan.len(), "not all was done");
        if self.writes() {
            self.check_written()?;
        }
        Ok(())
    }

    /// The next operation of a slot that has none, if there is more to do.
    #[inline]
    pub(crate) fn next(&mut self, slot: usize) -> Option<Op> {
        match self.kind {
            Kind::PingPong | Kind::Stream => return self.next_message(slot),
            _ => {}
        }
        let state = self.slots[slot];
        if state.stage != Stage::First {
            return Some(self.later_stage(slot, state));
        }
        let offset = *self.plan.get(self.cursor)?;
        self.cursor += 1;
        let mut op = self.op(Code::Nop, slot);
        match self.kind {
            Kind::Read => {
                self.slots[slot].at = offset;
                (op.code, op.offset) = (Code::Read, offset);
                // What is not read anew must be noticed.
                // SAFETY: the slot is idle, so its memory is the job's.
                pattern::spoil(unsafe { self.memory(slot, self.size) });
            }
            Kind::Write | Kind::Synced => {
                (op.code, op.offset) = (Code::Write, offset);
                // SAFETY: as above.
                pattern::stamp(unsafe { self.memory(slot, self.size) }, offset, self.salt);
            }
            Kind::Tree => {
                let at = self.cursor - 1;
                self.slots[slot].at = at as u64;
                op.code = Code::Open;
                op.fd = libc::AT_FDCWD;
                op.path = self.paths[at].0.as_ptr();
            }
            _ => {}
        }
        Some(op)
    }

    fn later_stage(&self, slot: usize, state: Slot) -> Op {
        let code = match (self.kind, state.stage) {
            (Kind::Synced, _) => Code::Sync,
            (_, Stage::Second) => Code::Statx,
            _ => Code::Close,
        };
        let mut op = self.op(code, slot);
        if self.kind == Kind::Tree {
            op.fd = state.fd;
        }
        op
    }

    #[inline]
    fn next_message(&mut self, slot: usize) -> Option<Op> {
        let state = self.slots[slot];
        if state.left == 0 {
            return None;
        }
        let code = match state.stage {
            Stage::First => Code::Recv,
            _ => Code::Send,
        };
        let mut op = self.op(code, slot);
        op.skip = state.part;
        op.len -= state.part;
        op.memory = op.memory.wrapping_add(state.part as usize);
        Some(op)
    }

    #[inline]
    fn op(&self, code: Code, slot: usize) -> Op {
        let file = if self.files.len() > 1 { slot } else { 0 };
        Op {
            code,
            slot: slot as u32,
            fd: self.files.get(file).map_or(-1, AsRawFd::as_raw_fd),
            file: file as u32,
            len: self.size,
            skip: 0,
            offset: 0,
            memory: self.slab.piece(slot),
            path: ptr::null(),
        }
    }

    /// # Safety
    ///
    /// No operation of the slot is in flight, and the result is used before the next call.
    #[expect(
        clippy::mut_from_ref,
        reason = "the slab is memory that is handed out piece by piece"
    )]
    #[inline]
    unsafe fn memory(&self, slot: usize, len: u32) -> &mut [u8] {
        // SAFETY: the piece is that long, initialised, and not in use, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.slab.piece(slot), len as usize) }
    }

    /// Takes the end of a slot's operation.
    ///
    /// # Errors
    ///
    /// If it is not what it must be.
    #[inline]
    pub(crate) fn done(&mut self, slot: usize, result: i32) -> Result<()> {
        match self.kind {
            Kind::Nop => expect(result, 0, "a NOP"),
            Kind::Read => {
                expect(result, self.size as i32, "a read")?;
                let offset = self.slots[slot].at;
                // SAFETY: the operation is over.
                let memory = unsafe { self.memory(slot, self.size) };
                pattern::check(memory, offset, 0, self.thorough)
            }
            Kind::Write => expect(result, self.size as i32, "a write"),
            Kind::Synced => {
                let state = &mut self.slots[slot];
                match state.stage {
                    Stage::First => {
                        state.stage = Stage::Second;
                        expect(result, self.size as i32, "a write")
                    }
                    _ => {
                        state.stage = Stage::First;
                        expect(result, 0, "an fdatasync")
                    }
                }
            }
            Kind::PingPong => self.message_done(slot, result),
            Kind::Stream => self.chunk_done(slot, result),
            Kind::Tree => self.visit_done(slot, result),
        }
    }

    fn message_done(&mut self, slot: usize, result: i32) -> Result<()> {
        ensure!(result > 0, "a message: {}", told(result));
        let state = &mut self.slots[slot];
        state.part += result as u32;
        ensure!(state.part <= self.size, "a message is too long");
        if state.part < self.size {
            return Ok(());
        }
        state.part = 0;
        if state.stage != Stage::First {
            state.stage = Stage::First;
            state.left -= 1;
            return Ok(());
        }
        state.stage = Stage::Second;
        let number = state.at;
        state.at += 1;
        // SAFETY: the operation is over.
        let memory = unsafe { self.memory(slot, self.size) };
        pattern::check_message(memory, number, slot as u64, self.thorough)
    }

    fn chunk_done(&mut self, slot: usize, result: i32) -> Result<()> {
        ensure!(result > 0, "what comes from a stream: {}", told(result));
        let state = &mut self.slots[slot];
        let at = state.at;
        state.at += result as u64;
        let left = state.left.checked_sub(result as u64);
        state.left = left.context("a stream brings too much")?;
        // SAFETY: the operation is over.
        let memory = unsafe { self.memory(slot, result as u32) };
        let (size, salt) = (u64::from(self.size), slot as u64);
        pattern::check_stream(memory, at, size, salt, self.thorough)
    }

    fn visit_done(&mut self, slot: usize, result: i32) -> Result<()> {
        let state = &mut self.slots[slot];
        match state.stage {
            Stage::First => {
                ensure!(result >= 0, "an open: {}", told(result));
                (state.fd, state.stage) = (result, Stage::Second);
                // SAFETY: the memory is aligned, has room for it, and is not in use.
                unsafe { (*self.slab.piece(slot).cast::<libc::statx>()).stx_size = u64::MAX };
                Ok(())
            }
            Stage::Second => {
                state.stage = Stage::Third;
                expect(result, 0, "a statx")?;
                // SAFETY: the operation is over and has written it.
                let size = unsafe { (*self.slab.piece(slot).cast::<libc::statx>()).stx_size };
                ensure!(
                    size == self.paths[state.at as usize].1,
                    "a wrong size: {size}"
                );
                Ok(())
            }
            Stage::Third => {
                state.stage = Stage::First;
                expect(result, 0, "a close")
            }
        }
    }

    /// Reads what was written: all of it, or the ends.
    fn check_written(&self) -> Result<()> {
        let file = File::from(self.files[0].try_clone()?);
        let (start, len) = self.spare.whole();
        // SAFETY: the memory is this long, and nobody else's.
        let spare = unsafe { std::slice::from_raw_parts_mut(start, len) };
        let size = self.size as usize;
        for &offset in &self.plan {
            let mut check = || {
                if self.thorough {
                    let bytes = &mut spare[..size];
                    file.read_exact_at(bytes, offset)?;
                    return pattern::check_message(bytes, offset, self.salt, true);
                }
                let last = offset + u64::from(self.size) - u64::from(BLOCK);
                for (part, first) in [(offset, true), (last, false)] {
                    let bytes = &mut spare[..BLOCK as usize];
                    file.read_exact_at(bytes, part)?;
                    pattern::check_end(bytes, first, part, self.salt)?;
                }
                Ok(())
            };
            check().with_context(|| format!("what was written at {offset}"))?;
        }
        Ok(())
    }
}

#[inline]
fn expect(result: i32, wanted: i32, what: &str) -> Result<()> {
    if result == wanted {
        Ok(())
    } else {
        wrong(result, what)
    }
}

#[cold]
fn wrong(result: i32, what: &str) -> Result<()> {
    anyhow::bail!("{what} answered {}", told(result))
}

fn told(result: i32) -> String {
    if result < 0 {
        std::io::Error::from_raw_os_error(-result).to_string()
    } else {
        result.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::engine::{Driven, Engine, Queue};
    use crate::engines::blocking::{Blocking, Calls, Libc};
    use crate::op::Done;

    /// Says that everything is done, and does nothing.
    struct Lazy;

    impl Queue for Lazy {
        fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
            let result = |op: &Op| {
                if op.code == Code::Sync {
                    0
                } else {
                    op.len as i32
                }
            };
            done.extend(ops.iter().map(|op| Done {
                slot: op.slot,
                result: result(op),
            }));
            Ok(())
        }
    }

    fn job(kind: Kind) -> Job {
        let mut file = tempfile::tempfile().expect("a file");
        let mut content = vec![0; 16 * 4096];
        pattern::fill(&mut content, 0, 0);
        file.write_all(&content).expect("written");
        let plan = (0..16).map(|at| at * 4096).collect();
        Job::file(kind, (file, true), 4096, plan, 4)
    }

    fn rounds(mut job: Job, queue: impl Queue) -> Result<()> {
        let mut engine = Driven::new(queue, job.depth);
        for _ in 0..2 {
            job.begin()?;
            engine.round(&mut job)?;
            job.end()?;
        }
        Ok(())
    }

    #[test]
    fn what_is_done_passes() {
        for kind in [Kind::Read, Kind::Write, Kind::Synced] {
            rounds(job(kind), Blocking::<Libc>::new(kind)).expect("all is right");
        }
    }

    #[test]
    fn what_is_not_done_is_noticed() {
        for kind in [Kind::Read, Kind::Write, Kind::Synced] {
            let error = rounds(job(kind), Lazy).expect_err("nothing was done");
            assert!(format!("{error:#}").contains("wrong data"), "{error:#}");
        }
    }

    /// Writes all but a byte in the middle.
    struct Sloppy;

    impl Queue for Sloppy {
        fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
            for op in ops {
                // SAFETY: nobody else uses the slot's memory now.
                let byte = unsafe { &mut *op.memory.add(2000) };
                *byte ^= 1;
                let result = Libc::call(op);
                *byte ^= 1;
                let slot = op.slot;
                done.push(Done { slot, result });
            }
            Ok(())
        }
    }

    #[test]
    fn one_byte_that_was_written_wrong_is_noticed() {
        let error = rounds(job(Kind::Write), Sloppy).expect_err("a byte is wrong");
        assert!(format!("{error:#}").contains("wrong data"), "{error:#}");
    }

    #[test]
    fn one_wrong_byte_is_noticed() {
        let job = job(Kind::Read);
        let file = File::from(job.files[0].try_clone().expect("a descriptor"));
        file.write_all_at(b"x", 5000).expect("written");
        assert!(rounds(job, Blocking::<Libc>::new(Kind::Read)).is_err());
    }
}
