//! The methods for the fields of unnamed unions, through the public API: each touches exactly the bytes
//! that the listing names, and the listing is compared with C.

use std::collections::BTreeSet;
use std::mem::size_of;
use std::ptr;

use uring_sys::listing::{Field, Record, records};
use uring_sys::*;

fn record(name: &str) -> &'static Record {
    let found = records().find(|record| record.name == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn field(record: &'static Record, name: &str) -> &'static Field {
    let found = record.fields.iter().find(|field| field.name == name);
    found.unwrap_or_else(|| panic!("{} has no {name}", record.name))
}

/// Bytes that become a value: all types here are integers, and arrays and structs of them.
///
/// # Safety
///
/// Any bytes are a value of `T`, and it has no padding.
unsafe fn from_bytes<T>(bytes: &[u8]) -> T {
    assert_eq!(bytes.len(), size_of::<T>());
    // SAFETY: the slice has as many bytes, and by this function's contract they are a value.
    unsafe { ptr::read_unaligned(bytes.as_ptr().cast::<T>()) }
}

/// The bytes of a value.
///
/// # Safety
///
/// `T` has no padding.
unsafe fn to_bytes<T>(value: &T) -> Vec<u8> {
    let start = ptr::from_ref(value).cast::<u8>();
    // SAFETY: the value is borrowed, and by this function's contract all of its bytes are initialised.
    unsafe { std::slice::from_raw_parts(start, size_of::<T>()) }.to_vec()
}

/// Sets a field on two backgrounds, reads it back and compares every byte of the record.
///
/// # Safety
///
/// Any bytes are values of `R` and `T`, and neither has padding.
unsafe fn check<R, T>(record: &'static Record, name: &str, get: fn(&R) -> T, set: fn(&mut R, T)) {
    let field = field(record, name);
    let full = format!("{}.{name}", record.name);
    assert_eq!(record.size, size_of::<R>(), "{full}");
    assert_eq!(field.size, size_of::<T>(), "{full}");
    assert_ne!(field.size, 0, "{full}");
    let place = field.offset..field.offset + field.size;
    // Each byte is another, and none is a background's.
    let value: Vec<u8> = (1..=field.size).map(|i| i as u8).collect();
    for background in [0x00, 0xff] {
        let mut expected = vec![background; record.size];
        // SAFETY: by this function's contract.
        let (bytes, read) = unsafe {
            let mut subject: R = from_bytes(&expected);
            set(&mut subject, from_bytes(&value));
            (to_bytes(&subject), to_bytes(&get(&subject)))
        };
        expected[place.clone()].copy_from_slice(&value);
        assert_eq!(bytes, expected, "{full}");
        assert_eq!(read, value, "{full}");
    }
}

/// A field's name where Rust's needs `r#` before it.
fn bare(name: &'static str) -> &'static str {
    name.trim_start_matches("r#")
}

/// Checks every method of the list and answers the fields by record.
macro_rules! check_all {
    ($($record:ident { $($get:ident $set:ident,)+ })+) => {
        vec![$({
            let of = record(stringify!($record));
            $(
                // SAFETY: the records and fields are integers, arrays and structs of them; none has
                // padding, as the test has made sure first.
                unsafe { check(of, bare(stringify!($get)), $record::$get, $record::$set) };
            )+
            (of, vec![$(bare(stringify!($get))),+])
        }),+]
    };
}

#[test]
fn each_setter_writes_the_bytes_of_its_field_and_each_getter_reads_them() {
    assert!(records().all(has_no_padding));
    let checked = check_all! {
        zcrx_ctrl {
            zc_export set_zc_export,
            zc_flush set_zc_flush,
            zc_arm_event set_zc_arm_event,
            zc_area set_zc_area,
        }
        io_uring_sqe {
            off set_off,
            addr2 set_addr2,
            cmd_op set_cmd_op,
            __pad1 set_pad1,
            addr set_addr,
            splice_off_in set_splice_off_in,
            level set_level,
            optname set_optname,
            rw_flags set_rw_flags,
            fsync_flags set_fsync_flags,
            poll_events set_poll_events,
            poll32_events set_poll32_events,
            sync_range_flags set_sync_range_flags,
            msg_flags set_msg_flags,
            timeout_flags set_timeout_flags,
            accept_flags set_accept_flags,
            cancel_flags set_cancel_flags,
            open_flags set_open_flags,
            statx_flags set_statx_flags,
            fadvise_advice set_fadvise_advice,
            splice_flags set_splice_flags,
            rename_flags set_rename_flags,
            unlink_flags set_unlink_flags,
            hardlink_flags set_hardlink_flags,
            xattr_flags set_xattr_flags,
            msg_ring_flags set_msg_ring_flags,
            uring_cmd_flags set_uring_cmd_flags,
            waitid_flags set_waitid_flags,
            futex_flags set_futex_flags,
            install_fd_flags set_install_fd_flags,
            nop_flags set_nop_flags,
            pipe_flags set_pipe_flags,
            buf_index set_buf_index,
            buf_group set_buf_group,
            splice_fd_in set_splice_fd_in,
            file_index set_file_index,
            zcrx_ifq_idx set_zcrx_ifq_idx,
            optlen set_optlen,
            addr_len set_addr_len,
            __pad3 set_pad3,
            write_stream set_write_stream,
            __pad4 set_pad4,
            addr3 set_addr3,
            __pad2 set_pad2,
            attr_ptr set_attr_ptr,
            attr_type_mask set_attr_type_mask,
            optval set_optval,
        }
        io_uring_restriction {
            register_op set_register_op,
            sqe_op set_sqe_op,
            sqe_flags set_sqe_flags,
        }
        io_uring_buf_ring {
            resv1 set_resv1,
            resv2 set_resv2,
            resv3 set_resv3,
            tail set_tail,
        }
        io_uring_bpf_ctx {
            socket set_socket,
            open set_open,
            connect set_connect,
        }
        io_uring_bpf_ctx_connect {
            v4_addr set_v4_addr,
            v6_addr set_v6_addr,
        }
        io_uring_bpf {
            filter set_filter,
        }
    };

    // Every field that shares bytes with another is in an unnamed union, and so in the list.
    for record in records() {
        let methods: BTreeSet<&str> = checked
            .iter()
            .filter(|(of, _)| of.name == record.name)
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        for field in shared(record) {
            assert!(
                methods.contains(field),
                "{}.{field} is not checked",
                record.name
            );
        }
    }
    let count: usize = checked.iter().map(|(_, names)| names.len()).sum();
    assert_eq!((checked.len(), count), (7, 64));
}

/// Whether each byte of a record is one of a field.
fn has_no_padding(record: &Record) -> bool {
    let fields = record.fields;
    (0..record.size).all(|byte| {
        let mut places = fields
            .iter()
            .map(|field| field.offset..field.offset + field.size);
        places.any(|place| place.contains(&byte))
    })
}

/// The fields, other than flexible arrays, that share a byte with another such field.
fn shared(record: &Record) -> Vec<&'static str> {
    let overlap = |a: &Field, b: &Field| {
        a.name != b.name && a.offset < b.offset + b.size && b.offset < a.offset + a.size
    };
    let fields = record.fields.iter().filter(|field| field.size > 0);
    fields
        .filter(|field| record.fields.iter().any(|other| overlap(field, other)))
        .map(|field| field.name)
        .collect()
}

/// The offsets that the two methods for a flexible array answer.
macro_rules! pointers {
    ($($record:ident $field:ident $get:ident $get_mut:ident,)+) => {
        [$({
            let start = ptr::null_mut::<$record>();
            (
                stringify!($record),
                stringify!($field),
                [$record::$get(start).addr(), $record::$get_mut(start).addr()],
            )
        }),+]
    };
}

#[test]
fn each_flexible_array_is_where_the_listing_says() {
    let checked = pointers! {
        io_uring_sqe cmd cmd_ptr cmd_mut_ptr,
        io_uring_cqe big_cqe big_cqe_ptr big_cqe_mut_ptr,
        io_uring_probe ops ops_ptr ops_mut_ptr,
        io_uring_task_restriction restrictions restrictions_ptr restrictions_mut_ptr,
        io_uring_buf_ring bufs bufs_ptr bufs_mut_ptr,
    };
    for (name, array, offsets) in checked {
        let field = field(record(name), array);
        assert_eq!(field.size, 0, "{name}.{array}");
        assert_eq!(offsets, [field.offset; 2], "{name}.{array}");
    }
    let all = records().flat_map(|record| record.fields);
    assert_eq!(checked.len(), all.filter(|field| field.size == 0).count());
}
