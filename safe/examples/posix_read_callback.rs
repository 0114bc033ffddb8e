//! Reads the beginning of a file with POSIX AIO; a closure runs when it is there.
//!
//! `cargo run --example posix_read_callback -- FILE`

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread;

use safe::posix::{Notification, Read};

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or("Cargo.toml".to_owned());
    let file = File::open(&path)?;

    let (tell, told) = mpsc::channel();
    let request = Read::new(file, Vec::with_capacity(4096))
        .notify(Notification::call(move || {
            // On a thread of the C library. The receiver may be gone by now.
            let _ = tell.send(thread::current().id());
        }))
        .submit()?;

    // If the library cannot make a thread for the closure this says so.
    let thread = told.recv().map_err(io::Error::other)?;
    println!("called on {thread:?}, this is {:?}", thread::current().id());

    let done = request.wait();
    println!("{path}: {} bytes", done.result?);
    print!("{}", String::from_utf8_lossy(&done.buf));
    Ok(())
}
