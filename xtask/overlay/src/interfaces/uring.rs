//! `linux/io_uring.h` and what belongs to it.

use super::{bits, number};
use crate::interface::{Interface, Source, Variant};

/// io_uring: the crate `uring-sys`.
pub const URING: Interface = Interface {
    krate: "uring-sys",
    wrapper: "
#include <linux/io_uring.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/nvme_ioctl.h>
#if __has_include(<linux/blkdev.h>)
#include <linux/blkdev.h>
#endif
#if __has_include(<linux/io_uring/zcrx.h>)
#include <linux/io_uring/zcrx.h>
#endif
#if __has_include(<linux/io_uring/query.h>)
#include <linux/io_uring/query.h>
#endif
#if __has_include(<linux/io_uring/bpf_filter.h>)
#include <linux/io_uring/bpf_filter.h>
#endif
#if __has_include(<linux/io_uring/mock_file.h>)
#include <linux/io_uring/mock_file.h>
#endif
",
    libc: false,
    sources: &[
        Source {
            header: "linux/io_uring.h",
            only: &[],
        },
        Source {
            header: "linux/io_uring/zcrx.h",
            only: &[],
        },
        Source {
            header: "linux/io_uring/query.h",
            only: &[],
        },
        Source {
            header: "linux/io_uring/bpf_filter.h",
            only: &[],
        },
        Source {
            header: "linux/io_uring/mock_file.h",
            only: &[],
        },
        Source {
            header: "linux/fs.h",
            only: &["RWF_"],
        },
        Source {
            header: "linux/blkdev.h",
            only: &["BLOCK_URING_CMD_"],
        },
        Source {
            header: "linux/nvme_ioctl.h",
            only: &["NVME_URING_CMD_", "nvme_uring_cmd"],
        },
        Source {
            header: "linux/time_types.h",
            only: &["__kernel_timespec"],
        },
    ],
    exceptions: &[],
    constants: &[
        bits("BLOCK_URING_CMD_", "u32"),
        bits("IORING_ACCEPT_", "u16"),
        bits("IORING_ASYNC_CANCEL_", "u32"),
        bits("IORING_CQE_", "u32"),
        number("IORING_CQE_BUFFER_SHIFT", "u32"),
        bits("IORING_CQ_", "u32"),
        bits("IORING_ENTER_", "u32"),
        bits("IORING_FEAT_", "u32"),
        bits("IORING_FILE_INDEX_ALLOC", "u32"),
        bits("IORING_FIXED_FD_", "u32"),
        bits("IORING_FSYNC_", "u32"),
        bits("IORING_LINK_TIMEOUT_", "u32"),
        bits("IORING_MEM_REGION_REG_", "u64"),
        bits("IORING_MEM_REGION_TYPE_", "u32"),
        number("IORING_MOCK_CMD_", "u32"),
        bits("IORING_MOCK_COPY_", "u32"),
        bits("IORING_MOCK_CREATE_F_", "u32"),
        number("IORING_MOCK_FEAT_", "u64"),
        number("IORING_MOCK_MGR_CMD_", "u32"),
        number("IORING_MSG_", "u64"),
        bits("IORING_MSG_RING_", "u32"),
        bits("IORING_NOP_", "u32"),
        bits("IORING_NOTIF_", "u32"),
        bits("IORING_OFF_", "u64"),
        number("IORING_OFF_PBUF_SHIFT", "u32"),
        number("IORING_OP_", "u8"),
        bits("IORING_POLL_", "u32"),
        bits("IORING_RECVSEND_", "u16"),
        bits("IORING_RECV_", "u16"),
        number("IORING_REGISTER_", "u32"),
        bits("IORING_REGISTER_DST_REPLACE", "u32"),
        number("IORING_REGISTER_FILES_SKIP", "i32"),
        bits("IORING_REGISTER_SRC_REGISTERED", "u32"),
        bits("IORING_REGISTER_USE_REGISTERED_RING", "u32"),
        bits("IORING_REG_WAIT_", "u32"),
        number("IORING_RESTRICTION_", "u16"),
        bits("IORING_RSRC_", "u32"),
        bits("IORING_RW_ATTR_FLAG_", "u64"),
        bits("IORING_SEND_", "u16"),
        bits("IORING_SETUP_", "u32"),
        bits("IORING_SQ_", "u32"),
        bits("IORING_TIMEOUT_", "u32"),
        number("IORING_TIMESTAMP_", "u32"),
        number("IORING_UNREGISTER_", "u32"),
        bits("IORING_URING_CMD_", "u32"),
        bits("IORING_ZCRX_AREA_DMABUF", "u32"),
        bits("IORING_ZCRX_AREA_MASK", "u64"),
        number("IORING_ZCRX_AREA_SHIFT", "u32"),
        bits("IOSQE_", "u8"),
        number("IOSQE_ASYNC_BIT", "u8"),
        number("IOSQE_BUFFER_SELECT_BIT", "u8"),
        number("IOSQE_CQE_SKIP_SUCCESS_BIT", "u8"),
        number("IOSQE_FIXED_FILE_BIT", "u8"),
        number("IOSQE_IO_DRAIN_BIT", "u8"),
        number("IOSQE_IO_HARDLINK_BIT", "u8"),
        number("IOSQE_IO_LINK_BIT", "u8"),
        bits("IOU_PBUF_RING_", "u16"),
        number("IO_URING_BPF_CMD_", "u16"),
        bits("IO_URING_BPF_FILTER_", "u32"),
        number("IO_URING_NAPI_", "u8"),
        number("IO_URING_NAPI_TRACKING_", "u32"),
        bits("IO_URING_OP_SUPPORTED", "u16"),
        number("IO_URING_QUERY_", "u32"),
        number("IO_WQ_", "u32"),
        bits("NVME_URING_CMD_", "u32"),
        bits("RWF_", "u32"),
        number("SOCKET_URING_OP_", "u32"),
        bits("SPLICE_F_FD_IN_FIXED", "u32"),
        number("ZCRX_CTRL_", "u32"),
        number("ZCRX_EVENT_", "u32"),
        bits("ZCRX_EVENT_DESC_FLAG_", "u32"),
        bits("ZCRX_FEATURE_", "u32"),
        bits("ZCRX_REG_", "u32"),
        number("__IO_URING_QUERY_MAX", "u32"),
        number("__ZCRX_CTRL_LAST", "u32"),
        number("__ZCRX_EVENT_TYPE_LAST", "u32"),
    ],
    types: &[],
    aligned: &[
        "io_uring_files_update",
        "io_uring_rsrc_register",
        "io_uring_rsrc_update",
        "io_uring_rsrc_update2",
    ],
    variants: &[
        Variant {
            name: "ioctl_generic",
            cfg: r#"not(any(target_arch = "mips", target_arch = "mips32r6", target_arch = "mips64", target_arch = "mips64r6", target_arch = "powerpc", target_arch = "powerpc64", target_arch = "sparc", target_arch = "sparc64"))"#,
            applies: |target| !target.has_13_bit_ioctl,
            musl: false,
        },
        Variant {
            name: "ioctl_13_bit",
            cfg: r#"any(target_arch = "mips", target_arch = "mips32r6", target_arch = "mips64", target_arch = "mips64r6", target_arch = "powerpc", target_arch = "powerpc64", target_arch = "sparc", target_arch = "sparc64")"#,
            applies: |target| target.has_13_bit_ioctl,
            musl: false,
        },
    ],
    docs: include_str!("../../docs/uring.toml"),
};
