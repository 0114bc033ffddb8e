//! A ring is its scope's.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    ring.scope(|scope| {
        ring.push(op::Nop::new()).unwrap();
        scope.submit().unwrap();
    });
}
