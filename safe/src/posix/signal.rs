//! Real-time signals, and a descriptor that receives them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{mem, ptr};

/// A real-time signal that the C library leaves to programs: `SIGRTMIN` to `SIGRTMAX`.
///
/// Others are not offered. They do not queue up, and glibc writes the error of an invalid one over the
/// operation's own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RtSignal(i32);

impl RtSignal {
    /// `SIGRTMIN + nth`, if there is such a signal. glibc has 31 of them and musl 30.
    pub fn new(nth: u8) -> Option<Self> {
        Self::from_raw(libc::SIGRTMIN() + i32::from(nth))
    }

    /// The signal with the system's number `raw`, if it is a real-time signal for programs.
    pub fn from_raw(raw: i32) -> Option<Self> {
        (libc::SIGRTMIN()..=libc::SIGRTMAX())
            .contains(&raw)
            .then_some(Self(raw))
    }

    /// The system's number.
    pub fn as_raw(self) -> i32 {
        self.0
    }
}

/// A signal as it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which signal.
    pub signal: RtSignal,
    /// The value that it carried: that of [`Notification::signal`](super::Notification::signal).
    pub value: usize,
    /// Where it came from (`si_code`): `SI_ASYNCIO` from an operation on glibc, `SI_QUEUE` from one on musl, from a
    /// list or from sigqueue(3).
    pub code: i32,
}

/// A descriptor that receives signals: signalfd(2), since Linux 2.6.27.
///
/// Signals are taken from the process, whichever thread reads. Make it before other threads start: it
/// blocks the signals in the calling thread and those that this one starts later, and a thread in which
/// they are not blocked would get them instead, and end the process.
///
/// The signals stay blocked when the value is dropped: one that comes late shall not end the process.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the signals in this thread and receives them from now on.
    ///
    /// # Errors
    ///
    /// Those of signalfd(2): too many open files, out of memory.
    pub fn new(signals: &[RtSignal]) -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is initialised by the first call; the signals are valid by their type.
        let fd = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in signals {
                libc::sigaddset(set.as_mut_ptr(), signal.as_raw());
            }
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, so nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Waits for the next signal. Several of one number come in the order in which they were sent, lower
    /// numbers first.
    ///
    /// # Errors
    ///
    /// `EINTR` if a handler of another signal ran.
    pub fn receive(&self) -> io::Result<Received> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = mem::size_of_val(&info);
        // SAFETY: the struct is live and as long as said.
        let got = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        if usize::try_from(got) != Ok(size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the kernel wrote all of it, and every bit pattern is a value.
        let info = unsafe { info.assume_init() };
        Ok(Received {
            signal: RtSignal(info.ssi_signo as i32),
            value: info.ssi_ptr as usize,
            code: info.ssi_code,
        })
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
