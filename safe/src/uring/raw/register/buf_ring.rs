//! Rings of provided buffers: registering the memory. What is in the memory is the business of whoever
//! allocates it.

use std::io;
use std::os::fd::BorrowedFd;

use uring_sys::{io_uring_buf_reg, io_uring_buf_status};

use super::with;
use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// As [`register_buf_ring_with_flags`](Self::register_buf_ring_with_flags) without flags.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there.
    #[deprecated(note = "use `register_buf_ring_with_flags`")]
    pub unsafe fn register_buf_ring(
        &self,
        ring_addr: u64,
        ring_entries: u16,
        bgid: u16,
    ) -> io::Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.register_buf_ring_with_flags(ring_addr, ring_entries, bgid, 0) }
    }

    /// Registers a ring of `ring_entries` provided buffers as the buffer group `bgid`.
    ///
    /// `ring_addr` is the page-aligned address of as many `io_uring_buf`, or 0 with `IOU_PBUF_RING_MMAP`: then
    /// the kernel allocates, and the memory is mapped from the ring at
    /// `IORING_OFF_PBUF_RING | bgid << IORING_OFF_PBUF_SHIFT`.
    ///
    /// `IORING_REGISTER_PBUF_RING`, since Linux 5.19; `IOU_PBUF_RING_MMAP` since 6.4, `IOU_PBUF_RING_INC` since
    /// 6.12.
    ///
    /// # Errors
    ///
    /// `EEXIST`: the group exists. `EINVAL`: the number is not a power of two or above 32768, the address is
    /// unaligned, or a flag is unknown. `ENOMEM`: the limit of locked memory, which some kernels count these
    /// rings against.
    ///
    /// # Safety
    ///
    /// The kernel reads the ring, and writes into the buffers that are put in it. The memory at `ring_addr`
    /// stays mapped and is nothing else until the group is unregistered, and each buffer is valid for
    /// writes from when the tail passes it until the kernel has given it back.
    pub unsafe fn register_buf_ring_with_flags(
        &self,
        ring_addr: u64,
        ring_entries: u16,
        bgid: u16,
        flags: u16,
    ) -> io::Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.register_buf_ring_min_left(ring_addr, ring_entries, bgid, flags, 0) }
    }

    /// As [`register_buf_ring_with_flags`](Self::register_buf_ring_with_flags), with `IOU_PBUF_RING_INC` giving
    /// up a buffer of which fewer than `min_left` bytes remain.
    ///
    /// `min_left` since Linux 7.1, and in some stable kernels before (6.12.107, 6.18.44, 7.0.13): ask
    /// [`Capabilities`](crate::uring::raw::capabilities::Capabilities).
    ///
    /// # Errors
    ///
    /// As there. `EINVAL`: `min_left` without `IOU_PBUF_RING_INC`, or not known.
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn register_buf_ring_min_left(
        &self,
        ring_addr: u64,
        ring_entries: u16,
        bgid: u16,
        flags: u16,
        min_left: u32,
    ) -> io::Result<()> {
        let mut register = io_uring_buf_reg {
            ring_addr,
            ring_entries: ring_entries.into(),
            bgid,
            flags,
            min_left,
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_PBUF_RING;
        // SAFETY: the struct is what the operation takes; the memory it names is the caller's promise.
        unsafe { self.target().with(opcode, &mut register, 1) }.map(drop)
    }

    /// Unregisters a buffer group. Operations in flight keep the buffers that they have taken.
    ///
    /// `IORING_UNREGISTER_PBUF_RING`, since Linux 5.19.
    ///
    /// # Errors
    ///
    /// `ENOENT`: no such group. `EINVAL`: a group of buffers that were provided one by one.
    pub fn unregister_buf_ring(&self, bgid: u16) -> io::Result<()> {
        let mut register = io_uring_buf_reg {
            bgid,
            ..Default::default()
        };
        let opcode = uring_sys::IORING_UNREGISTER_PBUF_RING;
        // SAFETY: the struct is what the operation takes, and names no memory.
        unsafe { self.target().with(opcode, &mut register, 1) }.map(drop)
    }

    /// The kernel's head of a buffer ring: how many buffers it has taken so far, modulo 65536.
    ///
    /// `IORING_REGISTER_PBUF_STATUS`, since Linux 6.8.
    ///
    /// # Errors
    ///
    /// `ENOENT`: no such group. `EINVAL`: a group of buffers that were provided one by one.
    pub fn register_pbuf_status(&self, bgid: u16) -> io::Result<u32> {
        let mut status = io_uring_buf_status {
            buf_group: bgid.into(),
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_PBUF_STATUS;
        // SAFETY: the struct is what the operation takes and fills, within the call.
        unsafe { self.target().with(opcode, &mut status, 1) }?;
        Ok(status.head)
    }
}

/// As [`Submitter::register_pbuf_status`], by a descriptor of the ring.
pub(in crate::uring) fn pbuf_head(ring: BorrowedFd<'_>, bgid: u16) -> io::Result<u32> {
    let mut status = io_uring_buf_status {
        buf_group: bgid.into(),
        ..Default::default()
    };
    let opcode = uring_sys::IORING_REGISTER_PBUF_STATUS;
    // SAFETY: the struct is what the operation takes and fills, within the call.
    unsafe { with(ring, opcode, &mut status, 1) }?;
    Ok(status.head)
}
