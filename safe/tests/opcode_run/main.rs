//! What the kernel makes of the entries: each area of builders, run. Needs Linux 6.18.
//!
//! The ring is that of the crate `io-uring`, so that nothing of `safe` but the entries is on trial.

#![cfg(feature = "uring")]

mod bundles;
mod files;
mod newer;
mod others;
mod sockets;

use std::os::fd::AsRawFd;

use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::Fd;

struct Ring(io_uring::IoUring);

/// `user_data`, `res`, `flags` of a completion.
type Completion = (u64, i32, u32);

impl Ring {
    fn new() -> Self {
        Ring(io_uring::IoUring::new(16).expect("a ring"))
    }

    /// Queues an entry. What it leads to stays valid until it completes: each test ends or cancels
    /// what it began.
    fn push(&mut self, entry: Entry) {
        // SAFETY: both types are one `io_uring_sqe`, and any bytes are a value of it.
        let entry = unsafe { std::mem::transmute::<Entry, io_uring::squeue::Entry>(entry) };
        // SAFETY: by this function's contract.
        unsafe { self.0.submission().push(&entry) }.expect("room in the queue");
    }

    /// The next completions, at least this many.
    fn completions(&mut self, count: usize) -> Vec<Completion> {
        let mut all = Vec::new();
        // An entry that is refused ends its batch, and with it the wait: the rest goes in the next.
        while all.len() < count {
            self.0.submit_and_wait(count - all.len()).expect("submit");
            let new = self.0.completion();
            all.extend(new.map(|cqe| (cqe.user_data(), cqe.result(), cqe.flags())));
        }
        all
    }

    /// Runs one entry to its end.
    #[track_caller]
    fn run(&mut self, entry: impl Into<Entry>) -> i32 {
        self.push(entry.into());
        let completions = self.completions(1);
        assert_eq!(completions.len(), 1);
        completions[0].1
    }

    /// Runs entries together, and gives their results by user data 0, 1, 2 and so on.
    fn run_all<const N: usize>(&mut self, entries: [Entry; N]) -> [i32; N] {
        for (user_data, entry) in (0..).zip(entries) {
            self.push(entry.user_data(user_data));
        }
        let mut completions = self.completions(N);
        completions.sort();
        std::array::from_fn(|i| completions[i].1)
    }
}

fn fd(file: &impl AsRawFd) -> Fd {
    Fd(file.as_raw_fd())
}
