//! What an interface can do: tried.

mod aio;
mod epoll;
mod posix;
mod uring;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::calls::{self, Calls};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Files,
    ColdFiles,
    Pipes,
    Readiness,
    Fsync,
    Accept,
    Links,
    Cancel,
    Timeouts,
    Registered,
    FreeResults,
    FreeSubmission,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    Posix,
    Aio,
    Uring,
    Epoll,
}

impl Interface {
    pub(crate) const ALL: [Self; 4] = [Self::Posix, Self::Aio, Self::Uring, Self::Epoll];
}

/// Whether it works, or nothing where there is no such operation.
pub(crate) type Answer = Option<io::Result<bool>>;

/// The system calls that some features take.
pub(crate) type Counts = Vec<(Interface, Feature, Calls)>;

/// Counts the system calls of those features that promise to have none.
pub(crate) fn count() -> io::Result<Counts> {
    type Body = fn() -> io::Result<()>;
    let bodies: [(Interface, Feature, Body); 5] = [
        (Interface::Posix, Feature::FreeResults, posix::take_result),
        (Interface::Aio, Feature::FreeResults, aio::take_result),
        (Interface::Uring, Feature::FreeResults, uring::take_result),
        (Interface::Epoll, Feature::FreeResults, epoll::take_result),
        (
            Interface::Uring,
            Feature::FreeSubmission,
            uring::submit_for_nothing,
        ),
    ];
    let count = |(interface, feature, body): (Interface, Feature, Body)| {
        let calls = calls::of(&format!("{interface:?} {feature:?}"), body)?;
        Ok((interface, feature, calls))
    };
    bodies.into_iter().map(count).collect()
}

/// Whether an interface has a feature.
pub(crate) fn has(interface: Interface, feature: Feature, counts: &Counts) -> Answer {
    let counted = counts
        .iter()
        .find(|count| (count.0, count.1) == (interface, feature));
    if let Some((_, _, calls)) = counted {
        return Some(Ok(calls.is_empty()));
    }
    match interface {
        Interface::Posix => posix::has(feature),
        Interface::Aio => aio::has(feature),
        Interface::Uring => uring::has(feature),
        Interface::Epoll => epoll::has(feature),
    }
}

/// A file that begins as programs do.
fn program() -> io::Result<File> {
    File::open("/proc/self/exe")
}

const MAGIC: &[u8] = b"\x7fELF";

/// A pipe, whose writer writes a byte after a while.
fn slow_pipe() -> io::Result<(OwnedFd, JoinHandle<io::Result<usize>>)> {
    let (reader, writer) = rustix::pipe::pipe()?;
    let write = move || {
        thread::sleep(Duration::from_millis(200));
        Ok(rustix::io::write(&writer, b"x")?)
    };
    Ok((reader, thread::spawn(write)))
}

/// Whether one of a few attempts leaves something to wait for: a disk may be faster than this program.
fn goes_on(mut attempt: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    for _ in 0..5 {
        if attempt()? {
            return Ok(true);
        }
    }
    Ok(false)
}
