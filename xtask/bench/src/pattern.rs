//! What files and messages contain, so that wrong data is noticed: each word tells where it is.

use anyhow::{Result, bail};

/// The word at this offset, which is a multiple of 8.
#[inline]
fn word(offset: u64, salt: u64) -> u64 {
    // An odd factor, so that no byte stays the same from word to word.
    (offset ^ salt << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// Fills `bytes`, which are at this offset.
pub(crate) fn fill(bytes: &mut [u8], offset: u64, salt: u64) {
    for (at, chunk) in (offset..).step_by(8).zip(bytes.chunks_mut(8)) {
        chunk.copy_from_slice(&word(at, salt).to_le_bytes()[..chunk.len()]);
    }
}

/// Changes the first and the last word so that they fit this offset and salt.
#[inline]
pub(crate) fn stamp(bytes: &mut [u8], offset: u64, salt: u64) {
    let last = bytes.len() - 8;
    bytes[..8].copy_from_slice(&word(offset, salt).to_le_bytes());
    bytes[last..].copy_from_slice(&word(offset + last as u64, salt).to_le_bytes());
}

/// Changes the first and the last word so that they fit nothing.
#[inline]
pub(crate) fn spoil(bytes: &mut [u8]) {
    let last = bytes.len() - 8;
    bytes[..8].fill(0);
    bytes[last..].fill(0);
}

/// Compares: all of it, or the first and the last word.
#[inline]
pub(crate) fn check(bytes: &[u8], offset: u64, salt: u64, thorough: bool) -> Result<()> {
    let last = bytes.len() - 8;
    let ends = bytes[..8] == word(offset, salt).to_le_bytes()
        && bytes[last..] == word(offset + last as u64, salt).to_le_bytes();
    if ends && (!thorough || all(bytes, offset, salt)) {
        Ok(())
    } else {
        wrong(offset)
    }
}

fn all(bytes: &[u8], offset: u64, salt: u64) -> bool {
    bytes
        .chunks_exact(8)
        .zip((offset..).step_by(8))
        .all(|(chunk, at)| chunk == word(at, salt).to_le_bytes())
}

/// Compares the first word of a block of 4096 bytes, or the last one.
pub(crate) fn check_end(block: &[u8], first: bool, offset: u64, salt: u64) -> Result<()> {
    let at = if first { 0 } else { block.len() - 8 };
    if block[at..][..8] == word(offset + at as u64, salt).to_le_bytes() {
        Ok(())
    } else {
        wrong(offset)
    }
}

/// Compares a message: all of it, or the first and the last word. Messages differ in these alone.
#[inline]
pub(crate) fn check_message(bytes: &[u8], number: u64, salt: u64, thorough: bool) -> Result<()> {
    let last = bytes.len() - 8;
    check(bytes, number, salt, false)?;
    if !thorough || all(&bytes[8..last], 8, 0) {
        Ok(())
    } else {
        wrong(number)
    }
}

/// Compares what came from a stream of messages of `size` bytes: all of it, or the first and the last byte.
#[inline]
pub(crate) fn check_stream(
    bytes: &[u8],
    offset: u64,
    size: u64,
    salt: u64,
    thorough: bool,
) -> Result<()> {
    let byte = |at: u64| {
        let (number, at) = (at / size, at % size);
        let (start, part) = (at & !7, (at & 7) as usize);
        let stamped = start == 0 || start == size - 8;
        let word = if stamped {
            word(number + start, salt)
        } else {
            word(start, 0)
        };
        word.to_le_bytes()[part]
    };
    let last = bytes.len() - 1;
    let ends = bytes[0] == byte(offset) && bytes[last] == byte(offset + last as u64);
    let same = |(found, at): (&u8, u64)| *found == byte(at);
    if ends && (!thorough || bytes.iter().zip(offset..).all(same)) {
        Ok(())
    } else {
        wrong(offset)
    }
}

#[cold]
fn wrong(offset: u64) -> Result<()> {
    bail!("wrong data at {offset}")
}
