//! What a maintainer sees when the headers have grown.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xtask::headers::Headers;
use xtask::regen::generate::{self, Files};
use xtask::regen::{changes, committed};

/// The folder that `cargo xtask regen` unpacks packages into, which other tests read meanwhile.
fn cache() -> PathBuf {
    xtask::workspace::root().join("target/headers")
}

fn obtain(given: Option<&Path>) -> anyhow::Result<Headers> {
    Headers::obtain(given, false, &cache(), &|_| {})
}

/// Accepts `given` as `--repin` does. It unpacks every package afresh, and so needs a cache of its own;
/// the headers are of use as long as that is there.
fn repin(given: &Path) -> (Headers, TempDir) {
    let own = TempDir::new().unwrap();
    for entry in fs::read_dir(cache()).unwrap() {
        let package = entry.unwrap().path();
        if package.extension().is_some_and(|ending| ending == "deb") {
            symlink(&package, own.path().join(package.file_name().unwrap())).unwrap();
        }
    }
    let headers = Headers::obtain(Some(given), true, own.path(), &|_| {}).unwrap();
    (headers, own)
}

/// The pinned kernel headers with `line` before the line of `io_uring.h` that has `marker`.
fn grown(marker: &str, line: &str) -> TempDir {
    let pinned = obtain(None).unwrap().kernel;
    let folder = TempDir::new().unwrap();
    link(&pinned, folder.path());
    let linux = folder.path().join("linux");
    fs::remove_file(&linux).unwrap();
    fs::create_dir(&linux).unwrap();
    link(&pinned.join("linux"), &linux);

    let text = fs::read_to_string(pinned.join("linux/io_uring.h")).unwrap();
    let at = text.find(marker).expect("the header has the marker");
    let at = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let header = linux.join("io_uring.h");
    fs::remove_file(&header).unwrap();
    fs::write(header, format!("{}\t{line}\n{}", &text[..at], &text[at..])).unwrap();
    folder
}

/// Puts links to all that is in `from` into `to`.
fn link(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn generate(headers: &Headers) -> anyhow::Result<generate::Generated> {
    let scratch = TempDir::new().unwrap();
    generate::all(headers, scratch.path(), &|_| {})
}

#[test]
fn the_committed_bindings_are_what_the_pinned_headers_give() {
    let generated = generate(&obtain(None).unwrap()).unwrap();
    assert_eq!(generated.owed, [""; 0]);
    let committed = committed().unwrap();
    let stale = |old: &Files, new: &Files| -> Vec<PathBuf> {
        let changed = |(path, text): &(&PathBuf, &String)| new.get(*path) != Some(text);
        let paths = old.iter().filter(changed).map(|(path, _)| path.clone());
        paths.collect()
    };
    let none: [PathBuf; 0] = [];
    assert_eq!(stale(&committed, &generated.files), none);
    assert_eq!(stale(&generated.files, &committed), none);
}

#[test]
fn a_new_operation_is_refused_without_repin_and_told_with_it() {
    let tree = grown("IORING_REGISTER_LAST", "IORING_REGISTER_MADE_UP,");
    let error = obtain(Some(tree.path())).unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("\n  linux/io_uring.h: differs\n"),
        "{message}"
    );
    assert!(message.contains("--repin"), "{message}");

    let (headers, _cache) = repin(tree.path());
    let generated = generate(&headers).unwrap();
    let last = uring_sys::IORING_REGISTER_LAST;
    assert_eq!(
        changes::describe(&committed().unwrap(), &generated.files).unwrap(),
        format!(
            "Added: 1\n  constant uring-sys::IORING_REGISTER_MADE_UP: u32 = {last}\n\
             Changed: 1\n  constant uring-sys::IORING_REGISTER_LAST: u32 = {last} is now u32 = {}\n",
            last + 1
        )
    );
    // It is left to say what it is for.
    assert_eq!(
        generated.owed,
        ["uring-sys::IORING_REGISTER_MADE_UP has no text"]
    );
}

#[test]
fn a_constant_of_an_unknown_family_asks_for_a_rule() {
    let tree = grown("IORING_REGISTER_LAST", "IORING_FAMILY_UNKNOWN,");
    let (headers, _cache) = repin(tree.path());
    let generated = generate(&headers).unwrap();
    assert_eq!(
        generated.owed,
        [
            "uring-sys::IORING_FAMILY_UNKNOWN has no rule for its type",
            "uring-sys::IORING_FAMILY_UNKNOWN has no text",
        ]
    );
}
