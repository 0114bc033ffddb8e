//! Making a ring: the call, and the mappings or the memory that it lives in. Where things lie is what the kernel says.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::Ordering;

use uring_sys::*;

use super::mem::Mem;
use super::{Fd, Ring, result};

impl Ring {
    /// A ring with `entries` and `IORING_SETUP_*` flags.
    pub fn new(entries: u32, flags: u32) -> io::Result<Ring> {
        Ring::with(
            entries,
            io_uring_params {
                flags,
                ..io_uring_params::default()
            },
        )
    }

    /// A ring as `params` say, in memory that the kernel provides.
    pub fn with(entries: u32, mut params: io_uring_params) -> io::Result<Ring> {
        assert_eq!(params.flags & IORING_SETUP_NO_MMAP, 0, "see in_memory");
        // SAFETY: `params` is a live `io_uring_params`, and without NO_MMAP it names no memory.
        let fd = result(unsafe { io_uring_setup(entries, &mut params) })?;
        // SAFETY: the kernel just made this descriptor, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let (sq_len, cq_len) = ring_sizes(&params);
        let single = params.features & IORING_FEAT_SINGLE_MMAP != 0;
        let sq_map = Map::new(
            &fd,
            IORING_OFF_SQ_RING,
            if single { sq_len.max(cq_len) } else { sq_len },
        )?;
        let sqes = Map::new(
            &fd,
            IORING_OFF_SQES,
            params.sq_entries as usize * sqe_size(&params),
        )?;
        let sq = sq_map.start;
        let mut maps = vec![sq_map];
        let cq = if single {
            sq
        } else {
            let cq_map = Map::new(&fd, IORING_OFF_CQ_RING, cq_len)?;
            maps.push(cq_map);
            maps[1].start
        };
        let sqe_start = sqes.start;
        maps.push(sqes);
        Ok(Ring::assemble(
            Fd::Open(fd),
            params,
            (sq, cq, sqe_start),
            maps,
        ))
    }

    /// A ring as `params` say and `IORING_SETUP_NO_MMAP`, in this memory. Panics if the memory turns out too small.
    pub fn in_memory(
        entries: u32,
        mut params: io_uring_params,
        rings: Mem,
        sqes: Mem,
    ) -> io::Result<Ring> {
        params.flags |= IORING_SETUP_NO_MMAP;
        params.cq_off.user_addr = rings.addr();
        params.sq_off.user_addr = sqes.addr();
        // SAFETY: `params` is live. The memory is never unmapped; a page that may not be touched follows it, so that
        // the kernel, which pins what it needs before it uses any, refuses memory that is too small.
        let fd = result(unsafe { io_uring_setup(entries, &mut params) })?;
        let fd = if params.flags & IORING_SETUP_REGISTERED_FD_ONLY != 0 {
            Fd::Registered(fd)
        } else {
            // SAFETY: the kernel just made this descriptor, and nobody else knows it.
            Fd::Open(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        let (sq_len, cq_len) = ring_sizes(&params);
        assert!(
            sq_len.max(cq_len) <= rings.len() as usize,
            "memory for the rings"
        );
        assert!(
            params.sq_entries as usize * sqe_size(&params) <= sqes.len() as usize,
            "memory for the entries"
        );
        let bases = (rings.as_ptr(), rings.as_ptr(), sqes.as_ptr());
        Ok(Ring::assemble(fd, params, bases, Vec::new()))
    }

    fn assemble(
        fd: Fd,
        params: io_uring_params,
        bases: (*mut u8, *mut u8, *mut u8),
        maps: Vec<Map>,
    ) -> Ring {
        let (sq, cq, sqes) = bases;
        let ring = Ring {
            fd,
            params,
            sq,
            cq,
            sqes,
            tail: 0,
            _maps: maps,
        };
        if params.flags & IORING_SETUP_NO_SQARRAY == 0 {
            for i in 0..params.sq_entries {
                // Relaxed: published, as the entries are, by the store of the tail.
                ring.sq_word(params.sq_off.array + 4 * i)
                    .store(i, Ordering::Relaxed);
            }
        }
        ring
    }
}

/// The size of a submission queue entry in bytes.
pub(super) fn sqe_size(params: &io_uring_params) -> usize {
    size_of::<io_uring_sqe>() << u32::from(params.flags & IORING_SETUP_SQE128 != 0)
}

/// The size of a completion in bytes.
pub(super) fn cqe_size(params: &io_uring_params) -> usize {
    size_of::<io_uring_cqe>() << u32::from(params.flags & IORING_SETUP_CQE32 != 0)
}

/// The sizes of the submission ring and of the completion ring in bytes, from the kernel's answer.
fn ring_sizes(params: &io_uring_params) -> (usize, usize) {
    let array = if params.flags & IORING_SETUP_NO_SQARRAY == 0 {
        params.sq_off.array as usize + 4 * params.sq_entries as usize
    } else {
        // The words before the array; all of them lie before the first completion.
        params.cq_off.cqes as usize
    };
    (
        array,
        params.cq_off.cqes as usize + params.cq_entries as usize * cqe_size(params),
    )
}

/// A shared mapping of a ring; unmapped when dropped.
#[derive(Debug)]
pub(super) struct Map {
    start: *mut u8,
    len: usize,
}

impl Map {
    fn new(fd: &OwnedFd, offset: u64, len: usize) -> io::Result<Map> {
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_POPULATE,
        );
        // SAFETY: a new mapping where the kernel likes touches no memory that is in use.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                protection,
                flags,
                fd.as_raw_fd(),
                offset,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Map {
            start: start.cast(),
            len,
        })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping that `new` made, and only `Ring` uses it, which owns it.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}
