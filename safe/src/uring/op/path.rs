//! Paths and names that an operation owns.

use std::ffi::{CStr, CString, NulError, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::Arc;

/// A string that ends with a NUL byte, which an operation can own while it is in flight: `CString`,
/// `&'static CStr` (so also `c"/etc/hosts"`), or within a scope any `&CStr`.
///
/// # Safety
///
/// From the call of [`stable_path`](Self::stable_path) on, until the value is used again or dropped, the string
/// at that address stays valid and unchanged, for reads from any thread, also if the value itself is moved. A
/// forgotten value keeps it valid for as long as the type's lifetime lasts.
pub unsafe trait PathArg {
    /// Where the string is.
    fn stable_path(&self) -> *const c_char;
}

// SAFETY: the bytes are on the heap, moving the string leaves them there, and forgetting it leaks them.
unsafe impl PathArg for CString {
    #[inline]
    fn stable_path(&self) -> *const c_char {
        self.as_ptr()
    }
}

// SAFETY: as for `CString`.
unsafe impl PathArg for Box<CStr> {
    #[inline]
    fn stable_path(&self) -> *const c_char {
        self.as_ptr()
    }
}

// SAFETY: the bytes are shared for the lifetime, which the value does not outlive.
unsafe impl PathArg for &CStr {
    #[inline]
    fn stable_path(&self) -> *const c_char {
        self.as_ptr()
    }
}

// SAFETY: the bytes live as long as any owner, and nobody can change them while there is more than one.
unsafe impl PathArg for Arc<CStr> {
    #[inline]
    fn stable_path(&self) -> *const c_char {
        self.as_ptr()
    }
}

// SAFETY: as for `Arc`. The kernel's reads touch no count.
unsafe impl PathArg for Rc<CStr> {
    #[inline]
    fn stable_path(&self) -> *const c_char {
        self.as_ptr()
    }
}

/// A path as operations take it.
///
/// # Errors
///
/// If there is a NUL byte in it.
pub fn path(path: impl AsRef<OsStr>) -> Result<CString, NulError> {
    CString::new(path.as_ref().as_bytes())
}
