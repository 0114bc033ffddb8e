//! Buffer rings on the kernel: registering, filling, wrapping, running out.

#![cfg(feature = "uring")]

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use safe::uring::raw::buf_ring::{BufRing, Error, Feature, MAX_ENTRIES, MAX_KERNEL_MEMORY_GROUP};
use safe::uring::raw::{IoUring, opcode};

mod support {
    pub(crate) mod buffers;
}
use support::buffers::{Done, Fixture, GROUP, message, piece, selecting};

/// Each message lands in the next buffer, three times round the ring.
fn three_rounds(mut f: Fixture) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    f.give(0..4);
    assert_eq!(f.head_and_available(), (0, 4));
    f.receive(&theirs, 0);
    for n in 0..14 {
        let sent = message(n, 40 + n);
        ours.write_all(&sent).unwrap();
        let bid = (n % 4) as u16;
        let (pieces, data) = f.filled();
        assert_eq!(pieces, [piece(bid, 0, sent.len() as u32, true)]);
        assert_eq!(data, sent);
        assert_eq!(f.head_and_available(), (n as u16 + 1, 3));
        f.give([bid]);
        assert_eq!(f.head_and_available(), (n as u16 + 1, 4));
    }
    assert!(f.uring.completion().next().is_none());
}

#[test]
fn in_memory_of_the_process() {
    let f = Fixture::new(4, 100, |builder| builder);
    assert!(!f.bufs.is_kernel_memory() && !f.bufs.is_incremental());
    assert_eq!((f.bufs.group(), f.bufs.entries()), (GROUP, 4));
    three_rounds(f);
}

#[test]
fn in_memory_of_the_kernel() {
    let f = Fixture::new(4, 100, |builder| builder.kernel_memory());
    assert!(f.bufs.is_kernel_memory());
    three_rounds(f);
}

/// The tail has 16 bits and counts on past them.
#[test]
fn the_tail_wraps_at_65536() {
    let zeros = std::fs::File::open("/dev/zero").unwrap();
    let mut f = Fixture::new(32, 8, |builder| builder);
    f.give(0..32);
    for round in 0..2049u32 {
        for _ in 0..32 {
            let entry = selecting(uring_sys::IORING_OP_READ, &zeros, |sqe| sqe.len = 8);
            // SAFETY: the entry names no memory but by the group.
            unsafe { f.uring.submission().push(&entry) }.unwrap();
        }
        f.uring.submit_and_wait(32).unwrap();
        for bid in 0..32 {
            assert_eq!(f.filled().0, [piece(bid, 0, 8, true)], "round {round}");
        }
        f.give(0..32);
    }
    assert_eq!(f.head_and_available(), (32, 32));
}

#[test]
fn what_is_not_published_is_not_there() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut f = Fixture::new(4, 100, |builder| builder);
    let at = Vec::leak(vec![0u8; 100]).as_mut_ptr();
    // SAFETY: the buffer is leaked and not read; the ring is empty.
    unsafe { f.bufs.push(at, 100, 3) };
    f.ledger.pushed(3, 100).unwrap();
    assert_eq!(f.bufs.unpublished(), 1);
    assert_eq!(f.head_and_available(), (0, 0));
    ours.write_all(b"here").unwrap();
    f.receive(&theirs, 0);
    assert_eq!(f.next().result, -libc::ENOBUFS);
    f.bufs.publish();
    assert_eq!(f.bufs.unpublished(), 0);
    assert_eq!(f.head_and_available(), (0, 1));
    f.receive(&theirs, 0);
    assert_eq!(f.next().buffer, Some(3));
}

/// A multishot receive ends with `ENOBUFS` when the ring is empty, and the data waits for the next.
#[test]
fn exhausted_and_refilled() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut f = Fixture::new(2, 100, |builder| builder);
    f.give([0, 1]);
    f.receive(&theirs, 0);
    for bid in 0..2 {
        ours.write_all(&message(1, 10)).unwrap();
        assert_eq!(f.filled().0, [piece(bid, 0, 10, true)]);
    }
    assert_eq!(f.head_and_available(), (2, 0));
    let third = message(3, 10);
    ours.write_all(&third).unwrap();
    let ended = Done {
        result: -libc::ENOBUFS,
        buffer: None,
        more: false,
        buffer_more: false,
    };
    assert_eq!(f.next(), ended);

    f.give([1, 0]);
    f.receive(&theirs, 0);
    assert_eq!(f.filled(), (vec![piece(1, 0, 10, true)], third));
    assert_eq!(f.head_and_available(), (3, 1));
}

/// The sizes that are refused here are those that the kernel refuses.
#[test]
fn bad_sizes() {
    let uring = IoUring::new(8).unwrap();
    let ring = uring.submitter();
    for entries in [0, 3, 12, MAX_ENTRIES - 1, 2 * MAX_ENTRIES, u32::MAX] {
        let refused = BufRing::builder(entries, GROUP).register(&ring);
        assert!(matches!(refused, Err(Error::Entries(n)) if n == entries));
        let argument = uring_sys::io_uring_buf_reg {
            ring_entries: entries,
            bgid: GROUP,
            flags: uring_sys::IOU_PBUF_RING_MMAP,
            ..Default::default()
        };
        let code = uring_sys::IORING_REGISTER_PBUF_RING;
        // SAFETY: the argument is what the operation takes.
        let answer = unsafe { ring.register(code, (&raw const argument).cast(), 1) };
        assert_eq!(
            answer.unwrap_err().raw_os_error(),
            Some(libc::EINVAL),
            "{entries}"
        );
    }
    for entries in [1, 2, MAX_ENTRIES] {
        for kernel_memory in [false, true] {
            let mut builder = BufRing::builder(entries, GROUP);
            if kernel_memory {
                builder = builder.kernel_memory();
            }
            let bufs = builder.register(&ring).expect("a ring");
            assert_eq!(bufs.entries(), entries);
            bufs.unregister(&ring).expect("unregistered");
        }
    }
}

/// In the process's memory a group has any number; in the kernel's, one that the offset of its mapping holds.
#[test]
fn large_groups() {
    let uring = IoUring::new(8).unwrap();
    let ring = uring.submitter();
    for group in [MAX_KERNEL_MEMORY_GROUP + 1, 32768, u16::MAX] {
        let refused = BufRing::builder(4, group).kernel_memory().register(&ring);
        assert!(matches!(refused, Err(Error::GroupNotMappable(g)) if g == group));
        BufRing::builder(4, group).register(&ring).expect("a ring");
    }
    let largest = BufRing::builder(4, MAX_KERNEL_MEMORY_GROUP).kernel_memory();
    largest.register(&ring).expect("a ring");
}

#[test]
fn a_group_is_registered_once() {
    let uring = IoUring::new(8).unwrap();
    let ring = uring.submitter();
    let first = BufRing::builder(4, GROUP).register(&ring).unwrap();
    for kernel_memory in [false, true] {
        let mut builder = BufRing::builder(4, GROUP);
        if kernel_memory {
            builder = builder.kernel_memory();
        }
        assert!(matches!(
            builder.register(&ring),
            Err(Error::GroupInUse(GROUP))
        ));
    }
    first.unregister(&ring).unwrap();
    let second = BufRing::builder(4, GROUP).register(&ring).unwrap();
    // Dropping does not unregister.
    drop(second);
    let third = BufRing::builder(4, GROUP).register(&ring);
    assert!(matches!(third, Err(Error::GroupInUse(GROUP))));
}

/// Buffers of the old kind make a group too.
#[test]
fn a_group_of_the_old_kind_is_in_the_way() {
    let mut uring = IoUring::new(8).unwrap();
    let memory = Vec::leak(vec![0u8; 16]);
    let mut provide = opcode::Nop::new().build();
    let sqe = provide.as_raw_mut();
    sqe.opcode = uring_sys::IORING_OP_PROVIDE_BUFFERS;
    sqe.fd = 1;
    sqe.set_addr(memory.as_mut_ptr().expose_provenance() as u64);
    sqe.len = 16;
    sqe.set_buf_group(GROUP);
    // SAFETY: the memory is leaked.
    unsafe { uring.submission().push(&provide) }.unwrap();
    uring.submit_and_wait(1).unwrap();
    assert_eq!(uring.completion().next().unwrap().result(), 0);
    let refused = BufRing::builder(4, GROUP).register(&uring.submitter());
    assert!(matches!(refused, Err(Error::GroupInUse(GROUP))));
}

#[test]
fn an_unknown_group_is_not_there() {
    let uring = IoUring::new(8).unwrap();
    let other = IoUring::new(8).unwrap();
    let bufs = BufRing::builder(4, GROUP)
        .register(&uring.submitter())
        .unwrap();
    let errno = |error: io::Error| error.raw_os_error();
    let wrong = other.submitter();
    assert_eq!(
        errno(bufs.consumed(&wrong).unwrap_err()),
        Some(libc::ENOENT)
    );
    let refused = bufs.unregister(&wrong).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ENOENT));
}

/// A ring that another thread owns also answers `EEXIST`, and that is not about the group.
#[test]
fn the_wrong_thread_is_no_group_in_use() {
    let uring: IoUring = IoUring::builder().setup_single_issuer().build(8).unwrap();
    let error = std::thread::scope(|scope| {
        let register = || BufRing::builder(4, GROUP).register(&uring.submitter());
        scope.spawn(register).join().unwrap().unwrap_err()
    });
    assert!(
        matches!(&error, Error::Register(why) if why.kind() == io::ErrorKind::AlreadyExists),
        "{error:?}"
    );
}

/// After the group is gone, a receive that waits ends with `ENOBUFS`, and the socket keeps its data.
#[test]
fn unregistering_ends_what_waits_for_a_buffer() {
    for kernel_memory in [false, true] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut f = Fixture::new(4, 100, |builder| match kernel_memory {
            true => builder.kernel_memory(),
            false => builder,
        });
        f.give(0..4);
        f.receive(&theirs, 0);
        ours.write_all(b"first").unwrap();
        assert_eq!(f.filled(), (vec![piece(0, 0, 5, true)], b"first".to_vec()));

        let Fixture {
            mut uring,
            bufs,
            mut ledger,
            ..
        } = f;
        bufs.unregister(&uring.submitter()).unwrap();
        ours.write_all(b"second").unwrap();
        uring.submit_and_wait(1).unwrap();
        let last = uring.completion().next().unwrap();
        assert_eq!((last.result(), last.flags()), (-libc::ENOBUFS, 0));
        assert_eq!(ledger.drain().collect::<Vec<u16>>(), [1, 2, 3]);

        let mut data = [0; 16];
        // SAFETY: the buffer is there for the call.
        let n = unsafe { libc::recv(theirs.as_raw_fd(), data.as_mut_ptr().cast(), 16, 0) };
        assert_eq!((n, &data[..6]), (6, &b"second"[..]));
    }
}

/// A forked child has neither the ring nor its memory, and publishing there does nothing.
#[test]
fn a_forked_child_does_nothing() {
    let mut f = Fixture::new(4, 100, |builder| builder);
    f.give([0]);
    // SAFETY: the child calls only what does without other threads, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        f.bufs.publish();
        let forked = f.bufs.consumed(&f.uring.submitter()).is_err();
        // SAFETY: it ends the child without running what the parent will run.
        unsafe { libc::_exit(if forked { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` may be written.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child did not end by itself");
    assert_eq!(f.head_and_available(), (0, 1));
}

#[test]
fn errors_say_why() {
    let uring = IoUring::new(8).unwrap();
    let error = BufRing::builder(4, GROUP)
        .min_left(8)
        .register(&uring.submitter())
        .unwrap_err();
    assert!(matches!(error, Error::MinLeftWithoutIncremental));
    let texts = [
        (Error::Entries(3), "power of two"),
        (Error::GroupNotMappable(2048), "not 2048"),
        (Error::GroupInUse(9), "group 9"),
        (Error::Unsupported(Feature::BufferRings), "5.19"),
        (Error::Unsupported(Feature::KernelMemory), "6.4"),
        (Error::Unsupported(Feature::Incremental), "6.12"),
        (Error::Unsupported(Feature::MinLeft), "7.1"),
    ];
    for (error, part) in texts {
        assert!(error.to_string().contains(part), "{error}");
    }
}
