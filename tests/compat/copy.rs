// Copies a file in four ways: by linked reads and writes of registered buffers and files, by vectored reads and writes
// through the halves of a ring, by splicing through a pipe, and into a file that the ring opens, names and removes.

use ring::squeue::Flags;
use ring::{IoUring, cqueue, opcode, squeue, types};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const CHUNK: usize = 16 * 1024;
const LEN: usize = 10 * CHUNK + 123;
const AT_ONCE: usize = 4;

// One byte that tells where it stands.
fn byte(at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

fn ok(done: &cqueue::Entry) -> io::Result<usize> {
    usize::try_from(done.result()).map_err(|_| io::Error::from_raw_os_error(-done.result()))
}

// Pushes entries, and waits until all of them have completed. They come back by user data, which must be distinct.
fn run_all(ring: &mut IoUring, entries: &[squeue::Entry]) -> io::Result<Vec<usize>> {
    // SAFETY: what the entries name outlives this call, which waits for the last completion.
    unsafe { ring.submission().push_multiple(entries) }.map_err(io::Error::other)?;
    assert_eq!(ring.submit_and_wait(entries.len())?, entries.len());
    let mut done: Vec<cqueue::Entry> = ring.completion().collect();
    done.sort_by_key(|done| done.user_data());
    assert_eq!(done.len(), entries.len());
    done.iter().map(ok).collect()
}

fn chunks() -> impl Iterator<Item = (u64, u32)> {
    (0..LEN)
        .step_by(CHUNK)
        .map(|at| (at as u64, CHUNK.min(LEN - at) as u32))
}

fn by_fixed_buffers(from: &File, to: &File) -> io::Result<String> {
    let mut ring: IoUring = IoUring::builder()
        .setup_cqsize(64)
        .setup_clamp()
        .build(16)?;
    let mut memory = vec![0u8; AT_ONCE * CHUNK];
    let buffers: Vec<libc::iovec> = memory
        .chunks_mut(CHUNK)
        .map(|part| libc::iovec {
            iov_base: part.as_mut_ptr().cast(),
            iov_len: part.len(),
        })
        .collect();
    let submitter = ring.submitter();
    // SAFETY: the memory lives until the ring has no operation and is gone.
    unsafe { submitter.register_buffers(&buffers)? };
    submitter.register_files(&[from.as_raw_fd(), to.as_raw_fd()])?;
    let mut copied = 0;
    let all: Vec<(u64, u32)> = chunks().collect();
    for batch in all.chunks(AT_ONCE) {
        let mut entries = Vec::new();
        for (index, &(offset, len)) in batch.iter().enumerate() {
            let part = buffers[index].iov_base.cast::<u8>();
            let read = opcode::ReadFixed::new(types::Fixed(0), part, len, index as u16)
                .offset(offset)
                .build()
                .flags(Flags::IO_LINK)
                .user_data(2 * index as u64);
            let write = opcode::WriteFixed::new(types::Fixed(1), part, len, index as _)
                .offset(offset)
                .rw_flags(libc::RWF_DSYNC as _)
                .build()
                .user_data(2 * index as u64 + 1);
            entries.extend([read, write]);
        }
        copied += run_all(&mut ring, &entries)?.iter().sum::<usize>();
    }
    let sync = opcode::Fsync::new(types::Fixed(1))
        .flags(types::FsyncFlags::DATASYNC)
        .build()
        .flags(Flags::IO_DRAIN | Flags::ASYNC);
    assert_eq!(run_all(&mut ring, &[sync])?, [0]);
    ring.submitter().unregister_files()?;
    ring.submitter().unregister_buffers()?;
    Ok(format!("fixed: {} bytes read and written", copied / 2))
}

fn by_vectors(from: &File, to: &File) -> io::Result<String> {
    let mut ring = IoUring::new(8)?;
    let (submitter, mut sq, mut cq) = ring.split();
    let mut bytes = 0;
    for (offset, len) in chunks() {
        let mut data = vec![0u8; len as usize];
        let (front, back) = data.split_at_mut(len as usize / 3);
        let parts = [front, back].map(|part| libc::iovec {
            iov_base: part.as_mut_ptr().cast(),
            iov_len: part.len(),
        });
        let read = opcode::Readv::new(types::Fd(from.as_raw_fd()), parts.as_ptr(), 2)
            .offset(offset)
            .build()
            .flags(Flags::IO_LINK)
            .user_data(offset);
        let write = opcode::Writev::new(types::Fd(to.as_raw_fd()), parts.as_ptr(), 2)
            .offset(offset)
            .build()
            .flags(Flags::SKIP_SUCCESS | Flags::IO_LINK)
            .user_data(u64::MAX);
        // SAFETY: data and parts live until both have completed, of which the sync tells.
        unsafe {
            sq.push(&read).map_err(io::Error::other)?;
            sq.push(&write).map_err(io::Error::other)?;
            let sync = opcode::Fsync::new(types::Fd(to.as_raw_fd())).build();
            sq.push(&sync.user_data(1 << 40))
                .map_err(io::Error::other)?;
        }
        assert_eq!((sq.len(), sq.is_full()), (3, false));
        sq.sync();
        submitter.submit_and_wait(2)?;
        sq.sync();
        cq.sync();
        assert!(sq.is_empty());
        for done in &mut cq {
            assert!(done.user_data() == offset || done.user_data() == 1 << 40);
            bytes += ok(&done)?;
        }
        // Else the next wait would count these as well.
        cq.sync();
    }
    Ok(format!("vectored: {bytes} bytes read"))
}

fn by_splice(from: &File, to: &File) -> io::Result<String> {
    let mut ring = IoUring::new(8)?;
    let mut ends: [RawFd; 2] = [0; 2];
    // SAFETY: room for two descriptors, which are nobody else's.
    let (exit, entrance) = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    let mut bytes = 0;
    for (offset, len) in chunks() {
        let fill = opcode::Splice::new(
            types::Fd(from.as_raw_fd()),
            offset as i64,
            types::Fd(entrance.as_raw_fd()),
            -1,
            len,
        )
        .flags(libc::SPLICE_F_MOVE as _)
        .build()
        .flags(Flags::IO_LINK)
        .user_data(0);
        let drain = opcode::Splice::new(
            types::Fd(exit.as_raw_fd()),
            -1,
            types::Fd(to.as_raw_fd()),
            offset as i64,
            len,
        )
        .build()
        .user_data(1);
        bytes += run_all(&mut ring, &[fill, drain])?[1];
    }
    Ok(format!("spliced: {bytes} bytes"))
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

fn by_name(dir: &Path, from: &File) -> io::Result<Vec<String>> {
    let mut told = Vec::new();
    let mut ring = IoUring::new(8)?;
    ring.submitter().register_files_sparse(4)?;
    let here = types::Fd(libc::AT_FDCWD);
    let (sub, first, second) = (
        dir.join("sub"),
        dir.join("sub/first"),
        dir.join("sub/second"),
    );
    let [sub_c, first_c, second_c] = [c_path(&sub)?, c_path(&first)?, c_path(&second)?];

    let mkdir = opcode::MkDirAt::new(here, sub_c.as_ptr())
        .mode(0o755)
        .build();
    let slot =
        types::DestinationSlot::try_from_slot_target(2).map_err(|_| io::ErrorKind::InvalidInput)?;
    let open = opcode::OpenAt::new(here, first_c.as_ptr())
        .flags(libc::O_CREAT | libc::O_RDWR)
        .mode(0o600)
        .file_index(Some(slot))
        .build()
        .user_data(1);
    let space = opcode::Fallocate::new(types::Fixed(2), LEN as u64)
        .mode(0)
        .build()
        .user_data(2);
    let linked = [
        mkdir.flags(Flags::IO_LINK),
        open.flags(Flags::IO_HARDLINK),
        space,
    ];
    told.push(format!("made: {:?}", run_all(&mut ring, &linked)?));

    let mut data = vec![0u8; LEN];
    let read = opcode::Read::new(types::Fd(from.as_raw_fd()), data.as_mut_ptr(), LEN as _).build();
    let write = opcode::Write::new(types::Fixed(2), data.as_ptr(), LEN as _)
        .offset(0)
        .build();
    let both = [read.flags(Flags::IO_LINK), write.user_data(1)];
    told.push(format!("copied: {:?}", run_all(&mut ring, &both)?));

    // SAFETY: zeros are a value of it.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    let place = &raw mut status;
    let ask = opcode::Statx::new(here, first_c.as_ptr(), place as *mut types::statx)
        .flags(libc::AT_STATX_FORCE_SYNC)
        .mask(libc::STATX_SIZE | libc::STATX_MODE)
        .build();
    let cut = opcode::Ftruncate::new(types::Fixed(2), LEN as u64)
        .build()
        .flags(Flags::IO_LINK);
    run_all(&mut ring, &[cut, ask.user_data(1)])?;
    told.push(format!("status: {} {:o}", status.stx_size, status.stx_mode));

    let rename = opcode::RenameAt::new(here, first_c.as_ptr(), here, second_c.as_ptr())
        .flags(libc::RENAME_NOREPLACE)
        .build();
    let link = opcode::LinkAt::new(here, second_c.as_ptr(), here, first_c.as_ptr()).build();
    let advise = opcode::Fadvise::new(types::Fixed(2), LEN as _, libc::POSIX_FADV_DONTNEED).build();
    let close = opcode::Close::new(types::Fixed(2)).build();
    run_all(
        &mut ring,
        &[rename.flags(Flags::IO_LINK), link.user_data(1)],
    )?;
    run_all(
        &mut ring,
        &[advise.flags(Flags::IO_LINK), close.user_data(1)],
    )?;
    assert!(is_the_copy(&first)? && is_the_copy(&second)?);

    let how = types::OpenHow::new()
        .flags(libc::O_RDONLY as _)
        .resolve(libc::RESOLVE_NO_SYMLINKS);
    let reopen = opcode::OpenAt2::new(here, second_c.as_ptr(), &how).build();
    let fd = run_all(&mut ring, &[reopen])?[0] as RawFd;
    run_all(&mut ring, &[opcode::Close::new(types::Fd(fd)).build()])?;
    let remove = [
        opcode::UnlinkAt::new(here, first_c.as_ptr())
            .build()
            .flags(Flags::IO_LINK),
        opcode::UnlinkAt::new(here, second_c.as_ptr())
            .build()
            .flags(Flags::IO_LINK)
            .user_data(1),
        opcode::UnlinkAt::new(here, sub_c.as_ptr())
            .flags(libc::AT_REMOVEDIR)
            .build()
            .user_data(2),
    ];
    told.push(format!(
        "removed: {:?} {}",
        run_all(&mut ring, &remove)?,
        sub.exists()
    ));

    // A link that breaks cancels what follows.
    let broken = [
        opcode::Read::new(types::Fixed(2), data.as_mut_ptr(), 1)
            .build()
            .flags(Flags::IO_LINK),
        opcode::Nop::new().build().user_data(1),
    ];
    // SAFETY: the buffer lives until both have completed.
    unsafe { ring.submission().push_multiple(&broken) }.map_err(io::Error::other)?;
    ring.submit_and_wait(2)?;
    told.extend(
        ring.completion()
            .map(|done| format!("broken: {} {}", done.user_data(), done.result())),
    );
    Ok(told)
}

fn is_the_copy(path: &Path) -> io::Result<bool> {
    let data = fs::read(path)?;
    Ok(data.len() == LEN
        && data
            .iter()
            .enumerate()
            .all(|(at, &found)| found == byte(at)))
}

pub(crate) fn run() -> io::Result<Vec<String>> {
    let dir = tempfile::tempdir()?;
    let source = dir.path().join("source");
    fs::write(&source, (0..LEN).map(byte).collect::<Vec<u8>>())?;
    let source = File::open(source)?;
    let mut told = Vec::new();
    let ways: [fn(&File, &File) -> io::Result<String>; 3] =
        [by_fixed_buffers, by_vectors, by_splice];
    for (number, way) in ways.iter().enumerate() {
        let target: PathBuf = dir.path().join(format!("target-{number}"));
        told.push(way(&source, &File::create(&target)?)?);
        assert!(is_the_copy(&target)?, "{told:?}");
    }
    told.extend(by_name(dir.path(), &source)?);
    Ok(told)
}
