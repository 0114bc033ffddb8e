//! Rings of the crate's raw layer for cases: what goes through here shows that layer's bugs too.

use std::io;

use safe::uring::raw::squeue::{self, EntryMarker};
use safe::uring::raw::{Builder, IoUring, Submitter, cqueue};

use crate::case::{Run, Stop, pass};
use crate::ensure_eq;
use crate::ring::mem::Mem;
use crate::support::names::Res;

/// An entry of which this holds: whatever memory it names is a [`Mem`] and not smaller than it says, belongs to the
/// kernel already, or is not there at all. So any ring may run it at any time.
#[derive(Clone, Debug)]
pub struct Kept<E = squeue::Entry>(E);

impl<E> Kept<E> {
    /// Says so of an entry.
    ///
    /// # Safety
    ///
    /// What the type says.
    pub unsafe fn new(entry: E) -> Kept<E> {
        Kept(entry)
    }
}

/// A completion of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The `user_data` of its entry.
    pub user_data: u64,
    /// Its result, or a negative errno.
    pub res: i32,
    /// `IORING_CQE_F_*`, and what is above them.
    pub flags: u32,
    /// The second half of a completion of 32 bytes.
    pub big: Option<[u64; 2]>,
}

impl Done {
    /// Whether more completions of the same operation follow.
    pub fn more(&self) -> bool {
        cqueue::more(self.flags)
    }
}

/// The types of completions, as one.
pub trait Completion: cqueue::EntryMarker {
    /// What is in it.
    fn done(&self) -> Done;
}

fn done(user_data: u64, (res, flags): (i32, u32), big: Option<[u64; 2]>) -> Done {
    Done {
        user_data,
        res,
        flags,
        big,
    }
}

impl Completion for cqueue::Entry {
    fn done(&self) -> Done {
        done(self.user_data(), (self.result(), self.flags()), None)
    }
}

impl Completion for cqueue::Entry32 {
    fn done(&self) -> Done {
        let big = Some(*self.big_cqe());
        done(self.user_data(), (self.result(), self.flags()), big)
    }
}

impl Completion for cqueue::EntryMixed {
    fn done(&self) -> Done {
        let big = self.big_cqe().copied();
        done(self.user_data(), (self.result(), self.flags()), big)
    }
}

/// A ring that runs [`Kept`] entries.
#[derive(Debug)]
pub struct RawRing<S: EntryMarker = squeue::Entry, C: Completion = cqueue::Entry> {
    ring: IoUring<S, C>,
}

impl RawRing {
    /// A ring of 16 that every kernel can make.
    #[track_caller]
    pub fn plain() -> Result<RawRing, Stop> {
        Ok(RawRing::new(|_| ())?)
    }
}

impl<S: EntryMarker, C: Completion> From<IoUring<S, C>> for RawRing<S, C> {
    fn from(ring: IoUring<S, C>) -> Self {
        RawRing { ring }
    }
}

impl<S: EntryMarker, C: Completion> RawRing<S, C> {
    /// A ring of 16, made as `set_up` says.
    pub fn new(set_up: impl FnOnce(&mut Builder<S, C>)) -> io::Result<RawRing<S, C>> {
        let mut builder = IoUring::builder();
        set_up(&mut builder);
        builder.build(16).map(|ring| RawRing { ring })
    }

    /// Registering, and the rest of what takes no entries.
    pub fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// Registers memory as buffers.
    #[track_caller]
    pub fn register_buffers(&self, buffers: &[Mem]) -> Run {
        let buffers: Vec<_> = buffers.iter().map(|mem| mem.iovec()).collect();
        // SAFETY: the memory is never given back, and atomic bytes may be written at any time.
        unsafe { self.submitter().register_buffers(&buffers) }?;
        pass()
    }

    /// Pushes an entry with this `user_data`. The queue must have room.
    #[track_caller]
    pub fn push(&mut self, entry: Kept<impl Into<S>>, user_data: u64) -> Run {
        let mut entry: S = entry.0.into();
        entry.set_user_data(user_data);
        // SAFETY: what `Kept` says: the memory stays for good.
        unsafe { self.ring.submission().push(&entry) }?;
        pass()
    }

    /// Submits what was pushed and waits for the next completion, forever if need be: a case has a time limit.
    #[track_caller]
    pub fn wait(&mut self) -> Result<Done, Stop> {
        // A ring that polls may return without one.
        loop {
            if let Some(next) = self.peek()? {
                return Ok(next);
            }
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }

    /// Submits what was pushed, and takes the next completion if it is there.
    #[track_caller]
    pub fn peek(&mut self) -> Result<Option<Done>, Stop> {
        self.ring.submit()?;
        Ok(self.ring.peek()?.map(|cqe| cqe.done()))
    }

    /// Runs one operation and returns its one completion.
    #[track_caller]
    pub fn run(&mut self, entry: Kept<impl Into<S>>) -> Result<Done, Stop> {
        self.push(entry, 7)?;
        let done = self.wait()?;
        ensure_eq!(done.user_data, 7, "user_data");
        Ok(done)
    }

    /// Runs operations one by one, each of which must complete with this errno.
    #[track_caller]
    pub fn refuses<E: Into<S> + Clone>(&mut self, table: &[(&str, Kept<E>, i32)]) -> Run {
        for (what, entry, errno) in table {
            let done = self.run(entry.clone())?;
            ensure_eq!(Res(done.res), Res(-errno), "{what}");
        }
        pass()
    }
}
