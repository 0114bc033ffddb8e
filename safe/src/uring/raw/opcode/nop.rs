//! Doing nothing: for tests, measurements, and as a link in a chain.

use uring_sys::io_uring_sqe;

use super::entry;
use crate::uring::raw::sqe::{Entry, Entry128};
use crate::uring::raw::types::NopFlags;
use crate::uring::raw::types::sealed::{Target, UseFixed};

builder! {
    /// Does nothing, and completes with 0. Since Linux 5.1.
    ///
    /// `-EINVAL` for flags that the kernel does not know; before Linux 6.10 it ignores them.
    Nop -> Entry = IORING_OP_NOP { flags: NopFlags | NopFlags::STRUCTURE }
}

builder! {
    /// [`Nop`] of 128 bytes. Since Linux 6.19.
    ///
    /// `-EINVAL` on a ring that has only 64-byte entries.
    Nop128 -> Entry128 = IORING_OP_NOP128 { flags: NopFlags | NopFlags::STRUCTURE }
}

// What both can be asked for; the two differ in size alone.
macro_rules! nop {
    ($($name:ident),+) => {$(
        impl $name {
            /// Nothing.
            #[inline]
            #[expect(clippy::new_without_default, reason = "nobody wants any entry at all")]
            pub fn new() -> Self {
                Self(entry(Self::CODE, -1, |_| ()).into())
            }

            /// Completes with this result. Since Linux 6.10.
            #[inline]
            pub fn result(mut self, result: i32) -> Self {
                let sqe = self.0.as_raw_mut();
                sqe.len = result as u32;
                add(sqe, NopFlags::INJECT_RESULT);
                self
            }

            /// Looks this file up, as an operation on it would. Since Linux 6.13.
            #[inline]
            pub fn file(mut self, fd: impl UseFixed) -> Self {
                let sqe = self.0.as_raw_mut();
                match fd.into() {
                    Target::Fd(fd) => {
                        sqe.fd = fd;
                        add(sqe, NopFlags::FILE);
                    }
                    Target::Fixed(slot) => {
                        sqe.fd = slot as i32;
                        add(sqe, NopFlags::FILE.union(NopFlags::FIXED_FILE));
                    }
                }
                self
            }

            /// Looks this registered buffer up; `-EFAULT` for a bad index, but 0 on some older
            /// kernels. Since Linux 6.13.
            #[inline]
            pub fn buf_index(mut self, buf_index: u16) -> Self {
                let sqe = self.0.as_raw_mut();
                sqe.set_buf_index(buf_index);
                add(sqe, NopFlags::FIXED_BUFFER);
                self
            }

            /// Completes with 32 bytes, these in the second half. `-EINVAL` on a ring that has no
            /// such completions. Since Linux 6.18.
            #[inline]
            pub fn cqe32(mut self, extra1: u64, extra2: u64) -> Self {
                let sqe = self.0.as_raw_mut();
                sqe.set_off(extra1);
                sqe.set_addr(extra2);
                add(sqe, NopFlags::CQE32);
                self
            }
        }
    )+};
}

nop!(Nop, Nop128);

#[inline]
fn add(sqe: &mut io_uring_sqe, flags: NopFlags) {
    sqe.set_nop_flags(sqe.nop_flags() | flags.bits());
}
