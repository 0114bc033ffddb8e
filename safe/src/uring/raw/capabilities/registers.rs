//! The registrations, and how each is tried without registering anything.

use std::ffi::c_void;
use std::io;
use std::ptr;

use uring_sys::*;

use super::bench::Bench;

/// On what to try.
enum On {
    Ring,
    /// A ring with large completions and deferred work: what some check for first.
    Wide,
    Task,
}

use On::{Ring, Task, Wide};

/// A registration: its name, and arguments that a kernel which knows it refuses for another reason than
/// being invalid.
struct Registration {
    name: &'static str,
    on: On,
    /// An address where there is nothing, or none.
    nowhere: bool,
    nr_args: u32,
}

const fn no(name: &'static str) -> Registration {
    registration(name, Ring, false, 0)
}

const fn of(name: &'static str, nr_args: u32) -> Registration {
    registration(name, Ring, true, nr_args)
}

const fn registration(name: &'static str, on: On, nowhere: bool, nr_args: u32) -> Registration {
    Registration {
        name,
        on,
        nowhere,
        nr_args,
    }
}

const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

/// All registrations, by number.
static REGISTRATIONS: [Registration; IORING_REGISTER_LAST as usize] = [
    of("REGISTER_BUFFERS", 1),
    no("UNREGISTER_BUFFERS"),
    of("REGISTER_FILES", 1),
    no("UNREGISTER_FILES"),
    of("REGISTER_EVENTFD", 1),
    no("UNREGISTER_EVENTFD"),
    of("REGISTER_FILES_UPDATE", 1),
    of("REGISTER_EVENTFD_ASYNC", 1),
    of("REGISTER_PROBE", 1),
    // These two succeed, on a ring that nobody has: the first id is 1.
    no("REGISTER_PERSONALITY"),
    registration("UNREGISTER_PERSONALITY", Ring, false, 1),
    of("REGISTER_RESTRICTIONS", 1),
    no("REGISTER_ENABLE_RINGS"),
    of("REGISTER_FILES2", size::<io_uring_rsrc_register>()),
    of("REGISTER_FILES_UPDATE2", size::<io_uring_rsrc_update2>()),
    of("REGISTER_BUFFERS2", size::<io_uring_rsrc_register>()),
    of("REGISTER_BUFFERS_UPDATE", size::<io_uring_rsrc_update2>()),
    of("REGISTER_IOWQ_AFF", 8),
    of("UNREGISTER_IOWQ_AFF", 0),
    of("REGISTER_IOWQ_MAX_WORKERS", 2),
    of("REGISTER_RING_FDS", 1),
    of("UNREGISTER_RING_FDS", 1),
    of("REGISTER_PBUF_RING", 1),
    of("UNREGISTER_PBUF_RING", 1),
    of("REGISTER_SYNC_CANCEL", 1),
    of("REGISTER_FILE_ALLOC_RANGE", 0),
    of("REGISTER_PBUF_STATUS", 1),
    of("REGISTER_NAPI", 1),
    of("UNREGISTER_NAPI", 1),
    of("REGISTER_CLOCK", 0),
    of("REGISTER_CLONE_BUFFERS", 1),
    registration("REGISTER_SEND_MSG_RING", Task, true, 1),
    registration("REGISTER_ZCRX_IFQ", Wide, true, 1),
    registration("REGISTER_RESIZE_RINGS", Wide, true, 1),
    of("REGISTER_MEM_REGION", 1),
    registration("REGISTER_QUERY", Task, true, 0),
    of("REGISTER_ZCRX_CTRL", 0),
    of("REGISTER_BPF_FILTER", 1),
];

/// The name of a registration without `IORING_`; `None` for one newer than this crate.
pub(super) fn name(opcode: u32) -> Option<&'static str> {
    let registration = REGISTRATIONS.get(opcode as usize)?;
    Some(registration.name)
}

/// Which registrations the kernel performs, a bit each: those that are not refused as invalid or not built in.
pub(super) fn tried(bench: &Bench) -> u64 {
    let mut found = 0;
    for (opcode, registration) in REGISTRATIONS.iter().enumerate() {
        let there = match opcode as u32 {
            // To try this one would undo what the thread has set for all its rings. It came with its counterpart.
            IORING_UNREGISTER_IOWQ_AFF => found >> IORING_REGISTER_IOWQ_AFF & 1 != 0,
            opcode => registration.attempt(bench, opcode),
        };
        found |= u64::from(there) << opcode;
    }
    found
}

impl Registration {
    fn attempt(&self, bench: &Bench, opcode: u32) -> bool {
        // The last page of the address space is no one's, on no machine.
        let arg: *const c_void = if self.nowhere {
            ptr::without_provenance(usize::MAX & !4095)
        } else {
            ptr::null()
        };
        let ring = match self.on {
            Ring => Some(bench.ring()),
            Wide => bench.wide(),
            Task => {
                // SAFETY: the kernel can read nothing at this address, and what it is asked concerns no ring.
                let result = unsafe { io_uring_register(-1, opcode, arg, self.nr_args) };
                // Older kernels look for the ring first.
                return result == -libc::EFAULT;
            }
        };
        // SAFETY: the kernel can read nothing at this address; what takes none concerns a ring that nobody has.
        let result = ring.map(|ring| unsafe { ring.register(opcode, arg, self.nr_args) });
        match result {
            Some(Ok(_)) => true,
            Some(Err(error)) => !is_unknown(&error),
            None => false,
        }
    }
}

fn is_unknown(error: &io::Error) -> bool {
    let unknown = [libc::EINVAL, libc::EOPNOTSUPP, libc::ENOSYS];
    error
        .raw_os_error()
        .is_some_and(|errno| unknown.contains(&errno))
}
