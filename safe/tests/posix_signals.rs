//! Notifications by signal. All signals are blocked before the tests' threads start, so none can end the
//! process.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use safe::posix::{self, Error, Listed, Notification, Read, RtSignal, SignalFd, Write};

/// The signal of a test: each has its own, for they run at the same time.
fn signal(nth: u8) -> RtSignal {
    RtSignal::new(nth).expect("there are that many")
}

fn exe() -> File {
    std::env::current_exe()
        .and_then(File::open)
        .expect("the program is there")
}

fn a_read_brings_its_value() -> Result<(), Failed> {
    let signals = SignalFd::new(&[signal(0)])?;
    let value = usize::MAX - 12345;
    let request = Read::new(exe(), vec![0; 4])
        .notify(Notification::signal(signal(0), value))
        .submit()?;
    let received = signals.receive()?;
    assert_eq!((received.signal, received.value), (signal(0), value));
    let code = if cfg!(target_env = "gnu") {
        libc::SI_ASYNCIO
    } else {
        libc::SI_QUEUE
    };
    assert_eq!(received.code, code);
    assert!(request.is_over());
    assert_eq!(request.wait().result, Ok(4));
    Ok(())
}

fn no_signal_of_many_is_lost() -> Result<(), Failed> {
    let signals = SignalFd::new(&[signal(1)])?;
    let file = Arc::new(exe());
    let requests = (0..100)
        .map(|i| {
            Read::new(file.clone(), vec![0; 1])
                .at(i as u64)
                .notify(Notification::signal(signal(1), i))
                .submit()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut values = (0..100)
        .map(|_| signals.receive().map(|received| received.value))
        .collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    assert!(values.into_iter().eq(0..100));
    assert!(
        requests
            .into_iter()
            .all(|request| request.wait().result == Ok(1))
    );
    Ok(())
}

fn a_cancelled_operation_notifies_as_well() -> Result<(), Failed> {
    let signals = SignalFd::new(&[signal(2)])?;
    let (file, mut peer) = UnixStream::pair()?;
    let file = Arc::new(file);
    let running = Read::new(file.clone(), vec![0; 1]).submit()?;
    let queued = Read::new(file, vec![0; 1])
        .notify(Notification::signal(signal(2), 7))
        .submit()?;
    assert_eq!(queued.cancel(), posix::Cancel::Canceled);
    assert_eq!(signals.receive()?.value, 7);
    assert_eq!(queued.wait().result, Err(Error::Canceled));
    peer.write_all(b"x")?;
    assert_eq!(running.wait().result, Ok(1));
    Ok(())
}

fn a_list_notifies_after_its_members() -> Result<(), Failed> {
    let signals = SignalFd::new(&[signal(3), signal(4)])?;
    let (file, mut peer) = UnixStream::pair()?;
    let file = Arc::new(file);
    let member = |value| -> Listed<Arc<UnixStream>, Vec<u8>> {
        Read::new(file.clone(), vec![0; 1])
            .notify(Notification::signal(signal(3), value))
            .into()
    };
    let list = [member(1), member(2), member(3)];
    let members = posix::submit_list(list, Notification::signal(signal(4), 99))?;
    peer.write_all(b"abc")?;
    let mut values = Vec::new();
    while values.len() < 4 {
        let received = signals.receive()?;
        values.push((received.signal, received.value));
    }
    assert!(values.contains(&(signal(4), 99)));
    // A member is over when its signal has been sent.
    assert_eq!(values[3].1, 99);
    for value in 1..=3 {
        assert!(values.contains(&(signal(3), value)), "{values:?}");
    }
    assert!(
        members
            .into_iter()
            .all(|member| member.wait().result == Ok(1))
    );
    Ok(())
}

fn a_list_of_nothing_notifies_at_once() -> Result<(), Failed> {
    let signals = SignalFd::new(&[signal(5)])?;
    let none: [Listed<File, Vec<u8>>; 0] = [];
    let members = posix::submit_list(none, Notification::signal(signal(5), 1))?;
    assert!(members.is_empty());
    assert_eq!(signals.receive()?.value, 1);
    // So does one of which nothing could be started.
    let refused = [Write::new(exe(), vec![0; 1]).at(u64::MAX).into()];
    let members = posix::submit_list(refused, Notification::signal(signal(5), 2))?;
    assert_eq!(signals.receive()?.value, 2);
    assert!(
        members
            .into_iter()
            .all(|member| member.wait().result == Err(Error::Offset))
    );
    Ok(())
}

fn only_real_time_signals_for_programs() -> Result<(), Failed> {
    for raw in [
        -1,
        0,
        libc::SIGUSR1,
        32,
        33,
        libc::SIGRTMIN() - 1,
        libc::SIGRTMAX() + 1,
        1000,
    ] {
        assert_eq!(RtSignal::from_raw(raw), None, "{raw}");
    }
    assert_eq!(
        RtSignal::new(0).map(RtSignal::as_raw),
        Some(libc::SIGRTMIN())
    );
    assert_eq!(RtSignal::new(255), None);
    assert!(RtSignal::from_raw(libc::SIGRTMAX()).is_some());
    Ok(())
}

type Test = fn() -> Result<(), Failed>;

fn main() {
    let all: Vec<RtSignal> = (0..=255).filter_map(RtSignal::new).collect();
    let _blocked = SignalFd::new(&all).expect("signals can be blocked");
    let tests: [(&str, Test); 6] = [
        ("a_read_brings_its_value", a_read_brings_its_value),
        ("no_signal_of_many_is_lost", no_signal_of_many_is_lost),
        (
            "a_cancelled_operation_notifies_as_well",
            a_cancelled_operation_notifies_as_well,
        ),
        (
            "a_list_notifies_after_its_members",
            a_list_notifies_after_its_members,
        ),
        (
            "a_list_of_nothing_notifies_at_once",
            a_list_of_nothing_notifies_at_once,
        ),
        (
            "only_real_time_signals_for_programs",
            only_real_time_signals_for_programs,
        ),
    ];
    let trials = tests.map(|(name, test)| Trial::test(name, test)).into();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
