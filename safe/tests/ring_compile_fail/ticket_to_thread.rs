//! A ticket stays on its ring's thread.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let ticket = ring.push(op::Nop::new()).unwrap();
    std::thread::spawn(move || drop(ticket));
}
