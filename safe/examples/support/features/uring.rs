//! io_uring.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use safe::buf::relay;
use safe::uring::raw::types::PollFlags;
use safe::uring::{Ring, Ticket, op};

use super::{Answer, Feature, MAGIC, goes_on, program, slow_pipe};
use crate::calls::counted;
use crate::cold::cold;

const SIZE: usize = 8 << 20;

pub(super) fn has(feature: Feature) -> Answer {
    let tried = match feature {
        Feature::Files => files(),
        Feature::ColdFiles => goes_on(cold_files),
        Feature::Pipes => pipes(),
        Feature::Readiness => readiness(),
        Feature::Fsync => goes_on(fsync),
        Feature::Accept => accept(),
        Feature::Links => links(),
        Feature::Cancel => cancel(),
        Feature::Timeouts => timeouts(),
        Feature::Registered => registered(),
        Feature::FreeResults | Feature::FreeSubmission => return None,
    };
    Some(tried)
}

/// Does one operation; answers whether something was left to wait for after its submission, and what came of it.
fn run<O: op::Operation + 'static>(operation: O) -> io::Result<(bool, O::Output)> {
    let mut ring = Ring::new(1)?;
    let ticket = ring.push(operation)?;
    ring.submit()?;
    Ok(match ring.try_wait(ticket)? {
        Ok(output) => (false, output),
        Err(ticket) => (true, ring.wait(ticket)?),
    })
}

fn files() -> io::Result<bool> {
    let (_, done) = run(op::Read::new(program()?, Vec::with_capacity(4)).at(0))?;
    Ok(done.result? == 4 && done.buf == MAGIC)
}

fn cold_files() -> io::Result<bool> {
    let (goes_on, done) = run(op::Read::new(cold(SIZE)?, Vec::with_capacity(SIZE)).at(0))?;
    assert_eq!(done.result?, SIZE);
    Ok(goes_on)
}

fn pipes() -> io::Result<bool> {
    let (reader, writer) = slow_pipe()?;
    let (goes_on, done) = run(op::Read::new(reader, Vec::with_capacity(1)))?;
    assert_eq!(done.result?, 1);
    writer.join().expect("no panic")?;
    Ok(goes_on)
}

fn readiness() -> io::Result<bool> {
    let (ours, theirs) = UnixStream::pair()?;
    drop(theirs);
    let (_, done) = run(op::Poll::new(ours, PollFlags::IN))?;
    Ok(done.result?.contains(PollFlags::IN))
}

fn fsync() -> io::Result<bool> {
    let (goes_on, done) = run(op::Fsync::new(cold(SIZE)?))?;
    done.result?;
    Ok(goes_on)
}

fn accept() -> io::Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (_, done) = run(op::Accept::new(listener))?;
    let peer = TcpStream::from(done.result?.0);
    Ok(peer.peer_addr()? == client.local_addr()?)
}

fn links() -> io::Result<bool> {
    let (filled, sent) = relay(4);
    let (reader, writer) = UnixStream::pair()?;
    let read = op::Read::new(program()?, filled).at(0);
    let mut ring = Ring::new(2)?;
    let tickets = ring.push_chain(op::link(read, op::Write::new(writer, sent)))?;
    ring.wait_chain(tickets)?.outputs.1.result?;
    let mut came = [0; 4];
    io::Read::read_exact(&mut &reader, &mut came)?;
    Ok(came == MAGIC)
}

fn cancel() -> io::Result<bool> {
    let (reader, _silent) = rustix::pipe::pipe()?;
    let mut ring = Ring::new(2)?;
    let read = ring.push(op::Read::new(reader, Vec::with_capacity(1)))?;
    let cancel = ring.push(op::Cancel::new(read.token()))?;
    let stopped = ring.wait(cancel)??;
    let done = ring.wait(read)?;
    Ok(stopped == op::Cancelled::Cancelled && done.result.is_err_and(|error| error.is_cancelled()))
}

fn timeouts() -> io::Result<bool> {
    let (_, expiry) = run(op::Timeout::after(Duration::from_millis(1)))?;
    Ok(expiry.is_ok())
}

fn registered() -> io::Result<bool> {
    let mut ring = Ring::new(1)?;
    let buffers = ring.register_buffers(1, 4096)?;
    let buffer = buffers.take().expect("one is free");
    let read = op::ReadFixed::new(program()?, buffer).at(0);
    let ticket = ring.push(read)?;
    let done = ring.wait(ticket)?;
    done.result?;
    Ok(done.buf.starts_with(MAGIC))
}

type Read = op::Read<File, Vec<u8>>;

/// Waits in user space. The file comes back too: closing it would be a system call.
fn spin(ring: &mut Ring, mut ticket: Ticket<Read>) -> io::Result<op::Completed<File, Vec<u8>>> {
    loop {
        match ring.try_wait(ticket)? {
            Ok(done) => return Ok(done),
            Err(again) => ticket = again,
        }
        std::hint::spin_loop();
    }
}

/// To be counted: taking a result that is there.
pub(super) fn take_result() -> io::Result<()> {
    let mut ring = Ring::new(1)?;
    let ticket = ring.push(op::Read::new(program()?, Vec::with_capacity(4)).at(0))?;
    ring.submit_and_wait(1)?;
    let done = counted(|| spin(&mut ring, ticket))?;
    assert_eq!(done.buf, MAGIC);
    Ok(())
}

/// To be counted: submitting, with a kernel thread that is awake.
pub(super) fn submit_for_nothing() -> io::Result<()> {
    let mut ring = Ring::builder().sqpoll(60_000).build(1)?;
    let first = ring.push(op::Read::new(program()?, Vec::with_capacity(4)).at(0))?;
    ring.wait(first)?.result?;
    let read = op::Read::new(program()?, Vec::with_capacity(4)).at(0);
    let done = counted(|| {
        let ticket = ring.push(read)?;
        ring.submit()?;
        spin(&mut ring, ticket)
    });
    assert_eq!(done?.buf, MAGIC);
    Ok(())
}
