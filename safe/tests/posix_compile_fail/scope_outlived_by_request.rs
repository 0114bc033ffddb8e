//! A scope's request does not leave it.
use safe::posix::{self, Read};

fn main() {
    let mut buf = [0; 1];
    let _request = posix::scope(|scope| scope.submit(Read::new(std::io::stdin(), &mut buf[..])).unwrap());
}
