//! Control messages: what travels beside the data of a message, see cmsg(3).

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

/// The bytes of a `cmsghdr`: its whole length, level, and type.
const HEADER: usize = size_of::<usize>() + 8;

/// `SCM_PIDFD`, since Linux 6.5.
pub(super) const SCM_PIDFD: i32 = 4;

/// The bytes of a descriptor.
const FD: usize = size_of::<i32>();

/// The room that a message takes whose data has so many bytes: `CMSG_SPACE`.
const fn space(data: usize) -> usize {
    HEADER + data.next_multiple_of(align_of::<usize>())
}

/// A message in a buffer.
struct Found {
    level: i32,
    kind: i32,
    /// Where its data is.
    data: Range<usize>,
    /// Where the next one begins.
    next: usize,
}

/// The message that begins at `at`, if one does.
fn find(bytes: &[u8], at: usize) -> Option<Found> {
    let header = bytes.get(at..)?;
    let len = usize::from_ne_bytes(*header.first_chunk()?);
    let header = header.get(size_of::<usize>()..)?;
    let level = i32::from_ne_bytes(*header.first_chunk()?);
    let kind = i32::from_ne_bytes(*header.get(4..)?.first_chunk()?);
    let data = at + HEADER..at.checked_add(len)?;
    if data.start > data.end || data.end > bytes.len() {
        return None;
    }
    Some(Found {
        level,
        kind,
        next: data.end.next_multiple_of(align_of::<usize>()),
        data,
    })
}

impl Found {
    /// Whether its data is descriptors that the process was given.
    fn is_descriptors(&self) -> bool {
        self.level == libc::SOL_SOCKET && matches!(self.kind, libc::SCM_RIGHTS | SCM_PIDFD)
    }
}

/// Takes the next descriptor of that type (or of any) out of received control messages, which then have -1 there.
///
/// # Safety
///
/// The bytes are what the kernel has written for a message, and were changed by this function alone.
pub(super) unsafe fn take_descriptor(bytes: &mut [u8], kind: Option<i32>) -> Option<OwnedFd> {
    let mut at = 0;
    while let Some(found) = find(bytes, at) {
        at = found.next;
        if !found.is_descriptors() || kind.is_some_and(|kind| kind != found.kind) {
            continue;
        }
        for number in bytes.get_mut(found.data)?.chunks_exact_mut(FD) {
            let fd = i32::from_ne_bytes(*number.first_chunk()?);
            number.copy_from_slice(&(-1i32).to_ne_bytes());
            if fd >= 0 {
                // SAFETY: the kernel has put it into the process's table for this message, nobody else knows of
                // it, and it is not there to be taken again.
                return Some(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    None
}

/// A control message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlMessage<'a> {
    /// So many descriptors (`SCM_RIGHTS`), which [`ReceivedControl::take_fds`] gives out.
    Rights(usize),
    /// A descriptor of the sender's process (`SCM_PIDFD`), which [`ReceivedControl::take_pidfd`] gives out.
    PidFd,
    /// When the packet came, since 1970 (`SO_TIMESTAMP`, `SO_TIMESTAMPNS`).
    Timestamp(Duration),
    /// When the packet came or went (`SO_TIMESTAMPING`): in software, unused, and by the device's clock. Zero for
    /// those that there are not.
    Timestamping([Duration; 3]),
    /// Who has sent it, if the socket has `SO_PASSCRED`.
    Credentials {
        /// The process.
        pid: u32,
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// Another one, such as `IP_PKTINFO`.
    Other {
        /// The protocol (`SOL_*`, `IPPROTO_*`).
        level: i32,
        /// The type.
        kind: i32,
        /// The data, at any alignment.
        data: &'a [u8],
    },
}

fn numbers<const N: usize>(data: &[u8]) -> Option<[u32; N]> {
    let mut numbers = [0; N];
    if data.len() != 4 * N {
        return None;
    }
    for (number, bytes) in numbers.iter_mut().zip(data.chunks_exact(4)) {
        *number = u32::from_ne_bytes(*bytes.first_chunk()?);
    }
    Some(numbers)
}

/// Points in time: seconds, and parts of a second of so many nanoseconds each.
fn times<const N: usize>(data: &[u8], nanoseconds: u32) -> Option<[Duration; N]> {
    // Two words each, of 64 bits or, on old interfaces of 32-bit machines, 32.
    let word = data.len() / (2 * N);
    if !matches!(word, 4 | 8) || data.len() != 2 * N * word {
        return None;
    }
    let number = |bytes: &[u8]| -> Option<u64> {
        match bytes.len() {
            8 => Some(u64::from_ne_bytes(*bytes.first_chunk()?)),
            _ => Some(u32::from_ne_bytes(*bytes.first_chunk()?).into()),
        }
    };
    let mut times = [Duration::ZERO; N];
    for (time, bytes) in times.iter_mut().zip(data.chunks_exact(2 * word)) {
        let (seconds, parts) = bytes.split_at(word);
        let parts = u32::try_from(number(parts)?).ok()?;
        let parts = parts
            .checked_mul(nanoseconds)
            .filter(|&n| n < 1_000_000_000)?;
        *time = Duration::new(number(seconds)?, parts);
    }
    Some(times)
}

/// The kinds whose times have 64 bits everywhere, which libc has for some targets alone (asm-generic/socket.h, and that
/// of sparc).
mod wide_times {
    const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));

    pub(super) const SO_TIMESTAMP_NEW: i32 = if SPARC { 0x46 } else { 63 };
    pub(super) const SO_TIMESTAMPNS_NEW: i32 = if SPARC { 0x42 } else { 64 };
    pub(super) const SO_TIMESTAMPING_NEW: i32 = if SPARC { 0x43 } else { 65 };
}

impl<'a> ControlMessage<'a> {
    fn of(found: &Found, bytes: &'a [u8]) -> Option<Self> {
        let data = bytes.get(found.data.clone())?;
        let (level, kind) = (found.level, found.kind);
        let other = Self::Other { level, kind, data };
        if level != libc::SOL_SOCKET {
            return Some(other);
        }
        let typed = match kind {
            libc::SCM_RIGHTS => Some(Self::Rights(data.len() / FD)),
            SCM_PIDFD => Some(Self::PidFd),
            libc::SCM_CREDENTIALS => {
                numbers(data).map(|[pid, uid, gid]| Self::Credentials { pid, uid, gid })
            }
            libc::SO_TIMESTAMP | wide_times::SO_TIMESTAMP_NEW => {
                times(data, 1000).map(|[time]| Self::Timestamp(time))
            }
            libc::SO_TIMESTAMPNS | wide_times::SO_TIMESTAMPNS_NEW => {
                times(data, 1).map(|[time]| Self::Timestamp(time))
            }
            libc::SO_TIMESTAMPING | wide_times::SO_TIMESTAMPING_NEW => {
                times(data, 1).map(Self::Timestamping)
            }
            _ => None,
        };
        Some(typed.unwrap_or(other))
    }
}

/// The control messages in some bytes.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = ControlMessage<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let found = find(bytes, at)?;
        at = found.next;
        ControlMessage::of(&found, bytes)
    })
}

/// Room for the control messages that come with a message, and those that came.
///
/// Descriptors that came and that nobody takes are closed when it is dropped or used again.
#[derive(Default)]
pub struct ReceivedControl {
    bytes: Box<[u8]>,
    /// How many of them the kernel has written.
    len: usize,
}

impl ReceivedControl {
    /// Room for so many bytes of control messages; [`space`](Self::space) tells how many one needs.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into(),
            len: 0,
        }
    }

    /// The room that a control message takes whose data has so many bytes (`CMSG_SPACE`): a descriptor has 4, a
    /// time stamp 16, an `IP_PKTINFO` 12.
    pub const fn space(data: usize) -> usize {
        space(data)
    }

    /// The messages that came.
    pub fn messages(&self) -> impl Iterator<Item = ControlMessage<'_>> {
        messages(self.bytes.get(..self.len).unwrap_or_default())
    }

    /// Takes the descriptors that came (`SCM_RIGHTS`), which are closed by execve(2): each once.
    pub fn take_fds(&mut self) -> impl Iterator<Item = OwnedFd> {
        std::iter::from_fn(|| self.take(Some(libc::SCM_RIGHTS)))
    }

    /// Takes the descriptor of the sender's process (`SCM_PIDFD`), if one came.
    pub fn take_pidfd(&mut self) -> Option<OwnedFd> {
        self.take(Some(SCM_PIDFD))
    }

    fn take(&mut self, kind: Option<i32>) -> Option<OwnedFd> {
        let bytes = self.bytes.get_mut(..self.len)?;
        // SAFETY: the kernel has written so many bytes, and nobody changes them but that function.
        unsafe { take_descriptor(bytes, kind) }
    }

    /// Makes room, and says where and how much.
    pub(super) fn room(&mut self) -> (*mut u8, usize) {
        self.clear();
        (self.bytes.as_mut_ptr(), self.bytes.len())
    }

    /// Takes so many bytes as written.
    ///
    /// # Safety
    ///
    /// The kernel has written them for one message, to where [`room`](Self::room) has said, and nobody has seen them.
    pub(super) unsafe fn set_len(&mut self, len: impl TryInto<usize>) {
        // The type of the length differs between C libraries.
        self.len = len.try_into().unwrap_or(0).min(self.bytes.len());
    }

    fn clear(&mut self) {
        while let Some(fd) = self.take(None) {
            drop(fd);
        }
        self.len = 0;
    }
}

impl Drop for ReceivedControl {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Debug for ReceivedControl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.messages()).finish()
    }
}

/// Control messages to be sent with a message.
#[derive(Debug, Default)]
pub struct SentControl {
    bytes: Vec<u8>,
    /// What the descriptors among them mean. They are open until the operation is over.
    fds: Vec<OwnedFd>,
}

impl SentControl {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends descriptors along (`SCM_RIGHTS`, at most 253), over a unix socket: the receiver gets descriptors of
    /// its own.
    #[must_use]
    pub fn fds(mut self, fds: impl IntoIterator<Item = impl Into<OwnedFd>>) -> Self {
        use std::os::fd::AsRawFd;
        let first = self.fds.len();
        self.fds.extend(fds.into_iter().map(Into::into));
        let fds = self.fds.get(first..).unwrap_or_default();
        let data: Vec<u8> = fds
            .iter()
            .flat_map(|fd| fd.as_raw_fd().to_ne_bytes())
            .collect();
        self.append(libc::SOL_SOCKET, libc::SCM_RIGHTS, &data);
        self
    }

    /// Sends another message of the levels `SOL_SOCKET`, `IPPROTO_IP`, `IPPROTO_IPV6` or `IPPROTO_UDP`, such as
    /// `IP_PKTINFO` or `UDP_SEGMENT`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for others, whose data may lead to memory, and for `SCM_RIGHTS`, which has
    /// [`fds`](Self::fds).
    pub fn message(mut self, level: i32, kind: i32, data: &[u8]) -> io::Result<Self> {
        let plain = [libc::IPPROTO_IP, libc::IPPROTO_IPV6, libc::IPPROTO_UDP];
        if !plain.contains(&level) && (level != libc::SOL_SOCKET || kind == libc::SCM_RIGHTS) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.append(level, kind, data);
        Ok(self)
    }

    fn append(&mut self, level: i32, kind: i32, data: &[u8]) {
        let end = self.bytes.len() + space(data.len());
        self.bytes
            .extend_from_slice(&(HEADER + data.len()).to_ne_bytes());
        self.bytes.extend_from_slice(&level.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(data);
        self.bytes.resize(end, 0);
    }

    /// Where the bytes are, and how many.
    pub(super) fn bytes(&mut self) -> (*mut u8, usize) {
        (self.bytes.as_mut_ptr(), self.bytes.len())
    }

    /// Gives back the descriptors that were to be sent.
    pub fn into_fds(self) -> Vec<OwnedFd> {
        self.fds
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn sent(parts: &[(i32, i32, &[u8])]) -> Vec<u8> {
        let mut control = SentControl::new();
        for (level, kind, data) in parts {
            control.append(*level, *kind, data);
        }
        control.bytes
    }

    #[test]
    fn messages_are_found_with_their_types() {
        let word = |n: i64| n.to_ne_bytes();
        let stamp = [word(5), word(7)].concat();
        let none = [word(0), word(0)].concat();
        let bytes = sent(&[
            (libc::IPPROTO_IP, 8, b"pktinfo......"),
            (libc::SOL_SOCKET, 63, &stamp),
            (libc::SOL_SOCKET, 64, &stamp),
            (libc::SOL_SOCKET, 65, &[&stamp[..], &none, &stamp].concat()),
            (libc::SOL_SOCKET, libc::SCM_RIGHTS, &[255; 12]),
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &[0; 12]),
            (libc::SOL_SOCKET, 64, b"short"),
        ]);
        let other = |level, kind, data| ControlMessage::Other { level, kind, data };
        let nanos = Duration::new(5, 7);
        let expected = [
            other(libc::IPPROTO_IP, 8, b"pktinfo......"),
            ControlMessage::Timestamp(Duration::new(5, 7000)),
            ControlMessage::Timestamp(nanos),
            ControlMessage::Timestamping([nanos, Duration::ZERO, nanos]),
            ControlMessage::Rights(3),
            ControlMessage::Credentials {
                pid: 0,
                uid: 0,
                gid: 0,
            },
            other(libc::SOL_SOCKET, 64, b"short"),
        ];
        assert_eq!(messages(&bytes).collect::<Vec<_>>(), expected);
    }

    /// Whatever the bytes are, nothing outside of them is read, and it ends.
    #[test]
    fn any_bytes_can_be_read() {
        let whole = sent(&[(1, 2, b"abc"), (1, 3, b"defghijkl")]);
        for len in 0..whole.len() {
            assert!(messages(&whole[..len]).count() <= 1 || len + 8 > whole.len());
        }
        for seed in 0..2000u32 {
            let mut state = seed;
            let mut bytes = whole.clone();
            for byte in &mut bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if state >> 30 == 0 {
                    *byte = (state >> 8) as u8;
                }
            }
            assert!(messages(&bytes).count() <= bytes.len() / HEADER);
        }
        let huge = usize::MAX.to_ne_bytes();
        assert_eq!(messages(&[&huge[..], &[0; 64]].concat()).count(), 0);
    }
}
