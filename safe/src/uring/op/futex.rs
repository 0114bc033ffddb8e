//! Futexes: waiting until a word changes.

use std::array;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::raw::opcode;
use crate::uring::raw::types::{self, FutexFlags};

/// A word of memory that an operation owns, or shares, or borrows.
///
/// # Safety
///
/// From the call of [`address`](Self::address) on, until the value is dropped, the word at that address is valid,
/// and used by atomic operations alone, also if the value itself is moved. A forgotten value keeps it for as long
/// as the type's lifetime lasts.
pub unsafe trait FutexWord {
    /// Where it is.
    fn address(&self) -> *const AtomicU32;
}

// SAFETY: the word is on the heap, and stays there as long as one of the pointers lives.
unsafe impl FutexWord for Arc<AtomicU32> {
    fn address(&self) -> *const AtomicU32 {
        Arc::as_ptr(self)
    }
}

// SAFETY: the word is borrowed for the lifetime, which the value does not outlive.
unsafe impl FutexWord for &AtomicU32 {
    fn address(&self) -> *const AtomicU32 {
        *self
    }
}

/// A word within something that is shared.
#[derive(Debug)]
pub struct Part<T: ?Sized> {
    /// Not behind a `&`: the owner alone keeps it.
    word: *const AtomicU32,
    owner: Arc<T>,
    /// Invariant: if lifetimes in `T` could grow, as in the argument of a function, so would that of the word.
    exactly: PhantomData<fn(*const T) -> *const T>,
}

impl<T: ?Sized> Part<T> {
    /// The word that `of` finds.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::sync::Arc;
    /// use std::sync::atomic::AtomicU32;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// struct State { generation: AtomicU32, name: &'static str }
    ///
    /// let state = Arc::new(State { generation: AtomicU32::new(7), name: "state" });
    /// let mut ring = Ring::new(8)?;
    /// let wait = op::FutexWait::new(op::Part::new(state, |state| &state.generation), 6);
    /// let ticket = ring.push(wait)?;
    /// let done = ring.wait(ticket)?;
    /// assert_eq!(done.result?, op::Wake::Changed);
    /// assert_eq!(done.file.into_inner().name, "state");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(owner: Arc<T>, of: impl for<'a> FnOnce(&'a T) -> &'a AtomicU32) -> Self {
        let word: *const AtomicU32 = of(&owner);
        Self {
            word,
            owner,
            exactly: PhantomData,
        }
    }

    /// What the word is part of.
    pub fn into_inner(self) -> Arc<T> {
        self.owner
    }
}

// SAFETY: the function that found the word could only do so for as long as `T` is borrowed, thus not mutated or
// moved, and the pointer keeps it so: it lies on the heap, and is not reached mutably while this one shares it. What the
// function had from elsewhere it could only give out if that lives as long as `T`, whose lifetimes stay as they were then.
unsafe impl<T: ?Sized> FutexWord for Part<T> {
    fn address(&self) -> *const AtomicU32 {
        self.word
    }
}

/// Why a [`FutexWait`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It was woken.
    Woken,
    /// The word had another value when the wait was to begin.
    Changed,
}

/// The flags of a word of 32 bits.
fn flags(shared: bool) -> FutexFlags {
    if shared {
        FutexFlags::SIZE_U32
    } else {
        FutexFlags::SIZE_U32 | FutexFlags::PRIVATE
    }
}

/// Waits until another thread wakes the word, if it has the expected value, as futex(2)'s `FUTEX_WAIT` does. Since
/// Linux 6.7.
///
/// The kernel looks at the value when it takes the operation. A wake is no promise that the value has changed.
#[derive(Debug)]
pub struct FutexWait<W> {
    word: W,
    expected: u32,
    mask: u32,
    shared: bool,
}

impl<W: FutexWord> FutexWait<W> {
    /// The word, and the value that it is expected to have.
    #[inline]
    pub fn new(word: W, expected: u32) -> Self {
        Self {
            word,
            expected,
            mask: u32::MAX,
            shared: false,
        }
    }

    /// Only wakers that have one of these bits. `EINVAL` for none.
    #[inline]
    #[must_use]
    pub fn mask(mut self, mask: u32) -> Self {
        self.mask = mask;
        self
    }

    /// The word lies in memory that processes share.
    #[inline]
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }
}

// SAFETY: the word stays valid while the value lives; the kernel reads it, atomically.
unsafe impl<W: FutexWord> Operation for FutexWait<W> {
    const OPCODE: u8 = opcode::FutexWait::CODE;

    type Output = Answered<W, Wake>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::FutexWait::new(
            self.word.address().cast(),
            self.expected.into(),
            self.mask.into(),
            flags(self.shared).bits(),
        )
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = match -cqe.result {
            libc::EAGAIN => Ok(Wake::Changed),
            _ => Error::check(Self::OPCODE, cqe.result).map(|_| Wake::Woken),
        };
        Answered {
            result,
            file: self.word,
        }
    }
}

/// Wakes those who wait on a word, in a ring or in futex(2), and gives how many. Since Linux 6.7.
#[derive(Debug)]
pub struct FutexWake<W> {
    word: W,
    most: u32,
    mask: u32,
    shared: bool,
}

impl<W: FutexWord> FutexWake<W> {
    /// The word, and how many to wake at most.
    #[inline]
    pub fn new(word: W, most: u32) -> Self {
        Self {
            word,
            most,
            mask: u32::MAX,
            shared: false,
        }
    }

    /// Only waiters that have one of these bits. `EINVAL` for none.
    #[inline]
    #[must_use]
    pub fn mask(mut self, mask: u32) -> Self {
        self.mask = mask;
        self
    }

    /// The word lies in memory that processes share.
    #[inline]
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }
}

// SAFETY: as for `FutexWait`.
unsafe impl<W: FutexWord> Operation for FutexWake<W> {
    const OPCODE: u8 = opcode::FutexWake::CODE;

    type Output = Answered<W, u32>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        // The kernel takes the number as a signed one.
        let most = self.most.min(i32::MAX as u32);
        *entry = opcode::FutexWake::new(
            self.word.address().cast(),
            most.into(),
            self.mask.into(),
            flags(self.shared).bits(),
        )
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result),
            file: self.word,
        }
    }
}

/// What came of a [`FutexWaitAny`], and its words.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct WokenAny<W, const N: usize> {
    /// Which word was woken; `None` if one had another value when the wait was to begin.
    pub result: Result<Option<usize>, Error>,
    /// The words.
    pub words: [W; N],
}

/// Waits until any of several words is woken, as futex_waitv(2) does. Since Linux 6.7.
///
/// `EINVAL` for none, or for more than 128. More than about 10 words do not fit a slot, and are allocated for.
#[derive(Debug)]
pub struct FutexWaitAny<W, const N: usize> {
    words: [W; N],
    vector: [types::FutexWaitV; N],
}

impl<W: FutexWord, const N: usize> FutexWaitAny<W, N> {
    /// The words, and the values that they are expected to have.
    pub fn new(words: [(W, u32); N]) -> Self {
        let vector = array::from_fn(|at| {
            types::FutexWaitV::new()
                .val(words[at].1.into())
                .flags(flags(false).bits())
        });
        let words = words.map(|(word, _)| word);
        Self { words, vector }
    }

    /// The words lie in memory that processes share.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.vector = self.vector.map(|one| one.flags(flags(true).bits()));
        self
    }
}

// SAFETY: the words stay valid while the value lives; the kernel reads them, atomically. The vector lies in the
// value, thus in the table; it is only read.
unsafe impl<W: FutexWord, const N: usize> Operation for FutexWaitAny<W, N> {
    const OPCODE: u8 = opcode::FutexWaitV::CODE;

    type Output = WokenAny<W, N>;

    fn prepare(&mut self, entry: &mut Entry) {
        for (one, word) in self.vector.iter_mut().zip(&self.words) {
            *one = one.uaddr(word.address().expose_provenance() as u64);
        }
        *entry = opcode::FutexWaitV::new(self.vector.as_ptr(), N as u32).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = match -cqe.result {
            libc::EAGAIN => Ok(None),
            _ => Error::check(Self::OPCODE, cqe.result).map(|index| Some(index as usize)),
        };
        WokenAny {
            result,
            words: self.words,
        }
    }
}
