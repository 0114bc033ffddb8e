//! A result is taken once.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let ticket = ring.push(op::Nop::new()).unwrap();
    ring.wait(ticket).unwrap().unwrap();
    ring.wait(ticket).unwrap().unwrap();
}
