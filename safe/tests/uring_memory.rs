//! Rings in memory of the process (`IORING_SETUP_NO_MMAP`, since Linux 6.5).

#![cfg(feature = "uring")]

#[path = "support/huge_pages.rs"]
mod huge_pages;

use std::io;
use std::ptr::NonNull;

use safe::error::{SetupError, SetupReason};
use safe::uring::raw::{Builder, IoUring, cqueue, opcode, squeue};

const PAGE: usize = 4096;
/// Behind the bytes that are needed, up to the end of the page.
const PATTERN: u8 = 0xa5;

/// Whole pages with an inaccessible page before and behind.
struct Guarded {
    at: NonNull<u8>,
    len: usize,
}

impl Guarded {
    fn new(len: usize) -> Self {
        let len = len.next_multiple_of(PAGE);
        let shared = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, of which the middle is then made accessible.
        unsafe {
            let all = libc::mmap(
                std::ptr::null_mut(),
                len + 2 * PAGE,
                libc::PROT_NONE,
                shared,
                -1,
                0,
            );
            assert_ne!(all, libc::MAP_FAILED);
            let at = all.cast::<u8>().add(PAGE);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(at.cast(), len, access), 0);
            Self {
                at: NonNull::new(at).unwrap(),
                len,
            }
        }
    }

    /// The first `len` bytes, with a pattern behind them.
    fn slice(&self, len: usize) -> NonNull<[u8]> {
        assert!(len <= self.len);
        // SAFETY: the bytes are in the accessible pages.
        unsafe { self.at.add(len).write_bytes(PATTERN, self.len - len) };
        NonNull::slice_from_raw_parts(self.at, len)
    }

    /// Whether the pattern is intact.
    fn is_intact_from(&self, len: usize) -> bool {
        // SAFETY: as above; the kernel may write, so the bytes are read one by one.
        (len..self.len).all(|i| unsafe { self.at.add(i).read_volatile() } == PATTERN)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.at.sub(PAGE).as_ptr().cast(), self.len + 2 * PAGE) };
    }
}

/// Fills both queues to the brim, twice.
fn exercise<S: squeue::EntryMarker, C: cqueue::EntryMarker>(ring: &mut IoUring<S, C>) {
    let entries = u64::from(ring.params().sq_entries());
    let rounds = 2 * u64::from(ring.params().cq_entries()) / entries;
    for round in 0..rounds.max(3) {
        for value in 0..entries {
            let nop = S::from(
                opcode::Nop::new()
                    .build()
                    .user_data(round * entries + value),
            );
            // SAFETY: a NOP names no memory.
            unsafe { ring.submission().push(&nop) }.unwrap();
        }
        assert_eq!(ring.submit().unwrap() as u64, entries);
        if round % 2 == 1 {
            while ring.peek().unwrap().is_some() {}
        }
    }
    while ring.peek().unwrap().is_some() {}
}

/// A ring in exactly as much memory as is said to be needed leaves what is around it alone.
fn fits<S: squeue::EntryMarker, C: cqueue::EntryMarker>(builder: &Builder<S, C>, entries: u32) {
    // The flag that decides sizes is set when they are asked for.
    let dangling = NonNull::slice_from_raw_parts(NonNull::<u8>::dangling(), 0);
    let mut builder = builder.clone();
    // SAFETY: no ring is built with these.
    unsafe { builder.setup_no_mmap_at(dangling, dangling) };
    let sizes = builder.memory_sizes(entries);
    let (rings, sqes) = (Guarded::new(sizes.rings), Guarded::new(sizes.sqes));
    // SAFETY: both are zeroed, page aligned, large enough, used for one ring, and then unmapped.
    unsafe { builder.setup_no_mmap_at(rings.slice(sizes.rings), sqes.slice(sizes.sqes)) };
    let mut ring = builder.build(entries).unwrap();
    exercise(&mut ring);
    assert!(rings.is_intact_from(sizes.rings), "{builder:?} {entries}");
    assert!(sqes.is_intact_from(sizes.sqes), "{builder:?} {entries}");
}

fn fits_for_many<S: squeue::EntryMarker, C: cqueue::EntryMarker>(builder: &Builder<S, C>) {
    for entries in [
        1, 2, 3, 4, 8, 16, 31, 32, 60, 64, 128, 200, 256, 1024, 4096, 32768,
    ] {
        fits(builder, entries);
        fits(builder.clone().setup_no_sqarray(), entries);
        let completions = (entries.next_power_of_two() * 3).min(65536);
        fits(builder.clone().setup_cqsize(completions), entries);
    }
}

#[test]
fn the_size_is_enough_for_the_usual_entries() {
    fits_for_many(&IoUring::<squeue::Entry, cqueue::Entry>::builder());
}

#[test]
fn the_size_is_enough_for_large_submissions() {
    fits_for_many(&IoUring::<squeue::Entry128, cqueue::Entry>::builder());
}

#[test]
fn the_size_is_enough_for_large_completions() {
    fits_for_many(&IoUring::<squeue::Entry, cqueue::Entry32>::builder());
}

#[test]
fn the_size_is_enough_for_mixed_completions() {
    fits_for_many(&IoUring::<squeue::Entry, cqueue::EntryMixed>::builder());
}

#[test]
fn memory_of_our_own() {
    for entries in [1, 64, 1024] {
        let mut ring: IoUring = IoUring::builder().setup_no_mmap().build(entries).unwrap();
        assert!(ring.params().is_setup_no_mmap());
        exercise(&mut ring);
    }
}

fn reason(error: &io::Error) -> &SetupReason {
    let source = error
        .get_ref()
        .and_then(|source| source.downcast_ref::<SetupError>());
    source.expect("the source is a SetupError").reason()
}

#[test]
fn too_little_memory_is_refused() {
    let page = Guarded::new(PAGE);
    let mut builder = Builder::<squeue::Entry, cqueue::Entry>::default();
    // SAFETY: no ring comes of it.
    unsafe { builder.setup_no_mmap_at(page.slice(PAGE), page.slice(PAGE)) };
    let error = builder.build_explained(128).unwrap_err();
    let SetupReason::MemoryTooSmall { need } = *reason(&error) else {
        panic!("{error:?}");
    };
    assert_eq!(need.1, 128 * 64);
}

/// Huge pages work where some are reserved; otherwise the error says that there are none.
#[test]
fn huge_pages() {
    let free = huge_pages::free();
    match IoUring::<squeue::Entry, cqueue::Entry>::builder()
        .setup_no_mmap_huge()
        .build_explained(4096)
    {
        Ok(mut ring) => {
            assert!(free > 0);
            exercise(&mut ring);
        }
        Err(error) => {
            assert_eq!(free, 0, "{error}");
            assert_eq!(reason(&error), &SetupReason::NoHugePages);
        }
    }
}
