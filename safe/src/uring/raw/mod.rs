//! The ring, for those who write runtimes: everything io_uring has, typed, and out of the way.
//!
//! The vocabulary is that of the crate `io-uring`: a program written for its version 0.7 compiles with
//! `use safe::uring::raw::...` instead of `use io_uring::...`. What is different, and why:
//!
//! | here | there | reason |
//! |---|---|---|
//! | The ring's memory is always kept out of forked children, where calls fail with [`RingError::Forked`] and queues are empty and without room | by `Builder::dontfork` alone | two processes that use one ring corrupt it, and a child without its memory would crash |
//! | A completion that was taken, and an entry that was pushed, stay so if the queue is forgotten (`mem::forget`) | the completion comes again, the entry is lost | giving a completion out twice gives its buffer out twice |
//! | [`SubmissionQueue`], [`CompletionQueue`] and [`Submitter`] are `Send` | not | one thread may fill, another submit, a third reap |
//! | A registered ring is remembered by the ring, with the thread that registered it | by one `Submitter` value | the registration would hardly be used, or by a thread where the index is another ring; and dropping the ring would leave it alive |
//! | `SubmitArgs::sigmask` and `enter` pass the kernel's size of a signal set | the C library's | the kernel refuses that |
//! | Errors of `build` have a [`SetupError`] as their source, and `EEXIST`, `EBADFD` and `EOWNERDEAD` of a submission a [`RingError`]; `raw_os_error()` is `None` for them, `kind()` the same | the bare errno | "File exists" does not say that the ring is another thread's |
//! | Flags that do not go together are refused by name before the system call | the kernel's `EINVAL` | it does not say which |
//! | `register_ifq` is unsafe and takes `&mut` | safe, with a shared reference | the kernel writes to it and to the memory that it names |
//! | `register_buffers2` and `register_buffers_update` want as many tags as buffers, and the latter says which errno stopped it halfway | the shorter of the two counts, and half an update is success | a buffer that is taken for registered is not |
//! | Whatever takes a descriptor to register takes a `BorrowedFd` too | a `RawFd` | I/O safety |
//! | Submitting takes no system call where there is nothing to submit, wait for or flush | always one, without `SQPOLL` | cost; rings with `COOP_TASKRUN` and no `TASKRUN_FLAG` are entered all the same |
//! | `push` on a full queue looks at the kernel's head once more | `sync` does | an entry that fits is not refused |
//! | `CompletionStatus::is_empty` and the flags of the queues may not be used, or say nothing, in a forked child | undefined | see the first row |
//!
//! The [`CompletionQueue`] never enters the kernel. Completions that the kernel holds back because the queue
//! was full, or because their work waits, come by submitting, waiting, [`Submitter::flush_completions`] or
//! [`IoUring::peek`].
//!
//! [`RingError`]: crate::error::RingError
//! [`RingError::Forked`]: crate::error::RingError::Forked
//! [`SetupError`]: crate::error::SetupError

pub mod buf_ring;
mod builder;
pub mod capabilities;
pub mod cqueue;
mod diagnose;
mod enter;
pub(crate) mod flags;
mod index;
mod memory;
pub mod opcode;
mod params;
mod query;
pub mod region;
pub mod register;
mod registered;
mod rewind;
mod ring;
mod sqe;
pub mod squeue;
mod submit;
pub mod types;
pub mod zcrx;

#[cfg(all(test, loom))]
mod loom;

pub use builder::Builder;
pub use cqueue::{CompletionQueue, CompletionStatus};
pub use enter::EnterFlags;
pub use memory::Sizes;
pub use params::Parameters;
pub use register::Probe;
pub use ring::IoUring;
pub use squeue::SubmissionQueue;
pub use submit::Submitter;
