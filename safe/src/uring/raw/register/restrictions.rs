//! Restrictions: a ring or a task that can do only what a list allows.

use std::io;

use uring_sys::{io_uring_restriction, io_uring_task_restriction};

use super::{Target, invalid};
use crate::uring::raw::Submitter;

/// One thing that is allowed. What no restriction allows is refused with `EACCES`.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Restriction(io_uring_restriction);

impl Restriction {
    /// Allows an `IORING_REGISTER_*` operation.
    pub fn register_op(op: u8) -> Self {
        Self::new(uring_sys::IORING_RESTRICTION_REGISTER_OP, op)
    }

    /// Allows an `IORING_OP_*` opcode.
    pub fn sqe_op(op: u8) -> Self {
        Self::new(uring_sys::IORING_RESTRICTION_SQE_OP, op)
    }

    /// Allows these [flags](crate::uring::raw::squeue::Flags) of entries.
    pub fn sqe_flags_allowed(flags: u8) -> Self {
        Self::new(uring_sys::IORING_RESTRICTION_SQE_FLAGS_ALLOWED, flags)
    }

    /// Demands these [flags](crate::uring::raw::squeue::Flags) of every entry.
    pub fn sqe_flags_required(flags: u8) -> Self {
        Self::new(uring_sys::IORING_RESTRICTION_SQE_FLAGS_REQUIRED, flags)
    }

    fn new(opcode: u16, value: u8) -> Self {
        let mut restriction = io_uring_restriction {
            opcode,
            ..Default::default()
        };
        // The three kinds of value lie at the same place: one byte.
        restriction.set_register_op(value);
        Self(restriction)
    }
}

impl Submitter<'_> {
    /// Allows the ring only what the list says, for ever. The ring must have been made disabled
    /// (`setup_r_disabled`); [`register_enable_rings`](Self::register_enable_rings) then enables it.
    ///
    /// `IORING_REGISTER_RESTRICTIONS`, since Linux 5.10.
    ///
    /// # Errors
    ///
    /// `EBADFD`: the ring is not disabled. `EBUSY`: there are restrictions. `EINVAL`: an opcode that the
    /// kernel does not know, or more rules than it has things to restrict.
    pub fn register_restrictions(&self, res: &[Restriction]) -> io::Result<()> {
        // SAFETY: the type is the kernel's struct; the array is read within the call.
        unsafe {
            self.target()
                .array(uring_sys::IORING_REGISTER_RESTRICTIONS, res)
        }
        .map(drop)
    }
}

/// The most rules that a task can be given here; the kernel stops before.
const MOST: usize = 512;

/// The argument for a task: the rules behind their count.
#[repr(C)]
struct TaskRules {
    head: io_uring_task_restriction,
    rules: [io_uring_restriction; MOST],
}

/// Restricts every ring that the calling thread and its children make from now on, for ever.
///
/// `IORING_REGISTER_RESTRICTIONS` without a ring, since Linux 7.0.
///
/// # Errors
///
/// `EACCES`: the thread has neither `no_new_privs` nor `CAP_SYS_ADMIN`, or (on newer kernels) a list that it has
/// already does not allow this. `EPERM`: it has restrictions, or filters of [`filter_task`](super::filter_task), already.
/// `EINVAL`: a kernel before 7.0, or as for a ring.
pub fn restrict_task(res: &[Restriction]) -> io::Result<()> {
    let mut block = TaskRules {
        head: io_uring_task_restriction {
            nr_res: res.len() as u16,
            ..Default::default()
        },
        rules: [io_uring_restriction::default(); MOST],
    };
    let rules = block.rules.get_mut(..res.len()).ok_or_else(invalid)?;
    for (to, from) in rules.iter_mut().zip(res) {
        *to = from.0;
    }
    // SAFETY: `nr_res` rules follow the head, and are read within the call. `nr_args` is 1: one struct, which
    // counts its rules itself.
    unsafe { Target::Task.with(uring_sys::IORING_REGISTER_RESTRICTIONS, &mut block, 1) }.map(drop)
}
