//! An operation is submitted once.
use safe::posix::Read;

fn main() {
    let operation = Read::new(std::io::stdin(), vec![0; 1]);
    let _first = operation.submit();
    let _second = operation.submit();
}
