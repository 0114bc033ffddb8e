//! Control operations on a device queue that is registered: `IORING_REGISTER_ZCRX_CTRL`, since Linux 6.19.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use uring_sys::{
    ZCRX_CTRL_ADD_AREA, ZCRX_CTRL_ARM_EVENT, ZCRX_CTRL_EXPORT, ZCRX_CTRL_FLUSH_RQ,
    io_uring_zcrx_area_reg, zcrx_ctrl, zcrx_ctrl_add_area, zcrx_ctrl_arm_event,
};

use super::Event;
use crate::uring::raw::Submitter;

/// A control operation.
pub(super) trait Control {
    /// What it answers.
    type Answer;

    /// The argument, but for the queue.
    fn argument(&mut self) -> zcrx_ctrl;

    /// The answer, from the argument as the kernel has left it.
    fn answer(self, argument: &zcrx_ctrl) -> Self::Answer;
}

/// Takes what lies in the refill queue.
pub(super) struct Flush;

/// Makes a descriptor of the queue, for another ring.
pub(super) struct Export;

/// Lets an event post a completion again.
pub(super) struct Arm(pub(super) Event);

/// Adds memory. The kernel writes the token to it. Since Linux 7.3.
pub(super) struct AddArea(pub(super) Box<io_uring_zcrx_area_reg>);

fn argument(op: u32) -> zcrx_ctrl {
    zcrx_ctrl {
        op,
        ..Default::default()
    }
}

impl Control for Flush {
    type Answer = ();

    fn argument(&mut self) -> zcrx_ctrl {
        argument(ZCRX_CTRL_FLUSH_RQ)
    }

    fn answer(self, _: &zcrx_ctrl) {}
}

impl Control for Export {
    type Answer = OwnedFd;

    fn argument(&mut self) -> zcrx_ctrl {
        argument(ZCRX_CTRL_EXPORT)
    }

    fn answer(self, argument: &zcrx_ctrl) -> OwnedFd {
        // SAFETY: the kernel has made the descriptor for this call.
        unsafe { OwnedFd::from_raw_fd(argument.zc_export().zcrx_fd as i32) }
    }
}

impl Control for Arm {
    type Answer = ();

    fn argument(&mut self) -> zcrx_ctrl {
        let mut argument = argument(ZCRX_CTRL_ARM_EVENT);
        argument.set_zc_arm_event(zcrx_ctrl_arm_event {
            event_type: self.0.number(),
            ..Default::default()
        });
        argument
    }

    fn answer(self, _: &zcrx_ctrl) {}
}

impl Control for AddArea {
    type Answer = io_uring_zcrx_area_reg;

    fn argument(&mut self) -> zcrx_ctrl {
        let mut argument = argument(ZCRX_CTRL_ADD_AREA);
        argument.set_zc_area(zcrx_ctrl_add_area {
            area_ptr: (&raw mut *self.0).expose_provenance() as u64,
            ..Default::default()
        });
        argument
    }

    fn answer(self, _: &zcrx_ctrl) -> io_uring_zcrx_area_reg {
        *self.0
    }
}

/// Does `control` to the queue `id` of `ring`.
pub(super) fn control<C: Control>(
    ring: &Submitter<'_>,
    id: u32,
    mut control: C,
) -> io::Result<C::Answer> {
    let mut argument = control.argument();
    argument.zcrx_id = id;
    // SAFETY: the argument is what the operation takes, and may be written; what it names is owned by
    // `control`. The count is 0 by definition. An area's memory is the caller's to give, by what `Area` asks.
    unsafe {
        ring.register(
            uring_sys::IORING_REGISTER_ZCRX_CTRL,
            (&raw mut argument).cast(),
            0,
        )?;
    }
    Ok(control.answer(&argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_argument() {
        let flush = Flush.argument();
        assert_eq!(flush.op, ZCRX_CTRL_FLUSH_RQ);
        assert_eq!(flush.zc_flush().__resv, [0; 6]);

        assert_eq!(Export.argument().op, ZCRX_CTRL_EXPORT);

        let arm = Arm(Event::Copy).argument();
        assert_eq!(arm.op, ZCRX_CTRL_ARM_EVENT);
        assert_eq!(arm.zc_arm_event().event_type, uring_sys::ZCRX_EVENT_COPY);

        let area = io_uring_zcrx_area_reg {
            addr: 4096,
            ..Default::default()
        };
        let mut add = AddArea(Box::new(area));
        let argument = add.argument();
        assert_eq!(argument.op, ZCRX_CTRL_ADD_AREA);
        assert_eq!(
            argument.zc_area().area_ptr,
            std::ptr::from_ref(&*add.0).addr() as u64
        );
        // The kernel writes through the address.
        add.0.rq_area_token = 7;
        assert_eq!(add.answer(&argument).rq_area_token, 7);
    }

    /// Older kernels do not know the operation; others know no such queue.
    #[test]
    fn a_ring_without_queues_refuses() {
        let uring = crate::uring::raw::IoUring::new(8).expect("a ring");
        let ring = uring.submitter();
        let refused = [
            control(&ring, 0, Flush).err(),
            control(&ring, 0, Export).err(),
            control(&ring, 0, Arm(Event::AllocFail)).err(),
            control(&ring, 0, AddArea(Box::default())).err(),
        ];
        for error in refused {
            let errno = error.and_then(|error| error.raw_os_error());
            assert!(
                matches!(errno, Some(libc::EINVAL | libc::ENXIO)),
                "{errno:?}"
            );
        }
    }

    #[test]
    fn an_exported_descriptor_is_owned() {
        let file = std::fs::File::open("/dev/null").expect("a file");
        let fd = std::os::fd::IntoRawFd::into_raw_fd(file);
        let mut argument = Export.argument();
        argument.set_zc_export(uring_sys::zcrx_ctrl_export {
            zcrx_fd: fd as u32,
            ..Default::default()
        });
        let owned = Export.answer(&argument);
        assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&owned), fd);
    }
}
