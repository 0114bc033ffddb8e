//! Polls, timeouts, messages, futexes, children, commands, and nothing.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Flags;
use safe::uring::raw::types::{self, *};

use crate::{Ring, fd};

#[test]
fn nops() {
    let mut ring = Ring::new();
    let file = File::open("/").unwrap();
    assert_eq!(ring.run(Nop::new().build()), 0);
    assert_eq!(ring.run(Nop::new().result(-7).build()), -7);
    assert_eq!(
        ring.run(Nop::new().flags(NopFlags::TW).result(7).build()),
        7
    );
    assert_eq!(ring.run(Nop::new().file(fd(&file)).build()), 0);
    // Some kernels fail to say that there is no such file.
    let none = ring.run(Nop::new().file(Fixed(0)).build());
    assert!([-libc::EBADF, 0].contains(&none), "{none}");
    ring.0
        .submitter()
        .register_files(&[file.as_raw_fd()])
        .unwrap();
    assert_eq!(ring.run(Nop::new().file(Fixed(0)).build()), 0);
    assert_eq!(ring.run(Nop::new().cqe32(1, 2).build()), -libc::EINVAL);
}

#[test]
fn polls() {
    let mut ring = Ring::new();
    let (mut a, b) = UnixStream::pair().unwrap();
    let out = PollAdd::events(fd(&b), PollFlags::OUT).build();
    assert_eq!(ring.run(out), libc::POLLOUT.into());

    // Changed to another name, then to another event, which is true at once.
    ring.push(PollAdd::new(fd(&b), libc::POLLIN as _).build().user_data(1));
    ring.push(PollUpdate::new(1).new_user_data(2).build().user_data(10));
    assert_eq!(ring.completions(1), [(10, 0, 0)]);
    ring.push(
        PollUpdate::new(2)
            .events(PollFlags::OUT, false)
            .build()
            .user_data(11),
    );
    let mut both = ring.completions(2);
    both.sort();
    assert_eq!(both, [(2, libc::POLLOUT.into(), 0), (11, 0, 0)]);
    // With nothing to change it is a removal, of what is no longer there.
    assert_eq!(ring.run(PollUpdate::new(2).build()), -libc::ENOENT);

    ring.push(
        PollAdd::events(fd(&b), PollFlags::IN)
            .multi(true)
            .build()
            .user_data(3),
    );
    a.write_all(b"x").unwrap();
    let event = (3, libc::POLLIN.into(), uring_sys::IORING_CQE_F_MORE);
    assert_eq!(ring.completions(1), [event]);
    ring.push(PollRemove::new(3).build().user_data(12));
    let mut both = ring.completions(2);
    both.sort();
    assert_eq!(both, [(3, -libc::ECANCELED, 0), (12, 0, 0)]);

    let epoll = epoll_set();
    let mut event = types::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 5,
    };
    let add = EpollCtl::new(fd(&epoll), fd(&b), libc::EPOLL_CTL_ADD, &event);
    assert_eq!(ring.run(add.build()), 0);
    event.u64 = 0;
    assert_eq!(
        ring.run(EpollWait::new(fd(&epoll), &mut event, 1).build()),
        1
    );
    assert_eq!({ event.u64 }, 5);

    // Why the epoll set cannot be a slot: the kernel takes the slot's number for a descriptor, and
    // 0 is no epoll set.
    ring.0
        .submitter()
        .register_files(&[epoll.as_raw_fd()])
        .unwrap();
    let zero = File::open("/dev/null")
        .or_else(|_| File::open("/"))
        .unwrap();
    let mut slot = EpollCtl::new(fd(&zero), fd(&b), libc::EPOLL_CTL_DEL, &event).build();
    assert_eq!(
        ring.run(slot.clone().flags(Flags::FIXED_FILE)),
        -libc::EINVAL
    );
    slot.as_raw_mut().fd = epoll.as_raw_fd();
    assert_eq!(ring.run(slot.flags(Flags::FIXED_FILE)), 0);
}

fn epoll_set() -> File {
    // SAFETY: the call has no memory to speak of; the descriptor is new and belongs to nobody else.
    unsafe { File::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }
}

#[test]
fn timeouts() {
    let mut ring = Ring::new();
    let (soon, late) = (Timespec::new().nsec(1), Timespec::new().sec(3600));
    assert_eq!(ring.run(Timeout::new(&soon).build()), -libc::ETIME);
    let [timeout, nop] = ring.run_all([Timeout::new(&late).count(1).build(), Nop::new().build()]);
    assert_eq!((timeout, nop), (0, 0));
    let [timeout, remove] =
        ring.run_all([Timeout::new(&late).build(), TimeoutRemove::new(0).build()]);
    assert_eq!((timeout, remove), (-libc::ECANCELED, 0));
    let [timeout, update] = ring.run_all([
        Timeout::new(&late).build(),
        TimeoutUpdate::new(0, &soon).build(),
    ]);
    assert_eq!((timeout, update), (-libc::ETIME, 0));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let null = std::ptr::null_mut;
    let accept = || {
        Accept::new(fd(&listener), null(), null().cast::<u32>())
            .build()
            .flags(Flags::IO_LINK)
    };
    let [accepted, limit] = ring.run_all([accept(), LinkTimeout::new(&soon).build()]);
    assert_eq!((accepted, limit), (-libc::ECANCELED, -libc::ETIME));
    let [accepted, limit, update] = ring.run_all([
        accept(),
        LinkTimeout::new(&late).build(),
        TimeoutUpdate::link(1, &soon).build(),
    ]);
    assert_eq!(
        (accepted, limit, update),
        (-libc::ECANCELED, -libc::ETIME, 0)
    );
    // Not before Linux 7.1: then it is an hour, cancelled at once.
    let [timeout, cancel] = ring.run_all([
        Timeout::immediate(Duration::from_secs(3600)).build(),
        AsyncCancel::new(0).build(),
    ]);
    let old = (-libc::EINVAL, -libc::ENOENT);
    assert!(
        [old, (-libc::ECANCELED, 0)].contains(&(timeout, cancel)),
        "{timeout} {cancel}"
    );
}

#[test]
fn messages_futexes_children() {
    let mut ring = Ring::new();
    let mut other = Ring::new();
    let ring_fd = |ring: &Ring| -> RawFd { ring.0.as_raw_fd() };
    let message = MsgRingData::new(Fd(ring_fd(&other)), -5, 6, Some(7)).build();
    assert_eq!(ring.run(message), 0);
    assert_eq!(other.completions(1), [(6, -5, 7)]);

    let file = File::open("/").unwrap();
    ring.0
        .submitter()
        .register_files(&[file.as_raw_fd()])
        .unwrap();
    other.0.submitter().register_files_sparse(2).unwrap();
    let slot = DestinationSlot::try_from_slot_target(1).unwrap();
    let send = MsgRingSendFd::new(Fd(ring_fd(&other)), Fixed(0), slot, 8).build();
    assert_eq!(ring.run(send), 0);
    assert_eq!(other.completions(1), [(8, 0, 0)]);
    assert_eq!(other.run(Nop::new().file(Fixed(1)).build()), 0);
    let send = MsgRingSendFd::new(
        Fd(ring_fd(&other)),
        Fixed(0),
        DestinationSlot::auto_target(),
        8,
    );
    assert_eq!(
        ring.run(send.with_opcode_flags(MsgRingFlags::CQE_SKIP).build()),
        0
    );

    let futex = std::sync::atomic::AtomicU32::new(1);
    let at = futex.as_ptr().cast_const();
    let (all, size) = (
        u64::from(u32::MAX),
        FutexFlags::SIZE_U32 | FutexFlags::PRIVATE,
    );
    assert_eq!(
        ring.run(FutexWait::new(at, 2, all, size.bits()).build()),
        -libc::EAGAIN
    );
    assert_eq!(ring.run(FutexWake::new(at, 1, all, size.bits()).build()), 0);
    let [waited, woken] = ring.run_all([
        FutexWait::new(at, 1, all, size.bits()).build(),
        FutexWake::new(at, 1, all, size.bits()).build(),
    ]);
    assert_eq!((waited, woken), (0, 1));
    let several = [types::FutexWaitV::new()
        .val(2)
        .uaddr(at.addr() as u64)
        .flags(size.bits())];
    let wait = safe::uring::raw::opcode::FutexWaitV::new(several.as_ptr(), 1);
    assert_eq!(ring.run(wait.build()), -libc::EAGAIN);

    let mut child = std::process::Command::new("/proc/self/exe")
        .arg("--list")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // SAFETY: zero is a value of a `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let wait = WaitId::new(libc::P_PID, child.id(), libc::WEXITED | libc::WNOWAIT);
    assert_eq!(ring.run(wait.infop(&raw mut info).build()), 0);
    assert_eq!(
        (info.si_signo, info.si_code),
        (libc::SIGCHLD, libc::CLD_EXITED)
    );
    child.wait().unwrap();
}

#[test]
fn commands() {
    let mut ring = Ring::new();
    let file = tempfile::tempfile().unwrap();
    for entry in [
        UringCmd16::new(fd(&file), 0).build(),
        BlockDiscard::new(fd(&file), 0, 4096).build(),
        BlockZoneResetAll::new(fd(&file)).build(),
    ] {
        assert_eq!(ring.run(entry), -libc::EOPNOTSUPP);
    }
    // Refused by the ring, not by a driver.
    let both = UringCmd16::new(fd(&file), 0)
        .buf_index(Some(0))
        .multi(1)
        .build();
    assert_eq!(ring.run(both), -libc::EINVAL);
}
