//! Who runs where, if there are two processors: what must run at the same time as a round, such as the other side of
//! connections, has the last one, so that it depends on no scheduler whether it does.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::sync::OnceLock;

use anyhow::{Result, ensure};
use libc::cpu_set_t;

/// Where a thread runs.
#[derive(Clone, Copy)]
pub(crate) struct Set(cpu_set_t);

impl Set {
    /// Where this thread does.
    pub(crate) fn here() -> Result<Self> {
        let mut set = MaybeUninit::<cpu_set_t>::zeroed();
        // SAFETY: the set is live, and as long as told.
        let answer =
            unsafe { libc::sched_getaffinity(0, size_of::<cpu_set_t>(), set.as_mut_ptr()) };
        succeeded(answer, "sched_getaffinity")?;
        // SAFETY: zeros are a set, and the kernel has written it.
        Ok(Self(unsafe { set.assume_init() }))
    }

    /// Has this thread, and those that it starts, run there.
    pub(crate) fn enter(&self) -> Result<()> {
        // SAFETY: the set is live, and as long as told.
        let answer = unsafe { libc::sched_setaffinity(0, size_of::<cpu_set_t>(), &self.0) };
        succeeded(answer, "sched_setaffinity")
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        let all = 0..8 * size_of::<cpu_set_t>();
        // SAFETY: all numbers are less than what a set has room for.
        all.filter(|&number| unsafe { libc::CPU_ISSET(number, &self.0) })
    }
}

fn succeeded(answer: libc::c_int, call: &str) -> Result<()> {
    ensure!(answer == 0, "{call}: {}", io::Error::last_os_error());
    Ok(())
}

/// The last processor that this program may use, if it is not the only one.
pub(crate) fn last() -> Option<u32> {
    static LAST: OnceLock<Option<u32>> = OnceLock::new();
    *LAST.get_or_init(|| {
        // Nobody has left it yet: who does asks here first.
        let set = Set::here().ok()?;
        let last = set.numbers().last().filter(|_| set.numbers().count() > 1);
        last.map(|number| number as u32)
    })
}

/// Leaves the last processor to others, and answers where this thread ran before.
pub(crate) fn leave_last() -> Result<Set> {
    let last = last();
    let before = Set::here()?;
    if let Some(number) = last {
        let mut rest = before;
        // SAFETY: the number is that of a processor.
        unsafe { libc::CPU_CLR(number as usize, &mut rest.0) };
        rest.enter()?;
    }
    Ok(before)
}

/// Runs on the last processor alone.
pub(crate) fn only_last() -> Result<()> {
    let Some(number) = last() else {
        return Ok(());
    };
    // SAFETY: zeros are a set, and the number is that of a processor.
    let set = unsafe {
        let mut set = std::mem::zeroed();
        libc::CPU_SET(number as usize, &mut set);
        set
    };
    Set(set).enter()
}
