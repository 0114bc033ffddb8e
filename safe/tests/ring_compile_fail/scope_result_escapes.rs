//! What a scope has borrowed is not used before the scope ends: by the result neither.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let done = {
        let mut buf = [0; 8];
        ring.scope(|scope| {
            let ticket = scope.push(op::Read::new(std::io::stdin(), &mut buf[..])).unwrap();
            scope.wait(ticket).unwrap()
        })
    };
    drop(done);
}
