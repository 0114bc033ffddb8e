// Included twice by `uring_compat.rs`, where `api` is one crate or the other.

use api::types::{SubmitArgs, Timespec};
use api::{
    Builder, CompletionQueue, CompletionStatus, EnterFlags, IoUring, Parameters, SubmissionQueue,
    Submitter, cqueue, opcode, squeue,
};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

fn entry(user_data: u64) -> squeue::Entry {
    opcode::Nop::new()
        .build()
        .flags(squeue::Flags::ASYNC | squeue::Flags::IO_LINK)
        .clear_flags()
        .personality(0)
        .user_data(user_data)
}

fn describe(params: &Parameters) -> [bool; 20] {
    [
        params.is_setup_sqpoll(),
        params.is_setup_iopoll(),
        params.is_setup_single_issuer(),
        params.is_feature_single_mmap(),
        params.is_feature_nodrop(),
        params.is_feature_submit_stable(),
        params.is_feature_rw_cur_pos(),
        params.is_feature_cur_personality(),
        params.is_feature_fast_poll(),
        params.is_feature_poll_32bits(),
        params.is_feature_sqpoll_nonfixed(),
        params.is_feature_ext_arg(),
        params.is_feature_native_workers(),
        params.is_feature_resource_tagging(),
        params.is_feature_skip_cqe_on_success(),
        params.is_feature_linked_file(),
        params.is_feature_recvsend_bundle(),
        params.is_feature_min_timeout(),
        params.is_feature_no_iowait(),
        params.sq_thread_idle() > 0,
    ]
}

fn build<S: squeue::EntryMarker, C: cqueue::EntryMarker>() -> io::Result<IoUring<S, C>> {
    let mut builder: Builder<S, C> = IoUring::builder();
    builder
        .dontfork()
        .setup_cqsize(32)
        .setup_clamp()
        .setup_submit_all()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_single_issuer()
        .setup_no_sqarray();
    builder.clone().build(8)
}

fn submission(queue: &mut SubmissionQueue<'_>) -> (usize, usize, bool, bool, u32, bool, bool, bool) {
    queue.sync();
    (
        queue.capacity(),
        queue.len(),
        queue.is_empty(),
        queue.is_full(),
        queue.dropped(),
        queue.cq_overflow(),
        queue.taskrun(),
        queue.need_wakeup() || queue.need_wakeup_after_intermittent_seqcst(),
    )
}

fn completion(queue: &mut CompletionQueue<'_>) -> (usize, usize, bool, bool, u32, bool) {
    queue.sync();
    queue.disable_eventfd();
    queue.enable_eventfd();
    (
        queue.capacity(),
        queue.len(),
        CompletionQueue::is_empty(queue),
        queue.is_full(),
        queue.overflow(),
        queue.eventfd_disabled(),
    )
}

fn big<S: squeue::EntryMarker + From<squeue::Entry>>(log: &mut Vec<String>) -> io::Result<()> {
    let mut ring = build::<S, cqueue::Entry32>()?;
    let mut nop = S::from(entry(5));
    nop.set_user_data(nop.get_user_data() + 1);
    // SAFETY: a NOP names no memory.
    unsafe { ring.submission().push(&nop) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    for mut done in ring.completion() {
        done.set_user_data(done.user_data() * 2);
        log.push(format!("{done:?} {:?} {}", done.big_cqe(), done.flags()));
        let small: cqueue::Entry = done.into();
        log.push(format!("{small:?}"));
    }
    Ok(())
}

pub(crate) fn run() -> io::Result<Vec<String>> {
    let mut log = Vec::new();
    let mut ring = IoUring::new(8)?;
    log.push(format!("{:?}", describe(ring.params())));
    log.push(format!("{} {}", ring.params().sq_entries(), ring.params().cq_entries()));
    assert!(ring.as_raw_fd() >= 0);

    // SAFETY: NOPs name no memory.
    unsafe {
        let mut queue = ring.submission();
        queue.push(&entry(1)).map_err(io::Error::other)?;
        queue.push_multiple(&[entry(2), entry(3)]).map_err(io::Error::other)?;
        log.push(format!("{:?}", queue.push_multiple(&[])));
        log.push(format!("{:?}", submission(&mut queue)));
    }
    log.push(format!("{}", ring.submit()?));
    log.push(format!("{:?}", completion(&mut ring.completion())));
    // SAFETY: the ring outlives it.
    let status: CompletionStatus = unsafe { ring.completion().status() };
    log.push(format!("{}", status.is_empty()));
    let mut slots: [MaybeUninit<cqueue::Entry>; 2] = [const { MaybeUninit::uninit() }; 2];
    for done in ring.completion().fill(&mut slots) {
        log.push(format!("{} {} {}", done.user_data(), done.result(), done.flags()));
    }
    let (submitter, mut sq, cq): (Submitter<'_>, SubmissionQueue<'_>, CompletionQueue<'_>) = ring.split();
    // SAFETY: as above.
    unsafe { sq.push(&entry(4)) }.map_err(io::Error::other)?;
    drop(sq);
    log.push(format!("{}", submitter.submit_and_wait(1)?));
    log.push(format!("{:?}", cq.map(|done| done.user_data()).collect::<Vec<_>>()));

    let span = Timespec::new().sec(0).nsec(1000);
    let args = SubmitArgs::new().min_wait_usec(0).timespec(&span);
    let submitter = ring.submitter();
    log.push(format!("{:?}", submitter.submit_with_args(4, &args).map_err(|e| e.raw_os_error())));
    // SAFETY: the argument is what the flags say.
    let entered = unsafe {
        let flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        submitter.enter(0, 4, flags.bits(), Some(&args))
    };
    log.push(format!("{:?}", entered.map_err(|e| e.raw_os_error())));
    log.push(format!("{}", submitter.squeue_wait()?));
    let mut submitter = ring.submitter();
    submitter.register_ring_fd()?;
    submitter.unregister_ring_fd()?;

    log.push(format!("{:?}", cqueue::buffer_select(cqueue_flags())));
    log.push(format!("{:?}", [cqueue::more, cqueue::sock_nonempty, cqueue::notif, cqueue::buffer_more].map(|f| f(2))));
    big::<squeue::Entry>(&mut log)?;
    big::<squeue::Entry128>(&mut log)?;

    // SAFETY: there is one queue of each kind, and NOPs name no memory.
    unsafe {
        ring.submission_shared().push(&entry(9)).map_err(io::Error::other)?;
        ring.submit_and_wait(1)?;
        log.push(format!("{:?}", ring.completion_shared().len()));
    }
    let refused = IoUring::new(0).map(|_| ()).unwrap_err();
    log.push(format!("{:?}", refused.kind()));
    Ok(log)
}

fn cqueue_flags() -> u32 {
    1 | 0x42 << 16
}
