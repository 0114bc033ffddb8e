use safe::uring::raw::squeue::PushError;
use safe::uring::raw::{IoUring, SubmissionQueue};

use super::ours::{nop, read, settle};
use super::{Implementation, PAGE, Pages, SLOTS};

/// Entries are written where they lie in the queue.
pub(crate) struct InPlace(IoUring);

impl Implementation for InPlace {
    fn new() -> Self {
        Self(IoUring::new(SLOTS).expect("a ring"))
    }

    #[inline(always)]
    fn nops(&mut self, batch: u32) {
        fill(&mut self.0, batch, |queue, at| {
            // SAFETY: a NOP names no memory.
            unsafe { queue.push_with(|slot| *slot = nop(at)) }
        });
        settle(&mut self.0, batch, 0);
    }

    #[inline(always)]
    fn reads(&mut self, batch: u32, pages: &mut Pages) {
        fill(&mut self.0, batch, |queue, at| {
            let page = pages.next(at);
            // SAFETY: file and memory outlive the round, which ends with the read's completion.
            unsafe { queue.push_with(|slot| *slot = read(page, at)) }
        });
        settle(&mut self.0, batch, PAGE as i32);
    }
}

#[inline(always)]
fn fill(
    ring: &mut IoUring,
    batch: u32,
    mut push: impl FnMut(&mut SubmissionQueue<'_>, u32) -> Result<(), PushError>,
) {
    let mut queue = ring.submission();
    for at in 0..batch {
        push(&mut queue, at).expect("a batch fits into the queue");
    }
}
