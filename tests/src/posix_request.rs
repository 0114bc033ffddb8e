//! POSIX AIO for cases: operations whose memory cannot go away.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;

use libc::EINPROGRESS;
use posix_aio::*;

use crate::support::memory::Buffer;
use crate::support::names::Errno;

/// One operation: its control block and its buffer, which are never freed, since nobody can be sure to end it.
#[derive(Debug)]
pub struct Request {
    block: *mut aiocb,
    buffer: Buffer,
    /// From then on the block is the library's until the operation is over, and no other may be started with it.
    started: bool,
}

impl Request {
    /// An operation on a file, all of a buffer, and an offset, that nobody is told the end of.
    pub fn new(file: &impl AsRawFd, buffer: Buffer, offset: i64) -> Request {
        let mut block = Box::<aiocb>::default();
        block.aio_fildes = file.as_raw_fd();
        block.aio_buf = buffer.pointer().cast();
        block.aio_nbytes = buffer.len();
        block.aio_offset = offset;
        block.aio_sigevent.sigev_notify = SIGEV_NONE;
        Request {
            block: Box::into_raw(block),
            buffer,
            started: false,
        }
    }

    /// As an entry of a list: `LIO_*`.
    pub fn opcode(self, opcode: c_int) -> Request {
        self.set(|block| block.aio_lio_opcode = opcode)
    }

    /// How much lower the priority is.
    pub fn priority(self, priority: c_int) -> Request {
        self.set(|block| block.aio_reqprio = priority)
    }

    /// With a signal at its end.
    pub fn signal(self, signal: c_int, value: c_int) -> Request {
        self.set(|block| block.aio_sigevent = signal_event(signal, value))
    }

    /// With some `SIGEV_*`.
    ///
    /// # Panics
    ///
    /// With `SIGEV_THREAD`: see [`thread`](Self::thread).
    pub fn notify(self, kind: c_int) -> Request {
        assert_ne!(kind, SIGEV_THREAD, "there is no function to call");
        self.set(|block| block.aio_sigevent.sigev_notify = kind)
    }

    /// With a call of `function` at its end, on a thread of its own.
    pub fn thread(self, function: extern "C" fn(sigval), value: c_int) -> Request {
        self.set(|block| block.aio_sigevent = thread_event(function, value))
    }

    /// With another length than the buffer's.
    ///
    /// # Safety
    ///
    /// The operation uses no memory, for it is refused or has no use for a buffer.
    pub unsafe fn length(self, len: usize) -> Request {
        self.set(|block| block.aio_nbytes = len)
    }

    /// With a notification that was put together elsewhere.
    pub fn event(self, event: sigevent) -> Request {
        self.set(|block| block.aio_sigevent = event)
    }

    fn set(self, change: impl FnOnce(&mut aiocb)) -> Request {
        assert!(!self.started, "the block is the library's");
        // SAFETY: the block is never freed, and before the operation is started nobody else uses it.
        change(unsafe { &mut *self.block });
        self
    }

    /// aio_read(3).
    pub fn read(&mut self) -> Result<(), Errno> {
        self.start();
        // SAFETY: block and buffer are never freed, and this is their only operation.
        done(unsafe { aio_read(self.block) })
    }

    /// aio_write(3).
    pub fn write(&mut self) -> Result<(), Errno> {
        self.start();
        // SAFETY: block and buffer are never freed, and this is their only operation.
        done(unsafe { aio_write(self.block) })
    }

    /// aio_fsync(3).
    pub fn sync(&mut self, operation: c_int) -> Result<(), Errno> {
        self.start();
        // SAFETY: the block is never freed, and this is its only operation.
        done(unsafe { aio_fsync(operation, self.block) })
    }

    fn start(&mut self) {
        assert!(!self.started, "an operation can be started once");
        self.started = true;
    }

    /// What stands in the block as the opcode and the priority: before the start, or when the operation is over.
    pub fn opcode_and_priority(&self) -> (c_int, c_int) {
        assert!(
            !self.started || self.error() != Errno(EINPROGRESS),
            "the block is the library's"
        );
        // SAFETY: the block is never freed, and nobody writes to it now.
        let block = unsafe { &*self.block };
        (block.aio_lio_opcode, block.aio_reqprio)
    }

    /// aio_error(3): `EINPROGRESS`, 0 or an errno.
    pub fn error(&self) -> Errno {
        // SAFETY: the block is never freed.
        Errno(unsafe { aio_error(self.block) })
    }

    /// aio_return(3), now.
    pub fn result(&self) -> isize {
        // SAFETY: the block is never freed.
        unsafe { aio_return(self.block) }
    }

    /// Waits for the end, and returns what it came to: the number of bytes or the errno.
    pub fn wait(&self) -> Result<isize, Errno> {
        while self.error() == Errno(EINPROGRESS) {
            // An error is a signal, after which to wait again.
            let _ = suspend(&[Some(self)], None);
        }
        match (self.error(), self.result()) {
            (Errno(0), n) => Ok(n),
            (errno, _) => Err(errno),
        }
    }

    /// aio_cancel(3) of this operation, said to be on `file`: `AIO_*`.
    pub fn cancel(&self, file: &impl AsRawFd) -> Result<c_int, Errno> {
        // SAFETY: the block is never freed.
        number(unsafe { aio_cancel(file.as_raw_fd(), self.block) })
    }

    /// The buffer.
    pub fn buffer(&self) -> Buffer {
        self.buffer
    }
}

/// aio_cancel(3) of all operations on a file: `AIO_*`.
pub fn cancel_all(file: &impl AsRawFd) -> Result<c_int, Errno> {
    // SAFETY: no block is named.
    number(unsafe { aio_cancel(file.as_raw_fd(), ptr::null_mut()) })
}

/// aio_suspend(3).
pub fn suspend(
    requests: &[Option<&Request>],
    timeout: Option<libc::timespec>,
) -> Result<(), Errno> {
    let list: Vec<_> = requests
        .iter()
        .map(|entry| entry.map_or(ptr::null(), |request| request.block.cast_const()))
        .collect();
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the list has this many entries, null or to blocks that are never freed; the timeout is null or whole.
    done(unsafe { aio_suspend(list.as_ptr(), list.len() as c_int, timeout) })
}

/// lio_listio(3).
///
/// Signals wait meanwhile: glibc corrupts memory when one interrupts `LIO_WAIT`.
pub fn list(
    mode: c_int,
    requests: &mut [Option<&mut Request>],
    event: Option<sigevent>,
) -> Result<(), Errno> {
    let mut list = Vec::new();
    for entry in requests.iter_mut() {
        list.push(entry.as_mut().map_or(ptr::null_mut(), |request| {
            request.start();
            request.block
        }));
    }
    // Leaked, since musl keeps the address until the list is done.
    let event = event.map_or(ptr::null_mut(), |event| Box::into_raw(Box::new(event)));
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: both are writable; sigfillset(3) fills the first before it is read, pthread_sigmask(3) the second.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    // SAFETY: the list has this many entries, null or to blocks that, like their buffers, are never freed and have no
    // other operation; nor is the event. No handler can interrupt the call.
    let result = done(unsafe { lio_listio(mode, list.as_ptr(), list.len() as c_int, event) });
    // SAFETY: the mask was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}

/// lio_listio(3) of one operation with `LIO_WAIT`, which signals may interrupt.
///
/// # Safety
///
/// If a signal does so, the operation never ends as long as the process lives: glibc's worker would then write to
/// where the call's stack was.
pub unsafe fn interruptible_list(request: &mut Request) -> Result<(), Errno> {
    request.start();
    let list = [request.block];
    // SAFETY: the list has one entry, whose block and buffer are never freed and have no other operation; what an
    // interruption leaves behind is never used, by the caller's promise.
    done(unsafe { lio_listio(LIO_WAIT, list.as_ptr(), 1, ptr::null_mut()) })
}

/// Tells of an end by a signal.
pub fn signal_event(signal: c_int, value: c_int) -> sigevent {
    sigevent {
        sigev_value: sigval { sival_int: value },
        sigev_signo: signal,
        sigev_notify: SIGEV_SIGNAL,
        ..sigevent::default()
    }
}

/// Tells of an end by a call of `function`.
pub fn thread_event(function: extern "C" fn(sigval), value: c_int) -> sigevent {
    let mut event = sigevent {
        sigev_value: sigval { sival_int: value },
        sigev_notify: SIGEV_THREAD,
        ..sigevent::default()
    };
    event.set_sigev_notify_function(Some(function), ptr::null_mut());
    event
}

fn done(result: c_int) -> Result<(), Errno> {
    number(result).map(drop)
}

fn number(result: c_int) -> Result<c_int, Errno> {
    if result < 0 {
        return Err(Errno::last());
    }
    Ok(result)
}
