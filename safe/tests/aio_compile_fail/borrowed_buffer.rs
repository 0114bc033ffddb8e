//! Outside of a scope an operation owns its buffer.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    let mut buffer = [0; 4];
    let ticket = context.push(op::Read::new(std::io::stdin(), &mut buffer[..]));
    drop(ticket);
}
