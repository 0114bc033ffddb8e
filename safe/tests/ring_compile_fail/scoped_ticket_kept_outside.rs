//! A scope's ticket does not get into what lives outside either.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let mut kept = Vec::new();
    ring.scope(|scope| kept.push(scope.push(op::Nop::new()).unwrap()));
}
