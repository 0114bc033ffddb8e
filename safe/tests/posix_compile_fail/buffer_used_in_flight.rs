//! The buffer is the operation's while it is in flight.
use safe::posix::Read;

fn main() {
    let buf = vec![0; 1];
    let _request = Read::new(std::io::stdin(), buf).submit().unwrap();
    println!("{buf:?}");
}
