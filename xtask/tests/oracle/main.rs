//! What the C compiler says of the pinned headers, against what the crates say.
//!
//! The names come from libclang's listing of the headers, the values and layouts from a program that
//! the C compiler makes of them: neither has passed through bindgen or the overlay. Both directions
//! are compared, so that nothing can be missing on either side.

mod c;
mod compiler;
mod view;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use uapi_overlay::listing::{Input, Listing};
use uapi_overlay::targets::{TARGETS, Target};
use uapi_overlay::{AIO, Interface, POSIX, URING};
use xtask::headers::Headers;
use xtask::regen::generate;

use compiler::Compiler;
use view::{Place, View};

/// The pinned headers, from the cache that `cargo xtask regen` fills.
fn headers() -> Headers {
    let cache = xtask::workspace::root().join("target/headers");
    Headers::obtain(None, false, &cache, &|_| {}).unwrap()
}

/// The machine that the crates under test were built for.
fn host() -> Result<&'static Target> {
    let arch = match std::env::consts::ARCH {
        "x86" => "i686",
        arch => arch,
    };
    let is_host = |target: &&Target| {
        target.rust.starts_with(arch) && target.is_big_endian == cfg!(target_endian = "big")
    };
    TARGETS
        .iter()
        .find(is_host)
        .with_context(|| format!("there are no pinned headers for {arch}"))
}

/// An interface's headers and libclang's listing of them, for one target.
struct Reading {
    input: Input,
    listing: Listing,
}

/// The C library that the crates under test were built for.
const HOST_MUSL: bool = cfg!(target_env = "musl");

fn read(interface: &Interface, target: &Target, musl: bool, scratch: &Path) -> Result<Reading> {
    let input = generate::input(interface, &headers(), target, musl, scratch);
    let listing = Listing::read(interface, &input)?;
    ensure!(!listing.constants.is_empty() && !listing.records.is_empty());
    Ok(Reading { input, listing })
}

/// Compares a crate with the output of the C program for this machine, and answers what was compared.
fn compare(interface: &Interface, ours: &View) -> Result<View> {
    let scratch = tempfile::tempdir()?;
    let Reading { input, listing } = read(interface, host()?, HOST_MUSL, scratch.path())?;
    let program = c::program(interface, &listing);
    let output = Compiler::find()?.run(&input, interface.libc, &program)?;
    let theirs = View::parse(&output)?;
    let counts = listing
        .constants
        .iter()
        .filter(|name| interface.exception(name).is_none());
    ensure!(
        theirs.constants.len() == counts.count(),
        "the program printed not all"
    );
    let differences = view::differences(&theirs, ours);
    ensure!(
        differences.is_empty(),
        "C and {} differ:\n  {}",
        interface.krate,
        differences.join("\n  ")
    );
    println!("{}: {}", interface.krate, theirs.counts());
    Ok(theirs)
}

/// A module `listing` as a [`View`]: each crate has types of its own.
macro_rules! view_of {
    ($krate:ident) => {{
        let mut view = View::default();
        for constant in $krate::listing::constants() {
            view.add_constant(constant.name, constant.value);
        }
        for record in $krate::listing::records() {
            view.add_record(record.name, record.size, record.align);
            for field in record.fields {
                view.add_field(record.name, field.name, field.offset, field.size);
            }
        }
        view
    }};
}

#[test]
fn uring_sys_is_what_c_says() {
    compare(&URING, &view_of!(uring_sys)).unwrap();
}

#[test]
fn aio_sys_is_what_c_says() {
    compare(&AIO, &view_of!(aio_sys)).unwrap();
}

#[test]
fn posix_aio_is_what_c_says() {
    compare(&POSIX, &view_of!(posix_aio)).unwrap();
}

/// gcc agrees with what libclang says of the layouts that the crates assert when they are compiled for
/// 32-bit x86, and for musl; the headers alone are enough to check that. The constants are those of
/// every target.
#[cfg(target_arch = "x86_64")]
#[test]
fn gcc_lays_out_other_targets_as_libclang_does() {
    for (interface, ours, name, musl) in [
        (&URING, view_of!(uring_sys), "i686", false),
        (&AIO, view_of!(aio_sys), "i686", false),
        (&POSIX, view_of!(posix_aio), "i686", false),
        (&POSIX, view_of!(posix_aio), "i686", true),
        (&POSIX, view_of!(posix_aio), "x86_64", false),
        (&POSIX, view_of!(posix_aio), "x86_64", true),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let target = TARGETS.iter().find(|target| target.rust == name).unwrap();
        let Reading { input, listing } = read(interface, target, musl, scratch.path()).unwrap();
        let compiler = Compiler::find().unwrap();
        let check = |listing: &Listing| {
            let text = c::assertions(interface, listing, &ours.constants);
            compiler
                .check(&input, interface.libc, target.is_32_bit, &text)
                .map(|()| text.matches("_Static_assert").count())
        };
        let count = check(&listing).unwrap();
        let libc = if musl { " with musl" } else { "" };
        println!("{} on {name}{libc}: {count} assertions", interface.krate);

        // A layout that is wrong in one place is refused.
        let mut wrong = listing;
        let record = &mut wrong.records[0];
        record.fields[0].offset += 1;
        let fault = format!("{}.{}: offset", record.name, record.fields[0].name);
        let error = check(&wrong).unwrap_err().to_string();
        assert!(error.contains(&fault), "{error}");
    }
}

/// The compiler's own list of macros, by the prefixes that the tables know: none has escaped libclang's
/// listing, as one would that is in a header not in the tables.
#[test]
fn no_macro_is_missing_from_the_listing() {
    for interface in [&URING, &AIO, &POSIX] {
        let scratch = tempfile::tempdir().unwrap();
        let Reading { input, listing } =
            read(interface, host().unwrap(), HOST_MUSL, scratch.path()).unwrap();
        let compiler = Compiler::find().unwrap();
        let macros = compiler
            .macros(&input, interface.libc, interface.wrapper)
            .unwrap();
        let concerned: Vec<_> = macros
            .iter()
            .filter(|(name, body)| !body.is_empty() && interface.rule(name).is_some())
            .map(|(name, _)| name)
            .collect();
        assert!(!concerned.is_empty(), "{}", interface.krate);
        println!("{}: {} macros", interface.krate, concerned.len());
        let missing: Vec<_> = concerned
            .into_iter()
            .filter(|name| !listing.constants.contains(name))
            .collect();
        assert_eq!(missing, [""; 0], "{}", interface.krate);
    }
}

#[test]
fn every_kind_of_difference_is_seen() {
    let ours = view_of!(uring_sys);
    let mut theirs = ours.clone();
    theirs.constants.remove("IORING_OP_NOP");
    *theirs.constants.get_mut("IORING_OP_READV").unwrap() += 1;
    theirs.add_constant("IORING_OP_MADE_UP", 200);
    theirs.records.remove("io_uring_buf");
    theirs.add_record("io_uring_made_up", 4, 4);
    let params = theirs.records.get_mut("io_uring_params").unwrap();
    params.align += 8;
    params.fields.remove("features");
    let field = |offset, size| Place { offset, size };
    params.fields.insert("flags".into(), field(12, 4));
    params.fields.insert("made_up".into(), field(0, 4));

    assert_eq!(
        view::differences(&theirs, &ours),
        [
            "IORING_OP_MADE_UP: C has 200, the crate has nothing",
            "IORING_OP_NOP: C has nothing, the crate has 0",
            "IORING_OP_READV: C has 2, the crate has 1",
            "io_uring_buf: C has nothing, the crate has size 16, align 8",
            "io_uring_made_up: C has size 4, align 4, the crate has nothing",
            "io_uring_params: C has size 120, align 16, the crate has size 120, align 8",
            "io_uring_params.features: C has nothing, the crate has offset 20, size 4",
            "io_uring_params.flags: C has offset 12, size 4, the crate has offset 8, size 4",
            "io_uring_params.made_up: C has offset 0, size 4, the crate has nothing",
        ]
    );
}

#[test]
fn a_machine_without_a_c_compiler_is_told_what_to_install() {
    let error = Compiler::named("no-such-compiler").unwrap_err().to_string();
    assert!(error.contains("apt-get install gcc"), "{error}");
}
