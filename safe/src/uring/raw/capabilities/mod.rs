//! What this kernel's io_uring has.
