//! Kernel threads that take entries by themselves. During rounds such a thread has a processor of its own: where it would
//! have to share the program's, each submission would take as long as the scheduler's turns.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::processors::{self, Set};

/// How long the thread stays awake, in milliseconds.
pub(crate) const AWAKE: u32 = 2;

/// How often completions are looked for before the kernel is asked to wait.
pub(crate) const LOOKS: u32 = 200;

thread_local! {
    /// Where this thread ran before the round.
    static BEFORE: Cell<Option<Set>> = const { Cell::new(None) };
}

/// The processor that such a thread is bound to, if it can have one.
pub(crate) fn cpu() -> Option<u32> {
    processors::last()
}

/// Before a round: leaves the thread its processor.
pub(crate) fn make_way() -> Result<()> {
    BEFORE.set(Some(processors::leave_last()?));
    Ok(())
}

/// After a round: waits until the thread sleeps, and so leaves its processor to others.
pub(crate) fn rest() {
    thread::sleep(Duration::from_millis(2 * u64::from(AWAKE)));
    if let Some(before) = BEFORE.take() {
        // It went the other way, so it goes this way, too.
        let _ = before.enter();
    }
}
