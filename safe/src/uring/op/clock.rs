//! The clocks of timeouts.

use std::mem::MaybeUninit;
use std::time::Duration;

use crate::uring::raw::types::{TimeoutFlags, Timespec};

/// A clock that a timeout can go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// `CLOCK_MONOTONIC`: since some time before the boot, without the time in suspend.
    #[default]
    Monotonic,
    /// `CLOCK_BOOTTIME`: the same with the time in suspend. Since Linux 5.15.
    Boottime,
    /// `CLOCK_REALTIME`: the wall clock, since 1970; it may be set. Since Linux 5.15.
    Realtime,
}

impl Clock {
    /// What the clock shows now, for a timeout at a point in time.
    pub fn now(self) -> Duration {
        let id = match self {
            Self::Monotonic => libc::CLOCK_MONOTONIC,
            Self::Boottime => libc::CLOCK_BOOTTIME,
            Self::Realtime => libc::CLOCK_REALTIME,
        };
        let mut time = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: the pointer is to a timespec, for which zeros are a value should the call fail. It does not: all
        // kernels with io_uring have these clocks.
        let time = unsafe {
            libc::clock_gettime(id, time.as_mut_ptr());
            time.assume_init()
        };
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    pub(super) fn flags(self) -> TimeoutFlags {
        match self {
            Self::Monotonic => TimeoutFlags::empty(),
            Self::Boottime => TimeoutFlags::BOOTTIME,
            Self::Realtime => TimeoutFlags::REALTIME,
        }
    }
}

/// A time: how long, or until when on which clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    /// Never invalid: it was a [`Duration`].
    pub(super) timespec: Timespec,
    pub(super) flags: TimeoutFlags,
}

impl Time {
    #[inline]
    pub(super) fn after(time: Duration) -> Self {
        Self {
            timespec: time.into(),
            flags: TimeoutFlags::empty(),
        }
    }

    #[inline]
    pub(super) fn at(clock: Clock, time: Duration) -> Self {
        Self {
            timespec: time.into(),
            flags: TimeoutFlags::ABS | clock.flags(),
        }
    }

    /// The same span by another clock.
    #[inline]
    pub(super) fn by(self, clock: Clock) -> Self {
        let kept = self.flags & !(TimeoutFlags::BOOTTIME | TimeoutFlags::REALTIME);
        Self {
            flags: kept | clock.flags(),
            ..self
        }
    }
}
