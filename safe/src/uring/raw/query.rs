//! Asking the kernel what it has, without a ring: `IORING_REGISTER_QUERY`, since Linux 6.18.

use std::ptr;

use uring_sys::{
    IO_URING_QUERY_OPCODES, IO_URING_QUERY_SCQ, IORING_REGISTER_QUERY, io_uring_query_hdr,
    io_uring_query_opcode, io_uring_query_scq, io_uring_register,
};

/// A struct of which the kernel fills as much as it knows, when asked the question.
///
/// # Safety
///
/// The struct consists of integers, and `QUESTION` fills it.
unsafe trait Answer: Default {
    const QUESTION: u32;
}

// SAFETY: integers throughout; the struct of this question in `linux/io_uring/query.h`.
unsafe impl Answer for io_uring_query_opcode {
    const QUESTION: u32 = IO_URING_QUERY_OPCODES;
}

// SAFETY: as above.
unsafe impl Answer for io_uring_query_scq {
    const QUESTION: u32 = IO_URING_QUERY_SCQ;
}

fn ask<T: Answer>() -> Option<T> {
    let mut answer = T::default();
    let mut header = io_uring_query_hdr {
        query_data: ptr::from_mut(&mut answer).expose_provenance() as u64,
        query_op: T::QUESTION,
        size: size_of::<T>() as u32,
        ..Default::default()
    };
    // SAFETY: the header and the struct that it names are live and have the sizes said; there is no next.
    let result = unsafe {
        io_uring_register(
            -1,
            IORING_REGISTER_QUERY,
            ptr::from_mut(&mut header).cast(),
            0,
        )
    };
    // A question that the kernel does not know is answered in the header.
    (result == 0 && header.result == 0).then_some(answer)
}

/// The set-up flags that this kernel has, if it says. Since Linux 6.18.
pub(crate) fn setup_flags() -> Option<u64> {
    ask::<io_uring_query_opcode>().map(|answer| answer.ring_setup_flags)
}

/// The size of what precedes the completions in the memory of the rings, and its alignment, if the kernel
/// says. Since Linux 6.19.
pub(crate) fn ring_header() -> Option<(usize, usize)> {
    let answer = ask::<io_uring_query_scq>()?;
    let size = usize::try_from(answer.hdr_size).ok()?;
    let alignment = usize::try_from(answer.hdr_alignment).ok()?;
    (size != 0 && alignment.is_power_of_two()).then_some((size, alignment))
}
