//! A descriptor may be of another crate's ring, which takes what it finds there for an address of its own.
use safe::uring::op;

fn main() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let _ = op::RingMessage::new(file, 1);
}
