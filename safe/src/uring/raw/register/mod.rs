//! Registration: what `io_uring_register` does, one file for each subject.
//!
//! What concerns a ring is a method of [`Submitter`]. What concerns no ring, and what
//! may go without one, is a function here: [`query()`], [`send_msg_ring`], [`restrict_task`] and
//! [`filter_task`].
//!
//! # Errors
//!
//! Every operation answers with the kernel's errno, in [`io::Error::raw_os_error`]. Some mean the same
//! everywhere and are not repeated at each method:
//!
//! * `EINVAL`: this kernel does not know the operation or one of its flags. Ask
//!   [`Capabilities`](super::capabilities::Capabilities).
//! * `EOPNOTSUPP`: the kernel knows the operation but was built without it.
//! * [`RingError::WrongThread`] (`EEXIST`): the ring was made with `IORING_SETUP_SINGLE_ISSUER` and this is
//!   another thread than its own. Where a method lists `EEXIST` itself, it comes as the bare errno.
//! * [`RingError::Forked`]: the ring is the parent process's.
//! * `EACCES`: the ring's [restrictions](Restriction) do not allow the operation.
//! * `EFAULT`: an address that is not mapped.
//!
//! # Descriptors
//!
//! Where `io-uring` takes a `RawFd`, a [`Descriptor`] is taken: that, or a `BorrowedFd`. The number of a
//! descriptor that belongs to someone else makes the ring act on a file that is not yours, and no
//! memory is at stake; a borrowed one cannot go wrong.
//!
//! Source: io_uring_register(2).
//!
//! [`RingError::WrongThread`]: crate::error::RingError::WrongThread
//! [`RingError::Forked`]: crate::error::RingError::Forked

use std::ffi::c_void;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use super::Submitter;

mod bpf_filter;
mod buf_ring;
mod buffers;
mod clock;
mod eventfd;
mod files;
mod iowq;
mod mem_region;
mod msg_ring;
mod napi;
mod personality;
mod probe;
mod query;
mod restrictions;
mod ring_fds;
mod sync_cancel;
mod zcrx;

#[cfg(test)]
mod tests;

pub use bpf_filter::{BpfFilter, filter_task};
pub(in crate::uring) use buf_ring::pbuf_head;
pub use files::SKIP_FILE;
pub use mem_region::MemRegionFlags;
pub use msg_ring::send_msg_ring;
pub use probe::Probe;
pub use query::{Query, query};
pub use restrictions::{Restriction, restrict_task};
pub use ring_fds::RingSlot;
pub(in crate::uring) use zcrx::flush_zcrx;

/// A descriptor, by number or borrowed.
pub trait Descriptor: Copy + sealed::IsInt {
    /// Its number.
    fn number(self) -> RawFd;
}

mod sealed {
    /// # Safety
    ///
    /// The type lies in memory as a C `int` does.
    pub unsafe trait IsInt {}
}

// SAFETY: it is one.
unsafe impl sealed::IsInt for RawFd {}
// SAFETY: the standard library promises `repr(transparent)` over a descriptor, to be used in FFI.
unsafe impl sealed::IsInt for BorrowedFd<'_> {}

impl Descriptor for RawFd {
    #[inline]
    fn number(self) -> RawFd {
        self
    }
}

impl Descriptor for BorrowedFd<'_> {
    #[inline]
    fn number(self) -> RawFd {
        self.as_raw_fd()
    }
}

/// What a registration concerns.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A ring.
    Ring(Submitter<'a>),
    /// The task, or nothing: what the man page calls descriptor -1.
    Task,
}

impl Target<'_> {
    /// Calls io_uring_register(2).
    ///
    /// # Safety
    ///
    /// As for [`Submitter::register`].
    unsafe fn call(self, opcode: u32, arg: *const c_void, nr_args: u32) -> io::Result<u32> {
        match self {
            // SAFETY: by the caller's promise.
            Self::Ring(ring) => unsafe { ring.register(opcode, arg, nr_args) },
            Self::Task => {
                // SAFETY: by the caller's promise.
                let result = unsafe { uring_sys::io_uring_register(-1, opcode, arg, nr_args) };
                u32::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
            }
        }
    }

    /// An operation without an argument.
    ///
    /// # Safety
    ///
    /// `opcode` takes none.
    unsafe fn bare(self, opcode: u32) -> io::Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.call(opcode, ptr::null(), 0) }.map(drop)
    }

    /// An operation on a struct that the kernel reads, or reads and writes.
    ///
    /// # Safety
    ///
    /// `opcode` takes a `T` and `nr_args`, every address in it is what the operation wants, and the
    /// kernel keeps none of them, or the caller has promised that they stay valid.
    unsafe fn with<T>(self, opcode: u32, arg: &mut T, nr_args: u32) -> io::Result<u32> {
        // SAFETY: `arg` is valid for reads and writes; the rest by the caller's promise.
        unsafe { self.call(opcode, ptr::from_mut(arg).cast(), nr_args) }
    }

    /// An operation whose `nr_args` is the size of its struct.
    ///
    /// # Safety
    ///
    /// As for [`with`](Self::with).
    unsafe fn sized<T>(self, opcode: u32, arg: &mut T) -> io::Result<u32> {
        // SAFETY: by the caller's promise.
        unsafe { self.with(opcode, arg, size_of::<T>() as u32) }
    }

    /// An operation on an array that the kernel reads.
    ///
    /// # Safety
    ///
    /// As for [`with`](Self::with), with the number of elements as `nr_args`.
    unsafe fn array<T>(self, opcode: u32, args: &[T]) -> io::Result<u32> {
        let count = count(args.len())?;
        // SAFETY: `args` is valid for reads of `count` elements; the rest by the caller's promise.
        unsafe { self.call(opcode, args.as_ptr().cast(), count) }
    }
}

impl<'a> Submitter<'a> {
    fn target(&self) -> Target<'a> {
        Target::Ring(*self)
    }
}

/// As [`Target::with`], on a ring by its descriptor: of one of whose `IoUring` nothing is at hand.
///
/// # Safety
///
/// As there.
unsafe fn with<T>(ring: BorrowedFd<'_>, opcode: u32, arg: &mut T, nr_args: u32) -> io::Result<u32> {
    let arg = ptr::from_mut(arg).cast();
    // SAFETY: `arg` is valid for reads and writes; the rest by the caller's promise.
    let result = unsafe { uring_sys::io_uring_register(ring.as_raw_fd(), opcode, arg, nr_args) };
    u32::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

/// A length as the kernel counts: 32 bits, `EINVAL` beyond.
fn count(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| invalid())
}

/// What the kernel would say to arguments that do not fit each other.
fn invalid() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

/// The address of the first element, as the kernel's structs hold addresses.
fn address<T>(of: &[T]) -> u64 {
    of.as_ptr() as usize as u64
}
