//! POSIX AIO.

mod block;
mod cancel;
mod control;
mod error;
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
pub use operation::{Fsync, Kind, NotStarted, Operation, Priority, Read, Transfer, Write, kind};
pub use process::{Pool, init};
pub use request::{Completed, OnDrop, Request};
pub use scope::{Scope, ScopedRequest, scope};
pub use signal::{Received, RtSignal, SignalFd};
pub use suspend::{Pending, Woken, suspend};
