//! I/O priorities, which io_uring and native AIO take alike.

/// An I/O priority: a class and, in all but the idle class, a level; see ioprio_set(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct IoPrio(u16);

impl IoPrio {
    const CLASS_SHIFT: u32 = 13;

    /// Before all others; needs `CAP_SYS_ADMIN` or `CAP_SYS_NICE` (else `-EPERM`). Levels are 0,
    /// the highest, to 7.
    pub const fn realtime(level: u8) -> Self {
        Self(1 << Self::CLASS_SHIFT | level as u16)
    }

    /// The usual class. Levels are 0, the highest, to 7.
    pub const fn best_effort(level: u8) -> Self {
        Self(2 << Self::CLASS_SHIFT | level as u16)
    }

    /// When nobody else needs the device.
    pub const fn idle() -> Self {
        Self(3 << Self::CLASS_SHIFT)
    }

    /// The number as the kernel takes it.
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl From<u16> for IoPrio {
    #[inline]
    fn from(ioprio: u16) -> Self {
        Self(ioprio)
    }
}

#[cfg(test)]
mod tests {
    use super::IoPrio;

    #[test]
    fn a_priority_is_a_class_and_a_level() {
        assert_eq!(IoPrio::realtime(7).bits(), 1 << 13 | 7);
        assert_eq!(IoPrio::best_effort(4), IoPrio::from(2 << 13 | 4));
        assert_eq!(IoPrio::idle().bits(), 3 << 13);
    }
}
