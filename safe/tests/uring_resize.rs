//! Resizing a ring that is in use.

#![cfg(feature = "uring")]

use std::os::fd::{AsFd, AsRawFd};

use safe::error::RingError;
use safe::uring::raw::{Builder, IoUring, cqueue, opcode, squeue, types};

/// How a ring is made that can be resized, with or without an index array.
fn builder<C: cqueue::EntryMarker>(array: bool) -> Builder<squeue::Entry, C> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    if !array {
        builder.setup_no_sqarray();
    }
    builder
}

fn push<C: cqueue::EntryMarker>(ring: &mut IoUring<squeue::Entry, C>, user_data: u64) {
    let nop = opcode::Nop::new().build().user_data(user_data);
    // SAFETY: a NOP names no memory.
    unsafe { ring.submission().push(&nop) }.unwrap();
}

fn reaped<C: cqueue::EntryMarker>(ring: &mut IoUring<squeue::Entry, C>) -> Vec<u64> {
    ring.completion()
        .map(|cqe| cqe.into().user_data())
        .collect()
}

fn errno(result: std::io::Result<()>) -> Option<i32> {
    result.unwrap_err().raw_os_error()
}

/// Fills both queues, resizes, and finds all of it again.
fn keeps<C: cqueue::EntryMarker>(array: bool, sq: u32, cq: Option<u32>, sizes: (u32, u32)) {
    let mut ring = builder::<C>(array).build(8).unwrap();
    // Positions that are not those of the new queues.
    for user_data in 0..5 {
        push(&mut ring, user_data);
    }
    ring.submit_and_wait(5).unwrap();
    assert_eq!(reaped(&mut ring), [0, 1, 2, 3, 4]);
    for user_data in 10..14 {
        push(&mut ring, user_data);
    }
    ring.submit_and_wait(4).unwrap();
    for user_data in 20..24 {
        push(&mut ring, user_data);
    }
    ring.resize(sq, cq).unwrap();
    assert_eq!(
        (ring.params().sq_entries(), ring.params().cq_entries()),
        sizes
    );
    assert_eq!(ring.submission().capacity(), sizes.0 as usize);
    assert_eq!(ring.submission().len(), 4);
    assert_eq!(reaped(&mut ring), [10, 11, 12, 13]);
    assert_eq!(ring.submit_and_wait(4).unwrap(), 4);
    assert_eq!(reaped(&mut ring), [20, 21, 22, 23]);
    // Around the new queues more than once.
    for round in 0..3 {
        let expected: Vec<u64> = (0..u64::from(sizes.0)).map(|i| round << 32 | i).collect();
        expected
            .iter()
            .for_each(|&user_data| push(&mut ring, user_data));
        assert!(ring.submission().is_full());
        assert_eq!(
            ring.submit_and_wait(expected.len()).unwrap(),
            expected.len()
        );
        assert_eq!(reaped(&mut ring), expected);
    }
}

#[test]
fn growing_and_shrinking_keeps_what_is_in_the_queues() {
    for array in [false, true] {
        keeps::<cqueue::Entry>(array, 64, None, (64, 128));
        keeps::<cqueue::Entry>(array, 1000, Some(4096), (1024, 4096));
        keeps::<cqueue::Entry>(array, 4, Some(8), (4, 8));
    }
}

/// Large entries do not move while they are in the queue: not every kernel can do it.
fn large_wait<S, C>(array: bool, entry: S)
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    let mut builder = IoUring::<S, C>::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    if !array {
        builder.setup_no_sqarray();
    }
    let mut ring = builder.build(8).unwrap();
    // SAFETY: a NOP names no memory.
    unsafe { ring.submission().push(&entry) }.unwrap();
    if size_of::<S>() > 64 {
        assert_eq!(errno(ring.resize(64, None)), Some(libc::EBUSY));
    }
    ring.submit_and_wait(1).unwrap();
    if size_of::<C>() > 16 {
        assert_eq!(errno(ring.resize(64, None)), Some(libc::EBUSY));
    }
    assert_eq!(ring.completion().count(), 1);
    for (entries, sizes) in [(64, (64, 128)), (4, (4, 8)), (32, (32, 64))] {
        ring.resize(entries, None).unwrap();
        assert_eq!(
            (ring.params().sq_entries(), ring.params().cq_entries()),
            sizes
        );
        // Around the new queues more than once.
        for round in 0..3 {
            for i in 0..sizes.0 {
                let mut entry = entry.clone();
                entry.set_user_data((round << 32) + u64::from(i));
                // SAFETY: a NOP names no memory.
                unsafe { ring.submission().push(&entry) }.unwrap();
            }
            assert_eq!(
                ring.submit_and_wait(sizes.0 as usize).unwrap(),
                sizes.0 as usize
            );
            let reaped = ring.completion().map(|cqe| cqe.into().user_data());
            assert!(reaped.eq((0..sizes.0).map(|i| (round << 32) + u64::from(i))));
        }
    }
}

#[test]
fn large_entries_are_not_moved_but_their_queues_are_resized() {
    let nop = || opcode::Nop::new().build();
    for array in [false, true] {
        large_wait::<_, cqueue::Entry32>(array, nop());
        large_wait::<squeue::Entry128, cqueue::Entry>(array, nop().into());
        large_wait::<squeue::Entry128, cqueue::Entry32>(array, nop().into());
    }
}

#[test]
fn a_refusal_leaves_the_ring_as_it_was() {
    let mut ring = builder::<cqueue::Entry>(true).build(8).unwrap();
    for user_data in 0..6 {
        push(&mut ring, user_data);
    }
    assert_eq!(ring.submit_and_wait(6).unwrap(), 6);
    push(&mut ring, 6);
    assert_eq!(errno(ring.resize(4, Some(4))), Some(libc::EOVERFLOW));
    assert_eq!(errno(ring.resize(0, None)), Some(libc::EINVAL));
    assert_eq!(errno(ring.resize(16, Some(8))), Some(libc::EINVAL));
    assert_eq!(errno(ring.resize(1 << 20, None)), Some(libc::EINVAL));
    assert_eq!(
        (ring.params().sq_entries(), ring.params().cq_entries()),
        (8, 16)
    );
    assert_eq!(ring.submit_and_wait(7).unwrap(), 1);
    assert_eq!(reaped(&mut ring), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_is_in_flight_completes_in_the_new_queue() {
    let mut ring = builder::<cqueue::Entry>(false).build(8).unwrap();
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let fd = types::Fd(reader.as_fd().as_raw_fd());
    let poll = opcode::PollAdd::new(fd, libc::POLLIN as u32)
        .build()
        .user_data(7);
    // SAFETY: a poll names no memory.
    unsafe { ring.submission().push(&poll) }.unwrap();
    ring.submit().unwrap();
    ring.resize(32, None).unwrap();
    std::io::Write::write_all(&mut writer, b"x").unwrap();
    ring.submit_and_wait(1).unwrap();
    assert_eq!(reaped(&mut ring), [7]);
}

/// An entry that was pushed stays pushed, and a completion that was taken stays taken.
#[test]
fn forgotten_queues_are_published_first() {
    let mut ring = builder::<cqueue::Entry>(true).build(8).unwrap();
    push(&mut ring, 1);
    push(&mut ring, 2);
    ring.submit_and_wait(2).unwrap();
    let mut queue = ring.completion();
    assert_eq!(queue.next().unwrap().user_data(), 1);
    std::mem::forget(queue);
    let mut queue = ring.submission();
    // SAFETY: a NOP names no memory.
    unsafe { queue.push(&opcode::Nop::new().build().user_data(3)) }.unwrap();
    std::mem::forget(queue);
    ring.resize(64, None).unwrap();
    assert_eq!(ring.submit_and_wait(2).unwrap(), 1);
    assert_eq!(reaped(&mut ring), [2, 3]);
}

#[test]
fn only_its_own_thread_resizes_a_deferring_ring_and_no_other_kind() {
    let mut ring = IoUring::new(8).unwrap();
    assert_eq!(errno(ring.resize(16, None)), Some(libc::EINVAL));
    let mut ring = builder::<cqueue::Entry>(false).build(8).unwrap();
    let error = std::thread::scope(|scope| {
        let there = scope.spawn(|| ring.resize(16, None).unwrap_err());
        there.join().unwrap()
    });
    let why = error.get_ref().and_then(|why| why.downcast_ref());
    assert_eq!(why, Some(&RingError::WrongThread));
    let mut builder = builder::<cqueue::Entry>(false);
    let mut ring = builder.setup_no_mmap().build(8).unwrap();
    assert_eq!(errno(ring.resize(16, None)), Some(libc::EINVAL));
}

/// A completion of two slots that lie side by side would be torn apart by a smaller queue: it does not move.
#[test]
fn large_completions_among_small_ones_wait() {
    for array in [false, true] {
        let mut builder = IoUring::<squeue::Entry, cqueue::EntryMixed>::builder();
        builder.setup_single_issuer().setup_defer_taskrun();
        if !array {
            builder.setup_no_sqarray();
        }
        let mut ring = builder.setup_cqsize(8).build(4).unwrap();
        for user_data in 0..3 {
            push(&mut ring, user_data);
        }
        ring.submit_and_wait(3).unwrap();
        assert_eq!(reaped(&mut ring), [0, 1, 2]);
        // In the slots 3 and 4, which are 3 and 0 of a queue of 4.
        let large = opcode::Nop::new().cqe32(5, 6).build().user_data(7);
        // SAFETY: a NOP names no memory.
        unsafe { ring.submission().push(&large) }.unwrap();
        ring.submit_and_wait(1).unwrap();
        assert_eq!(errno(ring.resize(4, Some(4))), Some(libc::EBUSY));
        let large = ring.completion().next().unwrap();
        assert_eq!((large.user_data(), large.big_cqe()), (7, Some(&[5, 6])));
        ring.resize(4, Some(4)).unwrap();
        for user_data in 0..9 {
            push(&mut ring, user_data);
            ring.submit_and_wait(1).unwrap();
            assert_eq!(reaped(&mut ring), [user_data]);
        }
    }
}
