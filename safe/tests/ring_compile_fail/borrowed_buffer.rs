//! Outside of a scope nothing is borrowed.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let mut buf = [0; 8];
    let _ticket = ring.push(op::Read::new(std::io::stdin(), &mut buf[..])).unwrap();
}
