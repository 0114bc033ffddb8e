//! The other side of connections: a process of its own, so that what it does is not counted, on a processor of its own.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::job::Kind;
use crate::{pattern, processors};

/// Room for a whole message in each direction, so that a server that writes one never waits for a client that writes.
static ROOM: libc::c_int = 512 << 10;

/// What the client does in a round. Its arguments.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where to connect to
    address: String,
    /// How many connections there are
    connections: usize,
    /// The bytes of a message
    size: usize,
    /// The messages on each connection in a round
    share: u64,
    /// Whether messages come back: none, one (the same connection), or two (from the connection beside it)
    back: u8,
}

/// The process.
pub(crate) struct Client {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// How messages come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// Not at all.
    Nothing = 0,
    /// On the same connection.
    Same = 1,
    /// On the other one of two.
    Other = 2,
}

impl Back {
    /// What a job of this kind sends.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::PingPong => Self::Same,
            _ => Self::Nothing,
        }
    }
}

impl Client {
    /// Starts a client, and accepts its connections.
    pub(crate) fn connect(
        connections: usize,
        size: usize,
        share: u64,
        back: Back,
    ) -> Result<(Self, Vec<OwnedFd>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut child = Command::new(env::current_exe()?)
            .arg("client")
            .arg(listener.local_addr()?.to_string())
            .args([connections.to_string(), size.to_string()])
            .args([share.to_string(), (back as u8).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        // The client has that one, and has begun.
        let _ = processors::leave_last()?;
        let orders = child.stdin.take().context("a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut files = Vec::new();
        for _ in 0..connections {
            let stream = listener.accept()?.0;
            prepare(&stream)?;
            files.push(stream.into());
        }
        let client = Self {
            child,
            orders,
            answers,
        };
        Ok((client, files))
    }

    /// Has it begin a round.
    pub(crate) fn start(&mut self) -> Result<()> {
        Ok(self.orders.write_all(b"\n")?)
    }

    /// Waits until it has got everything, and found it right.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(line == "right\n", "it found a fault");
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may wait for messages that never come.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the buffers of a connection large enough.
fn prepare(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    for name in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
        let size = size_of_val(&ROOM) as libc::socklen_t;
        let value = (&raw const ROOM).cast();
        // SAFETY: the option takes an int, which is live.
        let answer =
            unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, name, value, size) };
        ensure!(
            answer == 0,
            "setsockopt: {}",
            std::io::Error::last_os_error()
        );
    }
    Ok(())
}

/// What the process does.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    // Nothing of it is counted.
    crate::count::mark("not counted");
    processors::only_last()?;
    let mut streams = Vec::new();
    for _ in 0..plan.connections {
        let stream = TcpStream::connect(&plan.address)?;
        prepare(&stream)?;
        streams.push(stream);
    }
    let mut sent = vec![0; plan.size];
    pattern::fill(&mut sent, 0, 0);
    let mut talk = Talk {
        streams,
        came: vec![0; plan.size],
        sent,
        thorough: true,
    };
    let mut number = 0;
    for order in std::io::stdin().lines() {
        order?;
        for _ in 0..plan.share {
            match plan.back {
                0 => talk.send(number)?,
                1 => talk.exchange(number)?,
                _ => talk.pass(number)?,
            }
            number += 1;
        }
        talk.thorough = false;
        println!("right");
    }
    Ok(())
}

struct Talk {
    streams: Vec<TcpStream>,
    sent: Vec<u8>,
    came: Vec<u8>,
    /// Whether every byte is looked at: in the first round.
    thorough: bool,
}

impl Talk {
    /// Sends a message on each connection.
    fn send(&mut self, number: u64) -> Result<()> {
        for (salt, stream) in (0..).zip(&mut self.streams) {
            pattern::stamp(&mut self.sent, number, salt);
            stream.write_all(&self.sent)?;
        }
        Ok(())
    }

    /// Sends a message on each connection, and takes it back.
    fn exchange(&mut self, number: u64) -> Result<()> {
        self.send(number)?;
        for (salt, stream) in (0..).zip(&mut self.streams) {
            stream.read_exact(&mut self.came)?;
            pattern::check_message(&self.came, number, salt, self.thorough)?;
        }
        Ok(())
    }

    /// Sends a message on one connection, and takes it from the other.
    fn pass(&mut self, number: u64) -> Result<()> {
        let [to, from] = &mut self.streams[..] else {
            bail!("a proxy has two connections");
        };
        pattern::stamp(&mut self.sent, number, 0);
        to.write_all(&self.sent)?;
        from.read_exact(&mut self.came)?;
        pattern::check_message(&self.came, number, 0, self.thorough)
    }
}
