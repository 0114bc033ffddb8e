//! How io_uring behaves, line by line.

use super::{Behaviour, shown};

/// How io_uring behaves, line by line.
pub static URING: [Behaviour; 65] = [
    shown(
        "Set-up checks its arguments; a ring cannot be read",
        &[
            "uring/setup/arguments/entries",
            "uring/setup/arguments/flags",
            "uring/setup/arguments/params",
            "uring/setup/arguments/read",
            "uring/setup/arguments/resv",
            "uring/setup/sqpoll/sq_aff-bad",
        ],
    ),
    shown(
        "Entering checks its arguments, and waits for as many completions as it says",
        &["uring/setup/enter/bad", "uring/setup/enter/getevents"],
    ),
    shown(
        "An index that is none of an entry is counted as dropped",
        &["uring/setup/enter/dropped"],
    ),
    shown(
        "Registering checks ring and operation",
        &["uring/setup/arguments/register"],
    ),
    shown(
        "Tables of buffers: what is refused, how many there may be",
        &["uring/register/buffers/bad", "uring/register/buffers/file"],
    ),
    shown(
        "A ring is no fixed file, and a refused table keeps no file",
        &["uring/register/files/ring", "uring/register/files/bad"],
    ),
    shown(
        "The size of the completion queue: rounded, clamped, refused",
        &["uring/setup/sizes/cqsize", "uring/setup/sizes/clamp"],
    ),
    shown(
        "A queue is full after exactly its entries, and knows what is left",
        &["uring/setup/queue/full"],
    ),
    shown(
        "Queues of every size keep each value",
        &["uring/setup/queue/sizes"],
    ),
    shown(
        "Completions that overflow come later, all and in order",
        &["uring/setup/enter/overflow", "uring/setup/queue/overflow"],
    ),
    shown(
        "A completion that is lost to lack of memory is counted, and told once",
        &["uring/setup/lost/deferred", "uring/setup/lost/plain"],
    ),
    shown(
        "A bad entry ends a submission, unless all are to be submitted",
        &["uring/setup/running/submit_all"],
    ),
    shown(
        "A wait with a timeout answers what was submitted, and waits once",
        &["uring/setup/queue/timeout", "uring/setup/enter/ext_arg"],
    ),
    shown(
        "Queries: chains, loops, unknown questions, shorter and longer structs",
        &[
            "uring/query/query/arguments",
            "uring/query/query/chain",
            "uring/query/query/loop",
            "uring/query/query/size",
            "uring/query/query/unknown",
        ],
    ),
    shown(
        "Restrictions of a ring: operations, flags, registrations, none at all, and when",
        &[
            "uring/register/restrictions/bad",
            "uring/register/restrictions/empty",
            "uring/register/restrictions/register_op",
            "uring/register/restrictions/sqe_flags",
            "uring/register/restrictions/sqe_op",
            "uring/setup/running/r_disabled",
        ],
    ),
    shown(
        "Restrictions and filters of a task: inherited, final, only ever tighter",
        &[
            "uring/filter/program/stacked",
            "uring/filter/task/filter",
            "uring/filter/task/filter-inherited",
            "uring/filter/task/privileges",
            "uring/filter/task/restricted",
            "uring/filter/task/restricted-inherited",
        ],
    ),
    shown(
        "Registered rings: indexes, twice, without a descriptor",
        &[
            "uring/register/ring_fds/bad",
            "uring/register/ring_fds/enter",
            "uring/register/ring_fds/register",
            "uring/setup/enter/registered_ring",
        ],
    ),
    shown(
        "A ring that has nothing but an index",
        &["uring/setup/memory/registered_fd_only"],
    ),
    shown(
        "A ring in memory of the process: what is refused, and that no more is used than was said",
        &[
            "uring/setup/memory/no_mmap",
            "uring/setup/memory/no_mmap-bad",
        ],
    ),
    shown(
        "Resizing: larger, smaller, the same, with entries and completions in the queues, too small",
        &[
            "uring/register/resize_rings/bad",
            "uring/register/resize_rings/grow",
            "uring/register/resize_rings/shrink",
        ],
    ),
    shown(
        "Completions of two sizes, and the entries to skip between them",
        &["uring/setup/sizes/cqe_mixed"],
    ),
    shown(
        "Entries of two sizes, at the end of the ring too",
        &["uring/setup/sizes/sqe_mixed"],
    ),
    shown(
        "A registered wait that is not there leaves the queues alone",
        &["uring/register/mem_region/wait_unsupported"],
    ),
    shown(
        "Registered waits: the first and the last, offsets, masks; the memory they lie in",
        &[
            "uring/register/mem_region/bad",
            "uring/register/mem_region/user",
            "uring/register/mem_region/wait_bad",
            "uring/register/mem_region/wait_timeout",
        ],
    ),
    shown(
        "A least waiting time: with completions and without",
        &["uring/setup/queue/min_timeout"],
    ),
    shown(
        "Absolute waiting times, and the clock they are of",
        &[
            "uring/setup/enter/abs_timer",
            "uring/register/clock/waits",
            "uring/register/clock/bad",
        ],
    ),
    shown(
        "Deferred completion work runs when asked for, by the owner, and the flag tells",
        &[
            "uring/setup/running/defer_taskrun",
            "uring/setup/running/taskrun_flag-deferred",
        ],
    ),
    shown(
        "Rings of one issuer: who that is, and who is refused",
        &[
            "uring/setup/running/single_issuer",
            "uring/setup/running/single_issuer-late",
        ],
    ),
    shown(
        "Waits that do not count as I/O",
        &["uring/setup/enter/no_iowait"],
    ),
    shown(
        "A failure or a short read breaks its chain and no other",
        &["uring/op/link/link", "uring/op/link/short_read"],
    ),
    shown(
        "A hard link goes on after a failure",
        &["uring/op/link/hardlink"],
    ),
    shown(
        "Time limits that stand alone, twice, or have a bad time",
        &["uring/op/link_timeout/bad"],
    ),
    shown(
        "Time limits that expire, come too late, are changed",
        &[
            "uring/op/link_timeout/expires",
            "uring/op/link_timeout/in_time",
            "uring/op/link_timeout/update",
        ],
    ),
    shown(
        "Entries that are silent if they succeed",
        &["uring/op/link/cqe_skip"],
    ),
    shown(
        "Drained entries, and that silent ones forbid them",
        &["uring/op/link/drain", "uring/op/link/cqe_skip-drain"],
    ),
    shown(
        "Timeouts: ended by time and count, removed, changed, repeated",
        &[
            "uring/op/timeout/bad",
            "uring/op/timeout/count",
            "uring/op/timeout/etime_success",
            "uring/op/timeout/expires",
            "uring/op/timeout/immediate_arg",
            "uring/op/timeout/multishot",
            "uring/op/timeout_remove/bad",
            "uring/op/timeout_remove/remove",
            "uring/op/timeout_remove/update",
        ],
    ),
    shown(
        "Cancelling by user_data, of what waits and of what runs",
        &[
            "uring/op/async_cancel/read",
            "uring/op/async_cancel/user_data",
            "uring/op/async_cancel/worker",
            "uring/op/async_cancel/bad",
        ],
    ),
    shown(
        "Cancelling all, by file, by slot, by opcode, any, by two of them",
        &[
            "uring/op/async_cancel/all",
            "uring/op/async_cancel/any",
            "uring/op/async_cancel/fd",
            "uring/op/async_cancel/fd_fixed",
            "uring/op/async_cancel/op",
            "uring/op/async_cancel/userdata-fd",
        ],
    ),
    shown(
        "Cancelling by a call that waits; what is pending when a process ends",
        &[
            "uring/register/sync_cancel/bad",
            "uring/register/sync_cancel/op",
            "uring/register/sync_cancel/polls",
            "uring/register/sync_cancel/worker",
            "uring/setup/process/exit",
        ],
    ),
    shown(
        "Polls, once and repeated, of files and of rings",
        &[
            "uring/op/poll_add/bad",
            "uring/op/poll_add/events",
            "uring/op/poll_add/multishot",
            "uring/op/poll_add/ring",
        ],
    ),
    shown(
        "Polls that are changed",
        &["uring/op/poll_remove/update", "uring/op/poll_remove/bad"],
    ),
    shown(
        "Repeated polls whose completions overflow, and of the ring's own eventfd",
        &[
            "uring/op/poll_add/multishot_overflow",
            "uring/op/poll_add/own_eventfd",
        ],
    ),
    shown(
        "Waits for events of a set",
        &["uring/op/epoll_wait/bad", "uring/op/epoll_wait/events"],
    ),
    shown(
        "Buffer rings: sizes, addresses, groups that are there, the older kind",
        &[
            "uring/register/pbuf_ring/bad",
            "uring/register/pbuf_ring/largest",
            "uring/register/pbuf_ring/legacy",
            "uring/register/pbuf_ring/unregister",
        ],
    ),
    shown(
        "Buffer rings that are exhausted and refilled, and how many the kernel has used up",
        &[
            "uring/register/pbuf_ring/exhausted",
            "uring/register/pbuf_status/bad",
            "uring/register/pbuf_status/head",
        ],
    ),
    shown(
        "Buffers used piece by piece: where it goes on, what says so, when too little is left",
        &[
            "uring/register/incremental/file",
            "uring/register/incremental/file-flag",
            "uring/register/incremental/min_left",
            "uring/register/incremental/pipe",
            "uring/register/incremental/socket",
        ],
    ),
    shown(
        "Bundles: in order, as long as they say, and harmless when they fail",
        &[
            "uring/register/bundle/again",
            "uring/register/bundle/bad",
            "uring/register/bundle/received",
            "uring/register/bundle/sent",
            "uring/register/incremental/bundle",
            "uring/register/incremental/bundle-flag",
        ],
    ),
    shown(
        "Data that lands in the buffer ring itself",
        &["uring/register/pbuf_ring/overwritten"],
    ),
    shown(
        "Buffers provided one by one: counts and numbers that are wrong",
        &[
            "uring/op/provide_buffers/bad",
            "uring/op/remove_buffers/bad",
        ],
    ),
    shown(
        "Accepting and connecting: at once, later, never, repeated, into slots",
        &[
            "uring/op/accept/address",
            "uring/op/accept/bad",
            "uring/op/accept/direct",
            "uring/op/accept/dontwait",
            "uring/op/accept/multishot",
            "uring/op/accept/poll_first",
            "uring/op/connect/bad",
            "uring/op/connect/stream",
            "uring/op/recv/sock_nonempty",
        ],
    ),
    shown(
        "Repeated receives and how they end",
        &[
            "uring/op/recv/multishot",
            "uring/op/recvmsg/multishot",
            "uring/op/recvmsg/bad",
        ],
    ),
    shown(
        "Repeated reads and how they end",
        &[
            "uring/op/read_multishot/bad",
            "uring/op/read_multishot/pipe",
        ],
    ),
    shown(
        "Sending without a copy: the notification, what is refused",
        &[
            "uring/op/send_zc/bad",
            "uring/op/send_zc/fixed_buf",
            "uring/op/send_zc/report_usage",
            "uring/op/send_zc/whole",
            "uring/op/sendmsg_zc/whole",
        ],
    ),
    shown(
        "Messages whose description is not needed once submitted; all or nothing",
        &[
            "uring/op/recvmsg/parts",
            "uring/op/sendmsg/parts",
            "uring/op/recv/flags",
            "uring/op/send/waitall",
            "uring/op/send/to",
        ],
    ),
    shown(
        "Commands to sockets answer as the system calls do",
        &[
            "uring/op/uring_cmd/bad",
            "uring/op/uring_cmd/getsockname",
            "uring/op/uring_cmd/getsockopt",
            "uring/op/uring_cmd/setsockopt",
            "uring/op/uring_cmd/siocinq",
            "uring/op/uring_cmd/siocoutq",
        ],
    ),
    shown(
        "Tables of files: empty slots, updates, limits, ranges, tags",
        &[
            "uring/register/files/bad",
            "uring/register/files/table",
            "uring/register/files_update/bad",
            "uring/register/files_update/replace",
            "uring/register/files2/sparse",
            "uring/register/files2/tag-in-use",
            "uring/register/files2/tag-unregister",
            "uring/register/files_update2/tags",
            "uring/register/file_alloc_range/bad",
            "uring/register/file_alloc_range/slots",
        ],
    ),
    shown(
        "Files that live in slots: opened, closed, installed, passed on",
        &[
            "uring/op/openat/direct",
            "uring/op/openat/direct-alloc",
            "uring/op/close/bad",
            "uring/op/fixed_fd_install/bad",
            "uring/op/fixed_fd_install/file",
            "uring/op/msg_ring/send_fd",
        ],
    ),
    shown(
        "Fixed buffers: what is outside of them, vectors, clones",
        &[
            "uring/op/read_fixed/bad",
            "uring/op/readv_fixed/bad",
            "uring/op/readv_fixed/parts",
            "uring/op/writev_fixed/bad",
            "uring/register/clone_buffers/bad",
            "uring/register/clone_buffers/dst_replace",
            "uring/register/clone_buffers/table",
        ],
    ),
    shown(
        "Reads and writes: positions, limits of size, pipes, without waiting",
        &[
            "uring/op/read/position",
            "uring/op/read/pipe",
            "uring/op/read/nowait",
            "uring/op/write/position",
            "uring/op/write/size_limit",
            "uring/op/write/whole",
            "uring/setup/iopoll/unpollable",
        ],
    ),
    shown(
        "Operations on files and paths pass their errors on; with other credentials",
        &[
            "uring/op/fsync/bad",
            "uring/op/fallocate/bad",
            "uring/op/statx/bad",
            "uring/op/fgetxattr/bad",
            "uring/op/renameat/bad",
            "uring/op/unlinkat/bad",
            "uring/op/mkdirat/bad",
            "uring/op/linkat/bad",
            "uring/op/symlinkat/bad",
            "uring/op/madvise/bad",
            "uring/op/fadvise/bad",
            "uring/op/splice/bad",
            "uring/op/tee/bad",
            "uring/op/pipe/direct",
            "uring/register/personality/bad",
            "uring/register/personality/rights",
        ],
    ),
    shown(
        "Messages between rings, and from none",
        &[
            "uring/op/msg_ring/bad",
            "uring/op/msg_ring/data",
            "uring/op/msg_ring/flags_pass",
            "uring/register/send_msg_ring/bad",
            "uring/register/send_msg_ring/data",
        ],
    ),
    shown(
        "The polling thread: sleeps, wakes, is shared, is waited for, ends",
        &[
            "uring/setup/sqpoll/attach_wq",
            "uring/setup/sqpoll/sq_wait",
            "uring/setup/sqpoll/submits",
            "uring/setup/process/exit",
        ],
    ),
    shown(
        "Threads and processes that end or fork with requests pending, rings that hold each other",
        &[
            "uring/setup/process/exit",
            "uring/setup/process/fork",
            "uring/setup/process/loop",
            "uring/setup/process/thread",
        ],
    ),
    shown(
        "An eventfd: counts, is switched off, tells of workers alone, of several rings",
        &[
            "uring/register/eventfd/bad",
            "uring/register/eventfd/counts",
            "uring/register/eventfd/disabled",
            "uring/register/eventfd/shared",
            "uring/register/eventfd_async/bad",
            "uring/register/eventfd_async/workers",
        ],
    ),
    shown(
        "Futexes and children: waited for, woken, cancelled",
        &[
            "uring/op/futex_wait/bad",
            "uring/op/futex_wait/cancel",
            "uring/op/futex_wait/wake",
            "uring/op/futex_waitv/bad",
            "uring/op/futex_waitv/wake",
            "uring/op/futex_wake/bad",
            "uring/op/futex_wake/mask",
            "uring/op/waitid/bad",
            "uring/op/waitid/cancel",
            "uring/op/waitid/child",
        ],
    ),
];
