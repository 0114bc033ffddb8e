//! Native AIO.

use std::io;
use std::os::unix::net::UnixStream;

use safe::aio::{Context, PollFlags, op};

use super::{Answer, Feature, MAGIC, goes_on, program, slow_pipe};
use crate::calls::counted;
use crate::cold::cold;

const SIZE: usize = 8 << 20;

pub(super) fn has(feature: Feature) -> Answer {
    let tried = match feature {
        Feature::Files => files(),
        Feature::ColdFiles => goes_on(cold_files),
        Feature::Pipes => pipes(),
        Feature::Readiness => readiness(),
        Feature::Fsync => goes_on(fsync),
        // Only polls can be cancelled, and the compiler says so.
        _ => return None,
    };
    Some(tried)
}

/// Does one operation; answers whether something was left to wait for after its submission, and what came of it.
fn run<O: op::Operation + 'static>(operation: O) -> io::Result<(bool, O::Output)> {
    let mut context = Context::new(1)?;
    let ticket = context.push(operation)?;
    assert_eq!(context.submit()?.accepted, 1);
    Ok(match context.try_wait(ticket)? {
        Ok(output) => (false, output),
        Err(ticket) => (true, context.wait(ticket)?),
    })
}

fn files() -> io::Result<bool> {
    let (_, done) = run(op::Read::new(program()?, Vec::with_capacity(4)))?;
    Ok(done.result? == 4 && done.buf == MAGIC)
}

fn cold_files() -> io::Result<bool> {
    let (goes_on, done) = run(op::Read::new(cold(SIZE)?, Vec::with_capacity(SIZE)))?;
    assert_eq!(done.result?, SIZE);
    Ok(goes_on)
}

fn pipes() -> io::Result<bool> {
    let (reader, writer) = slow_pipe()?;
    let (goes_on, done) = run(op::Read::new(reader, Vec::with_capacity(1)))?;
    assert_eq!(done.result?, 1);
    writer.join().expect("no panic")?;
    Ok(goes_on)
}

fn readiness() -> io::Result<bool> {
    let (ours, theirs) = UnixStream::pair()?;
    drop(theirs);
    let (_, done) = run(op::Poll::new(ours, PollFlags::IN))?;
    Ok(done.result?.contains(PollFlags::IN))
}

fn fsync() -> io::Result<bool> {
    let (goes_on, done) = run(op::Fsync::new(cold(SIZE)?))?;
    done.result?;
    Ok(goes_on)
}

/// To be counted: taking a result that is there.
pub(super) fn take_result() -> io::Result<()> {
    let mut context = Context::new(1)?;
    let ticket = context.push(op::Read::new(program()?, Vec::with_capacity(4)))?;
    assert_eq!(context.submit()?.accepted, 1);
    let done = counted(|| context.try_wait(ticket))?;
    assert!(done.is_ok_and(|done| done.buf == MAGIC));
    Ok(())
}
