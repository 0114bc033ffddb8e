//! Kernel threads that take entries by themselves. During rounds such a thread has a processor of its own, if there are
//! two: where it would have to share one, each submission would take as long as the scheduler's turns.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use libc::cpu_set_t;

/// How long the thread stays awake, in milliseconds.
pub(crate) const AWAKE: u32 = 2;

/// How often completions are looked for before the kernel is asked to wait.
pub(crate) const LOOKS: u32 = 200;

/// Where this program may run, and where it does while a kernel thread has a processor.
struct Sets {
    all: cpu_set_t,
    rest: cpu_set_t,
    /// That thread's processor.
    cpu: u32,
}

/// Nothing if there is one processor.
fn sets() -> Option<&'static Sets> {
    static SETS: OnceLock<Option<Sets>> = OnceLock::new();
    let find = || {
        let mut all = MaybeUninit::<cpu_set_t>::zeroed();
        // SAFETY: the set is live, and as long as told; zeros are one.
        let all = unsafe {
            let answer = libc::sched_getaffinity(0, size_of::<cpu_set_t>(), all.as_mut_ptr());
            (answer == 0).then(|| all.assume_init())
        }?;
        let most = 8 * size_of::<cpu_set_t>();
        // SAFETY: all numbers are less than what a set has room for.
        let mut cpus = (0..most).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &all) });
        let (first, last) = (cpus.next()?, cpus.next_back()?);
        debug_assert!(first < last);
        let mut rest = all;
        // SAFETY: as above.
        unsafe { libc::CPU_CLR(last, &mut rest) };
        let cpu = last as u32;
        Some(Sets { all, rest, cpu })
    };
    SETS.get_or_init(find).as_ref()
}

/// The processor that such a thread is bound to, if it can have one.
pub(crate) fn cpu() -> Option<u32> {
    sets().map(|sets| sets.cpu)
}

fn run_on(set: &cpu_set_t) -> Result<()> {
    // SAFETY: the set is live, and as long as told.
    let answer = unsafe { libc::sched_setaffinity(0, size_of::<cpu_set_t>(), set) };
    ensure!(
        answer == 0,
        "sched_setaffinity: {}",
        io::Error::last_os_error()
    );
    Ok(())
}

/// Before a round: leaves the thread its processor.
pub(crate) fn make_way() -> Result<()> {
    sets().map_or(Ok(()), |sets| run_on(&sets.rest))
}

/// After a round: waits until the thread sleeps, and so leaves its processor to others.
pub(crate) fn rest() {
    thread::sleep(Duration::from_millis(2 * u64::from(AWAKE)));
    // It went the other way, so it goes this way, too.
    let _ = sets().map(|sets| run_on(&sets.all));
}
