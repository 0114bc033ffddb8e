//! What a scope's operation borrows stays borrowed until the scope ends.
use safe::posix::{self, Read};

fn main() {
    let mut buf = [0; 1];
    posix::scope(|scope| {
        let request = scope.submit(Read::new(std::io::stdin(), &mut buf[..])).unwrap();
        buf[0] = 1;
        let _ = request.wait();
    });
}
