//! aio_read, aio_write, aio_fsync, aio_error, aio_return.

use super::{Assertion, checked, glibc, musl, untested};

const R: &str = "aio_read";
const W: &str = "aio_write";
const F: &str = "aio_fsync";
const E: &str = "aio_error";
const T: &str = "aio_return";

const POWER: &str = "whether data would survive the loss of power cannot be seen from a program";
const UNDEFINED: &str = "POSIX leaves it undefined: a case could only show luck";
const OFFSETS: &str = "no file of 64-bit Linux is longer than an offset can say";

pub(super) static ASSERTIONS: &[Assertion] = &[
    checked(R, "reads up to aio_nbytes bytes of the file into the buffer", &["posix/aio_read/whole", "posix/aio_read/several", "posix/safe/read"]),
    checked(R, "comes back when the read is begun or queued, before it is over", &["posix/aio_read/in_progress"]),
    checked(R, "reads at aio_offset, as if the file were positioned there", &["posix/aio_read/whole", "posix/aio_read/position_stays"]),
    checked(R, "where a file cannot seek, reads in the order of the calls", &["posix/aio_read/in_progress", "posix/aio_read/priority_order"])
        .but(&[musl("reads of one file run at the same time, in no order")]),
    checked(R, "a read that is short or at the end tells so, as read does", &["posix/aio_read/end_of_file"]),
    checked(R, "ignores aio_lio_opcode", &["posix/aio_read/opcode_ignored"])
        .but(&[glibc("ignores it, and overwrites it in the block")]),
    checked(R, "aio_reqprio lowers the priority, and operations of a descriptor are done by it", &["posix/aio_read/priority", "posix/aio_read/priority_order", "posix/safe/priority"])
        .but(&[musl("does not look at it, and says by sysconf that it has no such option")]),
    checked(R, "the end is told as aio_sigevent says", &["posix/sigevent/signal", "posix/sigevent/thread", "posix/safe/signal"]),
    checked(R, "EAGAIN by the call when resources are lacking, and nothing is begun", &["posix/aio_read/no_memory"]),
    checked(R, "EBADF by the call or by aio_error if the descriptor is not open for reading", &["posix/aio_read/bad_descriptor", "posix/aio_error/states"]),
    checked(R, "EINVAL by the call or by aio_error for an offset that is none", &["posix/aio_read/bad_offset"]),
    checked(R, "EINVAL by the call or by aio_error for a priority that is none", &["posix/aio_read/bad_priority"])
        .but(&[musl("takes any priority")]),
    checked(R, "EINVAL by the call or by aio_error for a length that is none", &["posix/aio_read/bad_length"])
        .but(&[glibc("EFAULT, as Linux says"), musl("EFAULT, as Linux says")]),
    checked(R, "errors of read become those of aio_error", &["posix/aio_read/folder", "posix/aio_read/bad_buffer", "posix/safe/read"]),
    checked(R, "ECANCELED by aio_error if it was cancelled by aio_cancel", &["posix/aio_cancel/all_of_a_file", "posix/aio_error/states"]),
    untested(R, "EOVERFLOW for a read before the end and beyond the largest offset", OFFSETS),
    untested(R, "no data is transferred past the largest offset of the open file", OFFSETS),
    untested(R, "with O_DSYNC, O_SYNC or O_RSYNC, integrity is that of read", POWER),
    untested(R, "a buffer or block that goes away, or is used twice at a time", UNDEFINED),
    untested(R, "the position of the file afterwards is not specified", "nothing is promised; with either library it stays, which is checked above"),
    checked(R, "any number of reads, also of many files, are done in the end", &["posix/workers/many_files", "posix/workers/one_file", "posix/workers/end_when_idle", "posix/workers/starving"]),

    checked(W, "writes aio_nbytes bytes of the buffer to the file", &["posix/aio_write/whole", "posix/safe/write"]),
    checked(W, "comes back when the write is begun or queued, before it is over", &["posix/aio_write/in_progress"]),
    checked(W, "writes at aio_offset, also behind the end", &["posix/aio_write/whole", "posix/safe/write"]),
    checked(W, "with O_APPEND, appends in the order of the calls, whatever the offset", &["posix/aio_write/appends", "posix/safe/append"]),
    checked(W, "where a file cannot seek, writes in the order of the calls", &["posix/aio_write/priority_order", "posix/aio_write/in_progress"]),
    checked(W, "aio_reqprio lowers the priority, and operations of a descriptor are done by it", &["posix/aio_write/priority_order"])
        .but(&[musl("does not look at it, and says by sysconf that it has no such option")]),
    checked(W, "ignores aio_lio_opcode", &["posix/aio_write/opcode_ignored"])
        .but(&[glibc("ignores it, and overwrites it in the block")]),
    checked(W, "the end is told as aio_sigevent says", &["posix/lio_listio/signals", "posix/aio_fsync/overtakes"]),
    checked(W, "EAGAIN by the call when resources are lacking, and nothing is begun", &["posix/aio_write/no_memory"]),
    checked(W, "EBADF by the call or by aio_error if the descriptor is not open for writing", &["posix/aio_write/bad_descriptor", "posix/aio_write/not_open_for_it", "posix/safe/write"]),
    checked(W, "EINVAL by the call or by aio_error for an offset that is none", &["posix/aio_write/bad_offset"]),
    checked(W, "EINVAL by the call or by aio_error for a priority that is none", &["posix/aio_write/bad_priority"])
        .but(&[musl("takes any priority")]),
    checked(W, "EINVAL by the call or by aio_error for a length that is none", &["posix/aio_write/bad_length"])
        .but(&[glibc("EFAULT, as Linux says"), musl("EFAULT, as Linux says")]),
    checked(W, "errors of write become those of aio_error", &["posix/aio_write/broken_pipe", "posix/aio_write/bad_buffer"]),
    checked(W, "EFBIG by aio_error for a write that begins at the largest size or behind it; one that reaches over it is cut", &["posix/aio_write/size_limit"]),
    checked(W, "ECANCELED by aio_error if it was cancelled by aio_cancel", &["posix/safe/cancel"])
        .but(&[musl("aio_cancel never comes back if the write waits for its turn: safe::posix does not call it for writes")]),
    untested(W, "with O_DSYNC or O_SYNC, integrity is that of write", POWER),
    untested(W, "a buffer or block that goes away, or is used twice at a time", UNDEFINED),

    checked(F, "is over only when the writes of the descriptor that were queued before are", &["posix/aio_fsync/after_writes", "posix/aio_fsync/overtakes", "posix/safe/fsync"])
        .but(&[glibc("writes with a lowered priority can come after it")]),
    checked(F, "comes back when the sync is begun or queued, before it is over", &["posix/aio_fsync/in_progress"]),
    checked(F, "O_DSYNC is as fdatasync, O_SYNC is as fsync", &["posix/aio_fsync/after_writes", "posix/aio_fsync/read_only"]).without(POWER),
    checked(F, "aio_error tells EINPROGRESS, then how it ended", &["posix/aio_fsync/in_progress", "posix/aio_error/states"]),
    checked(F, "the end is told as aio_sigevent says", &["posix/aio_fsync/signal"]),
    checked(F, "other members of the block are ignored", &["posix/aio_fsync/other_members"])
        .but(&[glibc("ignores aio_reqprio, and sets it to 0 in the block")]),
    checked(F, "EAGAIN by the call when resources are lacking", &["posix/aio_fsync/no_memory"]),
    checked(F, "EBADF if the descriptor is not valid", &["posix/aio_fsync/bad_descriptor"]),
    checked(F, "EINVAL if the operation is neither O_DSYNC nor O_SYNC", &["posix/aio_fsync/bad_operation"]),
    checked(F, "EINVAL if the file cannot be synchronised", &["posix/aio_fsync/no_sync"]),
    untested(F, "errors of the writes before it, and EIO, become its own", "it takes a disk that fails"),
    untested(F, "what is queued after it may come before it", "nothing is promised"),

    checked(E, "EINPROGRESS as long as the operation is not over", &["posix/aio_read/in_progress", "posix/aio_write/in_progress", "posix/aio_error/states"]),
    checked(E, "0 when it has succeeded", &["posix/aio_read/in_progress", "posix/aio_error/states"]),
    checked(E, "the errno of read, write or fsync when it has failed", &["posix/aio_read/bad_buffer", "posix/aio_error/states"]),
    checked(E, "may fail with EINVAL if the block is of no operation", &["posix/aio_error/never_started"])
        .but(&[glibc("tells what stands in the block: 0"), musl("tells what stands in the block: 0")]),

    checked(T, "what read, write or fsync returned, when the operation is over", &["posix/aio_read/whole", "posix/aio_write/whole", "posix/safe/read"]),
    checked(T, "-1 if it failed", &["posix/aio_read/bad_buffer", "posix/aio_fsync/no_sync", "posix/aio_error/states"]),
    checked(T, "gives the result once, and may fail with EINVAL afterwards", &["posix/aio_return/twice"])
        .but(&[glibc("gives it any number of times"), musl("gives it any number of times")]),
    checked(T, "before the end the answer is undefined", &["posix/aio_read/in_progress"])
        .but(&[glibc("0, or -1 once a worker has found that the file cannot seek"), musl("0")]),
    checked(T, "may fail with EINVAL if the block is of no operation", &["posix/aio_error/never_started"])
        .but(&[glibc("tells what stands in the block: 0"), musl("tells what stands in the block: 0")]),
];
