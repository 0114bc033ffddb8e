//! A ring stays on its thread.
use safe::uring::Ring;

fn main() {
    let ring = Ring::new(1).unwrap();
    std::thread::spawn(move || drop(ring));
}
