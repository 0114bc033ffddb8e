//! Reading, writing, names, attributes, pipes, registered files.

use std::ptr::{without_provenance as at, without_provenance_mut as at_mut};

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::*;
use uring_sys::*;

use crate::{Case, Sqe, case};

fn slot(index: u32) -> Option<DestinationSlot> {
    Some(DestinationSlot::try_from_slot_target(index).unwrap())
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = reading_and_writing();
    all.extend(contents());
    #[cfg(target_pointer_width = "64")]
    all.extend(long_ranges());
    all.extend(names());
    all.extend(attributes());
    all.extend(pipes_and_slots());
    all
}

fn reading_and_writing() -> Vec<Case> {
    let pi = io_uring_attr_pi::default();
    let pi_at = std::ptr::from_ref(&pi) as u64;
    vec![
        case(
            Read::new(Fd(3), at_mut(0x1000), 4).build(),
            Sqe::new(IORING_OP_READ).fd(3).addr(0x1000).len(4),
        ),
        case(
            Read::new(Fixed(3), at_mut(0x1000), 4)
                .offset(5)
                .with_rw_flags(RwFlags::NOWAIT | RwFlags::HIPRI)
                .with_ioprio(IoPrio::realtime(6))
                .buf_group(7)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_READ)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .off(5)
                .op_flags(RWF_NOWAIT | RWF_HIPRI)
                .ioprio(1 << 13 | 6)
                .buf(7)
                .addr3(pi_at)
                .attr_type_mask(IORING_RW_ATTR_FLAG_PI),
        ),
        // A setter called again replaces.
        case(
            Read::new(Fd(3), at_mut(0), 0)
                .with_rw_flags(RwFlags::NOWAIT)
                .with_rw_flags(RwFlags::HIPRI)
                .build(),
            Sqe::new(IORING_OP_READ).fd(3).op_flags(RWF_HIPRI),
        ),
        case(
            Write::new(Fd(3), at(0x1000), 4)
                .offset(u64::MAX)
                .with_rw_flags(RwFlags::APPEND)
                .with_ioprio(IoPrio::idle())
                .write_stream(5)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_WRITE)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .off(u64::MAX)
                .op_flags(RWF_APPEND)
                .ioprio(3 << 13)
                .write_stream(5)
                .addr3(pi_at)
                .attr_type_mask(IORING_RW_ATTR_FLAG_PI),
        ),
        case(
            Readv::new(Fd(3), at(0x1000), 4)
                .offset(5)
                .rw_flags(6)
                .ioprio(7)
                .buf_group(8)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_READV)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .off(5)
                .op_flags(6)
                .ioprio(7)
                .buf(8)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            Writev::new(Fd(3), at(0x1000), 4)
                .offset(5)
                .rw_flags(6)
                .ioprio(7)
                .write_stream(8)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_WRITEV)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .off(5)
                .op_flags(6)
                .ioprio(7)
                .write_stream(8)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            ReadFixed::new(Fd(3), at_mut(0x1000), 4, 5)
                .offset(6)
                .rw_flags(7)
                .ioprio(8)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_READ_FIXED)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .off(6)
                .op_flags(7)
                .ioprio(8)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            WriteFixed::new(Fd(3), at(0x1000), 4, 5)
                .offset(6)
                .rw_flags(7)
                .ioprio(8)
                .write_stream(9)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_WRITE_FIXED)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .off(6)
                .op_flags(7)
                .ioprio(8)
                .write_stream(9)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            ReadvFixed::new(Fd(3), at(0x1000), 4, 5)
                .offset(6)
                .rw_flags(7)
                .ioprio(8)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_READV_FIXED)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .off(6)
                .op_flags(7)
                .ioprio(8)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            WritevFixed::new(Fd(3), at(0x1000), 4, 5)
                .offset(6)
                .rw_flags(7)
                .ioprio(8)
                .write_stream(9)
                .attr(&pi)
                .build(),
            Sqe::new(IORING_OP_WRITEV_FIXED)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .off(6)
                .op_flags(7)
                .ioprio(8)
                .write_stream(9)
                .addr3(pi_at)
                .attr_type_mask(1),
        ),
        case(
            ReadMulti::new(Fd(3), 4, 5)
                .offset(6)
                .rw_flags(7)
                .ioprio(8)
                .build(),
            Sqe::new(IORING_OP_READ_MULTISHOT)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .len(4)
                .buf(5)
                .off(6)
                .op_flags(7)
                .ioprio(8),
        ),
    ]
}

fn contents() -> Vec<Case> {
    vec![
        case(Fsync::new(Fd(3)).build(), Sqe::new(IORING_OP_FSYNC).fd(3)),
        case(
            Fsync::new(Fd(3))
                .offset(4)
                .len(5)
                .flags(FsyncFlags::DATASYNC)
                .build(),
            Sqe::new(IORING_OP_FSYNC)
                .fd(3)
                .off(4)
                .len(5)
                .op_flags(IORING_FSYNC_DATASYNC),
        ),
        case(
            SyncFileRange::new(Fd(3), 4)
                .offset(5)
                .with_flags(SyncRangeFlags::WRITE)
                .build(),
            Sqe::new(IORING_OP_SYNC_FILE_RANGE)
                .fd(3)
                .len(4)
                .off(5)
                .op_flags(2),
        ),
        case(
            Fallocate::new(Fd(3), 4)
                .offset(5)
                .with_mode(FallocateFlags::KEEP_SIZE)
                .build(),
            Sqe::new(IORING_OP_FALLOCATE).fd(3).addr(4).off(5).len(1),
        ),
        case(
            Ftruncate::new(Fd(3), 4).build(),
            Sqe::new(IORING_OP_FTRUNCATE).fd(3).off(4),
        ),
        case(
            Fadvise::new(Fd(3), 4, 2).offset(5).build(),
            Sqe::new(IORING_OP_FADVISE).fd(3).len(4).op_flags(2).off(5),
        ),
        case(
            Madvise::new(at(0x1000), 4096, 3).build(),
            Sqe::new(IORING_OP_MADVISE)
                .fd(-1)
                .addr(0x1000)
                .len(4096)
                .op_flags(3),
        ),
    ]
}

/// Where `off_t` has the 64 bits for it.
#[cfg(target_pointer_width = "64")]
fn long_ranges() -> Vec<Case> {
    vec![
        case(
            Fadvise::new(Fd(3), 1 << 32, 2).build(),
            Sqe::new(IORING_OP_FADVISE).fd(3).addr(1 << 32).op_flags(2),
        ),
        case(
            Madvise::new(at(0x1000), 1 << 32, 3).build(),
            Sqe::new(IORING_OP_MADVISE)
                .fd(-1)
                .addr(0x1000)
                .off(1 << 32)
                .op_flags(3),
        ),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case(
            OpenAt::new(Fd(3), at(0x1000))
                .with_flags(OpenFlags::RDWR | OpenFlags::CREAT)
                .mode(0o644)
                .build(),
            Sqe::new(IORING_OP_OPENAT)
                .fd(3)
                .addr(0x1000)
                .op_flags((libc::O_RDWR | libc::O_CREAT) as u32)
                .len(0o644),
        ),
        case(
            OpenAt::new(Fd(libc::AT_FDCWD), at(0x1000))
                .file_index(slot(5))
                .build(),
            Sqe::new(IORING_OP_OPENAT)
                .fd(libc::AT_FDCWD)
                .addr(0x1000)
                .file_index(6),
        ),
        case(
            OpenAt2::new(Fd(3), at(0x1000), at(0x2000))
                .file_index(Some(DestinationSlot::auto_target()))
                .build(),
            Sqe::new(IORING_OP_OPENAT2)
                .fd(3)
                .addr(0x1000)
                .off(0x2000)
                .len(24)
                .file_index(IORING_FILE_INDEX_ALLOC),
        ),
        case(Close::new(Fd(3)).build(), Sqe::new(IORING_OP_CLOSE).fd(3)),
        case(
            Close::new(Fixed(3)).build(),
            Sqe::new(IORING_OP_CLOSE).file_index(4),
        ),
        case(
            Statx::new(Fd(3), at(0x1000), at_mut(0x2000))
                .with_flags(AtFlags::EMPTY_PATH)
                .with_mask(StatxMask::SIZE)
                .build(),
            Sqe::new(IORING_OP_STATX)
                .fd(3)
                .addr(0x1000)
                .off(0x2000)
                .op_flags(0x1000)
                .len(0x200),
        ),
        case(
            RenameAt::new(Fd(3), at(0x1000), Fd(4), at(0x2000))
                .with_flags(RenameFlags::EXCHANGE)
                .build(),
            Sqe::new(IORING_OP_RENAMEAT)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .off(0x2000)
                .op_flags(2),
        ),
        case(
            UnlinkAt::new(Fd(3), at(0x1000))
                .with_flags(AtFlags::REMOVEDIR)
                .build(),
            Sqe::new(IORING_OP_UNLINKAT)
                .fd(3)
                .addr(0x1000)
                .op_flags(0x200),
        ),
        case(
            MkDirAt::new(Fd(3), at(0x1000)).mode(0o755).build(),
            Sqe::new(IORING_OP_MKDIRAT).fd(3).addr(0x1000).len(0o755),
        ),
        case(
            SymlinkAt::new(Fd(3), at(0x1000), at(0x2000)).build(),
            Sqe::new(IORING_OP_SYMLINKAT).fd(3).addr(0x1000).off(0x2000),
        ),
        case(
            LinkAt::new(Fd(3), at(0x1000), Fd(-100), at(0x2000))
                .with_flags(AtFlags::SYMLINK_FOLLOW)
                .build(),
            Sqe::new(IORING_OP_LINKAT)
                .fd(3)
                .addr(0x1000)
                .len(-100i32 as u32)
                .off(0x2000)
                .op_flags(0x400),
        ),
    ]
}

fn attributes() -> Vec<Case> {
    vec![
        case(
            GetXattr::new(at(0x1000), at_mut(0x2000), at(0x3000), 4).build(),
            Sqe::new(IORING_OP_GETXATTR)
                .addr(0x1000)
                .off(0x2000)
                .addr3(0x3000)
                .len(4),
        ),
        case(
            SetXattr::new(at(0x1000), at(0x2000), at(0x3000), 4)
                .with_flags(XattrFlags::CREATE)
                .build(),
            Sqe::new(IORING_OP_SETXATTR)
                .addr(0x1000)
                .off(0x2000)
                .addr3(0x3000)
                .len(4)
                .op_flags(1),
        ),
        case(
            FGetXattr::new(Fd(3), at(0x1000), at_mut(0x2000), 4).build(),
            Sqe::new(IORING_OP_FGETXATTR)
                .fd(3)
                .addr(0x1000)
                .off(0x2000)
                .len(4),
        ),
        case(
            FSetXattr::new(Fd(3), at(0x1000), at(0x2000), 4)
                .with_flags(XattrFlags::REPLACE)
                .build(),
            Sqe::new(IORING_OP_FSETXATTR)
                .fd(3)
                .addr(0x1000)
                .off(0x2000)
                .len(4)
                .op_flags(2),
        ),
    ]
}

fn pipes_and_slots() -> Vec<Case> {
    vec![
        case(
            Pipe::new(at_mut(0x1000))
                .with_flags(OpenFlags::CLOEXEC)
                .file_index(slot(3))
                .build(),
            Sqe::new(IORING_OP_PIPE)
                .addr(0x1000)
                .op_flags(libc::O_CLOEXEC as u32)
                .file_index(4),
        ),
        case(
            Splice::new(Fd(3), -1, Fd(4), 5, 6)
                .with_flags(SpliceFlags::MOVE)
                .build(),
            Sqe::new(IORING_OP_SPLICE)
                .fd(4)
                .file_index(3)
                .addr(u64::MAX)
                .off(5)
                .len(6)
                .op_flags(1),
        ),
        // The flag of the input stays, whatever flags are set.
        case(
            Splice::new(Fixed(3), 4, Fixed(5), -1, 6)
                .with_flags(SpliceFlags::MORE)
                .flags(0)
                .build(),
            Sqe::new(IORING_OP_SPLICE)
                .flags(IOSQE_FIXED_FILE)
                .fd(5)
                .file_index(3)
                .addr(4)
                .off(u64::MAX)
                .len(6)
                .op_flags(SPLICE_F_FD_IN_FIXED),
        ),
        case(
            Tee::new(Fixed(3), Fd(4), 5)
                .with_flags(SpliceFlags::NONBLOCK)
                .build(),
            Sqe::new(IORING_OP_TEE)
                .fd(4)
                .file_index(3)
                .len(5)
                .op_flags(SPLICE_F_FD_IN_FIXED | libc::SPLICE_F_NONBLOCK),
        ),
        case(
            FilesUpdate::new(at(0x1000), 4).offset(-1).build(),
            Sqe::new(IORING_OP_FILES_UPDATE)
                .fd(-1)
                .addr(0x1000)
                .len(4)
                .off(u64::MAX),
        ),
        case(
            FixedFdInstall::new(Fixed(3), InstallFdFlags::NO_CLOEXEC.bits()).build(),
            Sqe::new(IORING_OP_FIXED_FD_INSTALL)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .op_flags(1),
        ),
    ]
}
