//! What the types forbid. The messages are those of the compiler of continuous integration; others may
//! word them differently, then `TRYBUILD=overwrite` shows what has changed. All features must be there: the
//! compiler names what else there is by the same name.

#[test]
fn what_the_types_forbid() {
    let cases = trybuild::TestCases::new();
    for folder in ["aio", "posix", "ring"] {
        cases.compile_fail(format!("tests/{folder}_compile_fail/*.rs"));
    }
}
