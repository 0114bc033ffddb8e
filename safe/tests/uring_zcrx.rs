//! Zero-copy receive on the kernel, as far as it goes without a network device that can do it: what is
//! refused, and why.

#![cfg(feature = "uring")]

use std::os::fd::AsFd;
use std::ptr::NonNull;

use safe::uring::raw::region::Allocation;
use safe::uring::raw::zcrx::{Area, Builder, Events, Ifq};
use safe::uring::raw::{IoUring, cqueue, squeue};

type Ring = IoUring<squeue::Entry, cqueue::Entry32>;

/// A ring that may receive without copies.
fn ring() -> Ring {
    IoUring::<squeue::Entry, cqueue::Entry32>::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(8)
        .expect("a ring")
}

/// Registers with an area of two pages; answers the errno.
fn refused<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    ring: &IoUring<S, C>,
    builder: Builder,
) -> i32 {
    let area = Area::allocate(8192).expect("memory");
    let error = builder
        .register(&ring.submitter(), area)
        .expect_err("refused");
    error.raw_os_error().expect("an errno")
}

/// The index of the loopback interface, which has no hardware queues.
fn loopback() -> u32 {
    // SAFETY: the name is a C string.
    let index = unsafe { libc::if_nametoindex(c"lo".as_ptr()) };
    assert_ne!(index, 0);
    index
}

#[test]
fn the_ring_must_be_made_for_it() {
    let builder = Ifq::builder(loopback(), 0, 8);
    assert_eq!(refused(&IoUring::new(8).unwrap(), builder), libc::EINVAL);
    let big = IoUring::<squeue::Entry, cqueue::Entry32>::builder().build(8);
    assert_eq!(refused(&big.unwrap(), builder), libc::EINVAL);
    let small: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(8)
        .unwrap();
    assert_eq!(refused(&small, builder), libc::EINVAL);
}

#[test]
fn the_device_must_be_able_to() {
    let ring = ring();
    for by in [Allocation::Process, Allocation::Kernel] {
        let lo = Ifq::builder(loopback(), 0, 8).allocation(by);
        assert_eq!(refused(&ring, lo), libc::EOPNOTSUPP);
        let none = Ifq::builder(u32::MAX >> 1, 0, 8).allocation(by);
        assert_eq!(refused(&ring, none), libc::ENODEV);
    }
    // Nothing stays of what was refused.
    assert_eq!(
        refused(&ring, Ifq::builder(loopback(), 0, 32768)),
        libc::EOPNOTSUPP
    );
}

#[test]
fn the_number_of_entries_must_be_possible() {
    let ring = ring();
    for entries in [0, 32769, u32::MAX] {
        let builder = Ifq::builder(loopback(), 0, entries);
        assert_eq!(refused(&ring, builder), libc::EINVAL, "{entries}");
    }
}

/// An area that is no memory is refused, if the device does not come first.
#[test]
fn areas_are_checked() {
    assert_eq!(
        Area::allocate(0).unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
    assert_eq!(
        Area::allocate(usize::MAX).unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
    let ring = ring();
    let lo = || Ifq::builder(loopback(), 0, 8);
    // SAFETY: it cannot be registered.
    let nothing = unsafe { Area::from_raw(NonNull::dangling(), 4096) };
    let null = std::fs::File::open("/dev/null").unwrap();
    for area in [nothing, Area::dmabuf(null.into(), 4096)] {
        let error = lo().register(&ring.submitter(), area).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
    }
}

/// What a kernel does not know it refuses; what it knows comes to the device.
#[test]
fn younger_features() {
    let ring = ring();
    let lo = || Ifq::builder(loopback(), 0, 8);
    let builders = [
        lo().rx_buf_len(8192),
        lo().events(Events::all(), 7),
        lo().stats(),
    ];
    for builder in builders {
        let errno = refused(&ring, builder);
        assert!(
            matches!(errno, libc::EINVAL | libc::EOPNOTSUPP),
            "{builder:?}: {errno}"
        );
    }
    // Kernels before 6.19 look for a region first.
    let null = std::fs::File::open("/dev/null").unwrap();
    let error = Ifq::import(&ring.submitter(), null.as_fd()).unwrap_err();
    let errno = error.raw_os_error().unwrap();
    assert!(
        matches!(
            errno,
            libc::EFAULT | libc::EINVAL | libc::EBADF | libc::EBADFD
        ),
        "{errno}"
    );
}

/// Without a device, the queue can be registered from Linux 7.1 on.
#[test]
fn without_a_device() {
    let ring = ring();
    let area = Area::allocate(1 << 20).unwrap();
    match Ifq::without_device(5).register(&ring.submitter(), area) {
        Ok(mut ifq) => {
            assert_eq!(
                (ifq.refill_queue().capacity(), ifq.refill_queue().room()),
                (8, 8)
            );
            ifq.flush(&ring.submitter())
                .expect("there is nothing to take");
        }
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EINVAL)),
    }
}
