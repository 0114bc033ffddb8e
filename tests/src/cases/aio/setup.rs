//! io_setup(2): what it takes, what it refuses, and the system's limit.

use std::fs;
use std::io;
use std::ptr;

use aio_sys::{aio_context_t, io_destroy, io_setup};
use libc::{EAGAIN, EFAULT, EINVAL};

use crate::aio_context::{Aio, checked};
use crate::case::{Case, Run, Stop, kernel, pass, skipped};
use crate::context::Context;
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/setup/bad_pointer", SETUP, kernel(2, 6), bad_pointer).alone(),
    Case::new(
        "aio/setup/context_not_zero",
        SETUP,
        kernel(2, 6),
        context_not_zero,
    ),
    Case::new("aio/setup/counted", BOTH, kernel(2, 6), counted).alone(),
    Case::new("aio/setup/independent", BOTH, kernel(2, 6), independent),
    Case::new(
        "aio/setup/over_the_limit",
        SETUP,
        kernel(2, 6),
        over_the_limit,
    ),
    Case::new("aio/setup/quota", BOTH, kernel(2, 6), quota).alone(),
    Case::new("aio/setup/too_large", SETUP, kernel(2, 6), too_large),
    Case::new("aio/setup/zero", SETUP, kernel(2, 6), zero),
];

const SETUP: &[&str] = &["io_setup"];
const BOTH: &[&str] = &["io_setup", "io_destroy"];

/// The most that any ring has room for.
const MOST: u32 = 4_194_304;

/// How often to try again when others on the machine make contexts at the same time.
const TRIES: usize = 1000;

/// A context for no request is refused.
fn zero(_: &mut Context) -> Run {
    ensure_eq!(Aio::new(0).err(), Some(Errno(EINVAL)), "io_setup(0)");
    pass()
}

/// The place for the context must hold 0.
fn context_not_zero(_: &mut Context) -> Run {
    for value in [1, aio_context_t::MAX] {
        let mut context = value;
        // SAFETY: `context` is writable.
        let result = checked(unsafe { io_setup(1, &mut context) });
        ensure_eq!(
            result,
            Err(Errno(EINVAL)),
            "io_setup with context {value:#x}"
        );
        ensure_eq!(context, value, "context after the refusal");
    }
    pass()
}

/// A place that cannot be read, or not be written, is refused, and no context is left behind.
fn bad_pointer(_: &mut Context) -> Run {
    let read_only = Buffer::zeroed(8)?.protected(libc::PROT_READ)?;
    let no_access = Buffer::zeroed(8)?.protected(libc::PROT_NONE)?;
    undisturbed(|before| {
        for place in [ptr::null_mut(), no_access.pointer(), read_only.pointer()] {
            // SAFETY: nobody else uses these addresses; the call itself checks whether it may write to them.
            let result = checked(unsafe { io_setup(16, place.cast()) });
            ensure_eq!(result, Err(Errno(EFAULT)), "io_setup({place:?})");
        }
        Ok(number("aio-nr")? == before)
    })
}

/// More than the system's limit is refused as something to try again.
fn over_the_limit(cx: &mut Context) -> Run {
    let max = number("aio-max-nr")?;
    cx.note(format_args!("aio-max-nr is {max}"));
    if max >= MOST.into() {
        return skipped("fs.aio-max-nr below what a ring can have");
    }
    let requests = u32::try_from(max + 1)?;
    ensure_eq!(
        Aio::new(requests).err(),
        Some(Errno(EAGAIN)),
        "io_setup({requests})"
    );
    pass()
}

/// A ring that would be larger than any limit allows is refused for good.
fn too_large(_: &mut Context) -> Run {
    for requests in [MOST + 1, 0x7fff_ffff, u32::MAX] {
        ensure_eq!(
            Aio::new(requests).err(),
            Some(Errno(EINVAL)),
            "io_setup({requests})"
        );
    }
    pass()
}

/// The system counts what was asked for, until the context is destroyed.
fn counted(_: &mut Context) -> Run {
    undisturbed(|before| {
        let aio = Aio::new(128)?;
        let during = number("aio-nr")?;
        aio.destroy()?;
        Ok(during == before + 128 && number("aio-nr")? == before)
    })
}

/// When the system's limit is used up, the smallest context is refused, and given once one is destroyed.
fn quota(cx: &mut Context) -> Run {
    let mut contexts = Vec::new();
    // Halves, because the limit is more than one context may take, and others may have a part of it.
    let mut requests = u32::try_from(number("aio-max-nr")?)?.min(MOST);
    while requests > 0 {
        match Aio::new(requests) {
            Ok(aio) => contexts.push(aio),
            Err(Errno(EAGAIN)) => requests /= 2,
            Err(other) => return Err(other.into()),
        }
    }
    cx.note(format_args!("contexts: {}", contexts.len()));
    ensure!(!contexts.is_empty(), "not one context could be made");
    contexts.remove(0).destroy()?;
    Aio::new(1)?;
    pass()
}

/// A process may have several contexts; one can be destroyed and the other goes on.
fn independent(_: &mut Context) -> Run {
    let (first, mut second) = (Aio::new(1)?, Aio::new(1)?);
    let context = first.context();
    ensure!(
        context != second.context(),
        "both contexts are {context:#x}"
    );
    first.destroy()?;
    // SAFETY: nothing refers to the ring of the first context.
    let again = checked(unsafe { io_destroy(context) });
    ensure_eq!(again, Err(Errno(EINVAL)), "destroying the first one twice");
    ensure_eq!(second.ready()?.len(), 0, "events of the second one");
    pass()
}

/// Repeats `attempt`, given the number of requests that all contexts are for, until it says that the number was right.
///
/// Other processes may make contexts at any time, so that one attempt in which nobody did is enough.
fn undisturbed(mut attempt: impl FnMut(u64) -> Result<bool, Stop>) -> Run {
    for _ in 0..TRIES {
        if attempt(number("aio-nr")?)? {
            return pass();
        }
    }
    Err(Stop::failed("fs.aio-nr was never what it should be"))
}

fn number(name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/sys/fs/{name}"))?;
    text.trim().parse().map_err(io::Error::other)
}
