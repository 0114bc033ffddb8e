//! The ring without `unsafe`, in each of its forms.

use std::fs::File;
use std::rc::Rc;

use safe::uring::{Ring, Ticket, op};

use super::{Expected, FILE, Implementation, PAGE, Pages, SLOTS};

type OwnedRead = op::Read<Rc<File>, Vec<u8>>;

/// What moves into a read and comes back.
type Parts = (Rc<File>, Vec<u8>);

/// Files and buffers for a whole batch.
#[derive(Default)]
struct Stock(Vec<Parts>);

impl Stock {
    /// Filled at the first use, since it needs the file.
    #[inline(always)]
    fn parts(&mut self, pages: &Pages) -> &mut Vec<Parts> {
        if self.0.is_empty() {
            let file = Rc::new(pages.file.try_clone().expect("a descriptor"));
            self.0 = (0..SLOTS)
                .map(|_| (Rc::clone(&file), vec![0; PAGE]))
                .collect();
        }
        &mut self.0
    }
}

/// Files and buffers move into the ring and come back.
pub(crate) struct Owned {
    ring: Ring,
    stock: Stock,
    nops: Vec<Ticket<op::Nop>>,
    reads: Vec<Ticket<OwnedRead>>,
}

impl Implementation for Owned {
    fn new() -> Self {
        Self {
            ring: ring(),
            stock: Stock::default(),
            nops: Vec::with_capacity(SLOTS as usize),
            reads: Vec::with_capacity(SLOTS as usize),
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
            ring, stock, reads, ..
        } = self;
        let stock = stock.parts(pages);
        let first = stock.len() - batch as usize;
        reads.extend(stock.drain(first..).map(|(file, buffer)| {
            let read = op::Read::new(file, buffer).at(pages.next(0).offset);
            ring.push(read).expect("room")
        }));
        for ticket in reads.drain(..) {
            let Ok(op::Completed {
                result: Ok(PAGE),
                file,
                buf,
            }) = ring.wait(ticket)
            else {
                super::missing();
            };
            stock.push((file, buf));
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
                *ticket = Some(scope.push(op::Nop::new()).expect("room"));
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
                *ticket = Some(scope.push(read).expect("room"));
            }
            for ticket in tickets.into_iter().flatten() {
                let Ok(op::Completed {
                    result: Ok(PAGE), ..
                }) = scope.wait(ticket)
                else {
                    super::missing();
                };
            }
        });
    }
}

/// Results come with tags.
pub(crate) struct Tagged {
    ring: Ring,
    stock: Stock,
}

impl Implementation for Tagged {
    fn new() -> Self {
        Self {
            ring: ring(),
            stock: Stock::default(),
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
        let Self { ring, stock } = self;
        let stock = stock.parts(pages);
        let first = stock.len() - batch as usize;
        for (at, (file, buffer)) in (0..).zip(stock.drain(first..)) {
            let read = op::Read::new(file, buffer).at(pages.next(0).offset);
            ring.push_tagged(read, at).expect("room");
        }
        let mut expected = Expected::of(batch, PAGE as i32);
        for _ in 0..batch {
            let event = ring.next_event().expect("an event");
            let tag = event.tag();
            let Ok(op::Completed {
                result: Ok(bytes),
                file,
                buf,
            }) = event.take::<OwnedRead>()
            else {
                super::missing();
            };
            expected.take(bytes as i32, tag);
            stock.push((file, buf));
        }
        expected.end();
    }
}

fn ring() -> Ring {
    Ring::new(SLOTS).expect("a ring")
}
