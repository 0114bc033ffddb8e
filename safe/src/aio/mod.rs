//! Native AIO (`linux/aio_abi.h`), reaped in user space.
//!
//! [`Context`] is native AIO without `unsafe`; [`raw`] is the one for those who write engines.
//!
//! ```
//! #![forbid(unsafe_code)]
//! use std::fs::File;
//! use std::sync::Arc;
//!
//! use safe::aio::{Context, op};
//!
//! let mut context = Context::new(8)?;
//! let file = Arc::new(File::open("/proc/self/exe")?);
//! // One io_submit(2) for both, and none of io_getevents(2).
//! let magic = context.push(op::Read::new(file.clone(), Vec::with_capacity(4)))?;
//! let class = context.push(op::Read::new(file, Vec::with_capacity(1)).at(4))?;
//! assert_eq!(context.wait(magic)?.buf, b"\x7fELF");
//! assert_eq!(context.wait(class)?.result?, 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Who owns what, and when
//!
//! An operation is a value that owns its file and its buffer. [`Context::push`] takes it, and from then on it belongs to
//! the context, until its result is taken: by [`Context::wait`] with its [`Ticket`], as an [`Event`] if it was
//! pushed with a tag, or by nobody. There is one result for each, and it brings file and buffer back.
//!
//! * **Queue.** What was pushed is queued until [`Context::submit`] or a wait shows it to the kernel, all of it at
//!   once. What the kernel refuses is over: its result is the errno, [`op::Error::is_refused`] holds, and the
//!   others go on. What it has no room for stays queued.
//! * **Dropping a ticket** takes a queued operation out of the queue and cancels a poll, with the next submission or
//!   wait. Reads, writes and fsyncs cannot be cancelled: they go on, and what they own is dropped when they are over.
//! * **Forgetting** a ticket or an event keeps its place occupied, and what it owns, as long as the context lives;
//!   forgetting the context leaks all it has. Nothing of that frees what the kernel uses.
//! * **A panic** drops, and does what dropping does.
//! * **Dropping the context** waits: io_destroy(2) cancels polls and comes back when everything else is over (since
//!   Linux 3.16). Then all is freed; tickets that are left are good for nothing but dropping. If the kernel does
//!   not know the context any more, because its ring was unmapped, all is leaked.
//! * **[`Context::scope`]** takes operations that borrow, and ends when the last of them is over. If they cannot
//!   be waited for, the process is aborted.
//! * **fork.** In a child each call fails with [`Forked`](raw::Forked), unless the result that it is about had been
//!   reaped before: of that the child has a copy. Dropping the context does nothing there, and leaks.
//!   execve(2) and the end of the process wait as dropping does.
//! * **Cancelling** works for polls alone, and the type of [`Context::cancel`] says so.
//!
//! No operation costs a heap allocation (but [`op::Readv`] and [`op::Writev`] of many buffers).
//!
//! # What blocks
//!
//! io_submit(2) carries out inside of itself what it cannot start: all reads and writes of files without `O_DIRECT`, those
//! of tmpfs, writes with `O_DIRECT` that extend a file on ext4 or go to Btrfs with checksums, and reads and
//! writes of sockets and pipes without `O_NONBLOCK`, until data comes. Their results are there when it returns.
//! Polls, fsyncs, and `O_DIRECT` otherwise go on in the background. [`raw::RwFlags::NOWAIT`] refuses to
//! block instead. The example `aio_blocking` shows a table of what blocks here.
//!
//! # Threads
//!
//! A context belongs to one thread: there is one reaper, as its ring needs. Threads have one each.

mod context;
mod event;
mod eventfd;
pub mod op;
pub mod raw;
mod rejected;
mod scope;
mod signals;
mod stored;
mod ticket;

pub use context::{Cancel, Context, ContextBuilder, Submitted};
pub use event::Event;
pub use eventfd::EventFd;
pub use raw::{IoPrio, PollFlags, RwFlags};
pub use rejected::{Reason, Rejected};
pub use scope::{Scope, ScopedTicket};
pub use signals::Signals;
pub use ticket::{Ticket, Token, Tried, WaitError};

/// Whether this rule is broken on purpose: only in a build that shows that the tests notice.
#[inline(always)]
fn is_broken(rule: &str) -> bool {
    cfg!(aio_broken) && std::env::var_os("AIO_BROKEN").is_some_and(|broken| broken == rule)
}
