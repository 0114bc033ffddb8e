//! A file's status.

use std::ffi::CStr;
use std::fmt::{self, Debug, Formatter};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Cqe, Entry, Error, Operation, PathArg};
use crate::uring::raw::opcode;
use crate::uring::raw::types::{AtFlags, StatxMask};
use crate::uring::{Cwd, Directory};

/// Reads a file's status, as statx(2) does. Since Linux 5.6.
///
/// Gives a [`Status`]. Follows symbolic links unless told otherwise.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Statx::new(c"/proc/self/exe"))?;
/// let status = ring.wait(ticket)??;
/// assert!(status.is_file());
/// assert!(status.size().is_some_and(|size| size > 0));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Statx<P, D = Cwd> {
    dir: D,
    path: P,
    flags: AtFlags,
    mask: StatxMask,
    /// Where the kernel writes the answer.
    answer: MaybeUninit<libc::statx>,
}

impl<P: PathArg> Statx<P> {
    /// Of which; a relative path starts from the current directory, unless told [`at`](Self::at) which.
    pub fn new(path: P) -> Self {
        Self {
            dir: Cwd,
            path,
            flags: AtFlags::empty(),
            mask: StatxMask::BASIC_STATS | StatxMask::BTIME,
            answer: MaybeUninit::uninit(),
        }
    }
}

impl<F: AsFd> Statx<&'static CStr, F> {
    /// Of an open file.
    pub fn of(file: F) -> Self {
        Statx::new(c"").at(file).flags(AtFlags::EMPTY_PATH)
    }
}

impl<P: PathArg, D: Directory> Statx<P, D> {
    /// The directory from which a relative path starts.
    pub fn at<E: Directory>(self, dir: E) -> Statx<P, E> {
        let Self {
            path,
            flags,
            mask,
            answer,
            ..
        } = self;
        Statx {
            dir,
            path,
            flags,
            mask,
            answer,
        }
    }

    /// What the path stands for.
    #[must_use]
    pub fn flags(mut self, flags: AtFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Which fields are wanted: the basic ones and the time of birth unless told. A file system may give others, or
    /// less.
    #[must_use]
    pub fn mask(mut self, mask: StatxMask) -> Self {
        self.mask = mask;
        self
    }
}

// SAFETY: the path and the directory stay where they are while the value does, and the answer lies in it.
unsafe impl<P: PathArg, D: Directory> Operation for Statx<P, D> {
    const OPCODE: u8 = opcode::Statx::CODE;

    type Output = Result<Status, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Statx::new(
            self.dir.number(),
            self.path.stable_path(),
            self.answer.as_mut_ptr(),
        )
        .with_flags(self.flags)
        .with_mask(self.mask)
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result)?;
        // SAFETY: the operation succeeded, so the kernel has written all of it.
        Ok(Status(unsafe { self.answer.assume_init() }))
    }
}

impl<P: Debug, D: Debug> Debug for Statx<P, D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statx")
            .field("dir", &self.dir)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A file's status. What the file system did not tell is `None`.
#[derive(Clone, Copy)]
pub struct Status(libc::statx);

impl Status {
    /// Which fields it has.
    pub fn mask(&self) -> StatxMask {
        StatxMask::from_bits_retain(self.0.stx_mask)
    }

    fn known<T>(&self, mask: StatxMask, value: T) -> Option<T> {
        self.mask().contains(mask).then_some(value)
    }

    /// The bits of `S_IFMT`, if they are known.
    fn is(&self, kind: libc::mode_t) -> bool {
        let mode = libc::mode_t::from(self.0.stx_mode);
        self.mask().contains(StatxMask::TYPE) && mode & libc::S_IFMT == kind
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.is(libc::S_IFREG)
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.is(libc::S_IFDIR)
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.is(libc::S_IFLNK)
    }

    /// Whether it is a block device.
    pub fn is_block_device(&self) -> bool {
        self.is(libc::S_IFBLK)
    }

    /// Whether it is a character device.
    pub fn is_char_device(&self) -> bool {
        self.is(libc::S_IFCHR)
    }

    /// Whether it is a pipe.
    pub fn is_fifo(&self) -> bool {
        self.is(libc::S_IFIFO)
    }

    /// Whether it is a socket.
    pub fn is_socket(&self) -> bool {
        self.is(libc::S_IFSOCK)
    }

    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub fn permissions(&self) -> Option<u32> {
        self.known(StatxMask::MODE, u32::from(self.0.stx_mode) & 0o7777)
    }

    /// The length in bytes; of a symbolic link, that of what it says.
    pub fn size(&self) -> Option<u64> {
        self.known(StatxMask::SIZE, self.0.stx_size)
    }

    /// The space that it takes, in units of 512 bytes.
    pub fn blocks(&self) -> Option<u64> {
        self.known(StatxMask::BLOCKS, self.0.stx_blocks)
    }

    /// The number of bytes to read or write at a time, best.
    pub fn block_size(&self) -> u32 {
        self.0.stx_blksize
    }

    /// The number of names.
    pub fn links(&self) -> Option<u32> {
        self.known(StatxMask::NLINK, self.0.stx_nlink)
    }

    /// The inode number.
    pub fn inode(&self) -> Option<u64> {
        self.known(StatxMask::INO, self.0.stx_ino)
    }

    /// The owner.
    pub fn uid(&self) -> Option<u32> {
        self.known(StatxMask::UID, self.0.stx_uid)
    }

    /// The group.
    pub fn gid(&self) -> Option<u32> {
        self.known(StatxMask::GID, self.0.stx_gid)
    }

    /// The device that it lies on: major and minor number.
    pub fn device(&self) -> (u32, u32) {
        (self.0.stx_dev_major, self.0.stx_dev_minor)
    }

    /// The device that it is, if it is one: major and minor number.
    pub fn device_number(&self) -> Option<(u32, u32)> {
        (self.is_block_device() || self.is_char_device())
            .then_some((self.0.stx_rdev_major, self.0.stx_rdev_minor))
    }

    /// When it was read last.
    pub fn accessed(&self) -> Option<SystemTime> {
        self.known(StatxMask::ATIME, time(&self.0.stx_atime))?
    }

    /// When its data was changed last.
    pub fn modified(&self) -> Option<SystemTime> {
        self.known(StatxMask::MTIME, time(&self.0.stx_mtime))?
    }

    /// When its status was changed last.
    pub fn changed(&self) -> Option<SystemTime> {
        self.known(StatxMask::CTIME, time(&self.0.stx_ctime))?
    }

    /// When it was made.
    pub fn created(&self) -> Option<SystemTime> {
        self.known(StatxMask::BTIME, time(&self.0.stx_btime))?
    }

    /// The id of the mount that it was found on. Since Linux 5.8.
    pub fn mount_id(&self) -> Option<u64> {
        self.known(StatxMask::MNT_ID, self.0.stx_mnt_id)
    }

    /// What `O_DIRECT` needs: alignment of the memory, and of offset and length, in bytes; both 0 if it cannot be
    /// had. Since Linux 6.1.
    pub fn direct_alignment(&self) -> Option<(u32, u32)> {
        let alignment = (self.0.stx_dio_mem_align, self.0.stx_dio_offset_align);
        self.known(StatxMask::DIOALIGN, alignment)
    }

    /// `STATX_ATTR_*`: those that are set, of those that the file system tells.
    pub fn attributes(&self) -> u64 {
        self.0.stx_attributes & self.0.stx_attributes_mask
    }

    /// All that the kernel has written.
    pub fn as_raw(&self) -> &libc::statx {
        &self.0
    }
}

fn time(of: &libc::statx_timestamp) -> Option<SystemTime> {
    let whole = Duration::from_secs(of.tv_sec.unsigned_abs());
    let second = if of.tv_sec < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second?.checked_add(Duration::from_nanos(of.tv_nsec.into()))
}

impl Debug for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("mask", &self.mask())
            .field("mode", &format_args!("{:#o}", self.0.stx_mode))
            .field("size", &self.size())
            .field("inode", &self.inode())
            .field("modified", &self.modified())
            .finish_non_exhaustive()
    }
}
