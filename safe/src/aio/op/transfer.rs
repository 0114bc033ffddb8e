//! Reading and writing.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use libc::iovec;

use super::settings::Settings;
use super::{Completion, Error, Iocb, Operation, kind};
use crate::aio::EventFd;
use crate::aio::raw::{IoPrio, RwFlags, iocb};
use crate::buf::{IoBuf, IoBufMut};

/// What came of a read or a write, and what it owned.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Completed<F, B> {
    /// The number of bytes, or why there are none.
    pub result: Result<usize, Error>,
    /// The file.
    pub file: F,
    /// The buffer, or the buffers.
    pub buf: B,
}

/// A [`Read`], [`Write`], [`Readv`] or [`Writev`].
///
/// At most 2 GiB at once. Reads and writes that cannot go straight to a device are carried out inside of the
/// submission, which blocks that long: see the [module](crate::aio).
#[derive(Debug)]
pub struct Transfer<K, F, M> {
    file: F,
    memory: M,
    settings: Settings,
    kind: PhantomData<fn() -> K>,
}

/// Reads into a buffer, as pread(2) does. Gives the number of bytes, 0 at the end of the file; the buffer counts
/// them as initialised. Since Linux 2.5.
pub type Read<F, B> = Transfer<kind::Pread, F, B>;

/// Writes from a buffer, as pwrite(2) does. Gives the number of bytes. Since Linux 2.5.
///
/// A broken pipe raises `SIGPIPE`, which Rust programs ignore unless told otherwise; see also
/// [`RwFlags::NOSIGNAL`].
pub type Write<F, B> = Transfer<kind::Pwrite, F, B>;

/// Reads into `N` buffers, one after the other, as preadv(2) does. Since Linux 2.6.19.
///
/// The kernel takes at most 1024 (`EINVAL`). With more than about ten the operation lies in a box of its own.
pub type Readv<F, B, const N: usize> = Transfer<kind::Preadv, F, Pieces<B, N>>;

/// Writes from `N` buffers, one after the other, as pwritev(2) does. Since Linux 2.6.19.
///
/// As for [`Readv`] and [`Write`].
pub type Writev<F, B, const N: usize> = Transfer<kind::Pwritev, F, Pieces<B, N>>;

impl<K: kind::Transfer, F, M> Transfer<K, F, M> {
    #[inline]
    fn of(file: F, memory: M) -> Self {
        Self {
            file,
            memory,
            settings: Settings::new(),
            kind: PhantomData,
        }
    }

    /// Where in the file, in bytes; 0 unless set. The file's own position is neither used nor changed. Sockets
    /// take no other than 0 (`ESPIPE`).
    #[inline]
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.settings.offset = offset;
        self
    }

    /// `RWF_*`, see preadv2(2). `EOPNOTSUPP` for what the kernel or the file cannot do. Since Linux 4.13.
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: RwFlags) -> Self {
        self.settings.flags = flags;
        self
    }

    /// The priority; the thread's own unless set. `EINVAL` for what is none, `EPERM` for the real-time class
    /// without the right to it. Since Linux 4.18.
    #[inline]
    #[must_use]
    pub fn priority(mut self, priority: IoPrio) -> Self {
        self.settings.priority = Some(priority);
        self
    }

    /// Adds 1 to this eventfd when the operation is over; not if it is refused, or taken out of the queue. Since
    /// Linux 2.6.22.
    #[inline]
    #[must_use]
    pub fn notify(mut self, eventfd: &EventFd) -> Self {
        self.settings.notify = Some(eventfd.clone());
        self
    }
}

impl<F: AsFd, B: IoBufMut> Read<F, B> {
    /// From where, and into what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self::of(file, buf)
    }
}

impl<F: AsFd, B: IoBuf> Write<F, B> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self::of(file, buf)
    }
}

impl<F: AsFd, B: IoBufMut, const N: usize> Readv<F, B, N> {
    /// From where, and into what.
    #[inline]
    pub fn new(file: F, buffers: [B; N]) -> Self {
        Self::of(file, Pieces::new(buffers))
    }
}

impl<F: AsFd, B: IoBuf, const N: usize> Writev<F, B, N> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buffers: [B; N]) -> Self {
        Self::of(file, Pieces::new(buffers))
    }
}

/// Several buffers, and the list of them that the kernel reads.
#[derive(Debug)]
pub struct Pieces<B, const N: usize> {
    buffers: [B; N],
    /// Filled when it lies where it stays.
    list: [MaybeUninit<iovec>; N],
}

// SAFETY: the list is only written and handed to the kernel; its addresses mean nothing to a thread.
unsafe impl<B: Send, const N: usize> Send for Pieces<B, N> {}

impl<B, const N: usize> Pieces<B, N> {
    #[inline]
    fn new(buffers: [B; N]) -> Self {
        Self {
            buffers,
            list: [const { MaybeUninit::uninit() }; N],
        }
    }

    /// The list of the buffers, of which `piece` tells address and length.
    #[inline]
    fn list(&mut self, piece: impl Fn(&mut B) -> (*mut u8, usize)) -> *const iovec {
        for (entry, buffer) in self.list.iter_mut().zip(&mut self.buffers) {
            let (base, len) = piece(buffer);
            entry.write(iovec {
                iov_base: base.cast(),
                iov_len: len,
            });
        }
        self.list.as_ptr().cast()
    }
}

// SAFETY: the bytes of an `IoBufMut` stay where they are, for the operation alone, while the value does. The
// descriptor is that of a file that the value owns or borrows.
unsafe impl<F: AsFd, B: IoBufMut> Operation for Read<F, B> {
    const NAME: &'static str = "PREAD";

    type Output = Completed<F, B>;

    #[inline]
    fn prepare(&mut self) -> Iocb {
        let (at, len) = (self.memory.stable_mut_ptr(), self.memory.bytes_total());
        let fd = self.file.as_fd().as_raw_fd();
        self.settings.build(iocb::Pread::new(fd, at, len))
    }

    #[inline]
    unsafe fn complete(mut self, completion: Completion) -> Self::Output {
        let result = Error::check::<Self>(completion);
        if let Ok(bytes) = result {
            // SAFETY: the kernel has written that many bytes, and was not told of more than there are.
            unsafe { self.memory.set_init(bytes) };
        }
        Completed {
            result,
            file: self.file,
            buf: self.memory,
        }
    }
}

// SAFETY: the bytes of an `IoBuf` stay where they are while the value does; the kernel reads them. The descriptor as
// above.
unsafe impl<F: AsFd, B: IoBuf> Operation for Write<F, B> {
    const NAME: &'static str = "PWRITE";

    type Output = Completed<F, B>;

    #[inline]
    fn prepare(&mut self) -> Iocb {
        let (at, len) = (self.memory.stable_ptr(), self.memory.bytes_init());
        let fd = self.file.as_fd().as_raw_fd();
        self.settings.build(iocb::Pwrite::new(fd, at, len))
    }

    #[inline]
    unsafe fn complete(self, completion: Completion) -> Self::Output {
        Completed {
            result: Error::check::<Self>(completion),
            file: self.file,
            buf: self.memory,
        }
    }
}

// SAFETY: as for `Read`, of each buffer; the list lies in the value.
unsafe impl<F: AsFd, B: IoBufMut, const N: usize> Operation for Readv<F, B, N> {
    const NAME: &'static str = "PREADV";

    type Output = Completed<F, [B; N]>;

    fn prepare(&mut self) -> Iocb {
        let list = self
            .memory
            .list(|buffer| (buffer.stable_mut_ptr(), buffer.bytes_total()));
        let fd = self.file.as_fd().as_raw_fd();
        self.settings.build(iocb::Preadv::new(fd, list, N))
    }

    unsafe fn complete(self, completion: Completion) -> Self::Output {
        let result = Error::check::<Self>(completion);
        let (mut buffers, list) = (self.memory.buffers, self.memory.list);
        let mut left = result.unwrap_or(0);
        for (buffer, entry) in buffers.iter_mut().zip(list) {
            // What the kernel was told, which is what counts.
            // SAFETY: `prepare` was called, and has filled the list.
            let bytes = left.min(unsafe { entry.assume_init() }.iov_len);
            left -= bytes;
            if bytes > 0 {
                // SAFETY: the kernel fills one buffer after the other, and has written that many bytes here.
                unsafe { buffer.set_init(bytes) };
            }
        }
        Completed {
            result,
            file: self.file,
            buf: buffers,
        }
    }
}

// SAFETY: as for `Write`, of each buffer; the list lies in the value.
unsafe impl<F: AsFd, B: IoBuf, const N: usize> Operation for Writev<F, B, N> {
    const NAME: &'static str = "PWRITEV";

    type Output = Completed<F, [B; N]>;

    fn prepare(&mut self) -> Iocb {
        let list = self
            .memory
            .list(|buffer| (buffer.stable_ptr().cast_mut(), buffer.bytes_init()));
        let fd = self.file.as_fd().as_raw_fd();
        self.settings.build(iocb::Pwritev::new(fd, list, N))
    }

    unsafe fn complete(self, completion: Completion) -> Self::Output {
        Completed {
            result: Error::check::<Self>(completion),
            file: self.file,
            buf: self.memory.buffers,
        }
    }
}
