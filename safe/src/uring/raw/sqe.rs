//! Submission queue entries.

use std::fmt::{self, Debug, Formatter};

use bitflags::bitflags;

pub(crate) mod private {
    /// Keeps the set of entry types closed.
    pub trait Sealed {}
}

/// An entry type that a submission queue can be made of.
pub trait EntryMarker: Clone + Debug + From<Entry> + private::Sealed {
    /// The set-up flags that make a ring of this type.
    const BUILD_FLAGS: u32;

    /// Sets the value that the completion will carry.
    fn set_user_data(&mut self, user_data: u64);

    /// The value that the completion will carry.
    fn get_user_data(&self) -> u64;
}

/// A submission queue entry of 64 bytes.
#[repr(transparent)]
#[derive(Clone)]
pub struct Entry(pub(crate) uring_sys::io_uring_sqe);

/// A submission queue entry of 128 bytes.
#[repr(C)]
#[derive(Clone)]
pub struct Entry128(pub(crate) Entry, pub(crate) [u8; 64]);

bitflags! {
    /// How an entry is carried out: `IOSQE_*`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Flags: u8 {
        /// Start after all earlier entries have completed, and hold later ones back.
        const IO_DRAIN = uring_sys::IOSQE_IO_DRAIN;
        /// Start the next entry when this one has succeeded.
        const IO_LINK = uring_sys::IOSQE_IO_LINK;
        /// Start the next entry when this one has ended.
        const IO_HARDLINK = uring_sys::IOSQE_IO_HARDLINK;
        /// Do not try without blocking first.
        const ASYNC = uring_sys::IOSQE_ASYNC;
        /// Take the buffer from a group.
        const BUFFER_SELECT = uring_sys::IOSQE_BUFFER_SELECT;
        /// Post no completion on success.
        const SKIP_SUCCESS = uring_sys::IOSQE_CQE_SKIP_SUCCESS;
    }
}

impl Entry {
    /// The kernel's struct: the first 64 bytes.
    #[inline]
    pub const fn as_raw(&self) -> &uring_sys::io_uring_sqe {
        &self.0
    }

    /// The kernel's struct, to change a field that nothing else sets.
    #[inline]
    pub const fn as_raw_mut(&mut self) -> &mut uring_sys::io_uring_sqe {
        &mut self.0
    }

    /// Adds flags.
    #[inline]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.0.flags |= flags.bits();
        self
    }

    /// Clears all flags.
    #[inline]
    pub fn clear_flags(mut self) -> Self {
        self.0.flags = 0;
        self
    }

    /// Sets the value that the completion will carry.
    #[inline]
    pub fn user_data(mut self, user_data: u64) -> Self {
        self.0.user_data = user_data;
        self
    }

    /// Sets the value that the completion will carry, in place.
    #[inline]
    pub fn set_user_data(&mut self, user_data: u64) {
        self.0.user_data = user_data;
    }

    /// The value that the completion will carry.
    #[inline]
    pub fn get_user_data(&self) -> u64 {
        self.0.user_data
    }

    /// The opcode.
    #[inline]
    pub fn get_opcode(&self) -> u32 {
        self.0.opcode.into()
    }

    /// Sets the registered personality to act as.
    #[inline]
    pub fn personality(mut self, personality: u16) -> Self {
        self.0.personality = personality;
        self
    }
}

impl Entry128 {
    /// The kernel's struct: the first 64 bytes.
    #[inline]
    pub const fn as_raw(&self) -> &uring_sys::io_uring_sqe {
        &self.0.0
    }

    /// The kernel's struct, to change a field that nothing else sets.
    #[inline]
    pub const fn as_raw_mut(&mut self) -> &mut uring_sys::io_uring_sqe {
        &mut self.0.0
    }

    /// Adds flags.
    #[inline]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.0.0.flags |= flags.bits();
        self
    }

    /// Clears all flags.
    #[inline]
    pub fn clear_flags(mut self) -> Self {
        self.0.0.flags = 0;
        self
    }

    /// Sets the value that the completion will carry.
    #[inline]
    pub fn user_data(mut self, user_data: u64) -> Self {
        self.0.0.user_data = user_data;
        self
    }

    /// Sets the value that the completion will carry, in place.
    #[inline]
    pub fn set_user_data(&mut self, user_data: u64) {
        self.0.0.user_data = user_data;
    }

    /// The value that the completion will carry.
    #[inline]
    pub fn get_user_data(&self) -> u64 {
        self.0.0.user_data
    }

    /// The opcode.
    #[inline]
    pub fn get_opcode(&self) -> u32 {
        self.0.0.opcode.into()
    }

    /// Sets the registered personality to act as.
    #[inline]
    pub fn personality(mut self, personality: u16) -> Self {
        self.0.0.personality = personality;
        self
    }
}

impl private::Sealed for Entry {}
impl private::Sealed for Entry128 {}

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
        Self(entry, [0; 64])
    }
}

impl Debug for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("opcode", &self.0.opcode)
            .field("flags", &self.0.flags)
            .field("user_data", &self.0.user_data)
            .finish_non_exhaustive()
    }
}

impl Debug for Entry128 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry128").field(&self.0).finish()
    }
}
