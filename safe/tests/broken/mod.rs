//! Runs tests as children in which a rule is broken.

use std::process::Command;

/// Checks that each test passes as things are, and fails if the rule is broken.
pub(crate) fn each_is_noticed(cases: &[(&str, &str)]) {
    let passes = |rule: &str, test: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("RING_BROKEN", rule)
            .output()
            .unwrap()
            .status
            .success()
    };
    for (rule, test) in cases {
        assert!(
            passes("none", test),
            "{test} fails though nothing is broken"
        );
        assert!(
            !passes(rule, test),
            "{test} passes though `{rule}` is broken"
        );
    }
}
