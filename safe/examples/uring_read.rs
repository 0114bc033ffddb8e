//! Claim: io_uring reads a file that is not in memory without blocking. The smallest program, too.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "support/cold.rs"]
mod cold;

use std::io;
use std::time::Instant;

use claim::report;
use cold::cold;
use safe::uring::{Ring, op};

const SIZE: usize = 32 << 20;

fn main() -> io::Result<()> {
    let mut ring = Ring::new(1)?;
    let ticket = ring.push(op::Read::new(cold(SIZE)?, vec![0; SIZE]).at(0))?;
    let begun = Instant::now();
    ring.submit()?;
    let submitted = begun.elapsed();
    let done = ring.wait(ticket)?;
    let waited = begun.elapsed() - submitted;

    assert_eq!(done.result?, SIZE);
    assert!(done.buf == vec![b'A'; SIZE], "what was written");
    report(
        "io_uring submits a buffered read of what is not in memory without waiting for it",
        submitted < waited,
        format_args!("32 MiB: submitted in {submitted:.1?}, waited {waited:.1?}"),
    );
    Ok(())
}
