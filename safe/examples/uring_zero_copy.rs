//! Sends data over several TCP connections without copying it: a block is used again when the kernel is through with
//! it, which is later than when it is sent. It tells how many were copied after all; over loopback all are.

#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use safe::uring::raw::types::MsgFlags;
use safe::uring::{Ring, Ticket, op};

const BLOCK: usize = 64 << 10;
const BLOCKS: usize = 100;
/// One send at a time on each: two could get in each other's way.
const CONNECTIONS: usize = 4;

type Send = op::SendZc<TcpStream, Vec<u8>>;

/// What a byte of each stream is.
fn byte(position: usize) -> u8 {
    (position ^ position >> 8 ^ position >> 16) as u8
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut ring = Ring::new(CONNECTIONS as u32)?;
    let mut receivers = Vec::new();
    let mut flying = Vec::new();
    let mut copied = 0;
    for _ in 0..CONNECTIONS {
        let socket = TcpStream::connect(listener.local_addr()?)?;
        let (peer, _) = listener.accept()?;
        receivers.push(thread::spawn(move || receive(peer)));
        flying.push(send(&mut ring, socket, vec![0; BLOCK], 0)?);
    }
    for block in 1..=BLOCKS {
        for ticket in std::mem::take(&mut flying) {
            let sent = ring.wait(ticket)?;
            assert_eq!(sent.result?, BLOCK);
            copied += usize::from(sent.copied == Some(true));
            if block < BLOCKS {
                flying.push(send(&mut ring, sent.file, sent.buf, block)?);
            }
        }
    }
    for receiver in receivers {
        assert_eq!(receiver.join().expect("the receiver")?, BLOCK * BLOCKS);
    }
    let blocks = BLOCKS * CONNECTIONS;
    println!("{blocks} blocks of {BLOCK} bytes sent, of which the kernel copied {copied}");
    Ok(())
}

fn send(
    ring: &mut Ring,
    socket: TcpStream,
    mut buf: Vec<u8>,
    block: usize,
) -> io::Result<Ticket<Send>> {
    for (to, position) in buf.iter_mut().zip(block * BLOCK..) {
        *to = byte(position);
    }
    let send = Send::new(socket, buf)
        .flags(MsgFlags::WAITALL)
        .report_usage();
    let ticket = ring.push(send)?;
    ring.submit()?;
    Ok(ticket)
}

/// Checks each byte, and answers how many there were.
fn receive(mut peer: TcpStream) -> io::Result<usize> {
    let mut data = Vec::new();
    peer.read_to_end(&mut data)?;
    let right = data
        .iter()
        .enumerate()
        .all(|(position, got)| *got == byte(position));
    assert!(right, "the data arrived otherwise than it was sent");
    Ok(data.len())
}
