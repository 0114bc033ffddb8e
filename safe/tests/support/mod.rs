//! Tests that need a process of their own.

use std::process::Command;

/// Set in the process that runs the body of a test.
const INSIDE: &str = "SAFE_TEST_INSIDE";

/// Runs `body` in a new process: this test binary again, with this one test. What it changes (its user, its
/// limits, its system calls) ends with it.
pub(crate) fn in_process_of_its_own(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().expect("a test binary"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("the test binary runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{}\n{printed}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
