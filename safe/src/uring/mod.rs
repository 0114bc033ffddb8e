//! io_uring.
//!
//! [`Ring`] is the ring without `unsafe`, described on this page; [`raw`] is the one for those who write
//! runtimes.
//!
//! # The invariant
//!
//! Memory that an operation uses belongs to the ring from the moment the operation is pushed until its **final**
//! completion has been reaped: the one without `IORING_CQE_F_MORE`, which for a zero-copy send is the
//! notification. Neither a cancellation's completion ends that, nor closing the ring's descriptor: the kernel
//! goes on writing into buffers of rings that were closed.
//!
//! So everything that the kernel may touch moves into the ring with the operation: buffers, paths, addresses,
//! timespecs, message headers, and the file itself, so that its number cannot come to mean another file. All
//! of it comes back with the result.
//!
//! # Three ways in
//!
//! | way | what the operation owns | the result comes |
//! |---|---|---|
//! | [`Ring::push`] | anything `'static` | to the [`Ticket`], by [`Ring::wait`] |
//! | [`Ring::scope`] | what it likes, borrowed from outside the scope | to the [`ScopedTicket`], by [`Scope::wait`] |
//! | [`Ring::push_tagged`] | anything `'static` | as the next [`Event`], with the tag |
//!
//! Operations that give many results ([`op::Multishot`]) come as a [`Stream`], or as events. All of them share one
//! table, of a capacity that is chosen when the ring is made; pushing and taking allocate nothing. What does not
//! fit comes back as [`Rejected`].
//!
//! # Memory that is shared with the kernel
//!
//! Buffers can be [registered](Ring::register_buffers) once and lent piece by piece; the kernel can
//! [pick](BufGroup) one when there is data, or be given [many to send](SendQueue); a network device can write into memory
//! of the [program's](RecvQueue). Whoever has a piece of it keeps the whole, also when the ring is gone; a
//! [`Chunk`] keeps even the kernel's part of the ring, which when it ends takes back what it has lent.
//!
//! # Chains, and time
//!
//! [`op::link`] and [`op::hard_link`] make values of operations that begin one after the other, [`op::with_timeout`]
//! cancels one that takes too long, [`op::drain`] waits for all before: [`Ring::push_chain`] shows the kernel all of
//! such a chain at once, [`Ring::wait_chain`] tells who failed and who was cancelled. [`Ring::wait_timeout`],
//! [`Ring::wait_any`] and [`Ring::wait_for`] wait for some time, for the first of many, or for a number of them.
//! [`Ring::mailbox`] is for messages and [files](op::PassFile) from other rings and threads; a ring is [`AsFd`](std::os::fd::AsFd), for use in
//! other loops.
//!
//! # What happens when ...
//!
//! | | |
//! |---|---|
//! | a ticket is dropped | the operation is cancelled, and goes on to belong to the ring until it is over; its result is dropped: a descriptor is closed, a lent buffer goes home. [`Ticket::detach`] lets it go on instead |
//! | a ticket is forgotten | as before, without cancelling; its place in the ring stays taken |
//! | a scope ends, or panics | what is still in flight is cancelled and waited for. What a scope borrowed cannot be leaked: if it cannot be waited for, the process is aborted; also if dropping a result panics meanwhile |
//! | the ring is dropped | everything is submitted, cancelled (again and again, if need be) and waited for, which takes as long as the slowest operation that cannot be cancelled: data of a zero-copy send that lies in the socket, until the peer has taken it. If the kernel cannot be asked, everything is leaked. Nothing is ever freed while it may be in use |
//! | the ring is forgotten | everything in it is leaked, and the kernel goes on |
//! | code of yours panics, in a `Drop` for instance | the ring stays usable. A panic while an operation is being pushed leaks it, and its place; one while the ring is being dropped leaks the ring |
//! | the process forks | the child gets [`RingError::Forked`](crate::error::RingError::Forked), and can drop the ring without harm; the operations are its parent's. Results that were there before the fork are in both. A scope that the child leaves waits for nothing, and leaks its copy of what was pushed there |
//! | an operation is cancelled | it ends as ever, with its own result: `ECANCELED`, or what it had done. The cancellation's own completion frees nothing |
//! | a completion queue overflows | nothing is lost: the kernel keeps what does not fit. It does not happen but to operations with many results, since the queue is larger than the table |
//!
//! # Threads
//!
//! A ring stays on the thread that made it, and so do its tickets: that lets the kernel leave out all locking
//! (`IORING_SETUP_SINGLE_ISSUER`), and the table too. Several threads have a ring each. Other event loops wait for
//! the ring's descriptor, which is readable when completions are there.
//!
//! ```compile_fail,E0277
//! let ring = safe::uring::Ring::new(1)?;
//! std::thread::spawn(move || drop(ring));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! ```compile_fail,E0277
//! let ring = safe::uring::Ring::new(1)?;
//! std::thread::scope(|threads| drop(threads.spawn(|| ring.len())));
//! # Ok::<(), std::io::Error>(())
//! ```

mod addr;
mod buf_group;
mod chain;
mod drains;
mod event;
mod fixed;
mod handle;
mod large;
mod message;
pub mod op;
mod quiesce;
pub mod raw;
mod recv_queue;
mod rejected;
mod ring;
mod scope;
mod send_queue;
mod setup;
mod signals;
mod stored;
mod stream;
mod ticket;
mod wait;
mod wait_chain;

pub use addr::{Addr, Family};
pub use buf_group::{BufGroup, BufGroupBuilder, Bundle, Lent};
pub use chain::Chain;
pub use event::Event;
pub use fixed::{
    Files, FixedBuf, FixedBuffers, FixedFd, FixedSlice, LeaseError, Registered, RingId,
};
pub use handle::{Cwd, Directory, Handle};
pub use message::Mailbox;
pub use recv_queue::{Chunk, RecvQueue, RecvQueueBuilder};
pub use rejected::{Reason, Rejected};
pub use ring::Ring;
pub use scope::{Scope, ScopedTicket};
pub use send_queue::SendQueue;
pub use setup::{Setup, SetupBuilder};
pub use signals::SignalSet;
pub use stream::Stream;
pub use ticket::{Ticket, Token, Tried, WaitError};
pub use wait::{Pending, Wait};
pub use wait_chain::{Fates, Outcome, Tickets};
