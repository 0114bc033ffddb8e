//! Fixed buffers.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, AsRawFd};

use libc::iovec;
use uring_sys::*;

use super::super::RingSlot;
use super::{Ring, entry, refused, ring};
use crate::uring::raw::types::CloneBuffersFlags;

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

fn iov(buf: &mut [u8]) -> iovec {
    iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    }
}

const EMPTY: iovec = iovec {
    iov_base: std::ptr::null_mut(),
    iov_len: 0,
};

/// Reads the beginning of `file` into `buf` as the fixed buffer `index`, and answers the result.
fn read_fixed(ring: &Ring, file: &File, buf: &mut [u8], index: u16) -> i32 {
    let mut sqe = entry(IORING_OP_READ_FIXED, file.as_raw_fd());
    sqe.set_addr(buf.as_mut_ptr() as u64);
    sqe.len = buf.len() as u32;
    sqe.set_buf_index(index);
    // SAFETY: `buf` outlives the operation, which is waited for.
    unsafe { ring.run(sqe) }.unwrap()
}

#[test]
fn a_registered_buffer_is_read_into_until_it_is_unregistered() {
    let (ring, file) = (ring(), file(b"fixed"));
    let mut buf = [0; 5];
    let submitter = ring.submitter();
    assert_eq!(read_fixed(&ring, &file, &mut buf, 0), -libc::EFAULT);
    // SAFETY: `buf` outlives the registration and each operation, which is waited for.
    unsafe { submitter.register_buffers(&[iov(&mut buf)]) }.unwrap();
    assert_eq!(read_fixed(&ring, &file, &mut buf, 0), 5);
    assert_eq!(&buf, b"fixed");
    // SAFETY: as above.
    let again = unsafe { submitter.register_buffers(&[iov(&mut buf)]) };
    refused!(again, EBUSY);
    submitter.unregister_buffers().unwrap();
    refused!(submitter.unregister_buffers(), ENXIO);
    assert_eq!(read_fixed(&ring, &file, &mut buf, 0), -libc::EFAULT);
}

#[test]
fn buffers_that_are_not_memory_are_refused() {
    let ring = ring();
    let nowhere = iovec {
        iov_base: 8 as *mut _,
        iov_len: 4096,
    };
    // SAFETY: the kernel takes nothing of this, and no operation uses it.
    unsafe {
        refused!(ring.submitter().register_buffers(&[nowhere]), EFAULT);
        refused!(ring.submitter().register_buffers(&[]), EINVAL);
        refused!(ring.submitter().register_buffers2(&[nowhere], &[7]), EFAULT);
        refused!(ring.submitter().register_buffers2(&[nowhere], &[]), EINVAL);
    }
}

#[test]
fn the_tag_of_a_buffer_is_posted_once_when_it_is_gone() {
    let ring = ring();
    let mut buf = [0; 64];
    let submitter = ring.submitter();
    // SAFETY: `buf` outlives the registration, and no operation uses it.
    unsafe { submitter.register_buffers2(&[iov(&mut buf), EMPTY], &[77, 0]) }.unwrap();
    assert!(ring.reap().is_none());
    // SAFETY: as above.
    unsafe { submitter.register_buffers_update(0, &[EMPTY], Some(&[0])) }.unwrap();
    let cqe = ring.wait().unwrap();
    assert_eq!((cqe.user_data, cqe.res), (77, 0));
    submitter.unregister_buffers().unwrap();
    ring.flush().unwrap();
    assert!(ring.reap().is_none());
}

#[test]
fn a_sparse_table_is_filled_by_updates() {
    let (ring, file) = (ring(), file(b"sparse"));
    let submitter = ring.submitter();
    let mut buf = [0; 6];
    submitter.register_buffers_sparse(3).unwrap();
    refused!(submitter.register_buffers_sparse(3), EBUSY);
    assert_eq!(read_fixed(&ring, &file, &mut buf, 2), -libc::EFAULT);
    // SAFETY: `buf` outlives the registration and the operation.
    unsafe { submitter.register_buffers_update(2, &[iov(&mut buf)], None) }.unwrap();
    assert_eq!(read_fixed(&ring, &file, &mut buf, 2), 6);
    assert_eq!(&buf, b"sparse");
    // SAFETY: nothing is registered by these.
    unsafe {
        refused!(submitter.register_buffers_update(3, &[EMPTY], None), EINVAL);
        refused!(
            submitter.register_buffers_update(0, &[EMPTY], Some(&[])),
            EINVAL
        );
        refused!(submitter.register_buffers_update(0, &[], None), EINVAL);
    }
    refused!(ring_without_table().register_sparse(0), EINVAL);
}

/// What an update stops at is said, though what was before it is done.
#[test]
fn an_update_says_which_buffer_was_wrong() {
    let (ring, file) = (ring(), file(b"12"));
    let submitter = ring.submitter();
    let mut buf = [0; 2];
    submitter.register_buffers_sparse(2).unwrap();
    let nowhere = iovec {
        iov_base: 8 as *mut _,
        iov_len: 8,
    };
    // SAFETY: `buf` outlives the registration and the operation.
    let result = unsafe { submitter.register_buffers_update(0, &[iov(&mut buf), nowhere], None) };
    refused!(result, EFAULT);
    assert_eq!(read_fixed(&ring, &file, &mut buf, 0), 2);
}

struct WithoutTable(Ring);

fn ring_without_table() -> WithoutTable {
    WithoutTable(ring())
}

impl WithoutTable {
    fn register_sparse(&self, nr: u32) -> std::io::Result<()> {
        self.0.submitter().register_buffers_sparse(nr)
    }
}

#[test]
fn a_cloned_table_reads_into_the_same_memory() {
    let (source, target, file) = (ring(), ring(), file(b"clone"));
    let mut bufs = [[0; 5]; 2];
    let [first, second] = &mut bufs;
    refused!(
        target.submitter().register_buffers_clone(source.as_fd()),
        ENXIO
    );
    // SAFETY: the buffers outlive the rings' registrations and each operation.
    unsafe {
        source
            .submitter()
            .register_buffers(&[iov(first), iov(second)])
    }
    .unwrap();
    target
        .submitter()
        .register_buffers_clone(source.as_fd())
        .unwrap();
    // The clone lives on without its source.
    source.submitter().unregister_buffers().unwrap();
    assert_eq!(read_fixed(&target, &file, second, 1), 5);
    assert_eq!(second, b"clone");
    refused!(
        target.submitter().register_buffers_clone(source.as_fd()),
        EBUSY
    );
    refused!(
        ring().submitter().register_buffers_clone(file.as_fd()),
        EOPNOTSUPP
    );
    refused!(ring().submitter().register_buffers_clone(-1), EBADF);
}

#[test]
fn a_range_is_cloned_to_an_offset_and_replaces_what_is_there() {
    let (source, target, file) = (ring(), ring(), file(b"range"));
    let mut bufs = [[0; 5]; 2];
    let [first, second] = &mut bufs;
    // SAFETY: the buffers outlive the rings' registrations and each operation.
    unsafe {
        source
            .submitter()
            .register_buffers(&[iov(first), iov(second)])
    }
    .unwrap();
    let (to, none, replace) = (
        target.submitter(),
        CloneBuffersFlags::empty(),
        CloneBuffersFlags::DST_REPLACE,
    );
    to.register_buffers_sparse(4).unwrap();
    let from = source.as_fd();
    refused!(to.register_buffers_clone_offset(from, 1, 3, 1, none), EBUSY);
    to.register_buffers_clone_offset(from, 1, 3, 1, replace)
        .unwrap();
    assert_eq!(read_fixed(&target, &file, second, 3), 5);
    assert_eq!(second, b"range");
    assert_eq!(read_fixed(&target, &file, first, 0), -libc::EFAULT);
    refused!(
        to.register_buffers_clone_offset(from, 2, 0, 1, replace),
        EOVERFLOW
    );
    let (other, registered) = (ring(), CloneBuffersFlags::SRC_REGISTERED);
    let to = other.submitter();
    refused!(
        to.register_buffers_clone_offset(15, 0, 0, 0, registered),
        EBADF
    );
    let mut slot = [RingSlot::at(15, from)];
    assert_eq!(to.register_ring_fds(&mut slot).unwrap(), 1);
    to.register_buffers_clone_offset(15, 0, 0, 0, registered)
        .unwrap();
    assert_eq!(
        to.unregister_ring_fds(&mut [RingSlot::empty(15)]).unwrap(),
        1
    );
    assert_eq!(read_fixed(&other, &file, first, 0), 5);
}
