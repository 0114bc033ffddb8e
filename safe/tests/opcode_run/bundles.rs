//! Bundles: many provided buffers in one completion.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use safe::uring::raw::buf_ring::BufRing;
use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::{IoUring, cqueue};

use crate::fd;

const GROUP: u16 = 3;
const BUFFERS: usize = 4;
const EACH: usize = 8;
/// What takes more than one of them.
const EACH_AND_MORE: i32 = EACH as i32 + 1;
const DATA: &[u8; BUFFERS * EACH] = b"the first and all that follow it";

/// A ring, and a group of buffers that lie side by side.
struct Lent {
    uring: IoUring,
    bufs: BufRing,
    memory: *mut u8,
}

impl Lent {
    fn new() -> Self {
        let uring = IoUring::new(8).expect("a ring");
        let bufs = BufRing::builder(BUFFERS as u32, GROUP)
            .register(&uring.submitter())
            .expect("a buffer ring");
        let memory = Vec::leak(vec![0; BUFFERS * EACH]).as_mut_ptr();
        Lent {
            uring,
            bufs,
            memory,
        }
    }

    /// Gives all buffers, which hold this.
    fn give(&mut self, data: &[u8; BUFFERS * EACH]) {
        // SAFETY: the memory is leaked and as large, and no buffer is lent: the group is new, or was used up.
        unsafe {
            self.memory
                .copy_from_nonoverlapping(data.as_ptr(), data.len())
        };
        for bid in 0..BUFFERS {
            let at = self.memory.wrapping_add(bid * EACH);
            // SAFETY: the memory is leaked, and the ring has room for all of the buffers.
            unsafe { self.bufs.push(at, EACH as u32, bid as u16) };
        }
        self.bufs.publish();
    }

    /// Runs an entry to its last completion. Gives the results, and the bytes of the buffers that they cover.
    fn run(&mut self, entry: Entry) -> (Vec<i32>, Vec<u8>) {
        // SAFETY: the entry names no memory but by the group, whose memory is leaked.
        unsafe { self.uring.submission().push(&entry) }.expect("room");
        let (mut results, mut data) = (Vec::new(), Vec::new());
        loop {
            self.uring.submit_and_wait(1).expect("submitted");
            for cqe in self.uring.completion() {
                results.push(cqe.result());
                if let (len @ 1.., Some(bid)) = (cqe.result(), cqueue::buffer_select(cqe.flags())) {
                    let at = self.memory.wrapping_add(usize::from(bid) * EACH);
                    // SAFETY: the completion covers this much from the buffer on, and the buffers lie in
                    // order; the kernel uses them no more.
                    data.extend(unsafe { std::slice::from_raw_parts(at, len as usize) });
                }
                if !cqueue::more(cqe.flags()) {
                    return (results, data);
                }
            }
        }
    }

    fn consumed(&self) -> u16 {
        self.bufs.consumed(&self.uring.submitter()).expect("a head")
    }
}

#[test]
fn sent() {
    let mut lent = Lent::new();
    let (a, mut b) = UnixStream::pair().unwrap();
    lent.give(DATA);
    let (results, data) = lent.run(SendBundle::new(fd(&a), GROUP).build());
    assert_eq!((results, &data[..]), (vec![32], &DATA[..]));
    assert_eq!(lent.consumed(), 4);
    let mut got = [0; DATA.len()];
    b.read_exact(&mut got).unwrap();
    assert_eq!(&got, DATA);
    let (results, _) = lent.run(SendBundle::new(fd(&a), GROUP).build());
    assert_eq!(results, [-libc::ENOBUFS]);
}

#[test]
fn received() {
    let mut lent = Lent::new();
    let (mut a, b) = UnixStream::pair().unwrap();
    lent.give(&[0; DATA.len()]);
    a.write_all(&DATA[..20]).unwrap();
    // The kernel decides how many buffers it takes: the first time more than one, not always enough.
    let (results, mut data) = lent.run(RecvBundle::new(fd(&b), GROUP).build());
    let [EACH_AND_MORE..=20] = results[..] else {
        panic!("not one bundle: {results:?}")
    };
    if data.len() < 20 {
        data.extend(lent.run(RecvBundle::new(fd(&b), GROUP).build()).1);
    }
    assert_eq!(data, DATA[..20]);
    assert_eq!(lent.consumed(), 3);

    // As many as are asked for, though there are more.
    a.write_all(&DATA[..20]).unwrap();
    let (results, data) = lent.run(RecvBundle::new(fd(&b), GROUP).len(5).build());
    assert_eq!((results, &data[..]), (vec![5], &DATA[..5]));
    assert_eq!(lent.consumed(), 4);
    let (results, _) = lent.run(RecvBundle::new(fd(&b), GROUP).build());
    assert_eq!(results, [-libc::ENOBUFS]);
}

#[test]
fn received_again_and_again() {
    let mut lent = Lent::new();
    let (mut a, b) = UnixStream::pair().unwrap();
    lent.give(&[0; DATA.len()]);
    a.write_all(&DATA[..20]).unwrap();
    drop(a);
    let (results, data) = lent.run(RecvMultiBundle::new(fd(&b), GROUP).build());
    assert!(results[0] >= EACH_AND_MORE, "no bundle: {results:?}");
    assert_eq!((results.last(), &data[..]), (Some(&0), &DATA[..20]));

    // Two buffers are enough, and the others stay.
    let mut lent = Lent::new();
    let (mut a, b) = UnixStream::pair().unwrap();
    lent.give(&[0; DATA.len()]);
    a.write_all(DATA).unwrap();
    let two = RecvMultiBundle::new(fd(&b), GROUP).total_len(16).build();
    let (results, data) = lent.run(two);
    assert_eq!((results, &data[..]), (vec![16], &DATA[..16]));
    assert_eq!(lent.consumed(), 2);
}
