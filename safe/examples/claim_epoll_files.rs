//! Claim: epoll says that regular files are ready. (It refuses them. poll(2), and the polls of native AIO and io_uring
//! say that they are ready always, which is not true.)

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "support/cold.rs"]
mod cold;

use std::fs::File;
use std::io;

use claim::report;
use cold::cold;
use rustix::event::{PollFd, PollFlags, epoll};
use safe::aio::{self, Context, RwFlags, op};
use safe::uring;

/// So much that some of it is on the disk alone.
const SIZE: usize = 8 << 20;

fn main() -> io::Result<()> {
    let file = cold(SIZE)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let event = epoll::EventData::new_u64(0);
    let added = epoll::add(&epoll, &file, event, epoll::EventFlags::IN);
    report(
        "epoll says that regular files are ready",
        added.is_ok(),
        format_args!("epoll_ctl: {added:?}"),
    );

    let asked = PollFlags::IN | PollFlags::OUT;
    let mut polled = [PollFd::new(&file, asked)];
    rustix::event::poll(&mut polled, Some(&rustix::event::Timespec::default()))?;
    let ready = polled[0].revents();
    report("poll(2) says so", ready == asked, format_args!("{ready:?}"));

    let mut context = Context::new(1)?;
    let ticket = context.push(op::Poll::new(file.try_clone()?, aio::PollFlags::IN))?;
    let ready = context.wait(ticket)?.result;
    report(
        "the poll of native AIO says so",
        ready == Ok(aio::PollFlags::IN),
        format_args!("{ready:?}"),
    );

    let mut ring = uring::Ring::new(1)?;
    let poll = uring::op::Poll::new(file.try_clone()?, uring::raw::types::PollFlags::IN);
    let ticket = ring.push(poll)?;
    let ready = ring.wait(ticket)?.result;
    report(
        "the poll of io_uring says so",
        ready.is_ok(),
        format_args!("{ready:?}"),
    );

    let ready_but = read_without_waiting(file)?;
    report(
        "but a read of a ready file may have to wait for the disk",
        ready_but
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock),
        format_args!(
            "RWF_NOWAIT, without what was in memory: {:?}",
            ready_but.map_err(|error| error.to_string())
        ),
    );
    Ok(())
}

/// Reads with `RWF_NOWAIT`.
fn read_without_waiting(file: File) -> io::Result<io::Result<usize>> {
    let mut context = Context::new(1)?;
    let read = op::Read::new(file, Vec::with_capacity(SIZE)).flags(RwFlags::NOWAIT);
    let ticket = context.push(read)?;
    Ok(context.wait(ticket)?.result.map_err(Into::into))
}
