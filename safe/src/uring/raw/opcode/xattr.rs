//! Extended attributes.

use libc::{c_char, c_void};

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{XattrFlags, sealed::UseFixed};

builder! {
    /// Reads an attribute of a path, like getxattr(2); the result is its length. Since Linux 5.19.
    ///
    /// Name and path must stay valid until submitted, `value` until the final completion. `-ERANGE`
    /// if `len` is too small; with 0 only the length is told.
    GetXattr -> Entry = IORING_OP_GETXATTR {}
}

impl GetXattr {
    /// The attribute's name, the buffer for its value, the file's path, and the buffer's length in
    /// bytes.
    #[inline]
    pub fn new(name: *const c_char, value: *mut c_void, path: *const c_char, len: u32) -> Self {
        Self(entry(Self::CODE, 0, |sqe| {
            sqe.set_addr(address(name));
            sqe.set_addr2(address(value));
            sqe.set_addr3(address(path));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Sets an attribute of a path, like setxattr(2). Since Linux 5.19.
    ///
    /// Name, path and value must stay valid until submitted.
    SetXattr -> Entry = IORING_OP_SETXATTR { flags: XattrFlags as i32 }
}

impl SetXattr {
    /// The attribute's name, its value, the file's path, and the value's length in bytes.
    #[inline]
    pub fn new(name: *const c_char, value: *const c_void, path: *const c_char, len: u32) -> Self {
        Self(entry(Self::CODE, 0, |sqe| {
            sqe.set_addr(address(name));
            sqe.set_addr2(address(value));
            sqe.set_addr3(address(path));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Reads an attribute of an open file, like fgetxattr(2); the result is its length. Since Linux
    /// 5.19.
    ///
    /// The name must stay valid until submitted, `value` until the final completion. `-ERANGE` if
    /// `len` is too small; with 0 only the length is told.
    FGetXattr -> Entry = IORING_OP_FGETXATTR {}
}

impl FGetXattr {
    /// The file, the attribute's name, the buffer for its value, and the buffer's length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, name: *const c_char, value: *mut c_void, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(name));
            sqe.set_addr2(address(value));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Sets an attribute of an open file, like fsetxattr(2). Since Linux 5.19.
    ///
    /// Name and value must stay valid until submitted.
    FSetXattr -> Entry = IORING_OP_FSETXATTR { flags: XattrFlags as i32 }
}

impl FSetXattr {
    /// The file, the attribute's name, its value, and the value's length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, name: *const c_char, value: *const c_void, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(name));
            sqe.set_addr2(address(value));
            sqe.len = len;
        }))
    }
}
