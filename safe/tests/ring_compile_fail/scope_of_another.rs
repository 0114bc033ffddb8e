//! A ticket of one scope is no ticket of another.
use safe::uring::{Ring, op};

fn main() {
    let (mut one, mut two) = (Ring::new(1).unwrap(), Ring::new(1).unwrap());
    one.scope(|outer| {
        let ticket = outer.push(op::Nop::new()).unwrap();
        two.scope(|inner| drop(inner.wait(ticket)));
    });
}
