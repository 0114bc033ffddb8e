//! Cancelling.

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::RingId;
use crate::uring::Token;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::CancelBuilder;

/// What a [`Cancel`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The operation was stopped, and its own result says so too.
    Cancelled,
    /// There is no such operation: it is over.
    NotFound,
    /// The operation is being carried out, and cannot be stopped; it will have its result (`EALREADY`).
    Running,
}

/// Cancels one operation. Since Linux 5.5.
///
/// Whatever this answers, the operation itself ends with its own completion, and what it owns comes back with that.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io;
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let (empty, _writer) = UnixStream::pair()?;
/// let read = ring.push(op::Read::new(empty, vec![0; 16]))?;
/// let cancel = ring.push(op::Cancel::new(read.token()))?;
/// assert_eq!(ring.wait(cancel)??, op::Cancelled::Cancelled);
/// let done = ring.wait(read)?;
/// assert!(done.result.unwrap_err().is_cancelled());
/// assert_eq!(done.buf.len(), 16);
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Debug)]
pub struct Cancel {
    operation: Token,
}

impl Cancel {
    /// Which operation.
    #[inline]
    pub fn new(operation: Token) -> Self {
        Self { operation }
    }
}

// SAFETY: the entry names no memory. What it cancels ends with its own final completion.
unsafe impl Operation for Cancel {
    const OPCODE: u8 = opcode::AsyncCancel::CODE;

    type Output = Result<Cancelled, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::AsyncCancel::new(self.operation.0.0).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        match -cqe.result {
            libc::ENOENT => Ok(Cancelled::NotFound),
            libc::EALREADY => Ok(Cancelled::Running),
            // Some operations answer 1.
            _ => Error::check(Self::OPCODE, cqe.result).map(|_| Cancelled::Cancelled),
        }
    }
}

/// No file: of [`CancelAll::any`] and [`CancelAll::opcode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFile;

mod sealed {
    use super::{CancelBuilder, Handle, NoFile, RingId};

    pub trait Condition {
        #[doc(hidden)]
        fn narrow(&self, builder: CancelBuilder) -> CancelBuilder;

        #[doc(hidden)]
        fn fits(&self, ring: RingId) -> bool {
            let _ = ring;
            true
        }
    }

    impl Condition for NoFile {
        fn narrow(&self, builder: CancelBuilder) -> CancelBuilder {
            builder
        }
    }

    impl<F: Handle> Condition for super::OnFile<F> {
        fn narrow(&self, builder: CancelBuilder) -> CancelBuilder {
            builder.and_fd(self.0.target())
        }

        fn fits(&self, ring: RingId) -> bool {
            self.0.fits(ring)
        }
    }
}

/// The file of [`CancelAll::on`].
#[derive(Clone, Copy, Debug)]
pub struct OnFile<F>(pub F);

/// Cancels all operations that match, its own aside, and gives how many it found. Since Linux 5.19.
///
/// Each of them ends with its own completion. The number counts also those that cannot be stopped any more, and
/// those that another such operation of the same submission has found.
#[derive(Debug)]
pub struct CancelAll<W> {
    which: W,
    opcode: Option<u8>,
}

impl CancelAll<NoFile> {
    /// All operations of the ring.
    #[inline]
    pub fn any() -> Self {
        Self {
            which: NoFile,
            opcode: None,
        }
    }
}

impl<F: Handle> CancelAll<OnFile<F>> {
    /// All operations on this file: on its open file description, also by another descriptor.
    #[inline]
    pub fn on(file: F) -> Self {
        Self {
            which: OnFile(file),
            opcode: None,
        }
    }
}

impl<W> CancelAll<W> {
    /// Those of them with this opcode ([`Operation::OPCODE`]). Since Linux 6.6, and in some stable kernels from 6.1
    /// on.
    #[inline]
    #[must_use]
    pub fn opcode(mut self, opcode: u8) -> Self {
        self.opcode = Some(opcode);
        self
    }
}

// SAFETY: as for `Cancel`.
unsafe impl<W: sealed::Condition> Operation for CancelAll<W> {
    const OPCODE: u8 = opcode::AsyncCancel2::CODE;

    type Output = Answered<W, u32>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.which.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let mut builder = self.which.narrow(CancelBuilder::any());
        if let Some(opcode) = self.opcode {
            builder = builder.and_opcode(opcode);
        }
        *entry = opcode::AsyncCancel2::new(builder).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = match -cqe.result {
            libc::ENOENT => Ok(0),
            _ => Error::check(Self::OPCODE, cqe.result),
        };
        Answered {
            result,
            file: self.which,
        }
    }
}
