//! What the types of a ring forbid. The messages are those of the compiler of continuous integration; others may
//! word them differently, then `TRYBUILD=overwrite` shows what has changed.

#[test]
fn what_the_types_forbid() {
    trybuild::TestCases::new().compile_fail("tests/ring_compile_fail/*.rs");
}
