//! What the closure makes ends before the scope does.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    ring.scope(|scope| {
        let mut buf = [0; 8];
        std::mem::forget(scope.push(op::Read::new(std::io::stdin(), &mut buf[..])).unwrap());
    });
}
