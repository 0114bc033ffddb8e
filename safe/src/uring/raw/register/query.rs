//! Questions about the kernel's io_uring, which need no ring.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::marker::PhantomData;
use std::ptr;

use uring_sys::{
    io_uring_query_hdr, io_uring_query_opcode, io_uring_query_scq, io_uring_query_zcrx,
    io_uring_query_zcrx_event,
};

use super::Target;
use crate::uring::raw::Submitter;

/// A question and the place for its answer.
#[repr(transparent)]
pub struct Query<'a> {
    header: io_uring_query_hdr,
    answer: PhantomData<&'a mut [u8]>,
}

impl<'a> Query<'a> {
    /// What there is: opcodes, registrations, features and flags. Since Linux 6.18.
    pub fn opcodes(answer: &'a mut io_uring_query_opcode) -> Self {
        Self::plain(uring_sys::IO_URING_QUERY_OPCODES, answer)
    }

    /// What zero-copy receive has, and the layout of its refill queue. Since Linux 6.19.
    pub fn zcrx(answer: &'a mut io_uring_query_zcrx) -> Self {
        Self::plain(uring_sys::IO_URING_QUERY_ZCRX, answer)
    }

    /// The header before the queues, for memory of one's own (`IORING_SETUP_NO_MMAP`). Since Linux 6.19.
    pub fn scq(answer: &'a mut io_uring_query_scq) -> Self {
        Self::plain(uring_sys::IO_URING_QUERY_SCQ, answer)
    }

    /// The events of zero-copy receive. Since Linux 7.2.
    pub fn zcrx_event(answer: &'a mut io_uring_query_zcrx_event) -> Self {
        Self::plain(uring_sys::IO_URING_QUERY_ZCRX_EVENT, answer)
    }

    /// Any question, by number. The answer is zeroed first; a kernel that knows more cuts it, one that knows less
    /// leaves the rest zero.
    pub fn raw(question: u32, answer: &'a mut [u8]) -> Self {
        answer.fill(0);
        Self::new(question, answer.as_mut_ptr(), answer.len())
    }

    /// A question whose answer is a struct of integers.
    fn plain<T: Default>(question: u32, answer: &'a mut T) -> Self {
        *answer = T::default();
        Self::new(question, ptr::from_mut(answer).cast(), size_of::<T>())
    }

    fn new(question: u32, answer: *mut u8, size: usize) -> Self {
        Self {
            header: io_uring_query_hdr {
                query_data: answer.expose_provenance() as u64,
                query_op: question,
                // An answer that does not fit 32 bits is as good as one that just does.
                size: u32::try_from(size).unwrap_or(u32::MAX),
                ..Default::default()
            },
            answer: PhantomData,
        }
    }

    /// Once asked: how many bytes of the answer the kernel knows, from the beginning.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP`: the kernel does not know the question. `EINVAL`: no room for an answer, or asked before.
    pub fn answered(&self) -> io::Result<u32> {
        match self.header.result {
            0 => Ok(self.header.size),
            error => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        }
    }
}

impl Debug for Query<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("question", &self.header.query_op)
            .field("size", &self.header.size)
            .field("result", &self.header.result)
            .finish()
    }
}

/// Asks the kernel, without a ring. Each question has its own [answer](Query::answered), also where the
/// kernel does not know it. A question is asked once.
///
/// `IORING_REGISTER_QUERY`, since Linux 6.18.
///
/// # Errors
///
/// `EINVAL`: an older kernel. `ERANGE`: more than 1000 questions. `E2BIG`: room for more than a page, since 7.2.
///
/// ```
/// use safe::uring::raw::register::{Query, query};
///
/// let mut answer = Default::default();
/// if query(&mut [Query::opcodes(&mut answer)]).is_ok() {
///     println!("{} opcodes", answer.nr_request_opcodes);
/// }
/// ```
pub fn query(questions: &mut [Query<'_>]) -> io::Result<()> {
    ask(Target::Task, questions)
}

impl Submitter<'_> {
    /// As [`query`], through a ring: for those whose filter of system calls allows no other descriptor.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn register_query(&self, questions: &mut [Query<'_>]) -> io::Result<()> {
        ask(self.target(), questions)
    }
}

fn ask(target: Target<'_>, questions: &mut [Query<'_>]) -> io::Result<()> {
    // From the last to the first, each is told the address of the next. The addresses come from one pointer
    // to the whole, so that what the kernel writes through them is what `questions` borrows.
    let first: *mut io_uring_query_hdr = questions.as_mut_ptr().cast();
    let mut next = 0;
    for index in (0..questions.len()).rev() {
        // SAFETY: within the slice, which is borrowed for us alone; a question is its header.
        let header = unsafe { first.add(index) };
        // SAFETY: as above.
        unsafe { (*header).next_entry = next };
        next = header.expose_provenance() as u64;
    }
    if questions.is_empty() {
        return Ok(());
    }
    // SAFETY: the chain consists of live headers and ends with the last; each names an answer of `size` bytes that
    // its question borrows mutably. `nr_args` must be 0.
    unsafe { target.call(uring_sys::IORING_REGISTER_QUERY, first.cast(), 0) }.map(drop)
}
