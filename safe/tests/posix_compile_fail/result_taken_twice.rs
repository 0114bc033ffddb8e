//! A result comes once.
use safe::posix::Read;

fn main() {
    let request = Read::new(std::io::stdin(), vec![0; 1]).submit().unwrap();
    let _first = request.wait();
    let _second = request.wait();
}
