//! A context, its tickets and events stay on one thread.
use safe::aio::{Context, Ticket, op};

fn sent<T: Send>() {}

fn main() {
    sent::<Context>();
    sent::<Ticket<op::Fsync<std::fs::File>>>();
}
