//! The ring without `unsafe`, in each of its forms.

use std::fs::File;
use std::mem;
use std::rc::Rc;

use safe::uring::{Ring, Ticket, op};

use super::{Expected, FILE, Implementation, PAGE, Pages, SLOTS};

type OwnedRead = op::Read<Rc<File>, Vec<u8>>;

/// What moves into a read and comes back.
fn read(file: Rc<File>, buffer: Vec<u8>, pages: &mut Pages) -> OwnedRead {
    op::Read::new(file, buffer).at(pages.next(0).offset)
}

/// The reads that the first round begins with: their files and buffers go round from then on.
#[cold]
fn first(batch: u32, pages: &mut Pages) -> Vec<OwnedRead> {
    let file = Rc::new(pages.file.try_clone().expect("a descriptor"));
    (0..batch)
        .map(|_| read(Rc::clone(&file), vec![0; PAGE], pages))
        .collect()
}

/// Files and buffers move into the ring, come back, and go into the operations of the next round.
pub(crate) struct Owned {
    ring: Ring,
    nops: Vec<Ticket<op::Nop>>,
    reads: Vec<Ticket<OwnedRead>>,
    next: Vec<Ticket<OwnedRead>>,
}

impl Implementation for Owned {
    fn new() -> Self {
        Self {
            ring: ring(),
            nops: Vec::with_capacity(SLOTS as usize),
            reads: Vec::with_capacity(SLOTS as usize),
            next: Vec::with_capacity(SLOTS as usize),
        }
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        let Self { ring, nops, .. } = self;
        nops.extend((0..batch).map(|_| ring.push(op::Nop::new()).expect("room")));
        for ticket in nops.drain(..) {
            ring.wait(ticket).expect("a wait").expect("a NOP");
        }
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        let Self {
            ring, reads, next, ..
        } = self;
        if reads.is_empty() {
            reads.extend(
                first(batch, pages)
                    .into_iter()
                    .map(|read| ring.push(read).expect("room")),
            );
        }
        next.extend(reads.drain(..).map(|ticket| {
            let op::Completed { result, file, buf } = ring.wait(ticket).expect("a wait");
            full(result);
            ring.push(read(file, buf, pages)).expect("room")
        }));
        mem::swap(reads, next);
    }
}

/// Files and buffers are borrowed.
pub(crate) struct Scoped {
    ring: Ring,
    memory: Vec<u8>,
}

impl Implementation for Scoped {
    fn new() -> Self {
        Self {
            ring: ring(),
            memory: vec![0; SLOTS as usize * PAGE],
        }
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        match batch {
            1 => self.nops_of::<1>(),
            8 => self.nops_of::<8>(),
            32 => self.nops_of::<32>(),
            _ => self.nops_of::<128>(),
        }
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        match batch {
            1 => self.reads_of::<1>(pages),
            8 => self.reads_of::<8>(pages),
            32 => self.reads_of::<32>(pages),
            _ => self.reads_of::<128>(pages),
        }
    }
}

impl Scoped {
    #[inline(always)]
    fn nops_of<const BATCH: usize>(&mut self) {
        self.ring.scope(|scope| {
            let mut tickets = [const { None }; BATCH];
            for ticket in &mut tickets {
                put(ticket, scope.push(op::Nop::new()).expect("room"));
            }
            for ticket in tickets.into_iter().flatten() {
                scope.wait(ticket).expect("a wait").expect("a NOP");
            }
        });
    }

    #[inline(always)]
    fn reads_of<const BATCH: usize>(&mut self, pages: &mut Pages) {
        let first = pages.offset;
        pages.offset = (first + (BATCH * PAGE) as u64) % FILE as u64;
        let file = &pages.file;
        let buffers = self.memory.chunks_exact_mut(PAGE);
        self.ring.scope(|scope| {
            let mut tickets = [const { None }; BATCH];
            let mut offset = first;
            for (ticket, buffer) in tickets.iter_mut().zip(buffers) {
                let read = op::Read::new(file, buffer).at(offset);
                offset = (offset + PAGE as u64) % FILE as u64;
                put(ticket, scope.push(read).expect("room"));
            }
            for ticket in tickets.into_iter().flatten() {
                full(scope.wait(ticket).expect("a wait").result);
            }
        });
    }
}

/// Looks whether a page was read.
#[inline(always)]
fn full(result: Result<usize, op::Error>) {
    let Ok(PAGE) = result else {
        super::missing();
    };
}

/// Fills a place that is empty, without a look at what was there.
#[inline(always)]
fn put<T>(place: &mut Option<T>, value: T) {
    mem::forget(place.replace(value));
}

/// Results come with tags.
pub(crate) struct Tagged(Ring);

impl Implementation for Tagged {
    fn new() -> Self {
        Self(ring())
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        let Self(ring) = self;
        for at in 0..batch {
            ring.push_tagged(op::Nop::new(), at.into()).expect("room");
        }
        let mut expected = Expected::of(batch, 0);
        for _ in 0..batch {
            let event = ring.next_event().expect("an event");
            let tag = event.tag();
            let Ok(result) = event.take::<op::Nop>() else {
                super::missing();
            };
            result.expect("a NOP");
            expected.take(0, tag);
        }
        expected.end();
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        let Self(ring) = self;
        if ring.is_empty() {
            for (at, read) in (0..).zip(first(batch, pages)) {
                ring.push_tagged(read, at).expect("room");
            }
        }
        let mut expected = Expected::of(batch, PAGE as i32);
        for _ in 0..batch {
            let event = ring.next_event().expect("an event");
            let tag = event.tag();
            let op::Completed { result, file, buf } = event.take::<OwnedRead>().expect("a read");
            full(result);
            expected.take(PAGE as i32, tag);
            ring.push_tagged(read(file, buf, pages), tag).expect("room");
        }
        expected.end();
    }
}

fn ring() -> Ring {
    Ring::new(SLOTS).expect("a ring")
}
