//! POSIX AIO (`aio.h`) of glibc and musl, without `unsafe` and without its traps.
//!
//! An [`Operation`] ([`Read`], [`Write`], [`Fsync`]) takes a file and a buffer. [`submit`](Operation::submit)
//! makes a [`Request`] of it, and [`Request::wait`] gives the result with the file and the buffer.
//!
//! ```
//! #![forbid(unsafe_code)]
//! use std::fs::File;
//!
//! use safe::posix::Read;
//!
//! let file = File::open("/proc/self/exe")?;
//! // A read fills uninitialised capacity.
//! let request = Read::new(file, Vec::with_capacity(4)).at(0).submit()?;
//! // ...
//! let done = request.wait();
//! assert_eq!(done.result, Ok(4));
//! assert_eq!(done.buf, b"\x7fELF");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Buffers on the stack are for a [`scope`]; many operations for [`run_list`] and [`submit_list`], also in a
//! scope; waiting for
//! one of many is [`suspend`]; hearing of the end elsewhere is [`Notification`].
//!
//! # When to use it, and when not
//!
//! The C library does the work with ordinary blocking calls on threads of its own. So it works with every
//! file and every kernel, and gains nothing over a thread pool of one's own. Use it to keep a few operations
//! on regular files from blocking, in a program that is to run anywhere, or where the interface is given.
//! For speed, for many operations, for sockets and pipes use io_uring.
//!
//! What **glibc** does (2.36):
//!
//! * At most **20 worker threads** ([`init`] changes that, before the first operation). They end after
//!   a second without work.
//! * **One operation of a descriptor at a time.** The others of that descriptor stand in a queue, by
//!   priority and then in order. 50 reads of one file are no faster than one after the other; a duplicate
//!   of the descriptor (`File::try_clone`) has a queue of its own. An [`Fsync`] stands in it too, behind a read of
//!   a silent socket if need be.
//! * **Head-of-line blocking.** 20 reads of silent pipes or sockets occupy every worker, and a read of a
//!   file that is in memory waits behind them for ever. Nothing can take a worker away from an operation
//!   that it has begun, [`cancel`](Request::cancel) cannot either.
//! * **Cancelling from behind.** Only the last of a descriptor's queue is cancelled: glibc's aio_cancel(3) of one
//!   before can lose those behind it, which then never end. [`cancel_all`] cancels all that have not begun.
//!
//! What **musl** does (1.2): a new thread for every operation, without limit; reads run at the same time,
//! appending writes, writes of sockets and pipes, and fsyncs wait for earlier writes of the descriptor; priorities
//! and [`init`] do nothing. A read can be cancelled while it runs. Writes and fsyncs are never cancelled here:
//! aio_cancel(3) of one that waits for earlier writes would hang for ever.
//!
//! # The one invariant
//!
//! **From its start until it is over, everything that an operation uses belongs to it**: the control block, the
//! buffer, and the handle that keeps the descriptor open, in one block on the heap that stays where it is.
//! On glibc it is over when aio_error(3) says something other than `EINPROGRESS`: that call takes the lock under
//! which a worker lets go of a request. On musl aio_error(3) says so too early, while the worker still holds the
//! descriptor's number; there it is over when the worker makes its last call, the notification, which this module
//! always asks for and passes on.
//!
//! | | who owns it |
//! |---|---|
//! | [`Operation`], before the start | the caller: [`into_parts`](Operation::into_parts) gives it back |
//! | refused at the start | the caller again: [`NotStarted`] holds all of it, the closure too |
//! | in flight | the operation; [`Request`] or the scope is who will get it |
//! | the closure of a [`Notification::call`] | the library from the start on, until it has run |
//! | [`Completed`] | the caller |
//!
//! What happens to an operation in flight when
//!
//! * **the request is dropped**: it is cancelled. If it runs on all the same, dropping waits until it is
//!   over and then frees; with [`OnDrop::Leak`] it does not wait and leaks. Nothing is ever freed under it.
//! * **the request is forgotten**: the block is leaked; the operation runs into it undisturbed. In a scope
//!   what it owned is freed when the scope has waited for it, and only the empty block is leaked.
//! * **a panic** unwinds through the owner: the same as dropping. A scope waits for all before the panic goes
//!   on. A panic in a callback ends in the callback.
//! * **it is cancelled**: [`Cancel`] says what that did; the request stays, and its result is
//!   [`Error::Canceled`] or whatever it came to. The notification comes as ever.
//! * **the process forks**: the parent notices nothing. In the child the request is over with
//!   [`Error::Forked`], and gives file and buffer back; nothing waits and nothing hangs. With glibc the child
//!   can start nothing once its parent has, as glibc there waits for threads that stayed behind: it is
//!   refused with [`Error::Forked`]. With musl it can. (What other code than this module started before the
//!   fork is not known here.)
//! * **the descriptor is closed** by some other code, which takes `unsafe`: glibc goes on with whatever has the
//!   number then, musl cancels.
//! * **the process ends**: the library's threads end with it, wherever they are. Wait for writes.
//!
//! # What differs from the C functions
//!
//! | C | here |
//! |---|---|
//! | a second aio_read(3) of a block in flight corrupts the library's lists | submitting takes the operation |
//! | aio_return(3) answers 0 while the operation runs, and any number of times | the result comes once, with the buffer, when it is over |
//! | aio_suspend(3) aborts glibc or spins in musl if `tv_nsec` is bad, overflows the stack with many entries | [`suspend`] takes any duration and number |
//! | lio_listio(3) corrupts memory when a signal interrupts `LIO_WAIT` on glibc; tells too little of refused members; has no opcode for a sync | lists are started one by one and waited for; each member has its result; an [`Fsync`] can be one |
//! | aio_cancel(3) hangs for ever on musl if a write or sync waits for earlier writes | musl is asked to cancel reads alone |
//! | aio_cancel(3) on glibc loses what stands behind the operation, if no worker is free: it never runs | glibc is asked to cancel only what nothing stands behind, or all |
//! | musl takes a file that gets the number of one just closed for that one, and ignores offsets after a socket | the file is closed when musl has forgotten the number |
//! | a bad signal number overwrites the operation's result on glibc | [`RtSignal`] is a good one |
//! | `AIO_LISTIO_MAX`, `AIO_MAX` | no limit on either library |
//!
//! Sources: aio(7) and the pages that it names, aio_init(3), POSIX.1-2017; what is said of glibc and musl
//! was measured with 2.36 and 1.2.3.

mod block;
mod cancel;
mod control;
#[cfg(not(target_env = "gnu"))]
mod ending;
mod error;
mod known;
mod list;
mod notify;
mod operation;
mod process;
mod request;
mod scope;
mod signal;
mod suspend;

pub use cancel::{Cancel, cancel_all};
pub use error::Error;
pub use list::{ListNotStarted, Member, run_list, submit_list};
pub use notify::Notification;
pub use operation::{Fsync, Kind, Listed, NotStarted, Operation, Priority, Read, Write, kind};
pub use process::{Pool, init};
pub use request::{Completed, OnDrop, Request};
pub use scope::{Scope, ScopedMember, ScopedRequest, scope};
pub use signal::{Received, RtSignal, SignalFd};
pub use suspend::{Pending, Woken, suspend};
