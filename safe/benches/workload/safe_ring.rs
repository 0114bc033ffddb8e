//! The ring without `unsafe`, in each of its forms.

use std::fs::File;
use std::mem;
use std::rc::Rc;

use safe::uring::{Ring, Ticket, op};

use super::{Expected, Implementation, PAGE, Pages, SLOTS};

type OwnedRead = op::Read<Rc<File>, Vec<u8>>;

/// Files and buffers move into the ring and come back.
pub(crate) struct Owned {
    ring: Ring,
    file: Option<Rc<File>>,
    buffers: Vec<Vec<u8>>,
    nops: Vec<Ticket<op::Nop>>,
    reads: Vec<Ticket<OwnedRead>>,
}

impl Implementation for Owned {
    fn new() -> Self {
        Self {
            ring: ring(),
            file: None,
            buffers: (0..SLOTS).map(|_| vec![0; PAGE]).collect(),
            nops: Vec::with_capacity(SLOTS as usize),
            reads: Vec::with_capacity(SLOTS as usize),
        }
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        for _ in 0..batch {
            let ticket = self.ring.push(op::Nop::new()).expect("room");
            self.nops.push(ticket);
        }
        for ticket in self.nops.drain(..) {
            self.ring.wait(ticket).expect("a wait").expect("a NOP");
        }
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        let file = self
            .file
            .get_or_insert_with(|| Rc::new(pages.file.try_clone().expect("a descriptor")));
        for at in 0..batch {
            let buffer = mem::take(&mut self.buffers[at as usize]);
            let read = op::Read::new(Rc::clone(file), buffer).at(pages.next(at).offset);
            self.reads.push(self.ring.push(read).expect("room"));
        }
        for (at, ticket) in self.reads.drain(..).enumerate() {
            let done = self.ring.wait(ticket).expect("a wait");
            let mut expected = Expected::of(1, PAGE as i32);
            expected.take(done.result.expect("a read") as i32, 0);
            self.buffers[at] = done.buf;
        }
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
        self.ring.scope(|scope| {
            let mut tickets: [Option<_>; SLOTS as usize] = [const { None }; SLOTS as usize];
            for ticket in &mut tickets[..batch as usize] {
                *ticket = Some(scope.push(op::Nop::new()).expect("room"));
            }
            for ticket in &mut tickets[..batch as usize] {
                let ticket = ticket.take().expect("a ticket");
                scope.wait(ticket).expect("a wait").expect("a NOP");
            }
        });
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        let offset = pages.offset;
        for at in 0..batch {
            pages.next(at);
        }
        let file = &pages.file;
        let memory = &mut self.memory;
        self.ring.scope(|scope| {
            let mut tickets: [Option<_>; SLOTS as usize] = [const { None }; SLOTS as usize];
            let mut offset = offset;
            for (ticket, buffer) in tickets[..batch as usize]
                .iter_mut()
                .zip(memory.chunks_exact_mut(PAGE))
            {
                let read = op::Read::new(file, buffer).at(offset);
                offset = (offset + PAGE as u64) % super::FILE as u64;
                *ticket = Some(scope.push(read).expect("room"));
            }
            for ticket in &mut tickets[..batch as usize] {
                let ticket = ticket.take().expect("a ticket");
                let done = scope.wait(ticket).expect("a wait");
                let mut expected = Expected::of(1, PAGE as i32);
                expected.take(done.result.expect("a read") as i32, 0);
            }
        });
    }
}

/// Results come with tags.
pub(crate) struct Tagged {
    ring: Ring,
    file: Option<Rc<File>>,
    buffers: Vec<Vec<u8>>,
}

impl Implementation for Tagged {
    fn new() -> Self {
        Self {
            ring: ring(),
            file: None,
            buffers: (0..SLOTS).map(|_| vec![0; PAGE]).collect(),
        }
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        for at in 0..batch {
            self.ring
                .push_tagged(op::Nop::new(), at.into())
                .expect("room");
        }
        let mut expected = Expected::of(batch, 0);
        for _ in 0..batch {
            let event = self.ring.next_event().expect("an event");
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
        let file = self
            .file
            .get_or_insert_with(|| Rc::new(pages.file.try_clone().expect("a descriptor")));
        for at in 0..batch {
            let buffer = mem::take(&mut self.buffers[at as usize]);
            let read = op::Read::new(Rc::clone(file), buffer).at(pages.next(at).offset);
            self.ring.push_tagged(read, at.into()).expect("room");
        }
        let mut expected = Expected::of(batch, PAGE as i32);
        for _ in 0..batch {
            let event = self.ring.next_event().expect("an event");
            let tag = event.tag();
            let Ok(done) = event.take::<OwnedRead>() else {
                super::missing();
            };
            expected.take(done.result.expect("a read") as i32, tag);
            self.buffers[tag as usize] = done.buf;
        }
        expected.end();
    }
}

fn ring() -> Ring {
    Ring::new(SLOTS).expect("a ring")
}
