//! The two queues of a real ring: order, wrap-around, overflow, entry sizes, forgotten guards.

#![cfg(feature = "uring")]

use std::mem::{self, MaybeUninit};

use safe::error::{SetupError, SetupReason};
use safe::uring::raw::{Builder, IoUring, cqueue, opcode, squeue};

fn nop(user_data: u64) -> squeue::Entry {
    opcode::Nop::new().build().user_data(user_data)
}

/// A NOP that completes with 32 bytes: `IORING_NOP_CQE32`, since Linux 6.18.
fn big_nop(user_data: u64, first: u64, second: u64) -> squeue::Entry {
    let mut entry = nop(user_data);
    let sqe = entry.as_raw_mut();
    sqe.set_nop_flags(uring_sys::IORING_NOP_CQE32);
    sqe.set_off(first);
    sqe.set_addr(second);
    entry
}

fn push<S: squeue::EntryMarker, C: cqueue::EntryMarker>(ring: &mut IoUring<S, C>, entry: &S) {
    // SAFETY: the entries of these tests are NOPs, which name no memory.
    unsafe { ring.submission().push(entry) }.expect("there is room");
}

fn user_data<S: squeue::EntryMarker, C: cqueue::EntryMarker>(ring: &mut IoUring<S, C>) -> Vec<u64> {
    ring.completion().map(|c| c.user_data()).collect()
}

/// Fills the queue to the brim and drains it, so often that the slots are used several times over.
fn laps<S: squeue::EntryMarker, C: cqueue::EntryMarker>(mut ring: IoUring<S, C>) {
    let entries = ring.params().sq_entries();
    let mut next = 0;
    // An odd number at a time visits each slot in each role.
    for _ in 0..5 * entries {
        let batch: Vec<u64> = (next..next + u64::from(entries) - 1).collect();
        next += batch.len() as u64;
        {
            let mut queue = ring.submission();
            for &value in &batch {
                let entry = S::from(nop(value));
                // SAFETY: a NOP names no memory.
                unsafe { queue.push(&entry) }.expect("there is room");
            }
            assert_eq!(queue.len(), batch.len());
        }
        assert_eq!(ring.submit_and_wait(batch.len()).unwrap(), batch.len());
        assert_eq!(user_data(&mut ring), batch);
    }
}

#[test]
fn laps_of_the_usual_sizes() {
    laps(IoUring::new(8).unwrap());
}

#[test]
fn laps_of_large_entries() {
    laps(
        IoUring::<squeue::Entry128, cqueue::Entry>::builder()
            .build(8)
            .unwrap(),
    );
}

#[test]
fn laps_of_large_completions() {
    laps(
        IoUring::<squeue::Entry, cqueue::Entry32>::builder()
            .build(8)
            .unwrap(),
    );
}

#[test]
fn laps_of_both_large() {
    laps(
        IoUring::<squeue::Entry128, cqueue::Entry32>::builder()
            .build(8)
            .unwrap(),
    );
}

#[test]
fn laps_of_mixed_completions() {
    laps(
        IoUring::<squeue::Entry, cqueue::EntryMixed>::builder()
            .build(8)
            .unwrap(),
    );
}

#[test]
fn laps_without_the_index_array() {
    laps(
        IoUring::<squeue::Entry, cqueue::Entry>::builder()
            .setup_no_sqarray()
            .build(8)
            .unwrap(),
    );
}

/// A ring of a newer kernel, or the proof that this one lacks the flag and says so.
fn if_supported<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
    builder: &Builder<S, C>,
    flag: u32,
) -> Option<IoUring<S, C>> {
    match builder.build_explained(8) {
        Ok(ring) => Some(ring),
        Err(error) => {
            let source = error.get_ref().and_then(|source| source.downcast_ref());
            let reason = source.map(SetupError::reason);
            let expected = SetupReason::UnsupportedFlags { flags: flag };
            assert_eq!(reason, Some(&expected), "{error}");
            None
        }
    }
}

/// `IORING_SETUP_SQ_REWIND`, since Linux 7.0: laps, and a submission that stops half way.
#[test]
fn laps_of_a_rewinding_queue() {
    let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
    builder.setup_no_sqarray().setup_sq_rewind();
    let Some(mut ring) = if_supported(&builder, uring_sys::IORING_SETUP_SQ_REWIND) else {
        return;
    };
    for lap in 0..20 {
        let mut refused = nop(4 * lap + 1);
        refused.as_raw_mut().opcode = u8::MAX;
        for entry in [nop(4 * lap), refused, nop(4 * lap + 2)] {
            push(&mut ring, &entry);
        }
        assert_eq!(ring.submit().unwrap(), 2);
        assert_eq!(ring.submission().len(), 1);
        push(&mut ring, &nop(4 * lap + 3));
        assert_eq!(ring.submit_and_wait(4).unwrap(), 2);
        let expected: Vec<_> = (4 * lap..4 * lap + 4).collect();
        assert_eq!(user_data(&mut ring), expected);
    }
    laps(ring);
}

/// `IORING_SETUP_SQE_MIXED`, since Linux 6.19: entries of both sizes in each position.
#[test]
fn laps_of_mixed_submissions() {
    let builder = IoUring::<squeue::EntryMixed, cqueue::Entry>::builder();
    let Some(mut ring) = if_supported(&builder, uring_sys::IORING_SETUP_SQE_MIXED) else {
        return;
    };
    let mut next = 0;
    for lap in 0..200u64 {
        let first = next;
        for bit in 0..3 {
            let mut entry = nop(next);
            let large = lap.wrapping_mul(0x9E37_79B9) >> (7 + bit) & 1 == 1;
            if large {
                entry.as_raw_mut().opcode = uring_sys::IORING_OP_NOP128;
            }
            push(&mut ring, &squeue::Entry128::from(entry).into());
            next += 1;
        }
        let slots = ring.submission().len();
        assert_eq!(ring.submit_and_wait(3).unwrap(), slots);
        assert_eq!(user_data(&mut ring), (first..next).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_queue_refuses_and_loses_nothing() {
    let mut ring = IoUring::new(4).unwrap();
    let mut queue = ring.submission();
    assert_eq!(
        (queue.capacity(), queue.len(), queue.is_empty()),
        (4, 0, true)
    );
    for value in 0..4 {
        // SAFETY: a NOP names no memory.
        unsafe { queue.push(&nop(value)) }.unwrap();
    }
    assert!(queue.is_full());
    // SAFETY: as above.
    assert!(unsafe { queue.push(&nop(9)) }.is_err());
    // SAFETY: as above.
    assert!(unsafe { queue.push_with(|_| unreachable!("there is no room")) }.is_err());
    assert_eq!(queue.dropped(), 0);
    drop(queue);
    assert_eq!(ring.submit_and_wait(4).unwrap(), 4);
    assert_eq!(user_data(&mut ring), [0, 1, 2, 3]);
}

#[test]
fn several_are_pushed_together_or_not_at_all() {
    let mut ring = IoUring::new(4).unwrap();
    let mut queue = ring.submission();
    let entries: Vec<_> = (0..5).map(nop).collect();
    // SAFETY: NOPs name no memory.
    unsafe {
        assert!(queue.push_multiple(&entries).is_err());
        assert!(queue.is_empty());
        queue.push_multiple(&entries[..3]).unwrap();
        assert!(queue.push_multiple(&entries[3..]).is_err());
    }
    assert_eq!(queue.len(), 3);
    drop(queue);
    assert_eq!(ring.submit_and_wait(3).unwrap(), 3);
    assert_eq!(user_data(&mut ring), [0, 1, 2]);
}

/// Nothing of an entry that lay in the slot before shows.
#[test]
fn entries_are_written_in_place() {
    let mut ring = IoUring::new(2).unwrap();
    for lap in 0..6 {
        // SAFETY: NOPs name no memory.
        unsafe {
            ring.submission().push_with(|slot| {
                assert_eq!(
                    (slot.get_user_data(), slot.get_opcode()),
                    (0, 0),
                    "the slot is zeroed"
                );
                *slot = nop(lap).flags(squeue::Flags::ASYNC);
            })
        }
        .unwrap();
        ring.submit_and_wait(1).unwrap();
        assert_eq!(user_data(&mut ring), [lap]);
    }
}

#[test]
fn an_entry_whose_writing_panics_is_not_pushed() {
    let mut ring = IoUring::new(2).unwrap();
    let writing = std::panic::AssertUnwindSafe(|| {
        // SAFETY: what would be left is a NOP.
        unsafe { ring.submission().push_with(|_| panic!("half written")) }
    });
    assert!(std::panic::catch_unwind(writing).is_err());
    push(&mut ring, &nop(1));
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [1]);
}

#[test]
fn a_forgotten_queue_gives_no_completion_twice() {
    let mut ring = IoUring::new(4).unwrap();
    for value in 0..3 {
        push(&mut ring, &nop(value));
    }
    ring.submit_and_wait(3).unwrap();
    let mut queue = ring.completion();
    assert_eq!(queue.next().unwrap().user_data(), 0);
    mem::forget(queue);
    let mut queue = ring.completion();
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.next().unwrap().user_data(), 1);
    mem::forget(queue);
    assert_eq!(user_data(&mut ring), [2]);
    assert_eq!(user_data(&mut ring), []);
}

#[test]
fn a_forgotten_queue_loses_no_entry() {
    let mut ring = IoUring::new(4).unwrap();
    let mut queue = ring.submission();
    // SAFETY: a NOP names no memory.
    unsafe { queue.push(&nop(1)) }.unwrap();
    mem::forget(queue);
    assert_eq!(ring.submit().unwrap(), 0, "it was not published");
    push(&mut ring, &nop(2));
    assert_eq!(ring.submit_and_wait(2).unwrap(), 2);
    assert_eq!(user_data(&mut ring), [1, 2]);
}

/// Completions that find the queue full come in order, by peeking alone.
#[test]
fn overflow_is_flushed_in_order() {
    let mut ring: IoUring = IoUring::builder().setup_cqsize(4).build(4).unwrap();
    for round in 0..3 {
        for value in 0..4 {
            push(&mut ring, &nop(4 * round + value));
        }
        assert_eq!(ring.submit().unwrap(), 4);
    }
    assert!(ring.submission().cq_overflow());
    assert!(ring.completion().is_full());
    let mut seen = Vec::new();
    while let Some(completion) = ring.peek().unwrap() {
        seen.push(completion.user_data());
    }
    assert_eq!(seen, (0..12).collect::<Vec<_>>());
    assert!(!ring.submission().cq_overflow());
    assert_eq!(ring.completion().overflow(), 0, "nothing was lost");
    assert!(
        !ring.submitter().flush_completions().unwrap(),
        "nothing is left to flush"
    );
}

/// Submitting flushes too, even if there is nothing to submit.
#[test]
fn submitting_flushes_overflow() {
    let mut ring: IoUring = IoUring::builder().setup_cqsize(2).build(2).unwrap();
    for round in 0..2 {
        push(&mut ring, &nop(2 * round));
        push(&mut ring, &nop(2 * round + 1));
        ring.submit().unwrap();
    }
    assert_eq!(user_data(&mut ring), [0, 1]);
    assert_eq!(user_data(&mut ring), []);
    assert_eq!(ring.submit().unwrap(), 0);
    assert_eq!(user_data(&mut ring), [2, 3]);
}

#[test]
fn completions_fill_a_slice() {
    let mut ring = IoUring::new(4).unwrap();
    for value in 0..3 {
        push(&mut ring, &nop(value));
    }
    ring.submit_and_wait(3).unwrap();
    let mut some: [MaybeUninit<cqueue::Entry>; 2] = [const { MaybeUninit::uninit() }; 2];
    let mut queue = ring.completion();
    let filled = queue.fill(&mut some);
    assert_eq!(
        filled
            .iter()
            .map(cqueue::Entry::user_data)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(queue.size_hint(), (1, Some(1)));
    let filled = queue.fill(&mut some);
    assert_eq!(
        filled
            .iter()
            .map(cqueue::Entry::user_data)
            .collect::<Vec<_>>(),
        [2]
    );
    assert!(queue.fill(&mut some).is_empty());
}

#[test]
fn the_status_follows_the_queue() {
    let mut ring = IoUring::new(4).unwrap();
    // SAFETY: the ring outlives it, and there is no child.
    let status = unsafe { ring.completion().status() };
    assert!(status.is_empty());
    push(&mut ring, &nop(1));
    ring.submit_and_wait(1).unwrap();
    assert!(!status.is_empty());
    assert_eq!(user_data(&mut ring), [1]);
    assert!(status.is_empty());
}

#[test]
fn eventfd_notification_is_switched() {
    let mut ring = IoUring::new(4).unwrap();
    // SAFETY: the call has no preconditions.
    let event = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    assert!(event >= 0);
    // SAFETY: one descriptor, which the kernel reads.
    unsafe {
        let arg = (&raw const event).cast();
        ring.submitter()
            .register(uring_sys::IORING_REGISTER_EVENTFD, arg, 1)
            .unwrap();
    }
    let signalled = || {
        let mut count = 0u64;
        // SAFETY: eight bytes are read into eight bytes.
        unsafe { libc::read(event, (&raw mut count).cast(), 8) == 8 }
    };
    for disabled in [false, true, false] {
        let queue = ring.completion();
        match disabled {
            true => queue.disable_eventfd(),
            false => queue.enable_eventfd(),
        }
        assert_eq!(queue.eventfd_disabled(), disabled);
        drop(queue);
        push(&mut ring, &nop(1));
        ring.submit_and_wait(1).unwrap();
        assert_eq!(signalled(), !disabled);
        assert_eq!(user_data(&mut ring), [1]);
    }
    // SAFETY: the descriptor is ours.
    unsafe { libc::close(event) };
}

#[test]
fn large_completions_carry_their_second_half() {
    let mut ring = IoUring::<squeue::Entry, cqueue::Entry32>::builder()
        .build(4)
        .unwrap();
    for value in 0..12 {
        push(&mut ring, &big_nop(value, value + 100, value + 200));
        ring.submit_and_wait(1).unwrap();
        let completion = ring.completion().next().unwrap();
        assert_eq!((completion.user_data(), completion.result()), (value, 0));
        assert_eq!(completion.big_cqe(), &[value + 100, value + 200]);
    }
}

/// Each mix of sizes in each position: 16 or 32 bytes, with gaps before the wrap that are never seen.
#[test]
fn mixed_completions_are_counted_and_gaps_hidden() {
    let mut ring = IoUring::<squeue::Entry, cqueue::EntryMixed>::builder()
        .setup_cqsize(8)
        .build(8)
        .unwrap();
    assert_eq!(ring.completion().capacity(), 8);
    let mut value = 0;
    let mut gaps = 0;
    for lap in 0..200u64 {
        // Three completions of at most six slots and a gap.
        let large: Vec<bool> = (0..3)
            .map(|bit| lap.wrapping_mul(0x9E37_79B9) >> (7 + bit) & 1 == 1)
            .collect();
        let first = value;
        for &large in &large {
            let entry = if large {
                big_nop(value, value + 1, value + 2)
            } else {
                nop(value)
            };
            push(&mut ring, &entry);
            value += 1;
        }
        assert_eq!(ring.submit().unwrap(), 3);
        let queue = ring.completion();
        assert_eq!(queue.len(), 3, "completions are counted, not slots");
        for (completion, (expected, large)) in queue.zip((first..).zip(large)) {
            assert_eq!((completion.user_data(), completion.result()), (expected, 0));
            assert_eq!(
                completion.big_cqe(),
                large.then_some(&[expected + 1, expected + 2])
            );
            gaps += usize::from(cqueue::skip(completion.flags()));
        }
        assert!(ring.completion().is_empty());
    }
    assert_eq!((value, gaps), (600, 0));
}

/// A queue of 8 slots with one small completion and large ones behind it: the last does not fit before the
/// wrap, and the rest overflows.
#[test]
fn mixed_completions_overflow_whole() {
    let mut ring = IoUring::<squeue::Entry, cqueue::EntryMixed>::builder()
        .setup_cqsize(8)
        .build(8)
        .unwrap();
    push(&mut ring, &nop(0));
    for value in 1..8 {
        push(&mut ring, &big_nop(value, value, !value));
    }
    assert_eq!(ring.submit().unwrap(), 8);
    assert_eq!(
        ring.completion().len(),
        4,
        "one of a slot, three of two, and a gap"
    );
    let mut seen = Vec::new();
    while let Some(completion) = ring.peek().unwrap() {
        seen.push((completion.user_data(), completion.big_cqe().copied()));
    }
    let expected: Vec<_> = (0..8)
        .map(|value| (value, (value > 0).then_some([value, !value])))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_functions_of_the_flags() {
    use uring_sys::*;
    assert_eq!(
        cqueue::buffer_select(IORING_CQE_F_BUFFER | 0xabcd << 16),
        Some(0xabcd)
    );
    assert_eq!(cqueue::buffer_select(0xabcd << 16), None);
    type Tells = fn(u32) -> bool;
    let each: [(Tells, u32); 7] = [
        (cqueue::more, IORING_CQE_F_MORE),
        (cqueue::sock_nonempty, IORING_CQE_F_SOCK_NONEMPTY),
        (cqueue::notif, IORING_CQE_F_NOTIF),
        (cqueue::buffer_more, IORING_CQE_F_BUF_MORE),
        (cqueue::skip, IORING_CQE_F_SKIP),
        (cqueue::is_32, IORING_CQE_F_32),
        (cqueue::timestamp_hw, IORING_CQE_F_TSTAMP_HW),
    ];
    for (function, flag) in each {
        assert!(function(flag) && !function(!flag), "{flag:#x}");
    }
}
