//! Where a counted part begins and ends: seen by strace as a system call that fails, by callgrind as a function.

use std::hint;

use crate::allocations;

/// Writes `text` to nowhere.
pub(crate) fn mark(text: &str) {
    // SAFETY: the text is live; there is no such descriptor.
    unsafe { libc::write(-1, text.as_ptr().cast(), text.len()) };
}

/// The beginning of what is counted.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_begin() {
    // Two functions of the same code would be made one.
    hint::black_box("begin");
}

/// The end of what is counted.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_end() {
    hint::black_box("end");
}

/// Runs `f` between the marks, and answers how many heap allocations it made. The name tells what it is.
pub(crate) fn between(name: &str, f: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let begin = format!("begin {name}");
    mark(&begin);
    bench_begin();
    let made = allocations::during(f);
    bench_end();
    mark("end");
    made
}
