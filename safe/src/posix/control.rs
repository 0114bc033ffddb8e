//! The control block of one operation, and every call that the library gets to see it in.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use posix_aio::{AIO_CANCELED, AIO_NOTCANCELED, aiocb, sigevent};

use super::cancel::Cancel;
#[cfg(not(target_env = "gnu"))]
use super::ending::Ending;
use super::error::Error;
#[cfg(target_env = "gnu")]
use super::known;
use super::notify::Notification;
use crate::fork::Generation;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Read,
    Write,
    Fsync,
    Fdatasync,
}

/// The control block of one operation.
///
/// **The invariant**: from a successful [`start`](Self::start) until [`is_over`](Self::is_over) the block is
/// the library's. It stays where it is, and all that happens to it goes through the library's functions.
pub(super) struct Control {
    block: UnsafeCell<aiocb>,
    opcode: Opcode,
    #[cfg(not(target_env = "gnu"))]
    ending: Ending,
    /// The process that started the operation, or tried to.
    process: OnceLock<Generation>,
    /// Why the operation never began.
    refused: OnceLock<Error>,
}

// SAFETY: after `start` the block is only handed to the library's functions, which may be called from any
// thread; before that, and for the result, the caller promises to be alone.
unsafe impl Sync for Control {}
// SAFETY: the pointers in the block are the library's, the buffer's, which any thread may use by its trait,
// and the notification's, whose closure is `Send`.
unsafe impl Send for Control {}

impl Control {
    pub(super) fn new(opcode: Opcode) -> Self {
        Self {
            block: UnsafeCell::new(aiocb::default()),
            opcode,
            #[cfg(not(target_env = "gnu"))]
            ending: Ending::new(),
            process: OnceLock::new(),
            refused: OnceLock::new(),
        }
    }

    /// What it is known by: its descriptor and its address.
    pub(super) fn key(&self) -> (i32, usize) {
        let block = self.block.get();
        // SAFETY: the field was filled in, and nobody changes it; the block lives.
        (unsafe { (*block).aio_fildes }, block.addr())
    }

    /// By how much its priority was lowered, as filled in.
    #[cfg(target_env = "gnu")]
    pub(super) fn lowered(&self) -> i32 {
        // SAFETY: nobody writes to the field but the library, at the start; the block lives.
        unsafe { (*self.block.get()).aio_reqprio }
    }

    /// What the operation does.
    pub(super) fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The block, to be filled in.
    pub(super) fn block(&mut self) -> &mut aiocb {
        self.block.get_mut()
    }

    /// Puts the notification where the end of the operation finds it. From here on a closure has no owner that
    /// would drop it.
    pub(super) fn arm(&mut self, notification: Notification) {
        let event = notification.arm();
        #[cfg(target_env = "gnu")]
        {
            self.block().aio_sigevent = event;
        }
        #[cfg(not(target_env = "gnu"))]
        self.ending.set(event);
    }

    /// Starts the operation. On an error the library does not know of it.
    ///
    /// # Safety
    ///
    /// The block is filled in, the operation was not started before, and until it is over the block stays in
    /// place, the buffer stays valid for what the operation does with it, and the descriptor stays open.
    pub(super) unsafe fn start(&self, process: Generation) -> Result<(), Error> {
        let _ = self.process.set(process);
        let block = self.block.get();
        #[cfg(not(target_env = "gnu"))]
        // SAFETY: nobody else has the block yet.
        unsafe {
            (*block).aio_sigevent = self.ending.event();
        }
        // SAFETY: by the caller's promise.
        let started = unsafe {
            match self.opcode {
                Opcode::Read => posix_aio::aio_read(block),
                Opcode::Write => posix_aio::aio_write(block),
                Opcode::Fsync => posix_aio::aio_fsync(libc::O_SYNC, block),
                Opcode::Fdatasync => posix_aio::aio_fsync(libc::O_DSYNC, block),
            }
        };
        if started == 0 {
            Ok(())
        } else {
            let error = Error::last();
            self.refuse(error);
            Err(error)
        }
    }

    /// Makes it an operation that is over, as it never began.
    pub(super) fn refuse(&self, error: Error) {
        let _ = self.refused.set(error);
    }

    /// How to tell that the operation is over, as filled in.
    ///
    /// # Safety
    ///
    /// The library does not know of the operation.
    pub(super) unsafe fn event(&self) -> sigevent {
        #[cfg(target_env = "gnu")]
        // SAFETY: nobody writes to the block, by the caller's promise.
        return unsafe { (*self.block.get()).aio_sigevent };
        #[cfg(not(target_env = "gnu"))]
        self.ending.armed()
    }

    /// Whether this process is the one that started the operation. In a child the library's words about
    /// it would mean nothing, and glibc's lock may be held by a thread that is not there.
    pub(super) fn is_here(&self) -> bool {
        self.process
            .get()
            .is_none_or(|process| process.is_current())
    }

    /// Whether nobody but the owner uses the block, the buffer and the descriptor any more.
    ///
    /// In a forked child that is so at once: the threads that use them are the parent's, and so is the
    /// memory.
    pub(super) fn is_over(&self) -> bool {
        self.refused.get().is_some() || !self.is_here() || self.has_ended()
    }

    /// glibc's aio_error(3) takes the lock under which its worker finishes with the block, so an answer other than
    /// `EINPROGRESS` also says that the worker has let go of it, notification and all.
    #[cfg(target_env = "gnu")]
    fn has_ended(&self) -> bool {
        self.errno() != libc::EINPROGRESS
    }

    #[cfg(not(target_env = "gnu"))]
    fn has_ended(&self) -> bool {
        self.ending.has_come()
    }

    fn errno(&self) -> i32 {
        // SAFETY: the block was filled in and started, and lives as long as `self`.
        unsafe { posix_aio::aio_error(self.block.get()) }
    }

    /// Waits until the operation is over, whatever signals come.
    pub(super) fn wait(&self) {
        while !self.is_over() {
            // Signals, and a library that lets go early, both mean to look again.
            match suspend(&[self], None) {
                Ok(()) | Err(libc::EINTR | libc::EAGAIN) => {}
                // Waiting is what makes everything here sound. Nothing else is left to do than not to go on.
                Err(_) => std::process::abort(),
            }
        }
    }

    /// Tries to cancel the operation. Unless it is [`Cancel::NotCanceled`], the operation is over.
    ///
    /// musl is asked to cancel reads alone. Its aio_cancel(3) keeps the descriptor locked while it waits for the
    /// operation's thread, and the thread of a write or an fsync that waits for earlier writes takes that
    /// lock before it looks whether it was cancelled: they would wait for each other for ever. A read waits
    /// for nothing but its file. glibc is asked only where it loses nothing: see [`known`](super::known).
    pub(super) fn cancel(&self) -> Cancel {
        if self.is_over() {
            return Cancel::AllDone;
        }
        if cfg!(not(target_env = "gnu")) && self.opcode != Opcode::Read {
            return Cancel::NotCanceled;
        }
        // SAFETY: the operation was started, and nobody changes the field; the block lives.
        let ask = || unsafe { posix_aio::aio_cancel(self.key().0, self.block.get()) };
        #[cfg(target_env = "gnu")]
        let answer = known::cancel_last(self, ask).unwrap_or(AIO_NOTCANCELED);
        #[cfg(not(target_env = "gnu"))]
        let answer = ask();
        match Cancel::from_answer(answer) {
            // It ended meanwhile; whoever owns it may have closed the descriptor.
            Cancel::NotCanceled if self.is_over() => Cancel::AllDone,
            Cancel::NotCanceled => Cancel::NotCanceled,
            answer => {
                // musl answers a moment before the end. Whoever looked too early would take the operation for one
                // that runs on.
                self.wait();
                answer
            }
        }
    }

    /// The number of bytes, or the error.
    ///
    /// # Safety
    ///
    /// The operation is over, and this is the only call.
    pub(super) unsafe fn result(&self) -> Result<usize, Error> {
        if let Some(&error) = self.refused.get() {
            return Err(error);
        }
        if !self.is_here() {
            return Err(Error::Forked);
        }
        match self.errno() {
            // SAFETY: by the caller's promise.
            0 => Ok(
                usize::try_from(unsafe { posix_aio::aio_return(self.block.get()) }).unwrap_or(0),
            ),
            errno => {
                // SAFETY: by the caller's promise. The library may free something now.
                unsafe { posix_aio::aio_return(self.block.get()) };
                Err(Error::from_errno(errno))
            }
        }
    }
}

impl Cancel {
    /// What aio_cancel(3) answered; an error of the call cancels nothing.
    fn from_answer(answer: i32) -> Self {
        match answer {
            AIO_CANCELED => Self::Canceled,
            AIO_NOTCANCELED | -1 => Self::NotCanceled,
            _ => Self::AllDone,
        }
    }

    /// All operations of a descriptor, whoever started them. On musl it may never come back: see
    /// [`Control::cancel`].
    #[cfg(target_env = "gnu")]
    pub(super) fn all(fd: i32) -> Result<Self, Error> {
        // SAFETY: a null pointer stands for all of them.
        match unsafe { posix_aio::aio_cancel(fd, ptr::null_mut()) } {
            -1 => Err(Error::last()),
            answer => Ok(Self::from_answer(answer)),
        }
    }
}

/// aio_suspend(3). `timeout` is short enough to be added to a clock.
pub(super) fn suspend(controls: &[&Control], timeout: Option<Duration>) -> Result<(), i32> {
    let list: Vec<*const aiocb> = controls
        .iter()
        .filter(|control| control.refused.get().is_none())
        .map(|control| control.block.get().cast_const())
        .collect();
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        // Below 10⁹, which glibc insists on.
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let pointer = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the list holds blocks of started operations, which are borrowed for the call, and its length
    // is the number given; the time is null or live and normalised.
    let answer = unsafe { posix_aio::aio_suspend(list.as_ptr(), list.len() as i32, pointer) };
    match answer {
        0 => {
            #[cfg(not(target_env = "gnu"))]
            if !controls.iter().any(|control| control.is_over()) {
                // The result is there, and in a moment the end will be. Not `thread::sleep`: one signal after
                // the other would keep it from ever coming back.
                let moment = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 20_000,
                };
                // SAFETY: the time is live and normalised, and the rest is not asked for.
                unsafe { libc::nanosleep(&moment, ptr::null_mut()) };
            }
            Ok(())
        }
        _ => match Error::last() {
            Error::Os(errno) => Err(errno),
            _ => Err(libc::EIO),
        },
    }
}
