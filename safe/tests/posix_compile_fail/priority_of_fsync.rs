//! An fsync has no priority and no offset.
use safe::posix::{Fsync, Priority};

fn main() {
    let _ = Fsync::new(std::io::stdin()).priority(Priority::LOWEST);
    let _ = Fsync::new(std::io::stdin()).at(1);
}
