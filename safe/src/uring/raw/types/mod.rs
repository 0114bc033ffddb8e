//! The arguments of operations: descriptors, flags, times, and the structs that an entry leads to.

mod buf_ring;
mod cancel;
mod flags;
mod libc_flags;
mod napi;
mod recvmsg;
mod slot;
mod structs;
mod time;

use std::os::fd::RawFd;

pub use crate::ioprio::IoPrio;
pub use buf_ring::BufRingEntry;
pub use cancel::CancelBuilder;
pub use flags::*;
pub use libc_flags::*;
pub use napi::{Napi, NapiTracking};
pub use recvmsg::RecvMsgOut;
pub use slot::DestinationSlot;
pub use structs::{FutexWaitV, OpenHow};
pub use time::{SubmitArgs, Timespec};

pub use uring_sys::{
    IORING_MEM_REGION_TYPE_USER, IORING_ZCRX_AREA_MASK, IORING_ZCRX_AREA_SHIFT, io_uring_attr_pi,
    io_uring_region_desc, io_uring_zcrx_area_reg, io_uring_zcrx_cqe, io_uring_zcrx_ifq_reg,
    io_uring_zcrx_rqe, nvme_uring_cmd,
};

/// The kernel allocates the memory of a buffer ring. For
/// [`register_buf_ring_with_flags`](super::Submitter::register_buf_ring_with_flags), with a cast to 16 bits.
/// Since Linux 6.4.
pub const IOU_PBUF_RING_MMAP: u32 = uring_sys::IOU_PBUF_RING_MMAP as u32;

/// The buffers of a buffer ring are used up piece by piece. As above. Since Linux 6.12.
pub const IOU_PBUF_RING_INC: u32 = uring_sys::IOU_PBUF_RING_INC as u32;

/// Where [`opcode::Statx`](super::opcode::Statx) puts its answer.
// No re-export: `libc::statx` is a function as well, which a glob import would bring along.
#[expect(non_camel_case_types, reason = "the name that programs know")]
pub type statx = libc::statx;

/// What [`opcode::EpollCtl`](super::opcode::EpollCtl) asks for and
/// [`opcode::EpollWait`](super::opcode::EpollWait) answers.
#[expect(non_camel_case_types, reason = "the name that programs know")]
pub type epoll_event = libc::epoll_event;

/// A descriptor of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Fd(pub RawFd);

/// A slot of the files that are registered with the ring, which spares the kernel looking them up
/// and counting references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Fixed(pub u32);

pub(crate) mod sealed {
    use super::{Fd, Fixed, RawFd};

    /// What an operation works on.
    #[derive(Debug, Clone, Copy)]
    pub enum Target {
        Fd(RawFd),
        Fixed(u32),
    }

    /// [`Fd`] alone: where the kernel takes no registered file.
    pub trait UseFd: Sized {
        fn into(self) -> RawFd;
    }

    /// [`Fd`] or [`Fixed`].
    pub trait UseFixed: Sized {
        fn into(self) -> Target;
    }

    impl UseFd for Fd {
        #[inline]
        fn into(self) -> RawFd {
            self.0
        }
    }

    impl UseFixed for Fd {
        #[inline]
        fn into(self) -> Target {
            Target::Fd(self.0)
        }
    }

    impl UseFixed for Target {
        #[inline]
        fn into(self) -> Target {
            self
        }
    }

    impl UseFixed for Fixed {
        #[inline]
        fn into(self) -> Target {
            Target::Fixed(self.0)
        }
    }
}
