// Included once for each crate, as `api`.

use super::{Expected, Implementation, PAGE, Page, Pages, SLOTS};
use api::{IoUring, opcode, squeue, types};

/// Entries are built and pushed.
pub(crate) struct Push(IoUring);

impl Implementation for Push {
    fn new() -> Self {
        Self(IoUring::new(SLOTS).expect("a ring"))
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        fill(&mut self.0, batch, nop);
        settle(&mut self.0, batch, 0);
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        fill(&mut self.0, batch, |at| read(pages.next(at), at));
        settle(&mut self.0, batch, PAGE as i32);
    }
}

#[inline(always)]
pub(super) fn nop(at: u32) -> squeue::Entry {
    opcode::Nop::new().build().user_data(at.into())
}

#[inline(always)]
pub(super) fn read(page: Page, at: u32) -> squeue::Entry {
    opcode::Read::new(types::Fd(page.file), page.buffer, PAGE as u32)
        .offset(page.offset)
        .build()
        .user_data(at.into())
}

#[inline(always)]
fn fill(ring: &mut IoUring, batch: u32, mut entry: impl FnMut(u32) -> squeue::Entry) {
    let mut queue = ring.submission();
    for at in 0..batch {
        // SAFETY: file and memory of a read outlive the round, which ends with the read's completion.
        unsafe { queue.push(&entry(at)) }.expect("a batch fits into the queue");
    }
}

#[inline(always)]
pub(super) fn settle(ring: &mut IoUring, batch: u32, result: i32) {
    ring.submit_and_wait(batch as usize).expect("a round");
    let mut expected = Expected::of(batch, result);
    for completion in ring.completion() {
        expected.take(completion.result(), completion.user_data());
    }
    expected.end();
}
