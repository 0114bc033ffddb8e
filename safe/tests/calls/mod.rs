//! How many system calls things take: exactly, and without looking at a clock.
//!
//! The body of a test runs in a thread with a seccomp filter that reports each of its system calls, of whatever
//! kind, to a second thread, which notes the number and lets the call go on. The first thread stands still
//! meanwhile, so the notes are complete whenever it looks at them. Needs Linux 5.5.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::{io, mem, thread};

use libc::c_long;

/// How many system calls are noted by number, of those between two looks.
const NOTED: usize = 16;

/// The system calls since they were last looked at. Noting allocates nothing and takes no lock: the other thread
/// may stand still anywhere.
#[derive(Default)]
pub(crate) struct Calls {
    count: AtomicUsize,
    numbers: [AtomicI32; NOTED],
}

impl Calls {
    fn note(&self, number: i32) {
        let at = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = self.numbers.get(at) {
            slot.store(number, Ordering::Relaxed);
        }
    }

    /// The system calls that `what` takes, and what it answers.
    pub(crate) fn of<T>(&self, what: impl FnOnce() -> T) -> (Vec<c_long>, T) {
        // Relaxed: the kernel orders what the two threads do before and after a call that is reported.
        self.count.store(0, Ordering::Relaxed);
        let answer = what();
        let count = self.count.load(Ordering::Relaxed);
        let noted = &self.numbers[..count.min(NOTED)];
        let number = |slot: &AtomicI32| slot.load(Ordering::Relaxed).into();
        (noted.iter().map(number).collect(), answer)
    }

    /// Requires that `what` takes one, of this number.
    pub(crate) fn one<T>(&self, number: c_long, what: impl FnOnce() -> T) -> T {
        let (calls, answer) = self.of(what);
        assert_eq!(calls, [number]);
        answer
    }

    /// Requires that `what` takes none.
    pub(crate) fn none<T>(&self, what: impl FnOnce() -> T) -> T {
        let (calls, answer) = self.of(what);
        assert_eq!(calls, []);
        answer
    }
}

/// Has the system calls of this thread reported, from the next one on.
fn report_calls() -> io::Result<OwnedFd> {
    let mut report = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_USER_NOTIF,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut report,
    };
    // SAFETY: the program is live and is copied by the call; the descriptor that comes is nobody else's.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let fd = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        );
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// Notes the system calls that are reported, and lets each go on, until the thread has ended.
fn note_calls(listener: &OwnedFd, calls: &Calls) {
    loop {
        let mut ready = libc::pollfd {
            fd: listener.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: all structs are live and of the types that the calls take; zeros are values of them. A
        // call that goes on acts on the memory of this process as it would have without the filter.
        unsafe {
            assert_eq!(libc::poll(&mut ready, 1, -1), 1);
            if ready.revents & libc::POLLIN == 0 {
                return;
            }
            let mut call: libc::seccomp_notif = mem::zeroed();
            let received = libc::ioctl(
                listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                &mut call,
            );
            if received != 0 {
                // A signal, or work for the thread, took the call back: it comes again.
                let error = io::Error::last_os_error();
                assert_eq!(error.raw_os_error(), Some(libc::ENOENT), "{error}");
                continue;
            }
            calls.note(call.data.nr);
            let mut answer: libc::seccomp_notif_resp = mem::zeroed();
            answer.id = call.id;
            answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
            let sent = libc::ioctl(
                listener.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND,
                &mut answer,
            );
            assert_eq!(sent, 0, "{}", io::Error::last_os_error());
        }
    }
}

/// Runs `body` in a thread whose system calls are noted.
pub(crate) fn with_calls(body: impl FnOnce(&Calls) + Send) {
    let calls = &Calls::default();
    let listener = &AtomicI32::new(-1);
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let fd = report_calls().expect("a seccomp filter");
            // Telling by anything but an atomic could be a system call, which nobody would answer yet.
            listener.store(fd.as_raw_fd(), Ordering::Release);
            mem::forget(fd);
            body(calls);
        });
        let fd = loop {
            match listener.load(Ordering::Acquire) {
                -1 if worker.is_finished() => return,
                -1 => thread::yield_now(),
                fd => break fd,
            }
        };
        // SAFETY: the worker has given it away.
        note_calls(&unsafe { OwnedFd::from_raw_fd(fd) }, calls);
    });
}
