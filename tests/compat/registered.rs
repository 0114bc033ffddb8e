// A tour of what is registered with a ring, and of rings of every shape: probe, parameters, eventfd, files, buffers,
// personality, restrictions, workers, big entries, messages between rings.

use ring::register::{Restriction, SKIP_FILE};
use ring::types::{CloneBuffersFlags, DestinationSlot, Fd, Fixed, Napi, NapiTracking};
use ring::{Builder, EnterFlags, IoUring, Parameters, Probe, cqueue, opcode, squeue};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};

fn one<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    ring: &mut IoUring<S, C>,
    entry: impl Into<S>,
) -> io::Result<C> {
    // SAFETY: what the entries of this program name outlives the wait below.
    unsafe { ring.submission().push(&entry.into()) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    ring.completion()
        .next()
        .ok_or_else(|| io::Error::other("nothing completed"))
}

fn result(ring: &mut IoUring, entry: squeue::Entry) -> io::Result<i32> {
    Ok(one(ring, entry)?.result())
}

fn errno<T: std::fmt::Debug>(answer: io::Result<T>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("errno {:?}", error.raw_os_error()),
    }
}

fn parameters(params: &Parameters) -> String {
    let setup = [
        params.is_setup_sqpoll(),
        params.is_setup_iopoll(),
        params.is_setup_single_issuer(),
    ];
    let features = [
        params.is_feature_single_mmap(),
        params.is_feature_nodrop(),
        params.is_feature_submit_stable(),
        params.is_feature_ext_arg(),
        params.is_feature_skip_cqe_on_success(),
        params.is_feature_min_timeout(),
        params.is_feature_no_iowait(),
    ];
    let entries = (
        params.sq_entries(),
        params.cq_entries(),
        params.sq_thread_idle(),
    );
    format!("{setup:?} {features:?} {entries:?}")
}

fn probing(told: &mut Vec<String>) -> io::Result<()> {
    let ring: IoUring = IoUring::builder().setup_cqsize(100).build(20)?;
    told.push(parameters(ring.params()));
    let mut probe = Probe::new();
    assert!(!probe.is_supported(opcode::Nop::CODE));
    ring.submitter().register_probe(&mut probe)?;
    let supported = (0..=u8::MAX)
        .filter(|&code| probe.is_supported(code))
        .count();
    told.push(format!(
        "{supported} opcodes, {}",
        probe.is_supported(opcode::SendZc::CODE)
    ));
    Ok(())
}

fn eventfd(told: &mut Vec<String>) -> io::Result<()> {
    let mut ring = IoUring::new(4)?;
    // SAFETY: the descriptor is new and nobody else's.
    let mut event =
        unsafe { File::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) };
    let fd = event.as_raw_fd();
    let mut count = || {
        let mut bytes = [0; 8];
        errno(
            event
                .read_exact(&mut bytes)
                .map(|()| u64::from_ne_bytes(bytes)),
        )
    };
    ring.submitter().register_eventfd(fd)?;
    result(&mut ring, opcode::Nop::new().build())?;
    told.push(format!("signalled: {}", count()));
    ring.completion().disable_eventfd();
    result(&mut ring, opcode::Nop::new().build())?;
    told.push(format!(
        "disabled: {} {}",
        ring.completion().eventfd_disabled(),
        count()
    ));
    ring.completion().enable_eventfd();
    ring.submitter().unregister_eventfd()?;
    ring.submitter().register_eventfd_async(fd)?;
    result(&mut ring, opcode::Nop::new().build())?;
    told.push(format!("not asynchronous: {}", count()));
    told.push(format!(
        "again: {}",
        errno(ring.submitter().register_eventfd(fd))
    ));
    ring.submitter().unregister_eventfd()
}

fn files(told: &mut Vec<String>) -> io::Result<()> {
    let mut ring = IoUring::new(8)?;
    let mut file = tempfile::tempfile()?;
    file.write_all(b"registered")?;
    ring.submitter().register_files_sparse(4)?;
    let updated = ring
        .submitter()
        .register_files_update(1, &[file.as_raw_fd(), SKIP_FILE, -1])?;
    told.push(format!("updated {updated}"));
    let mut text = [0u8; 10];
    let read = opcode::Read::new(Fixed(1), text.as_mut_ptr(), 10).build();
    told.push(format!(
        "read {} {}",
        result(&mut ring, read.clone())?,
        text == *b"registered"
    ));
    let by_ring = [file.as_raw_fd()];
    let update = opcode::FilesUpdate::new(by_ring.as_ptr(), 1)
        .offset(3)
        .build();
    told.push(format!(
        "updated by the ring: {}",
        result(&mut ring, update)?
    ));
    let plain = result(&mut ring, opcode::FixedFdInstall::new(Fixed(3), 0).build())?;
    // SAFETY: the descriptor is new and nobody else's.
    let plain = unsafe { File::from_raw_fd(plain) };
    told.push(format!("installed, with {} bytes", plain.metadata()?.len()));
    let slot = DestinationSlot::try_from_slot_target(0).map_err(|_| io::ErrorKind::InvalidInput)?;
    let socket = opcode::Socket::new(libc::AF_UNIX, libc::SOCK_STREAM, 0)
        .file_index(Some(slot))
        .build();
    told.push(format!("socket: {}", result(&mut ring, socket)?));
    let socket = opcode::Socket::new(libc::AF_UNIX, libc::SOCK_STREAM, 0)
        .file_index(Some(DestinationSlot::auto_target()))
        .build();
    told.push(format!("in any slot: {}", result(&mut ring, socket)?));
    told.push(format!(
        "closed: {}",
        result(&mut ring, opcode::Close::new(Fixed(1)).build())?
    ));
    told.push(format!("read: {}", result(&mut ring, read)?));
    told.push(format!(
        "{:?}",
        DestinationSlot::try_from_slot_target(u32::MAX).unwrap_err()
    ));
    ring.submitter().unregister_files()?;
    told.push(format!(
        "again: {}",
        errno(ring.submitter().unregister_files())
    ));
    Ok(())
}

fn buffers(told: &mut Vec<String>) -> io::Result<()> {
    let mut memory = vec![[0u8; 4096]; 3];
    let parts: Vec<libc::iovec> = memory
        .iter_mut()
        .map(|part| libc::iovec {
            iov_base: part.as_mut_ptr().cast(),
            iov_len: part.len(),
        })
        .collect();
    let (mut ring, other) = (IoUring::new(8)?, IoUring::new(8)?);
    let submitter = ring.submitter();
    // SAFETY: the memory lives until both rings have given it up.
    unsafe {
        submitter.register_buffers2(&parts[..1], &[70])?;
        told.push(format!(
            "twice: {}",
            errno(submitter.register_buffers(&parts))
        ));
        submitter.unregister_buffers()?;
        submitter.register_buffers_sparse(3)?;
        submitter.register_buffers_update(1, &parts[1..], Some(&[71, 72]))?;
    }
    other.submitter().register_buffers_clone(ring.as_raw_fd())?;
    other.submitter().unregister_buffers()?;
    let flags = CloneBuffersFlags::empty();
    other
        .submitter()
        .register_buffers_clone_offset(ring.as_raw_fd(), 1, 0, 2, flags)?;
    other.submitter().unregister_buffers()?;
    // The tag of a buffer that is given up completes.
    let freed: Vec<u64> = ring.completion().map(|done| done.user_data()).collect();
    told.push(format!("freed: {freed:?}"));
    let mut zero = File::open("/dev/zero")?;
    memory[2].fill(7);
    let read =
        opcode::ReadFixed::new(Fd(zero.as_raw_fd()), memory[2].as_mut_ptr(), 4096, 2).build();
    told.push(format!("read: {}", result(&mut ring, read.clone())?));
    told.push(format!("{}", memory[2].iter().all(|&byte| byte == 0)));
    ring.submitter().unregister_buffers()?;
    let mut freed: Vec<u64> = ring.completion().map(|done| done.user_data()).collect();
    freed.sort_unstable();
    told.push(format!("freed: {freed:?}"));
    told.push(format!(
        "none registered: {} {}",
        result(&mut ring, read)?,
        zero.read(&mut [0; 8])?
    ));
    Ok(())
}

fn restrictions(told: &mut Vec<String>) -> io::Result<()> {
    let mut ring: IoUring = IoUring::builder().setup_r_disabled().build(4)?;
    ring.submitter().register_restrictions(&mut [
        Restriction::register_op(12),
        Restriction::sqe_op(opcode::Nop::CODE),
        Restriction::sqe_flags_allowed(squeue::Flags::ASYNC.bits()),
        Restriction::sqe_flags_required(squeue::Flags::ASYNC.bits()),
    ])?;
    ring.submitter().register_enable_rings()?;
    let nop = opcode::Nop::new().build();
    told.push(format!("without: {}", result(&mut ring, nop.clone())?));
    told.push(format!(
        "with: {}",
        result(&mut ring, nop.clone().flags(squeue::Flags::ASYNC))?
    ));
    let linked = nop.flags(squeue::Flags::ASYNC | squeue::Flags::IO_LINK);
    told.push(format!("more: {}", result(&mut ring, linked)?));
    told.push(format!(
        "personality: {}",
        errno(ring.submitter().register_personality())
    ));
    Ok(())
}

fn tasks(told: &mut Vec<String>) -> io::Result<()> {
    let mut ring = IoUring::new(4)?;
    let id = ring.submitter().register_personality()?;
    let nop = opcode::Nop::new().build().personality(id);
    told.push(format!(
        "personality: {id} {}",
        result(&mut ring, nop.clone())?
    ));
    ring.submitter().unregister_personality(id)?;
    told.push(format!("without: {}", result(&mut ring, nop)?));
    let mut workers = [2, 3];
    ring.submitter().register_iowq_max_workers(&mut workers)?;
    workers = [0; 2];
    ring.submitter().register_iowq_max_workers(&mut workers)?;
    told.push(format!("workers: {workers:?}"));
    // SAFETY: zeros are a value of it; the call fills it.
    let cpus = unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut cpus);
        cpus
    };
    ring.submitter().register_iowq_aff(&cpus)?;
    ring.submitter().unregister_iowq_aff()?;
    let mut napi = Napi::new()
        .set_busy_poll_timeout(10)
        .set_tracking(NapiTracking::Static);
    told.push(format!(
        "napi: {}",
        errno(ring.submitter().register_napi(&mut napi))
    ));
    told.push(format!(
        "{} {}",
        napi.busy_poll_timeout(),
        napi.prefer_busy_poll()
    ));
    told.push(format!(
        "added: {}",
        errno(ring.submitter().register_napi_add_id(9))
    ));
    told.push(format!(
        "taken out: {}",
        errno(ring.submitter().register_napi_del_id(9))
    ));
    told.push(format!(
        "napi: {}",
        errno(ring.submitter().unregister_napi(&mut napi))
    ));
    told.push(format!(
        "{} {}",
        napi.busy_poll_timeout(),
        napi.prefer_busy_poll()
    ));

    let mut submitter = ring.submitter();
    submitter.register_ring_fd()?;
    told.push(format!(
        "ring twice: {}",
        errno(submitter.register_ring_fd())
    ));
    told.push(format!("submitted: {}", submitter.submit()?));
    // SAFETY: there is no argument.
    let entered =
        unsafe { submitter.enter::<libc::sigset_t>(0, 0, EnterFlags::GETEVENTS.bits(), None)? };
    submitter.unregister_ring_fd()?;
    told.push(format!(
        "entered: {entered}, {}",
        errno(submitter.unregister_ring_fd())
    ));
    Ok(())
}

fn shapes<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    told: &mut Vec<String>,
) -> io::Result<()> {
    let mut builder: Builder<S, C> = IoUring::builder();
    builder
        .setup_cqsize(8)
        .setup_clamp()
        .setup_submit_all()
        .setup_no_sqarray()
        .dontfork();
    let mut ring: IoUring<S, C> = builder.build(4)?;
    told.push(format!(
        "{:#x} {:#x} {} {}",
        S::BUILD_FLAGS,
        C::BUILD_FLAGS,
        size_of::<S>(),
        size_of::<C>()
    ));
    let nops: Vec<S> = (1..=4)
        .map(|n| opcode::Nop::new().build().user_data(n).into())
        .collect();
    // SAFETY: NOPs name no memory.
    unsafe {
        let mut queue = ring.submission();
        queue.push_multiple(&nops).map_err(io::Error::other)?;
        told.push(format!(
            "{} of {}, {:?}",
            queue.len(),
            queue.capacity(),
            queue.push(&nops[0]).is_err()
        ));
    }
    told.push(format!("{}", ring.submit_and_wait(4)?));
    let mut places: [MaybeUninit<C>; 3] = [const { MaybeUninit::uninit() }; 3];
    let filled = ring.completion().fill(&mut places).to_vec();
    let rest: Vec<C> = ring.completion().collect();
    let small = |done: C| -> cqueue::Entry { done.into() };
    let all: Vec<u64> = filled
        .into_iter()
        .chain(rest)
        .map(|done| small(done).user_data())
        .collect();
    told.push(format!("{all:?}"));
    // More than the completion queue holds: they wait in the kernel.
    for _ in 0..3 {
        // SAFETY: as above.
        unsafe { ring.submission().push_multiple(&nops) }.map_err(io::Error::other)?;
        ring.submit()?;
    }
    let (_, sq, cq) = ring.split();
    told.push(format!("{} {}", sq.cq_overflow(), cq.is_full()));
    drop((sq, cq));
    let held = ring.completion().count();
    ring.submit_and_wait(1)?;
    told.push(format!("{held} and {}", ring.completion().len()));
    let (_, sq, cq) = ring.split();
    told.push(format!("{} {}", sq.dropped(), cq.overflow()));
    Ok(())
}

fn messages(told: &mut Vec<String>) -> io::Result<()> {
    let mut from: IoUring = IoUring::builder().build(4)?;
    let mut to: IoUring<squeue::Entry128, cqueue::Entry32> = IoUring::builder().build(4)?;
    let post = opcode::MsgRingData::new(Fd(to.as_raw_fd()), 7, 8, None).build();
    told.push(format!("posted: {}", result(&mut from, post)?));
    let came = to.completion().next().ok_or(io::ErrorKind::NotFound)?;
    told.push(format!(
        "{} {} {:?}",
        came.result(),
        came.user_data(),
        came.big_cqe()
    ));

    let file = tempfile::tempfile()?;
    from.submitter().register_files(&[file.as_raw_fd()])?;
    to.submitter().register_files_sparse(1)?;
    let slot = DestinationSlot::auto_target();
    let send = opcode::MsgRingSendFd::new(Fd(to.as_raw_fd()), Fixed(0), slot, 9).build();
    told.push(format!("sent: {}", result(&mut from, send)?));
    let came = to.completion().next().ok_or(io::ErrorKind::NotFound)?;
    told.push(format!("{} {}", came.result(), came.user_data()));
    let write = opcode::Write::new(Fixed(0), b"by way of a ring".as_ptr(), 16).build();
    told.push(format!("written: {}", one(&mut to, write)?.result()));
    told.push(format!("{}", file.metadata()?.len()));

    // A ring that shares the other's workers, and one that a kernel thread reads.
    let shared: IoUring = IoUring::builder()
        .setup_attach_wq(from.as_raw_fd())
        .build(4)?;
    let mut polled: IoUring = IoUring::builder()
        .setup_sqpoll(1)
        .setup_sqpoll_cpu(0)
        .build(4)?;
    told.push(format!(
        "{} {}",
        shared.params().is_setup_sqpoll(),
        polled.params().is_setup_sqpoll()
    ));
    for _ in 0..3 {
        told.push(format!(
            "polled: {}",
            result(&mut polled, opcode::Nop::new().build())?
        ));
    }
    polled.submitter().squeue_wait()?;
    Ok(())
}

pub(crate) fn run() -> io::Result<Vec<String>> {
    type Stop = fn(&mut Vec<String>) -> io::Result<()>;
    let mut told = Vec::new();
    let stops: [Stop; 7] = [
        probing,
        eventfd,
        files,
        buffers,
        restrictions,
        tasks,
        messages,
    ];
    for stop in stops {
        stop(&mut told)?;
    }
    shapes::<squeue::Entry, cqueue::Entry>(&mut told)?;
    shapes::<squeue::Entry128, cqueue::Entry>(&mut told)?;
    shapes::<squeue::Entry, cqueue::Entry32>(&mut told)?;
    shapes::<squeue::Entry128, cqueue::Entry32>(&mut told)?;
    let refused: io::Result<IoUring> = IoUring::builder().build(0);
    told.push(format!("{:?}", refused.map(drop).unwrap_err().kind()));
    Ok(told)
}
