//! Programs written for the crate `io-uring`, run as they are and with `safe::uring::raw` in its place.
//!
//! The programs in `compat/` are ordinary ones for that crate: what they use of it comes by `use ring::...`, and
//! `ring` is the one crate or the other. Each checks its own results, and tells what it did; both must tell the same.

mod on_io_uring {
    pub(crate) mod copy {
        use io_uring as ring;
        include!("../compat/copy.rs");
    }
    pub(crate) mod echo {
        use io_uring as ring;
        include!("../compat/echo.rs");
    }
    pub(crate) mod registered {
        use io_uring as ring;
        include!("../compat/registered.rs");
    }
}

#[allow(
    clippy::unnecessary_mut_passed,
    reason = "what `io-uring` takes by `&mut` is taken by `&` here"
)]
mod on_safe {
    pub(crate) mod copy {
        use safe::uring::raw as ring;
        include!("../compat/copy.rs");
    }
    pub(crate) mod echo {
        use safe::uring::raw as ring;
        include!("../compat/echo.rs");
    }
    pub(crate) mod registered {
        use safe::uring::raw as ring;
        include!("../compat/registered.rs");
    }
}

/// Runs a program on either crate and compares what it tells.
fn same(there: fn() -> std::io::Result<Vec<String>>, here: fn() -> std::io::Result<Vec<String>>) {
    let there = there().expect("it runs on io-uring");
    let here = here().expect("it runs on safe");
    assert_eq!(here, there);
    assert!(!here.is_empty());
}

#[test]
fn copying_files() {
    same(on_io_uring::copy::run, on_safe::copy::run);
}

#[test]
fn echoing_over_tcp() {
    same(on_io_uring::echo::run, on_safe::echo::run);
}

#[test]
fn registering() {
    same(on_io_uring::registered::run, on_safe::registered::run);
}
