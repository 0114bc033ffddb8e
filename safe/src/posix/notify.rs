//! How to hear that something is over.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use posix_aio::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, sigevent, sigval};

use super::signal::RtSignal;

/// What runs when something is over.
type Callback = Box<dyn FnOnce() + Send>;

/// How to hear that an operation or a list is over. It comes once, also after a cancel; and not at all for
/// what was never started.
///
/// It tells that the result can be had, and does not bring it: [`Request::wait`](super::Request::wait) does,
/// without waiting any more.
#[derive(Default)]
pub struct Notification(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    None,
    Signal(RtSignal, usize),
    Call(Callback),
}

impl Notification {
    /// No notification (`SIGEV_NONE`).
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// A signal to the process, carrying `value` (`SIGEV_SIGNAL`; `si_code` is `SI_ASYNCIO` with glibc, and with musl,
    /// where this module sends it, `SI_QUEUE`).
    ///
    /// Real-time signals queue up, so none is lost until the limit `RLIMIT_SIGPENDING` is reached. A thread
    /// that has not blocked the signal and has no handler for it ends the process:
    /// [`SignalFd`](super::SignalFd) blocks it and receives it.
    pub fn signal(signal: RtSignal, value: usize) -> Self {
        Self(Kind::Signal(signal, value))
    }

    /// A call of `callback` on another thread (`SIGEV_THREAD`).
    ///
    /// The closure is the library's from the start of the operation until it has run, and is freed exactly
    /// once, whatever becomes of the request: also after that was dropped or forgotten it still runs. If the
    /// operation cannot be started it comes back inside of it.
    ///
    /// A panic in it is reported by the panic hook and then ends there, as on any detached thread. The thread
    /// is the library's: a new one on glibc; on musl the one that did the work, with a stack of 128 KiB.
    /// If glibc cannot create the thread the closure is leaked without having run, and the operation's own
    /// result is replaced by `EAGAIN`, although it was carried out.
    ///
    /// What belongs to this thread alone cannot go along:
    ///
    /// ```compile_fail,E0277
    /// let here = std::rc::Rc::new(1);
    /// let _ = safe::posix::Notification::call(move || drop(here));
    /// ```
    pub fn call(callback: impl FnOnce() + Send + 'static) -> Self {
        Self(Kind::Call(Box::new(callback)))
    }

    /// Puts it into glibc's words, which is also how it is kept with musl. The closure then belongs to whoever calls
    /// [`run`] or [`disarm`](Self::disarm), and nobody else.
    pub(super) fn arm(self) -> sigevent {
        let mut event = sigevent::default();
        match self.0 {
            Kind::None => event.sigev_notify = SIGEV_NONE,
            Kind::Signal(signal, value) => {
                event.sigev_notify = SIGEV_SIGNAL;
                event.sigev_signo = signal.as_raw();
                event.sigev_value = carried(value);
            }
            Kind::Call(callback) => {
                event.sigev_notify = SIGEV_THREAD;
                // Twice boxed, for a fat pointer does not fit.
                event.sigev_value.sival_ptr = Box::into_raw(Box::new(callback)).cast();
                event.set_sigev_notify_function(Some(run), std::ptr::null_mut());
            }
        }
        event
    }

    /// Takes back what [`arm`](Self::arm) gave.
    ///
    /// # Safety
    ///
    /// `event` came from there, the library does not act on it, and nobody takes it back again.
    pub(super) unsafe fn disarm(event: sigevent) -> Self {
        // SAFETY: `arm` set the pointer, whose bytes are all that the union holds.
        let value = unsafe { event.sigev_value.sival_ptr };
        Self(match event.sigev_notify {
            SIGEV_SIGNAL => match RtSignal::from_raw(event.sigev_signo) {
                Some(signal) => Kind::Signal(signal, value.addr()),
                None => Kind::None,
            },
            // SAFETY: `arm` made it from such a box, and nobody else will.
            SIGEV_THREAD => Kind::Call(unsafe { *Box::from_raw(value.cast::<Callback>()) }),
            _ => Kind::None,
        })
    }

    /// Whether there is nothing to deliver.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.0, Kind::None)
    }

    /// Whether it is a closure.
    #[cfg(not(target_env = "gnu"))]
    pub(super) fn is_call(&self) -> bool {
        matches!(self.0, Kind::Call(_))
    }

    /// Notifies from here.
    pub(super) fn deliver(self) {
        match self.0 {
            Kind::None => {}
            Kind::Signal(signal, value) => {
                let value = libc::sigval {
                    sival_ptr: std::ptr::without_provenance_mut(value),
                };
                // It fails if RLIMIT_SIGPENDING is reached, as the library's own would, in silence.
                // SAFETY: the call takes plain values; the process is this one.
                unsafe { libc::sigqueue(libc::getpid(), signal.as_raw(), value) };
            }
            Kind::Call(callback) => contained(callback),
        }
    }
}

fn carried(value: usize) -> sigval {
    sigval {
        sival_ptr: std::ptr::without_provenance_mut(value),
    }
}

/// What the library calls on a thread of its own.
unsafe extern "C" fn run(value: sigval) {
    // SAFETY: `arm` made the pointer from such a box; the library calls once for each operation that it
    // took, and `disarm` is for those that it did not take.
    contained(unsafe { *Box::from_raw(value.sival_ptr.cast::<Callback>()) });
}

/// Runs the callback, and keeps its panic from unwinding into C.
fn contained(callback: Callback) {
    // Nobody can look at what the closure left half done: all that it owns goes with it.
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(callback)) {
        // Dropping it could panic again.
        std::mem::forget(payload);
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::None => f.write_str("None"),
            Kind::Signal(signal, value) => write!(f, "Signal({signal:?}, {value:#x})"),
            Kind::Call(_) => f.write_str("Call(..)"),
        }
    }
}
