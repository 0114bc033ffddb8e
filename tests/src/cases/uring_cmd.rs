//! Commands that io_uring hands to the driver of a file: the area `uring/cmd`, a file per driver. All of it goes through
//! the crate's raw layer.

mod block;
mod multishot;
mod nvme;
mod nvme_disk;
mod nvme_rings;
mod timestamp;

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    block::CASES,
    multishot::CASES,
    nvme::CASES,
    nvme_rings::CASES,
    timestamp::CASES,
];
