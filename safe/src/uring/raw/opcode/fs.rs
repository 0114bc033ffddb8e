//! Names in the file system: opening, closing, status, and making or removing names.

use libc::c_char;

use super::{address, entry};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::sealed::{Target, UseFd, UseFixed};
use crate::uring::raw::types::{self, AtFlags, OpenFlags, OpenHow, RenameFlags, StatxMask};

builder! {
    /// Opens a file, like openat(2); the result is its descriptor, or 0 if it went into a given
    /// slot. Since Linux 5.6.
    ///
    /// The path must stay valid until submitted. A cancelled or ignored open still leaves a
    /// descriptor behind.
    OpenAt -> Entry = IORING_OP_OPENAT { flags: OpenFlags as i32, file_index }
}

impl OpenAt {
    /// The directory that a relative path starts from (`AT_FDCWD` for the current one), and the
    /// path.
    #[inline]
    pub fn new(dirfd: impl UseFd, pathname: *const c_char) -> Self {
        Self(entry(Self::CODE, dirfd.into(), |sqe| {
            sqe.set_addr(address(pathname))
        }))
    }

    /// The permission bits of a file that is created.
    #[inline]
    pub fn mode(mut self, mode: libc::mode_t) -> Self {
        self.0.as_raw_mut().len = mode;
        self
    }
}

builder! {
    /// Opens a file, like openat2(2); the result is its descriptor, or 0 if it went into a given
    /// slot. Since Linux 5.6.
    ///
    /// The path and `how` must stay valid until submitted. A cancelled or ignored open still leaves
    /// a descriptor behind.
    OpenAt2 -> Entry = IORING_OP_OPENAT2 { file_index }
}

impl OpenAt2 {
    /// The directory that a relative path starts from (`AT_FDCWD` for the current one), the path,
    /// and how to open it.
    #[inline]
    pub fn new(dirfd: impl UseFd, pathname: *const c_char, how: *const OpenHow) -> Self {
        Self(entry(Self::CODE, dirfd.into(), |sqe| {
            sqe.set_addr(address(pathname));
            sqe.len = size_of::<OpenHow>() as u32;
            sqe.set_addr2(address(how));
        }))
    }
}

builder! {
    /// Closes a descriptor, like close(2), or since Linux 5.15 empties a slot of the registered
    /// files. Since Linux 5.6.
    ///
    /// Operations that use the file go on; cancel them first. Closing a ring by its own descriptor
    /// gives `-EBADF`.
    Close -> Entry = IORING_OP_CLOSE {}
}

impl Close {
    /// What to close.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        match fd.into() {
            Target::Fd(fd) => Self(entry(Self::CODE, fd, |_| ())),
            // 0 would mean that `fd` counts, hence no wrapping; slot `u32::MAX` cannot exist.
            Target::Fixed(slot) => Self(entry(Self::CODE, 0, |sqe| {
                sqe.set_file_index(slot.saturating_add(1))
            })),
        }
    }
}

builder! {
    /// Reads a file's status, like statx(2). Since Linux 5.6.
    ///
    /// The path must stay valid until submitted, `statxbuf` until the final completion.
    Statx -> Entry = IORING_OP_STATX { flags: AtFlags as i32 }
}

impl Statx {
    /// The directory that a relative path starts from, the path, and where to put the answer.
    #[inline]
    pub fn new(dirfd: impl UseFd, pathname: *const c_char, statxbuf: *mut types::statx) -> Self {
        Self(entry(Self::CODE, dirfd.into(), |sqe| {
            sqe.set_addr(address(pathname));
            sqe.set_addr2(address(statxbuf));
        }))
    }

    /// As [`with_mask`](Self::with_mask), by the integers of `libc`.
    #[inline]
    pub fn mask(self, mask: u32) -> Self {
        self.with_mask(mask.into())
    }

    /// Which fields are wanted.
    #[inline]
    pub fn with_mask(mut self, mask: StatxMask) -> Self {
        self.0.as_raw_mut().len = mask.bits();
        self
    }
}

builder! {
    /// Renames or moves, like renameat2(2). Since Linux 5.11.
    ///
    /// Both paths must stay valid until submitted.
    RenameAt -> Entry = IORING_OP_RENAMEAT { flags: RenameFlags as u32 }
}

impl RenameAt {
    /// The directory and path of what is there, then those of what it becomes.
    #[inline]
    pub fn new(
        olddirfd: impl UseFd,
        oldpath: *const c_char,
        newdirfd: impl UseFd,
        newpath: *const c_char,
    ) -> Self {
        Self(entry(Self::CODE, olddirfd.into(), |sqe| {
            sqe.set_addr(address(oldpath));
            sqe.len = newdirfd.into() as u32;
            sqe.set_addr2(address(newpath));
        }))
    }
}

builder! {
    /// Removes a name, like unlinkat(2); a directory with [`AtFlags::REMOVEDIR`]. Since Linux 5.11.
    ///
    /// The path must stay valid until submitted.
    UnlinkAt -> Entry = IORING_OP_UNLINKAT { flags: AtFlags as i32 }
}

impl UnlinkAt {
    /// The directory that a relative path starts from, and the path.
    #[inline]
    pub fn new(dirfd: impl UseFd, pathname: *const c_char) -> Self {
        Self(entry(Self::CODE, dirfd.into(), |sqe| {
            sqe.set_addr(address(pathname))
        }))
    }
}

builder! {
    /// Makes a directory, like mkdirat(2). Since Linux 5.15.
    ///
    /// The path must stay valid until submitted.
    MkDirAt -> Entry = IORING_OP_MKDIRAT {}
}

impl MkDirAt {
    /// The directory that a relative path starts from, and the path.
    #[inline]
    pub fn new(dirfd: impl UseFd, pathname: *const c_char) -> Self {
        Self(entry(Self::CODE, dirfd.into(), |sqe| {
            sqe.set_addr(address(pathname))
        }))
    }

    /// The permission bits, of which the umask takes some away. 0 unless set.
    #[inline]
    pub fn mode(mut self, mode: libc::mode_t) -> Self {
        self.0.as_raw_mut().len = mode;
        self
    }
}

builder! {
    /// Makes a symbolic link, like symlinkat(2). Since Linux 5.15.
    ///
    /// Both paths must stay valid until submitted.
    SymlinkAt -> Entry = IORING_OP_SYMLINKAT {}
}

impl SymlinkAt {
    /// The directory that a relative link path starts from, what the link says, and the path of the
    /// link.
    #[inline]
    pub fn new(newdirfd: impl UseFd, target: *const c_char, linkpath: *const c_char) -> Self {
        Self(entry(Self::CODE, newdirfd.into(), |sqe| {
            sqe.set_addr(address(target));
            sqe.set_addr2(address(linkpath));
        }))
    }
}

builder! {
    /// Makes a hard link, like linkat(2). Since Linux 5.15.
    ///
    /// Both paths must stay valid until submitted.
    LinkAt -> Entry = IORING_OP_LINKAT { flags: AtFlags as i32 }
}

impl LinkAt {
    /// The directory and path of what is there, then those of its new name.
    #[inline]
    pub fn new(
        olddirfd: impl UseFd,
        oldpath: *const c_char,
        newdirfd: impl UseFd,
        newpath: *const c_char,
    ) -> Self {
        Self(entry(Self::CODE, olddirfd.into(), |sqe| {
            sqe.set_addr(address(oldpath));
            sqe.len = newdirfd.into() as u32;
            sqe.set_addr2(address(newpath));
        }))
    }
}
