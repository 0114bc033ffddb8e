//! Buffer groups: buffers are lent, go home, run out, are used piece by piece and in bundles, and outlive whatever there
//! is to outlive. Every byte is checked.

#![forbid(unsafe_code)]
#![cfg(feature = "uring")]

mod support {
    pub(crate) mod older;
}

use std::io::{self, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use safe::uring::op::{self, End};
use safe::uring::{BufGroup, Bundle, Lent, Reason, Ring, Stream};
use support::older::{differs, here};

/// A ring, a group, and a connection.
struct Fixture {
    ring: Ring,
    group: BufGroup,
    ours: Arc<UnixStream>,
    theirs: UnixStream,
}

fn fixture(buffers: u32, size: u32) -> Fixture {
    let mut ring = Ring::new(8).unwrap();
    let group = BufGroup::builder(buffers, size)
        .register(&mut ring)
        .unwrap();
    with(ring, group)
}

fn incremental(buffers: u32, size: u32) -> Option<Fixture> {
    let mut ring = Ring::new(8).unwrap();
    let builder = BufGroup::builder(buffers, size).incremental();
    let group = here("an incremental group", (6, 12), builder.register(&mut ring))?;
    Some(with(ring, group))
}

fn with(ring: Ring, group: BufGroup) -> Fixture {
    let (ours, theirs) = UnixStream::pair().unwrap();
    Fixture {
        ring,
        group,
        ours: Arc::new(ours),
        theirs,
    }
}

/// Bytes that differ from place to place.
fn data(seed: usize, len: usize) -> Vec<u8> {
    (seed..seed + len).map(|n| ((n * 31) >> 3) as u8).collect()
}

impl Fixture {
    fn receive(&mut self) -> Result<Lent, op::Error> {
        let ticket = self
            .ring
            .push(op::RecvSelect::new(self.ours.clone(), &self.group))
            .unwrap();
        self.ring.wait(ticket).unwrap().result
    }
}

#[test]
fn a_lent_buffer_goes_home() {
    let mut f = fixture(4, 100);
    assert_eq!((f.group.len(), f.group.size()), (4, 100));
    // More rounds than slots, so that the ring wraps many times.
    for round in 0..1000 {
        let sent = data(round, 1 + round % 100);
        f.theirs.write_all(&sent).unwrap();
        let mut lent = f.receive().unwrap();
        assert_eq!(*lent, *sent);
        assert_eq!(f.group.available(), 3);
        lent.fill(0);
    }
    assert_eq!(f.group.available(), 4);
}

#[test]
fn any_number_of_buffers_not_only_powers_of_two() {
    let mut f = fixture(5, 8);
    let mut lent = Vec::new();
    for round in 0..5 {
        f.theirs.write_all(&data(round, 8)).unwrap();
        lent.push(f.receive().unwrap());
    }
    let mut buffers: Vec<_> = lent.iter().map(Lent::buffer).collect();
    buffers.sort_unstable();
    assert_eq!(buffers, [0, 1, 2, 3, 4].map(Some));
    for (round, lent) in lent.iter().enumerate() {
        assert_eq!(**lent, *data(round, 8));
    }
}

/// One-shot operations that find the group empty end with `ENOBUFS`; the data is still there afterwards.
#[test]
fn an_empty_group_is_no_loss() {
    let mut f = fixture(2, 16);
    f.theirs.write_all(&data(0, 40)).unwrap();
    let first = f.receive().unwrap();
    let second = f.receive().unwrap();
    assert_eq!(f.receive().unwrap_err().raw_os_error(), 105);
    assert_eq!([&*first, &*second].concat(), data(0, 32));
    drop(first);
    assert_eq!(*f.receive().unwrap(), *data(32, 8));
    assert_eq!(*second, *data(16, 16));
}

/// A stream ends when the group is empty, says so, and goes on when it is pushed again.
#[test]
fn a_stream_ends_without_buffers_and_goes_on() {
    let mut f = fixture(4, 16);
    let sent = data(3, 160);
    f.theirs.write_all(&sent).unwrap();
    f.theirs.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    let mut ends = Vec::new();
    while ends.last() != Some(&End::Finished) {
        let receive = op::RecvMultishot::new(f.ours.clone(), &f.group);
        let mut stream = f.ring.push_multishot(receive).unwrap();
        let mut kept = Vec::new();
        while let Some(item) = f.ring.next(&mut stream).unwrap() {
            match item {
                Ok(lent) => kept.push(lent),
                Err(error) => assert_eq!(error.raw_os_error(), 105),
            }
        }
        got.extend(kept.iter().flat_map(|lent| lent.to_vec()));
        ends.push(stream.finish().unwrap().end);
    }
    assert_eq!(got, sent);
    assert_eq!(ends.len(), 3, "{ends:?}");
    assert!(ends[..2].iter().all(|end| *end == End::NoBuffers));
    assert_eq!(f.group.available(), 4);
}

/// What came and nobody took goes home: items of a dropped stream, and results of dropped tickets.
#[test]
fn what_nobody_takes_goes_home() {
    let mut f = fixture(4, 16);
    let receive = op::RecvMultishot::new(f.ours.clone(), &f.group);
    let mut stream = f.ring.push_multishot(receive).unwrap();
    f.ring.submit().unwrap();
    for round in 0..3 {
        f.theirs.write_all(&data(round, 16)).unwrap();
        while f.group.available() != 3 - round {
            f.ring.submit().unwrap();
            f.ring.poll().unwrap();
        }
    }
    assert!(f.ring.try_next(&mut stream).unwrap().is_some());
    assert_eq!(f.group.available(), 2);
    drop(stream);
    assert_eq!(f.group.available(), 4);

    // The cancelled stream may take one more, of which nobody hears; then it is gone.
    while !f.ring.is_empty() {
        f.ring.submit().unwrap();
        f.ring.poll().unwrap();
    }
    f.theirs.write_all(b"dropped").unwrap();
    let ticket = f
        .ring
        .push(op::RecvSelect::new(f.ours.clone(), &f.group))
        .unwrap();
    f.ring.submit().unwrap();
    while !ticket.is_done() {
        f.ring.poll().unwrap();
    }
    assert_eq!(f.group.available(), 3);
    drop(ticket);
    assert_eq!(f.group.available(), 4);

    // The same as events.
    let receive = op::RecvMultishot::new(f.ours.clone(), &f.group);
    f.ring.push_multishot_tagged(receive, 9).unwrap();
    f.theirs.write_all(b"event").unwrap();
    let event = f.ring.next_event().unwrap();
    assert_eq!((event.tag(), event.more()), (9, true));
    drop(event);
    assert_eq!(f.group.available(), 4);
    f.theirs.write_all(b"taken").unwrap();
    let event = f.ring.next_event().unwrap();
    let (item, rest) = event
        .take_item::<op::RecvMultishot<Arc<UnixStream>>>()
        .unwrap();
    assert_eq!(*item.unwrap(), *b"taken");
    assert!(rest.is_none());
    drop(f.theirs);
    let event = f.ring.next_event().unwrap();
    let (item, rest) = event
        .take_item::<op::RecvMultishot<Arc<UnixStream>>>()
        .unwrap();
    assert!(item.unwrap().is_empty());
    assert_eq!(rest.unwrap().end, End::Finished);
    assert_eq!(f.group.available(), 4);
}

/// Forgetting a lent buffer loses that one.
#[test]
fn a_forgotten_buffer_is_lost_alone() {
    let mut f = fixture(3, 16);
    f.theirs.write_all(&data(0, 16)).unwrap();
    mem::forget(f.receive().unwrap());
    for round in 0..100 {
        f.theirs.write_all(&data(round, 16)).unwrap();
        assert_eq!(*f.receive().unwrap(), *data(round, 16));
    }
    assert_eq!(f.group.available(), 2);
}

/// Lent buffers outlive the ring and all handles.
#[test]
fn buffers_outlive_the_ring() {
    let mut f = fixture(4, 16);
    f.theirs.write_all(&data(5, 32)).unwrap();
    let first = f.receive().unwrap();
    let second = f.receive().unwrap();
    let Fixture { ring, group, .. } = f;
    drop(ring);
    assert_eq!([&*first, &*second].concat(), data(5, 32));
    drop(first);
    assert_eq!(group.available(), 3);
    drop(group);
    assert_eq!(*second, *data(21, 16));
}

/// A stream in flight when ring and handles go: nothing is left that could write.
#[test]
fn a_ring_dropped_in_flight() {
    for _ in 0..50 {
        let mut f = fixture(4, 4096);
        let receive = op::RecvMultishot::new(f.ours.clone(), &f.group);
        let stream = f.ring.push_multishot(receive).unwrap();
        f.ring.submit().unwrap();
        f.theirs.write_all(&data(0, 5000)).unwrap();
        drop((f.ring, f.group));
        f.theirs.write_all(&data(0, 5000)).unwrap();
        drop(stream);
    }
}

/// Groups that are gone leave their number to others, and numbers differ from ring to ring.
#[test]
fn numbers_are_used_again_and_never_twice() {
    let mut one = Ring::new(8).unwrap();
    let mut two = Ring::new(8).unwrap();
    for _ in 0..3000 {
        let a = BufGroup::builder(1, 16).register(&mut one).unwrap();
        let b = BufGroup::builder(1, 16).register(&mut two).unwrap();
        let c = BufGroup::builder(1, 16).kernel_memory().register(&mut two);
        let Some(c) = here("memory of the kernel's", (6, 4), c) else {
            return;
        };
        assert!(a.number() != b.number() && b.number() != c.number());
    }
}

/// A group of one ring is none of another ring's: the operation ends, and touches nothing.
#[test]
fn a_group_of_another_ring_is_empty() {
    let mut f = fixture(2, 16);
    let mut other = fixture(2, 16);
    f.theirs.write_all(b"data").unwrap();
    let receive = op::RecvSelect::new(f.ours.clone(), &f.group);
    let ticket = other.ring.push(receive).unwrap();
    let error = other.ring.wait(ticket).unwrap().result.unwrap_err();
    assert_eq!(error.raw_os_error(), 105);
    assert_eq!((f.group.available(), other.group.available()), (2, 2));
    assert_eq!(*f.receive().unwrap(), *b"data");
}

/// Many small pieces of few buffers; a buffer goes home when its last piece is dropped.
#[test]
fn pieces_of_buffers() {
    let Some(mut f) = incremental(2, 64) else {
        return;
    };
    let mut expected = 0;
    let mut kept = Vec::new();
    // 64 = 10 + 20 + 30 + 4.
    for len in [10, 20, 30, 4] {
        f.theirs.write_all(&data(expected, len)).unwrap();
        let lent = f.receive().unwrap();
        assert_eq!((lent.buffer(), &*lent), (Some(0), &*data(expected, len)));
        expected += len;
        kept.push(lent);
    }
    assert_eq!(f.group.available(), 1);
    // Others get the second buffer meanwhile, and the first comes back only after all its pieces.
    f.theirs.write_all(&data(0, 64)).unwrap();
    let second = f.receive().unwrap();
    assert_eq!(second.buffer(), Some(1));
    for (index, piece) in [2, 0, 1].into_iter().enumerate() {
        assert_eq!(f.group.available(), 0);
        drop(kept.remove(piece.min(kept.len() - 1)));
        assert_eq!(kept.len(), 3 - index);
    }
    drop(kept);
    assert_eq!(f.group.available(), 1);
    f.theirs.write_all(&data(9, 64)).unwrap();
    let first = f.receive().unwrap();
    assert_eq!((first.buffer(), &*first), (Some(0), &*data(9, 64)));
    assert_eq!(*second, *data(0, 64));
}

/// What comes next, so many bytes of it.
fn gather<F: AsFd>(
    ring: &mut Ring,
    stream: &mut Stream<op::RecvMultishot<F>>,
    len: usize,
) -> Vec<u8> {
    let mut got = Vec::new();
    while got.len() < len {
        got.extend_from_slice(&ring.next(stream).unwrap().unwrap().unwrap());
    }
    got
}

/// Two connections share the buffers of one group piece by piece; who takes results in another order than they came
/// gets the right bytes all the same.
#[test]
fn pieces_are_right_in_whatever_order_they_are_taken() {
    let Some(mut f) = incremental(4, 4096) else {
        return;
    };
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut one = f
        .ring
        .push_multishot(op::RecvMultishot::new(f.ours.clone(), &f.group))
        .unwrap();
    let mut two = f
        .ring
        .push_multishot(op::RecvMultishot::new(ours, &f.group))
        .unwrap();
    f.ring.submit().unwrap();
    for round in 0..100 {
        let (first, second) = (data(round, 90 + round), data(round + 7, 50));
        f.theirs.write_all(&first).unwrap();
        f.ring.submit().unwrap();
        theirs.write_all(&second).unwrap();
        // In two pieces where a buffer ends.
        let late = gather(&mut f.ring, &mut two, second.len());
        let early = gather(&mut f.ring, &mut one, first.len());
        assert_eq!((early, late), (first, second));
    }

    // Tickets, taken backwards.
    drop((one, two));
    while !f.ring.is_empty() {
        f.ring.submit().unwrap();
        f.ring.poll().unwrap();
    }
    let mut tickets = Vec::new();
    for part in 0..6 {
        f.theirs.write_all(&data(part * 100, 100)).unwrap();
        let receive = op::RecvSelect::new(f.ours.clone(), &f.group);
        tickets.push(f.ring.push(receive).unwrap());
        f.ring.submit().unwrap();
    }
    for (part, ticket) in tickets.into_iter().enumerate().rev() {
        let lent = f.ring.wait(ticket).unwrap().result.unwrap();
        assert_eq!(*lent, *data(part * 100, 100));
    }
}

/// Nothing says which piece of a buffer is whose if the kernel does not poll, so that such operations are refused.
#[test]
fn pieces_are_for_receiving() {
    let Some(mut f) = incremental(4, 64) else {
        return;
    };
    let refused = |reason| assert_eq!(reason, Reason::Foreign);
    let file = Arc::new(tempfile::tempfile().unwrap());
    let read = op::ReadSelect::new(file, &f.group);
    refused(f.ring.push(read).unwrap_err().reason());
    let socket = f.ours.clone();
    let receive = op::RecvSelect::new(socket.clone(), &f.group).most(10);
    refused(f.ring.push(op::offload(receive)).unwrap_err().reason());
    let bundle = op::RecvBundle::new(socket.clone(), &f.group).most(10);
    refused(f.ring.push(bundle).unwrap_err().reason());
    // Many receives are polled for, each of them, or end.
    let many = op::RecvMultishot::new(socket, &f.group).most(10);
    let mut many = f.ring.push_multishot(many).unwrap();
    f.theirs.write_all(&data(0, 30)).unwrap();
    assert_eq!(gather(&mut f.ring, &mut many, 30), data(0, 30));

    // In a plain group each has a buffer.
    let mut f = fixture(4, 64);
    let receive = op::RecvSelect::new(f.ours.clone(), &f.group).most(10);
    let ticket = f.ring.push(op::offload(receive)).unwrap();
    f.theirs.write_all(&data(0, 30)).unwrap();
    let lent = f.ring.wait(ticket).unwrap().result.unwrap();
    assert_eq!(*lent, *data(0, 10));
}

fn joined(bundle: Bundle) -> Vec<u8> {
    let bytes = bundle.bytes();
    let joined = bundle
        .map(|lent| lent.to_vec())
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(joined.len(), bytes);
    joined
}

/// Several buffers in one completion, in plain and in incremental groups.
#[test]
fn bundles() {
    for mut f in [Some(fixture(8, 32)), incremental(8, 32)]
        .into_iter()
        .flatten()
    {
        let mut most = 0;
        for round in 0..200 {
            let sent = data(round, 20 + round % 200);
            f.theirs.write_all(&sent).unwrap();
            let mut got = Vec::new();
            while got.len() < sent.len() {
                let receive = op::RecvBundle::new(f.ours.clone(), &f.group);
                let ticket = f.ring.push(receive).unwrap();
                let bundle = f.ring.wait(ticket).unwrap().result;
                let Some(bundle) = here("a bundle", (6, 10), bundle) else {
                    return;
                };
                most = most.max(bundle.len());
                got.extend(joined(bundle));
            }
            assert_eq!(got, sent);
        }
        let many = most > 2 || differs("a bundle of several buffers", (6, 17));
        assert!(many, "a bundle had {most} buffers at most");
        assert!(f.group.available() >= 7);
    }
}

/// A bundle of which some buffers are taken, and the rest dropped.
#[test]
fn what_is_left_of_a_bundle_goes_home() {
    let mut f = fixture(8, 32);
    let receive = op::RecvBundleMultishot::new(f.ours.clone(), &f.group);
    let mut stream = f.ring.push_multishot(receive).unwrap();
    f.theirs.write_all(&data(0, 128)).unwrap();
    let bundle = f.ring.next(&mut stream).unwrap().unwrap();
    let Some(mut bundle) = here("a bundle", (6, 10), bundle) else {
        return;
    };
    let first = bundle.next().unwrap();
    assert_eq!(*first, data(0, 128)[..first.len()]);
    // Other items may be there already.
    let held = bundle.len() + 1;
    let others = 8 - f.group.available() - held;
    drop(bundle);
    assert_eq!(f.group.available(), 7 - others);
    drop(first);
    assert_eq!(f.group.available(), 8 - others);
    drop(f.theirs);
    while let Some(item) = f.ring.next(&mut stream).unwrap() {
        item.unwrap();
    }
    assert_eq!(stream.finish().unwrap().end, End::Finished);
}

/// A stream ends by itself after so many bytes, and says that it could go on.
#[test]
fn a_stream_ends_after_its_total() {
    let mut f = fixture(8, 32);
    let receive = op::RecvMultishot::new(f.ours.clone(), &f.group).total(64);
    let mut stream = f.ring.push_multishot(receive).unwrap();
    f.theirs.write_all(&data(0, 100)).unwrap();
    let mut got = Vec::new();
    while let Some(item) = f.ring.next(&mut stream).unwrap() {
        let Some(lent) = here("a total", (6, 17), item) else {
            return;
        };
        got.extend_from_slice(&lent);
    }
    assert_eq!(stream.finish().unwrap().end, End::Stopped);
    assert_eq!(got, data(0, got.len()));
    assert!(got.len() >= 64);
}

/// The completion queue is far too small for what comes: streams stop, overflow, and lose nothing.
#[test]
fn an_overflowing_queue_loses_nothing() {
    let mut ring = Ring::builder().completions(4).build(4).unwrap();
    let group = BufGroup::builder(256, 16).register(&mut ring).unwrap();
    let mut pairs: Vec<_> = (0..3)
        .map(|_| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            (Arc::new(ours), theirs, Vec::new())
        })
        .collect();
    for (number, (_, theirs, _)) in pairs.iter_mut().enumerate() {
        theirs.write_all(&data(number, 1000)).unwrap();
    }
    let mut stopped = 0;
    while pairs.iter().any(|(.., got)| got.len() < 1000) {
        let mut streams: Vec<_> = pairs
            .iter()
            .map(|(ours, ..)| {
                let receive = op::RecvMultishot::new(ours.clone(), &group);
                ring.push_multishot(receive).unwrap()
            })
            .collect();
        ring.submit().unwrap();
        for ((.., got), stream) in pairs.iter_mut().zip(&mut streams) {
            while got.len() < 1000 {
                let Some(item) = ring.next(stream).unwrap() else {
                    break;
                };
                got.extend_from_slice(&item.unwrap());
            }
        }
        for stream in streams {
            if let Ok(ended) = stream.finish() {
                assert_eq!(ended.end, End::Stopped);
                stopped += 1;
            }
        }
        while !ring.is_empty() {
            let nop = ring.push(op::Nop::new()).unwrap();
            ring.wait(nop).unwrap().unwrap();
        }
    }
    for (number, (.., got)) in pairs.iter().enumerate() {
        assert_eq!(*got, data(number, 1000));
    }
    let overflowed = stopped > 0 || differs("a stream that a full queue stops", (6, 12));
    assert!(overflowed, "the queue has not overflowed");
    assert_eq!(group.available(), 256);
}

/// Reads, of files and of pipes.
#[test]
fn reads_into_lent_buffers() {
    let mut f = fixture(4, 64);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&data(0, 1000)).unwrap();
    let file = Arc::new(file);
    for offset in [0, 1, 500, 990, 1000] {
        let read = op::ReadSelect::new(file.clone(), &f.group).at(offset as u64);
        let ticket = f.ring.push(read).unwrap();
        let lent = f.ring.wait(ticket).unwrap().result.unwrap();
        assert_eq!(*lent, *data(offset, 64.min(1000 - offset)));
    }
    let read = op::ReadSelect::new(file, &f.group).at(7).most(10);
    let ticket = f.ring.push(read).unwrap();
    let lent = f.ring.wait(ticket).unwrap().result.unwrap();
    assert_eq!(*lent, *data(7, 10));
    drop(lent);

    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut stream = f
        .ring
        .push_multishot(op::ReadMultishot::new(reader, &f.group))
        .unwrap();
    let mut got = Vec::new();
    for round in 0..20 {
        writer.write_all(&data(round * 50, 50)).unwrap();
        let lent = f.ring.next(&mut stream).unwrap().unwrap();
        let Some(lent) = here("READ_MULTISHOT", (6, 7), lent) else {
            return;
        };
        got.extend_from_slice(&lent);
    }
    drop(writer);
    while let Some(item) = f.ring.next(&mut stream).unwrap() {
        assert!(item.unwrap().is_empty());
    }
    let ended = stream.finish().unwrap();
    assert_eq!((got, ended.end), (data(0, 1000), End::Finished));
    assert_eq!(f.group.available(), 4);
    assert_eq!((&mut &ended.file).read(&mut [0; 8]).unwrap(), 0);
}

/// A lent buffer is sent on without a copy of it being made.
#[test]
fn a_lent_buffer_can_be_sent() {
    let mut f = fixture(2, 64);
    f.theirs.write_all(&data(1, 64)).unwrap();
    let lent = f.receive().unwrap();
    let ticket = f.ring.push(op::Send::new(f.ours.clone(), lent)).unwrap();
    assert_eq!(f.ring.wait(ticket).unwrap().result, Ok(64));
    assert_eq!(f.group.available(), 2);
    let mut back = [0; 64];
    f.theirs.read_exact(&mut back).unwrap();
    assert_eq!(back[..], *data(1, 64));
}

/// Cancelled streams say so.
#[test]
fn a_cancelled_stream() {
    let mut f = fixture(2, 64);
    let receive = op::RecvMultishot::new(f.ours.clone(), &f.group);
    let mut stream = f.ring.push_multishot(receive).unwrap();
    f.ring.submit().unwrap();
    f.ours.shutdown(Shutdown::Read).unwrap();
    let last = f.ring.next(&mut stream).unwrap().unwrap().unwrap();
    assert!(last.is_empty() && last.buffer().is_none());
    assert!(f.ring.next(&mut stream).unwrap().is_none());
    let Ok(ended) = stream.finish() else {
        panic!("it is over");
    };
    assert_eq!(ended.end, End::Finished);
}

#[test]
fn bad_sizes() {
    let mut ring = Ring::new(8).unwrap();
    for (buffers, size) in [(0, 16), (32769, 16), (1, 0), (4, u32::MAX)] {
        let error = BufGroup::builder(buffers, size)
            .register(&mut ring)
            .unwrap_err();
        assert_eq!(
            error.kind(),
            io::ErrorKind::InvalidInput,
            "{buffers}, {size}"
        );
    }
    let error = BufGroup::builder(2, 16)
        .min_left(4)
        .register(&mut ring)
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let group = BufGroup::builder(32768, 1).register(&mut ring).unwrap();
    assert_eq!(group.available(), 32768);
}
