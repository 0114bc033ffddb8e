//! Structs of other system calls that entries lead to.

/// How [`OpenAt2`](crate::uring::raw::opcode::OpenAt2) opens: the `struct open_how` of openat2(2),
/// 24 bytes.
///
/// ```
/// use safe::uring::raw::types::OpenHow;
///
/// let how = OpenHow::new().flags(libc::O_RDONLY as u64).resolve(libc::RESOLVE_BENEATH);
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

const _: () = assert!(size_of::<OpenHow>() == 24);

impl OpenHow {
    /// All zeros: for reading, with no bounds to what the path may lead through.
    pub const fn new() -> Self {
        Self {
            flags: 0,
            mode: 0,
            resolve: 0,
        }
    }

    /// `O_*`. Unlike openat(2), openat2(2) refuses bits that it does not know.
    #[must_use = "it returns the changed value"]
    pub const fn flags(mut self, flags: u64) -> Self {
        self.flags = flags;
        self
    }

    /// The permission bits of a file that is created; 0 if none is.
    #[must_use = "it returns the changed value"]
    pub const fn mode(mut self, mode: u64) -> Self {
        self.mode = mode;
        self
    }

    /// `RESOLVE_*`: what the path may not lead through.
    #[must_use = "it returns the changed value"]
    pub const fn resolve(mut self, resolve: u64) -> Self {
        self.resolve = resolve;
        self
    }
}

/// One of the futexes that [`opcode::FutexWaitV`](crate::uring::raw::opcode::FutexWaitV) waits on:
/// the `struct futex_waitv` of futex_waitv(2), 24 bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct FutexWaitV {
    val: u64,
    uaddr: u64,
    flags: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<FutexWaitV>() == 24);

impl FutexWaitV {
    /// All zeros: address and flags must be set.
    pub const fn new() -> Self {
        Self {
            val: 0,
            uaddr: 0,
            flags: 0,
            reserved: 0,
        }
    }

    /// The value that the futex is expected to have.
    #[must_use = "it returns the changed value"]
    pub const fn val(mut self, val: u64) -> Self {
        self.val = val;
        self
    }

    /// The address of the futex.
    #[must_use = "it returns the changed value"]
    pub const fn uaddr(mut self, uaddr: u64) -> Self {
        self.uaddr = uaddr;
        self
    }

    /// Its size and whether it is private: the bits of [`FutexFlags`](super::FutexFlags).
    #[must_use = "it returns the changed value"]
    pub const fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }
}
