//! A borrowed buffer is the ring's until the scope ends.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let mut buf = [0; 8];
    ring.scope(|scope| {
        let ticket = scope.push(op::Read::new(std::io::stdin(), &mut buf[..])).unwrap();
        buf[0] = 1;
        drop(ticket);
    });
}
