//! The entries of `safe::uring::raw::opcode` are, byte for byte, those of the crate `io-uring`.
//!
//! Each expression below is compiled twice, once with the `opcode` and `types` of either crate: so
//! this also shows that programs written for that crate compile with this one.

#![cfg(feature = "uring")]

use std::collections::BTreeSet;
use std::ptr::without_provenance as at;
use std::ptr::without_provenance_mut as at_mut;

/// The bytes of an entry of either crate.
trait Bytes {
    fn bytes(&self) -> Vec<u8>;
}

macro_rules! bytes_of {
    ($($entry:ty),+) => {$(
        impl Bytes for $entry {
            fn bytes(&self) -> Vec<u8> {
                // SAFETY: the entry is one or two `io_uring_sqe` (`repr(C)` or `repr(transparent)`
                // over it), all of whose bytes are initialised as it has no padding; the reference
                // keeps it alive and unchanged.
                unsafe {
                    std::slice::from_raw_parts(
                        std::ptr::from_ref(self).cast::<u8>(),
                        size_of::<Self>(),
                    )
                }
                .to_vec()
            }
        }
    )+};
}

bytes_of!(
    safe::uring::raw::squeue::Entry,
    safe::uring::raw::squeue::Entry128,
    io_uring::squeue::Entry,
    io_uring::squeue::Entry128
);

/// Builds each entry with either crate, compares, and gives the opcodes that occurred.
macro_rules! same {
    ($($builder:expr),+ $(,)?) => {{
        let mut codes = Vec::new();
        $(
            let ours = {
                use safe::uring::raw::{opcode, types};
                // Both are imported for each, though not each mentions both.
                let _ = (opcode::Nop::CODE, types::Fd(0));
                $builder.build().bytes()
            };
            let theirs = {
                use io_uring::{opcode, types};
                let _ = (opcode::Nop::CODE, types::Fd(0));
                $builder.build().bytes()
            };
            assert_eq!(ours, theirs, "{}", stringify!($builder));
            codes.push(ours[0]);
        )+
        codes
    }};
}

/// For each opcode that both crates have: all but the two of 128 bytes.
#[test]
fn entries_are_the_same() {
    let codes: BTreeSet<u8> = [files(), sockets(), others()]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(codes, (0..uring_sys::IORING_OP_NOP128).collect());
}

fn files() -> Vec<u8> {
    same![
        opcode::Nop::new(),
        opcode::Readv::new(types::Fd(3), at(0x1000), 4),
        opcode::Readv::new(types::Fixed(3), at(0x1000), 4)
            .ioprio(5)
            .offset(6)
            .rw_flags(7)
            .buf_group(8),
        opcode::Writev::new(types::Fd(3), at(0x1000), 4)
            .ioprio(5)
            .offset(6)
            .rw_flags(7)
            .write_stream(8),
        opcode::Fsync::new(types::Fd(3)),
        opcode::Fsync::new(types::Fixed(3))
            .offset(4)
            .len(5)
            .flags(types::FsyncFlags::DATASYNC),
        opcode::ReadFixed::new(types::Fd(3), at_mut(0x1000), 4, 5)
            .ioprio(6)
            .offset(7)
            .rw_flags(8),
        opcode::WriteFixed::new(types::Fd(3), at(0x1000), 4, 5)
            .ioprio(6)
            .offset(7)
            .rw_flags(8)
            .write_stream(9),
        opcode::SyncFileRange::new(types::Fd(3), 4)
            .offset(5)
            .flags(libc::SYNC_FILE_RANGE_WRITE),
        opcode::Fallocate::new(types::Fd(3), 4)
            .offset(5)
            .mode(libc::FALLOC_FL_KEEP_SIZE),
        opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), c"/a".as_ptr())
            .flags(libc::O_RDWR | libc::O_CREAT)
            .mode(0o644),
        opcode::OpenAt::new(types::Fd(3), at(0x1000))
            .file_index(Some(types::DestinationSlot::auto_target())),
        opcode::OpenAt::new(types::Fd(3), at(0x1000)).file_index(None),
        opcode::Close::new(types::Fd(3)),
        opcode::Close::new(types::Fixed(3)),
        opcode::FilesUpdate::new(at(0x1000), 4).offset(5),
        opcode::FilesUpdate::new(at(0x1000), 4).offset(-1),
        opcode::Statx::new(types::Fd(3), at(0x1000), at_mut(0x2000))
            .flags(libc::AT_EMPTY_PATH)
            .mask(libc::STATX_SIZE),
        opcode::Read::new(types::Fd(3), at_mut(0x1000), 4),
        opcode::Read::new(types::Fixed(3), at_mut(0x1000), 4)
            .offset(u64::MAX)
            .ioprio(5)
            .rw_flags(libc::RWF_NOWAIT)
            .buf_group(6),
        opcode::Write::new(types::Fd(3), at(0x1000), 4)
            .offset(5)
            .ioprio(6)
            .rw_flags(libc::RWF_DSYNC)
            .write_stream(7),
        opcode::Fadvise::new(types::Fd(3), 4, libc::POSIX_FADV_DONTNEED).offset(5),
        opcode::Fadvise::new(types::Fd(3), 0xffff_ffff, 5),
        opcode::Madvise::new(at(0x1000), 4096, libc::MADV_WILLNEED),
        opcode::OpenAt2::new(types::Fd(3), at(0x1000), at(0x2000)).file_index(Some(
            types::DestinationSlot::try_from_slot_target(7).unwrap()
        )),
        opcode::Splice::new(types::Fd(3), -1, types::Fd(4), 5, 6).flags(libc::SPLICE_F_MOVE),
        opcode::Splice::new(types::Fixed(3), 4, types::Fixed(5), -1, 6).flags(libc::SPLICE_F_MORE),
        opcode::Tee::new(types::Fd(3), types::Fd(4), 5).flags(libc::SPLICE_F_NONBLOCK),
        opcode::Tee::new(types::Fixed(3), types::Fd(4), 5).flags(libc::SPLICE_F_NONBLOCK),
        opcode::RenameAt::new(
            types::Fd(3),
            at(0x1000),
            types::Fd(libc::AT_FDCWD),
            at(0x2000)
        )
        .flags(libc::RENAME_NOREPLACE),
        opcode::UnlinkAt::new(types::Fd(3), at(0x1000)).flags(libc::AT_REMOVEDIR),
        opcode::MkDirAt::new(types::Fd(3), at(0x1000)).mode(0o755),
        opcode::SymlinkAt::new(types::Fd(3), at(0x1000), at(0x2000)),
        opcode::LinkAt::new(types::Fd(3), at(0x1000), types::Fd(4), at(0x2000))
            .flags(libc::AT_SYMLINK_FOLLOW),
        opcode::GetXattr::new(at(0x1000), at_mut(0x2000), at(0x3000), 4),
        opcode::SetXattr::new(at(0x1000), at(0x2000), at(0x3000), 4).flags(libc::XATTR_CREATE),
        opcode::FGetXattr::new(types::Fd(3), at(0x1000), at_mut(0x2000), 4),
        opcode::FSetXattr::new(types::Fd(3), at(0x1000), at(0x2000), 4).flags(libc::XATTR_REPLACE),
        opcode::ReadMulti::new(types::Fd(3), 4, 5).offset(6),
        opcode::FixedFdInstall::new(types::Fixed(3), 1),
        opcode::Ftruncate::new(types::Fd(3), 4),
        opcode::ReadvFixed::new(types::Fd(3), at(0x1000), 4, 5)
            .ioprio(6)
            .offset(7)
            .rw_flags(8),
        opcode::WritevFixed::new(types::Fd(3), at(0x1000), 4, 5)
            .ioprio(6)
            .offset(7)
            .rw_flags(8)
            .write_stream(9),
        opcode::Pipe::new(at_mut(0x1000))
            .flags(3)
            .file_index(Some(types::DestinationSlot::auto_target())),
    ]
}

fn sockets() -> Vec<u8> {
    same![
        opcode::SendMsg::new(types::Fd(3), at(0x1000))
            .ioprio(1)
            .flags(libc::MSG_DONTWAIT as u32),
        opcode::RecvMsg::new(types::Fd(3), at_mut(0x1000))
            .ioprio(1)
            .flags(5)
            .buf_group(6),
        opcode::RecvMsgMulti::new(types::Fd(3), at(0x1000), 4)
            .ioprio(1)
            .flags(6),
        opcode::Accept::new(types::Fd(3), at_mut(0x1000), at_mut(0x2000)).flags(libc::SOCK_CLOEXEC),
        opcode::Accept::new(types::Fd(3), at_mut(0), at_mut(0))
            .file_index(Some(types::DestinationSlot::auto_target())),
        opcode::SetSockOpt::new(types::Fd(3), 4, 5, at(0x1000), 6).flags(7),
        opcode::Connect::new(types::Fd(3), at(0x1000), 16),
        opcode::Send::new(types::Fd(3), at(0x1000), 4)
            .ioprio(1)
            .flags(libc::MSG_MORE)
            .dest_addr(at(0x2000))
            .dest_addr_len(16),
        opcode::Recv::new(types::Fd(3), at_mut(0x1000), 4)
            .ioprio(1)
            .flags(libc::MSG_PEEK)
            .buf_group(7),
        opcode::RecvMulti::new(types::Fd(3), 4).flags(5).len(6),
        opcode::Shutdown::new(types::Fd(3), libc::SHUT_RDWR),
        opcode::Socket::new(libc::AF_INET, libc::SOCK_STREAM, 6)
            .flags(0)
            .file_index(Some(types::DestinationSlot::auto_target())),
        opcode::AcceptMulti::new(types::Fd(3))
            .flags(libc::SOCK_NONBLOCK)
            .allocate_file_index(true),
        opcode::AcceptMulti::new(types::Fixed(3)).allocate_file_index(false),
        opcode::SendZc::new(types::Fd(3), at(0x1000), 4)
            .buf_index(Some(5))
            .dest_addr(at(0x2000))
            .dest_addr_len(28)
            .flags(6)
            .zc_flags(8),
        opcode::SendZc::new(types::Fd(3), at(0x1000), 4)
            .zc_flags(8)
            .buf_index(Some(0)),
        opcode::SendZc::new(types::Fd(3), at(0x1000), 4).buf_index(None),
        opcode::SendMsgZc::new(types::Fd(3), at(0x1000))
            .ioprio(8)
            .flags(5),
        opcode::SendBundle::new(types::Fd(3), 4).flags(5).len(6),
        opcode::RecvBundle::new(types::Fd(3), 4).flags(5),
        opcode::RecvMultiBundle::new(types::Fd(3), 4).flags(5),
        opcode::Bind::new(types::Fd(3), at(0x1000), 16),
        opcode::Listen::new(types::Fd(3), 4),
        opcode::RecvZc::new(types::Fd(3), 4).ifq(5).ioprio(1),
    ]
}

fn others() -> Vec<u8> {
    same![
        opcode::PollAdd::new(types::Fd(3), libc::POLLIN as _),
        opcode::PollAdd::new(types::Fd(3), libc::EPOLLEXCLUSIVE as u32 | 5).multi(true),
        opcode::PollRemove::new(7),
        opcode::Timeout::new(at(0x1000))
            .count(3)
            .flags(types::TimeoutFlags::ABS | types::TimeoutFlags::BOOTTIME),
        opcode::TimeoutRemove::new(7),
        opcode::TimeoutUpdate::new(7, at(0x1000)).flags(types::TimeoutFlags::LINK_TIMEOUT_UPDATE),
        opcode::AsyncCancel::new(7),
        opcode::LinkTimeout::new(at(0x1000)).flags(types::TimeoutFlags::ETIME_SUCCESS),
        opcode::EpollCtl::new(types::Fd(3), types::Fd(4), libc::EPOLL_CTL_ADD, at(0x1000)),
        opcode::EpollWait::new(types::Fd(3), at_mut(0x1000), 4).flags(0),
        opcode::ProvideBuffers::new(at_mut(0x1000), 4, 5, 6, 7),
        opcode::RemoveBuffers::new(5, 6),
        opcode::MsgRingData::new(types::Fd(3), -4, 5, None).opcode_flags(1),
        opcode::MsgRingData::new(types::Fd(3), -4, 5, Some(6)).opcode_flags(1),
        opcode::MsgRingSendFd::new(
            types::Fd(3),
            types::Fixed(4),
            types::DestinationSlot::auto_target(),
            5
        )
        .opcode_flags(1),
        opcode::AsyncCancel2::new(types::CancelBuilder::any()),
        opcode::AsyncCancel2::new(types::CancelBuilder::user_data(7).all()),
        opcode::AsyncCancel2::new(types::CancelBuilder::fd(types::Fd(3))),
        opcode::AsyncCancel2::new(types::CancelBuilder::fd(types::Fixed(3)).all()),
        opcode::UringCmd16::new(types::Fd(3), 4)
            .cmd(std::array::from_fn(|i| i as u8 + 1))
            .buf_index(Some(5))
            .addr(Some(6)),
        opcode::UringCmd80::new(types::Fixed(3), 4)
            .cmd(std::array::from_fn(|i| i as u8 + 1))
            .buf_index(None)
            .addr(None),
        opcode::FutexWait::new(at(0x1000), 3, 4, 2).flags(0),
        opcode::FutexWake::new(at(0x1000), 3, 4, 130).flags(0),
        opcode::FutexWaitV::new(at(0x1000), 3).flags(0),
        opcode::WaitId::new(libc::P_PID, 3, libc::WEXITED)
            .infop(at(0x1000))
            .flags(0),
    ]
}

/// Where the bytes differ, as the documentation of the module says.
#[test]
fn what_differs() {
    use io_uring::{opcode as old, types as old_types};
    use safe::uring::raw::{opcode, types};

    // 4 GiB and a bit: they keep the bit.
    #[cfg(target_pointer_width = "64")]
    {
        let len = 0x1_0000_0010;
        let theirs = old::Fadvise::new(old_types::Fd(3), len, 0).build().bytes();
        assert_eq!(theirs[24..28], 0x10u32.to_ne_bytes());
        let ours = opcode::Fadvise::new(types::Fd(3), len, 0).build().bytes();
        assert_eq!(
            (&ours[16..24], &ours[24..28]),
            (&len.to_ne_bytes()[..], &[0; 4][..])
        );
        let ours = opcode::Madvise::new(at(0x1000), len, 0).build().bytes();
        assert_eq!(
            (&ours[8..16], &ours[24..28]),
            (&len.to_ne_bytes()[..], &[0; 4][..])
        );
    }
    let ours = opcode::Fadvise::new(types::Fd(3), -1, 0).build().bytes();
    assert_eq!(ours[16..24], [0xff; 8]);

    let ours = opcode::Close::new(types::Fixed(u32::MAX)).build().bytes();
    assert_eq!(ours[44..48], [0xff; 4]);

    let theirs = old::Send::new(old_types::Fd(3), at(0), 0)
        .dest_addr_len(0x1_0010)
        .build()
        .bytes();
    assert_eq!(theirs[44..46], 0x10u16.to_ne_bytes());
    let ours = opcode::Send::new(types::Fd(3), at(0), 0)
        .dest_addr_len(0x1_0010)
        .build()
        .bytes();
    assert_eq!(ours[44..48], [0xff, 0xff, 0, 0]);

    let theirs = old::Read::new(old_types::Fixed(3), at_mut(0), 0)
        .build()
        .clear_flags()
        .bytes();
    assert_eq!(theirs[1], 0);
    let ours = opcode::Read::new(types::Fixed(3), at_mut(0), 0)
        .build()
        .clear_flags()
        .bytes();
    assert_eq!(ours[1], uring_sys::IOSQE_FIXED_FILE);
}

/// The methods of an entry do the same in both crates.
#[test]
fn entries() {
    macro_rules! entry {
        ($krate:path) => {{
            use $krate as raw;
            let entry = raw::opcode::Nop::new()
                .build()
                .flags(raw::squeue::Flags::IO_LINK | raw::squeue::Flags::ASYNC)
                .clear_flags()
                .flags(raw::squeue::Flags::SKIP_SUCCESS)
                .flags(raw::squeue::Flags::IO_DRAIN)
                .user_data(7)
                .personality(8);
            assert_eq!(entry.get_opcode(), 0);
            let mut large = raw::squeue::Entry128::from(entry.clone());
            large.set_user_data(large.get_user_data() + 1);
            (
                entry.bytes(),
                large.bytes(),
                <raw::squeue::Entry128 as raw::squeue::EntryMarker>::BUILD_FLAGS,
            )
        }};
    }
    assert_eq!(entry!(safe::uring::raw), entry!(io_uring));
}
