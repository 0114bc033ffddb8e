//! There is one event at a time.
use safe::uring::Ring;

fn main() {
    let mut ring = Ring::new(2).unwrap();
    let first = ring.next_event().unwrap();
    let second = ring.next_event().unwrap();
    drop((first, second));
}
