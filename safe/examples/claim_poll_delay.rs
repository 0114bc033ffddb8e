//! Claim: a poll is submitted at once and waits for its socket; unlike a read, it waits where one wants it to.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "support/timed.rs"]
mod timed;

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use claim::report;
use safe::aio::{PollFlags, op};
use timed::timed;

const DELAY: Duration = Duration::from_secs(1);

fn main() -> io::Result<()> {
    let (ours, mut theirs) = UnixStream::pair()?;
    let writer = thread::spawn(move || {
        thread::sleep(DELAY);
        theirs.write_all(b"x").map(|()| theirs)
    });
    let (times, done) = timed(op::Poll::new(ours, PollFlags::IN))?;
    let ready = done.result?;
    let _open = writer.join().expect("no panic")?;
    report(
        "a poll is submitted at once, and the wait for its event lasts until the socket is ready",
        !times.blocks,
        format_args!("ready after {DELAY:?}: {times}"),
    );
    report(
        "the answer is what was asked for, as this library gives it (the kernel adds to it)",
        ready == PollFlags::IN,
        format_args!("{ready:?}"),
    );
    Ok(())
}
