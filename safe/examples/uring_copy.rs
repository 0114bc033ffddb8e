//! Copies a file. Each block is read and written by a chain of two operations, eight chains at a time: the kernel
//! begins a write by itself as soon as its read has succeeded.
//!
//! `cargo run --example uring_copy -- FROM TO`

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::env;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::rc::Rc;

use safe::buf::relay;
use safe::uring::{Ring, op};

const BLOCK: u64 = 64 * 1024;
const CHAINS: usize = 8;

/// Copies a file and answers the number of bytes.
fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let source = Rc::new(File::open(from)?);
    let target = Rc::new(File::create(to)?);
    let len = source.metadata()?.len();
    let mut ring = Ring::new(2 * CHAINS as u32)?;
    let mut free: Vec<_> = (0..CHAINS).map(|_| relay(BLOCK as usize)).collect();
    let mut flying = VecDeque::new();
    let mut copied = 0;
    let mut offset = 0;
    loop {
        while offset < len {
            let Some((filled, written)) = free.pop() else {
                break;
            };
            // A read that falls short breaks its chain: the last one asks for no more than there is.
            let bytes = BLOCK.min(len - offset);
            let read = op::Read::new(Rc::clone(&source), filled.limit(bytes as usize)).at(offset);
            let write =
                op::Write::new(Rc::clone(&target), written.limit(bytes as usize)).at(offset);
            flying.push_back(ring.push_chain(op::link(read, write))?);
            offset += bytes;
        }
        let Some(tickets) = flying.pop_front() else {
            return Ok(copied);
        };
        let (read, write) = ring.wait_chain(tickets)?.outputs;
        read.result?;
        copied += write.result? as u64;
        free.push((read.buf, write.buf));
    }
}

fn main() -> io::Result<()> {
    let mut args = env::args_os().skip(1);
    if let (Some(from), Some(to)) = (args.next(), args.next()) {
        println!("{} bytes", copy(from.as_ref(), to.as_ref())?);
        return Ok(());
    }
    // Without arguments: this program itself, and checks the copy.
    let from = env::current_exe()?;
    let directory = tempfile::tempdir()?;
    let to = directory.path().join("copy");
    let bytes = copy(&from, &to)?;
    assert_eq!(bytes, fs::metadata(&from)?.len());
    assert!(fs::read(&from)? == fs::read(&to)?, "the copy is the same");
    println!("{bytes} bytes, the copy is the same");
    Ok(())
}
