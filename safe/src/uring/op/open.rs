//! Opening files.

use std::os::fd::{FromRawFd, OwnedFd};

use super::direct::{Destination, Direct, Opens};
use super::{Cqe, Entry, Error, Operation, PathArg};
use crate::uring::raw::opcode;
use crate::uring::raw::types::{OpenFlags, OpenHow, ResolveFlags};
use crate::uring::{Cwd, Directory};

/// What every open has: without the second, 32-bit programs cannot open files of 2 GiB.
const ALWAYS: OpenFlags =
    OpenFlags::from_bits_retain(libc::O_CLOEXEC as u32 | libc::O_LARGEFILE as u32);

/// Takes a descriptor that the kernel has made.
///
/// # Safety
///
/// `cqe` is the only completion of an operation that answers a new descriptor of this process.
#[inline]
pub(in crate::uring) unsafe fn descriptor(code: u8, cqe: Cqe) -> Result<OwnedFd, Error> {
    let number = Error::check(code, cqe.result)?;
    // SAFETY: by the caller's promise it is new, and nobody else has been told of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number as i32) })
}

/// Opens a file, as openat(2) does; for reading unless told otherwise. Since Linux 5.6.
///
/// Gives the descriptor, which execve(2) closes. One that nobody takes is closed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::fs::File;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Open::new(c"/proc/self/exe"))?;
/// let file = File::from(ring.wait(ticket)??);
/// assert!(file.metadata()?.is_file());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Open<P, D = Cwd> {
    dir: D,
    path: P,
    flags: OpenFlags,
    mode: libc::mode_t,
}

impl<P: PathArg> Open<P> {
    /// Which; a relative path starts from the current directory, unless told [`at`](Self::at) which.
    pub fn new(path: P) -> Self {
        Self {
            dir: Cwd,
            path,
            flags: ALWAYS,
            mode: 0o666,
        }
    }
}

impl<P: PathArg, D: Directory> Open<P, D> {
    /// The directory from which a relative path starts.
    pub fn at<E: Directory>(self, dir: E) -> Open<P, E> {
        let Self {
            path, flags, mode, ..
        } = self;
        Open {
            dir,
            path,
            flags,
            mode,
        }
    }

    /// For what and how, besides `O_CLOEXEC`.
    #[must_use]
    pub fn flags(mut self, flags: OpenFlags) -> Self {
        self.flags = flags | self.flags & ALWAYS;
        self
    }

    /// The permission bits of a file that is created, of which the umask takes some away. 0o666 unless set.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Makes it a fixed file instead, without a descriptor. Since Linux 5.15.
    pub fn direct(self, to: impl Into<Destination>) -> Direct<Self> {
        Direct::new(self, to.into())
    }
}

// SAFETY: path and directory stay where they are while the value does; the kernel writes nothing.
unsafe impl<P: PathArg, D: Directory> Operation for Open<P, D> {
    const OPCODE: u8 = opcode::OpenAt::CODE;

    type Output = Result<OwnedFd, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::OpenAt::new(self.dir.number(), self.path.stable_path())
            .with_flags(self.flags)
            .mode(self.mode)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: the operation answers a descriptor.
        unsafe { descriptor(Self::OPCODE, cqe) }
    }
}

// SAFETY: that is what `IORING_OP_OPENAT` answers, and where it has its slot.
unsafe impl<P: PathArg, D: Directory> Opens for Open<P, D> {
    type Opened<T> = Result<T, Error>;

    fn without_descriptor(&mut self) {
        self.flags.remove(OpenFlags::CLOEXEC);
    }

    fn opened<T>(self, _: Cqe, file: Result<T, Error>) -> Result<T, Error> {
        file
    }
}

/// Opens a file, as openat2(2) does, which can bound what the path may lead through. Since Linux 5.6.
///
/// As [`Open`], but flags that the kernel does not know give `EINVAL`, and so does a mode if no file can be
/// created by it.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::raw::types::ResolveFlags;
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let dir = std::fs::File::open("/proc")?;
/// let inside = op::Open2::new(c"../etc/passwd").at(dir).resolve(ResolveFlags::BENEATH);
/// let ticket = ring.push(inside)?;
/// let error = ring.wait(ticket)?.expect_err("it leads out of the directory");
/// assert_eq!(error.raw_os_error(), libc::EXDEV);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Open2<P, D = Cwd> {
    dir: D,
    path: P,
    flags: OpenFlags,
    mode: libc::mode_t,
    resolve: ResolveFlags,
    /// Where the kernel reads it.
    how: OpenHow,
}

impl<P: PathArg> Open2<P> {
    /// Which; a relative path starts from the current directory, unless told [`at`](Self::at) which.
    pub fn new(path: P) -> Self {
        Self {
            dir: Cwd,
            path,
            flags: ALWAYS,
            mode: 0,
            resolve: ResolveFlags::empty(),
            how: OpenHow::new(),
        }
    }
}

impl<P: PathArg, D: Directory> Open2<P, D> {
    /// The directory from which a relative path starts.
    pub fn at<E: Directory>(self, dir: E) -> Open2<P, E> {
        let Self {
            path,
            flags,
            mode,
            resolve,
            how,
            ..
        } = self;
        Open2 {
            dir,
            path,
            flags,
            mode,
            resolve,
            how,
        }
    }

    /// For what and how, besides `O_CLOEXEC`.
    #[must_use]
    pub fn flags(mut self, flags: OpenFlags) -> Self {
        self.flags = flags | self.flags & ALWAYS;
        self
    }

    /// The permission bits of a file that is created, of which the umask takes some away. 0 unless set.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// What the path may not lead through.
    #[must_use]
    pub fn resolve(mut self, resolve: ResolveFlags) -> Self {
        self.resolve = resolve;
        self
    }

    /// Makes it a fixed file instead, without a descriptor. Since Linux 5.15.
    pub fn direct(self, to: impl Into<Destination>) -> Direct<Self> {
        Direct::new(self, to.into())
    }
}

// SAFETY: as for `Open`; `how` lies in the value.
unsafe impl<P: PathArg, D: Directory> Operation for Open2<P, D> {
    const OPCODE: u8 = opcode::OpenAt2::CODE;

    type Output = Result<OwnedFd, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        self.how = OpenHow::new()
            .flags(self.flags.bits().into())
            .mode(self.mode.into())
            .resolve(self.resolve.bits());
        *entry = opcode::OpenAt2::new(
            self.dir.number(),
            self.path.stable_path(),
            &raw const self.how,
        )
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: the operation answers a descriptor.
        unsafe { descriptor(Self::OPCODE, cqe) }
    }
}

// SAFETY: as for `Open`.
unsafe impl<P: PathArg, D: Directory> Opens for Open2<P, D> {
    type Opened<T> = Result<T, Error>;

    fn without_descriptor(&mut self) {
        self.flags.remove(OpenFlags::CLOEXEC);
    }

    fn opened<T>(self, _: Cqe, file: Result<T, Error>) -> Result<T, Error> {
        file
    }
}
