//! Reading and receiving into buffers of a group, which the kernel picks.

use super::msg_flags::picked;
use super::{Answered, Cqe, End, Ended, Entry, Error, Multishot, Operation};
use crate::uring::RingId;
use crate::uring::buf_group::{BufGroup, Bundle, Lent};
use crate::uring::handle::Handle;
use crate::uring::raw::squeue::Flags;
use crate::uring::raw::types::{MsgFlags, RwFlags, SendRecvFlags};
use crate::uring::raw::{opcode, types};

/// The buffers of a completion, or its error. `EIO` if the kernel names a buffer that it does not have.
#[inline]
pub(super) fn bundle(opcode: u8, group: &BufGroup, cqe: Cqe) -> Result<Bundle, Error> {
    // Also of an error: it may name a buffer, which then goes back.
    let claimed = group.claim(cqe);
    Error::check(opcode, cqe.result)?;
    match claimed {
        Some(bundle) => Ok(bundle),
        None => Err(Error::of(opcode, libc::EIO)),
    }
}

/// As [`bundle`], of an operation that fills one buffer at a time.
#[inline]
pub(super) fn lent(opcode: u8, group: &BufGroup, cqe: Cqe) -> Result<Lent, Error> {
    bundle(opcode, group, cqe).map(Bundle::only)
}

/// Receives into a buffer of a group, as recv(2) does. Since Linux 5.7, with groups since 5.19.
///
/// Gives what has come; no bytes when the peer has closed its side.
///
/// # Errors
///
/// As for [`Recv`](super::Recv), and `ENOBUFS` if data is there and the group is empty.
#[derive(Debug)]
pub struct RecvSelect<F> {
    file: F,
    group: BufGroup,
    flags: MsgFlags,
    how: SendRecvFlags,
    most: u32,
}

impl<F: Handle> RecvSelect<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            file,
            group: group.clone(),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            most: 0,
        }
    }

    /// `MSG_*`, see recv(2): those that [`MsgFlags`] has names for, but for [`MsgFlags::TRUNC`].
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = picked(flags);
        self
    }

    /// As [`Recv::poll_first`](super::Recv::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }

    /// At most so many bytes; 0 for as many as a buffer holds. Not from an
    /// [incremental](crate::uring::BufGroupBuilder::incremental) group.
    #[must_use]
    pub fn most(mut self, bytes: u32) -> Self {
        self.most = bytes;
        self
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Operation for RecvSelect<F> {
    const OPCODE: u8 = opcode::Recv::CODE;
    const NOTES: bool = true;

    type Output = Answered<F, Lent>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring) && self.group.allows(self.most)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Recv::new(self.file.target(), std::ptr::null_mut(), self.most)
            .buf_group(self.group.number())
            .with_flags(self.flags)
            .with_ioprio(self.how)
            .build()
            .flags(Flags::BUFFER_SELECT);
    }

    #[inline]
    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: by the caller's promise; the kernel does not know the field.
        unsafe { &(*this).group }.note(cqe);
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: lent(Self::OPCODE, &self.group, cqe),
            file: self.file,
        }
    }
}

/// Reads into a buffer of a group, as pread(2) does. Since Linux 5.7, with groups since 5.19.
///
/// Gives what was read; no bytes at the end of the file. Not from an
/// [incremental](crate::uring::BufGroupBuilder::incremental) group.
///
/// # Errors
///
/// As for [`Read`](super::Read), and `ENOBUFS` if the group is empty.
#[derive(Debug)]
pub struct ReadSelect<F> {
    file: F,
    group: BufGroup,
    offset: u64,
    flags: RwFlags,
    most: u32,
}

impl<F: Handle> ReadSelect<F> {
    /// From where, and into which buffers; at the file's own position.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            file,
            group: group.clone(),
            offset: u64::MAX,
            flags: RwFlags::empty(),
            most: 0,
        }
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// `RWF_*`, see preadv2(2).
    #[must_use]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }

    /// At most so many bytes; 0 for as many as a buffer holds.
    #[must_use]
    pub fn most(mut self, bytes: u32) -> Self {
        self.most = bytes;
        self
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Operation for ReadSelect<F> {
    const OPCODE: u8 = opcode::Read::CODE;
    const NOTES: bool = true;

    type Output = Answered<F, Lent>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring) && self.group.allows_files()
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        // Unlike a receive, a read of 0 bytes reads nothing.
        let most = match self.most {
            0 => self.group.size() as u32,
            most => most,
        };
        *entry = opcode::Read::new(self.file.target(), std::ptr::null_mut(), most)
            .buf_group(self.group.number())
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build()
            .flags(Flags::BUFFER_SELECT);
    }

    #[inline]
    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: as in `RecvSelect`.
        unsafe { &(*this).group }.note(cqe);
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: lent(Self::OPCODE, &self.group, cqe),
            file: self.file,
        }
    }
}

/// Receives into several buffers of a group at once, as much as is there. Since Linux 6.10.
///
/// How many buffers it fills is up to the kernel: data and buffers may be left.
///
/// # Errors
///
/// As for [`RecvSelect`]; `EINVAL` before Linux 6.10.
#[derive(Debug)]
pub struct RecvBundle<F>(RecvSelect<F>);

impl<F: Handle> RecvBundle<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self(RecvSelect::new(file, group))
    }

    /// As [`RecvSelect::flags`].
    #[must_use]
    pub fn flags(self, flags: MsgFlags) -> Self {
        Self(self.0.flags(flags))
    }

    /// As [`RecvSelect::poll_first`].
    #[must_use]
    pub fn poll_first(self) -> Self {
        Self(self.0.poll_first())
    }

    /// At most so many bytes in all; 0 for no limit. Not from an
    /// [incremental](crate::uring::BufGroupBuilder::incremental) group.
    #[must_use]
    pub fn most(self, bytes: u32) -> Self {
        Self(self.0.most(bytes))
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Operation for RecvBundle<F> {
    const OPCODE: u8 = opcode::RecvBundle::CODE;
    const NOTES: bool = true;

    type Output = Answered<F, Bundle>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.0.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let this = &self.0;
        *entry = opcode::RecvBundle::new(this.file.target(), this.group.number())
            .len(this.most)
            .with_flags(this.flags)
            .with_ioprio(this.how)
            .build();
    }

    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: as in `RecvSelect`.
        unsafe { &(*this).0.group }.note(cqe);
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: bundle(Self::OPCODE, &self.0.group, cqe),
            file: self.0.file,
        }
    }
}

/// Receives into buffers of a group until the peer has closed its side: each item is what has come. Since Linux 6.0.
///
/// It ends with an item of no bytes when the peer is done, with `ENOBUFS` when data is there and the group is empty,
/// and sometimes just so: [`Ended::end`] tells. A datagram of no bytes ends it as well, and looks like the end.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{BufGroup, Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let group = BufGroup::builder(4, 4096).register(&mut ring)?;
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let mut stream = ring.push_multishot(op::RecvMultishot::new(ours, &group))?;
/// let mut data = Vec::new();
/// for word in ["many ", "small ", "words"] {
///     theirs.write_all(word.as_bytes())?;
///     let lent = ring.next(&mut stream)?.expect("it goes on")?;
///     data.extend_from_slice(&lent);
/// }
/// drop(theirs);
/// assert!(ring.next(&mut stream)?.expect("the end")?.is_empty());
/// assert!(ring.next(&mut stream)?.is_none());
/// assert_eq!(data, b"many small words");
/// let ended = stream.finish().expect("it is over");
/// assert_eq!(ended.end, op::End::Finished);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As for [`RecvSelect`]; `EINVAL` for [`MsgFlags::WAITALL`].
#[derive(Debug)]
pub struct RecvMultishot<F> {
    receive: RecvSelect<F>,
    total: u32,
    end: End,
}

impl<F: Handle> RecvMultishot<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            receive: RecvSelect::new(file, group),
            total: 0,
            end: End::Stopped,
        }
    }

    /// As [`RecvSelect::flags`].
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.receive = self.receive.flags(flags);
        self
    }

    /// As [`RecvSelect::poll_first`].
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.receive = self.receive.poll_first();
        self
    }

    /// At most so many bytes with each item; 0 for as many as a buffer holds.
    #[must_use]
    pub fn most(mut self, bytes: u32) -> Self {
        self.receive = self.receive.most(bytes);
        self
    }

    /// Ends it ([`End::Stopped`]) with the item that makes it so many bytes in all, or more; 0 for no limit. Since Linux
    /// 6.17.
    #[must_use]
    pub fn total(mut self, bytes: u32) -> Self {
        self.total = bytes;
        self
    }

    /// Keeps why it ends.
    ///
    /// # Safety
    ///
    /// As for [`Multishot::item`].
    #[inline]
    unsafe fn ends(this: *mut Self, cqe: Cqe) {
        if let Some(end) = End::of(opcode::Recv::CODE, cqe, true) {
            // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
            unsafe { (*this).end = end };
        }
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Multishot for RecvMultishot<F> {
    const OPCODE: u8 = opcode::RecvMulti::CODE;
    const NOTES: bool = true;

    type Item = Result<Lent, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.receive.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let this = &self.receive;
        *entry = opcode::RecvMulti::new(this.file.target(), this.group.number())
            .len(this.most)
            .total_len(self.total)
            .with_flags(this.flags)
            .with_ioprio(this.how)
            .build();
    }

    #[inline]
    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: as in `RecvSelect`.
        unsafe { &(*this).receive.group }.note(cqe);
    }

    #[inline]
    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: by the caller's promise; the kernel does not know the field.
        let group = unsafe {
            Self::ends(this, cqe);
            &(*this).receive.group
        };
        lent(Self::OPCODE, group, cqe)
    }

    fn rest(self) -> Ended<F> {
        Ended {
            end: self.end,
            file: self.receive.file,
        }
    }
}

/// As [`RecvMultishot`], where each item may fill several buffers, as with [`RecvBundle`]. Since Linux 6.10.
///
/// # Errors
///
/// As for [`RecvBundle`].
#[derive(Debug)]
pub struct RecvBundleMultishot<F>(RecvMultishot<F>);

impl<F: Handle> RecvBundleMultishot<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self(RecvMultishot::new(file, group))
    }

    /// As [`RecvSelect::flags`].
    #[must_use]
    pub fn flags(self, flags: MsgFlags) -> Self {
        Self(self.0.flags(flags))
    }

    /// As [`RecvSelect::poll_first`].
    #[must_use]
    pub fn poll_first(self) -> Self {
        Self(self.0.poll_first())
    }

    /// At most so many bytes with each item; 0 for no limit.
    #[must_use]
    pub fn most(self, bytes: u32) -> Self {
        Self(self.0.most(bytes))
    }

    /// As [`RecvMultishot::total`].
    #[must_use]
    pub fn total(self, bytes: u32) -> Self {
        Self(self.0.total(bytes))
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Multishot for RecvBundleMultishot<F> {
    const OPCODE: u8 = opcode::RecvMultiBundle::CODE;
    const NOTES: bool = true;

    type Item = Result<Bundle, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.0.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let this = &self.0.receive;
        *entry = opcode::RecvMultiBundle::new(this.file.target(), this.group.number())
            .len(this.most)
            .total_len(self.0.total)
            .with_flags(this.flags)
            .with_ioprio(this.how)
            .build();
    }

    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: as in `RecvSelect`.
        unsafe { &(*this).0.receive.group }.note(cqe);
    }

    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: as in `RecvMultishot`.
        let group = unsafe {
            RecvMultishot::ends(&raw mut (*this).0, cqe);
            &(*this).0.receive.group
        };
        bundle(Self::OPCODE, group, cqe)
    }

    fn rest(self) -> Ended<F> {
        self.0.rest()
    }
}

/// Reads into buffers of a group until the file ends: each item is what was read. For files that can be polled, such as
/// pipes, sockets and terminals. Since Linux 6.7.
///
/// It ends as [`RecvMultishot`] does.
///
/// # Errors
///
/// As for [`ReadSelect`]; `EBADFD` for a file that cannot be polled.
#[derive(Debug)]
pub struct ReadMultishot<F> {
    read: ReadSelect<F>,
    end: End,
}

impl<F: Handle> ReadMultishot<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            read: ReadSelect::new(file, group),
            end: End::Stopped,
        }
    }

    /// `RWF_*`, see preadv2(2).
    #[must_use]
    pub fn flags(mut self, flags: RwFlags) -> Self {
        self.read = self.read.flags(flags);
        self
    }
}

// SAFETY: the memory is the group's, which the value keeps.
unsafe impl<F: Handle> Multishot for ReadMultishot<F> {
    const OPCODE: u8 = opcode::ReadMulti::CODE;
    const NOTES: bool = true;

    type Item = Result<Lent, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.read.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let this = &self.read;
        *entry = opcode::ReadMulti::new(this.file.target(), 0, this.group.number())
            .offset(this.offset)
            .with_rw_flags(this.flags)
            .build();
    }

    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: as in `RecvSelect`.
        unsafe { &(*this).read.group }.note(cqe);
    }

    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
        let group = unsafe {
            if let Some(end) = End::of(Self::OPCODE, cqe, true) {
                (*this).end = end;
            }
            &(*this).read.group
        };
        lent(Self::OPCODE, group, cqe)
    }

    fn rest(self) -> Ended<F> {
        Ended {
            end: self.end,
            file: self.read.file,
        }
    }
}
