//! Lists: several operations at once, and one notification for all.
//!
//! They are started one by one rather than with lio_listio(3), for that cannot be used safely:
//!
//! * glibc's `LIO_WAIT` leaves its waiting list, which is on the stack, linked into the requests when a
//!   signal interrupts it, and a worker then writes through it;
//! * a member that glibc cannot queue for want of memory looks like one that transferred nothing;
//! * musl stops at the first member that it refuses, whatever the mode, and says nothing of those before
//!   it, and its waiting thread reads the control blocks of members that are over long ago, and the
//!   caller's `sigevent`.
//!
//! So `LIO_WAIT` is starting and waiting, and for a notification a thread of ours waits, as musl's does.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread;

use super::block::{Block, InFlight};
use super::error::Error;
use super::notify::Notification;
use super::operation::{Listed, kind};
use super::request::{Completed, Request};

/// A member of a list that was submitted.
pub type Member<F, B> = Request<kind::Listed, F, B>;

/// A list that could not be submitted; nothing of it was started.
pub struct ListNotStarted<F, B> {
    /// Why.
    pub error: Error,
    /// The operations as they were.
    pub operations: Vec<Listed<F, B>>,
    /// The notification.
    pub notification: Notification,
}

impl<F, B> fmt::Debug for ListNotStarted<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListNotStarted")
            .field("error", &self.error)
            .field("operations", &self.operations)
            .field("notification", &self.notification)
            .finish()
    }
}

impl<F, B> fmt::Display for ListNotStarted<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list did not start: {}", self.error)
    }
}

impl<F, B> std::error::Error for ListNotStarted<F, B> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<F, B> From<ListNotStarted<F, B>> for io::Error {
    fn from(refused: ListNotStarted<F, B>) -> Self {
        refused.error.into()
    }
}

/// Starts every operation and comes back: `LIO_NOWAIT`.
///
/// Each becomes a request of its own. One that cannot be started does not hold up the others: it is over,
/// and its result says why; its own notification does not come. `notification` comes when all those that
/// were started are over, in addition to their own. It comes from a thread that lives as long as the list is
/// in flight; a list without a notification has no such thread.
///
/// An [`Fsync`](super::Fsync) can be a member, which lio_listio(3) has no opcode for. It covers what it would
/// cover alone, and so the writes of the same descriptor that stand before it in the list, except that
/// [lowered priorities](super::Priority) let it overtake them on glibc. It succeeds although one of these
/// writes failed: each member tells of itself.
///
/// Operations that borrow are for [`Scope::submit_list`](super::Scope::submit_list).
///
/// # Errors
///
/// The thread for the notification could not be had (`EAGAIN`). Nothing was started.
pub fn submit_list<F: AsFd + 'static, B: 'static>(
    operations: impl IntoIterator<Item = Listed<F, B>>,
    notification: Notification,
) -> Result<Vec<Member<F, B>>, ListNotStarted<F, B>> {
    submit(operations, notification, Request::of)
}

/// [`submit_list`] for any kind of member, which `adopt` makes of its block and which holds it until it is over.
pub(super) fn submit<F: AsFd, B, M>(
    operations: impl IntoIterator<Item = Listed<F, B>>,
    notification: Notification,
    adopt: impl Fn(Arc<Block<F, B>>) -> M,
) -> Result<Vec<M>, ListNotStarted<F, B>> {
    let operations = operations.into_iter();
    let start = |operation: Listed<F, B>| Block::start_or_refuse(operation.setup);
    if notification.is_none() {
        return Ok(operations.map(start).map(adopt).collect());
    }
    let (send, receive) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("posix-aio-list".to_owned())
        .spawn(move || {
            // Without a message the submitter panicked, and there is nobody to notify.
            if let Ok((blocks, notification)) = receive.recv() {
                await_all(blocks);
                Notification::deliver(notification);
            }
        });
    if let Err(error) = thread {
        return Err(ListNotStarted {
            error: Error::Os(error.raw_os_error().unwrap_or(libc::EAGAIN)),
            operations: operations.collect(),
            notification,
        });
    }
    let mut blocks = Vec::new();
    let members = operations
        .map(|operation| {
            let block = start(operation);
            let known: Arc<dyn InFlight + '_> = Arc::clone(&block) as _;
            // SAFETY: the thread that gets it only waits for the control and never calls `discard`.
            blocks.push(unsafe { known.forget_lifetime() });
            adopt(block)
        })
        .collect();
    // The thread does nothing but wait for this.
    let _ = send.send((blocks, notification));
    Ok(members)
}

/// Starts every operation and waits for all, whatever signals come: `LIO_WAIT`.
///
/// The results are in the order of the operations, each with its own error; 0 for an
/// [`Fsync`](super::Fsync) that succeeded. Operations that borrow are for
/// [`Scope::run_list`](super::Scope::run_list).
pub fn run_list<F: AsFd + 'static, B: 'static>(
    operations: impl IntoIterator<Item = Listed<F, B>>,
) -> Vec<Completed<usize, F, B>> {
    let start = |operation: Listed<F, B>| Request::of(Block::start_or_refuse(operation.setup));
    let members: Vec<Member<F, B>> = operations.into_iter().map(start).collect();
    members.into_iter().map(Request::wait).collect()
}

/// Waits for all; lets go of each block when it is over.
fn await_all(blocks: Vec<Arc<dyn InFlight>>) {
    for block in blocks {
        block.control().wait();
    }
}
