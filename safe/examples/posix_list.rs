//! Writes four blocks with one list; one of them cannot be written, and the others are.
//!
//! `cargo run --example posix_list -- FILE`

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::Arc;

use safe::posix::{self, Fsync, Write};

fn main() -> io::Result<()> {
    let default = std::env::temp_dir().join("posix_list");
    let path = std::env::args_os().nth(1).map_or(default, Into::into);
    let file = Arc::new(File::create(&path)?);
    let read_only = Arc::new(File::open(&path)?);

    let blocks = (0..4_u8).map(|i| {
        let file = if i == 2 { &read_only } else { &file };
        let block = vec![b'a' + i; 512];
        Write::new(file.clone(), block)
            .at(u64::from(i) * 512)
            .into()
    });
    for (i, done) in posix::run_list(blocks).into_iter().enumerate() {
        match done.result {
            Ok(bytes) => println!("block {i}: {bytes} bytes"),
            // The block comes back, to be written elsewhere.
            Err(error) => println!(
                "block {i}: {error}; it begins with {:?}",
                done.buf[0] as char
            ),
        }
    }
    Fsync::data(file).submit()?.wait().result?;
    println!(
        "{}: {} bytes on the disk",
        path.display(),
        path.metadata()?.len()
    );
    Ok(())
}
