//! Commands to drivers, in entries of 64 and of 128 bytes. Their constructors are the only unsafe code here.

#![cfg(feature = "uring")]

mod support {
    pub(crate) mod older;
}

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;

use safe::uring::raw::{cqueue, squeue, types};
use safe::uring::{Reason, Ring, SetupBuilder, op};
use support::older::here;

/// `SOCKET_URING_OP_SIOCINQ`: how many bytes wait in a socket. Since Linux 6.7.
const SIOCINQ: u32 = uring_sys::SOCKET_URING_OP_SIOCINQ;

type LargeRing = Ring<squeue::Entry128, cqueue::Entry32>;

fn large() -> LargeRing {
    SetupBuilder::new().build(4).expect("a ring")
}

/// A socket pair that can count what waits: TCP.
fn pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let near = std::net::TcpStream::connect(address).expect("connected");
    (near, listener.accept().expect("accepted").0)
}

#[test]
fn a_socket_counts_what_waits() {
    let (near, mut far) = pair();
    far.write_all(b"eleven more").expect("written");
    let mut byte = [0];
    near.peek(&mut byte).expect("it has come");

    let mut ring = Ring::new(4).expect("a ring");
    // SAFETY: the command uses no memory.
    let command = unsafe { op::Command::new(near, SIOCINQ, [0; 16], "kept") };
    let command = ring.push(command).expect("room");
    let done = ring.wait(command).expect("waited");
    let Some(count) = here("SIOCINQ", (6, 7), done.result) else {
        return;
    };
    assert_eq!(count, 11);
    assert_eq!((done.kept, done.extra), ("kept", [0; 2]));

    let mut ring = large();
    // What others leave in the second half does not matter.
    for _ in 0..20 {
        let file = done.file.try_clone().expect("a clone");
        // SAFETY: as above.
        let command = unsafe { op::LargeCommand::new(file, SIOCINQ, [0xff; 80], ()) };
        let command = ring
            .push_large(command)
            .map_err(|back| back.reason())
            .expect("room");
        let nop = ring.push(op::Nop::new()).expect("room");
        let outcome = ring.wait_chain((command, nop)).expect("waited").outputs;
        outcome.1.expect("a NOP");
        // The driver has no use for the command's bytes.
        assert_eq!(outcome.0.result.expect("a count"), 11);
    }
    // SAFETY: as above.
    let command = unsafe { op::LargeCommand::new(done.file, SIOCINQ, [0; 80], ()) };
    let command = ring
        .push_large(command)
        .map_err(|back| back.reason())
        .expect("room");
    let answer = ring.wait(command).expect("waited");
    assert_eq!(answer.result.expect("a count"), 11);
}

#[test]
fn commands_that_a_driver_does_not_know() {
    let mut ring = large();
    let file = File::open("/proc/self/exe").expect("open");
    let nvme = types::nvme_uring_cmd::default();
    // SAFETY: a regular file has no commands.
    let command = unsafe { op::LargeCommand::nvme(file, uring_sys::NVME_URING_CMD_IO, &nvme, ()) };
    let command = ring
        .push_large(command)
        .map_err(|back| back.reason())
        .expect("room");
    let error = ring
        .wait(command)
        .expect("waited")
        .result
        .expect_err("no driver");
    assert_eq!(error.raw_os_error(), libc::EOPNOTSUPP);
    assert_eq!(error.operation(), "URING_CMD");
}

#[test]
fn large_operations_come_back_when_there_is_no_room() {
    let mut ring = large();
    let (near, _far) = UnixStream::pair().expect("a pair");
    let reads = [(); 4].map(|()| {
        let read = op::Read::new(near.try_clone().expect("a clone"), vec![0; 8]);
        ring.push(read).expect("room")
    });
    // SAFETY: the command uses no memory.
    let command = unsafe { op::LargeCommand::new(near, SIOCINQ, [0; 80], "kept") };
    let back = ring.push_large(command).map(drop).expect_err("no room");
    assert_eq!(back.reason(), Reason::Table);
    drop(reads);
}
