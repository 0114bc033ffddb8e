//! Busy polling, zero-copy receive and buffer rings.

use std::os::fd::AsFd;
use std::ptr;

use uring_sys::*;

use super::{Ring, entry, has, refused, ring};
use crate::uring::raw::cqueue;
use crate::uring::raw::types::{Napi, NapiTracking};

#[test]
fn busy_polling_is_set_and_its_former_settings_answered() {
    let ring = ring();
    let submitter = ring.submitter();
    let mut napi = Napi::new()
        .set_busy_poll_timeout(50)
        .set_prefer_busy_poll(true);
    submitter.register_napi(&mut napi).unwrap();
    assert_eq!(
        (napi.busy_poll_timeout(), napi.prefer_busy_poll()),
        (0, false)
    );
    submitter.unregister_napi(&mut napi).unwrap();
    assert_eq!(
        (napi.busy_poll_timeout(), napi.prefer_busy_poll()),
        (50, true)
    );
    let polled = Ring::new(IORING_SETUP_IOPOLL).unwrap();
    refused!(polled.submitter().register_napi(&mut Napi::new()), EINVAL);
}

#[test]
fn queues_are_named_where_tracking_is_static() {
    let ring = ring();
    let submitter = ring.submitter();
    refused!(submitter.register_napi_add_id(100_000), EINVAL);
    submitter
        .register_napi(&mut Napi::new().set_tracking(NapiTracking::Static))
        .unwrap();
    submitter.register_napi_add_id(100_000).unwrap();
    refused!(submitter.register_napi_add_id(100_000), EEXIST);
    submitter.register_napi_del_id(100_000).unwrap();
    refused!(submitter.register_napi_del_id(100_000), ENOENT);
    // Ids begin above the number of CPUs.
    refused!(submitter.register_napi_add_id(0), EINVAL);
}

#[test]
fn a_receive_queue_needs_its_kind_of_ring_and_a_device() {
    let mut region = io_uring_region_desc::default();
    let mut area = io_uring_zcrx_area_reg::default();
    let mut reg = io_uring_zcrx_ifq_reg {
        rq_entries: 8,
        area_ptr: ptr::from_mut(&mut area) as u64,
        region_ptr: ptr::from_mut(&mut region) as u64,
        ..Default::default()
    };
    // SAFETY: what the struct names is live, and says that there is no memory.
    let plain = unsafe { ring().submitter().register_ifq(&mut reg) };
    let flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    let ring = Ring::<cqueue::Entry32>::with(flags).unwrap();
    // SAFETY: as above.
    let right = unsafe { ring.submitter().register_ifq(&mut reg) };
    let errnos = [plain, right].map(|result| super::errno(result));
    // Without memory and without an interface of that number nothing can come of it; a kernel without zero-copy
    // receive says so at once.
    assert!(
        errnos == [libc::EOPNOTSUPP; 2] || errnos[0] == libc::EINVAL,
        "{errnos:?}"
    );
}

#[test]
fn a_queue_that_is_not_there_is_not_controlled() {
    let ring = ring();
    let submitter = ring.submitter();
    let errnos = [
        super::errno(submitter.register_zcrx_flush(0)),
        super::errno(submitter.register_zcrx_export(0)),
        super::errno(submitter.register_zcrx_arm_event(0, ZCRX_EVENT_COPY)),
        // SAFETY: there is no queue to take the memory, and there is no memory.
        super::errno(unsafe { submitter.register_zcrx_add_area(0, &mut Default::default()) }),
    ];
    if has(IORING_REGISTER_ZCRX_CTRL) {
        let known = [libc::ENXIO, libc::EOPNOTSUPP];
        assert!(
            errnos.iter().all(|errno| known.contains(errno)),
            "{errnos:?}"
        );
    } else {
        assert_eq!(errnos, [libc::EINVAL; 4]);
    }
}

/// Memory for a buffer ring: a page, so that it is aligned to one.
struct Page(*mut io_uring_buf);

impl Page {
    fn new() -> Self {
        // SAFETY: a new mapping at an address that the kernel chooses.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED);
        Self(at.cast())
    }

    /// Puts a buffer into the first slot and makes it available.
    fn provide(&self, buf: &mut [u8], bid: u16) {
        let slot = io_uring_buf {
            addr: buf.as_mut_ptr() as u64,
            len: buf.len() as u32,
            bid,
            resv: 1,
        };
        // SAFETY: the page is ours, and the last field of the first slot is the tail, which is now 1.
        unsafe { self.0.write(slot) };
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and its ring is closed or unregistered.
        unsafe { libc::munmap(self.0.cast(), 4096) };
    }
}

/// Reads from `fd` into a buffer of group 3, and answers result and buffer id.
fn read_selected(ring: &Ring, fd: &std::fs::File) -> (i32, u32) {
    use std::os::fd::AsRawFd;
    let mut sqe = entry(IORING_OP_READ, fd.as_raw_fd());
    sqe.flags = IOSQE_BUFFER_SELECT;
    sqe.set_buf_group(3);
    sqe.len = 16;
    // SAFETY: the buffer in the group outlives the operation, which is waited for.
    unsafe { ring.submit(sqe) }.unwrap();
    let cqe = ring.wait().unwrap();
    (cqe.res, cqe.flags >> IORING_CQE_BUFFER_SHIFT)
}

#[test]
fn buffers_are_taken_from_a_registered_ring() {
    let (page, mut buf) = (Page::new(), [0u8; 16]);
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"chosen", 0).unwrap();
    let ring = ring();
    let submitter = ring.submitter();
    let address = page.0 as u64;
    // SAFETY: the page outlives the group, and so does the buffer that is put in it.
    let register = |address, entries| unsafe {
        submitter.register_buf_ring_with_flags(address, entries, 3, 0)
    };
    refused!(register(address, 3), EINVAL);
    refused!(register(address + 8, 4), EINVAL);
    refused!(submitter.register_pbuf_status(3), ENOENT);
    register(address, 4).unwrap();
    refused!(register(address, 4), EEXIST);
    page.provide(&mut buf, 9);
    assert_eq!(submitter.register_pbuf_status(3).unwrap(), 0);
    assert_eq!(read_selected(&ring, &file), (6, 9));
    assert_eq!(&buf[..6], b"chosen");
    assert_eq!(submitter.register_pbuf_status(3).unwrap(), 1);
    assert_eq!(read_selected(&ring, &file).0, -libc::ENOBUFS);
    submitter.unregister_buf_ring(3).unwrap();
    refused!(submitter.unregister_buf_ring(3), ENOENT);
}

#[test]
#[expect(
    deprecated,
    reason = "it is there for programs written for another crate"
)]
fn a_buffer_ring_without_flags_is_the_old_way() {
    let page = Page::new();
    let ring = ring();
    // SAFETY: the page outlives the group, in which there are no buffers.
    unsafe { ring.submitter().register_buf_ring(page.0 as u64, 4, 1) }.unwrap();
    ring.submitter().unregister_buf_ring(1).unwrap();
    let _ = ring.as_fd();
}

#[test]
fn a_minimum_goes_with_incremental_buffers_only() {
    let ring = ring();
    let submitter = ring.submitter();
    let (kernels, incremental) = (IOU_PBUF_RING_MMAP, IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC);
    // SAFETY: the kernel allocates the ring, in which there are no buffers.
    let register =
        |flags, min_left| unsafe { submitter.register_buf_ring_min_left(0, 4, 1, flags, min_left) };
    register(incremental, 0).unwrap();
    submitter.unregister_buf_ring(1).unwrap();
    refused!(register(kernels, 8), EINVAL);
    refused!(register(1 << 15, 0), EINVAL);
}
