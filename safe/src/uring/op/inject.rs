//! The operation that does nothing, with a result of one's choice.

use super::{Cqe, Entry, Error, Operation};
use crate::uring::raw::opcode;
use crate::uring::raw::types::NopFlags;

/// Does nothing, and completes with a given result: to see how a program takes it. Since Linux 6.10; `EINVAL` or 0
/// before.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Inject::errno(5))?;
/// assert_eq!(ring.wait(ticket)?.unwrap_err().raw_os_error(), 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inject {
    result: i32,
    late: bool,
}

impl Inject {
    /// Succeeds with this number.
    ///
    /// # Panics
    ///
    /// If it is more than 2³¹ − 1, which would be an error.
    pub fn number(number: u32) -> Self {
        let result = i32::try_from(number).expect("results have 31 bits");
        Self {
            result,
            late: false,
        }
    }

    /// Fails with this errno.
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 4095.
    pub fn errno(errno: i32) -> Self {
        assert!((1..4096).contains(&errno), "{errno} is no errno");
        Self {
            result: -errno,
            late: false,
        }
    }

    /// Completes as an operation that had to wait does, not within the submission. Since Linux 6.17.
    #[must_use]
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for Inject {
    const OPCODE: u8 = opcode::Nop::CODE;

    type Output = Result<u32, Error>;

    fn prepare(&mut self, entry: &mut Entry) {
        let nop = opcode::Nop::new();
        let nop = if self.late {
            nop.flags(NopFlags::TW)
        } else {
            nop
        };
        *entry = nop.result(self.result).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result)
    }
}
