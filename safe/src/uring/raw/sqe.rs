//! Submission queue entries: the 64-byte [`Entry`], the 128-byte [`Entry128`], and what both can
//! do.

use std::fmt::{self, Debug, Formatter};

use bitflags::bitflags;
use uring_sys::io_uring_sqe;

use super::opcode;

bitflags! {
    /// `IOSQE_*`: how the ring treats an entry, whatever its opcode. An unknown bit completes it
    /// with `-EINVAL`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Flags: u8 {
        /// The descriptor is an index into the registered files.
        /// [`types::Fixed`](super::types::Fixed) sets it. Since Linux 5.1.
        const FIXED_FILE = uring_sys::IOSQE_FIXED_FILE;
        /// Start when all earlier entries are done, and hold back all later ones. `-EOPNOTSUPP`
        /// once the ring has seen [`SKIP_SUCCESS`](Self::SKIP_SUCCESS). Since Linux 5.2.
        const IO_DRAIN = uring_sys::IOSQE_IO_DRAIN;
        /// Start the next entry only when this one has succeeded; a failure or a short transfer
        /// cancels the rest of the chain with `-ECANCELED`. Since Linux 5.3.
        const IO_LINK = uring_sys::IOSQE_IO_LINK;
        /// As [`IO_LINK`](Self::IO_LINK), but the chain goes on whatever the result. Since Linux
        /// 5.5.
        const IO_HARDLINK = uring_sys::IOSQE_IO_HARDLINK;
        /// Hand the operation to a worker thread at once, without first trying it. Since Linux 5.6.
        const ASYNC = uring_sys::IOSQE_ASYNC;
        /// Take the buffer from the group that the builder's `buf_group` names, once there is data;
        /// the completion tells which. `-ENOBUFS` when the group is empty. Since Linux 5.7.
        const BUFFER_SELECT = uring_sys::IOSQE_BUFFER_SELECT;
        /// Post no completion if the operation succeeds. The ring refuses
        /// [`IO_DRAIN`](Self::IO_DRAIN) from then on. Since Linux 5.17.
        const SKIP_SUCCESS = uring_sys::IOSQE_CQE_SKIP_SUCCESS;
    }
}

/// A submission queue entry of 64 bytes: one operation, ready to be pushed.
///
/// Builders in [`opcode`] make it. Making one is safe, whatever pointers went in: only pushing it
/// gives them to the kernel.
///
/// ```
/// use safe::uring::raw::{opcode, squeue::Flags, types};
///
/// let mut buf = [0u8; 64];
/// let entry = opcode::Read::new(types::Fd(0), buf.as_mut_ptr(), 64)
///     .build()
///     .flags(Flags::IO_LINK)
///     .user_data(7);
/// assert_eq!(entry.get_user_data(), 7);
/// ```
#[repr(transparent)]
#[derive(Clone)]
pub struct Entry(pub(crate) io_uring_sqe);

/// A submission queue entry of 128 bytes, for rings whose entries all have that size, and for the
/// 128-byte opcodes of a ring with mixed sizes.
///
/// Only [`UringCmd80`](opcode::UringCmd80), [`UringCmd128`](opcode::UringCmd128) and
/// [`Nop128`](opcode::Nop128) need the second half; any [`Entry`] becomes one by [`From`], with
/// zeros there.
///
/// ```
/// use safe::uring::raw::{opcode, squeue::Entry128};
///
/// let entry = Entry128::from(opcode::Nop::new().build().user_data(7));
/// assert_eq!(entry.get_user_data(), 7);
/// ```
#[repr(C)]
#[derive(Clone)]
pub struct Entry128(pub(crate) Entry, pub(crate) [u8; 64]);

// The kernel reads these sizes, and the queue is indexed by them. The alignment is that of the widest field, which is 4
// on i686.
const _: () = assert!(size_of::<Entry>() == 64 && align_of::<Entry>() == align_of::<u64>());
const _: () = assert!(size_of::<Entry128>() == 128 && align_of::<Entry128>() == align_of::<u64>());

pub(crate) mod private {
    /// Keeps the set of entry types closed.
    pub trait Sealed {
        /// The first 64 bytes.
        fn head_mut(&mut self) -> &mut super::Entry;
    }
}

/// An entry type that a submission queue can consist of: [`Entry`] or [`Entry128`].
pub trait EntryMarker: Clone + Debug + From<Entry> + private::Sealed {
    /// The `IORING_SETUP_*` bits that a ring of such entries is made with.
    const BUILD_FLAGS: u32;

    /// Sets the value that each completion of this entry carries back.
    fn set_user_data(&mut self, user_data: u64);

    /// The value that each completion of this entry carries back.
    fn get_user_data(&self) -> u64;
}

impl private::Sealed for Entry {
    #[inline]
    fn head_mut(&mut self) -> &mut Entry {
        self
    }
}

impl private::Sealed for Entry128 {
    #[inline]
    fn head_mut(&mut self) -> &mut Entry {
        &mut self.0
    }
}

impl EntryMarker for Entry {
    const BUILD_FLAGS: u32 = 0;

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.0.user_data = user_data;
    }

    #[inline]
    fn get_user_data(&self) -> u64 {
        self.0.user_data
    }
}

impl EntryMarker for Entry128 {
    const BUILD_FLAGS: u32 = uring_sys::IORING_SETUP_SQE128;

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.0.0.user_data = user_data;
    }

    #[inline]
    fn get_user_data(&self) -> u64 {
        self.0.0.user_data
    }
}

impl From<Entry> for Entry128 {
    #[inline]
    fn from(entry: Entry) -> Self {
        Entry128(entry, [0; 64])
    }
}

impl Entry {
    /// Wraps an entry that was filled by hand, for what no builder can say.
    #[inline]
    pub const fn from_raw(sqe: io_uring_sqe) -> Self {
        Entry(sqe)
    }

    /// The kernel's struct.
    #[inline]
    pub const fn as_raw(&self) -> &io_uring_sqe {
        &self.0
    }

    /// The kernel's struct, to change a field that no builder sets.
    #[inline]
    pub const fn as_raw_mut(&mut self) -> &mut io_uring_sqe {
        &mut self.0
    }
}

impl Entry128 {
    /// The kernel's struct: the first 64 bytes.
    #[inline]
    pub const fn as_raw(&self) -> &io_uring_sqe {
        &self.0.0
    }

    /// The kernel's struct, to change a field that no builder sets.
    #[inline]
    pub const fn as_raw_mut(&mut self) -> &mut io_uring_sqe {
        &mut self.0.0
    }
}

// The two types share their methods, but not by way of `EntryMarker`: callers of `io-uring` have no
// trait in scope.
macro_rules! entry_methods {
    ($($entry:ident),+) => {$(
        impl $entry {
            /// Adds flags.
            #[inline]
            #[must_use = "it returns the changed entry"]
            pub const fn flags(mut self, flags: Flags) -> Self {
                self.as_raw_mut().flags |= flags.bits();
                self
            }

            /// Removes all flags but [`Flags::FIXED_FILE`], without which the entry would act on
            /// another file.
            #[inline]
            #[must_use = "it returns the changed entry"]
            pub const fn clear_flags(mut self) -> Self {
                self.as_raw_mut().flags &= Flags::FIXED_FILE.bits();
                self
            }

            /// The flags, those that the builder set among them.
            #[inline]
            pub const fn get_flags(&self) -> Flags {
                Flags::from_bits_retain(self.as_raw().flags)
            }

            /// Sets the value that each completion of this entry carries back. The kernel does not
            /// look into it, but operations that cancel, remove or update find their target by it.
            #[inline]
            #[must_use = "it returns the changed entry"]
            pub const fn user_data(mut self, user_data: u64) -> Self {
                self.as_raw_mut().user_data = user_data;
                self
            }

            /// As [`user_data`](Self::user_data), in place.
            #[inline]
            pub const fn set_user_data(&mut self, user_data: u64) {
                self.as_raw_mut().user_data = user_data;
            }

            /// The value that each completion of this entry carries back.
            #[inline]
            pub const fn get_user_data(&self) -> u64 {
                self.as_raw().user_data
            }

            /// The opcode; [`opcode::name`] has its name.
            #[inline]
            pub const fn get_opcode(&self) -> u32 {
                self.as_raw().opcode as u32
            }

            /// Runs the operation with the credentials registered under this id; 0 for the caller's
            /// own, `-EINVAL` for an unknown id. Since Linux 5.6.
            #[inline]
            #[must_use = "it returns the changed entry"]
            pub const fn personality(mut self, personality: u16) -> Self {
                self.as_raw_mut().personality = personality;
                self
            }
        }

        impl Debug for $entry {
            /// Shows what one looks for in a log: operation, descriptor, user data, flags.
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                let sqe = self.as_raw();
                let mut shown = f.debug_struct(stringify!($entry));
                match opcode::name(sqe.opcode) {
                    Some(name) => shown.field("opcode", &format_args!("{name}")),
                    None => shown.field("opcode", &sqe.opcode),
                };
                shown
                    .field("fd", &sqe.fd)
                    .field("user_data", &sqe.user_data)
                    .field("flags", &self.get_flags())
                    .finish_non_exhaustive()
            }
        }
    )+};
}

entry_methods!(Entry, Entry128);
