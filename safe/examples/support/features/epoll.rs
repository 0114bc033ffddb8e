//! epoll, which the others are measured by.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;

use super::{Answer, Feature, program, slow_pipe};
use crate::calls::counted;

pub(super) fn has(feature: Feature) -> Answer {
    let tried = match feature {
        Feature::Files => files(),
        Feature::Pipes => pipes(),
        Feature::Readiness => readiness(),
        _ => return None,
    };
    Some(tried)
}

/// An epoll instance with this file.
fn watching(file: impl AsFd) -> io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(0);
    epoll::add(&epoll, file, data, epoll::EventFlags::IN)?;
    Ok(epoll)
}

/// How many files are ready.
fn wait(epoll: &OwnedFd, events: &mut Vec<epoll::Event>) -> io::Result<usize> {
    loop {
        match epoll::wait(epoll, spare_capacity(events), None) {
            // Without a signal, too: a ring that was dropped has some work left for this thread.
            Err(Errno::INTR) => {}
            ready => return Ok(ready?),
        }
    }
}

fn files() -> io::Result<bool> {
    match watching(program()?) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
        Err(error) => Err(error),
    }
}

fn pipes() -> io::Result<bool> {
    let (reader, writer) = slow_pipe()?;
    let ready = wait(&watching(&reader)?, &mut Vec::with_capacity(1))?;
    writer.join().expect("no panic")?;
    Ok(ready == 1)
}

fn readiness() -> io::Result<bool> {
    let (ours, theirs) = UnixStream::pair()?;
    drop(theirs);
    let ready = wait(&watching(&ours)?, &mut Vec::with_capacity(1))?;
    Ok(ready == 1)
}

/// To be counted: hearing of a socket that is ready.
pub(super) fn take_result() -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    drop(theirs);
    let (epoll, mut events) = (watching(&ours)?, Vec::with_capacity(1));
    assert_eq!(counted(|| wait(&epoll, &mut events))?, 1);
    Ok(())
}
