//! Zero-copy receive: memory into which a network device writes what comes, and which is lent to who takes it.
//!
//! # Who owns what
//!
//! The [`Inner`] of a queue has the memory, the refill queue by which pieces of it go back to the kernel, and a
//! descriptor of the ring. Handles, operations that receive, and lent chunks each keep it.
//!
//! The kernel holds the pages of the memory until the ring is gone, and no operation ends that before; so the memory may be
//! unmapped at any time, but what is lent may not be used again by the kernel. While the ring is there the kernel leaves
//! a lent chunk alone until it is given back, which only dropping it does. When a ring ends, the kernel takes everything
//! back, whether it was given back or not, and the device may receive into it while it is shut down. Therefore the
//! descriptor: the ring does not end, for the kernel, before the last chunk is dropped, also if the [`Ring`] was.

mod chunk;

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

pub use self::chunk::Chunk;
use super::op::Cqe;
use super::raw::register::flush_zcrx;
use super::raw::zcrx::{self, Area, Ifq, Received};
use super::raw::{cqueue, squeue};
use super::{Ring, RingId};
use crate::fork::Generation;
use crate::mmap::page_size;

/// The most entries that a refill queue has.
const MOST: u32 = 32768;

/// A receive queue of a network device, and memory that the device writes into, for
/// [`op::RecvZc`](super::op::RecvZc). A handle: clones are of the same queue. Since Linux 6.15, and without a device since
/// 7.1.
///
/// What is received comes as [`Chunk`]s, each of which is the taker's until it is dropped and then goes back. If data comes
/// while all memory is lent, receives end with [`End::NoBuffers`](super::op::End::NoBuffers): nothing is lost. Drop some
/// chunks, and push the operation again.
///
/// The queue is of one ring, whose completions have 32 bytes or both sizes. The kernel has no operation that ends it: it lasts until the
/// ring is dropped, and all handles and chunks with it.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::Write;
/// use std::net::{TcpListener, TcpStream};
///
/// use safe::uring::raw::{cqueue::Entry32, squeue::Entry};
/// use safe::uring::{RecvQueue, SetupBuilder, op};
///
/// let mut ring = SetupBuilder::<Entry, Entry32>::new().build(8)?;
/// let queue = match RecvQueue::without_device(1 << 20).register(&mut ring) {
///     Ok(queue) => queue,
///     // Before Linux 7.1, or without CAP_NET_ADMIN.
///     Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => return Ok(()),
///     Err(error) => return Err(error),
/// };
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut sender = TcpStream::connect(listener.local_addr()?)?;
/// let (socket, _) = listener.accept()?;
/// sender.write_all(b"hello")?;
/// let mut stream = ring.push_multishot(op::RecvZc::new(socket, &queue))?;
/// let chunk = ring.next(&mut stream)?.expect("it goes on")?;
/// assert_eq!(*chunk, *b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct RecvQueue(Rc<Inner>);

/// How to make a [`RecvQueue`].
#[derive(Clone, Copy, Debug)]
pub struct RecvQueueBuilder {
    /// The index of the interface, and the number of its queue.
    device: Option<(u32, u32)>,
    bytes: usize,
    entries: Option<u32>,
    chunk: Option<u32>,
    stats: bool,
}

/// What all who use a queue share.
pub(super) struct Inner {
    /// Keeps the kernel's part of the ring.
    ring: OwnedFd,
    id: RingId,
    queue: RefCell<Ifq>,
    process: Generation,
    /// How many given back chunks the kernel may not look for by itself before it is told to.
    most_unseen: Option<u32>,
    /// How many were given back since it was told.
    unseen: Cell<u32>,
    /// What is to be given back, and for which the refill queue had no room.
    waiting: RefCell<Vec<Received>>,
    lent: Cell<usize>,
}

impl RecvQueueBuilder {
    /// The entries of the refill queue, by which memory goes back: up to 32768, rounded up to a power of two. Two for each
    /// page of memory unless set.
    #[must_use]
    pub fn entries(mut self, entries: u32) -> Self {
        self.entries = Some(entries);
        self
    }

    /// The most bytes of a chunk, where the device can do with other sizes than that of a page. Since Linux 7.0.
    #[must_use]
    pub fn chunk(mut self, bytes: u32) -> Self {
        self.chunk = Some(bytes);
        self
    }

    /// Lets the kernel count what it copies: [`RecvQueue::copied`]. Since Linux 7.2.
    #[must_use]
    pub fn stats(mut self) -> Self {
        self.stats = true;
        self
    }

    /// Registers the queue with a ring.
    ///
    /// # Errors
    ///
    /// `EPERM`: no `CAP_NET_ADMIN`. `EINVAL`: the kernel is older, or lacks something that was asked for. `ENODEV`: no such
    /// interface. `EOPNOTSUPP`, `ERANGE`: the device or its queue cannot do it. `ENOMEM`: no memory, or the limit on locked
    /// memory (`RLIMIT_MEMLOCK`).
    pub fn register<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        self,
        ring: &mut Ring<S, C>,
    ) -> io::Result<RecvQueue> {
        if C::BUILD_FLAGS == 0 {
            // What the kernel says of completions that cannot tell where the data is.
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let process = Generation::current()?;
        let area = Area::private(self.bytes)?;
        let pages = u32::try_from(self.bytes.div_ceil(page_size())).unwrap_or(MOST);
        let entries = self
            .entries
            .unwrap_or_else(|| pages.saturating_mul(2).clamp(1, MOST));
        let descriptor = ring.as_fd().try_clone_to_owned()?;
        let queue = self.raw(entries).register(&ring.raw.submitter(), area)?;
        Ok(RecvQueue(Rc::new(Inner {
            ring: descriptor,
            id: ring.id(),
            queue: RefCell::new(queue),
            process,
            most_unseen: self.device.is_none().then_some(pages.div_ceil(4)),
            unseen: Cell::new(0),
            waiting: RefCell::default(),
            lent: Cell::new(0),
        })))
    }

    fn raw(self, entries: u32) -> zcrx::Builder {
        let mut raw = match self.device {
            Some((interface, queue)) => Ifq::builder(interface, queue, entries),
            None => Ifq::without_device(entries),
        };
        if let Some(bytes) = self.chunk {
            raw = raw.rx_buf_len(bytes);
        }
        if self.stats {
            raw = raw.stats();
        }
        raw
    }
}

impl RecvQueue {
    /// Queue number `queue` of the network interface with the index `interface`, with `bytes` of memory, rounded up to
    /// whole pages. The device must be able to split headers from data, and lead the connections to that queue.
    #[must_use]
    pub fn device(interface: u32, queue: u32, bytes: usize) -> RecvQueueBuilder {
        RecvQueueBuilder {
            device: Some((interface, queue)),
            ..Self::without_device(bytes)
        }
    }

    /// No device: all data is copied into the memory, and all else is as with one. Since Linux 7.1.
    #[must_use]
    pub fn without_device(bytes: usize) -> RecvQueueBuilder {
        RecvQueueBuilder {
            device: None,
            bytes,
            entries: None,
            chunk: None,
            stats: false,
        }
    }

    /// The number by which the ring knows the queue.
    pub fn number(&self) -> u32 {
        self.0.queue.borrow().id()
    }

    /// How many chunks are lent.
    pub fn lent(&self) -> usize {
        self.0.lent.get()
    }

    /// How often the kernel has copied data, and how many bytes. `None` unless [asked for](RecvQueueBuilder::stats).
    pub fn copied(&self) -> Option<(u64, u64)> {
        let stats = self.0.queue.borrow().stats()?;
        Some((stats.copy_count, stats.copy_bytes))
    }

    /// Gives the queue more memory, rounded up to whole pages. Since Linux 7.3.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` or `EINVAL` from older kernels, `EINVAL` if the ring is not the queue's; else as for
    /// [`RecvQueueBuilder::register`].
    pub fn add<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        &self,
        ring: &mut Ring<S, C>,
        bytes: usize,
    ) -> io::Result<()> {
        if ring.id() != self.0.id {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let area = Area::private(bytes)?;
        let mut queue = self.0.queue.borrow_mut();
        queue.add_area(&ring.raw.submitter(), area).map(drop)
    }

    /// Has the kernel take back at once what was given back. It does so by itself as it needs memory, or is told to before it
    /// is short of it. Since Linux 6.19.
    ///
    /// # Errors
    ///
    /// `EINVAL` from older kernels.
    pub fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }

    #[inline]
    pub(super) fn is_of(&self, ring: RingId) -> bool {
        self.0.id == ring
    }

    /// Shows the kernel what it would not look for by itself.
    pub(super) fn settle(&self) {
        if self.0.most_unseen.is_some() && self.0.unseen.get() > 0 {
            // If it cannot be done, the receive tells: it finds no memory.
            let _ = self.0.flush();
        }
    }

    /// The chunk that a completion is about: an empty one if it names none. `None` if the kernel names memory that is not
    /// the queue's.
    pub(super) fn claim(&self, cqe: Cqe) -> Option<Chunk> {
        if cqe.result <= 0 || !cqe.more() {
            return Some(Chunk::empty(Rc::clone(&self.0)));
        }
        let queue = self.0.queue.borrow();
        let received = queue.received(cqe.result, &cqe.extra).ok()?;
        let bytes = queue.bytes(&received)?;
        drop(queue);
        self.0.lent.set(self.0.lent.get() + 1);
        Some(Chunk::new(Rc::clone(&self.0), bytes, received))
    }
}

impl Inner {
    /// Takes back what was lent in a chunk.
    fn give_back(&self, received: Received) {
        self.lent.set(self.lent.get() - 1);
        self.waiting.borrow_mut().push(received);
        // A forked child has neither the ring nor its memory.
        if !self.process.is_current() {
            return;
        }
        let all = self.push_waiting();
        self.unseen.set(self.unseen.get() + 1);
        let due = self
            .most_unseen
            .is_some_and(|most| self.unseen.get() >= most);
        if !all || due {
            // If it cannot be done, the next one tries again.
            let _ = self.flush();
        }
    }

    /// Puts what waits into the refill queue. False if that has no room for all.
    fn push_waiting(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        let mut queue = self.queue.borrow_mut();
        let refill = queue.refill_queue();
        while let Some(received) = waiting.last() {
            // SAFETY: it came from a completion of this queue, of which one chunk was made, and that is dropped: nobody
            // accesses its bytes, and what is popped is not given back again. The process is the one that has the queue,
            // as the callers have seen.
            if unsafe { refill.push(received) }.is_err() {
                break;
            }
            waiting.pop();
        }
        refill.publish();
        waiting.is_empty()
    }

    fn flush(&self) -> io::Result<()> {
        if !self.process.is_current() {
            return Err(crate::error::RingError::Forked.into());
        }
        let id = self.queue.borrow().id();
        loop {
            flush_zcrx(self.ring.as_fd(), id)?;
            self.unseen.set(0);
            let before = self.waiting.borrow().len();
            let all = self.push_waiting();
            let pushed = before - self.waiting.borrow().len();
            if pushed == 0 {
                // All is taken, or the kernel makes no room.
                return Ok(());
            }
            self.unseen.set(pushed as u32);
            if all && self.most_unseen.is_none() {
                return Ok(());
            }
        }
    }
}

impl Debug for RecvQueue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvQueue")
            .field("number", &self.number())
            .field("lent", &self.lent())
            .finish_non_exhaustive()
    }
}
