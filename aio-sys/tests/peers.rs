//! The bindings against two others that are made without this project: linux-raw-sys, from the
//! kernel's headers, and libc, by hand. Both know little of native AIO; all that they have is compared.

use std::mem::{align_of, offset_of, size_of};

use aio_sys::listing::{constants, records};
use linux_raw_sys::general as raw;

/// Names with their values, of a module.
macro_rules! values {
    ($module:ident: $($name:ident)+) => {
        [$((stringify!($name), $module::$name as i128)),+]
    };
}

fn assert_equal(theirs: &[(&str, i128)]) {
    for (name, value) in theirs {
        let ours = constants().find(|constant| constant.name == *name);
        assert_eq!(ours.map(|constant| constant.value), Some(*value), "{name}");
    }
}

#[test]
fn read_and_write_flags_are_those_of_both_peers() {
    assert_equal(&values!(raw: RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND));
    let libc = values! {
        libc:
        RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND RWF_NOAPPEND RWF_ATOMIC RWF_DONTCACHE
    };
    assert_equal(&libc);
    let not_compared: Vec<_> = constants()
        .map(|constant| constant.name)
        .filter(|name| libc.iter().all(|(compared, _)| compared != name))
        .filter(|name| !name.starts_with("IOCB_"))
        .collect();
    assert_eq!(not_compared, ["RWF_NOSIGNAL", "RWF_SUPPORTED"]);
}

/// No peer has `iocb` and `io_event`.
#[test]
fn the_timeout_is_that_of_linux_raw_sys() {
    use raw::__kernel_timespec as Timeout;
    let ours = records()
        .find(|record| record.name == "__kernel_timespec")
        .expect("the listing has the timeout");
    assert_eq!(
        (ours.size, ours.align),
        (size_of::<Timeout>(), align_of::<Timeout>())
    );
    let fields: Vec<_> = ours
        .fields
        .iter()
        .map(|field| (field.name, field.offset))
        .collect();
    assert_eq!(
        fields,
        [
            ("tv_sec", offset_of!(Timeout, tv_sec)),
            ("tv_nsec", offset_of!(Timeout, tv_nsec)),
        ]
    );
    assert_eq!(
        size_of::<aio_sys::aio_context_t>(),
        size_of::<raw::__kernel_ulong_t>()
    );
}

/// The calls take their numbers from linux-raw-sys, since libc has io_pgetevents(2) on few targets.
#[test]
fn system_call_numbers_of_both_peers_agree() {
    let pairs = [
        (libc::SYS_io_setup, raw::__NR_io_setup),
        (libc::SYS_io_destroy, raw::__NR_io_destroy),
        (libc::SYS_io_submit, raw::__NR_io_submit),
        (libc::SYS_io_cancel, raw::__NR_io_cancel),
        #[cfg(target_pointer_width = "64")]
        (libc::SYS_io_getevents, raw::__NR_io_getevents),
    ];
    for (libc, raw) in pairs {
        assert_eq!(libc, libc::c_long::from(raw as i32));
    }
}
