//! Only polls can be cancelled.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    let ticket = context.push(op::Read::new(std::io::stdin(), vec![0; 1])).unwrap();
    let _ = context.cancel(ticket.token());
}
