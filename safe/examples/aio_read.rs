//! Reads a file three ways: the smallest program, past the page cache, and in an epoll loop.
//!
//! `cargo run --example aio_read -- FILE`

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::event::epoll;
use safe::aio::{Context, EventFd, op};

/// The most that is read, and what direct reads are aligned to.
const SIZE: usize = 4096;

/// The smallest: push, wait, done. The read happens while it is submitted.
fn smallest(path: &Path) -> io::Result<Vec<u8>> {
    let mut context = Context::new(1)?;
    let ticket = context.push(op::Read::new(File::open(path)?, Vec::with_capacity(SIZE)))?;
    let done = context.wait(ticket)?;
    done.result?;
    Ok(done.buf)
}

/// Past the page cache: the submission comes back at once, and the disk writes to our memory. The buffer is
/// borrowed, since it must begin at a multiple of the block size.
fn direct(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(path)?;
    let mut memory = vec![0; 2 * SIZE];
    let begin = memory.as_ptr().align_offset(SIZE);
    let bytes = Context::new(1)?.scope(|scope| {
        let buffer = &mut memory[begin..begin + SIZE];
        let ticket = scope.push(op::Read::new(file, buffer))?;
        Ok::<_, io::Error>(scope.wait(ticket)?.result?)
    })?;
    Ok(memory[begin..begin + bytes].to_vec())
}

/// In an event loop, which an eventfd tells that results are there.
fn in_a_loop(path: &Path) -> io::Result<Vec<u8>> {
    const RESULTS: u64 = 1;
    let eventfd = EventFd::new()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let readable = epoll::EventFlags::IN;
    epoll::add(
        &epoll,
        &eventfd,
        epoll::EventData::new_u64(RESULTS),
        readable,
    )?;

    let mut context = Context::new(2)?;
    for tag in 0..2 {
        let half = Vec::with_capacity(SIZE / 2);
        let read = op::Read::new(File::open(path)?, half).at(tag * SIZE as u64 / 2);
        context.push_tagged(read.notify(&eventfd), tag)?;
    }
    assert_eq!(context.submit()?.accepted, 2);
    let mut halves = [Vec::new(), Vec::new()];
    while !context.is_empty() {
        let mut ready = Vec::with_capacity(8);
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut ready), None)?;
        for event in ready {
            assert_eq!(event.data.u64(), RESULTS);
            eventfd.take()?;
            while let Some(event) = context.try_next_event()? {
                let tag = event.tag() as usize;
                if let Ok(done) = event.take::<op::Read<File, Vec<u8>>>() {
                    done.result?;
                    halves[tag] = done.buf;
                }
            }
        }
    }
    Ok(halves.concat())
}

fn main() -> io::Result<()> {
    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe()?,
    };
    let expected = smallest(&path)?;
    assert_eq!(direct(&path)?, expected);
    assert_eq!(in_a_loop(&path)?, expected);
    println!(
        "{}: {} bytes, three times the same",
        path.display(),
        expected.len()
    );
    Ok(())
}
