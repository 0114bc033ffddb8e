//! A TCP echo server on one ring: one operation accepts all connections, and one receives all that comes on a
//! connection, into buffers that the connections share. What came is sent back from the buffer that it came in.
//!
//! Its clients run in threads and check what comes back; then the program ends.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use safe::uring::op::{self, End};
use safe::uring::raw::types::MsgFlags;
use safe::uring::{BufGroup, Lent, Ring};

const CLIENTS: usize = 20;

/// The tag of the listener. A connection has two: an even one for receiving, and the next for sending.
const LISTENER: u64 = u64::MAX;

type Accept = op::AcceptMultishot<TcpListener>;
type Receive = op::RecvMultishot<Arc<OwnedFd>>;
type Send = op::Send<Arc<OwnedFd>, Lent>;

struct Connection {
    socket: Arc<OwnedFd>,
    /// What came, in order. The first is being sent.
    queue: VecDeque<Option<Lent>>,
    finished: bool,
}

fn main() -> io::Result<()> {
    let mut ring = Ring::new(256)?;
    // Fewer buffers than the clients could keep busy, so that they run out now and then.
    let group = BufGroup::builder(16, 1024).register(&mut ring)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let client = |id| thread::spawn(move || client(id, address));
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();

    ring.push_multishot_tagged(Accept::new(listener), LISTENER)?;
    let mut connections = HashMap::new();
    let mut waiting = Vec::new();
    let (mut accepted, mut pauses, mut echoed) = (0, 0, 0);
    while accepted < CLIENTS || !connections.is_empty() {
        let event = ring.next_event()?;
        let tag = event.tag() & !1;
        if event.tag() == LISTENER {
            let (socket, _) = event.take_item::<Accept>().expect("an accept");
            let (socket, tag) = (Arc::new(socket?), 2 * accepted as u64);
            ring.push_multishot_tagged(Receive::new(socket.clone(), &group), tag)?;
            let (queue, finished) = (VecDeque::new(), false);
            connections.insert(
                tag,
                Connection {
                    socket,
                    queue,
                    finished,
                },
            );
            accepted += 1;
            continue;
        }
        let connection = connections
            .get_mut(&tag)
            .expect("it is there until all is sent");
        let mut idle = connection.queue.is_empty();
        if event.tag() == tag {
            let (item, ended) = event.take_item::<Receive>().expect("a receive");
            connection
                .queue
                .extend(item.ok().filter(|lent| !lent.is_empty()).map(Some));
            match ended.map(|ended| ended.end) {
                None => {}
                Some(End::Finished) => connection.finished = true,
                Some(End::NoBuffers | End::Stopped) => waiting.push(tag),
                Some(end) => return Err(io::Error::other(format!("{end:?}"))),
            }
        } else {
            // With the result goes the lent buffer, home.
            echoed += event.take::<Send>().expect("a send").result?;
            connection.queue.pop_front();
            idle = true;
        }
        if let (true, Some(lent)) = (idle, connection.queue.front_mut().and_then(Option::take)) {
            let send = Send::new(connection.socket.clone(), lent).flags(MsgFlags::WAITALL);
            ring.push_tagged(send, tag + 1)?;
        }
        if connection.finished && connection.queue.is_empty() {
            connections.remove(&tag);
        }
        // Some buffers are back: go on receiving.
        while !waiting.is_empty() && group.available() > 0 {
            let tag = waiting.swap_remove(0);
            pauses += 1;
            let socket = connections[&tag].socket.clone();
            ring.push_multishot_tagged(Receive::new(socket, &group), tag)?;
        }
    }
    let sent: usize = clients
        .into_iter()
        .map(|client| client.join().expect("a client"))
        .sum();
    assert_eq!((echoed, group.available()), (sent, 16));
    println!(
        "{echoed} bytes came back to {CLIENTS} clients, after {pauses} pauses without buffers"
    );
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
