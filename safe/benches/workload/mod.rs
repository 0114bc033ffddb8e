//! What the benchmarks measure: rounds of operations on one ring, the same for each implementation.
//!
//! A round fills the queue with a batch of operations, submits and waits in one call, and takes all
//! completions. What is checked of them is cheap, and the same everywhere. All of it is inlined, so that each
//! kind of round is one loop, and what it calls is the implementation.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};

/// The crate `io-uring`.
pub(crate) mod peer {
    use io_uring as api;
    include!("ring.rs");
}

/// This crate, in the words of `io-uring`.
pub(crate) mod ours {
    use safe::uring::raw as api;
    include!("ring.rs");
}

/// This crate, with the entries written where they lie in the queue.
pub(crate) mod in_place;

/// The ring without `unsafe`.
pub(crate) mod safe_ring;

/// The size of a read, in bytes.
pub(crate) const PAGE: usize = 4096;

/// The size of the file that is read, in bytes: a power of two, small enough to stay cached.
const FILE: usize = 1 << 20;

/// The slots of each ring: room for the largest batch.
const SLOTS: u32 = 128;

/// One way to drive a ring.
pub(crate) trait Implementation {
    /// A ring with room for [`SLOTS`] operations.
    fn new() -> Self;

    /// A round of NOPs.
    fn nops(&mut self, batch: u32);

    /// A round of reads of [`PAGE`] bytes.
    fn reads(&mut self, batch: u32, pages: &mut Pages);
}

/// The file that is read, page after page, and where to.
pub(crate) struct Pages {
    file: File,
    offset: u64,
    memory: Vec<u8>,
}

/// A page of the file, and the memory that it goes to.
struct Page {
    file: RawFd,
    offset: u64,
    buffer: *mut u8,
}

impl Pages {
    /// A file that lies in the page cache.
    pub(crate) fn new() -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&vec![1; FILE])
            .expect("room for a temporary file");
        Self {
            file,
            offset: 0,
            memory: vec![0; SLOTS as usize * PAGE],
        }
    }

    /// The next page, for number `at` of the round.
    #[inline(always)]
    fn next(&mut self, at: u32) -> Page {
        let offset = self.offset;
        self.offset = (offset + PAGE as u64) % FILE as u64;
        Page {
            file: self.file.as_raw_fd(),
            offset,
            buffer: self.memory.as_mut_ptr().wrapping_add(at as usize * PAGE),
        }
    }
}

/// What a round must have brought: each of `batch` completions once.
struct Expected {
    result: i32,
    user_data: u64,
}

impl Expected {
    #[inline(always)]
    fn of(batch: u32, result: i32) -> Self {
        let batch = u64::from(batch);
        Self {
            result,
            user_data: batch * (batch - 1) / 2,
        }
    }

    /// Counts a completion.
    #[inline(always)]
    fn take(&mut self, result: i32, user_data: u64) {
        if result != self.result {
            failed(result);
        }
        self.user_data = self.user_data.wrapping_sub(user_data);
    }

    /// Ends the round.
    #[inline(always)]
    fn end(self) {
        if self.user_data != 0 {
            missing();
        }
    }
}

// Apart, so that the arguments of their messages take no part in the loops that are measured.

#[cold]
fn failed(result: i32) -> ! {
    panic!("an operation answered {result}");
}

#[cold]
fn missing() -> ! {
    panic!("a completion is missing");
}
