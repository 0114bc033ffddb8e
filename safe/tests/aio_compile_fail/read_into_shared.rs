//! What is read into is nobody else's.
use safe::aio::op;

fn main() {
    let _ = op::Read::new(std::io::stdin(), "shared");
}
