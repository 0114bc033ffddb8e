//! Claim: io_submit(2) of a read of 1 GiB from /dev/zero takes as long as the read, and nothing is left to wait for.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "support/timed.rs"]
mod timed;

use std::fs::File;
use std::io;

use claim::report;
use safe::aio::op;
use timed::timed;

const SIZE: usize = 1 << 30;

fn main() -> io::Result<()> {
    // Not zeros, so that what is read is seen; and touched, so that what takes time is the read.
    let buffer = vec![0xff; SIZE];
    let (times, done) = timed(op::Read::new(File::open("/dev/zero")?, buffer))?;
    assert_eq!(done.result?, SIZE);
    let mut pages = done.buf.chunks_exact(4096);
    assert!(pages.all(|page| page == [0; 4096]), "all of it was read");
    report(
        "the submission of a read of 1 GiB from /dev/zero blocks, and the wait after it does not",
        times.blocks,
        times,
    );
    Ok(())
}
