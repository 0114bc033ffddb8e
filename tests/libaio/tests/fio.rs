//! The library under programs that were linked with libaio.

use std::ffi::{CStr, CString, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// What the library exports, and the version under which programs know it.
const SYMBOLS: [(&CStr, &CStr); 10] = [
    (c"io_queue_init", c"LIBAIO_0.1"),
    (c"io_queue_release", c"LIBAIO_0.1"),
    (c"io_queue_run", c"LIBAIO_0.1"),
    (c"io_submit", c"LIBAIO_0.1"),
    (c"io_setup", c"LIBAIO_0.4"),
    (c"io_destroy", c"LIBAIO_0.4"),
    (c"io_cancel", c"LIBAIO_0.4"),
    (c"io_getevents", c"LIBAIO_0.4"),
    (c"io_queue_wait", c"LIBAIO_0.4"),
    (c"io_pgetevents", c"LIBAIO_0.5"),
];

/// Runs a program that must succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A folder on the file system of the build.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// Links `libaio.so.1` into the folder.
fn link(folder: &Path) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "libaio",
            "--lib",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(package));
    let library = folder.join("libaio.so.1");
    let versions = package.join("libaio.map");
    run(Command::new("cc")
        .args([
            "-shared",
            "-Wl,-soname,libaio.so.1",
            "-Wl,--gc-sections",
            "-o",
        ])
        .arg(&library)
        .arg(format!("-Wl,--version-script={}", versions.display()))
        .args(SYMBOLS.map(|(name, _)| format!("-Wl,--undefined={}", name.to_str().unwrap())))
        .arg(target.join("debug/libaio.a"))
        .args(["-lgcc_s", "-lc"]));
    library
}

#[test]
fn every_name_has_its_version() {
    let folder = folder();
    let library = link(folder.path());
    let library = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: the library has no constructors of its own; names and versions are strings of C.
    unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        for (name, version) in SYMBOLS {
            let at: *mut c_void = libc::dlvsym(handle, name.as_ptr(), version.as_ptr());
            assert!(!at.is_null(), "{name:?}@{version:?}");
        }
        assert!(libc::dlvsym(handle, c"io_setup".as_ptr(), c"LIBAIO_0.5".as_ptr()).is_null());
    }
}

/// Has fio do a job on the library, and gives what it reports of it.
fn fio(library: &Path, folder: &Path, arguments: &[&str]) -> Value {
    let bindings = folder.join("bindings");
    let output = run(Command::new("fio")
        .args([
            "--name=job",
            "--ioengine=libaio",
            "--output-format=json",
            "--bs=4k",
            "--size=8m",
        ])
        .arg(format!("--filename={}", folder.join("data").display()))
        .args(arguments)
        .env("LD_LIBRARY_PATH", library.parent().unwrap())
        .env("LD_DEBUG", "bindings")
        .env("LD_DEBUG_OUTPUT", &bindings)
        .current_dir(folder));
    for name in ["io_submit", "io_getevents"] {
        assert_eq!(bound(folder, name), [library], "what fio calls for {name}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let job = report["jobs"][0].clone();
    assert_eq!(job["error"], 0);
    job
}

/// The libraries to which the dynamic linker has bound fio's use of a name, as it tells in `bindings.PID`.
fn bound(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut libraries = Vec::new();
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.file_stem() != Some("bindings".as_ref()) {
            continue;
        }
        for line in String::from_utf8_lossy(&fs::read(path).expect("a text")).lines() {
            let Some((from, to)) = line.split_once(" to ") else {
                continue;
            };
            if from.contains("binding file fio ") && to.contains(&format!("`{name}'")) {
                libraries.extend(to.split(' ').next().map(PathBuf::from));
            }
        }
    }
    libraries.sort_unstable();
    libraries.dedup();
    libraries
}

/// The blocks that were read or written.
fn ios(job: &Value, direction: &str) -> u64 {
    job[direction]["total_ios"].as_u64().expect("a number")
}

#[test]
fn fio_writes_and_verifies() {
    let folder = folder();
    let library = link(folder.path());
    for depth in ["1", "32"] {
        let job = fio(
            &library,
            folder.path(),
            &[
                "--rw=randwrite",
                "--direct=1",
                "--verify=crc32c",
                "--iodepth",
                depth,
            ],
        );
        assert_eq!((ios(&job, "write"), ios(&job, "read")), (2048, 2048));
    }
}

#[test]
fn fio_reads() {
    let folder = folder();
    let library = link(folder.path());
    for how in [
        &["--iodepth=1"][..],
        &[
            "--iodepth=32",
            "--iodepth_batch=16",
            "--iodepth_batch_complete_min=4",
        ],
        // Two threads, each with a context, in one process.
        &[
            "--iodepth=16",
            "--thread",
            "--numjobs=2",
            "--group_reporting",
        ],
    ] {
        let job = fio(
            &library,
            folder.path(),
            &[&["--rw=randread", "--direct=1"], how].concat(),
        );
        let jobs = if how.contains(&"--numjobs=2") { 2 } else { 1 };
        assert_eq!(ios(&job, "read"), 2048 * jobs);
    }
}
