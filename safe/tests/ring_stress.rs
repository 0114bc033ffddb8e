//! Many operations of all kinds against a model: tickets waited for, dropped and detached, scopes, events, in random
//! order. Every byte is checked, also of memory that was freed: it goes through a quarantine.
//!
//! `RING_STRESS=10000000` runs that many, of the mixed ones; `RING_SEED` chooses others.

#[cfg(ring_broken)]
mod broken;
mod quarantine;
#[path = "support/random.rs"]
mod random;

use std::cell::Cell;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use quarantine::Quarantine;
use random::Random;
use safe::uring::{Ring, Ticket, op};

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

/// The size of the file that is read from.
const FILE: usize = 1 << 16;

fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

fn pattern() -> Rc<File> {
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..FILE).map(byte).collect();
    file.write_all(&bytes).unwrap();
    Rc::new(file)
}

/// A file that says when its operation is over.
struct Told<F>(F, Rc<Cell<bool>>);

impl<F: AsFd> AsFd for Told<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<F> Drop for Told<F> {
    fn drop(&mut self) {
        assert!(!self.1.replace(true), "an operation was dropped twice");
    }
}

type Read = op::Read<Rc<File>, Vec<u8>>;
type Write = op::Write<Told<Rc<File>>, Vec<u8>>;
type Idle = op::Read<Rc<OwnedFd>, Vec<u8>>;

/// The bytes of a region of the file that is written to.
const REGION: usize = 512;
const REGIONS: usize = 32;

/// What a region has, or has if the write in flight is done.
struct Region {
    now: Vec<u8>,
    next: Option<(Vec<u8>, Rc<Cell<bool>>)>,
}

/// What was pushed and is waited for.
enum Waiting {
    Read(Ticket<Read>, usize, usize),
    Write(Ticket<Write>),
    Idle(Ticket<Idle>),
    Nop(Ticket<op::Nop>),
    Stream(Ticket<op::Read<UnixStream, Vec<u8>>>, UnixStream, u8),
}

struct Stress {
    ring: Ring,
    random: Random,
    source: Rc<File>,
    target: Rc<File>,
    idle: Rc<OwnedFd>,
    regions: Vec<Region>,
    waiting: Vec<Waiting>,
    /// By their tags: where and how much is read. NOPs have none.
    tagged: Vec<Option<(usize, usize)>>,
    events: usize,
    pushed: usize,
}

const CAPACITY: u32 = 64;

impl Stress {
    fn read(&mut self) -> (Read, usize, usize) {
        let at = self.random.below(FILE - 1);
        let len = 1 + self.random.below(1024);
        let read = op::Read::new(Rc::clone(&self.source), Vec::with_capacity(len)).at(at as u64);
        (read, at, len)
    }

    fn check(done: op::Completed<Rc<File>, Vec<u8>>, at: usize, len: usize) {
        let expected = len.min(FILE - at);
        assert_eq!(done.result, Ok(expected));
        let right = |(offset, found): (usize, &u8)| *found == byte(at + offset);
        assert!(done.buf.iter().enumerate().all(right), "at {at}");
        assert_eq!(done.buf.len(), expected);
    }

    /// Settles what a region has, if its write is over.
    fn settle(&mut self, index: usize) -> bool {
        let region = &mut self.regions[index];
        if let Some((next, over)) = region.next.take() {
            if !over.get() {
                region.next = Some((next, over));
                return false;
            }
            let mut found = vec![0; REGION];
            self.target
                .read_exact_at(&mut found, (index * REGION) as u64)
                .unwrap();
            assert!(found == next || found == region.now, "region {index}");
            region.now = found;
        }
        true
    }

    fn push(&mut self) {
        match self.random.below(100) {
            0..30 => {
                let (read, at, len) = self.read();
                if let Ok(ticket) = self.ring.push(read) {
                    self.waiting.push(Waiting::Read(ticket, at, len));
                }
            }
            30..45 => {
                let index = self.random.below(REGIONS);
                if !self.settle(index) {
                    return;
                }
                let next = vec![self.random.below(256) as u8; REGION];
                let over = Rc::new(Cell::new(false));
                let file = Told(Rc::clone(&self.target), Rc::clone(&over));
                let write = op::Write::new(file, next.clone()).at((index * REGION) as u64);
                if let Ok(ticket) = self.ring.push(write) {
                    self.regions[index].next = Some((next, over));
                    self.waiting.push(Waiting::Write(ticket));
                }
            }
            45..55 => {
                let read = op::Read::new(Rc::clone(&self.idle), vec![0; 64]);
                if let Ok(ticket) = self.ring.push(read) {
                    self.waiting.push(Waiting::Idle(ticket));
                }
            }
            55..60 => {
                if let Ok(ticket) = self.ring.push(op::Nop::new()) {
                    self.waiting.push(Waiting::Nop(ticket));
                }
            }
            60..65 => {
                let (reader, writer) = UnixStream::pair().unwrap();
                let number = self.random.below(256) as u8;
                if let Ok(ticket) = self.ring.push(op::Read::new(reader, vec![0; 256])) {
                    self.waiting.push(Waiting::Stream(ticket, writer, number));
                }
            }
            65..90 => {
                let (read, at, len) = self.read();
                let tag = self.tagged.len() as u64;
                if self.ring.push_tagged(read, tag).is_ok() {
                    self.tagged.push(Some((at, len)));
                    self.events += 1;
                }
            }
            90..97 => {
                let tag = self.tagged.len() as u64;
                if self.ring.push_tagged(op::Nop::new(), tag).is_ok() {
                    self.tagged.push(None);
                    self.events += 1;
                }
            }
            _ => self.scope(),
        }
    }

    fn scope(&mut self) {
        let at = self.random.below(FILE - 64);
        let (mut first, mut second, mut third) = ([0; 32], [0; 32], [1; 32]);
        let forget = self.random.below(2) == 0;
        let (source, idle) = (&self.source, &self.idle);
        let done = self.ring.scope(|scope| {
            let one = scope.push(op::Read::new(source, &mut first[..]).at(at as u64));
            let two = scope.push(op::Read::new(source, &mut second[..]).at(at as u64 + 32));
            let three = scope.push(op::Read::new(idle, &mut third[..]));
            let done = one.map(|ticket| scope.wait(ticket).unwrap().result);
            if forget {
                mem::forget((two, three));
            }
            done.ok()
        });
        assert!(done.is_none_or(|result| result == Ok(32)));
        let right = |(offset, found): (usize, &u8)| *found == byte(at + offset);
        assert!(done.is_none() || first.iter().enumerate().all(right));
        // Read, or cancelled before.
        let right = |(offset, found): (usize, &u8)| *found == byte(at + 32 + offset);
        assert!(second == [0; 32] || second.iter().enumerate().all(right));
        assert_eq!(third, [1; 32]);
    }

    fn take(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let which = self.random.below(self.waiting.len());
        let fate = self.random.below(4);
        let ring = &mut self.ring;
        match (self.waiting.swap_remove(which), fate) {
            (Waiting::Read(ticket, ..), 0) => drop(ticket),
            (Waiting::Read(ticket, ..), 1) => ticket.detach(),
            (Waiting::Read(ticket, at, len), 2) => match ring.try_wait(ticket).unwrap() {
                Ok(done) => Self::check(done, at, len),
                Err(ticket) => self.waiting.push(Waiting::Read(ticket, at, len)),
            },
            (Waiting::Read(ticket, at, len), _) => Self::check(ring.wait(ticket).unwrap(), at, len),
            (Waiting::Write(ticket), 0) => drop(ticket),
            (Waiting::Write(ticket), 1) => ticket.detach(),
            (Waiting::Write(ticket), _) => {
                assert_eq!(ring.wait(ticket).unwrap().result, Ok(REGION));
            }
            (Waiting::Idle(ticket), _) => drop(ticket),
            (Waiting::Nop(ticket), 0) => drop(ticket),
            (Waiting::Nop(ticket), _) => ring.wait(ticket).unwrap().unwrap(),
            (Waiting::Stream(ticket, ..), 0) => drop(ticket),
            (Waiting::Stream(ticket, mut writer, number), 1) => {
                // At about the same time.
                writer.write_all(&[number; 100]).unwrap();
                drop(ticket);
            }
            (Waiting::Stream(ticket, mut writer, number), _) => {
                writer.write_all(&[number; 100]).unwrap();
                let done = ring.wait(ticket).unwrap();
                assert_eq!(done.result, Ok(100));
                assert_eq!(done.buf[..100], [number; 100]);
                assert_eq!(done.buf[100..], [0; 156]);
            }
        }
    }

    fn event(&mut self) {
        let drops = self.random.below(4) == 0;
        let waits = self.events > 0 && self.random.below(2) == 0;
        let event = if waits {
            self.ring.next_event().unwrap()
        } else {
            match self.ring.try_next_event().unwrap() {
                Some(event) => event,
                None => return,
            }
        };
        self.events -= 1;
        if drops {
            return drop(event);
        }
        match self.tagged[event.tag() as usize].take() {
            None => event.take::<op::Nop>().unwrap().unwrap(),
            Some((at, len)) => Self::check(event.take::<Read>().unwrap(), at, len),
        }
    }
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().unwrap())
}

#[test]
fn mixed_operations_agree_with_a_model() {
    let count = setting("RING_STRESS", 100_000);
    let target = tempfile::tempfile().unwrap();
    target.set_len((REGION * REGIONS) as u64).unwrap();
    let (idle, _writer) = UnixStream::pair().unwrap();
    let mut stress = Stress {
        ring: Ring::builder().queue(16).build(CAPACITY).unwrap(),
        random: Random(setting("RING_SEED", 0x9e37_79b9_7f4a_7c15)),
        source: pattern(),
        target: Rc::new(target),
        idle: Rc::new(idle.into()),
        regions: (0..REGIONS)
            .map(|_| Region {
                now: vec![0; REGION],
                next: None,
            })
            .collect(),
        waiting: Vec::new(),
        tagged: Vec::new(),
        events: 0,
        pushed: 0,
    };
    for _ in 0..count {
        match stress.random.below(20) {
            0..11 => {
                let before = stress.ring.len();
                stress.push();
                stress.pushed += stress.ring.len().saturating_sub(before);
            }
            11..15 => stress.take(),
            15..18 => stress.event(),
            18 => drop(stress.ring.submit().unwrap()),
            _ => drop(stress.ring.poll().unwrap()),
        }
        // So that all places are not taken by what nobody waits for.
        if stress.ring.len() == CAPACITY as usize {
            stress.ring.submit().unwrap();
            stress.take();
            stress.event();
        }
        if stress.tagged.len() > 1 << 16 && stress.events == 0 {
            stress.tagged.clear();
        }
    }
    assert!(stress.pushed as u64 > count / 4, "{}", stress.pushed);
    // The rest ends with the ring.
    let Stress {
        ring,
        source,
        target,
        idle,
        mut regions,
        waiting,
        ..
    } = stress;
    drop(ring);
    drop(waiting);
    for (index, region) in regions.iter_mut().enumerate() {
        let mut found = vec![0; REGION];
        target
            .read_exact_at(&mut found, (index * REGION) as u64)
            .unwrap();
        let next = region.next.take();
        assert!(next.as_ref().is_none_or(|(_, over)| over.get()));
        assert!(found == region.now || next.is_some_and(|(next, _)| found == next));
    }
    for count in [
        Rc::strong_count(&source),
        Rc::strong_count(&target),
        Rc::strong_count(&idle),
    ] {
        assert_eq!(count, 1, "an operation was leaked");
    }
    quarantine::check();
}

#[test]
fn dropped_tickets_leave_nothing_to_who_uses_their_slots() {
    const ROUNDS: usize = 1_000_000 / 64;
    let source = pattern();
    let mut ring = Ring::new(64).unwrap();
    for round in 0..ROUNDS {
        let mut kept = Vec::with_capacity(32);
        for place in 0..64 {
            let at = (round * 64 + place) % (FILE - 8);
            let read = op::Read::new(Rc::clone(&source), Vec::with_capacity(8)).at(at as u64);
            let ticket = ring.push(read).unwrap();
            if place % 2 == 0 {
                kept.push((ticket, at));
            } else if place % 4 == 1 {
                drop(ticket);
            } else {
                ticket.detach();
            }
        }
        ring.submit().unwrap();
        for (ticket, at) in kept {
            Stress::check(ring.wait(ticket).unwrap(), at, 8);
        }
        while !ring.is_empty() {
            ring.submit().unwrap();
            ring.poll().unwrap();
        }
    }
    assert_eq!(Rc::strong_count(&source), 1);
    quarantine::check();
}

#[test]
fn cancelled_reads_leave_their_slots_to_others() {
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    let file = Rc::new(reader.try_clone().unwrap());
    let mut ring = Ring::new(1).unwrap();
    for round in 0..20_000u32 {
        let dropped = ring
            .push(op::Read::new(Rc::clone(&file), vec![0; 512]))
            .unwrap();
        ring.submit().unwrap();
        drop(dropped);
        while !ring.is_empty() {
            ring.submit().unwrap();
            ring.poll().unwrap();
        }
        // What comes now is not for the buffer that was freed.
        writer.write_all(&round.to_ne_bytes()).unwrap();
        let mut found = [0; 4];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(found, round.to_ne_bytes());
    }
    assert_eq!(Rc::strong_count(&file), 1);
    quarantine::check();
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    broken::each_is_noticed(&[
        ("drop", "mixed_operations_agree_with_a_model"),
        ("close", "mixed_operations_agree_with_a_model"),
    ]);
}
