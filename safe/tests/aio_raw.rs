//! A context against the running kernel: what each request does, and what is refused.

#![cfg(feature = "aio")]

mod support;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use safe::aio::raw::{
    Cancel, Context, Event, Forked, IoPrio, Iocb, Limits, PollFlags, RwFlags, SetupReason, iocb,
};
use support::in_process_of_its_own;

fn context() -> Context {
    Context::new(8).expect("a context")
}

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    let error = result.expect_err("it is refused");
    error.raw_os_error().expect("an errno")
}

fn submit(context: &Context, request: &mut Iocb) -> io::Result<usize> {
    // SAFETY: the request is live, and the buffers of this file outlive the contexts that are given them.
    unsafe { context.submit(&[ptr::from_mut(request)]) }
}

fn wait(context: &mut Context) -> Event {
    let mut events = [MaybeUninit::uninit()];
    let mut completions = context.completions();
    completions
        .wait(1, &mut events, None, None)
        .expect("an event")[0]
}

/// What the request answers.
fn run(request: Iocb) -> io::Result<usize> {
    let mut context = context();
    let mut request = request.data(0xfeed_0000_0000_beef);
    assert_eq!(submit(&context, &mut request)?, 1);
    let event = wait(&mut context);
    assert_eq!(event.data(), 0xfeed_0000_0000_beef);
    assert_eq!(event.address(), ptr::from_ref(&request).addr());
    assert_eq!(event.as_raw().res2, 0);
    event.result()
}

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(content).expect("written");
    file
}

fn content(mut file: &File) -> Vec<u8> {
    let mut content = Vec::new();
    io::Seek::rewind(&mut file).expect("rewound");
    file.read_to_end(&mut content).expect("read");
    content
}

fn pipe() -> (File, File) {
    let mut ends = [-1; 2];
    // SAFETY: the call writes two descriptors, which are nobody else's.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

fn eventfd() -> OwnedFd {
    // SAFETY: the descriptor that comes is nobody else's.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK)) }
}

#[test]
fn reads_and_writes_move_data() {
    let file = file(b"0123456789");
    let fd = file.as_raw_fd();
    let mut buf = [0; 4];
    let read = iocb::Pread::new(fd, buf.as_mut_ptr(), 4);
    assert_eq!(run(read.offset(3).build()).unwrap(), 4);
    assert_eq!(&buf, b"3456");
    let write = iocb::Pwrite::new(fd, b"abc".as_ptr(), 3);
    assert_eq!(run(write.offset(1).build()).unwrap(), 3);
    let (mut one, mut two) = ([0; 2], [0; 3]);
    let halves = [iovec(&mut one), iovec(&mut two)];
    let readv = iocb::Preadv::new(fd, halves.as_ptr(), 2);
    assert_eq!(run(readv.build()).unwrap(), 5);
    assert_eq!((&one, &two), (b"0a", b"bc4"));
    let writev = iocb::Pwritev::new(fd, halves.as_ptr(), 2);
    assert_eq!(run(writev.offset(8).build()).unwrap(), 5);
    assert_eq!(content(&file), b"0abc45670abc4");
    assert_eq!(run(iocb::Fsync::new(fd).build()).unwrap(), 0);
    assert_eq!(run(iocb::Fdsync::new(fd).build()).unwrap(), 0);
}

fn iovec(buf: &mut [u8]) -> libc::iovec {
    libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    }
}

#[test]
fn flags_and_priorities_reach_the_kernel() {
    let file = file(b"0123");
    let fd = file.as_raw_fd();
    let write = iocb::Pwrite::new(fd, b"ab".as_ptr(), 2);
    let with = |flags| run(write.rw_flags(flags).build());
    assert_eq!(with(RwFlags::APPEND).unwrap(), 2);
    assert_eq!(with(RwFlags::DSYNC | RwFlags::SYNC).unwrap(), 2);
    assert_eq!(content(&file), b"ab23ab");
    let unknown = RwFlags::from_bits_retain(1 << 30);
    assert_eq!(errno(with(unknown)), libc::EOPNOTSUPP);
    let with = |priority| run(write.priority(priority).build());
    assert_eq!(with(IoPrio::best_effort(7)).unwrap(), 2);
    assert_eq!(with(IoPrio::idle()).unwrap(), 2);
    assert_eq!(errno(with(IoPrio::from(7 << 13))), libc::EINVAL);
    // There is nothing to read, and without the flag this would wait. Before Linux 6.4 pipes could not refuse to.
    let (reader, _writer) = pipe();
    let mut buf = [0; 4];
    let read = iocb::Pread::new(reader.as_raw_fd(), buf.as_mut_ptr(), 4);
    let refused = errno(run(read.rw_flags(RwFlags::NOWAIT).build()));
    assert!(
        [libc::EAGAIN, libc::EOPNOTSUPP].contains(&refused),
        "{refused}"
    );
}

#[test]
fn an_eventfd_counts() {
    let (file, counter) = (file(b"0123"), eventfd());
    let sync = iocb::Fsync::new(file.as_raw_fd()).eventfd(counter.as_raw_fd());
    run(sync.build()).unwrap();
    run(sync.build()).unwrap();
    let mut count = [0; 8];
    File::from(counter).read_exact(&mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 2);
    let no_eventfd = sync.eventfd(file.as_raw_fd()).build();
    assert_eq!(errno(run(no_eventfd)), libc::EINVAL);
    assert_eq!(errno(run(sync.eventfd(-1).build())), libc::EBADF);
}

#[test]
fn a_poll_waits_and_says_what_was_asked() {
    let mut context = context();
    let (reader, mut writer) = pipe();
    let mut poll = iocb::Poll::new(reader.as_raw_fd(), PollFlags::IN).build();
    submit(&context, &mut poll).unwrap();
    assert_eq!(context.completions().ready(), Some(0));
    writer.write_all(b"x").unwrap();
    let event = wait(&mut context);
    // The kernel's own answer has more.
    assert_eq!(event.poll_flags(PollFlags::IN), PollFlags::IN);
    drop(writer);
    submit(&context, &mut poll).unwrap();
    let event = wait(&mut context);
    assert_eq!(
        event.poll_flags(PollFlags::IN),
        PollFlags::IN | PollFlags::HUP
    );
    let wide = Iocb::from(aio_sys::iocb {
        aio_buf: 1 << 16,
        ..*poll.as_raw()
    });
    assert_eq!(errno(run(wide)), libc::EINVAL);
}

#[test]
fn a_poll_can_be_cancelled_and_nothing_else() {
    let mut context = context();
    let (reader, _writer) = pipe();
    let mut poll = iocb::Poll::new(reader.as_raw_fd(), PollFlags::IN).build();
    submit(&context, &mut poll).unwrap();
    let elsewhere = poll;
    assert_eq!(context.cancel(&elsewhere).unwrap(), Cancel::NotCancelled);
    assert_eq!(context.cancel(&poll).unwrap(), Cancel::EventFollows);
    let event = wait(&mut context);
    assert_eq!(
        (event.address(), event.res()),
        (ptr::from_ref(&poll).addr(), 0)
    );
    assert_eq!(context.cancel(&poll).unwrap(), Cancel::NotCancelled);
    assert_eq!(errno(context.cancel(ptr::null())), libc::EFAULT);
    let file = file(b"0123");
    let mut sync = iocb::Fsync::new(file.as_raw_fd()).build();
    submit(&context, &mut sync).unwrap();
    assert_eq!(context.cancel(&sync).unwrap(), Cancel::NotCancelled);
    assert_eq!(wait(&mut context).res(), 0);
}

#[test]
fn bad_requests_are_refused() {
    let file = file(b"0123");
    let fd = file.as_raw_fd();
    let mut bytes = [0; 4];
    let buf = bytes.as_mut_ptr();
    let read = |fd| iocb::Pread::new(fd, buf, 4);
    assert_eq!(errno(run(read(-1).build())), libc::EBADF);
    assert_eq!(errno(run(read(fd).offset(-1).build())), libc::EINVAL);
    let long = iocb::Pread::new(fd, buf, usize::MAX);
    assert_eq!(errno(run(long.build())), libc::EINVAL);
    let null = iocb::Pread::new(fd, ptr::null_mut(), 4);
    assert_eq!(errno(run(null.build())), libc::EFAULT);
    let directory = File::open("/").unwrap();
    assert_eq!(
        errno(run(read(directory.as_raw_fd()).build())),
        libc::EINVAL
    );
    let many = iocb::Preadv::new(fd, ptr::null(), 1025);
    assert_eq!(errno(run(many.build())), libc::EINVAL);
    let (reader, writer) = pipe();
    assert_eq!(
        errno(run(iocb::Fsync::new(reader.as_raw_fd()).build())),
        libc::EINVAL
    );
    drop(reader);
    let write = iocb::Pwrite::new(writer.as_raw_fd(), buf, 4);
    assert_eq!(errno(run(write.build())), libc::EPIPE);
    for opcode in [4, aio_sys::IOCB_CMD_NOOP, 99] {
        let iocb = aio_sys::iocb {
            aio_lio_opcode: opcode,
            ..*read(fd).build().as_raw()
        };
        assert_eq!(errno(run(iocb.into())), libc::EINVAL);
    }
}

/// What comes before the first bad request is accepted; the rest tells its errno.
#[test]
fn a_batch_stops_at_the_first_bad_request() {
    let mut context = context();
    let file = file(b"0123");
    let good = iocb::Fsync::new(file.as_raw_fd()).build();
    let bad = iocb::Fsync::new(-1).build();
    let mut batch = [good.data(0), good.data(1), bad, good.data(3)];
    let list = batch.each_mut().map(ptr::from_mut);
    // SAFETY: the requests are live, and have no buffers.
    unsafe {
        assert_eq!(context.submit(&[]).unwrap(), 0);
        assert_eq!(context.submit(&list).unwrap(), 2);
        assert_eq!(errno(context.submit(&list[2..])), libc::EBADF);
        assert_eq!(context.submit(&list[3..]).unwrap(), 1);
    }
    let mut events = [const { MaybeUninit::uninit() }; 8];
    let events = context
        .completions()
        .wait(3, &mut events, None, None)
        .unwrap();
    let mut numbers: Vec<_> = events.iter().map(Event::data).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 3]);
}

#[test]
fn a_full_context_says_so_and_has_room_after_reaping() {
    let mut context = context();
    let null = File::open("/dev/null").unwrap();
    let mut read = iocb::Pread::new(null.as_raw_fd(), ptr::null_mut(), 0).build();
    for _ in 0..3 {
        let mut accepted = 0;
        let full = loop {
            match submit(&context, &mut read) {
                Ok(count) => accepted += count,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(accepted >= 8);
        for _ in 0..accepted {
            assert!(context.completions().take().unwrap().is_some());
        }
        assert!(context.completions().take().unwrap().is_none());
    }
}

#[test]
fn a_context_that_cannot_be_made_says_why() {
    for requests in [0, 4_194_305, u32::MAX] {
        let error = Context::new(requests).unwrap_err();
        assert_eq!(error.raw_os_error(), libc::EINVAL);
        assert_eq!(error.reason(), &SetupReason::Requests { requests });
    }
    let max = Limits::read().unwrap().max;
    let requests = u32::try_from(max + 1).unwrap();
    let error = Context::new(requests).unwrap_err();
    assert_eq!(error.raw_os_error(), libc::EAGAIN);
    let SetupReason::Limit {
        requests: asked,
        limits: Some(limits),
    } = *error.reason()
    else {
        panic!("{error:?}");
    };
    assert_eq!((asked, limits.max), (requests, max));
    let text = error.to_string();
    assert!(
        text.contains("fs.aio-max-nr") && text.contains(&max.to_string()),
        "{text}"
    );
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut context = context();
    let mut events = [const { MaybeUninit::uninit() }; 2];
    let mut completions = context.completions();
    let brief = Some(Duration::from_nanos(1));
    assert!(
        completions
            .wait(1, &mut events, brief, None)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        errno(completions.wait(3, &mut events, brief, None)),
        libc::EINVAL
    );
    assert_eq!(
        errno(completions.wait_in_kernel(3, &mut events, brief, None)),
        libc::EINVAL
    );
    assert!(completions.wait(0, &mut [], None, None).unwrap().is_empty());
    // The longest there is does not overflow into the past.
    let (reader, mut writer) = pipe();
    let mut poll = iocb::Poll::new(reader.as_raw_fd(), PollFlags::IN).build();
    submit(&context, &mut poll).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(b"x").unwrap());
        let mut completions = context.completions();
        let events = completions
            .wait(1, &mut events, Some(Duration::MAX), None)
            .unwrap();
        assert_eq!(events.len(), 1);
    });
}

extern "C" fn nothing(_: libc::c_int) {}

/// A pending signal that the mask lets through ends a wait: with what there is, or with an error.
#[test]
fn a_signal_ends_a_wait_and_loses_nothing() {
    in_process_of_its_own("a_signal_ends_a_wait_and_loses_nothing", || {
        let mut context = context();
        let null = File::open("/dev/null").unwrap();
        let mut read = iocb::Pread::new(null.as_raw_fd(), ptr::null_mut(), 0).build();
        // SAFETY: the handler does nothing; the sets are live, and zeros are one.
        let open = unsafe {
            let handler = nothing as extern "C" fn(libc::c_int);
            libc::signal(libc::SIGUSR1, handler as usize);
            let (open, mut set): (libc::sigset_t, libc::sigset_t) =
                (std::mem::zeroed(), std::mem::zeroed());
            libc::sigaddset(&mut set, libc::SIGUSR1);
            assert_eq!(
                libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()),
                0
            );
            open
        };
        let mut events = [const { MaybeUninit::uninit() }; 4];
        for there in [0, 1, 2] {
            for _ in 0..there {
                submit(&context, &mut read).unwrap();
            }
            // SAFETY: raising a signal that has a handler.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
            let mut completions = context.completions();
            let waited = completions.wait(3, &mut events, None, Some(&open));
            match there {
                0 => assert_eq!(errno(waited), libc::EINTR),
                _ => assert_eq!(waited.unwrap().len(), there),
            }
        }
        // Also where nothing has to be waited for: the signal is handled, and not left pending.
        submit(&context, &mut read).unwrap();
        // SAFETY: as above; zeros are a set.
        let pending = unsafe {
            libc::raise(libc::SIGUSR1);
            let events = context
                .completions()
                .wait(1, &mut events, None, Some(&open))
                .unwrap()
                .len();
            assert_eq!(events, 1);
            let mut pending = std::mem::zeroed();
            libc::sigpending(&mut pending);
            libc::sigismember(&pending, libc::SIGUSR1)
        };
        assert_eq!(pending, 0);
    });
}

/// Work that an io_uring brings to the thread ends its wait just so, though no handler runs. Completions do not with
/// DEFER_TASKRUN, which has the thread come for them.
#[cfg(feature = "uring")]
#[test]
fn work_of_a_ring_ends_a_wait() {
    use safe::uring::raw::{IoUring, opcode, types::Timespec};

    let mut context = context();
    let mut events = [MaybeUninit::uninit()];
    // In this order, since a ring that is closed has work for its threads, too.
    for defers in [true, false] {
        let mut builder = IoUring::builder();
        if defers {
            builder.setup_single_issuer().setup_defer_taskrun();
        }
        let mut ring: IoUring = match builder.build(2) {
            Ok(ring) => ring,
            Err(error) => {
                println!("unsupported: a ring, defers: {defers}: {error}");
                continue;
            }
        };
        let soon = Timespec::new().nsec(1_000_000);
        let timeout = opcode::Timeout::new(&soon).build();
        // SAFETY: the time outlives the ring.
        unsafe { ring.submission().push(&timeout) }.unwrap();
        ring.submit().unwrap();
        let waited = context
            .completions()
            .wait(1, &mut events, Some(Duration::from_millis(100)), None)
            .map(|events| events.len());
        if defers {
            assert_eq!(waited.unwrap(), 0);
        } else {
            assert_eq!(errno(waited), libc::EINTR);
        }
        ring.submit_and_wait(1).unwrap();
        let end = ring.completion().next().expect("the timeout's end");
        assert_eq!(end.result(), -libc::ETIME);
    }
}

/// In a forked child nothing works, nothing crashes, and the parent loses nothing.
#[test]
fn a_forked_child_gets_errors() {
    in_process_of_its_own("a_forked_child_gets_errors", || {
        let mut context = context();
        let null = File::open("/dev/null").unwrap();
        let mut read = iocb::Pread::new(null.as_raw_fd(), ptr::null_mut(), 0).build();
        submit(&context, &mut read).unwrap();
        // SAFETY: the child uses its copy of this thread's memory, and ends without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let mut events = [const { MaybeUninit::uninit() }; 4];
            let forked =
                |error: io::Error| error.get_ref().is_some_and(|error| error.is::<Forked>());
            let mut right = submit(&context, &mut read).is_err_and(forked)
                && context.cancel(&read).is_err_and(forked)
                && context.completions().ready().is_none()
                && context.completions().take().is_err_and(forked);
            let mut completions = context.completions();
            right &= completions.fill(&mut events).is_err_and(forked)
                && completions
                    .wait(0, &mut events, None, None)
                    .is_err_and(forked)
                && completions
                    .wait_in_kernel(0, &mut events, None, None)
                    .is_err_and(forked)
                && context.destroy().is_err_and(forked);
            // The ring is not even there.
            right &=
                fs::read_to_string("/proc/self/maps").is_ok_and(|maps| !maps.contains("/[aio]"));
            // It can have one of its own.
            right &= Context::new(1).is_ok_and(|own| own.destroy().is_ok());
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        let mut status = 0;
        // SAFETY: `status` is a live variable.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child's verdict");
        assert_eq!(context.completions().ready(), Some(1));
        assert_eq!(wait(&mut context).res(), 0);
    });
}

#[test]
fn destroying_waits_and_unmaps() {
    in_process_of_its_own("destroying_waits_and_unmaps", || {
        let maps = || fs::read_to_string("/proc/self/maps").unwrap();
        let context = context();
        assert!(maps().contains("/[aio]"));
        let (reader, _writer) = pipe();
        let mut poll = iocb::Poll::new(reader.as_raw_fd(), PollFlags::IN).build();
        submit(&context, &mut poll).unwrap();
        context.destroy().unwrap();
        assert!(!maps().contains("/[aio]"));
        drop(self::context());
        assert!(!maps().contains("/[aio]"));
    });
}
