//! One program, compiled for the crate `io-uring` and for this one, does the same.

#![cfg(feature = "uring")]

mod theirs {
    use io_uring as api;
    include!("compat/program.rs");
}

mod ours {
    use safe::uring::raw as api;
    include!("compat/program.rs");
}

#[test]
fn both_do_the_same() {
    let (theirs, ours) = (theirs::run().unwrap(), ours::run().unwrap());
    assert_eq!(ours, theirs);
    assert!(ours.len() > 15);
}
