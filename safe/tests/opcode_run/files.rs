//! Reading, writing, names, attributes, pipes, registered files.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::{self, *};

use crate::{Ring, fd};

#[test]
fn reading_and_writing() {
    let mut ring = Ring::new();
    let file = tempfile::tempfile().unwrap();
    let mut buf = [0u8; 8];
    let iov = |buf: &mut [u8]| libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };

    let data = b"01234567";
    assert_eq!(
        ring.run(Write::new(fd(&file), data.as_ptr(), 8).offset(8).build()),
        8
    );
    assert_eq!(
        ring.run(Read::new(fd(&file), buf.as_mut_ptr(), 8).offset(10).build()),
        6
    );
    assert_eq!(&buf[..6], b"234567");

    let mut data = *b"vectored";
    let vec = [iov(&mut data[..4]), iov(&mut data[4..])];
    assert_eq!(
        ring.run(
            Writev::new(fd(&file), vec.as_ptr(), 2)
                .with_rw_flags(RwFlags::DSYNC)
                .build()
        ),
        8
    );
    let vec = [iov(&mut buf)];
    assert_eq!(ring.run(Readv::new(fd(&file), vec.as_ptr(), 1).build()), 8);
    assert_eq!(&buf, b"vectored");

    let mut fixed = *b"registered";
    // SAFETY: the buffer outlives the ring's use of it: each operation below is awaited.
    unsafe { ring.0.submitter().register_buffers(&[iov(&mut fixed)]) }.unwrap();
    let at = fixed.as_mut_ptr();
    assert_eq!(ring.run(WriteFixed::new(fd(&file), at, 8, 0).build()), 8);
    assert_eq!(
        ring.run(ReadFixed::new(fd(&file), at.wrapping_add(2), 8, 0).build()),
        8
    );
    assert_eq!(
        ring.run(ReadFixed::new(fd(&file), at.wrapping_add(3), 8, 0).build()),
        -libc::EFAULT
    );
    let parts = [libc::iovec {
        iov_base: at.wrapping_add(2).cast(),
        iov_len: 4,
    }];
    assert_eq!(
        ring.run(
            WritevFixed::new(fd(&file), parts.as_ptr(), 1, 0)
                .offset(4)
                .build()
        ),
        4
    );
    assert_eq!(
        ring.run(
            ReadvFixed::new(fd(&file), parts.as_ptr(), 1, 0)
                .offset(2)
                .build()
        ),
        4
    );
    // SAFETY: `fixed` is alive, and no operation on it is in flight. Read by pointer, since it was
    // written by one.
    let fixed = unsafe { at.cast::<[u8; 10]>().read() };
    assert_eq!(&fixed, b"regirester");

    // An attribute is looked at, not taken for something else: here the file has no integrity
    // metadata.
    let pi = io_uring_attr_pi::default();
    let read = Read::new(fd(&file), buf.as_mut_ptr(), 8).attr(&pi).build();
    assert_eq!(ring.run(read), -libc::EINVAL);
}

#[test]
fn contents() {
    let mut ring = Ring::new();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"data").unwrap();
    assert_eq!(
        ring.run(Fsync::new(fd(&file)).flags(FsyncFlags::DATASYNC).build()),
        0
    );
    assert_eq!(
        ring.run(
            SyncFileRange::new(fd(&file), 4)
                .with_flags(SyncRangeFlags::WRITE)
                .build()
        ),
        0
    );
    assert_eq!(ring.run(Fallocate::new(fd(&file), 8192).build()), 0);
    assert_eq!(file.metadata().unwrap().len(), 8192);
    assert_eq!(ring.run(Ftruncate::new(fd(&file), 5).build()), 0);
    assert_eq!(file.metadata().unwrap().len(), 5);

    // The kernel sees all 64 bits of a length: cut to 32, -1 would be one of nearly 4 GiB.
    let advice = libc::POSIX_FADV_DONTNEED;
    assert_eq!(ring.run(Fadvise::new(fd(&file), 5, advice).build()), 0);
    #[cfg(target_pointer_width = "64")]
    assert_eq!(
        ring.run(Fadvise::new(fd(&file), 1 << 32, advice).build()),
        0
    );
    assert_eq!(
        ring.run(Fadvise::new(fd(&file), -1, advice).build()),
        -libc::EINVAL
    );
    let page = std::ptr::without_provenance(1 << 20);
    assert_eq!(
        ring.run(Madvise::new(page, 0, libc::MADV_NORMAL).build()),
        0
    );
    assert_eq!(
        ring.run(Madvise::new(page, -1, libc::MADV_NORMAL).build()),
        -libc::EINVAL
    );
}

#[test]
fn names() {
    let mut ring = Ring::new();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path(&dir.path().join(name));
    let (a, b, c, d) = (at("a"), at("b"), at("c"), at("d"));
    let cwd = Fd(libc::AT_FDCWD);

    let open = OpenAt::new(cwd, a.as_ptr())
        .flags(libc::O_RDWR | libc::O_CREAT)
        .mode(0o600);
    let opened = ring.run(open.build());
    assert!(opened > 2);
    assert_eq!(ring.run(Close::new(Fd(opened)).build()), 0);
    assert_eq!(ring.run(Close::new(Fd(opened)).build()), -libc::EBADF);

    assert_eq!(
        ring.run(RenameAt::new(cwd, a.as_ptr(), cwd, b.as_ptr()).build()),
        0
    );
    assert_eq!(
        ring.run(LinkAt::new(cwd, b.as_ptr(), cwd, a.as_ptr()).build()),
        0
    );
    assert_eq!(
        ring.run(SymlinkAt::new(cwd, c"a".as_ptr(), c.as_ptr()).build()),
        0
    );
    assert_eq!(
        ring.run(MkDirAt::new(cwd, d.as_ptr()).mode(0o700).build()),
        0
    );
    let rename = RenameAt::new(cwd, a.as_ptr(), cwd, b.as_ptr()).with_flags(RenameFlags::NOREPLACE);
    assert_eq!(ring.run(rename.build()), -libc::EEXIST);

    // SAFETY: zero is a value of each of its fields, which are integers.
    let mut status: types::statx = unsafe { std::mem::zeroed() };
    let ask = Statx::new(cwd, c.as_ptr(), &mut status);
    assert_eq!(
        ring.run(ask.with_mask(StatxMask::NLINK | StatxMask::TYPE).build()),
        0
    );
    assert_eq!(
        (status.stx_nlink, u32::from(status.stx_mode) & libc::S_IFMT),
        (2, libc::S_IFREG)
    );
    let ask = Statx::new(cwd, c.as_ptr(), &mut status).with_flags(AtFlags::SYMLINK_NOFOLLOW);
    assert_eq!(ring.run(ask.with_mask(StatxMask::TYPE).build()), 0);
    assert_eq!(u32::from(status.stx_mode) & libc::S_IFMT, libc::S_IFLNK);

    let how = OpenHow::new()
        .flags(libc::O_RDONLY as u64)
        .resolve(libc::RESOLVE_NO_SYMLINKS);
    assert_eq!(
        ring.run(OpenAt2::new(cwd, c.as_ptr(), &how).build()),
        -libc::ELOOP
    );
    assert_eq!(
        ring.run(UnlinkAt::new(cwd, d.as_ptr()).build()),
        -libc::EISDIR
    );
    assert_eq!(
        ring.run(
            UnlinkAt::new(cwd, d.as_ptr())
                .with_flags(AtFlags::REMOVEDIR)
                .build()
        ),
        0
    );
}

#[test]
fn attributes() {
    let mut ring = Ring::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let (name, at) = (c"user.test", path(file.path()));
    let value = b"value";
    let (ptr, len) = (value.as_ptr().cast(), value.len() as u32);
    assert_eq!(
        ring.run(SetXattr::new(name.as_ptr(), ptr, at.as_ptr(), len).build()),
        0
    );
    let set = FSetXattr::new(fd(&file), name.as_ptr(), ptr, len).with_flags(XattrFlags::CREATE);
    assert_eq!(ring.run(set.build()), -libc::EEXIST);
    let mut buf = [0u8; 8];
    let get = GetXattr::new(name.as_ptr(), buf.as_mut_ptr().cast(), at.as_ptr(), 8);
    assert_eq!(ring.run(get.build()), 5);
    let get = FGetXattr::new(fd(&file), name.as_ptr(), buf.as_mut_ptr().cast(), 8);
    assert_eq!(ring.run(get.build()), 5);
    assert_eq!(&buf[..5], value);
}

#[test]
fn pipes_and_slots() {
    let mut ring = Ring::new();
    let mut fds = [-1; 2];
    assert_eq!(
        ring.run(
            Pipe::new(fds.as_mut_ptr())
                .with_flags(OpenFlags::CLOEXEC)
                .build()
        ),
        0
    );
    // SAFETY: the kernel has just made both, and they belong to nobody else.
    let [mut out, mut into] = fds.map(|fd| unsafe { File::from_raw_fd(fd) });
    let mut other = [-1; 2];
    assert_eq!(ring.run(Pipe::new(other.as_mut_ptr()).build()), 0);
    // SAFETY: as above.
    let [mut other_out, other_into] = other.map(|fd| unsafe { File::from_raw_fd(fd) });

    into.write_all(b"through").unwrap();
    ring.0
        .submitter()
        .register_files(&[out.as_raw_fd(), -1, -1, -1])
        .unwrap();
    assert_eq!(ring.run(Tee::new(Fixed(0), fd(&other_into), 7).build()), 7);
    assert_eq!(
        ring.run(Splice::new(fd(&out), -1, fd(&other_into), -1, 7).build()),
        7
    );
    let mut twice = [0; 14];
    other_out.read_exact(&mut twice).unwrap();
    assert_eq!(&twice, b"throughthrough");

    // Two slots, one after the other; then what the kernel picks.
    let slot = DestinationSlot::try_from_slot_target(1).unwrap();
    assert_eq!(
        ring.run(Pipe::new(other.as_mut_ptr()).file_index(Some(slot)).build()),
        0
    );
    assert_eq!(
        ring.run(Write::new(Fixed(2), b"slots".as_ptr(), 5).build()),
        5
    );
    let mut slots = [0; 5];
    assert_eq!(
        ring.run(Read::new(Fixed(1), slots.as_mut_ptr(), 5).build()),
        5
    );
    let mut pick = [into.as_raw_fd()];
    assert_eq!(
        ring.run(FilesUpdate::new(pick.as_mut_ptr(), 1).offset(-1).build()),
        1
    );
    assert_eq!(pick, [3]);
    let installed = ring.run(
        FixedFdInstall::new(Fixed(3), 0)
            .flags(InstallFdFlags::NO_CLOEXEC)
            .build(),
    );
    assert!(installed > 2);
    assert_eq!(ring.run(Close::new(Fd(installed)).build()), 0);
    assert_eq!(ring.run(Close::new(Fixed(3)).build()), 0);
    assert_eq!(ring.run(Close::new(Fixed(3)).build()), -libc::EBADF);
    assert!(ring.run(Close::new(Fixed(u32::MAX)).build()) < 0);
    into.write_all(b"x").unwrap();
    out.read_exact(&mut [0]).unwrap();
}

fn path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}
