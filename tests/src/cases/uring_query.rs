//! io_uring's probe and query: the area `uring/query`, a file per subject.

mod feature;
mod opcode;
mod probe;
mod query;

use std::io;
use std::ptr;

use uring_sys::*;

use crate::case::{Case, Stop};
use crate::ring::mem::Mem;
use crate::ring::{Ring, result};
use crate::{ensure, ensure_eq};

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[feature::CASES, opcode::CASES, probe::CASES, query::CASES];

/// What `IORING_REGISTER_PROBE` answers.
struct Probe {
    last_op: u8,
    ops: Vec<io_uring_probe_op>,
}

/// The largest number of opcodes that PROBE can tell about.
const PROBE_MAX: usize = 256;

/// Asks for all opcodes. `ops` has one entry for each that the kernel knows.
#[track_caller]
fn probe(ring: &Ring) -> Result<Probe, Stop> {
    let mem = Mem::zeroed(size_of::<io_uring_probe>() + PROBE_MAX * size_of::<io_uring_probe_op>());
    // SAFETY: the memory has room for a header and 256 entries, is zeroed, and is never given back.
    result(unsafe { ring.register(IORING_REGISTER_PROBE, mem.as_ptr().cast(), PROBE_MAX as u32) })?;
    let header = mem.as_ptr().cast::<io_uring_probe>();
    // SAFETY: the memory holds a header, page aligned, and the kernel has finished writing it.
    let io_uring_probe {
        last_op, ops_len, ..
    } = unsafe { header.read() };
    let ops = (0..usize::from(ops_len)).map(|i| {
        // SAFETY: the memory has 256 entries behind the header, more than `ops_len` can say.
        unsafe { io_uring_probe::ops_ptr(header).add(i).read() }
    });
    let ops: Vec<_> = ops.collect();
    ensure_eq!(
        ops.len(),
        usize::from(last_op) + 1,
        "ops_len and last_op + 1"
    );
    Ok(Probe { last_op, ops })
}

/// A header of QUERY that asks `query_op` for an answer into `answer`, and then `next`.
fn header(query_op: u32, answer: Mem, next: Option<Mem>) -> Mem {
    Mem::value(io_uring_query_hdr {
        next_entry: next.map_or(0, Mem::addr),
        query_data: answer.addr(),
        query_op,
        size: answer.len(),
        ..io_uring_query_hdr::default()
    })
}

/// Asks the questions that begin at `header`, without a ring.
fn query(header: Mem) -> io::Result<i32> {
    // SAFETY: the headers are `Mem`, and so are the answers that they name: never given back, and with the size told.
    result(unsafe { io_uring_register(-1, IORING_REGISTER_QUERY, header.as_ptr().cast(), 0) })
}

/// The answer to `IO_URING_QUERY_OPCODES`, or nothing where the kernel has no QUERY.
#[track_caller]
fn opcodes() -> Result<Option<io_uring_query_opcode>, Stop> {
    let answer = Mem::zeroed(size_of::<io_uring_query_opcode>());
    let header = header(IO_URING_QUERY_OPCODES, answer, None);
    match query(header) {
        Ok(_) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let header: io_uring_query_hdr = header.read();
    ensure!(header.result == 0, "result {} of the query", header.result);
    Ok(Some(answer.read()))
}

/// Asks with a header at any address: for addresses that are not there, and null.
fn query_at(address: u64, nr_args: u32) -> io::Result<i32> {
    assert!(address < 4096, "not an address of memory");
    let header = ptr::without_provenance(address as usize);
    // SAFETY: no process has memory at the lowest addresses, so there is nothing to touch.
    result(unsafe { io_uring_register(-1, IORING_REGISTER_QUERY, header, nr_args) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uring_sys::listing;

    use super::*;
    use crate::case::Since;
    use crate::catalogue::catalogue;
    use crate::kernel::Version;

    /// The names of the headers and the releases that brought them.
    fn names() -> BTreeMap<&'static str, Option<Version>> {
        let version = |since: Option<&str>| since.and_then(Version::parse);
        let constants = listing::constants().map(|c| (c.name, version(c.since)));
        let records = listing::records().map(|r| (r.name, version(r.since)));
        let calls = ["io_uring_setup", "io_uring_enter", "io_uring_register"];
        constants
            .chain(records)
            .chain(calls.map(|name| (name, None)))
            .collect()
    }

    #[test]
    fn every_item_is_in_the_headers_and_not_newer_than_the_case() {
        let names = names();
        for case in catalogue()
            .into_iter()
            .filter(|case| case.id.starts_with("uring/"))
        {
            let Since::Kernel(since) = case.since else {
                panic!("{} is of the C library", case.id)
            };
            for item in case.items {
                let Some(first) = names.get(item) else {
                    panic!("{}: no {item}", case.id)
                };
                // An older kernel knows nothing of a newer item, which is bad input too.
                assert!(
                    case.is_bad() || first.is_none_or(|first| first <= since),
                    "{}: {item} is newer",
                    case.id
                );
            }
        }
    }

    #[test]
    fn every_opcode_and_feature_has_its_case() {
        let names = names();
        let told: Vec<&str> = FILES
            .iter()
            .flat_map(|file| file.iter())
            .map(|case| case.item())
            .collect();
        for name in names.keys() {
            let is_one = name.starts_with("IORING_OP_") || name.starts_with("IORING_FEAT_");
            assert!(
                !is_one || *name == "IORING_OP_LAST" || told.contains(name),
                "{name}"
            );
        }
    }
}
