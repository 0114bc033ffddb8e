//! What the types forbid. The messages are those of the compiler of continuous integration; others may
//! word them differently, then `TRYBUILD=overwrite` shows what has changed. With other features too, since then
//! other types have the same names; so they must all be there.

#![cfg(all(feature = "uring", feature = "aio", feature = "posix"))]

#[test]
fn what_the_types_forbid() {
    trybuild::TestCases::new().compile_fail("tests/aio_compile_fail/*.rs");
}
