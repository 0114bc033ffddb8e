//! Buffers that an operation may own while the kernel or a worker thread uses their bytes.
//!
//! A buffer moves into the operation and comes back with the result. What counts is that its bytes stay
//! where they are when the value itself moves: so a [`Vec`] is one and an array is not.
//!
//! | type | to write from | to read into |
//! |---|---|---|
//! | `Vec<u8>` | its elements | its whole capacity, from the beginning |
//! | `Box<[u8]>`, `&mut [u8]` | all of it | all of it |
//! | `&[u8]`, `&str`, `String`, `Arc<[u8]>` | all of it | no |
//! | [`RelayOut`], [`RelayIn`] | all of it, or up to a limit | all of it, or up to a limit |
//!
//! Borrowed buffers fit the scoped forms; outside of a scope only `&'static` ones do.

mod relay;

use std::sync::Arc;

pub use relay::{RelayIn, RelayOut, relay};

/// A buffer whose bytes can be written to a file.
///
/// # Safety
///
/// From the call of [`stable_ptr`](Self::stable_ptr) on, until the value is used again or dropped, the
/// [`bytes_init`](Self::bytes_init) bytes at that address stay valid and unchanged, for reads from any
/// thread, also if the value itself is moved. Only an operation of the kernel's, never code of this process, may
/// change them, where the type says so. A forgotten value keeps them valid for as long as the type's
/// lifetime lasts.
pub unsafe trait IoBuf {
    /// Where the bytes are.
    fn stable_ptr(&self) -> *const u8;

    /// The number of bytes.
    fn bytes_init(&self) -> usize;
}

/// A buffer whose bytes can be read from a file.
///
/// # Safety
///
/// From the call of [`stable_mut_ptr`](Self::stable_mut_ptr) on, until the value is used again or dropped,
/// the [`bytes_total`](Self::bytes_total) bytes at that address stay valid for reads and writes by the kernel from
/// any thread, and no code of this process uses them, also if the value itself is moved. A forgotten value keeps them valid
/// for as long as the type's lifetime lasts.
pub unsafe trait IoBufMut {
    /// Where the bytes are.
    fn stable_mut_ptr(&mut self) -> *mut u8;

    /// The number of bytes, initialised or not.
    fn bytes_total(&self) -> usize;

    /// Takes the first `count` bytes as initialised.
    ///
    /// # Safety
    ///
    /// They are, and `count` is at most [`bytes_total`](Self::bytes_total).
    unsafe fn set_init(&mut self, count: usize);
}

// SAFETY: the elements are on the heap, moving the vector leaves them there, and forgetting it leaks them.
unsafe impl IoBuf for Vec<u8> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

/// A read fills the capacity from the beginning. The vector then is as long as before, or as what was
/// read if that is more: the result says how many bytes are new.
// SAFETY: as for `IoBuf`; the capacity is the vector's own.
unsafe impl IoBufMut for Vec<u8> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn bytes_total(&self) -> usize {
        self.capacity()
    }

    #[inline]
    unsafe fn set_init(&mut self, count: usize) {
        if count > self.len() {
            // SAFETY: by the caller's promise they are initialised and within the capacity.
            unsafe { self.set_len(count) };
        }
    }
}

// SAFETY: the bytes are on the heap, moving the box leaves them there, and forgetting it leaks them.
unsafe impl IoBuf for Box<[u8]> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: as for `IoBuf`; the box owns its bytes alone.
unsafe impl IoBufMut for Box<[u8]> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn bytes_total(&self) -> usize {
        self.len()
    }

    unsafe fn set_init(&mut self, _: usize) {}
}

// SAFETY: the bytes are shared for the lifetime, which the value does not outlive.
unsafe impl IoBuf for &[u8] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: as for `&[u8]`.
unsafe impl IoBuf for &str {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: the bytes are borrowed for the lifetime, which the value does not outlive.
unsafe impl IoBuf for &mut [u8] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: as for `IoBuf`; nobody else uses what is borrowed mutably.
unsafe impl IoBufMut for &mut [u8] {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn bytes_total(&self) -> usize {
        self.len()
    }

    unsafe fn set_init(&mut self, _: usize) {}
}

// SAFETY: the bytes are on the heap, moving the string leaves them there, and forgetting it leaks them.
unsafe impl IoBuf for String {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: the bytes live as long as any owner, and nobody can change them while there is more than one:
// `Arc::get_mut` needs this very value.
unsafe impl IoBuf for Arc<[u8]> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}
