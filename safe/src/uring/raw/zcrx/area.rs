//! Areas: the memory that the device receives into, and where in it received data lies.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use uring_sys::{
    IORING_ZCRX_AREA_DMABUF, IORING_ZCRX_AREA_MASK, IORING_ZCRX_AREA_SHIFT, io_uring_zcrx_area_reg,
    io_uring_zcrx_cqe,
};

use super::refill::Entry;
use crate::mmap::{Mmap, page_size};

/// Memory for a network device to receive into, not registered yet.
#[derive(Debug)]
pub struct Area(Memory);

#[derive(Debug)]
enum Memory {
    Own(Mmap),
    Raw { at: NonNull<u8>, len: usize },
    Dmabuf { fd: OwnedFd, len: u64 },
}

// SAFETY: what is `Raw` is an address, which the caller of `from_raw` gave away.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Area {
    /// `len` bytes of new memory, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `len` is 0, `ENOMEM` if there is no memory.
    pub fn allocate(len: usize) -> io::Result<Self> {
        Ok(Self(Memory::Own(Mmap::memory(whole_pages(len)?)?)))
    }

    /// As [`allocate`](Self::allocate), but a forked child has a copy.
    pub(in crate::uring) fn private(len: usize) -> io::Result<Self> {
        Ok(Self(Memory::Own(Mmap::private(whole_pages(len)?)?)))
    }

    /// The `len` bytes at `at`: whole pages, such as huge ones.
    ///
    /// # Safety
    ///
    /// If it is registered, the memory stays mapped, and nobody accesses it but for what completions have
    /// reported and has not been given back, until the ring is closed and its requests have ended.
    pub unsafe fn from_raw(at: NonNull<u8>, len: usize) -> Self {
        Self(Memory::Raw { at, len })
    }

    /// A dma-buf, all `len` bytes of it. Its data is not readable here. Since Linux 6.16.
    pub fn dmabuf(fd: OwnedFd, len: u64) -> Self {
        Self(Memory::Dmabuf { fd, len })
    }

    /// What the kernel is told of it.
    pub(super) fn argument(&self) -> io_uring_zcrx_area_reg {
        let mut argument = io_uring_zcrx_area_reg::default();
        match &self.0 {
            Memory::Dmabuf { fd, len } => {
                argument.len = *len;
                argument.flags = IORING_ZCRX_AREA_DMABUF;
                // A descriptor is not negative.
                argument.dmabuf_fd = fd.as_raw_fd() as u32;
            }
            Memory::Own(_) | Memory::Raw { .. } => {
                let (at, len) = self.0.bytes().unwrap_or((NonNull::dangling(), 0));
                argument.addr = at.as_ptr().expose_provenance() as u64;
                argument.len = len as u64;
            }
        }
        argument
    }
}

fn whole_pages(len: usize) -> io::Result<usize> {
    len.checked_next_multiple_of(page_size())
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
}

impl Memory {
    /// Where the bytes are, unless they are a device's.
    fn bytes(&self) -> Option<(NonNull<u8>, usize)> {
        match self {
            Self::Own(memory) => Some((memory.at(), memory.len())),
            Self::Raw { at, len } => Some((*at, *len)),
            Self::Dmabuf { .. } => None,
        }
    }
}

/// The areas of a device queue.
#[derive(Debug, Default)]
pub(super) struct Areas(Vec<Registered>);

#[derive(Debug)]
struct Registered {
    /// The area's id, where refill entries have it.
    token: u64,
    len: u64,
    memory: Memory,
}

impl Areas {
    /// Adds what the kernel has registered and answered as `argument`.
    pub(super) fn add(&mut self, area: Area, argument: &io_uring_zcrx_area_reg) -> u16 {
        let token = argument.rq_area_token;
        self.0.push(Registered {
            token,
            len: argument.len,
            memory: area.0,
        });
        area_id(token)
    }

    fn find(&self, id: u16) -> Option<&Registered> {
        self.0.iter().find(|area| area_id(area.token) == id)
    }

    /// Reads the completion of a receive; see [`Ifq::received`](super::Ifq::received).
    pub(super) fn received(&self, len: u32, big_cqe: &[u64; 2]) -> Result<Received, BadCqe> {
        let cqe = io_uring_zcrx_cqe {
            off: big_cqe[0],
            __pad: big_cqe[1],
        };
        let id = area_id(cqe.off);
        let offset = cqe.off & !IORING_ZCRX_AREA_MASK;
        let area = self.find(id).ok_or(BadCqe::UnknownArea(id))?;
        // No overflow: the offset has 48 bits.
        if offset + u64::from(len) > area.len {
            return Err(BadCqe::OutOfArea { offset, len });
        }
        Ok(Received {
            token: area.token,
            offset,
            len,
        })
    }

    /// Where received data lies, unless that is a device's memory.
    pub(super) fn bytes(&self, received: &Received) -> Option<NonNull<[u8]>> {
        let (at, len) = self.find(received.area())?.memory.bytes()?;
        let offset = usize::try_from(received.offset).ok()?;
        let end = offset.checked_add(received.len as usize)?;
        if end > len {
            return None;
        }
        // SAFETY: the offset is inside the memory, as was just seen.
        let at = unsafe { at.add(offset) };
        Some(NonNull::slice_from_raw_parts(at, received.len as usize))
    }
}

/// The id of the area that an offset or token names.
fn area_id(value: u64) -> u16 {
    (value >> IORING_ZCRX_AREA_SHIFT) as u16
}

/// Where a completion of `IORING_OP_RECV_ZC` says that its data lies. It is inside the area.
///
/// The data stays there until it is given back by [`RefillQueue::push`](super::RefillQueue::push).
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    token: u64,
    offset: u64,
    len: u32,
}

impl Received {
    /// The id of the area.
    #[inline]
    pub fn area(&self) -> u16 {
        area_id(self.token)
    }

    /// Where the data begins in the area, in bytes.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a place, not a container")]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// What gives it back: the offset, and the area's token.
    #[inline]
    pub(super) fn refill_entry(&self) -> Entry {
        Entry {
            off: self.offset | self.token,
            len: self.len,
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(offset: u64, len: u32) -> Self {
        Self {
            token: 0,
            offset,
            len,
        }
    }
}

/// A completion names memory that no area has. This does not come from a kernel; it means that the
/// completion is not one of this queue's receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCqe {
    /// No area has this id.
    UnknownArea(u16),
    /// The area ends before.
    OutOfArea {
        /// Where the data should begin in the area.
        offset: u64,
        /// How many bytes it should have.
        len: u32,
    },
    /// The receive failed, with this errno.
    Failed(i32),
}

impl Display for BadCqe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownArea(id) => write!(f, "no area for zero-copy receive has the id {id}"),
            Self::OutOfArea { offset, len } => {
                write!(f, "{len} bytes at {offset} are not inside the area")
            }
            Self::Failed(errno) => {
                write!(
                    f,
                    "the receive failed: {}",
                    io::Error::from_raw_os_error(*errno)
                )
            }
        }
    }
}

impl std::error::Error for BadCqe {}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: u64 = 3 << IORING_ZCRX_AREA_SHIFT;

    fn areas() -> (Areas, NonNull<u8>) {
        let area = Area::allocate(1).expect("a page");
        let mut argument = area.argument();
        assert_eq!((argument.len, argument.flags), (page_size() as u64, 0));
        let at = area.0.bytes().expect("memory").0;
        assert_eq!(argument.addr, at.as_ptr().addr() as u64);
        argument.rq_area_token = TOKEN;
        let mut areas = Areas::default();
        assert_eq!(areas.add(area, &argument), 3);
        (areas, at)
    }

    #[test]
    fn a_completion_is_found_in_its_area() {
        let (areas, at) = areas();
        let received = areas.received(96, &[TOKEN | 4000, 0]).expect("inside");
        assert_eq!(
            (received.area(), received.offset(), received.len()),
            (3, 4000, 96)
        );
        let bytes = areas.bytes(&received).expect("memory");
        // SAFETY: inside the page.
        assert_eq!(bytes.cast(), unsafe { at.add(4000) });
        assert_eq!(bytes.len(), 96);
        let entry = received.refill_entry();
        assert_eq!((entry.off, entry.len), (TOKEN | 4000, 96));
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let (areas, _) = areas();
        let len = page_size() as u64;
        assert!(areas.received(0, &[TOKEN | len, 0]).is_ok());
        let refused = [
            (
                1,
                TOKEN | len,
                BadCqe::OutOfArea {
                    offset: len,
                    len: 1,
                },
            ),
            (
                u32::MAX,
                TOKEN | !IORING_ZCRX_AREA_MASK,
                BadCqe::OutOfArea {
                    offset: !IORING_ZCRX_AREA_MASK,
                    len: u32::MAX,
                },
            ),
            (1, 0, BadCqe::UnknownArea(0)),
            (1, u64::MAX, BadCqe::UnknownArea(u16::MAX)),
        ];
        for (bytes, off, error) in refused {
            assert_eq!(areas.received(bytes, &[off, 0]), Err(error));
        }
    }

    #[test]
    fn a_dmabuf_has_no_bytes_here() {
        let fd = OwnedFd::from(std::fs::File::open("/dev/null").expect("a file"));
        let raw = fd.as_raw_fd();
        let area = Area::dmabuf(fd, 8192);
        let argument = area.argument();
        assert_eq!((argument.addr, argument.len), (0, 8192));
        assert_eq!(argument.flags, IORING_ZCRX_AREA_DMABUF);
        assert_eq!(argument.dmabuf_fd as i32, raw);
        let mut areas = Areas::default();
        areas.add(area, &argument);
        let received = areas.received(8, &[8184, 0]).expect("inside");
        assert_eq!(areas.bytes(&received), None);
    }
}
