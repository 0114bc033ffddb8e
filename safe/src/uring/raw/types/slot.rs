//! Slots for new registered files.

use std::num::NonZeroU32;

/// Where among the registered files a new one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DestinationSlot {
    /// As the kernel counts: the slot plus one, since 0 means none, or `IORING_FILE_INDEX_ALLOC`.
    dest: NonZeroU32,
}

impl DestinationSlot {
    const AUTO: NonZeroU32 = NonZeroU32::new(uring_sys::IORING_FILE_INDEX_ALLOC).unwrap();

    /// Whichever is free; the completion tells. Since Linux 5.19.
    pub const fn auto_target() -> Self {
        Self { dest: Self::AUTO }
    }

    /// This slot, whose file is replaced if it has one.
    ///
    /// # Errors
    ///
    /// Gives the number back if it is above `u32::MAX - 2`, for which the kernel has no way to be
    /// told.
    ///
    /// ```
    /// use safe::uring::raw::types::DestinationSlot;
    ///
    /// assert!(DestinationSlot::try_from_slot_target(0).is_ok());
    /// assert_eq!(DestinationSlot::try_from_slot_target(u32::MAX - 1), Err(u32::MAX - 1));
    /// ```
    pub const fn try_from_slot_target(target: u32) -> Result<Self, u32> {
        if target >= Self::AUTO.get() - 1 {
            return Err(target);
        }
        match NonZeroU32::new(target + 1) {
            Some(dest) => Ok(Self { dest }),
            None => Err(target),
        }
    }

    pub(crate) const fn kernel_index_arg(self) -> u32 {
        self.dest.get()
    }
}
