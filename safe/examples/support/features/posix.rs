//! POSIX AIO.

use std::io;

use safe::posix::{Cancel, Fsync, Read};

use super::{Answer, Feature, MAGIC, goes_on, program, slow_pipe};
use crate::calls::counted;
use crate::cold::cold;

const SIZE: usize = 8 << 20;

pub(super) fn has(feature: Feature) -> Answer {
    let tried = match feature {
        Feature::Files => files(),
        Feature::ColdFiles => goes_on(cold_files),
        Feature::Pipes => pipes(),
        Feature::Fsync => goes_on(fsync),
        Feature::Cancel => cancel(),
        _ => return None,
    };
    Some(tried)
}

fn files() -> io::Result<bool> {
    let read = Read::new(program()?, Vec::with_capacity(4))
        .at(0)
        .submit()?;
    let done = read.wait();
    Ok(done.result? == 4 && done.buf == MAGIC)
}

fn cold_files() -> io::Result<bool> {
    let read = Read::new(cold(SIZE)?, Vec::with_capacity(SIZE))
        .at(0)
        .submit()?;
    let goes_on = !read.is_over();
    assert_eq!(read.wait().result?, SIZE);
    Ok(goes_on)
}

fn pipes() -> io::Result<bool> {
    let (reader, writer) = slow_pipe()?;
    let read = Read::new(reader, Vec::with_capacity(1)).submit()?;
    let goes_on = !read.is_over();
    assert_eq!(read.wait().result?, 1);
    writer.join().expect("no panic")?;
    Ok(goes_on)
}

fn fsync() -> io::Result<bool> {
    let sync = Fsync::new(cold(SIZE)?).submit()?;
    let goes_on = !sync.is_over();
    sync.wait().result?;
    Ok(goes_on)
}

fn cancel() -> io::Result<bool> {
    let (reader, writer) = slow_pipe()?;
    let read = Read::new(reader, Vec::with_capacity(1)).submit()?;
    // By now a worker has begun with it, or soon will have.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let cancelled = read.cancel();
    let done = read.wait();
    writer.join().expect("no panic")?;
    Ok(cancelled == Cancel::Canceled && done.result.is_err())
}

/// To be counted: the look at a result that is there.
pub(super) fn take_result() -> io::Result<()> {
    let read = Read::new(program()?, Vec::with_capacity(4))
        .at(0)
        .submit()?;
    while !read.is_over() {
        std::thread::yield_now();
    }
    assert!(counted(|| read.is_over()));
    Ok(())
}
