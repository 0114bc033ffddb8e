//! The system calls of native AIO, each doing something real.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aio_sys::*;

/// There is one context at a time: a context is an address, which the next may get after its end.
static ONE: Mutex<()> = Mutex::new(());

/// A context, destroyed at the end.
struct Context {
    id: aio_context_t,
    _lock: MutexGuard<'static, ()>,
}

impl Context {
    fn new() -> Self {
        let lock = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut id = 0;
        // SAFETY: `id` is a live variable, zero as the call wants it.
        assert_eq!(unsafe { io_setup(8, &mut id) }, 0);
        assert_ne!(id, 0);
        Self { id, _lock: lock }
    }

    /// Submits one request.
    ///
    /// # Safety
    ///
    /// The request's buffer is valid until its event has been taken.
    unsafe fn submit(&self, request: &mut iocb) -> i32 {
        let mut list = [ptr::from_mut(request)];
        // SAFETY: the list holds one pointer to a live request; the buffer is the caller's promise.
        unsafe { io_submit(self.id, 1, list.as_mut_ptr()) }
    }

    /// Waits for one event.
    fn wait(&self) -> io_event {
        let mut event = io_event::default();
        // SAFETY: there is room for one event, and a null timeout is none.
        let taken = unsafe { io_getevents(self.id, 1, 1, &mut event, ptr::null_mut()) };
        assert_eq!(taken, 1);
        event
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: nothing touches the completion ring; the kernel waits for what is in flight.
        unsafe { io_destroy(self.id) };
    }
}

/// A request to read a file from `offset`.
fn read(file: &File, buffer: &mut [u8], offset: i64) -> iocb {
    iocb {
        aio_data: 0x0123_4567_89ab_cdef,
        aio_lio_opcode: IOCB_CMD_PREAD,
        aio_fildes: file.as_raw_fd() as u32,
        aio_buf: buffer.as_mut_ptr().addr() as u64,
        aio_nbytes: buffer.len() as u64,
        aio_offset: offset,
        ..Default::default()
    }
}

/// A request to wait until a socket can be read.
fn poll(socket: &UnixStream) -> iocb {
    iocb {
        aio_data: 9,
        aio_lio_opcode: IOCB_CMD_POLL,
        aio_fildes: socket.as_raw_fd() as u32,
        aio_buf: libc::POLLIN as u64,
        ..Default::default()
    }
}

#[test]
fn a_file_is_read() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    let mut buffer = [0xaa_u8; 16];
    let context = Context::new();
    let mut request = read(&file, &mut buffer, 4);
    // SAFETY: the buffer lives beyond the wait below.
    assert_eq!(unsafe { context.submit(&mut request) }, 1);
    let event = context.wait();
    assert_eq!(
        (event.data, event.res, event.res2),
        (request.aio_data, 6, 0)
    );
    assert_eq!(event.obj, ptr::from_ref(&request).addr() as u64);
    assert_eq!(&buffer[..6], b"456789");
    assert_eq!(buffer[6..], [0xaa; 10]);
}

#[test]
fn a_timeout_ends_the_wait() {
    let context = Context::new();
    let mut time = __kernel_timespec {
        tv_sec: 0,
        tv_nsec: 1,
    };
    let mut event = io_event::default();
    // SAFETY: there is room for one event, and the time lives through the call.
    let taken = unsafe { io_getevents(context.id, 1, 1, &mut event, &mut time) };
    assert_eq!(taken, 0);
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// A signal that is pending and blocked is handled during the wait alone: the mask is the call's.
#[test]
fn pgetevents_waits_with_its_own_mask() {
    let context = Context::new();
    let mut event = io_event::default();
    let empty = [0_u8; KERNEL_SIGSET_SIZE];
    let mut set = __aio_sigset {
        sigmask: empty.as_ptr().cast(),
        sigsetsize: empty.len(),
    };
    // SAFETY: the handler touches nothing but an atomic; the sets and the action are live variables,
    // and zero is a value of each. The signal is blocked on this thread, which alone it is sent to.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
        let mut block: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut block);
        libc::sigaddset(&mut block, libc::SIGUSR1);
        assert_eq!(
            libc::pthread_sigmask(libc::SIG_BLOCK, &block, ptr::null_mut()),
            0
        );
        assert_eq!(libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1), 0);
    }
    let mut now = __kernel_timespec::default();
    // SAFETY: there is room for one event; the set, its mask and the time live through the call.
    let mut wait = |set: *const __aio_sigset, time: *mut __kernel_timespec| unsafe {
        io_pgetevents(context.id, 1, 1, &mut event, time, set)
    };
    // Without a mask the signal stays blocked.
    assert_eq!(wait(ptr::null(), &mut now), 0);
    assert_eq!(HANDLED.load(Ordering::Relaxed), 0);
    assert_eq!(wait(&set, ptr::null_mut()), -libc::EINTR);
    assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
    set.sigsetsize *= 2;
    assert_eq!(wait(&set, &mut now), -libc::EINVAL);
}

#[test]
fn a_poll_is_cancelled_through_the_ring() {
    let (reader, _writer) = UnixStream::pair().unwrap();
    let context = Context::new();
    let mut request = poll(&reader);
    let untouched = io_event {
        res: 77,
        ..Default::default()
    };
    let mut result = untouched;
    // SAFETY: a poll has no buffer; the request and the result are live variables.
    unsafe {
        assert_eq!(context.submit(&mut request), 1);
        assert_eq!(
            io_cancel(context.id, &mut request, &mut result),
            -libc::EINPROGRESS
        );
    }
    let event = context.wait();
    assert_eq!((event.data, event.res), (9, 0));
    assert_eq!(result.res, untouched.res);
    // SAFETY: as above.
    let again = unsafe { io_cancel(context.id, &mut request, &mut result) };
    assert_eq!(again, -libc::EINVAL);
}

#[test]
fn destroy_ends_the_context_and_its_polls() {
    let (reader, _writer) = UnixStream::pair().unwrap();
    let context = Context::new();
    let mut request = poll(&reader);
    // SAFETY: a poll has no buffer, and nothing touches the completion ring.
    unsafe {
        assert_eq!(context.submit(&mut request), 1);
        assert_eq!(io_destroy(context.id), 0);
        // The context is no more: neither for this call nor for any other.
        assert_eq!(io_destroy(context.id), -libc::EINVAL);
        assert_eq!(context.submit(&mut request), -libc::EINVAL);
    }
}

#[test]
fn failures_are_negative_error_numbers() {
    let mut context = 0;
    // SAFETY: no context is 1, and nothing is pointed to: the kernel writes nothing.
    unsafe {
        assert_eq!(io_setup(0, &mut context), -libc::EINVAL);
        assert_eq!(io_setup(8, ptr::null_mut()), -libc::EFAULT);
        assert_eq!(io_destroy(1), -libc::EINVAL);
        assert_eq!(io_submit(1, 0, ptr::null_mut()), -libc::EINVAL);
        assert_eq!(
            io_cancel(1, ptr::null_mut(), ptr::null_mut()),
            -libc::EFAULT
        );
        assert_eq!(
            io_getevents(1, 0, 0, ptr::null_mut(), ptr::null_mut()),
            -libc::EINVAL
        );
        assert_eq!(
            io_pgetevents(1, 0, 0, ptr::null_mut(), ptr::null_mut(), ptr::null()),
            -libc::EINVAL
        );
    }
    let context = Context::new();
    let mut request = iocb {
        aio_fildes: u32::MAX,
        ..Default::default()
    };
    // SAFETY: there is no such file, so nothing is read.
    assert_eq!(unsafe { context.submit(&mut request) }, -libc::EBADF);
}

/// The ring that no header describes, read as the kernel has left it.
#[test]
fn the_completion_ring_is_laid_out_as_declared() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123").unwrap();
    let mut buffer = [0_u8; 4];
    let context = Context::new();
    let ring = ptr::with_exposed_provenance::<aio_ring>(context.id as usize);
    // SAFETY: the kernel has mapped the ring there, and nothing is in flight that would write to it:
    // the read of a file that is in memory is over when it has been submitted.
    unsafe {
        let empty = ring.read();
        assert_eq!(
            (empty.magic, empty.compat_features, empty.incompat_features),
            (
                AIO_RING_MAGIC,
                AIO_RING_COMPAT_FEATURES,
                AIO_RING_INCOMPAT_FEATURES
            )
        );
        assert_eq!(empty.header_length as usize, size_of::<aio_ring>());
        assert_eq!((empty.head, empty.tail), (0, 0));
        assert!(empty.nr >= 8);

        let mut request = read(&file, &mut buffer, 0);
        assert_eq!(context.submit(&mut request), 1);
        let full = ring.read();
        assert_eq!((full.head, full.tail), (0, 1));
        let event = aio_ring::io_events_ptr(ring).read();
        assert_eq!((event.data, event.res), (request.aio_data, 4));
        context.wait();
        let taken = ring.read();
        assert_eq!((taken.head, taken.tail), (1, 1));
    }
    assert_eq!(&buffer, b"0123");
}
