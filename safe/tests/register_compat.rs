//! One program that registers things, compiled for the crate `io-uring` and for this one, does the same.

#![cfg(feature = "uring")]

mod theirs {
    use io_uring as api;
    include!("compat/register.rs");
}

mod ours {
    use safe::uring::raw as api;
    include!("compat/register.rs");
}

#[test]
fn both_do_the_same() {
    // A thread each: the limits of workers are the thread's.
    let run = |program: fn() -> std::io::Result<Vec<Vec<i32>>>| std::thread::spawn(program);
    let theirs = run(theirs::run).join().unwrap().unwrap();
    let ours = run(ours::run).join().unwrap().unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(ours[0], [5, -libc::EFAULT, 5, 0, libc::ENXIO]);
    assert_eq!(ours[3], [0, -libc::EACCES, libc::EACCES]);
}
