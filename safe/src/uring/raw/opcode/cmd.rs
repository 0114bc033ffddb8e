//! Commands to a file's driver: any, block device, NVMe.

use uring_sys::{io_uring_sqe, nvme_uring_cmd};

use super::entry_on;
use crate::uring::raw::sqe::{Entry, Entry128, Flags};
use crate::uring::raw::types::{UringCmdFlags, sealed::UseFixed};

builder! {
    /// Sends a command with up to 16 bytes of its own to the driver of a file, akin to ioctl(2).
    /// Since Linux 5.19.
    ///
    /// What the bytes, addresses and results mean belongs to the driver; what they lead to must
    /// stay valid until the final completion. `-EOPNOTSUPP` if the driver has no such command.
    UringCmd16 -> Entry = IORING_OP_URING_CMD {
        flags: UringCmdFlags | UringCmdFlags::STRUCTURE,
    }
}

builder! {
    /// [`UringCmd16`] with up to 80 bytes, for rings whose entries all have 128 bytes. Since Linux
    /// 5.19.
    UringCmd80 -> Entry128 = IORING_OP_URING_CMD {
        flags: UringCmdFlags | UringCmdFlags::STRUCTURE,
    }
}

builder! {
    /// [`UringCmd80`] for rings with entries of both sizes; it works on rings of 128-byte entries too.
    /// Since Linux 6.19.
    ///
    /// `-EINVAL` on a ring that has only 64-byte entries.
    UringCmd128 -> Entry128 = IORING_OP_URING_CMD128 {
        flags: UringCmdFlags | UringCmdFlags::STRUCTURE,
    }
}

// What all three can be asked for; they differ in the room for `cmd`.
macro_rules! command {
    ($($name:ident),+) => {$(
        impl $name {
            /// The file, and the driver's number for the command.
            #[inline]
            pub fn new(fd: impl UseFixed, cmd_op: u32) -> Self {
                Self(command(Self::CODE, fd, cmd_op, |_| ()).into())
            }

            /// The registered buffer that the command works on. `None` for memory that is not
            /// registered.
            #[inline]
            pub fn buf_index(mut self, buf_index: Option<u16>) -> Self {
                let sqe = self.0.as_raw_mut();
                sqe.set_buf_index(buf_index.unwrap_or(0));
                set(sqe, UringCmdFlags::FIXED, buf_index.is_some());
                self
            }

            /// The entry's address field: mostly a pointer, for some drivers a number.
            #[inline]
            pub fn addr(mut self, addr: Option<u64>) -> Self {
                self.0.as_raw_mut().set_addr(addr.unwrap_or(0));
                self
            }

            /// The entry's length field, for drivers that look at it.
            #[inline]
            pub fn len(mut self, len: u32) -> Self {
                self.0.as_raw_mut().len = len;
                self
            }

            /// Completes again and again, each time with a buffer of this group, until a completion
            /// lacks `F_MORE`. `-EINVAL` with a registered buffer. Since Linux 6.18.
            #[inline]
            pub fn multi(mut self, buf_group: u16) -> Self {
                let sqe = self.0.as_raw_mut();
                sqe.set_buf_group(buf_group);
                sqe.flags |= Flags::BUFFER_SELECT.bits();
                set(sqe, UringCmdFlags::MULTISHOT, true);
                self
            }
        }
    )+};
}

command!(UringCmd16, UringCmd80, UringCmd128);

impl UringCmd16 {
    /// The command's own bytes. Zeros unless set.
    #[inline]
    pub fn cmd(mut self, cmd: [u8; 16]) -> Self {
        set_first_bytes(self.0.as_raw_mut(), &cmd);
        self
    }
}

impl UringCmd80 {
    /// The command's own bytes. Zeros unless set.
    #[inline]
    pub fn cmd(mut self, cmd: [u8; 80]) -> Self {
        set_bytes(&mut self.0, &cmd);
        self
    }

    /// An NVMe command, for a ring that has 32-byte completions too (else `-EOPNOTSUPP`): the
    /// namespace or controller (`/dev/ng0n1`, `/dev/nvme0`), one of `NVME_URING_CMD_*`, and the
    /// command. Since Linux 5.19.
    #[inline]
    pub fn nvme(fd: impl UseFixed, cmd_op: u32, cmd: &nvme_uring_cmd) -> Self {
        Self::new(fd, cmd_op).cmd(nvme_bytes(cmd))
    }
}

impl UringCmd128 {
    /// The command's own bytes. Zeros unless set.
    #[inline]
    pub fn cmd(mut self, cmd: [u8; 80]) -> Self {
        set_bytes(&mut self.0, &cmd);
        self
    }

    /// An NVMe command, as [`UringCmd80::nvme`].
    #[inline]
    pub fn nvme(fd: impl UseFixed, cmd_op: u32, cmd: &nvme_uring_cmd) -> Self {
        Self::new(fd, cmd_op).cmd(nvme_bytes(cmd))
    }
}

builder! {
    /// Tells a block device that a range holds no data any more, like the ioctl `BLKDISCARD`. Since
    /// Linux 6.12.
    ///
    /// `-EINVAL` if the range is not aligned to logical blocks, `-EOPNOTSUPP` if the device cannot,
    /// `-EBADF` if it is not open for writing. Linux 7.0 answers `-EINVAL` unless the entry has
    /// [`Flags::ASYNC`].
    BlockDiscard -> Entry = IORING_OP_URING_CMD {}
}

impl BlockDiscard {
    /// The device, where the range begins, and how long it is, in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, offset: u64, len: u64) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::BLOCK_URING_CMD_DISCARD,
            |sqe| {
                sqe.set_addr(offset);
                sqe.set_addr3(len);
            },
        ))
    }
}

builder! {
    /// Resets all zones of a zoned block device. Since Linux 7.3.
    ///
    /// `-EOPNOTSUPP` if it has none.
    BlockZoneResetAll -> Entry = IORING_OP_URING_CMD {}
}

impl BlockZoneResetAll {
    /// The device.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::BLOCK_URING_CMD_ZONE_RESET_ALL,
            |_| (),
        ))
    }
}

/// A command entry, also for the commands to sockets.
#[inline]
pub(super) fn command(
    code: u8,
    fd: impl UseFixed,
    cmd_op: u32,
    fill: impl FnOnce(&mut io_uring_sqe),
) -> Entry {
    entry_on(code, fd, |sqe| {
        sqe.set_cmd_op(cmd_op);
        fill(sqe);
    })
}

#[inline]
fn set(sqe: &mut io_uring_sqe, flags: UringCmdFlags, on: bool) {
    let mut all = UringCmdFlags::from_bits_retain(sqe.uring_cmd_flags());
    all.set(flags, on);
    sqe.set_uring_cmd_flags(all.bits());
}

/// The 16 bytes that the 64-byte struct has for commands lie over two of its numbers.
#[inline]
fn set_first_bytes(sqe: &mut io_uring_sqe, cmd: &[u8; 16]) {
    let both = u128::from_ne_bytes(*cmd);
    let (low, high) = (both as u64, (both >> 64) as u64);
    let (first, second) = if cfg!(target_endian = "big") {
        (high, low)
    } else {
        (low, high)
    };
    sqe.set_addr3(first);
    sqe.set_pad2([second]);
}

#[inline]
fn set_bytes(entry: &mut Entry128, cmd: &[u8; 80]) {
    let (first, rest) = cmd.split_first_chunk::<16>().expect("80 is more than 16");
    set_first_bytes(entry.as_raw_mut(), first);
    entry.1.copy_from_slice(rest);
}

/// The command as the driver finds it in the entry: it leaves the last 8 of the 80 bytes alone.
#[inline]
pub(crate) fn nvme_bytes(cmd: &nvme_uring_cmd) -> [u8; 80] {
    // A struct without padding: its fields add up to its size.
    const _: () = assert!(size_of::<nvme_uring_cmd>() == 72);
    let mut bytes = [0; 80];
    // SAFETY: a reference is valid for reads of the size of what it refers to; the struct is
    // `repr(C)`, its fields are integers and leave no padding (1+1+2, 3 x 4, 2 x 8, 10 x 4 bytes
    // are 72), so each byte is initialised.
    let source: &[u8; 72] = unsafe { &*std::ptr::from_ref(cmd).cast() };
    bytes[..72].copy_from_slice(source);
    bytes
}
