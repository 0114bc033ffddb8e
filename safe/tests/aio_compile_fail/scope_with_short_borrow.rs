//! A scope's operations borrow what outlives the scope, not what its closure has.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    context.scope(|scope| {
        let mut buffer = [0; 4];
        let ticket = scope.push(op::Read::new(std::io::stdin(), &mut buffer[..])).unwrap();
        std::mem::forget(ticket);
    });
}
