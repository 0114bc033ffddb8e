//! Claim: the completion queue of native AIO is a ring in memory that every process can see, a mapping called `[aio]`.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use claim::report;
use safe::aio::{Context, op, raw};

/// `struct aio_ring`, which no header has: its eight words.
#[derive(Debug, PartialEq)]
struct Header {
    slots: u32,
    head: u32,
    tail: u32,
    magic: u32,
    features: [u32; 2],
    length: u32,
}

impl Header {
    /// Reads it as a debugger would.
    fn at(address: usize) -> io::Result<Self> {
        let mut bytes = [0; 32];
        File::open("/proc/self/mem")?.read_exact_at(&mut bytes, address as u64)?;
        let word = |at: usize| {
            let word = bytes[4 * at..].first_chunk().expect("eight words");
            u32::from_ne_bytes(*word)
        };
        Ok(Self {
            slots: word(1),
            head: word(2),
            tail: word(3),
            magic: word(4),
            features: [word(5), word(6)],
            length: word(7),
        })
    }
}

/// The lines of this process's mappings of rings, and where each begins and ends.
fn rings() -> io::Result<Vec<(String, usize, usize)>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let parse = |line: &str| {
        let (begin, end) = line.split_once(' ')?.0.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some((line.to_owned(), number(begin)?, number(end)?))
    };
    let lines = maps.lines().filter(|line| line.contains("/[aio]"));
    Ok(lines.filter_map(parse).collect())
}

fn main() -> io::Result<()> {
    let context = raw::Context::new(128)?;
    let found = rings()?;
    let [(line, begin, end)] = &found[..] else {
        return Err(io::Error::other(format!("{} rings", found.len())));
    };
    report(
        "a context for 128 requests is a mapping `[aio]` of 12 KiB, and its address names the context",
        (*begin, end - begin) == (context.as_raw() as usize, 12 << 10),
        line,
    );
    let header = Header::at(*begin)?;
    report(
        "it begins with a header: magic a10a10a1, features 1 and 0, 32 bytes, and an empty ring behind it",
        (header.magic, header.features, header.length) == (0xa10a_10a1, [1, 0], 32)
            && header.head == header.tail
            && Some(header.slots) == context.ring_slots(),
        format_args!("{header:x?}"),
    );
    context.destroy()?;
    let left = rings()?.len();
    report(
        "it goes with its context",
        left == 0,
        format_args!("{left} are left"),
    );

    let mut context = Context::new(128)?;
    let begin = rings()?.first().map_or(0, |ring| ring.1);
    for _ in 0..3 {
        let read = op::Read::new(File::open("/dev/null")?, vec![0; 1]);
        context.push(read)?.detach();
    }
    let submitted = context.submit()?.accepted;
    let full = Header::at(begin)?;
    let reaped = context.poll()?;
    let empty = Header::at(begin)?;
    assert_eq!((submitted, reaped), (3, 3));
    report(
        "the kernel moves its tail, and taking events moves its head",
        (full.head, full.tail) == (0, 3) && (empty.head, empty.tail) == (3, 3),
        format_args!(
            "{} to {} with three events, then {} to {}",
            full.head, full.tail, empty.head, empty.tail
        ),
    );
    Ok(())
}
