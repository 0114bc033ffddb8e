//! Operations: what to do, with which file and which memory. A value of one of these types does nothing until
//! it is given to a [`Ring`](super::Ring), which owns it until the operation is over.

mod accept;
mod advice;
mod answered;
mod cancel;
mod clock;
mod close;
mod command;
mod control;
mod direct;
mod end;
mod epoll;
mod error;
mod file;
mod fixed;
mod futex;
mod inject;
mod link;
mod link_timeout;
mod message;
mod msg_flags;
mod names;
mod nop;
mod offload;
mod open;
mod outcome;
mod path;
mod pipe;
mod poll;
mod recv;
mod recv_msg_multishot;
mod recv_zc;
mod register_file;
mod ring_message;
mod select;
mod send;
mod send_bundle;
mod socket;
mod sockopt;
mod space;
mod statx;
mod sync;
mod timeout;
mod vectored;
mod vectored_fixed;
mod waitid;
mod xattr;

use std::cell::Cell;

pub use accept::{Accept, AcceptMultishot, DirectAcceptMultishot};
pub use advice::{Fadvise, FileAdvice, Madvise, MemoryAdvice};
pub use answered::Answered;
pub use cancel::{Cancel, CancelAll, Cancelled, NoFile, OnFile};
pub use clock::Clock;
pub use close::{Close, CloseFixed, Unclosed};
pub use command::{Command, Commanded, LargeCommand};
pub use control::{ControlMessage, ReceivedControl, SentControl};
pub use direct::{Destination, Direct, Opens};
pub use end::{End, Ended};
pub use epoll::{EpollChanged, EpollCtl, EpollEvents, EpollWait};
pub use error::Error;
pub use file::{Completed, Read, Write};
pub use fixed::{ReadFixed, WriteFixed};
pub use futex::{FutexWait, FutexWaitAny, FutexWake, FutexWord, Part, Wake, WokenAny};
pub use inject::Inject;
pub use link::{Drain, Linked, drain, hard_link, link};
pub use link_timeout::{Expiry, LinkTimeout, with_timeout};
pub use message::{Received, RecvMsg, RecvMsgSelect, SendMsg, SendMsgZc};
pub use names::{Link, Mkdir, Rename, Symlink, Unlink};
pub use nop::Nop;
pub use offload::{Offload, offload};
pub use open::{Open, Open2};
pub use outcome::{Buffered, Outcome};
pub use path::{PathArg, path};
pub use pipe::{DirectPipe, Moved, Pipe, PipeEnds, Splice, Tee};
pub use poll::{Poll, PollMultishot, PollUpdate};
pub use recv::Recv;
pub use recv_msg_multishot::{Message, RecvMsgMultishot};
pub use recv_zc::RecvZc;
pub use register_file::{InstallFixed, RegisterFile};
pub use ring_message::{PassFile, RingMessage};
pub use select::{
    ReadMultishot, ReadSelect, RecvBundle, RecvBundleMultishot, RecvMultishot, RecvSelect,
};
pub use send::{Send, SendTo, SendZc, Sent};
pub use send_bundle::{Bundled, SendBundle};
pub use socket::{Bind, Connect, Listen, Shutdown, Socket, SocketType};
pub use sockopt::{
    BytesToReceive, BytesToSend, GetSockName, GetSockOpt, SetSockOpt, SockOpt, SockOptValue,
};
pub use space::{Fallocate, Ftruncate};
pub use statx::{Status, Statx};
pub use sync::{Fsync, SyncFileRange};
pub use timeout::{Elapsed, Timeout, TimeoutMultishot, TimeoutRemove, TimeoutUpdate};
pub use vectored::{Buffers, ReadVectored, WriteVectored};
pub use vectored_fixed::{ReadVectoredFixed, WriteVectoredFixed};
pub use waitid::{ChildStatus, How, NoPidfd, WaitId};
pub use xattr::{FGetXattr, FSetXattr, GetXattr, SetXattr};

use super::RingId;
use super::raw::cqueue;
pub use super::raw::squeue::{Entry, Entry128};

/// A completion, as the kernel posted it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(8))]
pub struct Cqe {
    /// What the operation answered: a count, a descriptor, or a negative errno.
    pub result: i32,
    /// `IORING_CQE_F_*`; the functions of [`cqueue`] read them.
    pub flags: u32,
    /// The second half, in rings whose completions have 32 bytes. In others it means nothing, but for `extra[1]`
    /// if the flags have `IORING_CQE_F_NOTIF`: then that is the result of the notification.
    pub extra: [u64; 2],
}

impl Cqe {
    #[inline]
    pub(super) fn of<C: cqueue::EntryMarker>(completion: &C) -> Self {
        let (result, flags, extra) = completion.fields();
        Self {
            result,
            flags,
            extra,
        }
    }

    /// Writes a completion into `kept`, which has had none but of rings of the same type.
    #[inline]
    pub(super) fn keep<C: cqueue::EntryMarker>(kept: &Cell<Self>, completion: &C) {
        if C::BUILD_FLAGS != 0 {
            return kept.set(Self::of(completion));
        }
        // The second half means nothing in such a ring.
        // SAFETY: a cell may be written through its pointer by the thread that has it; the first eight bytes are
        // result and flags, as in a completion.
        unsafe { kept.as_ptr().cast::<u64>().write(completion.word()) };
    }

    /// This completion, followed by the notification that ends the operation.
    pub(super) fn notified(self, notification: Self) -> Self {
        Self {
            flags: self.flags & !uring_sys::IORING_CQE_F_MORE | notification.flags,
            extra: [self.extra[0], u64::from(notification.result as u32)],
            ..self
        }
    }

    /// Flags, where they are in the word that a completion begins with, result and flags.
    pub(super) const fn word_of_flags(flags: u32) -> u64 {
        if cfg!(target_endian = "little") {
            (flags as u64) << 32
        } else {
            flags as u64
        }
    }

    /// Whether this is not the final completion of its operation.
    #[inline]
    pub fn more(&self) -> bool {
        cqueue::more(self.flags)
    }
}

/// An operation that gives one result.
///
/// [`Ring::push`](super::Ring::push) moves the value to an address where it stays, calls
/// [`prepare`](Self::prepare) there, and hands the entry to the kernel. With the final completion it is moved
/// out again by [`complete`](Self::complete). Others may implement it, for what has no type here.
///
/// # Safety
///
/// The entry that `prepare` leaves is sound to push: all memory that it names lies in the value, or is kept by
/// it where it is however the value moves, for as long as the kernel may use it: until the final completion.
/// That memory may be written by the kernel, if the operation does that, although there is a value of the type.
/// If `prepare` sets flags of the entry, they make neither the completion vanish nor several come.
pub unsafe trait Operation: Sized {
    /// The opcode, for error messages.
    const OPCODE: u8;

    /// Whether the entry has 128 bytes. Then the type is a [`LargeOperation`], and what pushes others does not
    /// compile for it.
    const LARGE: bool = false;

    /// What comes back when the operation is over.
    type Output;

    /// Whether [`note`](Self::note) is to be called.
    const NOTES: bool = false;

    /// Sees a completion that names a provided buffer when the ring takes it from the kernel: in the order in which
    /// the kernel posted the completions of all operations, which tickets and streams may change. What it changes
    /// in the completion, `complete` sees. It must not panic, nor run code that is not its own.
    ///
    /// # Safety
    ///
    /// `this` points to a value for which `prepare` was called and which lies where it did then, `cqe` is a
    /// completion of it, and each completion is given once. The kernel may be using the value's memory.
    unsafe fn note(_this: *mut Self, _cqe: &mut Cqe) {}

    /// Whether the operation can go to this ring. Fixed files and buffers are of one; an operation that has none
    /// need not say anything.
    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        let _ = ring;
        true
    }

    /// Assigns the entry, all of it: what was there before is another's. The user data is not the operation's: it
    /// is overwritten.
    fn prepare(&mut self, entry: &mut Entry);

    /// Turns the operation and its completion into the result.
    ///
    /// # Safety
    ///
    /// `cqe` is the final completion of this very value. If another one came before, as it does for zero-copy
    /// sends, then the result is from
    /// that, the flags are of both, and `extra[1]` has the result of the final one.
    unsafe fn complete(self, cqe: Cqe) -> Self::Output;
}

/// An operation whose entry has 128 bytes: [`Ring::push_large`](super::Ring::push_large) takes it.
///
/// # Safety
///
/// As for [`Operation`], of the entry that `prepare_large` leaves. [`Operation::LARGE`] holds.
pub unsafe trait LargeOperation: Operation {
    /// As [`Operation::prepare`], which is not called.
    fn prepare_large(&mut self, entry: &mut Entry128);
}

/// Keeps operations out whose entries would lack their second half.
#[inline(always)]
pub(super) fn assert_small<O: Operation>() {
    const { assert!(!O::LARGE, "only `push_large` takes this operation") };
}

/// An operation that gives many results, until it ends.
///
/// # Safety
///
/// As for [`Operation`], except that several completions come. The memory that the entry names is the
/// kernel's until the final one.
pub unsafe trait Multishot: Sized {
    /// The opcode, for error messages.
    const OPCODE: u8;

    /// What each completion gives.
    type Item;

    /// What comes back at the end.
    type Rest;

    /// Whether [`note`](Self::note) is to be called.
    const NOTES: bool = false;

    /// Sees a completion that names a provided buffer when the ring takes it from the kernel: in the order in which
    /// the kernel posted the completions of all operations, which tickets and streams may change. What it changes
    /// in the completion, `item` sees. It must not panic, nor run code that is not its own.
    ///
    /// # Safety
    ///
    /// `this` points to a value for which `prepare` was called and which lies where it did then, `cqe` is a
    /// completion of it, and each completion is given once. The kernel may be using the value's memory.
    unsafe fn note(_this: *mut Self, _cqe: &mut Cqe) {}

    /// As [`Operation::fits`].
    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        let _ = ring;
        true
    }

    /// Assigns the entry, all of it: what was there before is another's. The user data is not the operation's: it
    /// is overwritten.
    fn prepare(&mut self, entry: &mut Entry);

    /// Turns a completion into an item. The operation goes on, or this was the final one.
    ///
    /// # Safety
    ///
    /// `this` points to a value for which `prepare` was called and which lies where it did then, `cqe` is a
    /// completion of it, and each completion is given once. The kernel may be using the value's memory.
    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item;

    /// Gives back what the operation owned. It is over.
    fn rest(self) -> Self::Rest;
}
