//! A ring inside of an event loop that waits on descriptors: epoll watches the ring itself, and in a second loop an
//! eventfd that the kernel counts completions in.
//!
//! The loop never blocks in the ring: it submits, and polls when epoll says that completions are there.

#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{EventfdFlags, epoll, eventfd};
use safe::uring::{Ring, op};

const RING: u64 = 1;
const PIPE: u64 = 2;
const EVENTFD: u64 = 3;
const CHUNK: usize = 4096;

type Read = op::Read<File, Vec<u8>>;

/// An epoll set that watches one descriptor.
fn watch(fd: impl AsFd, name: u64) -> io::Result<OwnedFd> {
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &set,
        fd,
        epoll::EventData::new_u64(name),
        epoll::EventFlags::IN,
    )?;
    Ok(set)
}

/// Waits until something happens, and answers to what.
fn wait(set: &OwnedFd) -> io::Result<u64> {
    let mut events = Vec::with_capacity(4);
    epoll::wait(set, rustix::buffer::spare_capacity(&mut events), None)?;
    Ok(events[0].data.u64())
}

/// A read that is over, if there is one.
fn next_read(ring: &mut Ring) -> io::Result<Option<op::Completed<File, Vec<u8>>>> {
    let event = ring.try_next_event()?;
    Ok(event.map(|event| event.take::<Read>().expect("only reads are pushed")))
}

/// Reads the file chunk by chunk while the loop also serves a pipe; answers its bytes and those of the pipe.
fn drive(ring: &mut Ring, set: &OwnedFd, path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = op::Read::new(File::open(path)?, Vec::with_capacity(CHUNK)).at(0);
    ring.push_tagged(read, 0)?;
    ring.submit()?;
    loop {
        match wait(set)? {
            PIPE => return Ok(bytes),
            EVENTFD | RING => {}
            other => panic!("nobody watches {other}"),
        }
        while let Some(done) = next_read(ring)? {
            if done.result? == 0 {
                return Ok(bytes);
            }
            bytes.extend(&done.buf);
            let offset = bytes.len() as u64;
            let next = op::Read::new(done.file, Vec::with_capacity(CHUNK)).at(offset);
            ring.push_tagged(next, offset)?;
        }
        ring.submit()?;
    }
}

fn main() -> io::Result<()> {
    let path = std::env::current_exe()?;
    let expected = fs::read(&path)?;
    let mut ring = Ring::new(8)?;

    // The ring's own descriptor is readable when completions are there.
    let set = watch(&ring, RING)?;
    let bytes = drive(&mut ring, &set, &path)?;
    assert!(bytes == expected, "the file, by the ring's descriptor");

    // The loop serves other descriptors as well.
    let (reader, mut writer) = UnixStream::pair()?;
    let (data, flags) = (epoll::EventData::new_u64(PIPE), epoll::EventFlags::IN);
    epoll::add(&set, &reader, data, flags)?;
    writer.write_all(b"x")?;
    assert_eq!(wait(&set)?, PIPE);

    // Or an eventfd stands for it. Edge-triggered, it need not be read.
    let counter = eventfd(0, EventfdFlags::CLOEXEC)?;
    ring.set_eventfd(&counter)?;
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(EVENTFD);
    let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&set, &counter, data, flags)?;
    let bytes = drive(&mut ring, &set, &path)?;
    assert!(bytes == expected, "the file, by an eventfd");
    println!("{} bytes, twice", bytes.len());
    Ok(())
}
