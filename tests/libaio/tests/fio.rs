//! The library under fio, a program that was linked with libaio.

mod linked;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use linked::{folder, link, run};

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
