//! What a build without optimisation does to times of code against those of system calls.

/// Says so, where it is one.
pub(crate) fn warn() {
    if cfg!(debug_assertions) {
        println!(
            "built without optimisation, which slows down this program and not the kernel: see --release"
        );
    }
}
