//! A TCP proxy that takes one system call a loop: the write of what came and the read of what comes next are
//! submitted together, and their results taken from the ring. Beside it one with read(2) and write(2), which takes two.
//!
//! The kernel carries both out, one after the other, inside of the submission. It saves a system call and costs two
//! requests, and does not make anything faster on a processor where system calls are cheap.
//!
//! `cargo run --release --example aio_proxy`

#![forbid(unsafe_code)]

#[path = "support/calls.rs"]
mod calls;
#[path = "support/claim.rs"]
mod claim;
#[path = "support/optimised.rs"]
mod optimised;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use claim::report;
use safe::aio::{Context, op};

const BYTES: usize = 4 << 20;
const BUFFER: usize = 16 << 10;

/// Passes on what comes from one connection to another, until the end. A context comes back, as its end is no part of it:
/// the kernel takes some time for that.
type Proxy = fn(TcpStream, TcpStream) -> io::Result<Option<Context>>;

/// Both sockets block: then each submission is over when it returns.
fn fused(from: TcpStream, to: TcpStream) -> io::Result<Option<Context>> {
    let (from, to) = (Arc::new(from), Arc::new(to));
    let mut context = Context::new(2)?;
    let (mut full, mut empty) = (Vec::with_capacity(BUFFER), Vec::with_capacity(BUFFER));
    loop {
        // Nothing is in `full` the first time: a write of 0 bytes.
        let expected = full.len();
        let write = context.push(op::Write::new(to.clone(), full))?;
        let read = context.push(op::Read::new(from.clone(), empty))?;
        // The one system call. What it left is there, and taken from the ring.
        let submitted = context.submit()?;
        assert_eq!((submitted.accepted, submitted.refused), (2, 0));
        let (Ok(written), Ok(came)) = (context.try_wait(write)?, context.try_wait(read)?) else {
            return Err(io::Error::other("a blocking socket did not block"));
        };
        let sent = written.result?;
        (&*to).write_all(&written.buf[sent..expected])?;
        if came.result? == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(Some(context));
        }
        (full, empty) = (came.buf, written.buf);
        empty.clear();
    }
}

/// The usual one.
fn plain(mut from: TcpStream, mut to: TcpStream) -> io::Result<Option<Context>> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            bytes => to.write_all(&buffer[..bytes])?,
        }
    }
    to.shutdown(Shutdown::Write)?;
    Ok(None)
}

fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    Ok((one, listener.accept()?.0))
}

/// Sends through a proxy, and requires what was sent. Answers how long it took.
fn pass(proxy: Proxy) -> io::Result<Duration> {
    let (mut client, from) = connection()?;
    let (to, mut server) = connection()?;
    let sent: Arc<Vec<u8>> = Arc::new((0..BYTES).map(|at| (at / 7) as u8).collect());
    let expected = sent.clone();
    let client = thread::spawn(move || {
        client.write_all(&sent)?;
        client.shutdown(Shutdown::Write)
    });
    let server = thread::spawn(move || {
        let mut came = Vec::with_capacity(BYTES);
        server.read_to_end(&mut came).map(|_| came)
    });
    let begun = Instant::now();
    let _context = calls::counted(|| proxy(from, to))?;
    client.join().expect("no panic")?;
    assert!(server.join().expect("no panic")? == *expected);
    Ok(begun.elapsed())
}

fn main() -> io::Result<()> {
    let count = |name, proxy| calls::of(name, || pass(proxy).map(drop));
    let (with_aio, without) = (count("fused", fused)?, count("plain", plain)?);
    let (loops, all) = (
        with_aio.get(&libc::SYS_io_submit),
        with_aio.values().sum::<u64>(),
    );
    let (loops, plain_loops) = (
        loops.copied().unwrap_or(0),
        without.get(&libc::SYS_recvfrom),
    );
    let others = all - loops;
    report(
        "the fused proxy takes one system call a loop",
        others * 10 < loops,
        format_args!(
            "{loops} io_submit and {others} others for 4 MiB; with read and write {} in {} loops",
            without.values().sum::<u64>(),
            plain_loops.copied().unwrap_or(0),
        ),
    );
    optimised::warn();
    let mut best = [Duration::MAX; 2];
    for _ in 0..5 {
        // In turns, so that what else the machine does hits both.
        for (best, proxy) in best.iter_mut().zip([fused as Proxy, plain]) {
            *best = pass(proxy)?.min(*best);
        }
    }
    let [with_aio, without] = best;
    report(
        "and is a bit faster",
        with_aio < without,
        format_args!(
            "4 MiB in {with_aio:.1?}, with read and write in {without:.1?}: the best of five"
        ),
    );
    Ok(())
}
