//! Outside of a scope nothing is borrowed: the request could be forgotten.
use safe::posix::Read;

fn main() {
    let mut buf = [0; 1];
    let request = Read::new(std::io::stdin(), &mut buf[..]).submit().unwrap();
    std::mem::forget(request);
    buf[0] = 1;
}
