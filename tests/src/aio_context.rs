//! A native AIO context for cases, destroyed when dropped, and its completion ring.

use std::ffi::{c_int, c_long};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use aio_sys::*;

use crate::aio_request::Request;
use crate::case::Stop;
use crate::support::names::Errno;

/// What a raw call returned, its negative results being errnos.
pub fn checked(result: c_int) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno(result.saturating_neg()))
}

/// A context. Dropped, it waits for what is in flight.
#[derive(Debug)]
pub struct Aio {
    context: aio_context_t,
    nr: u32,
}

impl Aio {
    /// A context for at least `requests` in flight: io_setup(2).
    pub fn new(requests: u32) -> Result<Aio, Errno> {
        let mut context = 0;
        // SAFETY: `context` is writable.
        checked(unsafe { io_setup(requests, &mut context) })?;
        let mut aio = Aio { context, nr: 0 };
        let header = aio.header();
        // The layout is no part of the UAPI: reap through the ring only where it is the known one.
        if header.magic == AIO_RING_MAGIC && header.incompat_features == AIO_RING_INCOMPAT_FEATURES
        {
            aio.nr = header.nr;
        }
        Ok(aio)
    }

    /// The context as system calls take it.
    pub fn context(&self) -> aio_context_t {
        self.context
    }

    /// Submits requests in their order and returns how many were accepted: io_submit(2).
    pub fn submit(&self, requests: &mut [Request]) -> Result<usize, Errno> {
        let mut list: Vec<*mut iocb> = requests.iter_mut().map(Request::address).collect();
        // SAFETY: `list` has this many pointers to requests, which nobody else can use before the call returns. Their
        // memory is harmless to use for ever, as `Request` has it, but for the iovecs, which only the call reads.
        checked(unsafe { io_submit(self.context, list.len() as c_long, list.as_mut_ptr()) })
    }

    /// Takes events as io_getevents(2) does, waiting for `min` of them without a limit if there is no `timeout`.
    pub fn get(
        &mut self,
        min: usize,
        max: usize,
        mut timeout: Option<__kernel_timespec>,
    ) -> Result<Vec<io_event>, Errno> {
        let mut events = vec![io_event::default(); max];
        let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let (min, max) = (min as c_long, max as c_long);
        // SAFETY: `events` is writable and `max` long; the timeout is null or a whole one.
        let result = unsafe { io_getevents(self.context, min, max, events.as_mut_ptr(), timeout) };
        events.truncate(checked(result)?);
        Ok(events)
    }

    /// Waits for `n` events and takes them.
    pub fn wait(&mut self, n: usize) -> Result<Vec<io_event>, Errno> {
        self.get(n, n, None)
    }

    /// The events that are there now, by system call.
    pub fn ready(&mut self) -> Result<Vec<io_event>, Errno> {
        self.get(0, 64, None)
    }

    /// Submits one request, waits for its event and returns its result. Nothing else may be in flight.
    #[track_caller]
    pub fn complete(&mut self, request: Request) -> Result<i64, Stop> {
        let mut requests = [request];
        // Not `?`: the place that counts is the caller's.
        let events = match self.submit(&mut requests).and_then(|_| self.wait(1)) {
            Ok(events) => events,
            Err(errno) => return Err(Stop::from(io::Error::from(errno))),
        };
        let (event, iocb) = (events[0], requests[0].address());
        if (event.obj, event.data, event.res2)
            != (iocb.addr() as u64, requests[0].iocb().aio_data, 0)
        {
            return Err(Stop::failed(format_args!("another event: {event:?}")));
        }
        Ok(event.res)
    }

    /// A copy of the ring's header.
    pub fn header(&self) -> aio_ring {
        // SAFETY: the ring stays mapped as long as `self`, and the kernel writes whole words.
        unsafe { self.ring().read_volatile() }
    }

    /// Takes up to `max` events from the ring without a system call.
    ///
    /// # Panics
    ///
    /// If the ring is not as it is known to be.
    pub fn reap(&mut self, max: usize) -> Vec<io_event> {
        let ring = self.ring();
        // SAFETY: the ring stays mapped as long as `self`; here and in the kernel these words are written whole.
        let (head, tail) = unsafe {
            (
                AtomicU32::from_ptr(&raw mut (*ring).head),
                AtomicU32::from_ptr(&raw mut (*ring).tail),
            )
        };
        // Relaxed: whoever has `&mut self` is the only one to move the head.
        let mut at = head.load(Ordering::Relaxed);
        // Acquire: pairs with the kernel's smp_wmb between writing an event and moving the tail past it.
        let end = tail.load(Ordering::Acquire);
        assert!(
            at < self.nr && end < self.nr,
            "{at} and {end} of {}",
            self.nr
        );
        let mut events = Vec::new();
        while at != end && events.len() < max {
            // SAFETY: the slot is in the ring, and lies before the tail: the kernel leaves it alone until the head has
            // passed it.
            events.push(unsafe { aio_ring::io_events_ptr(ring).add(at as usize).read() });
            at = if at + 1 == self.nr { 0 } else { at + 1 };
        }
        // Release: the events are copied before the kernel, which reads the head before it fills slots, gets them back.
        head.store(at, Ordering::Release);
        events
    }

    fn ring(&self) -> *mut aio_ring {
        ptr::with_exposed_provenance_mut(self.context as usize)
    }

    /// Destroys the context: io_destroy(2).
    pub fn destroy(self) -> Result<usize, Errno> {
        let context = self.context;
        std::mem::forget(self);
        // SAFETY: whoever could touch the ring is gone.
        checked(unsafe { io_destroy(context) })
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        // In a forked child, or if the case has destroyed it, there is no such context: EINVAL.
        // SAFETY: nothing can touch the ring any more.
        unsafe { io_destroy(self.context) };
    }
}
