//! The block that holds all that the library uses of one operation.

use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::Arc;

use super::control::{Control, Opcode};
use super::error::Error;
use super::known;
use super::notify::Notification;
use super::operation::Priority;
use super::process;
use crate::buf::{IoBuf, IoBufMut};
use crate::fork::Generation;

/// Where a transfer happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Position {
    At(u64),
    End,
}

/// What the operation needs to know of its buffer's type.
pub(super) struct Access<B> {
    /// Where the bytes are, and how many.
    bytes: fn(&mut B) -> (*mut u8, usize),
    /// Takes so many bytes as initialised; unsafe as [`IoBufMut::set_init`].
    filled: unsafe fn(&mut B, usize),
}

impl<B: IoBufMut> Access<B> {
    pub(super) fn read() -> Self {
        Self {
            bytes: |buf| (buf.stable_mut_ptr(), buf.bytes_total()),
            filled: B::set_init,
        }
    }
}

impl<B: IoBuf> Access<B> {
    pub(super) fn write() -> Self {
        Self {
            bytes: |buf| (buf.stable_ptr().cast_mut(), buf.bytes_init()),
            filled: |_, _| {},
        }
    }
}

impl<B> Access<B> {
    pub(super) fn none() -> Self {
        Self {
            bytes: |_| (ptr::null_mut(), 0),
            filled: |_, _| {},
        }
    }
}

/// An operation that has not started.
pub(super) struct Setup<F, B> {
    pub(super) opcode: Opcode,
    pub(super) file: F,
    pub(super) buf: B,
    access: Access<B>,
    pub(super) position: Position,
    pub(super) priority: Priority,
    pub(super) notification: Notification,
}

impl<F, B> Setup<F, B> {
    pub(super) fn new(opcode: Opcode, file: F, buf: B, access: Access<B>) -> Self {
        Self {
            opcode,
            file,
            buf,
            access,
            position: Position::At(0),
            priority: Priority::HIGHEST,
            notification: Notification::none(),
        }
    }
}

impl<F: AsFd, B> Setup<F, B> {
    /// The offset to give to the library, and the process that starts the operation.
    fn check(&self) -> Result<(i64, Generation), Error> {
        let process = process::may_start()?;
        let offset = match self.position {
            Position::At(offset) => i64::try_from(offset).map_err(|_| Error::Offset)?,
            Position::End if appends(&self.file) => 0,
            Position::End => return Err(Error::NotAppending),
        };
        Ok((offset, process))
    }
}

fn appends(file: &impl AsFd) -> bool {
    // SAFETY: the descriptor is borrowed for the call, which takes no pointer.
    let flags = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_APPEND != 0
}

/// The control block, the buffer and the file of one operation, in one place on the heap.
///
/// **The invariant**: from its start until it is over, the control block, the buffer and the file belong to
/// the operation. Nothing of them moves, is freed, or is touched other than through [`Control`].
/// Whoever holds an `Arc` without being the owner, that is a scope, the thread of a list or someone who
/// cancels all operations of a descriptor, only uses the control.
pub(super) struct Block<F, B> {
    pub(super) control: Control,
    /// Initialised until the owner takes it out, which happens once.
    payload: UnsafeCell<MaybeUninit<Payload<F, B>>>,
}

struct Payload<F, B> {
    file: F,
    buf: B,
    access: Access<B>,
    position: Position,
    priority: Priority,
}

// SAFETY: what is shared is the control, which is `Send` and `Sync`. The payload is touched by the owner
// alone, whose own type is only as `Send` and `Sync` as file and buffer are. Dropping the last `Arc`, on
// whichever thread, does not drop the payload.
unsafe impl<F, B> Send for Block<F, B> {}
// SAFETY: as above.
unsafe impl<F, B> Sync for Block<F, B> {}

impl<F: AsFd, B> Block<F, B> {
    /// Starts the operation, or gives it back.
    pub(super) fn start(setup: Setup<F, B>) -> Result<Arc<Self>, (Error, Setup<F, B>)> {
        let (offset, process) = match setup.check() {
            Ok(checked) => checked,
            Err(error) => return Err((error, setup)),
        };
        let block = Self::build(setup, offset);
        // SAFETY: the block is filled in and was not started. It is in an `Arc` that is not freed, and its
        // payload not touched, until the operation is over: by the invariant. So the buffer stays valid by
        // its trait, and the descriptor stays open as its owner does not change: `build` borrowed it from
        // the file, and nothing ends that borrow before the payload is taken out.
        let start = || unsafe { block.control.start(process) };
        match known::add(&block, start) {
            Ok(()) => Ok(block),
            Err(error) => {
                // SAFETY: the library refused, so it does not know of the block or the event.
                let notification = unsafe { Notification::disarm(block.control.event()) };
                // SAFETY: nothing was started, and this is the only owner; the block ends here.
                let payload = unsafe { block.take() };
                let setup = Setup {
                    opcode: block.control.opcode(),
                    file: payload.file,
                    buf: payload.buf,
                    access: payload.access,
                    position: payload.position,
                    priority: payload.priority,
                    notification,
                };
                Err((error, setup))
            }
        }
    }

    /// Starts the operation; if that fails it is over, with the error for its result. Its own notification,
    /// which will not come, ends here.
    pub(super) fn start_or_refuse(setup: Setup<F, B>) -> Arc<Self> {
        match Self::start(setup) {
            Ok(block) => block,
            Err((error, setup)) => {
                let block = Self::refused(setup);
                block.control.refuse(error);
                block
            }
        }
    }

    fn refused(setup: Setup<F, B>) -> Arc<Self> {
        Arc::new(Self::of(setup).0)
    }

    fn of(setup: Setup<F, B>) -> (Self, Notification) {
        let block = Self {
            control: Control::new(setup.opcode),
            payload: UnsafeCell::new(MaybeUninit::new(Payload {
                file: setup.file,
                buf: setup.buf,
                access: setup.access,
                position: setup.position,
                priority: setup.priority,
            })),
        };
        (block, setup.notification)
    }

    /// The block with everything in its place and the control block filled in.
    fn build(setup: Setup<F, B>, offset: i64) -> Arc<Self> {
        let (block, notification) = Self::of(setup);
        let mut block = Arc::new(block);
        let Some(inner) = Arc::get_mut(&mut block) else {
            unreachable!("a new Arc has one owner");
        };
        // SAFETY: it was initialised just now, and not taken out.
        let payload = unsafe { inner.payload.get_mut().assume_init_mut() };
        let (bytes, len) = (payload.access.bytes)(&mut payload.buf);
        let control = inner.control.block();
        control.aio_fildes = payload.file.as_fd().as_raw_fd();
        control.aio_reqprio = payload.priority.steps().into();
        control.aio_buf = bytes.cast();
        control.aio_nbytes = len;
        control.aio_offset = offset;
        inner.control.arm(notification);
        block
    }
}

impl<F, B> Block<F, B> {
    /// # Safety
    ///
    /// The caller is the owner, nothing is in flight, and nobody has taken the payload before.
    unsafe fn take(&self) -> Payload<F, B> {
        // SAFETY: by the caller's promise it is initialised and nobody else's.
        unsafe { (*self.payload.get()).assume_init_read() }
    }

    /// The result, and what the operation owned.
    ///
    /// # Safety
    ///
    /// The caller is the owner, the operation is over, and nobody has taken the payload before.
    pub(super) unsafe fn finish(self: Arc<Self>) -> (Result<usize, Error>, F, B) {
        known::remove(&self.control);
        // SAFETY: the operation is over, and the payload is taken once: so is this.
        let result = unsafe { self.control.result() };
        // SAFETY: by the caller's promise.
        let mut payload = unsafe { self.take() };
        if let (Opcode::Read, Ok(count)) = (self.control.opcode(), result) {
            // SAFETY: the read wrote so many bytes, which is at most what it was given room for.
            unsafe { (payload.access.filled)(&mut payload.buf, count) };
        }
        if !self.control.is_here() {
            // The library of this child still knows the address. Only what C code in the child does could
            // show that, but a few bytes are cheaper than to find out.
            mem::forget(self);
        }
        (result, payload.file, payload.buf)
    }
}

/// A block whose types are forgotten: what may be known to those who do not own it.
pub(super) trait InFlight: Send + Sync {
    /// The control.
    fn control(&self) -> &Control;

    /// Ends what is left of the operation.
    ///
    /// # Safety
    ///
    /// As for [`Block::finish`]; the caller has become the owner.
    unsafe fn discard(self: Arc<Self>);
}

impl<'a> dyn InFlight + 'a {
    /// Forgets how long the types of file and buffer are good for.
    ///
    /// # Safety
    ///
    /// [`discard`](InFlight::discard) is called only as long as they are. All else is sound at any time: the
    /// control borrows nothing, and dropping the last `Arc` leaves the payload alone.
    pub(super) unsafe fn forget_lifetime(self: Arc<Self>) -> Arc<dyn InFlight> {
        // SAFETY: only the lifetime changes, and the caller knows what hangs on it.
        unsafe { mem::transmute::<Arc<dyn InFlight + 'a>, Arc<dyn InFlight>>(self) }
    }
}

impl<F, B> InFlight for Block<F, B> {
    fn control(&self) -> &Control {
        &self.control
    }

    unsafe fn discard(self: Arc<Self>) {
        // SAFETY: by the caller's promise.
        drop(unsafe { self.finish() });
    }
}
