//! A ring is not looked at from other threads.
use safe::uring::Ring;

fn main() {
    let ring = Ring::new(1).unwrap();
    std::thread::scope(|threads| drop(threads.spawn(|| ring.len())));
}
