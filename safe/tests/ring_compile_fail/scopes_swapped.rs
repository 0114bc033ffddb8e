//! Two scopes are never exchanged: each ends what was pushed in it.
use safe::uring::Ring;

fn main() {
    let (mut one, mut two) = (Ring::new(1).unwrap(), Ring::new(1).unwrap());
    one.scope(|outer| two.scope(|inner| std::mem::swap(outer, inner)));
}
