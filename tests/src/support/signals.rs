//! Signals: counted, blocked, pending, and sent again and again until a call notices.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

static CAUGHT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_one(_: c_int) {
    CAUGHT.fetch_add(1, Ordering::SeqCst);
}

/// Handles `signal` from now on by counting it. `flags` are those of sigaction(2), such as `SA_RESTART`.
pub fn count(signal: c_int, flags: c_int) -> io::Result<()> {
    // SAFETY: the struct is numbers, a set and maybe an optional function: zeroes are a value. Its fields differ
    // between architectures.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count_one as extern "C" fn(c_int) as libc::sighandler_t;
    action.sa_mask = set(&[]);
    action.sa_flags = flags;
    // SAFETY: `action` is a whole sigaction, and the handler does nothing but add to an atomic.
    succeeded(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) })
}

/// How many signals have been handled by counting them.
pub fn caught() -> usize {
    CAUGHT.load(Ordering::SeqCst)
}

/// A signal set in the C library's form.
pub fn set(signals: &[c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset(3) fills `set`.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in signals {
        // SAFETY: `set` is a signal set; a number that is no signal is refused and changes nothing.
        unsafe { libc::sigaddset(&mut set, *signal) };
    }
    set
}

/// A signal set in the kernel's form, as raw system calls take it.
pub fn kernel_set(signals: &[c_int]) -> u64 {
    signals
        .iter()
        .fold(0, |set, signal| set | 1 << (signal - 1))
}

/// Blocks signals in this thread, and in those that it starts.
pub fn block(signals: &[c_int]) -> io::Result<()> {
    // SAFETY: the set is a whole one; the old mask is not asked for.
    let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(signals), ptr::null_mut()) };
    if error == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(error))
    }
}

/// Whether this thread blocks `signal`.
pub fn is_blocked(signal: c_int) -> bool {
    let mut mask = set(&[]);
    // SAFETY: with no new set, the call only writes the present one into `mask`.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut mask) };
    // SAFETY: `mask` is a whole signal set.
    unsafe { libc::sigismember(&mask, signal) == 1 }
}

/// Whether `signal` was sent to this thread or process and waits to be unblocked.
pub fn is_pending(signal: c_int) -> bool {
    let mut pending = set(&[]);
    // SAFETY: the call writes a whole set into `pending`.
    unsafe { libc::sigpending(&mut pending) };
    // SAFETY: `pending` is a whole signal set.
    unsafe { libc::sigismember(&pending, signal) == 1 }
}

/// Sends `signal` to this thread.
pub fn raise(signal: c_int) -> io::Result<()> {
    // SAFETY: raise(3) takes a number. What follows is the handler's doing.
    succeeded(unsafe { libc::raise(signal) })
}

/// Takes one of the blocked `signals`, waiting for it.
pub fn take(signals: &[c_int]) -> io::Result<libc::siginfo_t> {
    let mut info = MaybeUninit::uninit();
    // SAFETY: the set is a whole one, and `info` is writable.
    if unsafe { libc::sigwaitinfo(&set(signals), info.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: sigwaitinfo(2) succeeded, so it filled `info`.
    Ok(unsafe { info.assume_init() })
}

/// The integer that a queued signal brings.
pub fn value(info: &libc::siginfo_t) -> c_int {
    // SAFETY: all bits of the struct were written by the kernel, and the value is plain bits.
    let value = unsafe { info.si_value() };
    // The union's integer lies at its address.
    // SAFETY: the union is as long as a pointer, which is at least as long as an integer.
    unsafe { (&raw const value).cast::<c_int>().read() }
}

/// Sends `SIGALRM` each millisecond as long as it lives, so that one of them finds the process in the call that it is
/// to interrupt: when that is does not matter.
#[derive(Debug)]
pub struct Alarms(());

impl Alarms {
    /// Begins. The signal should be [counted](count).
    pub fn start() -> io::Result<Alarms> {
        every(1000).map(Alarms)
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        // Cannot fail: the arguments are the same but for the time.
        let _ = every(0);
    }
}

fn every(microseconds: u16) -> io::Result<()> {
    let time = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds.into(),
    };
    let timer = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: `timer` is readable; the old one is not asked for.
    succeeded(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) })
}

fn succeeded(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
