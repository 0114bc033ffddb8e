//! The library's names, and what several threads get of one context.

mod linked;

use std::ffi::{CStr, CString, c_int, c_long, c_void};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use aio_sys::{io_event, iocb};
use libc::timespec;

use linked::{SYMBOLS, folder, link};

/// The library, opened for good.
#[derive(Clone, Copy)]
struct Library(*mut c_void);

// SAFETY: a handle of dlopen(3) is the process's.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    fn open() -> Self {
        let folder = folder();
        let path = link(folder.path());
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the library has no constructors of its own.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null());
        Self(handle)
    }

    fn symbol(self, name: &CStr, version: &CStr) -> *mut c_void {
        // SAFETY: the library stays open; both are strings of C.
        unsafe { libc::dlvsym(self.0, name.as_ptr(), version.as_ptr()) }
    }

    fn setup(self, requests: c_int) -> usize {
        type Setup = unsafe extern "C" fn(c_int, *mut usize) -> c_int;
        // SAFETY: it is of this type.
        let call: Setup = unsafe { std::mem::transmute(self.symbol(c"io_setup", c"LIBAIO_0.4")) };
        let mut context = 0;
        // SAFETY: `context` is a live variable.
        assert_eq!(unsafe { call(requests, &mut context) }, 0);
        context
    }

    fn destroy(self, context: usize) -> c_int {
        type Destroy = unsafe extern "C" fn(usize) -> c_int;
        let symbol = self.symbol(c"io_destroy", c"LIBAIO_0.4");
        // SAFETY: it is of this type.
        let call: Destroy = unsafe { std::mem::transmute(symbol) };
        // SAFETY: it takes any number.
        unsafe { call(context) }
    }

    fn submit(self, context: usize, requests: &mut [iocb]) -> c_int {
        type Submit = unsafe extern "C" fn(usize, c_long, *mut *mut iocb) -> c_int;
        let symbol = self.symbol(c"io_submit", c"LIBAIO_0.1");
        // SAFETY: it is of this type.
        let call: Submit = unsafe { std::mem::transmute(symbol) };
        let mut list: Vec<*mut iocb> = requests.iter_mut().map(ptr::from_mut).collect();
        // SAFETY: the requests are live, and the tests' have no buffers.
        unsafe { call(context, list.len() as c_long, list.as_mut_ptr()) }
    }

    fn events(
        self,
        context: usize,
        min: c_long,
        events: &mut [io_event],
        timeout: Option<timespec>,
    ) -> c_int {
        type GetEvents =
            unsafe extern "C" fn(usize, c_long, c_long, *mut io_event, *mut timespec) -> c_int;
        let symbol = self.symbol(c"io_getevents", c"LIBAIO_0.4");
        // SAFETY: it is of this type.
        let call: GetEvents = unsafe { std::mem::transmute(symbol) };
        let mut timeout = timeout;
        let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let most = events.len() as c_long;
        // SAFETY: both are live, and as long as said.
        unsafe { call(context, min, most, events.as_mut_ptr(), timeout) }
    }
}

const fn nanoseconds(tv_nsec: c_long) -> timespec {
    timespec { tv_sec: 0, tv_nsec }
}

#[test]
fn every_name_has_its_version() {
    let library = Library::open();
    for (name, version) in SYMBOLS {
        assert!(
            !library.symbol(name, version).is_null(),
            "{name:?}@{version:?}"
        );
    }
    assert!(library.symbol(c"io_setup", c"LIBAIO_0.5").is_null());
}

#[test]
fn bad_arguments_are_refused() {
    let library = Library::open();
    let context = library.setup(4);
    let mut events = [io_event::default(); 2];
    let now = Some(nanoseconds(0));
    assert_eq!(library.events(context, 0, &mut events, now), 0);
    assert_eq!(library.events(context, -1, &mut events, now), -libc::EINVAL);
    assert_eq!(library.events(context, 3, &mut events, now), -libc::EINVAL);
    for nanosecond in [-1, 1_000_000_000] {
        let timeout = Some(nanoseconds(nanosecond));
        assert_eq!(
            library.events(context, 1, &mut events, timeout),
            -libc::EINVAL
        );
    }
    assert_eq!(library.submit(context, &mut []), 0);
    let mut bad = [iocb {
        aio_fildes: u32::MAX,
        ..iocb::default()
    }];
    assert_eq!(library.submit(context, &mut bad), -libc::EBADF);
    assert_eq!(library.destroy(context), 0);
    assert_eq!(library.destroy(context), -libc::EINVAL);
    assert_eq!(library.submit(context, &mut bad), -libc::EINVAL);
    assert_eq!(library.events(context, 0, &mut events, now), -libc::EINVAL);
}

/// Three threads reap in three ways; the kernel serves those who find another at the ring.
#[test]
fn threads_share_a_context() {
    const EVENTS: u64 = 300_000;
    let library = Library::open();
    let context = library.setup(128);
    let null = File::open("/dev/null").expect("a file");
    let seen: Vec<AtomicU8> = (0..EVENTS).map(|_| AtomicU8::new(0)).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (min, timeout) in [(0, 0), (1, 100_000), (4, 1)] {
            let (seen, over) = (&seen, &over);
            scope.spawn(move || {
                let mut events = [io_event::default(); 8];
                loop {
                    let last = over.load(Ordering::Acquire);
                    let count =
                        library.events(context, min, &mut events, Some(nanoseconds(timeout)));
                    for event in &events[..usize::try_from(count).expect("a count")] {
                        seen[event.data as usize].fetch_add(1, Ordering::Relaxed);
                    }
                    if count == 0 && last {
                        return;
                    }
                }
            });
        }
        let mut submitted = 0;
        while submitted < EVENTS {
            let batch = submitted..EVENTS.min(submitted + 16);
            let mut requests: Vec<iocb> = batch
                .map(|number| iocb {
                    aio_data: number,
                    aio_fildes: null.as_raw_fd() as u32,
                    ..iocb::default()
                })
                .collect();
            match library.submit(context, &mut requests) {
                refused if refused == -libc::EAGAIN => thread::yield_now(),
                count => submitted += u64::try_from(count).unwrap_or(EVENTS),
            }
        }
        over.store(true, Ordering::Release);
    });
    let wrong = seen
        .iter()
        .filter(|times| times.load(Ordering::Relaxed) != 1)
        .count();
    assert_eq!(wrong, 0, "lost or taken twice");
    assert_eq!(library.destroy(context), 0);
}
