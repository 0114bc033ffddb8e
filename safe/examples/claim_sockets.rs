//! Claim: a read of a blocking socket blocks io_submit(2) until data comes; without blocking it says EAGAIN.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "support/timed.rs"]
mod timed;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use claim::report;
use safe::aio::{RwFlags, op};
use timed::{Times, timed};

const DELAY: Duration = Duration::from_millis(500);

/// Reads once.
fn read(socket: &TcpStream, flags: RwFlags) -> io::Result<(Times, io::Result<Vec<u8>>)> {
    let read = op::Read::new(socket.try_clone()?, Vec::with_capacity(8)).flags(flags);
    let (times, done) = timed(read)?;
    Ok((times, done.result.map(|_| done.buf).map_err(Into::into)))
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let (mut peer, _) = listener.accept()?;

    let writer = thread::spawn(move || {
        thread::sleep(DELAY);
        peer.write_all(b"data").map(|()| peer)
    });
    let (times, came) = read(&socket, RwFlags::empty())?;
    let _open = writer.join().expect("no panic")?;
    assert_eq!(came?, b"data");
    report(
        "the submission of a read of a blocking socket blocks until data comes",
        times.blocks,
        format_args!("data after {DELAY:?}: {times}"),
    );
    let ways = [
        (
            "with RWF_NOWAIT it does not, and the result is EAGAIN",
            false,
            RwFlags::NOWAIT,
        ),
        ("nor with O_NONBLOCK", true, RwFlags::empty()),
    ];
    for (claim, nonblocking, flags) in ways {
        socket.set_nonblocking(nonblocking)?;
        let (times, result) = read(&socket, flags)?;
        let error = result.expect_err("no data was sent");
        let refused = error.kind() == io::ErrorKind::WouldBlock;
        report(claim, refused, format_args!("{times}: {error}"));
    }
    Ok(())
}
