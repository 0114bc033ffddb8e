//! A forked child has a copy of what was lent, and none of the ring: dropping there does nothing to the parent.

#![cfg(feature = "uring")]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use safe::uring::{BufGroup, Ring, op};

#[test]
fn a_forked_child_reads_and_drops_what_was_lent() {
    let mut ring = Ring::new(8).unwrap();
    let group = BufGroup::builder(2, 16).register(&mut ring).unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let ours = Arc::new(ours);
    let mut receive = |data: &[u8]| {
        theirs.write_all(data).unwrap();
        let receive = op::RecvSelect::new(ours.clone(), &group);
        let ticket = ring.push(receive).unwrap();
        ring.wait(ticket).unwrap().result.unwrap()
    };
    let lent = receive(b"before the fork");
    // SAFETY: the child calls nothing that another thread's state could matter for, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let same = *lent == *b"before the fork";
        drop(lent);
        // SAFETY: it ends the child without running what the parent will run.
        unsafe { libc::_exit(if same && group.available() == 1 { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` may be written.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child did not end well");
    // The parent goes on: its buffers are its own still.
    for round in 0..20 {
        assert_eq!(*receive(&[round; 16]), [round; 16]);
    }
    assert_eq!(*lent, *b"before the fork");
    drop(lent);
    assert_eq!(group.available(), 2);
}
