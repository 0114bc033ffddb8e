//! The bindings against two others that are made without this project: libc, by hand, and
//! linux-raw-sys, whose `sigevent` is the kernel's.

use std::mem::{align_of, offset_of, size_of};

use linux_raw_sys::general as raw;
use posix_aio::listing::{Record, constants, records};

/// Names with their values, of a module.
macro_rules! values {
    ($module:ident: $($name:ident)+) => {
        [$((stringify!($name), $module::$name as i128)),+]
    };
}

/// Compares size, alignment and some fields of a record with another crate's of the same name.
macro_rules! assert_layout {
    ($module:ident :: $record:ident { $($field:ident)+ }) => {{
        use $module::$record as Peer;
        let ours = record(stringify!($record));
        assert_eq!((ours.size, ours.align), (size_of::<Peer>(), align_of::<Peer>()));
        $(assert_field(
            ours,
            stringify!($field),
            offset_of!(Peer, $field),
            size_of_field(|peer: &Peer| &peer.$field),
        );)+
    }};
}

fn record(name: &str) -> &'static Record {
    let found = records().find(|record| record.name == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn assert_field(record: &Record, name: &str, offset: usize, size: usize) {
    let field = record.fields.iter().find(|field| field.name == name);
    let field = field.unwrap_or_else(|| panic!("{} has no {name}", record.name));
    let full = format!("{}.{name}", record.name);
    assert_eq!((field.offset, field.size), (offset, size), "{full}");
}

fn size_of_field<R, T>(_: fn(&R) -> &T) -> usize {
    size_of::<T>()
}

#[test]
fn constants_are_those_of_both_peers() {
    let libc = values! {
        libc:
        SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID
        AIO_CANCELED AIO_NOTCANCELED AIO_ALLDONE
        LIO_READ LIO_WRITE LIO_NOP LIO_WAIT LIO_NOWAIT
    };
    let ours: Vec<_> = constants()
        .map(|constant| (constant.name, constant.value))
        .collect();
    assert_eq!(ours.len(), libc.len());
    for pair in libc {
        assert!(ours.contains(&pair), "{pair:?}");
    }
    for pair in values!(raw: SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID) {
        assert!(ours.contains(&pair), "{pair:?}");
    }
}

/// On 32-bit targets libc's is the one with 32-bit offsets, unless it is told otherwise.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_control_block_is_that_of_libc() {
    // libc keeps the other fields to itself.
    assert_layout!(libc::aiocb {
        aio_fildes aio_lio_opcode aio_reqprio aio_buf aio_nbytes aio_sigevent aio_offset
    });
    let public = record("aiocb")
        .fields
        .iter()
        .filter(|field| !field.name.starts_with("__"));
    assert_eq!(public.count(), 7);
}

#[test]
fn the_notification_is_that_of_both_peers() {
    assert_layout!(libc::sigval { sival_ptr });
    assert_layout!(libc::sigevent { sigev_value sigev_signo sigev_notify });
    assert_layout!(raw::sigevent { sigev_value sigev_signo sigev_notify });
    assert_eq!(
        size_of::<posix_aio::sigevent>(),
        raw::SIGEV_MAX_SIZE as usize
    );
}

/// A thread's id is where both peers have it, and it shares its place with the function.
#[test]
fn the_thread_of_a_notification_is_where_both_peers_have_it() {
    let mut event = posix_aio::sigevent::default();
    event.set_sigev_notify_thread_id(0x0102_0304);
    // SAFETY: both are the C library's struct of that name, of one size, as the test above compares.
    let theirs: libc::sigevent = unsafe { std::mem::transmute(event) };
    assert_eq!(theirs.sigev_notify_thread_id, 0x0102_0304);
    assert_eq!(
        offset_of!(libc::sigevent, sigev_notify_thread_id),
        offset_of!(raw::sigevent, _sigev_un)
    );
}

/// The functions are the same symbols; the peer's declarations have other types.
#[cfg(target_pointer_width = "64")]
#[test]
fn functions_are_those_of_libc() {
    macro_rules! assert_same {
        ($($function:ident)+) => {
            $(assert_eq!(
                posix_aio::$function as *const () as usize,
                libc::$function as *const () as usize,
                stringify!($function)
            );)+
        };
    }
    // aio_suspend(3) is a function of the crate's own, and libc has no aio_init(3).
    assert_same!(aio_read aio_write aio_fsync aio_error aio_return aio_cancel lio_listio);
}
