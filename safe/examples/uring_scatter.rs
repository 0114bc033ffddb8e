//! Reads several parts of a file at once, each into its own piece of the stack or of one vector.
//!
//! Inside of a scope, operations borrow files and buffers: nothing is moved, and nothing is allocated for it.

#![forbid(unsafe_code)]

use std::env;
use std::fs::{self, File};
use std::io;

use safe::uring::{Ring, op};

fn main() -> io::Result<()> {
    let path = env::args_os()
        .nth(1)
        .map_or_else(env::current_exe, |path| Ok(path.into()))?;
    let file = File::open(&path)?;
    let len = file.metadata()?.len() as usize;
    let mut ring = Ring::new(64)?;

    let mut head = [0; 16];
    let mut tail = [0; 16];
    let mut whole = vec![0; len];
    let part = len.div_ceil(32).max(1);
    ring.scope(|scope| {
        let head = scope.push(op::Read::new(&file, &mut head[..]).at(0))?;
        let end = (len as u64).saturating_sub(16);
        let tail = scope.push(op::Read::new(&file, &mut tail[..]).at(end))?;
        let mut parts = Vec::new();
        for (number, part_of) in whole.chunks_mut(part).enumerate() {
            let offset = (number * part) as u64;
            parts.push(scope.push(op::Read::new(&file, part_of).at(offset))?);
        }
        // All are submitted together, with the first wait.
        for part in parts {
            let part = scope.wait(part)?;
            assert_eq!(part.result?, part.buf.len(), "a whole part");
        }
        scope.wait(head)?.result?;
        scope.wait(tail)?.result?;
        Ok::<(), io::Error>(())
    })?;

    let expected = fs::read(&path)?;
    assert!(whole == expected, "what was scattered is the file");
    if len >= 16 {
        assert_eq!(head, expected[..16]);
        assert_eq!(tail, expected[len - 16..]);
    }
    println!("{len} bytes in {} parts", len.div_ceil(part));
    Ok(())
}
