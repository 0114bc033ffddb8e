//! Which operations to cancel.

use super::CancelFlags;
use super::sealed::{Target, UseFixed};

/// Says which operations a cancel is for.
///
/// ```
/// use safe::uring::raw::opcode::{AsyncCancel2, Recv};
/// use safe::uring::raw::types::{CancelBuilder, Fd, Fixed};
///
/// // Every operation of the ring.
/// AsyncCancel2::new(CancelBuilder::any());
/// // The first with this user data; all with it.
/// AsyncCancel2::new(CancelBuilder::user_data(42));
/// AsyncCancel2::new(CancelBuilder::user_data(42).all());
/// // The first on this descriptor; all receives on this registered file.
/// AsyncCancel2::new(CancelBuilder::fd(Fd(1)));
/// AsyncCancel2::new(CancelBuilder::fd(Fixed(1)).and_opcode(Recv::CODE).all());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelBuilder {
    flags: CancelFlags,
    user_data: Option<u64>,
    fd: i32,
    opcode: u8,
}

impl CancelBuilder {
    const fn with(flags: CancelFlags) -> Self {
        Self {
            flags,
            user_data: None,
            fd: -1,
            opcode: 0,
        }
    }

    /// Every operation of the ring. Since Linux 5.19.
    pub const fn any() -> Self {
        Self::with(CancelFlags::ANY)
    }

    /// The first operation with this user data. Since Linux 5.5.
    pub const fn user_data(user_data: u64) -> Self {
        Self {
            user_data: Some(user_data),
            ..Self::with(CancelFlags::empty())
        }
    }

    /// The first operation on this file. Since Linux 5.19, on a registered file since 6.0.
    pub fn fd(fd: impl UseFixed) -> Self {
        Self::with(CancelFlags::empty()).and_fd(fd)
    }

    /// The first operation with this opcode. Since Linux 6.6, and in some stable kernels from 6.1
    /// on.
    pub const fn opcode(opcode: u8) -> Self {
        Self {
            opcode,
            ..Self::with(CancelFlags::OP)
        }
    }

    /// Those of them that have this user data. Since Linux 6.6 if it is not the only condition, and
    /// in some stable kernels from 6.1 on.
    #[must_use = "it returns the changed conditions"]
    pub fn and_user_data(mut self, user_data: u64) -> Self {
        self.narrow();
        self.user_data = Some(user_data);
        self
    }

    /// Those of them that are on this file.
    #[must_use = "it returns the changed conditions"]
    pub fn and_fd(mut self, fd: impl UseFixed) -> Self {
        self.narrow();
        self.flags.insert(CancelFlags::FD);
        self.fd = match fd.into() {
            Target::Fd(fd) => {
                self.flags.remove(CancelFlags::FD_FIXED);
                fd
            }
            Target::Fixed(slot) => {
                self.flags.insert(CancelFlags::FD_FIXED);
                slot as i32
            }
        };
        self
    }

    /// Those of them that have this opcode. Since Linux 6.6, and in some stable kernels from 6.1
    /// on.
    #[must_use = "it returns the changed conditions"]
    pub fn and_opcode(mut self, opcode: u8) -> Self {
        self.narrow();
        self.flags.insert(CancelFlags::OP);
        self.opcode = opcode;
        self
    }

    /// All that match, not only the first. Since Linux 5.19.
    #[must_use = "it returns the changed conditions"]
    pub fn all(mut self) -> Self {
        self.flags.insert(CancelFlags::ALL);
        self
    }

    /// `ANY` goes with no condition; what is meant then is all that meet it.
    fn narrow(&mut self) {
        if self.flags.contains(CancelFlags::ANY) {
            self.flags.remove(CancelFlags::ANY);
            self.flags.insert(CancelFlags::ALL);
        }
    }

    /// The flags that say so to the kernel.
    pub const fn flags(&self) -> CancelFlags {
        // User data counts by itself when there is no other condition, also to kernels that lack
        // the flag.
        if self.user_data.is_some()
            && self
                .flags
                .intersects(CancelFlags::FD.union(CancelFlags::OP))
        {
            self.flags.union(CancelFlags::USERDATA)
        } else {
            self.flags
        }
    }

    /// The user data, 0 if it does not matter.
    pub const fn to_user_data(&self) -> u64 {
        match self.user_data {
            Some(user_data) => user_data,
            None => 0,
        }
    }

    /// The descriptor or slot, -1 if it does not matter.
    pub const fn to_fd(&self) -> i32 {
        self.fd
    }

    /// The opcode, 0 if it does not matter.
    pub const fn to_opcode(&self) -> u8 {
        self.opcode
    }
}
