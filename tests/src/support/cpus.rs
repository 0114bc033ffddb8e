//! Processors.

use std::mem;

use crate::case::Stop;
use crate::ensure_eq;

/// A set of one processor, on which this thread may run, and its number.
pub fn one() -> Result<(libc::cpu_set_t, usize), Stop> {
    // SAFETY: zero is a value of the set.
    let [mut mine, mut one]: [libc::cpu_set_t; 2] = unsafe { mem::zeroed() };
    // SAFETY: a live set of that size.
    let read = unsafe { libc::sched_getaffinity(0, size_of_val(&mine), &mut mine) };
    ensure_eq!(read, 0, "sched_getaffinity");
    // SAFETY: a live set, and numbers within it.
    let cpu = (0..1024).find(|&cpu| unsafe { libc::CPU_ISSET(cpu, &mine) });
    let cpu = cpu.ok_or_else(|| Stop::failed("no CPU to run on"))?;
    // SAFETY: as above.
    unsafe { libc::CPU_SET(cpu, &mut one) };
    Ok((one, cpu))
}

/// Keeps this thread on one processor from here on.
pub fn stay() -> Result<(), Stop> {
    let (one, _) = one()?;
    // SAFETY: a live set of that size.
    let set = unsafe { libc::sched_setaffinity(0, size_of_val(&one), &one) };
    ensure_eq!(set, 0, "sched_setaffinity");
    Ok(())
}
