//! A TCP echo server on one ring: one operation accepts all connections, and what comes on any of them lies in buffers
//! that they share. It is sent back from the buffer that it came in.
//!
//! A connection is always owned by the operation that is about it: one that nothing is done with is closed.
//!
//! The clients run in threads and check what comes back; then the program ends.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;

use safe::uring::op::{AcceptMultishot, RecvSelect, Send};
use safe::uring::raw::types::MsgFlags;
use safe::uring::{BufGroup, Lent, Ring};

const CLIENTS: usize = 20;
/// Fewer than the clients could keep busy, so that they run out now and then.
const BUFFERS: u32 = 8;

/// What a tag says.
const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
const SEND: u64 = 2;

fn main() -> io::Result<()> {
    let mut ring = Ring::new(64)?;
    let group = BufGroup::builder(BUFFERS, 1024).register(&mut ring)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let client = |id| thread::spawn(move || client(id, address));
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();

    ring.push_multishot_tagged(AcceptMultishot::new(listener), ACCEPT)?;
    // Connections that can be received from, as soon as there are buffers.
    let mut idle: Vec<OwnedFd> = Vec::new();
    let (mut closed, mut pauses, mut echoed) = (0, 0, 0);
    while closed < CLIENTS {
        let event = ring.next_event()?;
        match event.tag() {
            ACCEPT => {
                let taken = event.take_item::<AcceptMultishot<TcpListener>>();
                let (connection, _) = taken.expect("an accept");
                idle.push(connection?);
            }
            RECEIVE => {
                let received = event.take::<RecvSelect<OwnedFd>>().expect("a receive");
                match received.result {
                    Ok(lent) if lent.is_empty() => closed += 1,
                    Ok(lent) => {
                        let send = Send::new(received.file, lent).flags(MsgFlags::WAITALL);
                        ring.push_tagged(send, SEND)?;
                    }
                    Err(error) if error.raw_os_error() == libc::ENOBUFS => {
                        pauses += 1;
                        idle.push(received.file);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            _ => {
                let sent = event.take::<Send<OwnedFd, Lent>>().expect("a send");
                echoed += sent.result?;
                // With `sent` the lent buffer goes home.
                idle.push(sent.file);
            }
        }
        if group.available() > 0 {
            for connection in idle.drain(..) {
                ring.push_tagged(RecvSelect::new(connection, &group), RECEIVE)?;
            }
        }
    }
    let sent: usize = clients
        .into_iter()
        .map(|client| client.join().expect("a client"))
        .sum();
    assert_eq!((echoed, group.available()), (sent, BUFFERS as usize));
    println!("{echoed} bytes came back to {CLIENTS} clients; {pauses} times there was no buffer");
    Ok(())
}

/// Sends blocks, checks that they come back, and answers how many bytes it sent.
fn client(id: usize, server: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(server).expect("a connection");
    let mut sent = 0;
    for round in 0..50 {
        let block: Vec<u8> = (0..100 + 97 * round)
            .map(|n| (n + 7 * id + round) as u8)
            .collect();
        stream.write_all(&block).expect("to send");
        let mut echo = vec![0; block.len()];
        stream.read_exact(&mut echo).expect("to receive");
        assert!(echo == block, "client {id}, round {round}");
        sent += block.len();
    }
    stream.shutdown(Shutdown::Write).expect("to end");
    assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
    sent
}
