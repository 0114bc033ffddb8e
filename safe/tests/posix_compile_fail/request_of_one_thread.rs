//! A request is as `Send` as what it owns.
use std::rc::Rc;

use safe::posix::Read;

fn main() {
    let file = Rc::new(std::fs::File::open("/").unwrap());
    let request = Read::new(file, vec![0; 1]).submit().unwrap();
    std::thread::spawn(move || request.wait());
}
