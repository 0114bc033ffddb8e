//! The library, linked as programs expect it.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the library exports, and the version under which programs know it.
pub(crate) const SYMBOLS: [(&CStr, &CStr); 10] = [
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
pub(crate) fn run(command: &mut Command) -> Output {
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
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// Links `libaio.so.1` into the folder.
pub(crate) fn link(folder: &Path) -> PathBuf {
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
