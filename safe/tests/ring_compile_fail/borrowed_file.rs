//! Outside of a scope no file is borrowed, with a tag neither.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let file = std::fs::File::open("/dev/zero").unwrap();
    ring.push_tagged(op::Read::new(&file, vec![0; 8]), 1).unwrap();
}
