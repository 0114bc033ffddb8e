//! Chains of operations, as values.

/// An operation behind a chain, which begins when that is over.
#[derive(Debug)]
pub struct Linked<H, O> {
    pub(crate) head: H,
    pub(crate) last: O,
    pub(crate) hard: bool,
}

/// A chain that begins when all that was queued before it is over; see [`drain`].
#[derive(Debug)]
pub struct Drain<H>(pub(crate) H);

/// Two operations, the second of which begins when the first has succeeded. Since Linux 5.3.
///
/// If the first fails, or transfers less than it was asked to, the second is cancelled: its error
/// [is one](super::Error::is_cancelled). What it does begin after the first, other entries may be carried out in
/// between. [`Ring::push_chain`](crate::uring::Ring::push_chain) takes it.
#[inline]
pub fn link<H, O>(first: H, second: O) -> Linked<H, O> {
    Linked {
        head: first,
        last: second,
        hard: false,
    }
}

/// As [`link`], but the second begins whatever the result of the first. Since Linux 5.5.
///
/// It is cancelled all the same if the kernel refuses the first for what its entry says.
#[inline]
pub fn hard_link<H, O>(first: H, second: O) -> Linked<H, O> {
    Linked {
        head: first,
        last: second,
        hard: true,
    }
}

impl<H, O> Linked<H, O> {
    /// Another operation behind these.
    #[inline]
    pub fn link<N>(self, next: N) -> Linked<Self, N> {
        link(self, next)
    }

    /// Another operation behind these, which begins whatever the result of the last one.
    #[inline]
    pub fn hard_link<N>(self, next: N) -> Linked<Self, N> {
        hard_link(self, next)
    }
}

/// The chain, or operation, which begins when all that was queued before it is over; what is queued after it begins
/// when it is over. Since Linux 5.2.
///
/// Operations that wait so cannot be cancelled, and neither can others by a [`Cancel`](super::Cancel) that is queued
/// behind: that waits as well. Dropping tickets, scopes and rings cancels what is in front of it all the same, since
/// Linux 6.0.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::{self, Write};
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let (reader, mut writer) = UnixStream::pair()?;
/// let read = ring.push(op::Read::new(reader, Vec::with_capacity(1)))?;
/// let last = ring.push_chain(op::drain(op::Nop::new()))?;
/// ring.submit()?;
/// writer.write_all(b"x")?;
/// ring.wait(last)??;
/// assert!(read.is_done());
/// assert_eq!(ring.wait(read)?.buf, b"x");
/// # Ok::<(), io::Error>(())
/// ```
#[inline]
pub fn drain<H>(chain: H) -> Drain<H> {
    Drain(chain)
}
