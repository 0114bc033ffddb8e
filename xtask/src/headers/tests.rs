//! Against the real packages: those that the pin names, from beside the workspace or from the mirror.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use tempfile::TempDir;

use super::pin::{ALL, Kernel, Pin, pin_path};
use super::{Headers, TARGETS, obtain_kernel};
use crate::packages::{self as deb, self as fetch, Package, Store};
use crate::workspace;

/// The cache that `cargo xtask regen` uses, so that packages are downloaded once and not by each run.
fn cache() -> PathBuf {
    workspace::root().join("target/headers")
}

fn store<'a>(cache: &'a Path, progress: &'a dyn Fn(&str)) -> Store<'a> {
    Store {
        local: vec![workspace::root().join("../shared/headers"), self::cache()],
        cache,
        progress,
    }
}

fn pin() -> Pin {
    Pin::read(&pin_path()).unwrap()
}

fn kernel_package() -> Package {
    pin()
        .kernel
        .package
        .expect("the committed pin names a package")
}

/// The pinned kernel package, from wherever it is.
fn kernel_file() -> PathBuf {
    let cache = cache();
    store(&cache, &|_| {})
        .package_file(&kernel_package())
        .unwrap()
}

/// A copy of the pinned kernel headers to spoil, and its include folder.
fn kernel_copy() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    deb::unpack(&kernel_file(), folder.path()).unwrap();
    let include = folder.path().join("usr/include");
    (folder, include)
}

/// Obtains the kernel's headers alone, unpacking into a cache of their own.
fn kernel(given: Option<&Path>, repin: bool) -> Result<Kernel> {
    let own = TempDir::new().unwrap();
    let kernel = obtain_kernel(pin().kernel, given, repin, &store(own.path(), &|_| {}));
    let left = fs::read_dir(own.path()).unwrap().flatten();
    let unfinished = left.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(unfinished.count(), 0, "scratch folders are left");
    Ok(kernel?.1)
}

fn append(file: &Path, text: &str) {
    let old = fs::read_to_string(file).unwrap();
    fs::write(file, old + text).unwrap();
}

fn set_version(include: &Path, version: &str) {
    let names = ["MAJOR", "PATCHLEVEL", "SUBLEVEL"];
    let lines = names
        .iter()
        .zip(version.split('.'))
        .map(|(name, value)| format!("#define LINUX_VERSION_{name} {value}\n"));
    fs::write(include.join("linux/version.h"), lines.collect::<String>()).unwrap();
}

#[track_caller]
fn assert_says(error: &Error, parts: &[&str]) {
    let message = format!("{error:#}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn obtains_all_and_then_does_nothing_but_verify() {
    let (cache, steps) = (cache(), RefCell::new(Vec::new()));
    let progress = |step: &str| steps.borrow_mut().push(step.to_string());
    let first = Headers::obtain(None, false, &cache, &progress).unwrap();
    steps.borrow_mut().clear();
    let second = Headers::obtain(None, false, &cache, &progress).unwrap();
    assert_eq!(*steps.borrow(), [""; 0]);

    assert_eq!(first.kernel_version, pin().kernel.version);
    assert_eq!(first.pin, second.pin);
    for target in TARGETS {
        for file in [
            first.kernel.join("linux/io_uring.h"),
            first.kernel.join(target.kernel).join("asm/ioctl.h"),
            first.glibc(target).join("aio.h"),
            first.musl(target).join("aio.h"),
        ] {
            assert!(file.is_file(), "{}", file.display());
        }
    }
}

#[test]
fn repinning_the_same_headers_changes_no_byte_of_the_pin() {
    let own = TempDir::new().unwrap();
    let store = store(own.path(), &|_| {});
    let headers = Headers::obtain_from(pin(), None, true, &store).unwrap();
    assert_eq!(headers.pin_text(), fs::read_to_string(pin_path()).unwrap());
}

#[test]
fn the_pin_has_every_header_that_bindings_come_from() {
    let pin = pin();
    for name in [
        "linux/io_uring.h",
        "linux/io_uring/bpf_filter.h",
        "linux/io_uring/mock_file.h",
        "linux/io_uring/query.h",
        "linux/io_uring/zcrx.h",
        "linux/aio_abi.h",
        "linux/fs.h",
        "linux/blkdev.h",
        "linux/nvme_ioctl.h",
        "linux/time_types.h",
        "linux/types.h",
        "linux/stddef.h",
        "asm-generic/ioctl.h",
        "asm-generic/int-ll64.h",
        "asm-generic/int-l64.h",
        "asm-generic/posix_types.h",
        "asm-generic/types.h",
        "asm-generic/bitsperlong.h",
    ] {
        assert!(pin.kernel.headers[ALL].contains_key(name), "{name}");
    }
    for target in TARGETS {
        for name in ["ioctl", "byteorder", "types", "posix_types", "bitsperlong"] {
            let name = format!("asm/{name}.h");
            let headers = &pin.kernel.headers[target.kernel];
            assert!(headers.contains_key(&name), "{} {name}", target.kernel);
        }
    }
}

#[test]
fn an_unpacked_tree_serves_from_its_root_or_its_include_folder() {
    let (root, include) = kernel_copy();
    for dir in [root.path(), &root.path().join("usr"), &include] {
        assert_eq!(kernel(Some(dir), false).unwrap(), pin().kernel);
    }
}

#[test]
fn a_spoilt_header_is_refused_by_name() {
    let (root, include) = kernel_copy();
    append(&include.join("linux/io_uring.h"), "\n");
    append(&include.join("s390x-linux-gnu/asm/types.h"), "\n");
    append(&include.join("linux/types.h"), "#include <linux/futex.h>\n");
    fs::remove_file(include.join("linux/io_uring/query.h")).unwrap();
    fs::write(include.join("linux/io_uring/later.h"), "").unwrap();
    // This one does not count.
    append(&include.join("linux/wireless.h"), "\n");
    set_version(&include, "99.8.7");

    let error = kernel(Some(root.path()), false).unwrap_err();
    let pinned = format!("Linux {}", pin().kernel.version);
    assert_says(&error, &["Linux 99.8.7", &pinned, "--repin"]);
    let message = error.to_string();
    let listed: Vec<&str> = message
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    assert_eq!(
        listed,
        [
            "  linux/futex.h: is not in the pin",
            "  linux/io_uring.h: differs",
            "  linux/io_uring/later.h: is not in the pin",
            "  linux/io_uring/query.h: is missing",
            "  linux/types.h: differs",
            "  s390x-linux-gnu/asm/types.h: differs",
        ]
    );
}

#[test]
fn repinning_a_spoilt_header_moves_its_hash_alone() {
    let (root, include) = kernel_copy();
    append(&include.join("linux/io_uring.h"), "\n");
    let old = pin();
    let mut new = old.clone();
    new.kernel = kernel(Some(root.path()), true).unwrap();
    // A tree is no package.
    assert_eq!(new.kernel.package, None);
    new.kernel.package.clone_from(&old.kernel.package);

    let (old, new) = (old.to_text(), new.to_text());
    assert_eq!(old.lines().count(), new.lines().count());
    let changed: Vec<_> = old
        .lines()
        .zip(new.lines())
        .filter(|(o, n)| o != n)
        .collect();
    let now = deb::sha256_of(&include.join("linux/io_uring.h")).unwrap();
    let [(_, line)] = *changed else {
        panic!("{changed:?}")
    };
    assert_eq!(line, format!("\"linux/io_uring.h\" = \"{now}\""));
}

#[test]
fn a_repinned_tree_is_accepted_from_then_on() {
    let (root, include) = kernel_copy();
    append(&include.join("linux/aio_abi.h"), "\n");
    set_version(&include, "99.8.7");

    let moved = Pin {
        kernel: kernel(Some(root.path()), true).unwrap(),
        ..pin()
    };
    assert_eq!(moved.kernel.version, "99.8.7");
    let file = root.path().join("pin.toml");
    fs::write(&file, moved.to_text()).unwrap();
    let moved = Pin::read(&file).unwrap().kernel;

    let own = TempDir::new().unwrap();
    let store = store(own.path(), &|_| {});
    let (_, again) = obtain_kernel(moved.clone(), Some(root.path()), false, &store).unwrap();
    assert_eq!(again, moved);
    // Without the tree there is nothing to download.
    let error = obtain_kernel(moved, None, false, &store).unwrap_err();
    assert_says(&error, &["names no kernel package", "--headers"]);
}

#[test]
fn the_pinned_package_serves_as_a_file_and_describes_itself_as_the_pin_does() {
    let file = kernel_file();
    assert_eq!(deb::describe(&file).unwrap(), kernel_package());
    assert_eq!(kernel(Some(&file), false).unwrap(), pin().kernel);
    assert_eq!(kernel(Some(&file), true).unwrap(), pin().kernel);
}

#[test]
fn a_truncated_package_is_refused() {
    let whole = fs::read(kernel_file()).unwrap();
    let folder = TempDir::new().unwrap();
    let package = kernel_package();
    let file = folder.path().join(package.file_name());
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();

    let error = kernel(Some(&file), false).unwrap_err();
    assert_says(&error, &[&package.version, &package.sha256, "--repin"]);
    // There is nothing to pin in it either.
    let error = kernel(Some(&file), true).unwrap_err();
    assert_says(&error, &["cannot unpack", package.file_name()]);
    // Nor does it serve where the pinned package is looked for.
    let own = TempDir::new().unwrap();
    let store = Store {
        local: vec![folder.path().into()],
        ..store(own.path(), &|_| {})
    };
    let error = obtain_kernel(pin().kernel, None, false, &store).unwrap_err();
    assert_says(&error, &["is not the pinned package", &package.sha256]);

    fs::write(&file, "").unwrap();
    let error = kernel(Some(&file), true).unwrap_err();
    assert_says(&error, &["no whole Debian package"]);
}

#[test]
fn headers_of_one_architecture_are_refused() {
    let (root, include) = kernel_copy();
    for target in TARGETS.iter().filter(|target| target.rust != "x86_64") {
        fs::remove_dir_all(include.join(target.kernel)).unwrap();
    }
    let error = kernel(Some(root.path()), true).unwrap_err();
    assert_says(&error, &["every architecture", "aarch64-linux-gnu"]);
    let message = error.to_string();
    assert!(!message.contains("x86_64-linux-gnu"), "{message}");

    fs::rename(include.join("x86_64-linux-gnu/asm"), include.join("asm")).unwrap();
    let error = kernel(Some(root.path()), true).unwrap_err();
    assert_says(&error, &["only asm/", "x86_64-linux-gnu"]);

    let empty = TempDir::new().unwrap();
    let error = kernel(Some(empty.path()), true).unwrap_err();
    assert_says(&error, &["linux/version.h"]);
}

#[test]
fn a_cached_tree_is_verified_and_one_of_another_package_is_replaced() {
    let own = TempDir::new().unwrap();
    let steps = RefCell::new(Vec::new());
    let progress = |step: &str| steps.borrow_mut().push(step.to_string());
    let store = store(own.path(), &progress);
    let package = kernel_package();
    let unpacking = format!("unpacking {}", package.file_name());

    let (include, _) = obtain_kernel(pin().kernel, None, false, &store).unwrap();
    append(&include.join("linux/fs.h"), "\n");
    let error = obtain_kernel(pin().kernel, None, false, &store).unwrap_err();
    assert_says(&error, &["linux/fs.h: differs", "remove the folder"]);
    assert_eq!(*steps.borrow(), [&*unpacking]);
    // A new pin is made from the package and not from what became of it.
    let (_, kernel) = obtain_kernel(pin().kernel, None, true, &store).unwrap();
    assert_eq!(kernel, pin().kernel);
    assert_eq!(steps.take(), [&*unpacking, &*unpacking]);

    // As if another package of that name had been unpacked there.
    fs::write(
        own.path().join(package.folder_name()).join(".deb-sha256"),
        "0",
    )
    .unwrap();
    obtain_kernel(pin().kernel, None, false, &store).unwrap();
    assert_eq!(steps.take(), [unpacking]);
}

#[test]
fn a_download_is_from_the_first_archive_that_has_the_file_and_verified() {
    // apt reads an archive in a folder as it does one behind a network.
    let (with, without, other) = (
        TempDir::new().unwrap(),
        TempDir::new().unwrap(),
        TempDir::new().unwrap(),
    );
    let package = Package {
        name: "some".into(),
        version: "1".into(),
        pool: "pool/main/s/some/some_1_all.deb".into(),
        sha256: deb::sha256(b"right"),
    };
    for (archive, content) in [(&with, "right"), (&other, "wrong")] {
        let file = archive.path().join(&package.pool);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    let site = |archive: &TempDir| format!("copy:{}", archive.path().display());
    let to = TempDir::new().unwrap();
    let file = to.path().join("some_1_all.deb");

    let sites = [site(&without), site(&other)];
    let error = fetch::download(&package, &sites, &file).unwrap_err();
    let parts = [&package.pool, &sites[0], &sites[1], "Hash Sum mismatch"];
    assert_says(&error, &parts);
    assert!(!file.exists());

    let sites = [site(&without), site(&other), site(&with)];
    fetch::download(&package, &sites, &file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"right");

    let error = fetch::download(&package, &[], &file).unwrap_err();
    assert_says(&error, &["no sources"]);
}
