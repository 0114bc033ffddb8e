//! The same through `safe::posix`: what an assertion promises holds there too, and what the C function leaves
//! undefined is refused or works.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use safe::posix::{
    self, Cancel, Error, Fsync, Notification, Priority, Read, RtSignal, SignalFd, Woken, Write,
};

use super::GLIBC;
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::support::files::{pattern, pattern_file};
use crate::support::signals::{self, Alarms};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/safe/append", &["aio_write"], Since::Libc, append),
    Case::new(
        "posix/safe/callback",
        &["SIGEV_THREAD"],
        Since::Libc,
        callback,
    ),
    Case::new("posix/safe/cancel", &["aio_cancel"], Since::Libc, cancel),
    Case::new("posix/safe/fsync", &["aio_fsync"], Since::Libc, fsync),
    Case::new("posix/safe/list", &["lio_listio"], Since::Libc, list),
    Case::new(
        "posix/safe/list_interrupted",
        &["lio_listio"],
        Since::Libc,
        list_interrupted,
    ),
    Case::new("posix/safe/priority", &["aio_read"], Since::Libc, priority),
    Case::new("posix/safe/read", READ, Since::Libc, read),
    Case::new("posix/safe/scope", READ, Since::Libc, scope),
    Case::new("posix/safe/signal", &["SIGEV_SIGNAL"], Since::Libc, signal),
    Case::new("posix/safe/suspend", &["aio_suspend"], Since::Libc, suspend),
    Case::new("posix/safe/write", &["aio_write"], Since::Libc, write),
];

const READ: &[&str] = &["aio_read", "aio_error", "aio_return"];

/// The bytes at the offset, with the buffer; 0 at the end; the operation's error as its result.
fn read(cx: &mut Context) -> Run {
    let file = Arc::new(pattern_file(cx, "f", 4096)?);
    for (at, expected) in [(0, 16), (4090, 6), (4096, 0)] {
        let request = Read::new(file.clone(), Vec::with_capacity(16))
            .at(at)
            .submit()?;
        let done = request.wait();
        ensure_eq!(done.result, Ok(expected), "result at {at}");
        let at = at as usize;
        ensure!(done.buf == pattern(at..at + expected), "other data at {at}");
    }
    let folder = File::open(cx.dir())?;
    let done = Read::new(folder, vec![0; 1]).submit()?.wait();
    ensure_eq!(
        done.result,
        Err(Error::Os(libc::EISDIR)),
        "result of a folder"
    );
    let refused = Read::new(file, vec![0; 1]).at(1 << 63).submit();
    ensure_eq!(
        refused.map_err(|refused| refused.error).err(),
        Some(Error::Offset),
        "offset"
    );
    pass()
}

/// At the offset, and nowhere else.
fn write(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let done = Write::new(file, "text").at(98).submit()?.wait();
    ensure_eq!((done.result, done.buf), (Ok(4), "text"), "result");
    let expected = [&pattern(0..98)[..], b"text"].concat();
    ensure!(fs::read("f")? == expected, "other content");
    let done = Write::new(File::open("f")?, "text").submit()?.wait();
    ensure_eq!(
        done.result,
        Err(Error::Os(libc::EBADF)),
        "result of a file open for reading"
    );
    pass()
}

/// In the order of the calls, at the end of a file that is open for it.
fn append(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let refused = Write::new(file, "x").append().submit();
    ensure_eq!(
        refused.map_err(|refused| refused.error).err(),
        Some(Error::NotAppending),
        "append"
    );
    let file = Arc::new(OpenOptions::new().append(true).open("f")?);
    let mut requests = Vec::new();
    for text in ["one", "two", "six"] {
        requests.push(Write::new(file.clone(), text).append().submit()?);
    }
    for request in requests {
        ensure_eq!(request.wait().result, Ok(3), "result");
    }
    let expected = [&pattern(0..10)[..], b"onetwosix"].concat();
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// After the writes of the descriptor, alone and in a list.
fn fsync(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 20;
    let file = Arc::new(pattern_file(cx, "f", 0)?);
    for sync in [Fsync::new, Fsync::data] {
        let write = Write::new(file.clone(), pattern(0..LEN)).submit()?;
        let sync = sync(file.clone()).submit()?;
        ensure_eq!(sync.wait().result, Ok(()), "result of the sync");
        ensure!(write.is_over(), "the write is still in progress");
        ensure_eq!(write.wait().result, Ok(LEN), "result of the write");
    }
    let list = [
        Write::new(file.clone(), pattern(0..LEN)).into(),
        Fsync::data(file).into(),
    ];
    let members = posix::submit_list(list, Notification::none())?;
    let woken = posix::suspend([members[1].pending()], None)?;
    ensure_eq!(
        (woken, members[0].is_over()),
        (Woken::Done, true),
        "at the sync's end"
    );
    let results: Vec<_> = members
        .into_iter()
        .map(|member| member.wait().result)
        .collect();
    ensure_eq!(results, [Ok(LEN), Ok(0)], "results of the list");
    pass()
}

/// By priority where the library sorts; what is out of range cannot be said.
fn priority(_: &mut Context) -> Run {
    ensure_eq!(Priority::lowered_by(21), None, "the range");
    let (reader, mut writer) = UnixStream::pair()?;
    let reader = Arc::new(reader);
    let mut requests = Vec::new();
    for priority in [Priority::HIGHEST, Priority::LOWEST, Priority::HIGHEST] {
        let read = Read::new(reader.clone(), vec![0; 1]).priority(priority);
        requests.push(read.submit()?);
    }
    writer.write_all(b"012")?;
    let mut bytes: Vec<u8> = requests
        .into_iter()
        .flat_map(|request| request.wait().buf)
        .collect();
    if !GLIBC {
        bytes.sort_unstable();
    }
    ensure_eq!(bytes, if GLIBC { b"021" } else { b"012" }, "what was read");
    pass()
}

/// The three answers.
fn cancel(_: &mut Context) -> Run {
    const LEN: usize = 16 << 20;
    let (file, mut peer) = UnixStream::pair()?;
    let file = Arc::new(file);
    ensure_eq!(posix::cancel_all(&file), Ok(Cancel::AllDone), "of nothing");
    let running = Write::new(file.clone(), vec![7; LEN]).submit()?;
    peer.read_exact(&mut [0])?;
    let queued = Write::new(file.clone(), vec![8; 1]).submit()?;
    ensure_eq!(
        running.cancel(),
        Cancel::NotCanceled,
        "of a write that runs"
    );
    // Here musl's own function would never come back.
    let (answer, result) = if GLIBC {
        (Cancel::Canceled, Err(Error::Canceled))
    } else {
        (Cancel::NotCanceled, Ok(1))
    };
    ensure_eq!(queued.cancel(), answer, "of a write that waits");
    ensure_eq!(posix::cancel_all(&file), Ok(Cancel::NotCanceled), "of all");
    peer.read_exact(&mut vec![0; LEN - 1])?;
    ensure_eq!(running.wait().result, Ok(LEN), "result of the first write");
    ensure_eq!(queued.wait().result, result, "result of the second write");
    ensure_eq!(posix::cancel_all(&file), Ok(Cancel::AllDone), "at the end");
    pass()
}

/// Any duration and number of requests, where the C libraries abort, spin or differ.
fn suspend(_: &mut Context) -> Run {
    let (reader, mut writer) = UnixStream::pair()?;
    let request = Read::new(reader, vec![0; 1]).submit()?;
    ensure_eq!(posix::suspend([], None)?, Woken::Done, "with no request");
    for time in [Duration::ZERO, Duration::from_nanos(999_999_999) / 50] {
        let woken = posix::suspend([request.pending()], Some(time))?;
        ensure_eq!(woken, Woken::TimedOut, "after {time:?}");
    }
    signals::count(libc::SIGALRM, libc::SA_RESTART)?;
    let alarms = Alarms::start()?;
    ensure_eq!(
        posix::suspend([request.pending()], None)?,
        Woken::Interrupted,
        "by a signal"
    );
    writer.write_all(b"x")?;
    ensure_eq!(
        request.wait().result,
        Ok(1),
        "result, with signals all the time"
    );
    drop(alarms);
    let (reader, mut writer) = UnixStream::pair()?;
    let request = Read::new(reader, vec![0; 1]).submit()?;
    writer.write_all(b"x")?;
    for time in [Duration::MAX, Duration::new(0, 2_000_000_000)] {
        let woken = posix::suspend([request.pending()], Some(time))?;
        ensure_eq!(woken, Woken::Done, "within {time:?}");
    }
    pass()
}

/// Each member has its result, whatever becomes of the others.
fn list(cx: &mut Context) -> Run {
    let file = Arc::new(pattern_file(cx, "f", 100)?);
    let read_only = Arc::new(File::open("f")?);
    let write = |file: &Arc<File>, at| Write::new(file.clone(), b"new".to_vec()).at(at);
    let list = [
        write(&file, 0).into(),
        write(&read_only, 10).into(),
        write(&file, u64::MAX).into(),
        Read::new(file.clone(), vec![0; 3]).at(50).into(),
        write(&file, 20).into(),
    ];
    let results: Vec<_> = posix::run_list(list)
        .into_iter()
        .map(|done| done.result)
        .collect();
    let failed = Err(Error::Os(libc::EBADF));
    ensure_eq!(
        results,
        [Ok(3), failed, Err(Error::Offset), Ok(3), Ok(3)],
        "results"
    );
    let mut expected = pattern(0..100);
    expected[0..3].copy_from_slice(b"new");
    expected[20..23].copy_from_slice(b"new");
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// Signals neither end the wait for a list nor harm it, and a list is over when its last member is.
fn list_interrupted(_: &mut Context) -> Run {
    signals::count(libc::SIGALRM, 0)?;
    let alarms = Alarms::start()?;
    for round in 0..20 {
        let (pairs, before) = (UnixStream::pair()?, signals::caught());
        let (file, mut peer) = pairs;
        let feeder = std::thread::spawn(move || {
            // A few have hit when the data comes.
            while signals::caught() < before + 3 {
                std::thread::yield_now();
            }
            peer.write_all(&[round; 8])
        });
        for done in posix::run_list([Read::new(file, vec![0; 8]).into()]) {
            ensure_eq!(
                (done.result, done.buf),
                (Ok(8), vec![round; 8]),
                "round {round}"
            );
        }
        match feeder.join() {
            Ok(result) => result?,
            Err(_) => ensure!(false, "the feeding thread panicked"),
        }
    }
    drop(alarms);
    pass()
}

/// The closure runs once, on another thread, when the result can be had.
fn callback(_: &mut Context) -> Run {
    let (reader, mut writer) = UnixStream::pair()?;
    let (tell, told) = mpsc::channel();
    let call = Notification::call(move || {
        let _ = tell.send(std::thread::current().id());
    });
    let request = Read::new(reader, vec![0; 1]).notify(call).submit()?;
    ensure!(told.try_recv().is_err(), "called before the end");
    writer.write_all(b"x")?;
    let thread = told.recv()?;
    ensure!(
        thread != std::thread::current().id(),
        "called on this thread"
    );
    ensure!(told.recv().is_err(), "called twice");
    ensure_eq!(request.wait().result, Ok(1), "result");
    pass()
}

/// The signal brings its value, one for each operation.
fn signal(cx: &mut Context) -> Run {
    let file = Arc::new(pattern_file(cx, "f", 16)?);
    let Some(signal) = RtSignal::new(0) else {
        return crate::case::fail("there is no real-time signal");
    };
    let signals = SignalFd::new(&[signal])?;
    let mut requests = Vec::new();
    for value in 0..8 {
        let notification = Notification::signal(signal, usize::MAX - value);
        let read = Read::new(file.clone(), vec![0; 16]).notify(notification);
        requests.push(read.submit()?);
    }
    let mut values = Vec::new();
    for _ in 0..8 {
        let received = signals.receive()?;
        let code = if GLIBC {
            libc::SI_ASYNCIO
        } else {
            libc::SI_QUEUE
        };
        ensure_eq!((received.signal, received.code), (signal, code), "signal");
        values.push(usize::MAX - received.value);
    }
    values.sort_unstable();
    ensure!(values.into_iter().eq(0..8), "other values");
    for request in requests {
        ensure_eq!(request.wait().result, Ok(16), "result");
    }
    pass()
}

/// Borrowed buffers are filled when the scope ends, also those of requests that were forgotten, and of a list.
fn scope(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let mut buffers = [[0; 10]; 3];
    let [first, second, third] = &mut buffers;
    let result = posix::scope(|scope| {
        std::mem::forget(scope.submit(Read::new(&file, &mut first[..]))?);
        let list = [
            Read::new(&file, &mut second[..]).at(10).into(),
            Read::new(&file, &mut third[..]).at(20).into(),
            Fsync::new(&file).into(),
        ];
        let members = scope.submit_list(list, Notification::none())?;
        std::mem::forget(members);
        Ok::<(), std::io::Error>(())
    });
    result?;
    ensure!(buffers.concat() == pattern(0..30), "other data");
    pass()
}
