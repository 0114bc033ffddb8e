//! io_uring.
//!
//! [`Ring`] is the ring without `unsafe`; [`raw`] is the one for those who write runtimes.

mod event;
mod handle;
pub mod op;
pub mod raw;
mod rejected;
mod ring;
mod scope;
mod setup;
mod stored;
mod stream;
mod ticket;

pub use event::Event;
pub use handle::Handle;
pub use rejected::{Reason, Rejected};
pub use ring::Ring;
pub use scope::{Scope, ScopedTicket};
pub use setup::{Setup, SetupBuilder};
pub use stream::Stream;
pub use ticket::{Ticket, Token, WaitError};
