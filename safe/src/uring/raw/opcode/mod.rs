//! One builder for each thing that a submission queue entry can ask for.
//!
//! A builder holds the finished entry from the start: `new` takes what the operation cannot do
//! without, each setter writes one field, [`build`](Read::build) hands the entry out and costs
//! nothing. All of it is safe, since nothing happens until the entry is pushed.
//!
//! ```
//! use safe::uring::raw::{opcode, types};
//!
//! let mut buf = vec![0u8; 4096];
//! let entry = opcode::Read::new(types::Fd(0), buf.as_mut_ptr(), buf.len() as u32)
//!     .offset(8192)
//!     .with_rw_flags(types::RwFlags::NOWAIT)
//!     .build()
//!     .user_data(7);
//! assert_eq!(entry.get_opcode(), opcode::Read::CODE.into());
//! ```
//!
//! # What must stay valid, and until when
//!
//! Each builder says what its pointers lead to and how long the kernel uses it. There are two
//! spans:
//!
//! * **Until the final completion**: the one without `F_MORE`, and for zero-copy sends the
//!   notification (`F_NOTIF`). A completed cancel does not end it, nor does closing the ring.
//! * **Until submitted**: the kernel copies it when it takes the entry. Only with
//!   `IORING_FEAT_SUBMIT_STABLE` (Linux 5.5); on a ring with a polling thread the entry is taken
//!   only when the queue's head has passed it.
//!
//! # Results
//!
//! A completion carries what the like-named system call returns, or a negative errno. The texts
//! here name only what is particular to io_uring. Common to all: `-EINVAL` for an opcode, flag or
//! field that the kernel does not know, `-EOPNOTSUPP` for an opcode that it was built without,
//! `-EBADF` for a bad descriptor or slot, `-ECANCELED` after a cancel or a broken link, `-EFAULT`
//! for a bad pointer.
//!
//! # Programs written for the crate `io-uring`
//!
//! Names, order and types of the arguments are those of `io-uring` 0.7, and the bytes of the entries are the
//! same, but for what is [listed](super#where-this-differs-from-the-crate-io-uring).
//!
//! A setter of flags takes the integer that it takes there, for which `libc` has the constants; the one
//! that is named `with_...` in addition takes the type of the flags.

use uring_sys::io_uring_sqe;

use super::sqe::Entry;
use super::types::sealed::{Target, UseFixed};

/// Declares a builder: the type, its opcode, `build`, and those of its setters that other builders
/// have too. What only one builder has stands in its own `impl`.
///
/// A trait would not do: programs written for `io-uring` bring none into scope. Nor would one
/// generic type with an alias for each opcode: the documentation of each alias would list the
/// setters of all.
///
/// A setter of flags is given with its type, and after `|` the bits that it must leave alone since
/// others own them. `as` says that `io-uring` has it, with this integer: then the setter takes that,
/// and one named `with_...` takes the type. One generic setter for both would not do: the compiler
/// infers no type for `.flags(libc::MSG_PEEK as _)` then, which programs are full of.
macro_rules! builder {
    (
        $(#[$doc:meta])*
        $name:ident -> $entry:ident = $code:ident
        { $($setter:ident $(: $ty:ident $(as $int:ident)? $(| $keep:expr)?)?),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use = "a builder does nothing until its entry is built and pushed"]
        pub struct $name($entry);

        impl $name {
            /// The opcode, for
            /// [`Probe`](https://man7.org/linux/man-pages/man2/io_uring_register.2.html) and
            /// restrictions.
            pub const CODE: u8 = uring_sys::$code;

            /// The entry, ready to be pushed.
            #[inline]
            #[must_use = "an entry does nothing until it is pushed"]
            pub fn build(self) -> $entry {
                self.0
            }

            $(builder!(@ $setter $(: $ty $(as $int)? $(| $keep)?)?);)*
        }
    };

    (@ offset) => {
        /// Where in the file, in bytes. -1 (`u64::MAX`) uses and moves the file position, for files
        /// that have one; 0 for those that have none.
        #[inline]
        pub fn offset(mut self, offset: u64) -> Self {
            self.0.as_raw_mut().set_off(offset);
            self
        }
    };
    (@ len) => {
        /// How many bytes at most; 0 for as many as the buffers hold.
        #[inline]
        pub fn len(mut self, len: u32) -> Self {
            self.0.as_raw_mut().len = len;
            self
        }
    };
    (@ rw_flags) => {
        /// As [`with_rw_flags`](Self::with_rw_flags), by the integers of `libc`.
        #[inline]
        pub fn rw_flags(self, rw_flags: i32) -> Self {
            self.with_rw_flags(rw_flags.into())
        }

        /// `RWF_*`, see preadv2(2). Those which the file cannot honour give `-EOPNOTSUPP`.
        #[inline]
        pub fn with_rw_flags(mut self, rw_flags: crate::uring::raw::types::RwFlags) -> Self {
            self.0.as_raw_mut().set_rw_flags(rw_flags.bits());
            self
        }
    };
    (@ flags: $ty:ident as $int:ident $(| $keep:expr)?) => {
        /// As [`with_flags`](Self::with_flags), by the integers of `libc`.
        #[inline]
        pub fn flags(self, flags: $int) -> Self {
            self.with_flags(flags.into())
        }

        #[doc = concat!("Sets the flags, see [`", stringify!($ty), "`].")]
        #[inline]
        pub fn with_flags(mut self, flags: $ty) -> Self {
            let kept = 0 $(| $keep.bits())?;
            super::replace_flags(self.0.as_raw_mut(), flags.bits(), kept);
            self
        }
    };
    (@ flags: $ty:ident $(| $keep:expr)?) => {
        #[doc = concat!("Sets the flags, see [`", stringify!($ty), "`].")]
        #[inline]
        pub fn flags(mut self, flags: $ty) -> Self {
            let kept = 0 $(| $keep.bits())?;
            super::replace_flags(self.0.as_raw_mut(), flags.bits(), kept);
            self
        }
    };
    (@ ioprio: $ty:ident $(| $keep:expr)?) => {
        /// As [`with_ioprio`](Self::with_ioprio), by the kernel's number.
        #[inline]
        pub fn ioprio(self, ioprio: u16) -> Self {
            self.with_ioprio(ioprio.into())
        }

        #[doc = concat!("Sets what the entry's `ioprio` holds, see [`", stringify!($ty), "`].")]
        #[inline]
        pub fn with_ioprio(mut self, ioprio: $ty) -> Self {
            let kept = 0 $(| $keep.bits())?;
            super::replace_ioprio(self.0.as_raw_mut(), ioprio.bits(), kept);
            self
        }
    };
    (@ buf_group) => {
        /// The group of provided buffers to take from, with
        /// [`Flags::BUFFER_SELECT`](crate::uring::raw::squeue::Flags::BUFFER_SELECT) set on the
        /// built entry. `-ENOBUFS` when it is empty. Since Linux 5.7.
        #[inline]
        pub fn buf_group(mut self, buf_group: u16) -> Self {
            self.0.as_raw_mut().set_buf_group(buf_group);
            self
        }
    };
    (@ buf_index) => {
        /// The registered buffer that the data lies in; `-EFAULT` if it does not lie in it wholly.
        /// `None` for memory that is not registered.
        #[inline]
        pub fn buf_index(mut self, buf_index: Option<u16>) -> Self {
            super::use_registered_buffer(self.0.as_raw_mut(), buf_index);
            self
        }
    };
    (@ file_index) => {
        /// Puts the new file into a slot of the registered files, and not among the process's
        /// descriptors. `-ENFILE` if there is no free slot, `-ENXIO` if there is no table. Since
        /// Linux 5.15 (5.19 for automatic slots).
        #[inline]
        pub fn file_index(
            mut self,
            file_index: Option<crate::uring::raw::types::DestinationSlot>,
        ) -> Self {
            let slot = file_index.map_or(0, |slot| slot.kernel_index_arg());
            self.0.as_raw_mut().set_file_index(slot);
            self
        }
    };
    (@ write_stream) => {
        /// The write stream of a block device that has some (NVMe placement, for example), 0 for
        /// none. `-EINVAL` above what the device has. Since Linux 6.16, ignored before.
        #[inline]
        pub fn write_stream(mut self, write_stream: u8) -> Self {
            self.0.as_raw_mut().set_write_stream(write_stream);
            self
        }
    };
    (@ attr) => {
        /// Transfers protection information (integrity metadata) along with the data, with
        /// `O_DIRECT` on a device that has it. The struct must stay valid until submitted, the
        /// metadata that it leads to until the final completion. Since Linux 6.14
        /// (`IORING_FEAT_RW_ATTR`).
        #[inline]
        pub fn attr(mut self, pi: *const uring_sys::io_uring_attr_pi) -> Self {
            let sqe = self.0.as_raw_mut();
            sqe.set_attr_ptr(super::address(pi));
            sqe.set_attr_type_mask(uring_sys::IORING_RW_ATTR_FLAG_PI);
            self
        }
    };
}

mod buffers;
mod cancel;
mod cmd;
mod file;
mod fs;
mod futex;
mod msg;
mod name;
mod net;
mod nop;
mod pipe;
mod poll;
mod process;
mod recv;
mod registered;
mod rw;
mod send;
mod sockcmd;
mod timeout;
mod xattr;

pub use buffers::*;
pub use cancel::*;
pub(crate) use cmd::nvme_bytes;
pub use cmd::*;
pub use file::*;
pub use fs::*;
pub use futex::*;
pub use msg::*;
pub use name::name;
pub use net::*;
pub use nop::*;
pub use pipe::*;
pub use poll::*;
pub use process::*;
pub use recv::*;
pub use registered::*;
pub use rw::*;
pub use send::*;
pub use sockcmd::*;
pub use timeout::*;
pub use xattr::*;

/// An entry whose `fd` field is this number, filled further by `fill`.
#[inline]
fn entry(code: u8, fd: i32, fill: impl FnOnce(&mut io_uring_sqe)) -> Entry {
    let mut sqe = io_uring_sqe {
        opcode: code,
        fd,
        ..io_uring_sqe::default()
    };
    fill(&mut sqe);
    Entry(sqe)
}

/// An entry that works on this file.
#[inline]
fn entry_on(code: u8, fd: impl UseFixed, fill: impl FnOnce(&mut io_uring_sqe)) -> Entry {
    let (fd, flags) = match fd.into() {
        Target::Fd(fd) => (fd, 0),
        Target::Fixed(slot) => (slot as i32, uring_sys::IOSQE_FIXED_FILE),
    };
    entry(code, fd, |sqe| {
        sqe.flags = flags;
        fill(sqe);
    })
}

/// What the kernel gets for a pointer: its address, through which it will reach the memory.
#[inline]
fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// Sets the field that is named after the opcode's flags, leaving alone the bits in `kept`.
#[inline]
fn replace_flags(sqe: &mut io_uring_sqe, flags: u32, kept: u32) {
    sqe.set_rw_flags(flags | sqe.rw_flags() & kept);
}

/// Sets `ioprio`, leaving alone the bits in `kept`.
#[inline]
fn replace_ioprio(sqe: &mut io_uring_sqe, ioprio: u16, kept: u16) {
    sqe.ioprio = ioprio | sqe.ioprio & kept;
}

/// For the socket opcodes, which say in `ioprio` that a registered buffer is meant.
#[inline]
fn use_registered_buffer(sqe: &mut io_uring_sqe, buf_index: Option<u16>) {
    sqe.set_buf_index(buf_index.unwrap_or(0));
    sqe.ioprio &= !uring_sys::IORING_RECVSEND_FIXED_BUF;
    if buf_index.is_some() {
        sqe.ioprio |= uring_sys::IORING_RECVSEND_FIXED_BUF;
    }
}
