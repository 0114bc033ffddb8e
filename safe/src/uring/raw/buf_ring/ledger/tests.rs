//! A test for each rule.

use super::*;

fn filled(mut ledger: Ledger, lens: &[u32]) -> Ledger {
    for (bid, &len) in (0..).zip(lens) {
        ledger.pushed(bid, len).expect("room");
    }
    ledger
}

fn ledger(entries: u32, lens: &[u32]) -> Ledger {
    filled(Ledger::new(entries), lens)
}

fn incremental(min_left: u32, lens: &[u32]) -> Ledger {
    filled(Ledger::incremental(4, min_left), lens)
}

fn completed(ledger: &mut Ledger, bid: u16, bytes: u32, more: bool) -> Vec<(u16, u32, u32, bool)> {
    let pieces = ledger.completed(bid, bytes, more).expect("a possible CQE");
    pieces.map(|p| (p.bid, p.offset, p.len, p.last)).collect()
}

#[test]
fn a_short_read_takes_the_whole_buffer() {
    let mut ledger = ledger(4, &[100, 100]);
    assert_eq!(completed(&mut ledger, 0, 7, false), [(0, 0, 7, true)]);
    assert_eq!(completed(&mut ledger, 1, 0, false), [(1, 0, 0, true)]);
    assert!(ledger.is_empty());
}

#[test]
fn a_bundle_that_ends_at_the_end_of_a_buffer_does_not_name_the_next() {
    let mut ledger = ledger(4, &[100, 50, 25]);
    let pieces = completed(&mut ledger, 0, 150, false);
    assert_eq!(pieces, [(0, 0, 100, true), (1, 0, 50, true)]);
    assert_eq!(ledger.len(), 1);
}

#[test]
fn incremental_use_goes_on_where_it_stopped() {
    let mut ledger = incremental(0, &[100, 100, 100]);
    assert_eq!(completed(&mut ledger, 0, 30, true), [(0, 0, 30, false)]);
    assert_eq!(completed(&mut ledger, 0, 0, true), [(0, 30, 0, false)]);
    let pieces = completed(&mut ledger, 0, 180, true);
    assert_eq!(
        pieces,
        [(0, 30, 70, true), (1, 0, 100, true), (2, 0, 10, false)]
    );
    assert_eq!(ledger.len(), 1);
    assert_eq!(completed(&mut ledger, 2, 90, false), [(2, 10, 90, true)]);
    assert!(ledger.is_empty());
}

/// Rule 1.
#[test]
fn too_little_left_ends_a_buffer_and_the_kernel_may_say_otherwise() {
    let mut ledger = incremental(30, &[100, 100]);
    assert_eq!(completed(&mut ledger, 0, 70, true), [(0, 0, 70, false)]);
    assert_eq!(completed(&mut ledger, 0, 1, false), [(0, 70, 1, true)]);
    assert_eq!(completed(&mut ledger, 1, 80, true), [(1, 0, 80, false)]);
    assert!(!ledger.is_in_doubt());
    assert_eq!(completed(&mut ledger, 1, 20, false), [(1, 80, 20, true)]);
    assert!(ledger.is_empty());
}

/// Rule 2: what Linux 6.18.15 posts for a bundle that ends in buffer 1, and then goes on there.
#[test]
fn a_missing_flag_gives_no_buffer_back() {
    let mut ledger = incremental(0, &[100, 100, 100]);
    let pieces = completed(&mut ledger, 0, 130, false);
    assert_eq!(pieces, [(0, 0, 100, true), (1, 0, 30, false)]);
    assert!(ledger.is_in_doubt());
    assert_eq!(completed(&mut ledger, 1, 20, true), [(1, 30, 20, false)]);
    assert!(!ledger.is_in_doubt());
    let pieces = completed(&mut ledger, 1, 60, false);
    assert_eq!(pieces, [(1, 50, 50, true), (2, 0, 10, false)]);
    assert_eq!((ledger.len(), ledger.is_in_doubt()), (1, true));
    // In a ring whose buffers are used once, the same gives the rest of the buffer up.
    let mut once = self::ledger(4, &[100]);
    assert_eq!(completed(&mut once, 0, 30, false), [(0, 0, 30, true)]);
}

/// Rule 3.
#[test]
fn the_kernels_count_ends_doubt_and_nothing_else() {
    let mut ledger = Ledger::incremental(4, 0);
    // Positions are counted with more bits than the kernel has.
    ledger.oldest = 0x1_fffe;
    ledger.next = ledger.oldest;
    let mut ledger = filled(ledger, &[100, 100, 100]);
    completed(&mut ledger, 0, 10, false);
    completed(&mut ledger, 1, 10, true);
    completed(&mut ledger, 2, 10, false);
    let mut used_up = |consumed| -> Vec<u16> { ledger.used_up(consumed).collect::<Vec<u16>>() };
    assert_eq!(used_up(0xfffe), []);
    // Older than what is known already, and farther than anything pushed.
    assert_eq!(used_up(0xfffd), []);
    assert_eq!(used_up(2), []);
    assert_eq!(used_up(0xffff), [0]);
    assert_eq!(used_up(0xffff), []);
    // Buffer 1 is in no doubt: a CQE of it is to come.
    assert_eq!(used_up(1), [2]);
    assert_eq!(ledger.len(), 1);
    assert_eq!(completed(&mut ledger, 1, 90, false), [(1, 10, 90, true)]);
    assert!(ledger.is_empty());
}

fn as_asked(ledger: &mut Ledger, asked: u32, bytes: u32) -> (u16, u32, u32, bool) {
    let mut pieces = ledger
        .completed_as_asked(0, asked, bytes, false)
        .expect("a possible CQE");
    assert_eq!(pieces.len(), 1);
    let p = pieces.next().expect("one");
    (p.bid, p.offset, p.len, p.last)
}

#[test]
fn what_was_asked_for_is_used_whatever_was_found() {
    let mut ledger = incremental(0, &[100, 100]);
    assert_eq!(as_asked(&mut ledger, 64, 30), (0, 0, 30, false));
    assert_eq!(as_asked(&mut ledger, 5, 0), (0, 64, 0, false));
    assert_eq!(
        ledger.completed_as_asked(0, 64, 32, false).err(),
        Some(LedgerError::TooManyBytes(1))
    );
    // What follows goes behind, also of another kind.
    assert_eq!(completed(&mut ledger, 0, 3, true), [(0, 69, 3, false)]);
    assert_eq!(as_asked(&mut ledger, 64, 28), (0, 72, 28, true));
    assert_eq!(ledger.len(), 1);
    let mut ledger = incremental(0, &[100]);
    assert_eq!(as_asked(&mut ledger, 0, 1), (0, 0, 1, true));
    assert!(ledger.is_empty());
}

/// Two requests have a piece each, and the second completes first.
#[test]
fn a_buffer_is_not_free_before_all_of_it_is_accounted_for() {
    let mut ledger = incremental(0, &[100]);
    let second = ledger.completed_as_asked(0, 50, 50, false).expect("room");
    assert!(second.map(|piece| piece.last).eq([false]));
    let first = ledger.completed_as_asked(0, 50, 50, true).expect("room");
    assert!(first.map(|piece| piece.last).eq([true]));
}

#[test]
fn completions_may_come_out_of_order() {
    let mut ledger = ledger(4, &[10; 4]);
    assert_eq!(completed(&mut ledger, 2, 10, false), [(2, 0, 10, true)]);
    assert_eq!(completed(&mut ledger, 1, 10, false), [(1, 0, 10, true)]);
    // The slot of buffer 0 is in use and the next to be filled.
    assert!(ledger.is_full());
    assert_eq!(ledger.pushed(9, 10), Err(LedgerError::Full));
    assert_eq!(completed(&mut ledger, 0, 10, false), [(0, 0, 10, true)]);
    assert_eq!(ledger.len(), 1);
    for bid in 4..7 {
        ledger.pushed(bid, 10).expect("room");
    }
    assert!(ledger.is_full());
    assert_eq!(ledger.drain().collect::<Vec<u16>>(), [3, 4, 5, 6]);
    assert!(ledger.is_empty() && !ledger.is_full());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut ledger = ledger(4, &[10, 10, 10]);
    assert_eq!(completed(&mut ledger, 1, 10, false).len(), 1);
    // Buffer 1 is gone: a bundle from 0 cannot reach 2.
    let refused = [
        ((1, 5, false), LedgerError::UnknownBuffer(1)),
        ((7, 5, false), LedgerError::UnknownBuffer(7)),
        ((0, 11, false), LedgerError::TooManyBytes(1)),
        (
            (2, u32::MAX, false),
            LedgerError::TooManyBytes(u32::MAX - 10),
        ),
        ((2, 10, true), LedgerError::NothingLeft(2)),
    ];
    for ((bid, bytes, more), error) in refused {
        assert_eq!(ledger.completed(bid, bytes, more).err(), Some(error));
        assert_eq!(ledger.len(), 2);
    }
    assert_eq!(completed(&mut ledger, 2, 10, false), [(2, 0, 10, true)]);
    assert_eq!(completed(&mut ledger, 0, 10, false), [(0, 0, 10, true)]);
}

#[test]
fn many_rounds_wrap() {
    let mut ledger = Ledger::new(4);
    ledger.oldest = u32::MAX - 5;
    ledger.next = ledger.oldest;
    for round in 0..6u16 {
        for bid in 0..4 {
            ledger.pushed(round * 4 + bid, 10).expect("room");
        }
        let pieces = completed(&mut ledger, round * 4, 40, false);
        assert_eq!(pieces.len(), 4);
        assert!(
            pieces
                .iter()
                .all(|&(_, offset, len, last)| (offset, len, last) == (0, 10, true))
        );
    }
}
