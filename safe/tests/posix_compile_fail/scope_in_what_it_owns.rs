//! A scope's operations do not own its requests: what they own is dropped when the results are gone.
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use safe::posix::{self, Read, ScopedRequest, kind};

struct Keeps<'scope>(File, ScopedRequest<'scope, kind::Read, File, Vec<u8>>);

impl AsFd for Keeps<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn main() {
    let open = || File::open("/dev/zero").unwrap();
    posix::scope(|scope| {
        let kept = scope.submit(Read::new(open(), vec![0; 1])).unwrap();
        let keeps = Keeps(open(), kept);
        std::mem::forget(scope.submit(Read::new(keeps, vec![0; 1])).unwrap());
    });
}
