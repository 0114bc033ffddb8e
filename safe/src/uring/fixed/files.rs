//! Fixed files: a ring's own table of files, and handles that free their slots.
//!
//! A slot is emptied when its last handle is gone. An operation owns a handle of the file that it works on,
//! so by then no operation that names the slot is queued or in flight, and the order relative to those that
//! are does not matter. The handle only notes the slot; the ring tells the kernel when it enters it
//! next, before it shows the queued entries, and only then the slot is used again.
//!
//! A slot of our own is either free, or all its handles are clones of one: so when the kernel chooses one, as some kernels
//! do, only a free one gets a handle. They look for a slot from where one was filled or emptied last, wherever that was
//! (6.18.15 does, 6.12.118, 6.18.44 and 7.0.13 do not). The automatic slots are the first ones: then such a kernel leaves
//! them only when all are taken.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;

use super::RingId;
use crate::broken::broken;
use crate::uring::Ring;
use crate::uring::raw::register::SKIP_FILE;
use crate::uring::raw::{Submitter, cqueue, squeue};

/// How many slots are emptied with one system call, if they lie that close.
const SPAN: usize = 64;

/// A file in a slot of a ring's table, or a slot that a file can be put into. Operations on it spare the
/// kernel looking a descriptor up and counting references.
///
/// Clones are of the same slot. When the last is dropped, the ring closes the file as it enters the kernel
/// next, with [`submit`](Ring::submit) or by waiting. Operations of other rings refuse it
/// ([`Reason::Foreign`](crate::uring::Reason::Foreign)). Forgetting a handle keeps the file open until the ring is
/// dropped.
#[derive(Clone)]
pub struct FixedFd(Rc<Slot>);

struct Slot {
    index: u32,
    ring: RingId,
    /// Whether the kernel chooses when it is used, and not we.
    automatic: bool,
    closing: Rc<Closing>,
}

/// The slots whose handles are gone, and whose files are to be closed.
struct Closing {
    /// It has room for all of them.
    slots: RefCell<Vec<u32>>,
    due: Cell<bool>,
}

impl FixedFd {
    /// The number of the slot.
    pub fn slot(&self) -> u32 {
        self.0.index
    }

    /// Whether it is a slot that the kernel chose.
    pub fn is_automatic(&self) -> bool {
        self.0.automatic
    }

    #[inline]
    pub(in crate::uring) fn is_of(&self, ring: RingId) -> bool {
        self.0.ring == ring
    }
}

impl Drop for FixedFd {
    #[inline]
    fn drop(&mut self) {
        // This one and the table's.
        if Rc::strong_count(&self.0) == 2 || broken("slot") {
            self.0.closing.push(self.0.index);
        }
    }
}

impl Closing {
    #[cold]
    fn push(&self, index: u32) {
        self.slots.borrow_mut().push(index);
        self.due.set(true);
    }
}

impl Debug for FixedFd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FixedFd").field(&self.0.index).finish()
    }
}

/// A ring's table of fixed files. Clones are of the same table.
#[derive(Clone)]
pub struct Files(Rc<Table>);

struct Table {
    /// First the automatic ones, then our own. A slot has handles if its count is above one.
    slots: Box<[Rc<Slot>]>,
    automatic: usize,
    /// Those of our own that are empty and have no handle.
    free: RefCell<Vec<u32>>,
    closing: Rc<Closing>,
}

impl Files {
    fn new(ring: RingId, own: u32, automatic: u32) -> Self {
        let total = own + automatic;
        let closing = Rc::new(Closing {
            slots: RefCell::new(Vec::with_capacity(total as usize)),
            due: Cell::new(false),
        });
        let slot = |index| {
            Rc::new(Slot {
                index,
                ring,
                automatic: index < automatic,
                closing: Rc::clone(&closing),
            })
        };
        Self(Rc::new(Table {
            slots: (0..total).map(slot).collect(),
            automatic: automatic as usize,
            free: RefCell::new((automatic..total).rev().collect()),
            closing,
        }))
    }

    /// How many slots there are for files that the program places.
    pub fn own(&self) -> usize {
        self.0.slots.len() - self.0.automatic
    }

    /// How many slots there are for files that the kernel places.
    pub fn automatic(&self) -> usize {
        self.0.automatic
    }

    /// How many of our own slots are free. Those whose last handles were dropped are, after the ring has entered
    /// the kernel.
    pub fn free(&self) -> usize {
        self.0.free.borrow().len()
    }

    /// An empty slot, to have a file put into it: operations on it fail with `EBADF` until then. `None` if all
    /// are taken.
    ///
    /// A kernel that leaves the range of the automatic slots (6.18.15 does) may put a file there when all of those are
    /// taken. Nobody gets a handle of that, and filling or dropping the slot closes it.
    pub fn reserve(&self) -> Option<FixedFd> {
        let index = self.0.free.borrow_mut().pop()?;
        Some(FixedFd(Rc::clone(&self.0.slots[index as usize])))
    }

    /// The handle of a slot that the kernel has chosen. `None` if it names one that is not there, or one of our own
    /// that is not free: then the file is closed when that slot is filled or emptied.
    #[inline]
    pub(in crate::uring) fn handle(&self, index: u32) -> Option<FixedFd> {
        let slot = self.0.slots.get(index as usize)?;
        if !slot.automatic {
            self.0.claim(index)?;
        }
        Some(FixedFd(Rc::clone(slot)))
    }

    #[inline]
    pub(in crate::uring) fn is_of(&self, ring: RingId) -> bool {
        self.0.slots.first().is_none_or(|slot| slot.ring == ring)
    }

    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.0.closing.due.get()
    }

    /// Has the kernel close the files whose handles are gone. What cannot be done is left for the next time.
    pub(super) fn tidy(&self, ring: &Submitter<'_>) {
        let mut closing = self.0.closing.slots.borrow_mut();
        closing.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(&first) = closing.last() {
            let mut update = [SKIP_FILE; SPAN];
            let mut len = 0;
            for index in closing.iter().rev() {
                let Some(entry) = update.get_mut((index - first) as usize) else {
                    break;
                };
                *entry = -1;
                len = (index - first) as usize + 1;
            }
            // What is empty may be the kernel's to fill again, and is not to be emptied twice.
            let done = match ring.register_files_update(first, &update[..len]) {
                Ok(done) if done > 0 => done,
                _ => return,
            };
            let is_empty = |index: &&u32| ((**index - first) as usize) < done;
            let count = closing.iter().rev().take_while(is_empty).count();
            let emptied = closing.len() - count;
            let own = closing
                .drain(emptied..)
                .filter(|index| *index as usize >= self.0.automatic);
            self.0.free.borrow_mut().extend(own);
        }
        self.0.closing.due.set(false);
    }
}

impl Table {
    /// Takes one of our own slots that is free.
    #[cold]
    fn claim(&self, index: u32) -> Option<u32> {
        let mut free = self.free.borrow_mut();
        let at = free.iter().position(|free| *free == index)?;
        Some(free.swap_remove(at))
    }
}

impl Debug for Files {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("own", &self.own())
            .field("automatic", &self.automatic())
            .field("free", &self.free())
            .finish()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Gives the ring a table of fixed files, all empty: `own` slots for those that the program places, and
    /// `automatic` ones for those that the kernel places, as a multishot accept needs them. It stays until the
    /// ring is dropped. Since Linux 6.0.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// ring.register_files(16, 0)?;
    /// let file = ring.register_file(std::fs::File::open("/proc/self/exe")?)?;
    /// let first = ring.push(op::Read::new(file.clone(), Vec::with_capacity(4)).at(0))?;
    /// let second = ring.push(op::Read::new(file, Vec::with_capacity(1)).at(4))?;
    /// assert_eq!(ring.wait(first)?.buf, b"\x7fELF");
    /// ring.wait(second)?.result?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `EBUSY`: the ring has a table. `EMFILE`: more than 1048576 slots, or than `RLIMIT_NOFILE`. `EINVAL`: none, or
    /// a kernel that is too old.
    pub fn register_files(&mut self, own: u32, automatic: u32) -> io::Result<Files> {
        let total = own
            .checked_add(automatic)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE))?;
        let submitter = self.raw.submitter();
        submitter.register_files_sparse(total)?;
        if let Err(error) = submitter.register_file_alloc_range(0, automatic) {
            let _ = submitter.unregister_files();
            return Err(error);
        }
        let files = Files::new(self.fixed.id, own, automatic);
        self.fixed.files = Some(files.clone());
        Ok(files)
    }

    /// The table of fixed files, if there is one.
    pub fn files(&self) -> Option<&Files> {
        self.fixed.files.as_ref()
    }

    /// As [`Files::reserve`]; slots whose handles are gone are emptied first, if need be.
    ///
    /// # Errors
    ///
    /// `ENXIO`: the ring has no table. `ENFILE`: all slots are taken.
    pub fn reserve_file(&mut self) -> io::Result<FixedFd> {
        let Some(files) = &self.fixed.files else {
            return Err(io::Error::from_raw_os_error(libc::ENXIO));
        };
        if files.free() == 0 && files.is_due() {
            files.tidy(&self.raw.submitter());
        }
        files
            .reserve()
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENFILE))
    }

    /// Puts a file into the table. The descriptor may be closed then: the table has the file itself.
    ///
    /// This is a system call of its own; [`op::RegisterFile`](crate::uring::op::RegisterFile) does it with
    /// others.
    ///
    /// # Errors
    ///
    /// As for [`reserve_file`](Self::reserve_file). `EBADF`: the file is an io_uring.
    pub fn register_file(&mut self, file: impl AsFd) -> io::Result<FixedFd> {
        let slot = self.reserve_file()?;
        let fds: [RawFd; 1] = [file.as_fd().as_raw_fd()];
        self.raw
            .submitter()
            .register_files_update(slot.slot(), &fds)?;
        Ok(slot)
    }
}
