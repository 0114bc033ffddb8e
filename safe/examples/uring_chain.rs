//! Answers a request with a file: the read and the write to the socket are one chain, which the kernel carries out
//! without coming back in between. Nobody waits for ever: each chain has a timeout.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use claim::report;
use safe::buf::relay;
use safe::uring::{Ring, op};

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends the file to the peer.
fn answer(ring: &mut Ring, peer: TcpStream, path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let len = file.metadata()?.len() as usize;
    let (filled, sent) = relay(len);
    let read = op::Read::new(file, filled).at(0);
    let chain = op::link(read, op::Write::new(peer, sent)).link(op::LinkTimeout::after(PATIENCE));
    let tickets = ring.push_chain(chain)?;
    let done = ring.wait_chain(tickets)?;
    let ((read, write), expiry) = done.outputs;
    report(
        "a read from a file and a write to a socket go on by themselves, as one chain",
        done.fates.broken_at().is_none(),
        format_args!(
            "read {:?}, sent {:?}, timeout {expiry:?}",
            read.result, write.result
        ),
    );
    assert_eq!(read.result?, write.result?);
    Ok(())
}

fn main() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("answer");
    let text = "a line of an answer\n".repeat(500);
    fs::write(&path, &text)?;

    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let client = thread::spawn(move || {
        let mut server = TcpStream::connect(address)?;
        server.write_all(b"answer, please\n")?;
        let mut answer = String::new();
        server.read_to_string(&mut answer)?;
        Ok::<String, io::Error>(answer)
    });

    let mut ring = Ring::new(8)?;
    let (peer, _) = listener.accept()?;
    let mut request = String::new();
    BufReader::new(&peer).read_line(&mut request)?;
    answer(&mut ring, peer, &path)?;

    let answer = client.join().expect("the client does not panic")?;
    assert_eq!(answer, text, "the client has the file");

    // A chain whose first operation fails sends nothing.
    let empty = File::open(&path)?;
    let (filled, sent) = relay(8);
    let beyond = op::Read::new(empty, filled).at(1 << 40);
    let (receiver, sender) = UnixStream::pair()?;
    let tickets = ring.push_chain(op::link(beyond, op::Write::new(sender, sent)))?;
    let done = ring.wait_chain(tickets)?;
    let write = done.outputs.1.result;
    report(
        "where the read fails nothing is sent",
        done.fates.broken_at() == Some(0)
            && write.as_ref().is_err_and(|error| error.is_cancelled()),
        format_args!("sent {write:?}"),
    );
    drop(receiver);
    Ok(())
}
