//! Buffers that are used piece by piece, and bundles that use several, on the kernel.

#![cfg(feature = "uring")]

use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;

use safe::uring::raw::buf_ring::Piece;

mod support {
    pub(crate) mod buffers;
}
use support::buffers::{Done, Fixture, message, piece};

/// A pipe's ends: for reading, for writing.
fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors, and nobody else has them.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

/// The ways to register a ring for incremental use.
fn incremental(entries: u32, each: u32) -> [Fixture; 2] {
    [
        Fixture::new(entries, each, |builder| builder.incremental()),
        Fixture::new(entries, each, |builder| {
            builder.incremental().kernel_memory()
        }),
    ]
}

/// Messages fill a buffer one behind the other, and the last one goes on in the next.
#[test]
fn a_socket_fills_a_buffer_piece_by_piece() {
    for mut f in incremental(4, 100) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        f.give([0, 1]);
        f.receive(&theirs, 0);
        let mut expect = |f: &mut Fixture, len: usize, pieces: &[Piece]| {
            let sent = message(len, len);
            ours.write_all(&sent).unwrap();
            let mut data = Vec::new();
            for expected in pieces {
                let (filled, bytes) = f.filled();
                assert_eq!(filled, [*expected]);
                data.extend(bytes);
            }
            assert_eq!(data, sent);
        };
        expect(&mut f, 30, &[piece(0, 0, 30, false)]);
        // The head moves when a buffer is used up.
        assert_eq!(f.head_and_available(), (0, 2));
        expect(&mut f, 50, &[piece(0, 30, 50, false)]);
        expect(
            &mut f,
            45,
            &[piece(0, 80, 20, true), piece(1, 0, 25, false)],
        );
        assert_eq!(f.head_and_available(), (1, 1));
        expect(&mut f, 75, &[piece(1, 25, 75, true)]);
        assert_eq!(f.head_and_available(), (2, 0));
        f.give([1]);
        // The receive is still there: it found a buffer each time that data came.
        expect(&mut f, 1, &[piece(1, 0, 1, false)]);
    }
}

/// A multishot read of a pipe does the same.
#[test]
fn a_pipe_fills_a_buffer_piece_by_piece() {
    for mut f in incremental(4, 100) {
        let (reader, mut writer) = pipe();
        f.give([9, 4]);
        f.start(uring_sys::IORING_OP_READ_MULTISHOT, &reader, |sqe| {
            sqe.set_off(u64::MAX);
        });
        let mut at = 0;
        for len in [60, 40, 5] {
            let sent = message(len, len);
            writer.write_all(&sent).unwrap();
            let (bid, offset) = if at < 100 { (9, at) } else { (4, at - 100) };
            let last = offset + len == 100;
            let expected = piece(bid, offset as u32, len as u32, last);
            assert_eq!(f.filled(), (vec![expected], sent));
            at += len;
        }
    }
}

/// Reads of a file do too.
#[test]
fn a_file_fills_a_buffer_piece_by_piece() {
    for mut f in incremental(4, 100) {
        let mut file = tempfile::tempfile().unwrap();
        let content = message(1, 130);
        file.write_all(&content).unwrap();
        f.give([2, 3]);
        let read = |f: &mut Fixture, offset: u64, len: u32| {
            f.start(uring_sys::IORING_OP_READ, &file, |sqe| {
                sqe.set_off(offset);
                sqe.len = len;
            });
            let done = f.next();
            let (bid, bytes) = (done.buffer.unwrap(), u32::try_from(done.result).unwrap());
            let noted = f
                .ledger
                .completed_as_asked(bid, len, bytes, done.buffer_more);
            let pieces = noted.unwrap().collect();
            f.with_data(pieces)
        };
        let first = read(&mut f, 0, 64);
        assert_eq!(
            first,
            (vec![piece(2, 0, 64, false)], content[..64].to_vec())
        );
        // No more than what is left of the buffer.
        let second = read(&mut f, 64, 64);
        assert_eq!(
            second,
            (vec![piece(2, 64, 36, true)], content[64..100].to_vec())
        );
        let third = read(&mut f, 100, 64);
        assert_eq!(
            third,
            (vec![piece(3, 0, 30, false)], content[100..].to_vec())
        );
        // The read used the 64 bytes that it asked for; at the end of the file it uses them and fills none.
        assert_eq!(read(&mut f, 130, 4), (vec![piece(3, 64, 0, false)], vec![]));
        assert_eq!(
            read(&mut f, 10, 8),
            (vec![piece(3, 68, 8, false)], content[10..18].to_vec())
        );
        assert_eq!(f.head_and_available(), (1, 1));
    }
}

/// Reaps bundles until they have as much as was sent. Answers the pieces in their order, how many the largest
/// bundle has, and the data.
fn bundles(
    f: &mut Fixture,
    socket: &UnixStream,
    receiving: &mut bool,
    sent: &[u8],
) -> (Vec<Piece>, usize, Vec<u8>) {
    let (mut all, mut most, mut data) = (Vec::new(), 0, Vec::new());
    while data.len() < sent.len() {
        // The kernel may end the receive with any of its completions.
        if !*receiving {
            f.receive(socket, uring_sys::IORING_RECVSEND_BUNDLE);
        }
        let done = f.next();
        *receiving = done.more;
        let (pieces, bytes) = f.pieces(&done);
        most = most.max(pieces.len());
        all.extend(pieces);
        data.extend(bytes);
    }
    (all, most, data)
}

/// A bundle is about the buffers that follow in the ring, whatever their ids. How much goes into one is the
/// kernel's choice, but no byte is lost, and none out of order.
#[test]
fn a_bundle_fills_what_follows_in_the_ring() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut f = Fixture::new(4, 100, |builder| builder);
    let (mut head, mut receiving) = (0, false);
    // Round the end of the ring, and with data that is there before the receive.
    for (round, bids) in [vec![5, 3, 9], vec![8, 0, 1, 2], vec![7, 6, 9, 5]]
        .into_iter()
        .enumerate()
    {
        f.give(bids.clone());
        let sent = message(round, bids.len() * 100 - 50);
        ours.write_all(&sent).unwrap();
        let (pieces, most, data) = bundles(&mut f, &theirs, &mut receiving, &sent);
        assert_eq!(data, sent);
        assert!(most > 1, "no completion is about several buffers");
        let last = bids.len() - 1;
        let expected = bids.iter().enumerate().map(|(n, &bid)| {
            let len = if n == last { 50 } else { 100 };
            piece(bid, 0, len, true)
        });
        assert_eq!(pieces, expected.collect::<Vec<Piece>>());
        head += bids.len() as u16;
        assert_eq!(f.head_and_available(), (head, 0));
        assert!(f.ledger.is_empty());
    }
}

/// A bundle that ends inside a buffer goes on there.
#[test]
fn a_bundle_piece_by_piece() {
    for mut f in incremental(4, 100) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        f.give([0, 1, 2, 3]);
        f.receive(&theirs, uring_sys::IORING_RECVSEND_BUNDLE);
        let mut expect = |f: &mut Fixture, len: usize, pieces: Vec<Piece>| {
            let sent = message(len, len);
            ours.write_all(&sent).unwrap();
            assert_eq!(f.filled(), (pieces, sent));
        };
        expect(
            &mut f,
            130,
            vec![piece(0, 0, 100, true), piece(1, 0, 30, false)],
        );
        assert_eq!(f.head_and_available(), (1, 3));
        expect(&mut f, 20, vec![piece(1, 30, 20, false)]);
        let rest = vec![
            piece(1, 50, 50, true),
            piece(2, 0, 100, true),
            piece(3, 0, 100, true),
        ];
        expect(&mut f, 250, rest);
        assert_eq!(f.head_and_available(), (4, 0));
        assert!(f.ledger.is_empty());
    }
}

/// With `min_left` a buffer of which too little is left is not used any further.
#[test]
fn too_little_left_ends_a_buffer() {
    let mut f = Fixture::new(4, 100, |builder| builder.incremental().min_left(30));
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    f.give([0, 1]);
    f.receive(&theirs, 0);
    let mut expect = |f: &mut Fixture, len: usize, expected: Piece| {
        let sent = message(len, len);
        ours.write_all(&sent).unwrap();
        assert_eq!(f.filled(), (vec![expected], sent));
    };
    // 31 left: goes on. 29 left: does not.
    expect(&mut f, 69, piece(0, 0, 69, false));
    expect(&mut f, 2, piece(0, 69, 2, true));
    assert_eq!(f.head_and_available(), (1, 1));
    expect(&mut f, 10, piece(1, 0, 10, false));
}

/// The peer's end is a completion without a buffer, and the last.
#[test]
fn the_end_of_a_stream_takes_no_buffer() {
    for mut f in incremental(4, 100) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        f.give([0]);
        f.receive(&theirs, 0);
        drop(ours);
        let end = Done {
            result: 0,
            buffer: None,
            more: false,
            buffer_more: false,
        };
        assert_eq!(f.next(), end);
        assert_eq!(f.head_and_available(), (0, 1));
    }
}
