//! aio_cancel, aio_suspend, lio_listio, the headers, and glibc's aio_init.

use super::{Assertion, checked, glibc, musl, untested};

const C: &str = "aio_cancel";
const S: &str = "aio_suspend";
const L: &str = "lio_listio";
const A: &str = "aio.h";
const G: &str = "signal.h";
const M: &str = "limits.h";
const I: &str = "aio_init";

const CANCELLATION: &str =
    "POSIX threads that are cancelled run over Rust's frames, which is undefined";

pub(super) static ASSERTIONS: &[Assertion] = &[
    checked(C, "without a block, asks to cancel all operations of the descriptor", &["posix/aio_cancel/all_of_a_file", "posix/safe/cancel"]),
    checked(C, "with a block, asks to cancel that operation", &["posix/aio_cancel/queued", "posix/aio_cancel/running", "posix/safe/cancel"])
        .but(&[musl("never comes back from a write or sync that waits for earlier writes: no case calls it so")]),
    checked(C, "a cancelled operation notifies as ever", &["posix/aio_cancel/notifies"]),
    checked(C, "a cancelled operation has ECANCELED for its error and -1 for its result", &["posix/aio_cancel/queued", "posix/aio_cancel/all_of_a_file", "posix/aio_error/states"]),
    checked(C, "what is not cancelled ends as ever, and its block is left alone", &["posix/aio_cancel/running", "posix/aio_cancel/all_of_a_file", "posix/aio_cancel/bad_descriptor"]),
    checked(C, "AIO_CANCELED if all that was asked for is cancelled", &["posix/aio_cancel/queued", "posix/aio_cancel/running", "posix/safe/cancel"]),
    checked(C, "AIO_NOTCANCELED if at least one operation is in progress", &["posix/aio_cancel/running", "posix/aio_cancel/all_of_a_file", "posix/safe/cancel"]),
    checked(C, "AIO_ALLDONE if all are over", &["posix/aio_cancel/finished", "posix/safe/cancel"]),
    checked(C, "EBADF if the descriptor is not open", &["posix/aio_cancel/bad_descriptor"])
        .but(&[musl("AIO_ALLDONE")]),
    checked(C, "a descriptor that is not the block's is unspecified", &["posix/aio_cancel/bad_descriptor"])
        .but(&[glibc("EINVAL"), musl("EINVAL")]),
    untested(C, "which operations can be cancelled is the implementation's choice", "nothing is promised; glibc stops what has not begun, musl all"),

    checked(S, "waits until at least one of the operations is over", &["posix/aio_suspend/one_of_several", "posix/lio_listio/nowait", "posix/safe/suspend"]),
    checked(S, "comes back at once if one is over already", &["posix/aio_suspend/finished", "posix/safe/suspend"]),
    checked(S, "null entries are ignored", &["posix/aio_suspend/one_of_several", "posix/aio_suspend/nothing"])
        .but(&[glibc("with no other entry, comes back at once"), musl("with no other entry, waits for the time to be over")]),
    checked(S, "EAGAIN if no operation is over in time; with no time, at once", &["posix/aio_suspend/timeout", "posix/safe/suspend"]),
    checked(S, "EINTR if a signal ends the wait", &["posix/aio_suspend/signal", "posix/safe/suspend"]),
    checked(S, "which operation is over is to be found out by aio_error", &["posix/aio_suspend/one_of_several"]),
    checked(S, "a time with nanoseconds out of range is not defined", &["posix/aio_suspend/abort", "posix/safe/suspend"])
        .but(&[glibc("aborts the process"), musl("spins for ever: no case calls it so")]),
    checked(S, "a negative number of entries is not defined", &["posix/aio_suspend/negative_count"])
        .but(&[glibc("EINVAL"), musl("EINVAL")]),
    untested(S, "time is that of CLOCK_MONOTONIC", "it takes setting the machine's clock"),
    untested(S, "is a cancellation point", CANCELLATION),
    untested(S, "blocks of operations that were never started, or are gone", "POSIX leaves it undefined"),

    checked(L, "LIO_WAIT comes back when all operations are over", &["posix/lio_listio/wait", "posix/lio_listio/many", "posix/safe/list"]),
    checked(L, "LIO_WAIT ignores the event", &["posix/lio_listio/wait_ignores_event"]),
    checked(L, "LIO_NOWAIT comes back when all are begun or queued", &["posix/lio_listio/nowait", "posix/lio_listio/several_times"]),
    checked(L, "LIO_NOWAIT tells by the event when all are over", &["posix/lio_listio/signals", "posix/sigevent/list_by_thread"]),
    checked(L, "LIO_NOWAIT tells nobody without an event or with SIGEV_NONE", &["posix/lio_listio/nobody_told"]),
    checked(L, "each operation also notifies as its own block says", &["posix/lio_listio/signals"]),
    checked(L, "LIO_READ is aio_read, LIO_WRITE is aio_write", &["posix/lio_listio/wait"]),
    checked(L, "null entries and LIO_NOP are ignored", &["posix/lio_listio/no_operation"]),
    checked(L, "another opcode is an error of its entry", &["posix/lio_listio/unknown_opcode"])
        .but(&[musl("skips the entry")]),
    checked(L, "EIO if an operation failed, whose own error tells more; the others are done", &["posix/lio_listio/failed_member", "posix/lio_listio/bad_member", "posix/safe/list"])
        .but(&[musl("EAGAIN and no wait if an entry is refused at the start, the ones after it are not begun")]),
    checked(L, "EAGAIN when resources are lacking", &["posix/lio_listio/no_memory"]),
    checked(L, "EINVAL for a mode that is none", &["posix/lio_listio/bad_mode"])
        .but(&[musl("takes it for LIO_NOWAIT")]),
    checked(L, "EINVAL for more entries than AIO_LISTIO_MAX", &["posix/lio_listio/many", "posix/header/limits"])
        .without("neither library has a limit: many entries are done instead"),
    checked(L, "EAGAIN for more operations than AIO_MAX", &["posix/workers/many_files", "posix/header/limits"])
        .without("neither library has a limit: many operations are done instead"),
    checked(L, "EINTR if a signal ends the wait of LIO_WAIT, and the operations go on", &["posix/lio_listio/interrupted", "posix/safe/list_interrupted"])
        .without("on glibc the end of such an operation overwrites memory, so the case lets it never end, and safe::posix never uses the call"),
    checked(L, "a list of nothing is over at once", &["posix/lio_listio/empty"]),
    untested(L, "in which order the operations are done is not specified", "nothing is promised"),
    untested(L, "EOVERFLOW and EFBIG for files that are too large are the operation's", "as for aio_read and aio_write"),
    untested(L, "with LIO_WAIT, is a cancellation point", CANCELLATION),

    checked(A, "struct aiocb has seven members of given types", &["posix/header/aiocb"]),
    checked(A, "AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED; LIO_NOP, LIO_READ, LIO_WRITE; LIO_NOWAIT, LIO_WAIT differ", &["posix/header/constants"]),

    checked(G, "struct sigevent and union sigval have members of given types", &["posix/header/sigevent"]),
    checked(G, "SIGEV_NONE, SIGEV_SIGNAL and SIGEV_THREAD differ", &["posix/header/constants"]),
    checked(G, "SIGEV_NONE tells nobody", &["posix/sigevent/none"]),
    checked(G, "SIGEV_SIGNAL sends the signal with its value and SI_ASYNCIO, when the operation is over", &["posix/sigevent/signal", "posix/safe/signal"]),
    checked(G, "signals of several operations queue up", &["posix/lio_listio/signals", "posix/safe/signal"]),
    checked(G, "SIGEV_THREAD calls the function with the value, as if on a new thread", &["posix/sigevent/thread", "posix/sigevent/list_by_thread", "posix/safe/callback"])
        .but(&[musl("calls it on the thread that did the work")]),
    checked(G, "the thread has the attributes that the event names", &["posix/sigevent/thread_attributes"]),
    checked(G, "another kind of notification is an error", &["posix/sigevent/thread_id"])
        .but(&[glibc("takes SIGEV_THREAD_ID, and tells nobody"), musl("takes SIGEV_THREAD_ID, and tells nobody")]),
    checked(G, "a signal that is none is an error", &["posix/sigevent/bad_signal"])
        .but(&[glibc("overwrites the result of the operation, which it has carried out"), musl("ignores it")]),

    checked(M, "AIO_LISTIO_MAX and AIO_MAX are at least 2 and 1, or there is no limit", &["posix/header/limits"]),
    checked(M, "AIO_PRIO_DELTA_MAX is the lowest priority that is taken", &["posix/header/limits", "posix/aio_read/bad_priority"])
        .but(&[musl("0, though more is taken")]),

    checked(I, "glibc's own: sets the number of threads before the first operation", &["posix/workers/init", "posix/workers/init_least"]),
    checked("aio_read", "safe::posix: lends buffers for a scope", &["posix/safe/scope"]),
];
