//! What a scope borrows is not used before its end.
use safe::aio::{Context, op};

fn main() {
    let mut context = Context::new(1).unwrap();
    let mut buffer = [0; 4];
    context.scope(|scope| {
        let ticket = scope.push(op::Read::new(std::io::stdin(), &mut buffer[..])).unwrap();
        buffer[0] = 1;
        scope.wait(ticket).unwrap().result.unwrap();
    });
}
