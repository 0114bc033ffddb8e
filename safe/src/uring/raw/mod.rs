//! The ring, for those who write runtimes: everything io_uring has, typed, and out of the way.
//!
//! The vocabulary is that of the crate `io-uring`: a program written for its version 0.7 compiles with
//! `use safe::uring::raw::...` instead of `use io_uring::...`, and does what it did.
//!
//! # Where this differs from the crate `io-uring`
//!
//! All that it has is here, by the same path and with the same type, but for what is listed. What a program
//! could do there and can do no more, or what comes out differently:
//!
//! | here | there | reason |
//! |---|---|---|
//! | The ring's memory is always kept out of forked children, where calls fail with [`RingError::Forked`] and queues are empty and without room; there `CompletionStatus::is_empty` may not be called | by `Builder::dontfork` alone | two processes that use one ring corrupt it, and a child without its memory would crash |
//! | A completion that was taken, and an entry that was pushed, stay so if the queue is forgotten (`mem::forget`) | the completion comes again, the entry is lost | giving a completion out twice gives its buffer out twice |
//! | [`Submitter::register_ifq`] is unsafe and takes `&mut` | safe, with a shared reference | the kernel writes to it and to the memory that it names |
//! | [`opcode::EpollCtl`] takes no [`types::Fixed`] as its epoll set | it does | the kernel ignores that it is one, and would use its number as a plain descriptor |
//! | [`squeue::Entry::clear_flags`] keeps `FIXED_FILE` | clears it | the slot's number would be used as a plain descriptor |
//! | [`opcode::Close`] of slot `u32::MAX` completes with an error | the number wraps around (or panics, in debug builds), and descriptor 0 is closed | a bug |
//! | [`opcode::Fadvise`] and [`opcode::Madvise`] keep a length of 4 GiB or more, or below 0 | it is cut to 32 bits | other memory was advised on than asked |
//! | Lengths of socket addresses above 65535 become 65535, which the kernel refuses | what is left of them in 16 bits | a bug |
//! | [`types::SubmitArgs::sigmask`] and [`Submitter::enter`] pass the kernel's size of a signal set | the C library's | the kernel refuses that |
//! | [`types::Timespec`] made from a `Duration` above 2⁶³ seconds is the longest there is | a negative one | a bug |
//! | A registered ring is remembered by the ring, with the thread that registered it, and forgotten with the ring | by one `Submitter` value | the registration is lost with the value, in another thread its index is another ring, and it keeps a dropped ring alive |
//! | `register_buffers2` and `register_buffers_update` want as many tags as buffers, and the latter says which errno stopped it halfway | the shorter of the two counts, and half an update is success | a buffer that is taken for registered is not |
//! | Errors of [`RingError`], such as `EEXIST` and `EBADFD` of a submission, have it as their source; `raw_os_error()` is `None` for them, `kind()` the same | the bare errno | "File exists" does not say that the ring is another thread's |
//! | [`types::io_uring_zcrx_ifq_reg`] has the fields of Linux 7.2 | reserved ones in their place | literals of it end in `..Default::default()` |
//! | [`types::RwFlags`] is a type of flags | a deprecated name for `u32`, which no function there takes | |
//!
//! What a program only gains:
//!
//! * [`SubmissionQueue`], [`CompletionQueue`] and [`Submitter`] are `Send`: one thread may fill, another submit,
//!   a third reap.
//! * Submitting and waiting take no system call where there is nothing to submit or flush and as many
//!   completions are there as are waited for; `push` on a full queue looks at the kernel's head once more.
//!   (Rings with `COOP_TASKRUN` and no `TASKRUN_FLAG` are entered all the same: programs count on it.)
//! * Flags that do not go together are refused before the system call, with the same errno; and
//!   [`Builder::build_explained`] says of every refusal why.
//! * Where `register_...` takes a `RawFd`, it takes a `BorrowedFd` too; `register_restrictions` takes `&`, not
//!   `&mut`.
//! * `types::statx` and `types::epoll_event` are those of `libc`, so that no cast is needed.
//! * Setters that take an integer have a sister, `with_...`, that takes the flags' type.
//!
//! The [`CompletionQueue`] never enters the kernel. Completions that the kernel holds back because the queue
//! was full, or because their work waits, come by submitting, waiting, [`Submitter::flush_completions`] or
//! [`IoUring::peek`].
//!
//! [`RingError`]: crate::error::RingError
//! [`RingError::Forked`]: crate::error::RingError::Forked

pub mod buf_ring;
mod builder;
pub mod capabilities;
pub mod cqueue;
mod diagnose;
mod enter;
pub(crate) mod flags;
mod huge_page;
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
pub(crate) mod sqe;
pub mod squeue;
mod submit;
pub mod types;
pub mod zcrx;

#[cfg(all(test, loom))]
mod loom;

pub use builder::Builder;
pub use cqueue::{CompletionQueue, CompletionStatus};
pub use enter::EnterFlags;
pub use huge_page::huge_page_size;
pub use memory::Sizes;
pub use params::Parameters;
pub use register::Probe;
pub use ring::IoUring;
pub use squeue::SubmissionQueue;
pub use submit::Submitter;
