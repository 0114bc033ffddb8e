//! Nothing is read into bytes that others may look at.
use std::sync::Arc;

use safe::posix::Read;

fn main() {
    let _ = Read::new(std::io::stdin(), "text");
    let _ = Read::new(std::io::stdin(), Arc::<[u8]>::from([0]));
}
