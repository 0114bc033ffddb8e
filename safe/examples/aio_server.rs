//! A TCP server without epoll: polls tell which socket is ready, all of them in one context. Its own clients check
//! what it echoes.
//!
//! `cargo run --example aio_server`

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use safe::aio::{Context, PollFlags, op};

const CLIENTS: u64 = 8;

/// The tag of the listening socket; all others are connections.
const LISTENER: u64 = 0;
const CONNECTION: u64 = 1;

/// Sends lines and requires them back.
fn client(server: SocketAddr, number: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(server)?;
    for line in 0..100 {
        let sent = format!("line {line} of client {number}\n");
        stream.write_all(sent.as_bytes())?;
        let mut echoed = vec![0; sent.len()];
        stream.read_exact(&mut echoed)?;
        assert_eq!(echoed, sent.as_bytes());
    }
    Ok(())
}

/// Echoes what is there. False at the end of the connection.
fn echo(stream: &mut TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => Ok(false),
        // A real server would wait for `POLLOUT` where this does not go out at once.
        Ok(bytes) => stream.write_all(&buffer[..bytes]).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// Serves until the last client is gone; answers how many were ready in all.
fn serve(listener: TcpListener) -> io::Result<u64> {
    let mut context = Context::new(64)?;
    let (mut ready, mut gone) = (0, 0);
    context.push_tagged(op::Poll::new(listener, PollFlags::IN), LISTENER)?;
    while gone < CLIENTS {
        let event = context.next_event()?;
        ready += 1;
        if event.tag() == LISTENER {
            let Ok(polled) = event.take::<op::Poll<TcpListener>>() else {
                unreachable!("the tag says what it is");
            };
            polled.result?;
            let (stream, _) = polled.file.accept()?;
            stream.set_nonblocking(true)?;
            context.push_tagged(op::Poll::new(stream, PollFlags::IN), CONNECTION)?;
            context.push_tagged(polled.again(), LISTENER)?;
        } else {
            let Ok(mut polled) = event.take::<op::Poll<TcpStream>>() else {
                unreachable!("the tag says what it is");
            };
            polled.result?;
            if echo(&mut polled.file)? {
                context.push_tagged(polled.again(), CONNECTION)?;
            } else {
                gone += 1;
            }
        }
    }
    Ok(ready)
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| thread::spawn(move || client(address, number)))
        .collect();
    let ready = serve(listener)?;
    for client in clients {
        client.join().expect("no panic")?;
    }
    println!("{CLIENTS} clients served; a socket was ready {ready} times");
    Ok(())
}
