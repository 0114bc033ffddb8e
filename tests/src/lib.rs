//! Executes every item of the Linux asynchronous I/O interfaces on the running kernel and reports what it saw.
//!
//! A [`Case`](case::Case) is one question to the kernel. The [catalogue] is the table of all of them, a
//! [`Runner`](runner::Runner) asks each in a process of its own, [expectation] decides whether the answer is the one
//! that this kernel version owes, and [report] prints it. How to write a case: see [case].

#![warn(missing_docs)]

pub mod aio_context;
pub mod aio_request;
pub mod behaviours;
pub mod case;
pub mod cases;
pub mod catalogue;
pub mod child;
pub mod context;
pub mod deviations;
pub mod expectation;
pub mod file_system;
pub mod kernel;
pub mod posix_request;
pub mod raw_ring;
pub mod report;
pub mod requirement;
pub mod ring;
pub mod runner;
pub mod support;
pub mod typed;
pub mod vm;
