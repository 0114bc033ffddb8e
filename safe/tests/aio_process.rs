//! A context, forks and signals.

#![cfg(feature = "aio")]

mod support;

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use safe::aio::raw::Forked;
use safe::aio::{Context, PollFlags, Reason, Signals, op};
use support::in_process_of_its_own;

/// In a forked child nothing works, nothing crashes, and the parent loses nothing.
#[test]
fn a_forked_child_gets_errors() {
    in_process_of_its_own("a_forked_child_gets_errors", || {
        let exe = Arc::new(File::open("/proc/self/exe").unwrap());
        let read = || op::Read::new(exe.clone(), vec![0; 4]);
        let mut context = Context::new(8).unwrap();
        let tickets = [0; 3].map(|_| context.push(read()).unwrap());
        let _ = context.submit().unwrap();
        let queued = context.push(read()).unwrap();
        // SAFETY: the child uses its copy of this thread's memory, and ends without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let forked =
                |error: io::Error| error.get_ref().is_some_and(|error| error.is::<Forked>());
            let mut right = context.push(read()).is_err_and(|rejected| {
                rejected.reason() == Reason::Forked && forked(rejected.into())
            });
            right &= context.submit().is_err_and(forked)
                && context.poll().is_err_and(forked)
                && context.next_event().is_err_and(forked)
                && context.wait_for(0, None, None).is_err_and(forked)
                && context
                    .wait(queued)
                    .is_err_and(|failed| forked(failed.into()));
            // Its scopes end, and so does the context.
            right &= context.scope(|scope| scope.push(read()).is_err());
            drop((tickets, context));
            // It can have one of its own.
            let mut own = Context::new(1).unwrap();
            let ticket = own.push(read()).unwrap();
            right &= own.wait(ticket).is_ok_and(|done| done.result == Ok(4));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        let mut status = 0;
        // SAFETY: `status` is a live variable.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child's verdict");
        for ticket in tickets.into_iter().chain([queued]) {
            let done = context.wait(ticket).unwrap();
            assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"\x7fELF"[..]));
        }
    });
}

extern "C" fn handle(_: libc::c_int) {}

/// A signal that is pending all the time ends a wait whose mask lets it through, and no other.
#[test]
fn a_signal_ends_a_wait_that_lets_it_through() {
    in_process_of_its_own("a_signal_ends_a_wait_that_lets_it_through", || {
        // SAFETY: the handler does nothing, and the signal is blocked in this thread, which is the one that it is
        // sent to.
        let raise = || unsafe {
            let handler: extern "C" fn(libc::c_int) = handle;
            libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut context = Context::new(8).unwrap();
        let ticket = context.push(op::Poll::new(ours, PollFlags::IN)).unwrap();
        let _ = context.submit().unwrap();
        raise();
        let error = context
            .wait_for(1, None, Some(&Signals::none()))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        // It stays pending while it is blocked.
        raise();
        io::Write::write_all(&mut &theirs, b"x").unwrap();
        assert_eq!(context.wait_for(1, None, Some(&Signals::all())).unwrap(), 1);
        assert_eq!(context.wait(ticket).unwrap().result, Ok(PollFlags::IN));
    });
}
