//! What each operation does, and that its result comes once, with what it owned.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use safe::posix::{
    self, Cancel, Error, Fsync, Notification, OnDrop, Priority, Read, Request, RtSignal, Woken,
    Write,
};

/// A file with `0..len` in it, and nothing of it left behind.
fn file(len: usize) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
    file.write_all(&bytes).unwrap();
    file
}

/// Two ends, of which the first can be read when the second was written.
fn pipe() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

#[test]
fn a_read_fills_uninitialised_capacity() {
    let done = Read::new(file(100), Vec::with_capacity(64))
        .at(10)
        .submit()
        .unwrap()
        .wait();
    assert_eq!(done.result, Ok(64));
    assert_eq!(done.buf, (10..74).collect::<Vec<u8>>());
}

#[test]
fn a_short_read_initialises_what_it_read() {
    let done = Read::new(file(100), Vec::with_capacity(64))
        .at(90)
        .submit()
        .unwrap()
        .wait();
    assert_eq!(done.result, Ok(10));
    assert_eq!(done.buf, (90..100).collect::<Vec<u8>>());

    let done = Read::new(file(4), vec![0xff; 8]).submit().unwrap().wait();
    assert_eq!(
        (done.result, &done.buf[..]),
        (Ok(4), &[0, 1, 2, 3, 255, 255, 255, 255][..])
    );

    let done = Read::new(file(4), Vec::with_capacity(8))
        .at(4)
        .submit()
        .unwrap()
        .wait();
    assert_eq!((done.result, done.buf.len()), (Ok(0), 0));
}

#[test]
fn every_buffer_type_goes_there_and_back() {
    let file = Arc::new(file(0));
    fn write<B: safe::buf::IoBuf + 'static>(file: &Arc<File>, at: u64, buf: B) -> B {
        let done = Write::new(file.clone(), buf)
            .at(at)
            .submit()
            .unwrap()
            .wait();
        assert_eq!(done.result, Ok(2));
        done.buf
    }
    assert_eq!(write(&file, 0, vec![b'a', b'b']), b"ab");
    assert_eq!(&write(&file, 2, Box::<[u8]>::from(*b"cd"))[..], b"cd");
    assert_eq!(write(&file, 4, &b"ef"[..]), b"ef");
    assert_eq!(write(&file, 6, "gh"), "gh");
    assert_eq!(write(&file, 8, "ij".to_owned()), "ij");
    assert_eq!(&write(&file, 10, Arc::<[u8]>::from(*b"kl"))[..], b"kl");
    let done = Read::new(file, vec![0; 12].into_boxed_slice())
        .submit()
        .unwrap()
        .wait();
    assert_eq!((done.result, &done.buf[..]), (Ok(12), &b"abcdefghijkl"[..]));
}

#[test]
fn the_position_of_the_file_stays() {
    let done = Read::new(file(100), vec![0; 10])
        .at(50)
        .submit()
        .unwrap()
        .wait();
    let mut file = done.file;
    assert_eq!(io::Seek::stream_position(&mut file).unwrap(), 100);
}

#[test]
fn appends_at_the_end_whatever_the_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let open = || {
        Arc::new(
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap(),
        )
    };
    let log = open();
    let requests: Vec<_> = (0..4)
        .map(|i| {
            Write::new(log.clone(), vec![b'a' + i; 3])
                .append()
                .submit()
                .unwrap()
        })
        .collect();
    for request in requests {
        assert_eq!(request.wait().result, Ok(3));
    }
    let done = Write::new(open(), "at").at(0).submit().unwrap().wait();
    assert_eq!(done.result, Ok(2));
    assert_eq!(std::fs::read(&path).unwrap(), b"aaabbbcccdddat");
}

#[test]
fn append_needs_a_file_that_appends() {
    let refused = Write::new(file(0), "x").append().submit().unwrap_err();
    assert_eq!(refused.error, Error::NotAppending);
    let (_, buf) = refused.operation.into_parts();
    assert_eq!(buf, "x");
}

#[test]
fn an_offset_beyond_63_bits_is_refused() {
    let refused = Read::new(file(1), vec![0; 1])
        .at(1 << 63)
        .submit()
        .unwrap_err();
    assert_eq!(refused.error, Error::Offset);
    assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn syncs() {
    let file = Arc::new(file(0));
    let write = Write::new(file.clone(), vec![7; 1 << 16]).submit().unwrap();
    let all = Fsync::new(file.clone()).submit().unwrap();
    let data = Fsync::data(file).submit().unwrap();
    assert_eq!(write.wait().result, Ok(1 << 16));
    assert_eq!(all.wait().result, Ok(()));
    assert_eq!(data.wait().result, Ok(()));
}

#[test]
fn syncing_what_cannot_be_synced_is_an_error_of_the_operation() {
    let (reader, _writer) = pipe();
    let done = Fsync::new(reader).submit().unwrap().wait();
    assert_eq!(done.result, Err(Error::Os(libc::EINVAL)));
}

#[test]
fn a_file_that_is_not_open_for_it_is_an_error_of_the_operation() {
    let done = Write::new(File::open("/proc/self/exe").unwrap(), "x")
        .submit()
        .unwrap()
        .wait();
    assert_eq!(done.result, Err(Error::Os(libc::EBADF)));
    assert_eq!(done.buf, "x");
}

#[test]
fn priorities_are_accepted_up_to_20() {
    assert_eq!(Priority::lowered_by(21), None);
    for priority in [
        Priority::HIGHEST,
        Priority::lowered_by(7).unwrap(),
        Priority::LOWEST,
    ] {
        let done = Read::new(file(3), vec![0; 3])
            .priority(priority)
            .submit()
            .unwrap()
            .wait();
        assert_eq!(done.result, Ok(3));
    }
}

#[test]
fn try_wait_gives_the_request_back_until_it_is_over() {
    let (reader, mut writer) = pipe();
    let request = Read::new(reader, vec![0; 8]).submit().unwrap();
    let request = request.try_wait().expect_err("nothing was written yet");
    assert!(!request.is_over());
    writer.write_all(b"now").unwrap();
    assert_eq!(posix::suspend([request.pending()], None), Ok(Woken::Done));
    let done = request.try_wait().expect("it is over");
    assert_eq!((done.result, &done.buf[..3]), (Ok(3), &b"now"[..]));
}

#[test]
fn suspend_waits_for_any_of_a_thousand() {
    let (reader, mut writer) = pipe();
    let reader = Arc::new(reader);
    let requests: Vec<Request<_, _, _>> = (0..1000)
        .map(|_| Read::new(reader.clone(), vec![0; 1]).submit().unwrap())
        .collect();
    let all = || requests.iter().map(Request::pending);
    assert_eq!(
        posix::suspend(all(), Some(Duration::ZERO)),
        Ok(Woken::TimedOut)
    );
    assert_eq!(
        posix::suspend(all(), Some(Duration::from_millis(20))),
        Ok(Woken::TimedOut)
    );
    writer.write_all(b"x").unwrap();
    assert_eq!(posix::suspend(all(), None), Ok(Woken::Done));
    assert_eq!(
        requests.iter().filter(|request| request.is_over()).count(),
        1
    );
    writer.write_all(&[b'y'; 999]).unwrap();
    let sum: usize = requests
        .into_iter()
        .map(|request| request.wait().result.unwrap())
        .sum();
    assert_eq!(sum, 1000);
}

#[test]
fn suspend_takes_any_duration_and_no_request() {
    assert_eq!(posix::suspend([], Some(Duration::MAX)), Ok(Woken::Done));
    let (reader, mut writer) = pipe();
    let request = Read::new(reader, vec![0; 1]).submit().unwrap();
    // These would abort glibc, spin musl, or overflow a clock.
    for nanos in [1, 999_999_999] {
        let timeout = Duration::new(0, nanos / 1000);
        assert_eq!(
            posix::suspend([request.pending()], Some(timeout)),
            Ok(Woken::TimedOut)
        );
    }
    writer.write_all(b"x").unwrap();
    for timeout in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::new(0, 2_000_000_000),
    ] {
        assert_eq!(
            posix::suspend([request.pending()], Some(timeout)),
            Ok(Woken::Done)
        );
    }
    assert_eq!(request.wait().result, Ok(1));
}

/// More than a socket takes before its peer reads.
const TOO_MUCH: usize = 16 << 20;

/// A write that a worker has begun, as its first byte has come out, and that cannot end before `peer` is read.
fn begun(
    file: &Arc<UnixStream>,
    peer: &mut UnixStream,
) -> Request<posix::kind::Write, Arc<UnixStream>, Vec<u8>> {
    let request = Write::new(file.clone(), vec![b'x'; TOO_MUCH])
        .submit()
        .unwrap();
    peer.read_exact(&mut [0]).unwrap();
    request
}

#[test]
#[cfg(target_env = "gnu")]
fn cancel_tells_what_it_did() {
    let (file, mut peer) = pipe();
    let file = Arc::new(file);
    let running = begun(&file, &mut peer);
    let queued = Write::new(file.clone(), "y").submit().unwrap();
    assert_eq!(running.cancel(), Cancel::NotCanceled);
    assert_eq!(queued.cancel(), Cancel::Canceled);
    assert_eq!(queued.cancel(), Cancel::AllDone);
    assert_eq!(queued.wait().result, Err(Error::Canceled));
    peer.read_exact(&mut vec![0; TOO_MUCH - 1]).unwrap();
    assert_eq!(posix::suspend([running.pending()], None), Ok(Woken::Done));
    assert_eq!(running.cancel(), Cancel::AllDone);
    assert_eq!(running.wait().result, Ok(TOO_MUCH));
}

#[test]
#[cfg(target_env = "gnu")]
fn cancel_all_of_a_descriptor() {
    let (file, mut peer) = pipe();
    let file = Arc::new(file);
    let running = begun(&file, &mut peer);
    let queued: Vec<_> = (0..4)
        .map(|_| Write::new(file.clone(), "y").submit().unwrap())
        .collect();
    assert_eq!(posix::cancel_all(&file), Ok(Cancel::NotCanceled));
    for request in queued {
        assert_eq!(request.wait().result, Err(Error::Canceled));
    }
    peer.read_exact(&mut vec![0; TOO_MUCH - 1]).unwrap();
    assert_eq!(running.wait().result, Ok(TOO_MUCH));
    assert_eq!(posix::cancel_all(&file), Ok(Cancel::AllDone));
}

#[test]
#[cfg(target_env = "musl")]
fn cancel_stops_what_runs() {
    let (reader, _writer) = pipe();
    let reader = Arc::new(reader);
    let read = || Read::new(reader.clone(), vec![0; 1]).submit().unwrap();
    let one = read();
    assert_eq!(one.cancel(), Cancel::Canceled);
    assert_eq!(one.cancel(), Cancel::AllDone);
    let others = [one, read(), read()];
    assert_eq!(posix::cancel_all(&reader), Ok(Cancel::Canceled));
    for request in others {
        assert_eq!(request.wait().result, Err(Error::Canceled));
    }
    assert_eq!(posix::cancel_all(&reader), Ok(Cancel::AllDone));
    // What borrows is found as well, and a write among the reads runs on.
    let mut byte = [0];
    posix::scope(|scope| {
        let lent = scope.submit(Read::new(&reader, &mut byte[..])).unwrap();
        assert_eq!(posix::cancel_all(&reader), Ok(Cancel::Canceled));
        assert!(lent.is_over());
        assert_eq!(lent.wait().result, Err(Error::Canceled));
    });
    let (file, mut peer) = pipe();
    let file = Arc::new(file);
    let write = begun(&file, &mut peer);
    let read = Read::new(file.clone(), vec![0; 1]).submit().unwrap();
    assert_eq!(posix::cancel_all(&file), Ok(Cancel::NotCanceled));
    assert_eq!(read.wait().result, Err(Error::Canceled));
    peer.read_exact(&mut vec![0; TOO_MUCH - 1]).unwrap();
    assert_eq!(write.wait().result, Ok(TOO_MUCH));
}

#[test]
fn a_list_in_a_scope_lends_from_the_stack() {
    let file = file(20);
    let (mut head, mut tail) = ([0; 4], [0; 4]);
    let results = posix::scope(|scope| {
        let list = [
            Read::new(&file, &mut head[..]).into(),
            Read::new(&file, &mut tail[..]).at(u64::MAX).into(),
            Fsync::new(&file).into(),
        ];
        let all = scope.run_list(list).into_iter();
        all.map(|done| done.result).collect::<Vec<_>>()
    });
    assert_eq!(results, [Ok(4), Err(Error::Offset), Ok(0)]);
    assert_eq!((head, tail), ([0, 1, 2, 3], [0; 4]));

    let (tell, told) = std::sync::mpsc::channel();
    posix::scope(|scope| {
        let list = [Read::new(&file, &mut tail[..]).at(10).into()];
        let call = Notification::call(move || tell.send(()).unwrap());
        let members = scope.submit_list(list, call).unwrap();
        told.recv().unwrap();
        assert!(members.iter().all(|member| member.is_over()));
        // Forgotten, the list is the scope's.
        std::mem::forget(members);
    });
    assert_eq!(tail, [10, 11, 12, 13]);
}

#[test]
fn a_sync_in_a_list_comes_after_the_writes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let file = Arc::new(File::create(&path).unwrap());
    let read_only = Arc::new(File::open(&path).unwrap());
    const LEN: usize = 1 << 20;
    for sync in [Fsync::new, Fsync::data] {
        let write = |i| Write::new(file.clone(), vec![i; LEN]).at(u64::from(i) * LEN as u64);
        let list = [
            write(0).into(),
            // It fails, and the sync succeeds all the same.
            Write::new(read_only.clone(), vec![1]).into(),
            write(1).into(),
            sync(file.clone()).into(),
        ];
        let members = posix::submit_list(list, Notification::none()).unwrap();
        let _ = posix::suspend([members[3].pending()], None).unwrap();
        assert!(members[0].is_over() && members[2].is_over());
        let results: Vec<_> = members
            .into_iter()
            .map(|member| member.wait())
            .map(|done| (done.result, done.buf.len()))
            .collect();
        let failed = Err(Error::Os(libc::EBADF));
        assert_eq!(
            results,
            [(Ok(LEN), LEN), (failed, 1), (Ok(LEN), LEN), (Ok(0), 0)]
        );
    }
    // A sync that fails is told of itself.
    let (socket, _peer) = pipe();
    let list = [Fsync::data(Arc::new(socket)).into()];
    let done: Vec<posix::Completed<usize, _, Vec<u8>>> = posix::run_list(list);
    assert_eq!(done[0].result, Err(Error::Os(libc::EINVAL)));
}

/// musl keeps what it knows of a descriptor's number a moment longer than the result takes.
#[test]
fn a_number_that_is_used_again_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"0123456789").unwrap();
    for _ in 0..1000 {
        let (reader, mut writer) = pipe();
        writer.write_all(b"x").unwrap();
        let done = Read::new(reader, vec![0; 1]).submit().unwrap().wait();
        assert_eq!(done.result, Ok(1));
        drop(done);
        let mut file = File::open(&path).unwrap();
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).unwrap();
        let done = Read::new(file, vec![0; 4]).at(3).submit().unwrap().wait();
        assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"3456"[..]));
    }
}

#[test]
fn a_scope_lends_from_the_stack() {
    let file = file(20);
    let (mut head, mut tail) = ([0; 4], [0; 4]);
    let results = posix::scope(|scope| {
        let head = scope.submit(Read::new(&file, &mut head[..])).unwrap();
        let tail = scope
            .submit(Read::new(&file, &mut tail[..]).at(10))
            .unwrap();
        assert!(posix::suspend([head.pending(), tail.pending()], None).is_ok());
        (head.wait().result, tail.wait().result)
    });
    assert_eq!(results, (Ok(4), Ok(4)));
    assert_eq!((head, tail), ([0, 1, 2, 3], [10, 11, 12, 13]));
}

#[test]
fn a_scope_waits_for_what_was_forgotten() {
    let file = file(20);
    let mut buf = [0xff; 20];
    posix::scope(|scope| {
        std::mem::forget(scope.submit(Read::new(&file, &mut buf[..])).unwrap());
    });
    assert_eq!(buf[19], 19);
}

#[test]
fn leaking_does_not_wait() {
    let (reader, mut writer) = pipe();
    let mut rest = reader.try_clone().unwrap();
    let request = Read::new(reader, vec![0; 1])
        .submit()
        .unwrap()
        .on_drop(OnDrop::Leak);
    // Nobody has written, so this would not come back if it waited.
    drop(request);
    // The leaked read takes one byte where it cannot be cancelled.
    writer.write_all(b"xy").unwrap();
    drop(writer);
    let mut left = Vec::new();
    rest.read_to_end(&mut left).unwrap();
    if cfg!(target_env = "gnu") {
        assert!(!left.is_empty());
    } else {
        assert_eq!(left, b"xy");
    }
}

#[test]
fn a_refused_operation_comes_back_whole() {
    let operation = Read::new(file(1), vec![1, 2])
        .at(u64::MAX)
        .notify(Notification::signal(RtSignal::new(3).unwrap(), 9));
    let refused = operation.submit().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the operation did not start: the offset does not fit 63 bits"
    );
    let signal = RtSignal::new(3).unwrap().as_raw();
    let shown = format!("{:?}", refused.operation);
    assert!(
        shown.contains(&format!("Signal(RtSignal({signal}), 0x9)")),
        "{shown}"
    );
    let done = refused
        .operation
        .at(0)
        .notify(Notification::none())
        .submit()
        .unwrap()
        .wait();
    assert_eq!(done.result, Ok(1));
}

#[test]
fn the_types_cross_threads_as_their_parts_do() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Request<posix::kind::Read, Arc<File>, Vec<u8>>>();
    send_and_sync::<posix::Error>();
    let request = Read::new(file(5), vec![0; 5]).submit().unwrap();
    let done = std::thread::spawn(move || request.wait()).join().unwrap();
    assert_eq!(done.result, Ok(5));
}
