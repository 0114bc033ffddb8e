//! Many operations with many results against a model: streams and events that receive into buffers of a group, are
//! cancelled, dropped, run out of buffers and overflow the completion queue, in random order. Every byte is checked, in
//! the order in which it was sent, also of memory that was freed: it goes through a quarantine.
//!
//! `RING_STRESS=10000000` does that many steps; `RING_SEED` chooses others.

mod quarantine;
#[path = "support/random.rs"]
mod random;

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use quarantine::Quarantine;
use random::Random;
use safe::uring::op::{self, End, Multishot, RecvMultishot, RecvSelect};
use safe::uring::{BufGroup, Files, FixedFd, Lent, Ring, Stream};

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

const BUFFERS: u32 = 12;
const SIZE: u32 = 96;
const CONNECTIONS: usize = 6;

/// The byte at this place of what a connection carries.
fn byte(seed: usize, at: usize) -> u8 {
    (at.wrapping_mul(31) ^ at >> 7 ^ seed.wrapping_mul(97)) as u8
}

type Receive = RecvMultishot<Rc<UnixStream>>;
type Once = RecvSelect<Rc<UnixStream>>;

/// What receives from a connection.
enum By {
    Nobody,
    Stream(Stream<Receive>),
    /// Events with the connection's tag, of a multishot operation or of one for one result.
    Events,
}

struct Connection {
    seed: usize,
    ours: Rc<UnixStream>,
    theirs: UnixStream,
    sent: usize,
    got: usize,
    by: By,
}

impl Connection {
    fn new(seed: usize) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        theirs.set_nonblocking(true).expect("set");
        Self {
            seed,
            ours: Rc::new(ours),
            theirs,
            sent: 0,
            got: 0,
            by: By::Nobody,
        }
    }

    fn send(&mut self, len: usize) {
        let bytes: Vec<u8> = (self.sent..self.sent + len)
            .map(|at| byte(self.seed, at))
            .collect();
        if let Ok(sent) = self.theirs.write(&bytes) {
            self.sent += sent;
        }
    }

    /// Checks what has come, and what else is said of it is that it was sent.
    fn check(&mut self, lent: &Lent) {
        let right = |(at, is): (usize, &u8)| *is == byte(self.seed, self.got + at);
        assert!(lent.iter().enumerate().all(right), "after {}", self.got);
        self.got += lent.len();
        assert!(self.got <= self.sent);
    }
}

struct Kept {
    seed: usize,
    from: usize,
    lent: Lent,
}

struct Stress {
    ring: Ring,
    group: BufGroup,
    random: Random,
    connections: Vec<Connection>,
    kept: VecDeque<Kept>,
    /// The tags of events that are to come, each with its connection, as long as that is there.
    tags: Vec<Option<usize>>,
    seeds: usize,
    items: usize,
    ends: [usize; 3],
}

impl Stress {
    fn new() -> Self {
        // As few completions as can be: streams overflow them.
        let mut ring = Ring::builder().completions(16).build(16).expect("a ring");
        let group = BufGroup::builder(BUFFERS, SIZE)
            .register(&mut ring)
            .expect("a group");
        Self {
            ring,
            group,
            random: Random(setting("RING_SEED", 0x2545_f491_4f6c_dd1d)),
            connections: (0..CONNECTIONS).map(Connection::new).collect(),
            kept: VecDeque::new(),
            tags: Vec::new(),
            seeds: CONNECTIONS,
            items: 0,
            ends: [0; 3],
        }
    }

    fn renew(&mut self, which: usize) {
        let old = std::mem::replace(&mut self.connections[which], Connection::new(self.seeds));
        self.seeds += 1;
        for tag in &mut self.tags {
            if *tag == Some(which) {
                *tag = None;
            }
        }
        drop(old);
    }

    fn start(&mut self, which: usize) {
        let connection = &mut self.connections[which];
        if !matches!(connection.by, By::Nobody) {
            return;
        }
        let file = Rc::clone(&connection.ours);
        let tag = self.tags.len() as u64;
        match self.random.below(3) {
            0 => {
                let receive = Receive::new(file, &self.group);
                if let Ok(stream) = self.ring.push_multishot(receive) {
                    connection.by = By::Stream(stream);
                }
            }
            1 => {
                let receive = Receive::new(file, &self.group);
                if self.ring.push_multishot_tagged(receive, tag).is_ok() {
                    self.tags.push(Some(which));
                    connection.by = By::Events;
                }
            }
            _ => {
                let receive = Once::new(file, &self.group);
                if self.ring.push_tagged(receive, tag).is_ok() {
                    self.tags.push(Some(which));
                    connection.by = By::Events;
                }
            }
        }
    }

    /// A piece of what a connection carries, or why there is none.
    fn came(&mut self, which: usize, item: Result<Lent, op::Error>) {
        let connection = &mut self.connections[which];
        match item {
            Ok(lent) => {
                assert!(!lent.is_empty(), "nobody closes the other end");
                let from = connection.got;
                connection.check(&lent);
                self.items += 1;
                if self.random.below(2) == 0 {
                    let seed = connection.seed;
                    self.kept.push_back(Kept { seed, from, lent });
                }
            }
            Err(error) => {
                let errno = error.raw_os_error();
                assert!(matches!(errno, libc::ENOBUFS | libc::ECANCELED), "{error}");
            }
        }
    }

    fn ended(&mut self, which: usize, end: End) {
        self.ends[match end {
            End::NoBuffers => 0,
            End::Stopped => 1,
            End::Cancelled => 2,
            other => panic!("{other:?}"),
        }] += 1;
        self.connections[which].by = By::Nobody;
    }

    /// Takes what has come of a stream.
    fn take(&mut self, which: usize) {
        let by = &mut self.connections[which].by;
        if !matches!(by, By::Stream(_)) {
            return;
        }
        let By::Stream(mut stream) = std::mem::replace(by, By::Nobody) else {
            return;
        };
        if let Some(item) = self.ring.try_next(&mut stream).expect("asked") {
            self.came(which, item);
        }
        if stream.is_over() && !stream.has_items() {
            let ended = stream.finish().expect("it is over");
            self.ended(which, ended.end);
        } else {
            self.connections[which].by = By::Stream(stream);
        }
    }

    fn event(&mut self) {
        let drops = self.random.below(16) == 0;
        let Some(event) = self.ring.try_next_event().expect("asked") else {
            return;
        };
        let (tag, more) = (event.tag() as usize, event.more());
        let Some(which) = self.tags[tag] else {
            return drop(event);
        };
        if drops {
            // What it brought is lost, and with it the place in the stream.
            drop(event);
            return self.renew(which);
        }
        // What it brought, and when it is over why, if it says so.
        let (item, end) = match event.take_item::<Receive>() {
            Ok((item, rest)) => (item, rest.map(|rest| Some(rest.end))),
            Err(event) => {
                let received = event.take::<Once>().expect("one or the other");
                (received.result, Some(None))
            }
        };
        assert_eq!(end.is_some(), !more);
        self.came(which, item);
        match end {
            Some(Some(end)) => self.ended(which, end),
            Some(None) => self.connections[which].by = By::Nobody,
            None => return,
        }
        self.tags[tag] = None;
    }

    fn give_back(&mut self) {
        let kept = if self.random.below(2) == 0 {
            self.kept.pop_front()
        } else {
            self.kept.pop_back()
        };
        if let Some(Kept { seed, from, lent }) = kept {
            let right = |(at, is): (usize, &u8)| *is == byte(seed, from + at);
            assert!(
                lent.iter().enumerate().all(right),
                "written while it was lent"
            );
        }
    }

    fn step(&mut self) {
        let which = self.random.below(CONNECTIONS);
        match self.random.below(100) {
            0..20 => self.start(which),
            20..45 => {
                let len = 1 + self.random.below(300);
                self.connections[which].send(len);
            }
            45..65 => self.take(which),
            65..80 => self.event(),
            80..92 => self.give_back(),
            92..96 => drop(self.ring.submit().expect("submitted")),
            96..98 => drop(self.ring.poll().expect("asked")),
            98 => {
                if let By::Stream(stream) = &self.connections[which].by {
                    let cancel = op::Cancel::new(stream.token());
                    if let Ok(ticket) = self.ring.push(cancel) {
                        ticket.detach();
                    }
                }
            }
            // Whatever receives from it is dropped, with what has come and was not taken.
            _ => {
                if matches!(self.connections[which].by, By::Stream(_)) || self.random.below(4) == 0
                {
                    self.renew(which);
                }
            }
        }
        if self.ring.len() >= 14 {
            self.ring.submit().expect("submitted");
            self.event();
        }
    }
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().expect("a number"))
}

#[test]
fn streams_agree_with_a_model() {
    let mut stress = Stress::new();
    for _ in 0..setting("RING_STRESS", 200_000) {
        stress.step();
    }
    let Stress {
        ring,
        group,
        connections,
        kept,
        items,
        ends,
        ..
    } = stress;
    println!("{items} items; without buffers, stopped, cancelled: {ends:?}");
    assert!(
        items > 1000 && ends[0] > 0 && ends[2] > 0,
        "{items} {ends:?}"
    );
    let files: Vec<_> = connections
        .iter()
        .map(|one| Rc::downgrade(&one.ours))
        .collect();
    drop(connections);
    drop(ring);
    assert!(files.iter().all(|file| file.strong_count() == 0), "a leak");
    drop(kept);
    // All are home, though the ring is gone.
    assert_eq!(group.available(), BUFFERS as usize);
    drop(group);
    quarantine::check();
}

/// Streams of all kinds that are dropped while things come, again and again in the same few places.
#[test]
fn dropped_streams_leave_nothing_to_who_uses_their_slots() {
    let rounds = setting("RING_STRESS", 20_000).min(1_000_000) / 10;
    let mut ring = Ring::builder().completions(8).build(4).expect("a ring");
    let files = ring.register_files(0, 8).expect("a table");
    let group = BufGroup::builder(4, 64)
        .register(&mut ring)
        .expect("a group");
    let mut random = Random(setting("RING_SEED", 7));
    for round in 0..rounds {
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        let (listener, address) = listener();
        match random.below(5) {
            0 => one(
                &mut ring,
                &mut random,
                op::RecvMultishot::new(ours, &group),
                || {
                    theirs.write_all(&[1; 200]).expect("sent");
                },
            ),
            1 => one(
                &mut ring,
                &mut random,
                op::PollMultishot::new(ours, readable()),
                || {
                    theirs.write_all(&[1; 200]).expect("sent");
                },
            ),
            2 => one(
                &mut ring,
                &mut random,
                op::AcceptMultishot::new(listener),
                || connect(address),
            ),
            3 => direct(&mut ring, &mut random, &files, listener, address),
            _ => one(
                &mut ring,
                &mut random,
                op::RecvMsgMultishot::new(ours, &group),
                || {
                    theirs.write_all(&[1; 20]).expect("sent");
                },
            ),
        }
        while !ring.is_empty() {
            let nop = ring.push(op::Nop::new()).expect("room");
            ring.wait(nop).expect("asked").expect("nothing fails");
        }
        assert_eq!(group.available(), 4, "round {round}");
    }
    quarantine::check();
}

fn readable() -> safe::uring::raw::types::PollFlags {
    safe::uring::raw::types::PollFlags::IN
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn connect(address: SocketAddr) {
    drop(TcpStream::connect(address).expect("a connection"));
}

/// Connections that become fixed files: some are kept for a moment.
fn direct(
    ring: &mut Ring,
    random: &mut Random,
    files: &Files,
    listener: TcpListener,
    address: SocketAddr,
) {
    let accept = op::AcceptMultishot::new(listener).direct(files);
    let mut stream = ring.push_multishot(accept).expect("room");
    ring.submit().expect("submitted");
    let mut kept: Vec<FixedFd> = Vec::new();
    for _ in 0..random.below(4) {
        connect(address);
        if let Some(item) = ring.try_next(&mut stream).expect("asked") {
            kept.push(item.expect("a slot"));
        }
    }
    if random.below(2) == 0 {
        drop(stream);
        drop(kept);
    } else {
        drop(kept);
        drop(stream);
    }
}

/// Begins, lets something come, takes a part of it or nothing, and drops the stream.
fn one<M: Multishot + 'static>(
    ring: &mut Ring,
    random: &mut Random,
    operation: M,
    come: impl FnOnce(),
) {
    let mut stream = ring.push_multishot(operation).expect("room");
    let before = random.below(2) == 0;
    if before {
        ring.submit().expect("submitted");
    }
    come();
    if !before {
        ring.submit().expect("submitted");
    }
    for _ in 0..random.below(4) {
        drop(ring.try_next(&mut stream).expect("asked"));
    }
    drop(stream);
}
