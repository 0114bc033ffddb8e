//! Making, moving and removing names.

use super::{Cqe, Entry, Error, Operation, PathArg};
use crate::uring::raw::opcode;
use crate::uring::raw::types::{AtFlags, RenameFlags};
use crate::uring::{Cwd, Directory};

/// Renames or moves, as renameat2(2) does. Since Linux 5.11.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::raw::types::RenameFlags;
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let dir = tempfile::tempdir()?;
/// let path = |name: &str| op::path(dir.path().join(name));
/// let ticket = ring.push(op::Mkdir::new(path("old")?))?;
/// ring.wait(ticket)??;
/// let rename = op::Rename::new(path("old")?, path("new")?).flags(RenameFlags::NOREPLACE);
/// let ticket = ring.push(rename)?;
/// ring.wait(ticket)??;
/// let ticket = ring.push(op::Unlink::directory(path("new")?))?;
/// ring.wait(ticket)??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Rename<P, Q, D = Cwd, E = Cwd> {
    from: P,
    to: Q,
    from_dir: D,
    to_dir: E,
    flags: RenameFlags,
}

impl<P: PathArg, Q: PathArg> Rename<P, Q> {
    /// What is there, and what it becomes; relative paths start from the current directory, unless told which.
    pub fn new(from: P, to: Q) -> Self {
        Self {
            from,
            to,
            from_dir: Cwd,
            to_dir: Cwd,
            flags: RenameFlags::empty(),
        }
    }
}

impl<P: PathArg, Q: PathArg, D: Directory, E: Directory> Rename<P, Q, D, E> {
    /// The directories from which the relative old path and the relative new path start.
    pub fn at<A: Directory, B: Directory>(self, from: A, to: B) -> Rename<P, Q, A, B> {
        Rename {
            from: self.from,
            to: self.to,
            from_dir: from,
            to_dir: to,
            flags: self.flags,
        }
    }

    /// What to do with what has the new name; it is replaced unless told.
    #[must_use]
    pub fn flags(mut self, flags: RenameFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: paths and directories stay where they are while the value does; the kernel writes nothing.
unsafe impl<P: PathArg, Q: PathArg, D: Directory, E: Directory> Operation for Rename<P, Q, D, E> {
    const OPCODE: u8 = opcode::RenameAt::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::RenameAt::new(
            self.from_dir.number(),
            self.from.stable_path(),
            self.to_dir.number(),
            self.to.stable_path(),
        )
        .with_flags(self.flags)
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}

/// Makes a hard link, as linkat(2) does. Since Linux 5.15.
#[derive(Debug)]
pub struct Link<P, Q, D = Cwd, E = Cwd> {
    from: P,
    to: Q,
    from_dir: D,
    to_dir: E,
    flags: AtFlags,
}

impl<P: PathArg, Q: PathArg> Link<P, Q> {
    /// What is there, and its new name; relative paths start from the current directory, unless told which.
    pub fn new(from: P, to: Q) -> Self {
        Self {
            from,
            to,
            from_dir: Cwd,
            to_dir: Cwd,
            flags: AtFlags::empty(),
        }
    }
}

impl<P: PathArg, Q: PathArg, D: Directory, E: Directory> Link<P, Q, D, E> {
    /// The directories from which the relative old path and the relative new path start.
    pub fn at<A: Directory, B: Directory>(self, from: A, to: B) -> Link<P, Q, A, B> {
        Link {
            from: self.from,
            to: self.to,
            from_dir: from,
            to_dir: to,
            flags: self.flags,
        }
    }

    /// What the old path stands for; a symbolic link itself unless told.
    #[must_use]
    pub fn flags(mut self, flags: AtFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: as for `Rename`.
unsafe impl<P: PathArg, Q: PathArg, D: Directory, E: Directory> Operation for Link<P, Q, D, E> {
    const OPCODE: u8 = opcode::LinkAt::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::LinkAt::new(
            self.from_dir.number(),
            self.from.stable_path(),
            self.to_dir.number(),
            self.to.stable_path(),
        )
        .with_flags(self.flags)
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}

/// Makes a symbolic link, as symlinkat(2) does. Since Linux 5.15.
#[derive(Debug)]
pub struct Symlink<P, Q, D = Cwd> {
    says: P,
    path: Q,
    dir: D,
}

impl<P: PathArg, Q: PathArg> Symlink<P, Q> {
    /// What the link says, and its path; a relative path starts from the current directory, unless told
    /// [`at`](Self::at) which.
    pub fn new(says: P, path: Q) -> Self {
        Self {
            says,
            path,
            dir: Cwd,
        }
    }
}

impl<P: PathArg, Q: PathArg, D: Directory> Symlink<P, Q, D> {
    /// The directory from which a relative path of the link starts.
    pub fn at<E: Directory>(self, dir: E) -> Symlink<P, Q, E> {
        Symlink {
            says: self.says,
            path: self.path,
            dir,
        }
    }
}

// SAFETY: as for `Rename`.
unsafe impl<P: PathArg, Q: PathArg, D: Directory> Operation for Symlink<P, Q, D> {
    const OPCODE: u8 = opcode::SymlinkAt::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::SymlinkAt::new(
            self.dir.number(),
            self.says.stable_path(),
            self.path.stable_path(),
        )
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}

/// Removes a name, as unlinkat(2) does, or an empty directory, as rmdir(2) does. Since Linux 5.11.
#[derive(Debug)]
pub struct Unlink<P, D = Cwd> {
    path: P,
    dir: D,
    flags: AtFlags,
}

impl<P: PathArg> Unlink<P> {
    /// Which name, of anything but a directory; a relative path starts from the current directory, unless told
    /// [`at`](Self::at) which.
    pub fn new(path: P) -> Self {
        Self {
            path,
            dir: Cwd,
            flags: AtFlags::empty(),
        }
    }

    /// Which directory.
    pub fn directory(path: P) -> Self {
        Self {
            flags: AtFlags::REMOVEDIR,
            ..Self::new(path)
        }
    }
}

impl<P: PathArg, D: Directory> Unlink<P, D> {
    /// The directory from which a relative path starts.
    pub fn at<E: Directory>(self, dir: E) -> Unlink<P, E> {
        Unlink {
            path: self.path,
            dir,
            flags: self.flags,
        }
    }
}

// SAFETY: as for `Rename`.
unsafe impl<P: PathArg, D: Directory> Operation for Unlink<P, D> {
    const OPCODE: u8 = opcode::UnlinkAt::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::UnlinkAt::new(self.dir.number(), self.path.stable_path())
            .with_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}

/// Makes a directory, as mkdirat(2) does. Since Linux 5.15.
#[derive(Debug)]
pub struct Mkdir<P, D = Cwd> {
    path: P,
    dir: D,
    mode: libc::mode_t,
}

impl<P: PathArg> Mkdir<P> {
    /// Which; a relative path starts from the current directory, unless told [`at`](Self::at) which.
    pub fn new(path: P) -> Self {
        Self {
            path,
            dir: Cwd,
            mode: 0o777,
        }
    }
}

impl<P: PathArg, D: Directory> Mkdir<P, D> {
    /// The directory from which a relative path starts.
    pub fn at<E: Directory>(self, dir: E) -> Mkdir<P, E> {
        Mkdir {
            path: self.path,
            dir,
            mode: self.mode,
        }
    }

    /// The permission bits, of which the umask takes some away. 0o777 unless set.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }
}

// SAFETY: as for `Rename`.
unsafe impl<P: PathArg, D: Directory> Operation for Mkdir<P, D> {
    const OPCODE: u8 = opcode::MkDirAt::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::MkDirAt::new(self.dir.number(), self.path.stable_path())
            .mode(self.mode)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}
