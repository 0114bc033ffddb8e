//! A buffer is the ring's while its operation is in flight.
use safe::uring::{Ring, op};

fn main() {
    let mut ring = Ring::new(1).unwrap();
    let buf = vec![0; 8];
    let _ticket = ring.push(op::Read::new(std::io::stdin(), buf)).unwrap();
    println!("{}", buf.len());
}
