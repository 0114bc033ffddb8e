//! liburing and libaio, driven by C.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use anyhow::{Result, ensure};

use crate::engine::Queue;
use crate::engines::{Flavour, sqpoll};
use crate::job::Job;
use crate::op::{Done, Op};
use crate::reap::Reaper;

/// What the C side keeps.
#[repr(C)]
struct Opaque([u8; 0]);

type Step = unsafe extern "C" fn(*mut Opaque, *const Op, u32, *mut Done, u32) -> c_int;

#[cfg(liburing)]
unsafe extern "C" {
    fn bench_liburing_new(
        made: *mut *mut Opaque,
        entries: u32,
        flags: u32,
        idle: u32,
        cpu: u32,
        looks: u32,
        flavour: c_int,
        files: *const c_int,
        count: u32,
        memory: *mut u8,
        len: usize,
    ) -> c_int;
    fn bench_liburing_free(peer: *mut Opaque);
    fn bench_liburing_step(
        peer: *mut Opaque,
        ops: *const Op,
        count: u32,
        done: *mut Done,
        room: u32,
    ) -> c_int;
    fn bench_liburing_wake(peer: *mut Opaque) -> c_int;
}

#[cfg(libaio)]
unsafe extern "C" {
    fn bench_libaio_new(made: *mut *mut Opaque, depth: u32) -> c_int;
    fn bench_libaio_free(peer: *mut Opaque);
    fn bench_libaio_step(
        peer: *mut Opaque,
        ops: *const Op,
        count: u32,
        done: *mut Done,
        room: u32,
    ) -> c_int;
    fn bench_libaio_submit(peer: *mut Opaque, batch: u32) -> c_int;
    fn bench_libaio_take(peer: *mut Opaque, batch: u32, times: u32) -> c_int;
}

fn check(answer: c_int) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::from_raw_os_error(-answer))
}

/// Takes the step, and notes what is over.
///
/// # Safety
///
/// `peer` is what `step` takes.
unsafe fn take(step: Step, peer: NonNull<Opaque>, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
    let room = done.capacity() - done.len();
    let at = done.spare_capacity_mut().as_mut_ptr().cast();
    // SAFETY: the peer is right by the caller's promise, and the arrays are live.
    let answer = unsafe {
        step(
            peer.as_ptr(),
            ops.as_ptr(),
            ops.len() as u32,
            at,
            room as u32,
        )
    };
    let count = check(answer)?;
    // SAFETY: that many were written behind the ones that are there.
    unsafe { done.set_len(done.len() + count) };
    Ok(())
}

/// A ring of liburing's.
#[cfg(liburing)]
pub(crate) struct Liburing {
    peer: NonNull<Opaque>,
    flavour: Flavour,
}

#[cfg(liburing)]
impl Liburing {
    /// A ring with room for all of the job's operations.
    pub(crate) fn new(job: &Job, flavour: Flavour) -> Result<Self> {
        let (number, flags, room) = match flavour {
            Flavour::Plain => (0, 0, 1),
            Flavour::Defer | Flavour::Fixed => {
                let flags = uring_sys::IORING_SETUP_SINGLE_ISSUER;
                let number = if flavour == Flavour::Fixed { 1 } else { 2 };
                (number, flags | uring_sys::IORING_SETUP_DEFER_TASKRUN, 1)
            }
            Flavour::Sqpoll => {
                let bound = sqpoll::cpu().map_or(0, |_| uring_sys::IORING_SETUP_SQ_AFF);
                (3, uring_sys::IORING_SETUP_SQPOLL | bound, 2)
            }
        };
        let entries = (room * job.depth).next_power_of_two() as u32;
        let files: Vec<c_int> = job.files.iter().map(AsRawFd::as_raw_fd).collect();
        let (memory, len) = job.slab.whole();
        let (mut made, count) = (ptr::null_mut(), files.len() as u32);
        let (files, cpu) = (files.as_ptr(), sqpoll::cpu().unwrap_or(0));
        // SAFETY: the files and the memory are live, and outlive the engine.
        check(unsafe {
            bench_liburing_new(
                &mut made,
                entries,
                flags,
                sqpoll::AWAKE,
                cpu,
                sqpoll::LOOKS,
                number,
                files,
                count,
                memory,
                len,
            )
        })?;
        let peer = NonNull::new(made).expect("what succeeds makes one");
        Ok(Self { peer, flavour })
    }
}

#[cfg(liburing)]
impl Queue for Liburing {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        // SAFETY: the peer is liburing's.
        unsafe { take(bench_liburing_step, self.peer, ops, done) }
    }

    fn prepare(&mut self) -> Result<()> {
        if self.flavour == Flavour::Sqpoll {
            sqpoll::make_way()?;
            // SAFETY: the peer is live.
            check(unsafe { bench_liburing_wake(self.peer.as_ptr()) })?;
        }
        Ok(())
    }

    fn rest(&mut self) {
        if self.flavour == Flavour::Sqpoll {
            sqpoll::rest();
        }
    }
}

#[cfg(liburing)]
impl Drop for Liburing {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { bench_liburing_free(self.peer.as_ptr()) };
    }
}

/// A context of libaio's.
#[cfg(libaio)]
pub(crate) struct Libaio(NonNull<Opaque>);

#[cfg(libaio)]
impl Libaio {
    /// With room for so many operations.
    pub(crate) fn new(depth: usize) -> Result<Self> {
        let mut made = ptr::null_mut();
        // SAFETY: it writes a pointer.
        check(unsafe { bench_libaio_new(&mut made, depth as u32) })?;
        Ok(Self(NonNull::new(made).expect("what succeeds makes one")))
    }
}

#[cfg(libaio)]
impl Queue for Libaio {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        // SAFETY: the peer is libaio's.
        unsafe { take(bench_libaio_step, self.0, ops, done) }
    }
}

#[cfg(libaio)]
impl Reaper for Libaio {
    fn submit(&mut self, batch: usize) -> Result<()> {
        // SAFETY: the peer is live.
        let taken = check(unsafe { bench_libaio_submit(self.0.as_ptr(), batch as u32) })?;
        ensure!(taken == batch, "not all were taken");
        Ok(())
    }

    fn take(&mut self, batch: usize, times: usize) -> Result<usize> {
        let (peer, batch, times) = (self.0.as_ptr(), batch as u32, times as u32);
        // SAFETY: the peer is live.
        Ok(check(unsafe { bench_libaio_take(peer, batch, times) })?)
    }
}

#[cfg(libaio)]
impl Drop for Libaio {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { bench_libaio_free(self.0.as_ptr()) };
    }
}

/// The same names where a library is missing: making one says so.
#[cfg(not(all(liburing, libaio)))]
mod missing {
    use super::*;

    /// Nothing.
    pub(crate) enum Missing {}

    impl Queue for Missing {
        fn step(&mut self, _ops: &[Op], _done: &mut Vec<Done>) -> Result<()> {
            match *self {}
        }
    }

    impl Reaper for Missing {
        fn submit(&mut self, _batch: usize) -> Result<()> {
            match *self {}
        }

        fn take(&mut self, _batch: usize, _times: usize) -> Result<usize> {
            match *self {}
        }
    }
}

/// A ring of liburing's.
pub(crate) fn liburing(job: &Job, flavour: Flavour) -> Result<impl Queue + 'static> {
    #[cfg(liburing)]
    return Liburing::new(job, flavour);
    #[cfg(not(liburing))]
    {
        let _ = (job, flavour);
        anyhow::Result::<missing::Missing>::Err(anyhow::anyhow!(
            "the library is missing: install the package liburing-dev"
        ))
    }
}

/// A context of libaio's.
pub(crate) fn libaio(depth: usize) -> Result<impl Queue + Reaper + 'static> {
    #[cfg(libaio)]
    return Libaio::new(depth);
    #[cfg(not(libaio))]
    {
        let _ = depth;
        anyhow::Result::<missing::Missing>::Err(anyhow::anyhow!(
            "the library is missing: install the package libaio-dev"
        ))
    }
}
