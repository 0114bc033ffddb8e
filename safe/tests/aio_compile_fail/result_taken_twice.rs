//! A result comes once.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    let ticket = context.push(op::Fsync::new(std::io::stdin())).unwrap();
    let _first = context.wait(ticket);
    let _second = context.wait(ticket);
}
