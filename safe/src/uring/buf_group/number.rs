//! Numbers of buffer groups: no two groups of the process have the same.
//!
//! A ring knows its groups by number alone. Were numbers given out ring by ring, then an operation with a group of
//! one ring, pushed to another, would have the kernel fill another group's buffers.

use std::sync::atomic::{AtomicU32, Ordering};

const WORD: u32 = u32::BITS;

/// A bit for each number that is in use. No lock, which a forked child might find locked.
static USED: [AtomicU32; 65536 / WORD as usize] =
    [const { AtomicU32::new(0) }; 65536 / WORD as usize];

/// The number of a group. It is free again when this is dropped: once the kernel does not know the group any more,
/// or can be told of it no more, and no handle to it is left.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::uring) struct Number(u16);

impl Number {
    /// The lowest free number, if that is at most `most`.
    pub(in crate::uring) fn take(most: u16) -> Option<Self> {
        for (index, word) in (0u32..).zip(&USED) {
            let mut seen = word.load(Ordering::Relaxed);
            while seen != u32::MAX {
                let bit = seen.trailing_ones();
                let number = u16::try_from(index * WORD + bit).ok()?;
                if number > most {
                    return None;
                }
                // Acquire: pairs with the release in `drop`, so that all use of the number there is before this.
                match word.compare_exchange_weak(
                    seen,
                    seen | 1 << bit,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return Some(Self(number)),
                    Err(now) => seen = now,
                }
            }
        }
        None
    }

    pub(in crate::uring) fn get(&self) -> u16 {
        self.0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let (index, bit) = (u32::from(self.0) / WORD, u32::from(self.0) % WORD);
        USED[index as usize].fetch_and(!(1 << bit), Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Other tests of the process take numbers as well.
    #[test]
    fn numbers_differ_and_are_used_again() {
        let numbers: Vec<Number> = (0..100).filter_map(|_| Number::take(2047)).collect();
        assert_eq!(numbers.len(), 100);
        for (index, number) in numbers.iter().enumerate() {
            assert!(!numbers[..index].contains(number));
        }
        drop(numbers);
        assert!((0..60_000).all(|_| Number::take(4000).is_some()));
    }

    #[test]
    fn no_number_beyond_the_most() {
        let mut numbers = Vec::new();
        while let Some(number) = Number::take(9) {
            assert!(number.get() <= 9);
            numbers.push(number);
        }
        assert!(numbers.len() <= 10);
    }
}
