//! Buffers to be sent, many by one operation.
//!
//! # Who owns what
//!
//! A queue has the buffers, and the group by which the kernel finds them. It cannot be cloned, and an operation owns it from
//! the moment it is made until it is over. So the group is of one operation at a time, or of none: then the kernel does not
//! look at it, and what it says may be changed. It is written anew for each operation, from where the kernel has
//! come to: after a send that fell short, or was cancelled, that is more than what was sent.
//!
//! When a queue is dropped, no operation can name its group any more: the number stays taken until the kernel has
//! forgotten the group.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::buf_group::{Number, Retired, explained};
use super::raw::buf_ring::{BufRing, MAX_ENTRIES};
use super::raw::register::pbuf_head;
use super::raw::{cqueue, squeue};
use super::{Ring, RingId};
use crate::broken::broken;
use crate::buf::IoBuf;
use crate::fork::Generation;

/// The most buffers that the kernel takes at once.
const AT_ONCE: usize = 256;

/// Buffers that one operation sends, in their order: [`op::SendBundle`](super::op::SendBundle). Since Linux 6.10.
///
/// What was not sent stays, and goes first the next time.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::Read;
/// use std::net::{TcpListener, TcpStream};
///
/// use safe::uring::{Ring, SendQueue, op};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let socket = TcpStream::connect(listener.local_addr()?)?;
/// let (mut peer, _) = listener.accept()?;
///
/// let mut ring = Ring::new(8)?;
/// let mut queue = SendQueue::new(&mut ring, 16)?;
/// for word in ["many ", "words, ", "one ", "send"] {
///     queue.push(word).expect("room");
/// }
/// let ticket = ring.push(op::SendBundle::new(socket, queue))?;
/// let sent = ring.wait(ticket)?;
/// match sent.result {
///     Ok(bytes) => {
///         assert_eq!((bytes, sent.queue.len()), (20, 0));
///         let mut got = [0; 20];
///         peer.read_exact(&mut got)?;
///         assert_eq!(&got, b"many words, one send");
///     }
///     // Before Linux 6.10.
///     Err(error) => assert_eq!(error.raw_os_error(), libc::EINVAL),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct SendQueue<B> {
    ring: BufRing,
    /// Of the ring, to ask how far the kernel has come.
    descriptor: OwnedFd,
    id: RingId,
    process: Generation,
    /// `None` once it is dropped.
    number: Option<Number>,
    retired: Retired,
    /// What is to be sent.
    queued: VecDeque<B>,
    /// How much of the first was sent.
    begun: usize,
    /// What was sent, and was not taken back.
    sent: VecDeque<B>,
}

impl<B: IoBuf> SendQueue<B> {
    /// An empty queue, with room for `buffers` (1 to 32768, rounded up to a power of two). One operation sends up to 256 of
    /// them.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for another number; else as for [`BufGroupBuilder::register`](super::BufGroupBuilder::register).
    pub fn new<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        ring: &mut Ring<S, C>,
        buffers: u32,
    ) -> io::Result<Self> {
        if !(1..=MAX_ENTRIES).contains(&buffers) {
            let message = "a queue has room for 1 to 32768 buffers";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        ring.unregister_retired();
        let process = Generation::current()?;
        let descriptor = ring.as_fd().try_clone_to_owned()?;
        let number =
            Number::take(u16::MAX).ok_or_else(|| io::Error::other("too many buffer groups"))?;
        let raw = BufRing::builder(buffers.next_power_of_two(), number.get())
            .register(&ring.raw.submitter())
            .map_err(explained)?;
        Ok(Self {
            ring: raw,
            descriptor,
            id: ring.id(),
            process,
            number: Some(number),
            retired: ring.retired.clone(),
            queued: VecDeque::with_capacity(buffers as usize),
            begun: 0,
            sent: VecDeque::new(),
        })
    }

    /// Adds a buffer.
    ///
    /// # Errors
    ///
    /// The buffer, if there is no room, or if it has no bytes or more than 2 GiB.
    pub fn push(&mut self, buf: B) -> Result<(), B> {
        let sizes = 1..=i32::MAX as usize;
        let room = self.queued.len() < self.ring.entries() as usize;
        if !room || !sizes.contains(&buf.bytes_init()) {
            return Err(buf);
        }
        self.queued.push_back(buf);
        Ok(())
    }

    /// The number of buffers that are to be sent, wholly or in part.
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// The bytes that are to be sent.
    pub fn bytes(&self) -> usize {
        let all: usize = self.queued.iter().map(IoBuf::bytes_init).sum();
        all - self.begun
    }

    /// Takes the first buffer back that was sent, if there is one.
    pub fn take_sent(&mut self) -> Option<B> {
        self.sent.pop_front()
    }

    /// Takes everything out that was not sent, to end with it or to begin anew.
    pub fn take_queued(&mut self) -> impl Iterator<Item = B> + '_ {
        self.begun = 0;
        self.queued.drain(..)
    }

    #[inline]
    pub(super) fn is_of(&self, ring: RingId) -> bool {
        self.id == ring
    }

    /// Tells the kernel of all buffers, and answers by which group. `None` if that cannot be done.
    ///
    /// # Safety
    ///
    /// The queue stays as it is, wherever it is moved, until no operation with that group is in flight.
    pub(super) unsafe fn show(&mut self) -> Option<u16> {
        if !self.process.is_current() {
            return None;
        }
        let group = self.ring.group();
        let head = pbuf_head(self.descriptor.as_fd(), group).ok()?;
        // The kernel's counter has 16 bits. Nobody has an operation with this group.
        self.ring.restart(head as u16);
        let mut begun = self.begun;
        for (buf, id) in self.queued.iter().take(AT_ONCE).zip(0..) {
            // A push has looked at the length.
            let len = (buf.bytes_init() - begun) as u32;
            let at = buf.stable_ptr().wrapping_add(begun).cast_mut();
            // SAFETY: the kernel only reads the bytes, which stay where they are as long as the buffer is in the queue, by
            // what an `IoBuf` is and the caller's promise. There are no more buffers than slots, and nothing else is in the
            // ring. It is this process.
            unsafe { self.ring.push(at, len, id) };
            begun = 0;
        }
        self.ring.publish();
        if broken("bundle") {
            self.queued.clear();
        }
        Some(group)
    }

    /// Notes that so many bytes were sent.
    pub(super) fn note(&mut self, mut bytes: usize) {
        while let Some(first) = self.queued.front() {
            let left = first.bytes_init() - self.begun;
            if bytes < left {
                self.begun += bytes;
                return;
            }
            bytes -= left;
            self.begun = 0;
            self.sent.extend(self.queued.pop_front());
        }
    }
}

impl<B> Drop for SendQueue<B> {
    fn drop(&mut self) {
        if let (Some(number), true) = (self.number.take(), self.process.is_current()) {
            self.retired.add(number);
        }
    }
}

impl<B> Debug for SendQueue<B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue")
            .field("group", &self.ring.group())
            .field("queued", &self.queued.len())
            .field("sent", &self.sent.len())
            .finish_non_exhaustive()
    }
}
