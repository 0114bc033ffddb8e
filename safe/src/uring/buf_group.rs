//! Buffers that the kernel picks when data is there, and that are lent to who takes the data.
//!
//! # Who owns what
//!
//! The [`Inner`] of a group owns the buffers and the ring in which the kernel finds them. Handles, operations
//! that pick from the group, and lent buffers each keep it. The kernel writes only for operations, and those
//! are in the table until they are over: so when the last share of the group goes, nothing can write
//! to its buffers any more, and they are freed. The kernel's own record of the group is removed when the ring
//! next registers one, or is closed; until then the number stays taken, and names nothing that an operation could be
//! given.
//!
//! A buffer is in one of three places: in the kernel's ring, lent (by a completion, and then by a [`Lent`]), or
//! waiting for a slot in the ring. The [`Ledger`] knows which bytes a completion is about. It is told of
//! completions in the order in which they are posted, when the ring takes them, for of buffers that are
//! used piece by piece nothing else tells which piece is whose.

mod lent;
mod memory;
mod number;

use std::cell::RefCell;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::rc::Rc;

pub use self::lent::{Bundle, Lent};
use self::memory::Memory;
pub(super) use self::number::Number;
use super::Ring;
use super::op::Cqe;
use super::raw::buf_ring::{BufRing, Error, Ledger, MAX_ENTRIES, MAX_KERNEL_MEMORY_GROUP};
use super::raw::{cqueue, squeue};
use crate::fork::Generation;

/// A group of buffers of one size, from which the kernel picks one when data for an operation is there. A handle:
/// clones are of the same group. Since Linux 5.19.
///
/// Operations on many connections share a group, and so need memory only for data that has come. What an operation
/// was given comes as [`Lent`]: the buffer is the taker's until that is dropped, and then goes back.
///
/// If data comes while all buffers are lent, operations end with `ENOBUFS` (a stream tells
/// [`End::NoBuffers`](super::op::End::NoBuffers)): nothing is lost. Drop some lent buffers, and push the operation
/// again.
///
/// The group lives until no operation uses it, no buffer is lent, and all handles are dropped. It is of one ring:
/// operations with it that are pushed to another end with `ENOBUFS`.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{BufGroup, Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let group = BufGroup::builder(4, 4096).register(&mut ring)?;
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let ticket = ring.push(op::RecvSelect::new(ours, &group))?;
/// theirs.write_all(b"hello")?;
/// let lent = ring.wait(ticket)?.result?;
/// assert_eq!(*lent, *b"hello");
/// assert_eq!(group.available(), 3);
/// drop(lent);
/// assert_eq!(group.available(), 4);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct BufGroup(Rc<Inner>);

/// How to make a [`BufGroup`].
#[derive(Clone, Copy, Debug)]
pub struct BufGroupBuilder {
    buffers: u32,
    size: u32,
    kernel_memory: bool,
    incremental: bool,
    min_left: u32,
}

/// What all who use a group share.
pub(super) struct Inner {
    state: RefCell<State>,
    memory: Memory,
    process: Generation,
    /// Whether buffers are used piece by piece.
    incremental: bool,
    /// `None` once it is dropped.
    number: Option<Number>,
    retired: Retired,
}

struct State {
    ring: BufRing,
    ledger: Ledger,
    buffers: Box<[Buffer]>,
    /// Buffers that are nobody's, and for which the ring has no slot.
    waiting: Vec<u16>,
}

#[derive(Clone, Copy, Default)]
struct Buffer {
    /// How many completions and [`Lent`]s are about it.
    lent: u32,
    /// Whether the kernel is through with it.
    done: bool,
    /// The buffer that follows in the bundle of which this is not the last one.
    next: u16,
}

/// The numbers of groups that are gone, and which the kernel still has. Of one ring.
#[derive(Clone, Default)]
pub(super) struct Retired(Rc<RefCell<Vec<Number>>>);

impl Retired {
    /// Keeps the number of a group that is gone until the kernel has forgotten it too.
    pub(super) fn add(&self, number: Number) {
        self.0.borrow_mut().push(number);
    }
}

impl BufGroupBuilder {
    /// Lets the kernel allocate the ring in which it finds the buffers, not the process. Since Linux 6.4.
    #[must_use]
    pub fn kernel_memory(mut self) -> Self {
        self.kernel_memory = true;
        self
    }

    /// Lets buffers be used piece by piece: data that does not fill one leaves the rest to the next completion. So
    /// few large buffers do for much small data. Since Linux 6.12.
    ///
    /// Such a group is for receiving, and for [`ReadMultishot`](super::op::ReadMultishot):
    /// [`ReadSelect`](super::op::ReadSelect) is refused ([`Reason::Foreign`](super::Reason::Foreign)), and so is a
    /// single receive that asks for no more than so many bytes, for the kernel does not say which piece is whose then.
    /// What an operation leaves of a buffer in a worker thread ([`offload`](super::op::offload)) is lost to the group.
    #[must_use]
    pub fn incremental(mut self) -> Self {
        self.incremental = true;
        self
    }

    /// With [`incremental`](Self::incremental): a buffer with fewer than `bytes` left is not used any further. Since
    /// Linux 7.1, and in some releases of older series (6.12.107, 6.18.44, 7.0.13).
    #[must_use]
    pub fn min_left(mut self, bytes: u32) -> Self {
        self.min_left = bytes;
        self
    }

    /// Makes the group, with all its buffers in the ring.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for no buffers, more than 32768, or buffers of no bytes or more than 2 GiB; `OutOfMemory` if
    /// there is not so much memory; else an error whose source is a
    /// [`buf_ring::Error`](super::raw::buf_ring::Error), which says what the kernel lacks.
    pub fn register<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        self,
        ring: &mut Ring<S, C>,
    ) -> io::Result<BufGroup> {
        let sizes = 1..=i32::MAX as u32;
        if !(1..=MAX_ENTRIES).contains(&self.buffers) || !sizes.contains(&self.size) {
            let message = "a buffer group has 1 to 32768 buffers of 1 byte to 2 GiB";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        ring.unregister_retired();
        let process = Generation::current()?;
        let memory = Memory::new(self.buffers, self.size).ok_or(io::ErrorKind::OutOfMemory)?;
        let most = if self.kernel_memory {
            MAX_KERNEL_MEMORY_GROUP
        } else {
            u16::MAX
        };
        let number =
            Number::take(most).ok_or_else(|| io::Error::other("too many buffer groups"))?;
        let raw = self
            .configure(number.get())
            .register(&ring.raw.submitter())
            .map_err(explained)?;
        let group = Inner {
            state: RefCell::new(State {
                ledger: Ledger::of(&raw),
                ring: raw,
                buffers: vec![Buffer::default(); self.buffers as usize].into(),
                waiting: Vec::with_capacity(self.buffers as usize),
            }),
            memory,
            process,
            incremental: self.incremental,
            number: Some(number),
            retired: ring.retired.clone(),
        };
        let mut state = group.state.borrow_mut();
        // At most 32768.
        state.waiting.extend((0..self.buffers as u16).rev());
        // SAFETY: the process is this one, as was found above, or the registration had failed.
        unsafe { state.push_waiting(&group.memory) };
        drop(state);
        Ok(BufGroup(Rc::new(group)))
    }

    fn configure(self, number: u16) -> super::raw::buf_ring::Builder {
        let mut raw = BufRing::builder(self.buffers.next_power_of_two(), number);
        if self.kernel_memory {
            raw = raw.kernel_memory();
        }
        if self.incremental {
            raw = raw.incremental();
        }
        raw.min_left(self.min_left)
    }
}

pub(super) fn explained(error: Error) -> io::Error {
    let kind = match &error {
        Error::Memory(source) | Error::Register(source) => source.kind(),
        Error::Unsupported(_) => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

impl BufGroup {
    /// A group of `buffers` buffers (1 to 32768) of `size` bytes each.
    #[must_use]
    pub fn builder(buffers: u32, size: u32) -> BufGroupBuilder {
        BufGroupBuilder {
            buffers,
            size,
            kernel_memory: false,
            incremental: false,
            min_left: 0,
        }
    }

    /// The number by which the kernel knows the group. No two groups of the process have the same.
    pub fn number(&self) -> u16 {
        self.0.number()
    }

    /// The number of buffers.
    pub fn len(&self) -> usize {
        self.0.state.borrow().buffers.len()
    }

    /// Never: a group has buffers.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bytes of each buffer.
    pub fn size(&self) -> usize {
        self.0.memory.size() as usize
    }

    /// The number of buffers that the kernel can pick, as far as the ring knows: it learns of it when it waits or
    /// polls.
    pub fn available(&self) -> usize {
        self.0.state.borrow().ledger.len() as usize
    }

    /// Whether an operation may ask for no more than `most` bytes (0: as many as a buffer has).
    ///
    /// Where the kernel does not poll, as in a worker thread, it gives an operation its piece of a buffer when that
    /// begins, and of a buffer that is used piece by piece the next one to another. They end in any order, and no
    /// completion says which piece it is about. But if each takes all that is left of a buffer, there is none behind.
    pub(super) fn allows(&self, most: u32) -> bool {
        most == 0 || !self.0.incremental
    }

    /// Whether files that cannot be polled may be read. Of a group that is used piece by piece the buffer would be lost
    /// with each short read: nothing tells that the kernel has used it up.
    pub(super) fn allows_files(&self) -> bool {
        !self.0.incremental
    }

    /// Notes which bytes a completion is about, and writes it into the completion for [`claim`](Self::claim).
    #[inline]
    pub(super) fn note(&self, cqe: &mut Cqe) {
        cqe.extra = match self.0.completed(cqe) {
            Some((offset, buffers)) => [u64::from(offset) | u64::from(buffers) << 32, NOTED],
            None => [0, REFUSED],
        };
    }

    /// The buffers that a completion has filled; none if it names none. `None` if it cannot be.
    #[inline]
    pub(super) fn claim(&self, mut cqe: Cqe) -> Option<Bundle> {
        let group = Rc::clone(&self.0);
        let Some(buffer) = cqueue::buffer_select(cqe.flags) else {
            return Some(Bundle::new(group, 0, 0, 0, 0));
        };
        // Some other operation around ours may not have passed it on; then what counts is the order of claims.
        if !matches!(cqe.extra[1], NOTED | REFUSED) {
            self.note(&mut cqe);
        }
        let [place, noted] = cqe.extra;
        let (offset, buffers) = (place as u32, (place >> 32) as u32);
        (noted == NOTED).then(|| Bundle::new(group, buffer, offset, filled(cqe.result), buffers))
    }
}

/// What [`Cqe::extra`] says of a completion that was noted.
const NOTED: u64 = 1;
/// As above, when what the kernel says does not fit what it was given.
const REFUSED: u64 = 2;

/// The bytes that a result says.
fn filled(result: i32) -> u32 {
    u32::try_from(result).unwrap_or(0)
}

impl Inner {
    fn number(&self) -> u16 {
        self.number.as_ref().map_or(0, Number::get)
    }

    /// Lends what a completion has filled: answers where in the first buffer that begins, and in how many it lies.
    fn completed(&self, cqe: &Cqe) -> Option<(u32, u32)> {
        let first = cqueue::buffer_select(cqe.flags)?;
        let more = cqueue::buffer_more(cqe.flags);
        let mut state = self.state.borrow_mut();
        let State {
            ledger, buffers, ..
        } = &mut *state;
        let pieces = ledger.completed(first, filled(cqe.result), more).ok()?;
        let (mut offset, mut count, mut previous) = (0, 0, None);
        for piece in pieces {
            let buffer = &mut buffers[usize::from(piece.bid)];
            buffer.lent += 1;
            buffer.done = piece.last;
            match previous.replace(piece.bid) {
                Some(previous) => buffers[usize::from(previous)].next = piece.bid,
                None => offset = piece.offset,
            }
            count += 1;
        }
        self.push_waiting(&mut state);
        Some((offset, count))
    }

    fn next_of(&self, buffer: u16) -> u16 {
        self.state.borrow().buffers[usize::from(buffer)].next
    }

    /// Ends a use of a buffer. It goes back to the ring with the last one.
    fn give_back(&self, index: u16) {
        let mut state = self.state.borrow_mut();
        let buffer = &mut state.buffers[usize::from(index)];
        buffer.lent -= 1;
        if buffer.lent == 0 && buffer.done {
            buffer.done = false;
            state.waiting.push(index);
            self.push_waiting(&mut state);
        }
    }

    #[inline]
    fn push_waiting(&self, state: &mut State) {
        // A forked child does not have the ring.
        if !state.waiting.is_empty() && self.process.is_current() {
            // SAFETY: it is this process.
            unsafe { state.push_waiting(&self.memory) };
        }
    }
}

impl State {
    /// Puts buffers that are nobody's into the ring, as many as it has room for.
    ///
    /// # Safety
    ///
    /// This is the process that registered the ring.
    unsafe fn push_waiting(&mut self, memory: &Memory) {
        while let Some(&index) = self.waiting.last() {
            if self.ledger.pushed(index, memory.size()).is_err() {
                break;
            }
            self.waiting.pop();
            // SAFETY: the buffer is nobody's: it is not lent, and not in the ring. The memory outlives all operations
            // that could pick it, since they keep the group, and with them the requests. The ledger counts what is
            // known to be picked, and has said that there is a free slot; each buffer has an id of its own.
            unsafe { self.ring.push(memory.at(index, 0), memory.size(), index) };
        }
        self.ring.publish();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let (Some(number), true) = (self.number.take(), self.process.is_current()) {
            self.retired.add(number);
        }
    }
}

impl Debug for BufGroup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufGroup")
            .field("number", &self.number())
            .field("len", &self.len())
            .field("size", &self.size())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Has the kernel forget the groups that are gone.
    pub(super) fn unregister_retired(&mut self) {
        let submitter = self.raw.submitter();
        self.retired
            .0
            .borrow_mut()
            .retain(|number| submitter.unregister_buf_ring(number.get()).is_err());
    }
}
