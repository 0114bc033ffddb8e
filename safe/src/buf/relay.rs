//! A buffer that one operation fills and the next, linked behind it, writes.

use std::cell::UnsafeCell;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use super::{IoBuf, IoBufMut};

/// The bytes of both halves. No code of this process uses them as long as there are two.
struct Memory(Box<[UnsafeCell<u8>]>);

// SAFETY: the bytes are reached by whoever has the last of the two halves, and by operations.
unsafe impl Send for Memory {}
// SAFETY: as above: nobody reaches them through a shared reference.
unsafe impl Sync for Memory {}

/// The half of a [`relay`] that an operation reads into.
pub struct RelayIn {
    memory: Arc<Memory>,
    len: usize,
}

/// The half of a [`relay`] that an operation writes from.
pub struct RelayOut {
    memory: Arc<Memory>,
    len: usize,
}

/// A buffer of `len` zeros in two halves: one operation reads into the first, and one that is linked behind it
/// writes from the second what was read.
///
/// Nobody looks at the bytes before [`join`](RelayIn::join) has both halves. If the write is not linked behind the
/// read, it may write any mixture of what was there before and what is read.
///
/// ```
/// #![forbid(unsafe_code)]
/// # #[cfg(feature = "uring")]
/// # fn main() -> std::io::Result<()> {
/// use std::io::{self, Read};
/// use std::fs::File;
/// use std::os::unix::net::UnixStream;
///
/// use safe::buf::relay;
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let (mut reader, writer) = UnixStream::pair()?;
/// let (filled, written) = relay(4);
/// let read = op::Read::new(File::open("/proc/self/exe")?, filled).at(0);
/// let tickets = ring.push_chain(op::link(read, op::Write::new(writer, written)))?;
/// let (read, write) = ring.wait_chain(tickets)?.outputs;
/// assert_eq!(write.result?, 4);
/// let mut magic = [0; 4];
/// reader.read_exact(&mut magic)?;
/// assert_eq!(&magic, b"\x7fELF");
/// let bytes = read.buf.join(write.buf).map_err(|_| io::ErrorKind::Other)?;
/// assert_eq!(*bytes, magic);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "uring"))]
/// # fn main() {}
/// ```
pub fn relay(len: usize) -> (RelayIn, RelayOut) {
    let bytes = (0..len).map(|_| UnsafeCell::new(0)).collect();
    let memory = Arc::new(Memory(bytes));
    let out = RelayOut {
        memory: Arc::clone(&memory),
        len,
    };
    (RelayIn { memory, len }, out)
}

impl RelayIn {
    /// Reads no more than this many bytes: the read falls short of no more, and the chain goes on.
    #[must_use]
    pub fn limit(mut self, len: usize) -> Self {
        self.len = len.min(self.memory.0.len());
        self
    }

    /// The bytes, all of them, if the other half is of the same buffer.
    ///
    /// # Errors
    ///
    /// The two halves, if they are of two buffers.
    pub fn join(self, out: RelayOut) -> Result<Box<[u8]>, (Self, RelayOut)> {
        if !Arc::ptr_eq(&self.memory, &out.memory) {
            return Err((self, out));
        }
        let len = self.len;
        drop(out);
        match Arc::try_unwrap(self.memory) {
            Ok(memory) => {
                let bytes = memory.0.into_iter().map(UnsafeCell::into_inner);
                Ok(bytes.collect())
            }
            // There are two halves, and both are here.
            Err(memory) => {
                let out = RelayOut {
                    memory: Arc::clone(&memory),
                    len,
                };
                Err((Self { memory, len }, out))
            }
        }
    }
}

impl RelayOut {
    /// Writes no more than this many bytes.
    #[must_use]
    pub fn limit(mut self, len: usize) -> Self {
        self.len = len.min(self.memory.0.len());
        self
    }
}

// SAFETY: the bytes are on the heap, where this half keeps them. Nothing but an operation of the other half uses
// them as long as this one is there.
unsafe impl IoBufMut for RelayIn {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        UnsafeCell::raw_get(self.memory.0.as_ptr())
    }

    fn bytes_total(&self) -> usize {
        self.len
    }

    unsafe fn set_init(&mut self, _: usize) {}
}

// SAFETY: as above; they are initialised from the start.
unsafe impl IoBuf for RelayOut {
    fn stable_ptr(&self) -> *const u8 {
        UnsafeCell::raw_get(self.memory.0.as_ptr())
    }

    fn bytes_init(&self) -> usize {
        self.len
    }
}

impl Debug for RelayIn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayIn")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Debug for RelayOut {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayOut")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
