//! Native AIO: the area `aio`, a file per subject.

mod atomic;
mod cancel;
mod destroy;
mod eventfd;
mod fork;
mod getevents;
mod ioprio;
mod pgetevents;
mod poll;
mod read;
mod ring;
mod rwf;
mod setup;
mod socket;
mod submit;
mod sync;
mod vector;
mod write;

use std::io;

use crate::case::{Case, Stop};
use crate::context::Context;
use crate::support::names::Errno;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    setup::CASES,
    destroy::CASES,
    submit::CASES,
    read::CASES,
    write::CASES,
    vector::CASES,
    rwf::CASES,
    atomic::CASES,
    ioprio::CASES,
    sync::CASES,
    poll::CASES,
    cancel::CASES,
    getevents::CASES,
    pgetevents::CASES,
    eventfd::CASES,
    ring::CASES,
    socket::CASES,
    fork::CASES,
];

/// What a call returned, or why to stop: see [`Context::accepted_call`].
#[track_caller]
fn accepted<T>(cx: &Context, result: Result<T, Errno>) -> Result<T, Stop> {
    cx.accepted_call(result.map_err(io::Error::from))
}
