//! What a scope's operation borrows outlives the scope.
use safe::posix::{self, Read};

fn main() {
    posix::scope(|scope| {
        let mut buf = [0; 1];
        let _request = scope.submit(Read::new(std::io::stdin(), &mut buf[..])).unwrap();
    });
}
