//! Notifications that really come.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use std::{mem, ptr};

use posix_aio::*;

/// Long enough for any machine: only a notification that never comes takes it.
const LIMIT: Duration = Duration::from_secs(60);

/// Reads the beginning of this program, waits for `notified` and checks what was read.
fn read_with(event: sigevent, notified: impl FnOnce()) {
    let file = std::env::current_exe().and_then(File::open).unwrap();
    let mut magic = [0_u8; 4];
    let mut request = aiocb {
        aio_fildes: file.as_raw_fd(),
        aio_buf: magic.as_mut_ptr().cast(),
        aio_nbytes: magic.len(),
        aio_sigevent: event,
        ..Default::default()
    };
    // SAFETY: the control block, the buffer and the file stay in place until the operation is over:
    // nothing leaves the function before the loop, unless nothing was started.
    unsafe {
        assert_eq!(aio_read(&mut request), 0);
        while aio_error(&request) == libc::EINPROGRESS {
            let list = [&raw const request];
            aio_suspend(list.as_ptr(), 1, ptr::null());
        }
        assert_eq!(aio_error(&request), 0);
        assert_eq!(aio_return(&mut request), 4);
    }
    notified();
    assert_eq!(&magic, b"\x7fELF");
}

/// What the function of a notification saw.
struct Call {
    value: usize,
    stack: usize,
}

static CALLS: std::sync::Mutex<Option<Sender<Call>>> = std::sync::Mutex::new(None);

unsafe extern "C" fn called(value: sigval) {
    // SAFETY: the test gives a pointer; the attributes are a live variable of this function, set by
    // the first call and destroyed once.
    let call = unsafe {
        let mut attributes = mem::zeroed();
        let mut stack = 0;
        libc::pthread_getattr_np(libc::pthread_self(), &mut attributes);
        libc::pthread_attr_getstacksize(&attributes, &mut stack);
        libc::pthread_attr_destroy(&mut attributes);
        Call {
            value: value.sival_ptr.addr(),
            stack,
        }
    };
    // A panic must not leave a function that C calls.
    if let Ok(calls) = CALLS.lock() {
        if let Some(calls) = &*calls {
            let _ = calls.send(call);
        }
    }
}

/// Starts a read whose completion calls [`called`], and answers what that saw.
fn call(value: usize, attributes: *mut libc::pthread_attr_t, calls: &Receiver<Call>) -> Call {
    let mut event = sigevent {
        sigev_value: sigval {
            sival_ptr: ptr::without_provenance_mut(value),
        },
        sigev_notify: SIGEV_THREAD,
        ..Default::default()
    };
    event.set_sigev_notify_function(Some(called), attributes);
    let mut seen = None;
    read_with(event, || seen = calls.recv_timeout(LIMIT).ok());
    seen.expect("the function is called")
}

#[test]
fn a_thread_calls_the_function_with_the_value() {
    const STACK: usize = 256 * 1024;
    let (sender, calls) = channel();
    *CALLS.lock().unwrap() = Some(sender);

    let plain = call(0x1234_5678, ptr::null_mut(), &calls);
    assert_eq!(plain.value, 0x1234_5678);
    assert!(plain.stack > STACK, "{} bytes of stack", plain.stack);

    // SAFETY: the attributes are a live variable, set up first and destroyed last; between the two the
    // function has run on the thread that they are for.
    let own = unsafe {
        let mut attributes = mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        assert_eq!(libc::pthread_attr_setstacksize(&mut attributes, STACK), 0);
        assert_eq!(
            libc::pthread_attr_setdetachstate(&mut attributes, libc::PTHREAD_CREATE_DETACHED),
            0
        );
        let own = call(0x9abc, &mut attributes, &calls);
        libc::pthread_attr_destroy(&mut attributes);
        own
    };
    assert_eq!(own.value, 0x9abc);
    assert!(own.stack <= STACK, "{} bytes of stack", own.stack);
}

/// Where [`handler`] writes to.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands over a live struct; the signal is one that carries a value.
    let (code, value) = unsafe { ((*info).si_code, (*info).si_value().sival_ptr.addr()) };
    let words = [signal as u64, code as u64, value as u64];
    // SAFETY: the words are live, and write(2) may be called from a handler.
    unsafe {
        libc::write(
            PIPE.load(Ordering::Relaxed),
            words.as_ptr().cast(),
            size_of_val(&words),
        )
    };
}

#[test]
fn a_signal_brings_the_value() {
    let (mut reader, writer) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(LIMIT)).unwrap();
    PIPE.store(writer.as_raw_fd(), Ordering::Relaxed);
    // SAFETY: the handler calls only what a handler may call; zero is a value of the action, which is
    // a live variable.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let handler: extern "C" fn(_, _, _) = handler;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
    }
    let event = sigevent {
        sigev_value: sigval {
            sival_ptr: ptr::without_provenance_mut(0x5678_9abc),
        },
        sigev_signo: libc::SIGUSR1,
        sigev_notify: SIGEV_SIGNAL,
        ..Default::default()
    };
    let mut bytes = [0; 24];
    read_with(event, || reader.read_exact(&mut bytes).unwrap());
    let word = |i: usize| u64::from_ne_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap());
    assert_eq!(word(0), libc::SIGUSR1 as u64);
    assert_eq!(word(1), libc::SI_ASYNCIO as u64);
    assert_eq!(word(2), 0x5678_9abc);
}

#[test]
fn no_notification_is_one_as_well() {
    let event = sigevent {
        sigev_notify: SIGEV_NONE,
        ..Default::default()
    };
    read_with(event, || {});
}
