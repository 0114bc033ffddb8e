//! Where a counted part begins and ends: seen by strace as a system call that fails, by callgrind as a function.

use std::hint;

/// Writes `text` to nowhere.
pub(crate) fn mark(text: &str) {
    // SAFETY: the text is live; there is no such descriptor.
    unsafe { libc::write(-1, text.as_ptr().cast(), text.len()) };
}

/// The beginning of what is counted.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_begin() {
    hint::black_box(());
}

/// The end of what is counted.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bench_end() {
    hint::black_box(());
}

/// Runs `f` between the marks. The name tells what it is.
pub(crate) fn between<T>(name: &str, f: impl FnOnce() -> T) -> T {
    mark(&format!("begin {name}"));
    bench_begin();
    let result = f();
    bench_end();
    mark("end");
    result
}
