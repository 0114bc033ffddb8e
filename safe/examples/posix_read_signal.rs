//! Reads the beginning of a file with POSIX AIO; a signal tells when it is there.
//!
//! `cargo run --example posix_read_signal -- FILE`

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;

use safe::posix::{Notification, Read, RtSignal, SignalFd};

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or("Cargo.toml".to_owned());
    let file = File::open(&path)?;

    // Before any other thread starts, so that no thread has the signal unblocked. The descriptor is one for
    // epoll, too.
    let signal = RtSignal::new(0).ok_or(io::ErrorKind::Unsupported)?;
    let signals = SignalFd::new(&[signal])?;

    let request = Read::new(file, Vec::with_capacity(4096))
        .notify(Notification::signal(signal, 42))
        .submit()?;

    let received = signals.receive()?;
    println!(
        "signal {} with value {}",
        received.signal.as_raw(),
        received.value
    );

    let done = request.wait();
    println!("{path}: {} bytes", done.result?);
    print!("{}", String::from_utf8_lossy(&done.buf));
    Ok(())
}
