//! The bindings against two others that are made without this project: linux-raw-sys, from the headers
//! of Linux 6.17, and libc, by hand.
//!
//! What is compared is checked as well: everything that was in Linux 6.17 must be, but for short lists
//! of what a peer lacks. The fields of unnamed unions have made-up names in linux-raw-sys; they are
//! compared with C itself, and their accessors with the listing, elsewhere.

use std::mem::{align_of, offset_of, size_of};

use uring_sys::listing::{Record, constants, records};

/// The headers that linux-raw-sys is made from.
const PEER: (u32, u32) = (
    linux_raw_sys::general::LINUX_VERSION_MAJOR,
    linux_raw_sys::general::LINUX_VERSION_PATCHLEVEL,
);

/// Names with their values: items of a module, or variants of an enum.
macro_rules! values {
    ($([$($module:ident)::+] $($name:ident)+)+) => {
        [$({
            use $($module)::+::*;
            vec![$((stringify!($name), $name as i128)),+]
        }),+]
        .concat()
    };
}

/// A record of a peer, with the fields that have names: name, offset, size.
struct Peer {
    name: &'static str,
    size: usize,
    align: usize,
    fields: Vec<(&'static str, usize, usize)>,
}

macro_rules! layouts {
    ($($record:ident { $($field:ident)* })+) => {
        vec![$({
            use linux_raw_sys::io_uring::$record as Record;
            Peer {
                name: stringify!($record),
                size: size_of::<Record>(),
                align: align_of::<Record>(),
                fields: vec![$((
                    stringify!($field),
                    offset_of!(Record, $field),
                    size_of_field(|record: &Record| &record.$field),
                )),*],
            }
        }),+]
    };
}

fn size_of_field<R, T>(_: fn(&R) -> &T) -> usize {
    size_of::<T>()
}

/// The constants of linux-raw-sys. C's enums are enums there, or constants of an enum's type.
fn raw_constants() -> Vec<(&'static str, i128)> {
    values! {
        [linux_raw_sys::io_uring]
        IORING_ZCRX_AREA_SHIFT IORING_RW_ATTR_FLAG_PI IORING_FILE_INDEX_ALLOC IORING_SETUP_IOPOLL
        IORING_SETUP_SQPOLL IORING_SETUP_SQ_AFF IORING_SETUP_CQSIZE IORING_SETUP_CLAMP
        IORING_SETUP_ATTACH_WQ IORING_SETUP_R_DISABLED IORING_SETUP_SUBMIT_ALL
        IORING_SETUP_COOP_TASKRUN IORING_SETUP_TASKRUN_FLAG IORING_SETUP_SQE128 IORING_SETUP_CQE32
        IORING_SETUP_SINGLE_ISSUER IORING_SETUP_DEFER_TASKRUN IORING_SETUP_NO_MMAP
        IORING_SETUP_REGISTERED_FD_ONLY IORING_SETUP_NO_SQARRAY IORING_SETUP_HYBRID_IOPOLL
        IORING_URING_CMD_FIXED IORING_URING_CMD_MASK IORING_FSYNC_DATASYNC IORING_TIMEOUT_ABS
        IORING_TIMEOUT_UPDATE IORING_TIMEOUT_BOOTTIME IORING_TIMEOUT_REALTIME
        IORING_LINK_TIMEOUT_UPDATE IORING_TIMEOUT_ETIME_SUCCESS IORING_TIMEOUT_MULTISHOT
        IORING_TIMEOUT_CLOCK_MASK IORING_TIMEOUT_UPDATE_MASK SPLICE_F_FD_IN_FIXED
        IORING_POLL_ADD_MULTI IORING_POLL_UPDATE_EVENTS IORING_POLL_UPDATE_USER_DATA
        IORING_POLL_ADD_LEVEL IORING_ASYNC_CANCEL_ALL IORING_ASYNC_CANCEL_FD
        IORING_ASYNC_CANCEL_ANY IORING_ASYNC_CANCEL_FD_FIXED IORING_ASYNC_CANCEL_USERDATA
        IORING_ASYNC_CANCEL_OP IORING_RECVSEND_POLL_FIRST IORING_RECV_MULTISHOT
        IORING_RECVSEND_FIXED_BUF IORING_SEND_ZC_REPORT_USAGE IORING_RECVSEND_BUNDLE
        IORING_SEND_VECTORIZED IORING_NOTIF_USAGE_ZC_COPIED IORING_ACCEPT_MULTISHOT
        IORING_ACCEPT_DONTWAIT IORING_ACCEPT_POLL_FIRST IORING_MSG_RING_CQE_SKIP
        IORING_MSG_RING_FLAGS_PASS IORING_FIXED_FD_NO_CLOEXEC IORING_NOP_INJECT_RESULT
        IORING_NOP_FILE IORING_NOP_FIXED_FILE IORING_NOP_FIXED_BUFFER IORING_NOP_TW
        IORING_CQE_F_BUFFER IORING_CQE_F_MORE IORING_CQE_F_SOCK_NONEMPTY IORING_CQE_F_NOTIF
        IORING_CQE_F_BUF_MORE IORING_CQE_BUFFER_SHIFT IORING_OFF_SQ_RING IORING_OFF_CQ_RING
        IORING_OFF_SQES IORING_OFF_PBUF_RING IORING_OFF_PBUF_SHIFT IORING_OFF_MMAP_MASK
        IORING_SQ_NEED_WAKEUP IORING_SQ_CQ_OVERFLOW IORING_SQ_TASKRUN IORING_CQ_EVENTFD_DISABLED
        IORING_ENTER_GETEVENTS IORING_ENTER_SQ_WAKEUP IORING_ENTER_SQ_WAIT IORING_ENTER_EXT_ARG
        IORING_ENTER_REGISTERED_RING IORING_ENTER_ABS_TIMER IORING_ENTER_EXT_ARG_REG
        IORING_ENTER_NO_IOWAIT IORING_FEAT_SINGLE_MMAP IORING_FEAT_NODROP IORING_FEAT_SUBMIT_STABLE
        IORING_FEAT_RW_CUR_POS IORING_FEAT_CUR_PERSONALITY IORING_FEAT_FAST_POLL
        IORING_FEAT_POLL_32BITS IORING_FEAT_SQPOLL_NONFIXED IORING_FEAT_EXT_ARG
        IORING_FEAT_NATIVE_WORKERS IORING_FEAT_RSRC_TAGS IORING_FEAT_CQE_SKIP
        IORING_FEAT_LINKED_FILE IORING_FEAT_REG_REG_RING IORING_FEAT_RECVSEND_BUNDLE
        IORING_FEAT_MIN_TIMEOUT IORING_FEAT_RW_ATTR IORING_FEAT_NO_IOWAIT
        IORING_RSRC_REGISTER_SPARSE IORING_REGISTER_FILES_SKIP IO_URING_OP_SUPPORTED
        IORING_TIMESTAMP_HW_SHIFT IORING_TIMESTAMP_TYPE_SHIFT IORING_MEM_REGION_TYPE_USER
        IORING_MEM_REGION_REG_WAIT_ARG IORING_REGISTER_SRC_REGISTERED IORING_REGISTER_DST_REPLACE
        IORING_REG_WAIT_TS
        [linux_raw_sys::general]
        RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND
        [linux_raw_sys::io_uring::io_uring_zcrx_area_flags]
        IORING_ZCRX_AREA_DMABUF
        [linux_raw_sys::io_uring::io_uring_sqe_flags_bit]
        IOSQE_FIXED_FILE_BIT IOSQE_IO_DRAIN_BIT IOSQE_IO_LINK_BIT IOSQE_IO_HARDLINK_BIT
        IOSQE_ASYNC_BIT IOSQE_BUFFER_SELECT_BIT IOSQE_CQE_SKIP_SUCCESS_BIT
        [linux_raw_sys::io_uring::io_uring_op]
        IORING_OP_NOP IORING_OP_READV IORING_OP_WRITEV IORING_OP_FSYNC IORING_OP_READ_FIXED
        IORING_OP_WRITE_FIXED IORING_OP_POLL_ADD IORING_OP_POLL_REMOVE IORING_OP_SYNC_FILE_RANGE
        IORING_OP_SENDMSG IORING_OP_RECVMSG IORING_OP_TIMEOUT IORING_OP_TIMEOUT_REMOVE
        IORING_OP_ACCEPT IORING_OP_ASYNC_CANCEL IORING_OP_LINK_TIMEOUT IORING_OP_CONNECT
        IORING_OP_FALLOCATE IORING_OP_OPENAT IORING_OP_CLOSE IORING_OP_FILES_UPDATE IORING_OP_STATX
        IORING_OP_READ IORING_OP_WRITE IORING_OP_FADVISE IORING_OP_MADVISE IORING_OP_SEND
        IORING_OP_RECV IORING_OP_OPENAT2 IORING_OP_EPOLL_CTL IORING_OP_SPLICE
        IORING_OP_PROVIDE_BUFFERS IORING_OP_REMOVE_BUFFERS IORING_OP_TEE IORING_OP_SHUTDOWN
        IORING_OP_RENAMEAT IORING_OP_UNLINKAT IORING_OP_MKDIRAT IORING_OP_SYMLINKAT
        IORING_OP_LINKAT IORING_OP_MSG_RING IORING_OP_FSETXATTR IORING_OP_SETXATTR
        IORING_OP_FGETXATTR IORING_OP_GETXATTR IORING_OP_SOCKET IORING_OP_URING_CMD
        IORING_OP_SEND_ZC IORING_OP_SENDMSG_ZC IORING_OP_READ_MULTISHOT IORING_OP_WAITID
        IORING_OP_FUTEX_WAIT IORING_OP_FUTEX_WAKE IORING_OP_FUTEX_WAITV IORING_OP_FIXED_FD_INSTALL
        IORING_OP_FTRUNCATE IORING_OP_BIND IORING_OP_LISTEN IORING_OP_RECV_ZC IORING_OP_EPOLL_WAIT
        IORING_OP_READV_FIXED IORING_OP_WRITEV_FIXED IORING_OP_PIPE IORING_OP_LAST
        [linux_raw_sys::io_uring::io_uring_msg_ring_flags]
        IORING_MSG_DATA IORING_MSG_SEND_FD
        [linux_raw_sys::io_uring::io_uring_register_op]
        IORING_REGISTER_BUFFERS IORING_UNREGISTER_BUFFERS IORING_REGISTER_FILES
        IORING_UNREGISTER_FILES IORING_REGISTER_EVENTFD IORING_UNREGISTER_EVENTFD
        IORING_REGISTER_FILES_UPDATE IORING_REGISTER_EVENTFD_ASYNC IORING_REGISTER_PROBE
        IORING_REGISTER_PERSONALITY IORING_UNREGISTER_PERSONALITY IORING_REGISTER_RESTRICTIONS
        IORING_REGISTER_ENABLE_RINGS IORING_REGISTER_FILES2 IORING_REGISTER_FILES_UPDATE2
        IORING_REGISTER_BUFFERS2 IORING_REGISTER_BUFFERS_UPDATE IORING_REGISTER_IOWQ_AFF
        IORING_UNREGISTER_IOWQ_AFF IORING_REGISTER_IOWQ_MAX_WORKERS IORING_REGISTER_RING_FDS
        IORING_UNREGISTER_RING_FDS IORING_REGISTER_PBUF_RING IORING_UNREGISTER_PBUF_RING
        IORING_REGISTER_SYNC_CANCEL IORING_REGISTER_FILE_ALLOC_RANGE IORING_REGISTER_PBUF_STATUS
        IORING_REGISTER_NAPI IORING_UNREGISTER_NAPI IORING_REGISTER_CLOCK
        IORING_REGISTER_CLONE_BUFFERS IORING_REGISTER_SEND_MSG_RING IORING_REGISTER_ZCRX_IFQ
        IORING_REGISTER_RESIZE_RINGS IORING_REGISTER_MEM_REGION IORING_REGISTER_LAST
        IORING_REGISTER_USE_REGISTERED_RING
        [linux_raw_sys::io_uring::io_wq_type]
        IO_WQ_BOUND IO_WQ_UNBOUND
        [linux_raw_sys::io_uring::io_uring_register_pbuf_ring_flags]
        IOU_PBUF_RING_MMAP IOU_PBUF_RING_INC
        [linux_raw_sys::io_uring::io_uring_napi_op]
        IO_URING_NAPI_REGISTER_OP IO_URING_NAPI_STATIC_ADD_ID IO_URING_NAPI_STATIC_DEL_ID
        [linux_raw_sys::io_uring::io_uring_napi_tracking_strategy]
        IO_URING_NAPI_TRACKING_DYNAMIC IO_URING_NAPI_TRACKING_STATIC
        IO_URING_NAPI_TRACKING_INACTIVE
        [linux_raw_sys::io_uring::io_uring_register_restriction_op]
        IORING_RESTRICTION_REGISTER_OP IORING_RESTRICTION_SQE_OP
        IORING_RESTRICTION_SQE_FLAGS_ALLOWED IORING_RESTRICTION_SQE_FLAGS_REQUIRED
        IORING_RESTRICTION_LAST
        [linux_raw_sys::io_uring::io_uring_socket_op]
        SOCKET_URING_OP_SIOCINQ SOCKET_URING_OP_SIOCOUTQ SOCKET_URING_OP_GETSOCKOPT
        SOCKET_URING_OP_SETSOCKOPT SOCKET_URING_OP_TX_TIMESTAMP
    }
}

fn raw_layouts() -> Vec<Peer> {
    layouts! {
        io_uring_zcrx_rqe { off len __pad }
        io_uring_zcrx_cqe { off __pad }
        io_uring_zcrx_offsets { head tail rqes __resv2 __resv }
        io_uring_zcrx_area_reg { addr len rq_area_token flags dmabuf_fd __resv2 }
        io_uring_zcrx_ifq_reg {
            if_idx if_rxq rq_entries flags area_ptr region_ptr offsets zcrx_id __resv
        }
        __kernel_timespec { tv_sec tv_nsec }
        io_uring_sqe { opcode flags ioprio fd len user_data personality }
        io_uring_attr_pi { flags app_tag len addr seed rsvd }
        io_uring_cqe { user_data res flags big_cqe }
        io_sqring_offsets { head tail ring_mask ring_entries flags dropped array resv1 user_addr }
        io_cqring_offsets { head tail ring_mask ring_entries overflow cqes flags resv1 user_addr }
        io_uring_params {
            sq_entries cq_entries flags sq_thread_cpu sq_thread_idle features wq_fd resv sq_off
            cq_off
        }
        io_uring_files_update { offset resv fds }
        io_uring_region_desc { user_addr size flags id mmap_offset __resv }
        io_uring_mem_region_reg { region_uptr flags __resv }
        io_uring_rsrc_register { nr flags resv2 data tags }
        io_uring_rsrc_update { offset resv data }
        io_uring_rsrc_update2 { offset resv data tags nr resv2 }
        io_uring_probe_op { op resv flags resv2 }
        io_uring_probe { last_op ops_len resv resv2 ops }
        io_uring_restriction { opcode resv resv2 }
        io_uring_clock_register { clockid __resv }
        io_uring_clone_buffers { src_fd flags src_off dst_off nr pad }
        io_uring_buf { addr len bid resv }
        io_uring_buf_ring {  }
        io_uring_buf_reg { ring_addr ring_entries bgid flags resv }
        io_uring_buf_status { buf_group head resv }
        io_uring_napi { busy_poll_to prefer_busy_poll opcode pad op_param resv }
        io_uring_reg_wait { ts min_wait_usec flags sigmask sigmask_sz pad pad2 }
        io_uring_getevents_arg { sigmask sigmask_sz min_wait_usec ts }
        io_uring_sync_cancel_reg { addr fd flags timeout opcode pad pad2 }
        io_uring_file_index_range { off len resv }
        io_uring_recvmsg_out { namelen controllen payloadlen flags }
        io_timespec { tv_sec tv_nsec }
    }
}

/// Whether the peer's headers are as old as an item, or of an age that nobody can name.
fn is_expected(since: Option<&str>) -> bool {
    since.is_none_or(|since| {
        let (major, minor) = since.split_once('.').expect("a release has a dot");
        (major.parse().unwrap(), minor.parse().unwrap()) <= PEER
    })
}

fn record(name: &str) -> &'static Record {
    let found = records().find(|record| record.name == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn constants_are_those_of_linux_raw_sys() {
    let raw = raw_constants();
    let mut different = Vec::new();
    for (name, theirs) in &raw {
        let ours = constants().find(|constant| constant.name == *name);
        let ours = ours.unwrap_or_else(|| panic!("there is no {name}"));
        assert!(
            is_expected(ours.since),
            "{name} was there before {:?}",
            ours.since
        );
        if ours.value != *theirs {
            different.push((*name, ours.value, *theirs));
        }
    }
    assert_eq!(
        different,
        [
            // ~0U, which bindgen holds for an int.
            ("IORING_FILE_INDEX_ALLOC", 0xffff_ffff, -1),
            // These grow with what they cover.
            ("IORING_URING_CMD_MASK", 3, 1),
            ("IORING_OP_LAST", 65, 63),
            ("IORING_REGISTER_LAST", 38, 35),
        ]
    );

    let not_compared: Vec<_> = constants()
        .filter(|constant| is_expected(constant.since))
        .map(|constant| constant.name)
        .filter(|name| raw.iter().all(|(compared, _)| compared != name))
        .collect();
    assert_eq!(
        not_compared,
        [
            // Made of casts or of enumerators, which bindgen drops.
            "RWF_NOAPPEND",
            "RWF_ATOMIC",
            "RWF_DONTCACHE",
            "RWF_SUPPORTED",
            "IORING_ZCRX_AREA_MASK",
            "IOSQE_FIXED_FILE",
            "IOSQE_IO_DRAIN",
            "IOSQE_IO_LINK",
            "IOSQE_IO_HARDLINK",
            "IOSQE_ASYNC",
            "IOSQE_BUFFER_SELECT",
            "IOSQE_CQE_SKIP_SUCCESS",
            "IORING_CQE_F_TSTAMP_HW",
            // Their headers are not in it.
            "NVME_URING_CMD_IO",
            "NVME_URING_CMD_IO_VEC",
            "NVME_URING_CMD_ADMIN",
            "NVME_URING_CMD_ADMIN_VEC",
            // They count newer items, and no release is named for them.
            "__ZCRX_EVENT_TYPE_LAST",
            "__ZCRX_CTRL_LAST",
            "__IO_URING_QUERY_MAX",
            // Their headers are not in it.
            "IORING_MOCK_FEAT_CMD_COPY",
            "IORING_MOCK_FEAT_RW_ZERO",
            "IORING_MOCK_FEAT_RW_NOWAIT",
            "IORING_MOCK_FEAT_RW_ASYNC",
            "IORING_MOCK_FEAT_POLL",
            "IORING_MOCK_FEAT_END",
            "IORING_MOCK_CREATE_F_SUPPORT_NOWAIT",
            "IORING_MOCK_CREATE_F_POLL",
            "IORING_MOCK_MGR_CMD_PROBE",
            "IORING_MOCK_MGR_CMD_CREATE",
            "IORING_MOCK_CMD_COPY_REGBUF",
            "IORING_MOCK_COPY_FROM",
            "BLOCK_URING_CMD_DISCARD",
        ]
    );
    assert_eq!(raw.len(), 250);
}

#[test]
fn layouts_are_those_of_linux_raw_sys() {
    let raw = raw_layouts();
    let (mut different, mut fields) = (Vec::new(), 0);
    for theirs in &raw {
        let ours = record(theirs.name);
        assert!(
            is_expected(ours.since),
            "{} was there before {:?}",
            ours.name,
            ours.since
        );
        assert_eq!(
            (ours.size, ours.align),
            (theirs.size, theirs.align),
            "{}",
            ours.name
        );
        for (name, offset, size) in &theirs.fields {
            let field = ours.fields.iter().find(|field| field.name == *name);
            let field = field.unwrap_or_else(|| panic!("{} has no {name}", ours.name));
            if (field.offset, field.size) != (*offset, *size) {
                different.push(format!("{}.{name}", ours.name));
            }
            fields += 1;
        }
    }
    // A later kernel took new fields from them.
    assert_eq!(
        different,
        ["io_uring_zcrx_ifq_reg.__resv", "io_uring_buf_reg.resv"]
    );

    let not_compared: Vec<_> = records()
        .filter(|record| is_expected(record.since))
        .map(|record| record.name)
        .filter(|name| raw.iter().all(|compared| compared.name != *name))
        .collect();
    // Their headers are not in linux-raw-sys.
    assert_eq!(
        not_compared,
        [
            "nvme_uring_cmd",
            "io_uring_mock_probe",
            "io_uring_mock_create"
        ]
    );

    let left_out: Vec<_> = raw
        .iter()
        .flat_map(|theirs| {
            let compared = |name: &str| theirs.fields.iter().any(|(field, ..)| *field == name);
            let ours = record(theirs.name).fields.iter().map(|field| field.name);
            ours.filter(move |name| !compared(name))
                .map(|name| format!("{}.{name}", theirs.name))
        })
        .collect();
    // The fields of unnamed unions, and three that are newer.
    let in_unions = [
        "io_uring_sqe.",
        "io_uring_restriction.",
        "io_uring_buf_ring.",
    ];
    let newer: Vec<_> = left_out
        .iter()
        .filter(|name| in_unions.iter().all(|record| !name.starts_with(record)))
        .collect();
    assert_eq!(
        newer,
        [
            "io_uring_zcrx_ifq_reg.rx_buf_len",
            "io_uring_zcrx_ifq_reg.event_desc",
            "io_uring_buf_reg.min_left",
        ]
    );
    assert_eq!((raw.len(), fields, left_out.len()), (34, 163, 59));
}

#[test]
fn read_and_write_flags_are_those_of_libc() {
    let libc = values! {
        [libc]
        RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND RWF_NOAPPEND RWF_ATOMIC RWF_DONTCACHE
    };
    for (name, theirs) in &libc {
        let ours = constants().find(|constant| constant.name == *name);
        assert_eq!(ours.map(|constant| constant.value), Some(*theirs), "{name}");
    }
}

/// The calls take their numbers from libc.
#[test]
fn system_call_numbers_of_both_peers_agree() {
    use linux_raw_sys::general as raw;
    for (libc, raw) in [
        (libc::SYS_io_uring_setup, raw::__NR_io_uring_setup),
        (libc::SYS_io_uring_enter, raw::__NR_io_uring_enter),
        (libc::SYS_io_uring_register, raw::__NR_io_uring_register),
    ] {
        assert_eq!(libc, libc::c_long::from(raw as i32));
    }
}
