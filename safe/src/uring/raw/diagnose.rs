//! Why the kernel refused to make a ring.

use std::fs;

use uring_sys::{IORING_SETUP_ATTACH_WQ, IORING_SETUP_CLAMP, io_uring_params, io_uring_setup};

use super::flags;
use super::memory::Sizes;
use super::query;
use crate::error::{SetupError, SetupReason};

/// The sysctl that forbids rings. Since Linux 6.6.
const DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";

/// What can be found out about the answer `errno` to a request for `entries` with `params`.
pub(crate) fn diagnose(errno: i32, entries: u32, params: &io_uring_params) -> SetupError {
    let reason = match errno {
        libc::ENOSYS => SetupReason::NoSystemCall {
            filtered: disabled_level().is_some(),
        },
        libc::EPERM => match disabled_level() {
            Some(level) if level != 0 => SetupReason::Disabled { level },
            _ if under_seccomp() => SetupReason::Seccomp,
            _ => SetupReason::Other,
        },
        libc::ENOMEM => out_of_memory(entries, params),
        libc::EINVAL => invalid(entries, params),
        _ => SetupReason::Other,
    };
    SetupError::new(errno, reason)
}

fn disabled_level() -> Option<u32> {
    fs::read_to_string(DISABLED).ok()?.trim().parse().ok()
}

fn under_seccomp() -> bool {
    // Filters are each thread's own. 2 is filter mode; see proc_pid_status(5).
    fs::read_to_string("/proc/thread-self/status").is_ok_and(|status| {
        status
            .lines()
            .filter_map(|line| line.strip_prefix("Seccomp:"))
            .any(|mode| mode.trim() == "2")
    })
}

fn out_of_memory(entries: u32, params: &io_uring_params) -> SetupReason {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call fills the struct that it is given.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    if !known || limit.rlim_cur == libc::RLIM_INFINITY {
        return SetupReason::Other;
    }
    let sizes = Sizes::for_request(entries, params);
    #[allow(
        clippy::unnecessary_cast,
        reason = "rlim_t has 32 bits on some targets"
    )]
    SetupReason::Memlock {
        limit: limit.rlim_cur as u64,
        need: (sizes.rings_pages() + sizes.sqes_pages()) as u64,
    }
}

fn invalid(entries: u32, params: &io_uring_params) -> SetupReason {
    let lacking = match query::setup_flags() {
        // A bit beyond 32 cannot be asked for.
        Some(known) => params.flags & !(known as u32),
        None => lacking_by_trial(params.flags),
    };
    if lacking != 0 {
        return SetupReason::UnsupportedFlags { flags: lacking };
    }
    let clamped = params.flags & IORING_SETUP_CLAMP != 0;
    let cqsize = params.flags & uring_sys::IORING_SETUP_CQSIZE != 0;
    let too_many = !clamped && (entries > 32768 || (cqsize && params.cq_entries > 65536));
    let too_few = cqsize && params.cq_entries < entries.min(32768).next_power_of_two();
    if entries == 0 || too_many || too_few {
        return SetupReason::Entries {
            submission: entries,
            completion: params.cq_entries,
        };
    }
    SetupReason::Other
}

/// Which of the flags the kernel does not know, found by asking for small rings with each of them. For
/// kernels that cannot be asked (before Linux 6.18).
fn lacking_by_trial(asked: u32) -> u32 {
    let known = flags::named(asked).fold(0, |bits, flag| bits | flag.bit);
    let unknown = asked & !known;
    flags::named(known)
        .map(|flag| flag.bit)
        // Whether this one is known cannot be told from its answer: it is about a descriptor.
        .filter(|&bit| bit != IORING_SETUP_ATTACH_WQ)
        .filter(|&bit| {
            let with = flags::with_needs(bit);
            is_invalid(with) && !is_invalid(with & !bit)
        })
        .fold(unknown, |bits, bit| bits | bit)
}

fn is_invalid(flags: u32) -> bool {
    let mut params = io_uring_params {
        flags,
        cq_entries: 2,
        ..Default::default()
    };
    // SAFETY: `params` is live. With NO_MMAP its addresses are null, which a kernel that knows the flag
    // refuses with EFAULT.
    let answer = unsafe { io_uring_setup(1, &mut params) };
    if answer >= 0 {
        // SAFETY: the descriptor was just made.
        unsafe { libc::close(answer) };
    }
    answer == -libc::EINVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trial and question find the same.
    #[test]
    fn trial_finds_what_the_kernel_says_that_it_lacks() {
        let all = flags::FLAGS.iter().fold(0, |bits, flag| bits | flag.bit);
        let asked = query::setup_flags();
        let tried = lacking_by_trial(all | 1 << 31);
        assert_eq!(tried & 1 << 31, 1 << 31, "an unknown bit is lacking");
        if let Some(known) = asked {
            assert_eq!(tried & all, all & !(known as u32));
        }
    }
}
