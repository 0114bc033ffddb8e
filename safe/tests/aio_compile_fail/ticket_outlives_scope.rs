//! A ticket does not leave its scope.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    let file = std::io::stdin();
    let ticket = context.scope(|scope| scope.push(op::Fsync::new(&file)).unwrap());
    drop(ticket);
}
