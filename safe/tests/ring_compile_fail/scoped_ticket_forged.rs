//! A ticket is no ticket of a scope: the scope would count it, and not wait for one of its own.
use safe::uring::{Chain, Ring, op};

fn main() {
    let mut ring = Ring::new(2).unwrap();
    let other = ring.push(op::Nop::new()).unwrap();
    let mut buf = [0; 8];
    ring.scope(|scope| {
        let read = op::Read::new(std::io::stdin(), &mut buf[..]);
        std::mem::forget(scope.push(read));
        let _ = scope.wait(<op::Nop as Chain>::scoped(other));
    });
}
