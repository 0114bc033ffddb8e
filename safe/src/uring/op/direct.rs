//! New files that become fixed files, without a descriptor.

use super::{Cqe, Entry, Error, Operation};
use crate::uring::raw::types::DestinationSlot;
use crate::uring::{Files, FixedFd, RingId};

/// Where a new fixed file goes: into a slot that was [reserved](Files::reserve), whose file it replaces if there is
/// one, or into one of the automatic slots of a table.
#[derive(Clone, Debug)]
pub enum Destination {
    /// This slot. Operations linked behind may use it already. An automatic slot is refused
    /// ([`Reason::Foreign`](crate::uring::Reason::Foreign)): what goes into it is the kernel's choice.
    Slot(FixedFd),
    /// One that the kernel chooses. `ENFILE` if all automatic ones are taken.
    Automatic(Files),
}

impl From<FixedFd> for Destination {
    fn from(slot: FixedFd) -> Self {
        Self::Slot(slot)
    }
}

impl From<Files> for Destination {
    fn from(files: Files) -> Self {
        Self::Automatic(files)
    }
}

impl From<&Files> for Destination {
    fn from(files: &Files) -> Self {
        Self::Automatic(files.clone())
    }
}

impl Destination {
    #[inline]
    pub(in crate::uring) fn is_of(&self, ring: RingId) -> bool {
        match self {
            Self::Slot(slot) => slot.is_of(ring) && !slot.is_automatic(),
            Self::Automatic(files) => files.is_of(ring),
        }
    }

    /// How the kernel is told of it.
    #[inline]
    pub(in crate::uring) fn kernel_index(&self) -> u32 {
        match self {
            // A table has less slots than would overflow.
            Self::Slot(slot) => slot.slot() + 1,
            Self::Automatic(_) => DestinationSlot::auto_target().kernel_index_arg(),
        }
    }

    /// The file that the kernel has put there; for an automatic slot, into `number`.
    #[inline]
    pub(in crate::uring) fn filled(self, code: u8, number: u32) -> Result<FixedFd, Error> {
        match self {
            Self::Slot(slot) => Ok(slot),
            // The kernel names slots of the table alone.
            Self::Automatic(files) => match files.handle(number) {
                Some(file) => Ok(file),
                None => Err(Error::of(code, libc::ENFILE)),
            },
        }
    }
}

/// An operation whose result is one new file: a descriptor, or with [`Direct`] a fixed file.
///
/// # Safety
///
/// The entry's `file_index` is what makes the new file a fixed one, as for `IORING_OP_OPENAT`: 0 where the operation
/// leaves it, and else the slot plus one. The result is the descriptor or the automatic slot.
pub unsafe trait Opens: Operation {
    /// The result, with the new file as a `T`.
    type Opened<T>;

    /// Tells that there will be no descriptor, before the operation is prepared: the kernel refuses flags of
    /// descriptors then.
    fn without_descriptor(&mut self);

    /// Turns the operation and its completion into the result, of which the new file is part.
    fn opened<T>(self, cqe: Cqe, file: Result<T, Error>) -> Self::Opened<T>;
}

/// An operation whose new file becomes a fixed file. Gives what the operation gives, with a [`FixedFd`] in place
/// of the descriptor. One that nobody takes is closed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// ring.register_files(16, 0)?;
/// let slot = ring.reserve_file()?;
/// let ticket = ring.push(op::Open::new(c"/proc/self/exe").direct(slot))?;
/// let file = ring.wait(ticket)??;
/// let ticket = ring.push(op::Read::new(file, Vec::with_capacity(4)).at(0))?;
/// assert_eq!(ring.wait(ticket)?.buf, b"\x7fELF");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Direct<O> {
    operation: O,
    to: Destination,
}

impl<O: Opens> Direct<O> {
    /// What, and where the file goes.
    pub fn new(mut operation: O, to: Destination) -> Self {
        operation.without_descriptor();
        Self { operation, to }
    }
}

// SAFETY: the entry is that of the inner operation, which the value keeps, but for where the file goes, which is in
// the field that the operation's type says.
unsafe impl<O: Opens> Operation for Direct<O> {
    const OPCODE: u8 = O::OPCODE;

    type Output = O::Opened<FixedFd>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.to.is_of(ring) && self.operation.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        self.operation.prepare(entry);
        entry.as_raw_mut().set_file_index(self.to.kernel_index());
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let file = match Error::check(Self::OPCODE, cqe.result) {
            Ok(number) => self.to.filled(Self::OPCODE, number),
            Err(error) => Err(error),
        };
        self.operation.opened(cqe, file)
    }
}
