//! How native AIO and POSIX AIO behave, line by line.

use super::{Behaviour, shown};

/// How native AIO and POSIX AIO behave, line by line.
pub static AIO: [Behaviour; 67] = [
    shown("A context for no requests", &["aio/setup/zero"]),
    shown("A context where one is", &["aio/setup/context_not_zero"]),
    shown(
        "A context whose address cannot be written, and the count",
        &["aio/setup/bad_pointer"],
    ),
    shown(
        "More than the system's limit",
        &["aio/setup/over_the_limit"],
    ),
    shown("More than there can be", &["aio/setup/too_large"]),
    shown("The limit used up, and freed", &["aio/setup/quota"]),
    shown("The system's count", &["aio/setup/counted"]),
    shown("The ring's header", &["aio/ring/header"]),
    shown(
        "The ring's mapping, and that it goes",
        &["aio/ring/mapping"],
    ),
    shown(
        "Destroying what is no context, twice",
        &["aio/destroy/no_context"],
    ),
    shown("Destroying waits for direct reads", &["aio/destroy/waits"]),
    shown(
        "Destroying with a poll pending",
        &["aio/destroy/poll_pending"],
    ),
    shown(
        "Destroying while another thread waits",
        &["aio/destroy/waiter"],
    ),
    shown(
        "A negative number of requests",
        &["aio/submit/negative_count"],
    ),
    shown("No requests", &["aio/submit/nothing"]),
    shown("No context", &["aio/submit/bad_context"]),
    shown("Arrays that are not there", &["aio/submit/bad_pointer"]),
    shown(
        "A request that is not there behind a good one",
        &["aio/submit/stops_at_bad_pointer"],
    ),
    shown(
        "A bad descriptor behind a good one",
        &["aio/submit/stops_at_bad_descriptor"],
    ),
    shown(
        "A request that cannot be written",
        &["aio/submit/read_only_iocb"],
    ),
    shown("The key is cleared", &["aio/submit/key_is_cleared"]),
    shown("What is reserved", &["aio/submit/reserved"]),
    shown("Unknown flags", &["aio/submit/unknown_flags"]),
    shown("Unknown commands", &["aio/submit/unknown_command"]),
    shown(
        "The descriptor is looked at before the command",
        &["aio/submit/descriptor_before_command"],
    ),
    shown(
        "Files that cannot be read",
        &["aio/read/no_reading", "aio/read/not_open_for_it"],
    ),
    shown("A negative offset", &["aio/read/bad_offset"]),
    shown("A length beyond all numbers", &["aio/read/too_long"]),
    shown(
        "Memory that is not there, or the kernel's",
        &["aio/read/bad_buffer", "aio/read/kernel_address"],
    ),
    shown("The end of the file", &["aio/read/end_of_file"]),
    shown("The file's position stays", &["aio/read/position_stays"]),
    shown("The longest request is cut", &["aio/write/longest"]),
    shown(
        "Vectors: how many, none, not there",
        &[
            "aio/vector/count",
            "aio/vector/bad_array",
            "aio/vector/empty",
        ],
    ),
    shown(
        "The vector is not needed once submitted",
        &["aio/vector/array_is_copied"],
    ),
    shown(
        "Appending, and not",
        &["aio/rwf/append", "aio/rwf/noappend", "aio/write/appends"],
    ),
    shown("Unknown flags of reads and writes", &["aio/rwf/unknown"]),
    shown(
        "Without waiting: where it is refused, where it answers EAGAIN",
        &[
            "aio/rwf/nowait_refused",
            "aio/rwf/nowait_pipe",
            "aio/rwf/nowait_file",
            "aio/socket/nowait",
        ],
    ),
    shown("Without a signal", &["aio/rwf/nosignal"]),
    shown(
        "Priorities",
        &[
            "aio/ioprio/bad_class",
            "aio/ioprio/real_time",
            "aio/ioprio/no_flag",
        ],
    ),
    shown(
        "An eventfd counts; what is none",
        &[
            "aio/eventfd/counts",
            "aio/eventfd/bad_descriptor",
            "aio/eventfd/refused_request",
        ],
    ),
    shown(
        "Syncing: fields that must be zero, files that cannot, files open to read",
        &[
            "aio/sync/fields_must_be_zero",
            "aio/sync/no_sync",
            "aio/sync/read_only",
        ],
    ),
    shown(
        "Polls of what is ready and what is not yet",
        &["aio/poll/ready", "aio/poll/socket"],
    ),
    shown(
        "Fields of polls that must be zero",
        &["aio/poll/fields_must_be_zero"],
    ),
    shown("Files with two queues", &["aio/poll/two_queues"]),
    shown("Polls of regular files", &["aio/poll/regular_file"]),
    shown(
        "A file that is closed while it is polled",
        &["aio/poll/closed_meanwhile"],
    ),
    shown("Cancelling a poll, twice", &["aio/cancel/poll"]),
    shown(
        "Cancelling what cannot be",
        &[
            "aio/cancel/not_submitted",
            "aio/cancel/finished",
            "aio/cancel/bad_key",
            "aio/cancel/bad_pointer",
        ],
    ),
    shown(
        "Waiting for wrong numbers, in no context, for none",
        &[
            "aio/getevents/bad_numbers",
            "aio/getevents/bad_context",
            "aio/getevents/no_waiting",
        ],
    ),
    shown(
        "Events that cannot be written are kept",
        &["aio/getevents/bad_events"],
    ),
    shown(
        "A timeout gives what is there",
        &["aio/getevents/timeout_with_events"],
    ),
    shown(
        "A signal ends a wait, unless there are events",
        &["aio/getevents/signal", "aio/getevents/signal_with_events"],
    ),
    shown(
        "Waiting with a signal mask",
        &[
            "aio/pgetevents/mask_size",
            "aio/pgetevents/blocks",
            "aio/pgetevents/unblocks",
            "aio/pgetevents/event_and_signal",
        ],
    ),
    shown(
        "Reaping in user space sees the same events",
        &["aio/ring/same_events"],
    ),
    shown("Reaping in user space makes room", &["aio/ring/refill"]),
    shown(
        "Reaping in user space and by calls, interleaved",
        &["aio/ring/interleaved"],
    ),
    shown(
        "Forked children are kept out",
        &["aio/fork/kept_out", "aio/fork/no_context", "aio/fork/ring"],
    ),
    shown("A ring that is moved", &["aio/ring/moved"]),
    shown(
        "Sockets: blocking, not blocking, signals, offsets",
        &[
            "aio/socket/data",
            "aio/socket/nonblocking",
            "aio/socket/signal",
            "aio/socket/offset",
        ],
    ),
    shown("A read of no file", &["posix/aio_read/bad_descriptor"]),
    shown("Priorities that are none", &["posix/aio_read/bad_priority"]),
    shown(
        "Syncing in no way, of no file, of a pipe",
        &[
            "posix/aio_fsync/bad_operation",
            "posix/aio_fsync/bad_descriptor",
            "posix/aio_fsync/no_sync",
        ],
    ),
    shown(
        "Cancelling what runs, is queued, is done, is another's",
        &[
            "posix/aio_cancel/running",
            "posix/aio_cancel/queued",
            "posix/aio_cancel/finished",
            "posix/aio_cancel/bad_descriptor",
        ],
    ),
    shown(
        "Suspending: wrong counts, timeouts, signals, what is done",
        &[
            "posix/aio_suspend/negative_count",
            "posix/aio_suspend/timeout",
            "posix/aio_suspend/signal",
            "posix/aio_suspend/finished",
            "posix/aio_suspend/one_of_several",
        ],
    ),
    shown(
        "Lists: modes, bad members, none, without waiting",
        &[
            "posix/lio_listio/bad_mode",
            "posix/lio_listio/bad_member",
            "posix/lio_listio/empty",
            "posix/lio_listio/nowait",
            "posix/lio_listio/no_operation",
        ],
    ),
    shown(
        "Notifications by signal and by thread, of the cancelled too",
        &[
            "posix/sigevent/signal",
            "posix/sigevent/thread",
            "posix/aio_cancel/notifies",
        ],
    ),
    shown(
        "The threads of the C library: how many, and how long",
        &[
            "posix/workers/many_files",
            "posix/workers/init",
            "posix/workers/init_least",
            "posix/workers/end_when_idle",
        ],
    ),
];
