//! What `aio.h`, `signal.h`, `limits.h` and sysconf(3) must offer.

use std::ffi::{c_int, c_void};

use posix_aio::*;

use super::GLIBC;
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/header/aiocb", &["aiocb"], Since::Libc, members),
    Case::new("posix/header/constants", CONSTANTS, Since::Libc, constants),
    Case::new("posix/header/limits", &["aiocb"], Since::Libc, limits),
    Case::new("posix/header/sigevent", EVENT, Since::Libc, event),
];

const CONSTANTS: &[&str] = &[
    "AIO_ALLDONE",
    "AIO_CANCELED",
    "AIO_NOTCANCELED",
    "LIO_NOP",
    "LIO_NOWAIT",
    "LIO_READ",
    "LIO_WAIT",
    "LIO_WRITE",
    "SIGEV_NONE",
    "SIGEV_SIGNAL",
    "SIGEV_THREAD",
];
const EVENT: &[&str] = &["sigevent", "sigval"];

/// The members have their types, and the call's end has a pointer to give back.
fn members(_: &mut Context) -> Run {
    let mut byte = 0_u8;
    let pointer: *mut c_void = (&raw mut byte).cast();
    let (fd, priority, opcode): (c_int, c_int, c_int) = (1, 2, 3);
    let (offset, length): (i64, usize) = (i64::MAX, usize::MAX);
    let block = aiocb {
        aio_fildes: fd,
        aio_offset: offset,
        aio_buf: pointer,
        aio_nbytes: length,
        aio_reqprio: priority,
        aio_sigevent: sigevent::default(),
        aio_lio_opcode: opcode,
        ..aiocb::default()
    };
    let copy = block;
    ensure_eq!(copy.aio_fildes, fd, "aio_fildes");
    ensure_eq!(copy.aio_offset, offset, "aio_offset");
    ensure_eq!(copy.aio_buf, pointer, "aio_buf");
    ensure_eq!(copy.aio_nbytes, length, "aio_nbytes");
    ensure_eq!(copy.aio_reqprio, priority, "aio_reqprio");
    ensure_eq!(copy.aio_lio_opcode, opcode, "aio_lio_opcode");
    pass()
}

/// Within each family no two are the same.
fn constants(_: &mut Context) -> Run {
    let families: [(&str, &[c_int]); 4] = [
        ("AIO", &[AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED]),
        ("opcodes", &[LIO_NOP, LIO_READ, LIO_WRITE]),
        ("modes", &[LIO_NOWAIT, LIO_WAIT]),
        ("SIGEV", &[SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD]),
    ];
    for (name, values) in families {
        for (i, value) in values.iter().enumerate() {
            ensure!(
                !values[..i].contains(value),
                "{name}: {value} is there twice"
            );
        }
    }
    pass()
}

/// The members have their types; the value holds an integer or a pointer.
fn event(_: &mut Context) -> Run {
    let mut byte = 0_u8;
    let pointer: *mut c_void = (&raw mut byte).cast();
    let mut event = sigevent {
        sigev_notify: SIGEV_THREAD,
        sigev_signo: libc::SIGRTMAX(),
        sigev_value: sigval { sival_ptr: pointer },
        ..sigevent::default()
    };
    extern "C" fn nothing(_: sigval) {}
    event.set_sigev_notify_function(Some(nothing), std::ptr::null_mut());
    // SAFETY: the pointer was put there just now.
    ensure_eq!(unsafe { event.sigev_value.sival_ptr }, pointer, "sival_ptr");
    let value = sigval {
        sival_int: c_int::MIN,
    };
    // SAFETY: the integer was put there just now.
    ensure_eq!(unsafe { value.sival_int }, c_int::MIN, "sival_int");
    pass()
}

/// The option is there; limits are at least what POSIX asks for, or there are none.
fn limits(_: &mut Context) -> Run {
    ensure_eq!(
        limit(libc::_SC_ASYNCHRONOUS_IO),
        Some(200809),
        "_SC_ASYNCHRONOUS_IO"
    );
    ensure_eq!(limit(libc::_SC_AIO_LISTIO_MAX), None, "_SC_AIO_LISTIO_MAX");
    ensure_eq!(limit(libc::_SC_AIO_MAX), None, "_SC_AIO_MAX");
    let lowered = if GLIBC { 20 } else { 0 };
    ensure_eq!(
        limit(libc::_SC_AIO_PRIO_DELTA_MAX),
        Some(lowered),
        "_SC_AIO_PRIO_DELTA_MAX"
    );
    let sorted = if GLIBC { Some(200809) } else { None };
    ensure_eq!(
        limit(libc::_SC_PRIORITIZED_IO),
        sorted,
        "_SC_PRIORITIZED_IO"
    );
    pass()
}

/// sysconf(3): `None` if there is no limit or no such option.
fn limit(name: c_int) -> Option<libc::c_long> {
    // SAFETY: sysconf(3) takes a number.
    let value = unsafe { libc::sysconf(name) };
    (value != -1).then_some(value)
}
