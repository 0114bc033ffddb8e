//! Zero-copy receive: registering a hardware queue with its memory, and controlling it.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use uring_sys::{
    io_uring_zcrx_area_reg, io_uring_zcrx_ifq_reg, zcrx_ctrl, zcrx_ctrl_add_area,
    zcrx_ctrl_arm_event,
};

use super::with;
use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// Registers a receive queue of a network interface; the kernel fills in where the refill queue lies and
    /// the queue's id.
    ///
    /// `IORING_REGISTER_ZCRX_IFQ`, since Linux 6.15. The ring must have been made with
    /// `IORING_SETUP_DEFER_TASKRUN` and 32-byte completions.
    ///
    /// `io-uring` has this safe and with a shared reference; the kernel writes to it, and to the structs and the
    /// memory that it names.
    ///
    /// # Errors
    ///
    /// `EPERM`: no `CAP_NET_ADMIN`. `EINVAL`: not such a ring, a reserved field, or a number of entries that
    /// is 0 or above 32768. `ENODEV`: no such interface. `EOPNOTSUPP`: not built in, or not possible
    /// with this device. `EBUSY` or `EEXIST`: the queue is in use.
    ///
    /// # Safety
    ///
    /// `area_ptr`, `region_ptr` and `event_desc` are 0 or name live structs that no one else uses during the
    /// call. The memory that these name is given to the kernel, which writes to it until the ring is closed
    /// and the last packet in it has been given back.
    pub unsafe fn register_ifq(&self, reg: &mut io_uring_zcrx_ifq_reg) -> io::Result<()> {
        let opcode = uring_sys::IORING_REGISTER_ZCRX_IFQ;
        // SAFETY: the struct is what the operation takes; what it names is the caller's promise.
        unsafe { self.target().with(opcode, reg, 1) }.map(drop)
    }

    /// Controls a receive queue: any of `ZCRX_CTRL_*`.
    ///
    /// `IORING_REGISTER_ZCRX_CTRL`, since Linux 6.19.
    ///
    /// # Errors
    ///
    /// `ENXIO`: no such queue. `EOPNOTSUPP`: no such command. `EINVAL`: an older kernel. `EFAULT`: a reserved
    /// field is not 0.
    ///
    /// # Safety
    ///
    /// As for [`register_ifq`](Self::register_ifq), of what the command names.
    pub unsafe fn register_zcrx_ctrl(&self, ctrl: &mut zcrx_ctrl) -> io::Result<()> {
        let opcode = uring_sys::IORING_REGISTER_ZCRX_CTRL;
        // SAFETY: the struct is what the operation takes; `nr_args` must be 0. What it names is the caller's
        // promise.
        unsafe { self.target().with(opcode, ctrl, 0) }.map(drop)
    }

    /// Takes the buffers out of the refill queue now, so that it has room. `ZCRX_CTRL_FLUSH_RQ`, since Linux
    /// 6.19.
    ///
    /// # Errors
    ///
    /// As [`register_zcrx_ctrl`](Self::register_zcrx_ctrl).
    pub fn register_zcrx_flush(&self, zcrx_id: u32) -> io::Result<()> {
        let mut ctrl = command(zcrx_id, uring_sys::ZCRX_CTRL_FLUSH_RQ);
        // SAFETY: the command names no memory.
        unsafe { self.register_zcrx_ctrl(&mut ctrl) }
    }

    /// A descriptor of the queue, which another ring can import (`ZCRX_REG_IMPORT`). `ZCRX_CTRL_EXPORT`, since
    /// Linux 6.19.
    ///
    /// # Errors
    ///
    /// As [`register_zcrx_ctrl`](Self::register_zcrx_ctrl). `EMFILE`: too many open files.
    pub fn register_zcrx_export(&self, zcrx_id: u32) -> io::Result<OwnedFd> {
        let mut ctrl = command(zcrx_id, uring_sys::ZCRX_CTRL_EXPORT);
        // SAFETY: the command names no memory.
        unsafe { self.register_zcrx_ctrl(&mut ctrl) }?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(ctrl.zc_export().zcrx_fd as RawFd) })
    }

    /// Lets an event (`ZCRX_EVENT_*`) post a completion again. `ZCRX_CTRL_ARM_EVENT`, since Linux 7.2.
    ///
    /// # Errors
    ///
    /// As [`register_zcrx_ctrl`](Self::register_zcrx_ctrl).
    pub fn register_zcrx_arm_event(&self, zcrx_id: u32, event: u32) -> io::Result<()> {
        let mut ctrl = command(zcrx_id, uring_sys::ZCRX_CTRL_ARM_EVENT);
        ctrl.set_zc_arm_event(zcrx_ctrl_arm_event {
            event_type: event,
            ..Default::default()
        });
        // SAFETY: the command names no memory.
        unsafe { self.register_zcrx_ctrl(&mut ctrl) }
    }

    /// Gives the queue more memory to receive into. `ZCRX_CTRL_ADD_AREA`, since Linux 7.3.
    ///
    /// # Errors
    ///
    /// As [`register_zcrx_ctrl`](Self::register_zcrx_ctrl).
    ///
    /// # Safety
    ///
    /// As for [`register_ifq`](Self::register_ifq), of the memory that `area` names.
    pub unsafe fn register_zcrx_add_area(
        &self,
        zcrx_id: u32,
        area: &mut io_uring_zcrx_area_reg,
    ) -> io::Result<()> {
        let mut ctrl = command(zcrx_id, uring_sys::ZCRX_CTRL_ADD_AREA);
        ctrl.set_zc_area(zcrx_ctrl_add_area {
            area_ptr: ptr::from_mut(area).expose_provenance() as u64,
            ..Default::default()
        });
        // SAFETY: `area` is a live struct that is ours during the call; its memory is the caller's promise.
        unsafe { self.register_zcrx_ctrl(&mut ctrl) }
    }
}

/// As [`Submitter::register_zcrx_flush`], by a descriptor of the ring.
pub(in crate::uring) fn flush_zcrx(ring: BorrowedFd<'_>, zcrx_id: u32) -> io::Result<()> {
    let mut ctrl = command(zcrx_id, uring_sys::ZCRX_CTRL_FLUSH_RQ);
    // SAFETY: the struct is what the operation takes, and names no memory.
    unsafe { with(ring, uring_sys::IORING_REGISTER_ZCRX_CTRL, &mut ctrl, 0) }.map(drop)
}

fn command(zcrx_id: u32, op: u32) -> zcrx_ctrl {
    zcrx_ctrl {
        zcrx_id,
        op,
        ..Default::default()
    }
}
