//! What each interface can do, row by row. Each `yes` and each `no` was tried on this kernel; where there is nothing, the
//! interface has no such operation.
//!
//! `cargo run --example claim_features`

#![forbid(unsafe_code)]

#[path = "support/calls.rs"]
mod calls;
#[path = "support/cold.rs"]
mod cold;
#[path = "support/features/mod.rs"]
mod features;

use std::io;

use features::{Feature, Interface};

/// The rows.
const FEATURES: [(Feature, &str); 12] = [
    (Feature::Files, "reads regular files"),
    (Feature::ColdFiles, "buffered reads do not block the caller"),
    (
        Feature::Pipes,
        "a silent, blocking pipe does not block the caller",
    ),
    (Feature::Readiness, "tells when a socket is ready"),
    (Feature::Fsync, "fsync in the background"),
    (
        Feature::Accept,
        "more than reads and writes: accepts a connection",
    ),
    (Feature::Links, "operations that begin one after the other"),
    (Feature::Cancel, "stops a read that waits for data"),
    (Feature::Timeouts, "timeouts are operations too"),
    (
        Feature::Registered,
        "buffers that the kernel knows beforehand",
    ),
    (Feature::FreeResults, "takes results without a system call"),
    (Feature::FreeSubmission, "submits without a system call"),
];

fn main() -> io::Result<()> {
    // System calls are counted in processes of their own, which begin here too.
    let counts = features::count()?;
    let [posix, aio, uring, epoll] = ["POSIX AIO", "native AIO", "io_uring", "epoll"];
    println!("{:52}{posix:>12}{aio:>12}{uring:>12}{epoll:>12}", "");
    for (feature, name) in FEATURES {
        print!("{name:52}");
        for interface in Interface::ALL {
            let word = match features::has(interface, feature, &counts) {
                Some(Ok(true)) => "yes".to_owned(),
                Some(Ok(false)) => "no".to_owned(),
                Some(Err(error)) => {
                    return Err(io::Error::other(format!("{interface:?}: {name}: {error}")));
                }
                None => "-".to_owned(),
            };
            print!("{word:>12}");
        }
        println!();
    }
    Ok(())
}
