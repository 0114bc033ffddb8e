// Included twice by `register_compat.rs`, where `api` is one crate or the other.

use api::register::{Restriction, SKIP_FILE};
use api::types::{CancelBuilder, CloneBuffersFlags, Fd, Fixed, Napi, NapiTracking, Timespec};
use api::{Builder, IoUring, Probe, Submitter, cqueue, opcode, squeue};
use std::io;
use std::os::fd::AsRawFd;

/// `IOU_PBUF_RING_MMAP`, whose type differs.
const KERNELS: u16 = 1;

/// What a call says: nothing, or the errno.
fn said<T>(result: io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |_| 0)
}

/// What an operation completes with.
fn completes(ring: &mut IoUring, entry: squeue::Entry) -> i32 {
    // SAFETY: what the entry names outlives the operation, which is waited for.
    unsafe { ring.submission().push(&entry) }.unwrap();
    ring.submit_and_wait(1).unwrap();
    ring.completion().next().unwrap().result()
}

fn buffers(ring: &mut IoUring, file: &std::fs::File) -> io::Result<Vec<i32>> {
    let mut bufs = [[0u8; 8]; 2];
    let iovecs = bufs.each_mut().map(|buf| libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    });
    let read = |index| {
        let at = iovecs[usize::from(index)].iov_base.cast();
        opcode::ReadFixed::new(Fd(file.as_raw_fd()), at, 8, index).build()
    };
    let mut seen = Vec::new();
    // SAFETY: the buffers outlive the registrations and each operation.
    unsafe {
        ring.submitter().register_buffers(&iovecs)?;
        seen.push(completes(ring, read(1)));
        ring.submitter().unregister_buffers()?;
        seen.push(completes(ring, read(1)));
        ring.submitter().register_buffers2(&iovecs, &[0, 9])?;
        ring.submitter()
            .register_buffers_update(0, &iovecs[..1], Some(&[0]))?;
        seen.push(completes(ring, read(0)));
        ring.submitter()
            .register_buffers_update(0, &iovecs[..1], None)?;
    }
    let other = IoUring::new(2)?;
    other
        .submitter()
        .register_buffers_clone(ring.as_raw_fd())?;
    seen.push(said(other.submitter().register_buffers_clone_offset(
        ring.as_raw_fd(),
        1,
        0,
        1,
        CloneBuffersFlags::DST_REPLACE,
    )));
    ring.submitter().unregister_buffers()?;
    ring.submitter().register_buffers_sparse(3)?;
    ring.submitter().unregister_buffers()?;
    seen.push(said(ring.submitter().unregister_buffers()));
    Ok(seen)
}

fn files(ring: &mut IoUring, file: &std::fs::File) -> io::Result<Vec<i32>> {
    let fd = file.as_raw_fd();
    let mut buf = [0u8; 8];
    let at = buf.as_mut_ptr();
    let read = |slot| opcode::Read::new(Fixed(slot), at, 8).build();
    let mut seen = Vec::new();
    ring.submitter().register_files(&[fd, -1])?;
    seen.push(completes(ring, read(0)));
    seen.push(completes(ring, read(1)));
    let fds: Vec<_> = vec![SKIP_FILE, fd];
    seen.push(ring.submitter().register_files_update(0, &fds)? as i32);
    seen.push(completes(ring, read(1)));
    ring.submitter().unregister_files()?;
    ring.submitter().register_files_sparse(2)?;
    seen.push(completes(ring, read(0)));
    ring.submitter().unregister_files()?;
    seen.push(said(ring.submitter().register_files(&[i32::MAX])));
    Ok(seen)
}

fn others(submitter: &Submitter<'_>) -> io::Result<Vec<i32>> {
    let mut seen = Vec::new();
    // SAFETY: the call takes no memory.
    let eventfd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    submitter.register_eventfd(eventfd)?;
    seen.push(said(submitter.register_eventfd(eventfd)));
    submitter.unregister_eventfd()?;
    submitter.register_eventfd_async(eventfd)?;
    submitter.unregister_eventfd()?;
    // SAFETY: the descriptor is this function's.
    unsafe { libc::close(eventfd) };

    let mut probe = Probe::new();
    submitter.register_probe(&mut probe)?;
    seen.push((0..=255).filter(|&code| probe.is_supported(code)).count() as i32);
    seen.push(i32::from(Probe::default().is_supported(opcode::Read::CODE)));

    let id = submitter.register_personality()?;
    submitter.unregister_personality(id)?;
    seen.push(said(submitter.unregister_personality(id)));

    // SAFETY: zero is a value of the set.
    let mut cpus: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a live set of that size.
    unsafe { libc::sched_getaffinity(0, std::mem::size_of_val(&cpus), &mut cpus) };
    submitter.register_iowq_aff(&cpus)?;
    submitter.unregister_iowq_aff()?;
    let mut limits = [0, 0];
    submitter.register_iowq_max_workers(&mut limits)?;
    seen.extend(limits.map(|limit| (limit > 0) as i32));

    let mut napi = Napi::new()
        .set_busy_poll_timeout(10)
        .set_prefer_busy_poll(true)
        .set_tracking(NapiTracking::Static);
    submitter.register_napi(&mut napi)?;
    seen.push(said(submitter.register_napi_add_id(1 << 20)));
    seen.push(said(submitter.register_napi_del_id(1 << 20)));
    submitter.unregister_napi(&mut napi)?;
    seen.push(napi.busy_poll_timeout() as i32);
    seen.push(i32::from(napi.prefer_busy_poll()));

    // SAFETY: the kernel allocates the ring, in which there are no buffers.
    unsafe { submitter.register_buf_ring_with_flags(0, 4, 2, KERNELS) }?;
    submitter.unregister_buf_ring(2)?;
    seen.push(said(submitter.unregister_buf_ring(2)));

    seen.push(said(submitter.register_sync_cancel(None, CancelBuilder::user_data(5))));
    let soon = Some(Timespec::new().nsec(1));
    seen.push(said(submitter.register_sync_cancel(soon, CancelBuilder::fd(Fd(0)).all())));
    seen.push(said(submitter.register_sync_cancel(soon, CancelBuilder::any())));
    seen.push(said(submitter.register_enable_rings()));
    Ok(seen)
}

fn restricted() -> io::Result<Vec<i32>> {
    let mut builder: Builder<squeue::Entry, cqueue::Entry> = IoUring::builder();
    let mut ring = builder.setup_r_disabled().build(2)?;
    let allowed: &mut [Restriction] = &mut [
        Restriction::sqe_op(opcode::Nop::CODE),
        Restriction::register_op(12),
        Restriction::sqe_flags_allowed(squeue::Flags::ASYNC.bits()),
        Restriction::sqe_flags_required(0),
    ];
    ring.submitter().register_restrictions(allowed)?;
    ring.submitter().register_enable_rings()?;
    let timeout = Timespec::new();
    Ok(vec![
        completes(&mut ring, opcode::Nop::new().build()),
        completes(&mut ring, opcode::Timeout::new(&timeout).build()),
        said(ring.submitter().register_personality()),
    ])
}

pub(super) fn run() -> io::Result<Vec<Vec<i32>>> {
    let file = tempfile::tempfile()?;
    std::os::unix::fs::FileExt::write_all_at(&file, b"12345", 0)?;
    let mut ring = IoUring::new(4)?;
    Ok(vec![
        buffers(&mut ring, &file)?,
        files(&mut ring, &file)?,
        others(&ring.submitter())?,
        restricted()?,
    ])
}
