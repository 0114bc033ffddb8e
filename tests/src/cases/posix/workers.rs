//! The threads that do the work, and aio_init(3).

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use super::{GLIBC, thread_count};
use crate::case::{Case, Run, Since, Stop, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::posix_request::Request;
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "posix/workers/end_when_idle",
        &["aio_read"],
        Since::Libc,
        end_when_idle,
    ),
    #[cfg(target_env = "gnu")]
    Case::new("posix/workers/init", INIT, Since::Libc, glibc::init),
    #[cfg(target_env = "gnu")]
    Case::new(
        "posix/workers/init_least",
        INIT,
        Since::Libc,
        glibc::init_least,
    ),
    Case::new(
        "posix/workers/many_files",
        &["aio_read"],
        Since::Libc,
        many_files,
    ),
    Case::new(
        "posix/workers/one_file",
        &["aio_read"],
        Since::Libc,
        one_file,
    ),
    #[cfg(target_env = "gnu")]
    Case::new("posix/workers/starving", INIT, Since::Libc, glibc::starving),
];

#[cfg(target_env = "gnu")]
const INIT: &[&str] = &["aio_init", "aioinit"];

/// Reads of pipes that have no data: the readers' ends, the writers' ends, the operations.
struct Blocked {
    _readers: Vec<OwnedFd>,
    writers: Vec<OwnedFd>,
    requests: Vec<Request>,
}

/// Begins `n` reads of a pipe each.
fn blocked(n: usize) -> Result<Blocked, Stop> {
    let mut all = Blocked {
        _readers: Vec::new(),
        writers: Vec::new(),
        requests: Vec::new(),
    };
    for _ in 0..n {
        let (reader, writer) = pipe()?;
        let mut request = Request::new(&reader, Buffer::zeroed(1)?, 0);
        request.read()?;
        all._readers.push(reader);
        all.writers.push(writer);
        all.requests.push(request);
    }
    Ok(all)
}

impl Blocked {
    /// Lets all of them end.
    fn finish(self) -> Run {
        drop(self.writers);
        for request in self.requests {
            ensure_eq!(request.wait(), Ok(0), "result of a read");
        }
        pass()
    }
}

/// glibc has at most 20 threads, and musl one for each operation. All operations end in the end.
fn many_files(_: &mut Context) -> Run {
    let all = blocked(40)?;
    let expected = if GLIBC { 20 } else { 40 };
    ensure_eq!(thread_count()? - 1, expected, "threads for 40 files");
    all.finish()
}

/// glibc does one operation of a file after the other, on one thread.
fn one_file(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut requests = Vec::new();
    for _ in 0..50 {
        let mut request = Request::new(&reader, Buffer::zeroed(1)?, 0);
        request.read()?;
        requests.push(request);
    }
    let expected = if GLIBC { 1 } else { 50 };
    ensure_eq!(
        thread_count()? - 1,
        expected,
        "threads for 50 operations of one file"
    );
    drop(writer);
    for request in requests {
        ensure_eq!(request.wait(), Ok(0), "result of a read");
    }
    pass()
}

/// Threads without work end, sooner or later, and new ones are made when there is work again.
fn end_when_idle(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for round in 0..2 {
        let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
        request.read()?;
        ensure_eq!(request.wait(), Ok(16), "result in round {round}");
        // Nothing tells when a thread has ended but looking again. How long it takes does not matter.
        while thread_count()? > 1 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    pass()
}

#[cfg(target_env = "gnu")]
mod glibc {
    use posix_aio::{AIO_CANCELED, aio_init, aioinit};

    use super::*;
    use crate::ensure;

    /// aio_init for so many threads.
    fn threads(n: i32) {
        let settings = aioinit {
            aio_threads: n,
            aio_num: 64,
            aio_idle_time: 1,
            ..aioinit::default()
        };
        // SAFETY: the settings are readable.
        unsafe { aio_init(&settings) };
    }

    /// The number of threads can be set before the first operation, and not afterwards.
    pub(super) fn init(_: &mut Context) -> Run {
        threads(4);
        let first = blocked(10)?;
        ensure_eq!(thread_count()? - 1, 4, "threads");
        threads(8);
        let second = blocked(10)?;
        ensure_eq!(thread_count()? - 1, 4, "threads after a second aio_init");
        first.finish()?;
        second.finish()
    }

    /// No thread at all counts as one.
    pub(super) fn init_least(_: &mut Context) -> Run {
        threads(-5);
        let all = blocked(3)?;
        ensure_eq!(thread_count()? - 1, 1, "threads");
        all.finish()
    }

    /// When all threads wait, an operation that could be done at once is not begun.
    pub(super) fn starving(cx: &mut Context) -> Run {
        threads(2);
        let file = pattern_file(cx, "f", 16)?;
        let all = blocked(2)?;
        let mut starved = Request::new(&file, Buffer::zeroed(16)?, 0);
        starved.read()?;
        // Only what has not begun can be cancelled.
        ensure_eq!(starved.cancel(&file), Ok(AIO_CANCELED), "aio_cancel");
        let mut fed = Request::new(&file, Buffer::zeroed(16)?, 0);
        fed.read()?;
        all.finish()?;
        ensure_eq!(fed.wait(), Ok(16), "result once a thread is free");
        ensure!(
            starved.buffer().bytes() == [0; 16],
            "the cancelled read has read"
        );
        pass()
    }
}
