//! Fixed files.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

use uring_sys::*;

use super::super::SKIP_FILE;
use super::{Ring, entry, refused, ring};

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// The first byte of the registered file in `slot`, or the errno.
fn first_byte(ring: &Ring, slot: i32) -> Result<u8, i32> {
    let mut byte = 0u8;
    let mut sqe = entry(IORING_OP_READ, slot);
    sqe.flags = IOSQE_FIXED_FILE;
    sqe.set_addr(&raw mut byte as u64);
    sqe.len = 1;
    // SAFETY: the byte outlives the operation, which is waited for.
    match unsafe { ring.run(sqe) }.unwrap() {
        1 => Ok(byte),
        error => Err(-error),
    }
}

#[test]
fn a_registered_file_outlives_its_descriptor() {
    let ring = ring();
    let submitter = ring.submitter();
    let one = file(b"1");
    submitter.register_files(&[one.as_fd()]).unwrap();
    drop(one);
    assert_eq!(first_byte(&ring, 0), Ok(b'1'));
    refused!(submitter.register_files(&[-1]), EBUSY);
    submitter.unregister_files().unwrap();
    refused!(submitter.unregister_files(), ENXIO);
    assert_eq!(first_byte(&ring, 0), Err(libc::EBADF));
}

#[test]
fn what_is_no_file_is_refused() {
    let submitter = ring();
    let submitter = submitter.submitter();
    refused!(submitter.register_files(&[i32::MAX]), EBADF);
    refused!(submitter.register_files::<i32>(&[]), EINVAL);
    refused!(submitter.register_files2(&[i32::MAX], &[0]), EBADF);
    refused!(submitter.register_files2(&[-1], &[]), EINVAL);
    refused!(submitter.register_files_sparse(0), EINVAL);
    refused!(submitter.register_files_update(0, &[-1]), ENXIO);
}

#[test]
fn an_update_replaces_empties_and_skips() {
    let ring = ring();
    let submitter = ring.submitter();
    let files = [file(b"a"), file(b"b"), file(b"c")];
    let fds = files.each_ref().map(AsRawFd::as_raw_fd);
    submitter.register_files(&[fds[0], fds[1], -1]).unwrap();
    assert_eq!(first_byte(&ring, 2), Err(libc::EBADF));
    let new = [-1, SKIP_FILE, fds[2]];
    assert_eq!(submitter.register_files_update(0, &new).unwrap(), 3);
    assert_eq!(first_byte(&ring, 0), Err(libc::EBADF));
    assert_eq!(first_byte(&ring, 1), Ok(b'b'));
    assert_eq!(first_byte(&ring, 2), Ok(b'c'));
    refused!(submitter.register_files_update(3, &[-1]), EINVAL);
    // The first was done, and the count says so.
    let new = [fds[0], i32::MAX];
    assert_eq!(submitter.register_files_update(0, &new).unwrap(), 1);
}

#[test]
fn the_tag_of_a_file_is_posted_once_when_it_is_gone() {
    let ring = ring();
    let submitter = ring.submitter();
    let (one, two) = (file(b"1"), file(b"2"));
    submitter
        .register_files2(&[one.as_fd(), two.as_fd()], &[71, 0])
        .unwrap();
    assert_eq!(
        submitter
            .register_files_update2(0, &[two.as_fd()], &[72])
            .unwrap(),
        1
    );
    let cqe = ring.wait().unwrap();
    assert_eq!((cqe.user_data, cqe.res), (71, 0));
    assert_eq!(first_byte(&ring, 0), Ok(b'2'));
    // With the table go the files, before the call returns. Kernels before 6.13 forget their tags then, so nobody
    // may wait for one.
    submitter.unregister_files().unwrap();
    ring.flush().unwrap();
    let tags: Vec<_> = std::iter::from_fn(|| ring.reap())
        .map(|cqe| cqe.user_data)
        .collect();
    assert!(matches!(tags[..], [] | [72]), "{tags:?}");
}

#[test]
fn tags_need_files() {
    let ring = ring();
    let submitter = ring.submitter();
    submitter.register_files_sparse(2).unwrap();
    refused!(submitter.register_files_update2(0, &[-1], &[5]), EINVAL);
    refused!(
        submitter.register_files_update2(0, &[SKIP_FILE], &[5]),
        EINVAL
    );
    refused!(submitter.register_files_update2(0, &[-1], &[]), EINVAL);
    refused!(submitter.register_files_update2(2, &[-1], &[0]), EINVAL);
}

#[test]
fn allocation_stays_within_its_range() {
    let ring = ring();
    let submitter = ring.submitter();
    refused!(submitter.register_file_alloc_range(0, 1), EINVAL);
    submitter.register_files_sparse(6).unwrap();
    submitter.register_file_alloc_range(3, 2).unwrap();
    let socket = || {
        let mut sqe = entry(IORING_OP_SOCKET, libc::AF_UNIX);
        sqe.set_off(libc::SOCK_DGRAM as u64);
        sqe.set_file_index(IORING_FILE_INDEX_ALLOC);
        // SAFETY: the entry names no memory.
        unsafe { ring.run(sqe) }.unwrap()
    };
    assert_eq!([socket(), socket(), socket()], [3, 4, -libc::ENFILE]);
    refused!(submitter.register_file_alloc_range(5, 2), EINVAL);
    refused!(submitter.register_file_alloc_range(u32::MAX, 2), EOVERFLOW);
}
