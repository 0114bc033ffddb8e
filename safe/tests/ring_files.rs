//! Operations on open files, against the kernel.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
    pub(crate) mod run;
}

use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use safe::uring::op::{self, FileAdvice, MemoryAdvice};
use safe::uring::raw::types::{FallocateFlags, OpenFlags, RwFlags, SpliceFlags, SyncRangeFlags};
use support::older::here;
use support::run::{file, pattern, ring, run};

#[test]
fn a_file_is_read_and_written_at_an_offset_at_its_position_and_at_its_end() {
    let mut ring = ring();
    let mut file = file(b"0123456789");
    let done = run(
        &mut ring,
        op::Write::new(file_clone(&file), &b"ab"[..]).at(4),
    );
    assert_eq!(done.result, Ok(2));
    let done = run(
        &mut ring,
        op::Write::new(file_clone(&file), &b"END"[..]).append(),
    );
    assert_eq!(done.result, Ok(3));
    file.seek(SeekFrom::Start(2)).expect("a position");
    let done = run(
        &mut ring,
        op::Read::new(file_clone(&file), Vec::with_capacity(4)),
    );
    assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"23ab"[..]));
    assert_eq!(file.stream_position().expect("a position"), 6);
    let done = run(
        &mut ring,
        op::Read::new(file_clone(&file), Vec::with_capacity(9)).at(8),
    );
    assert_eq!((done.result, &done.buf[..]), (Ok(5), &b"89END"[..]));
    let done = run(
        &mut ring,
        op::Read::new(file_clone(&file), Vec::with_capacity(9)).at(13),
    );
    assert_eq!(done.result, Ok(0));
}

fn file_clone(file: &File) -> File {
    file.try_clone().expect("a second descriptor")
}

#[test]
fn what_cannot_be_read_says_why() {
    let mut ring = ring();
    let named = tempfile::NamedTempFile::new().expect("a file");
    let file = Rc::new(File::create(named.path()).expect("a file"));
    let done = run(&mut ring, op::Read::new(Rc::clone(&file), vec![7; 4]).at(0));
    let error = done.result.expect_err("it is open for writing alone");
    assert_eq!(error.raw_os_error(), libc::EBADF);
    assert_eq!(error.operation(), "READ");
    assert_eq!(done.buf, [7; 4]);
    let done = run(
        &mut ring,
        op::Write::new(file, &b"x"[..])
            .at(0)
            .flags(RwFlags::from_bits_retain(1 << 30)),
    );
    let errno = done
        .result
        .expect_err("there is no such flag")
        .raw_os_error();
    assert_eq!(errno, libc::EOPNOTSUPP);
}

#[test]
fn several_buffers_are_written_and_read_in_order() {
    let mut ring = ring();
    let file = file(b"");
    let parts: [&'static [u8]; 3] = [b"one", b"", b"three"];
    let done = run(&mut ring, op::WriteVectored::new(file, parts).at(0));
    assert_eq!(done.result, Ok(8));
    let parts = [
        Vec::with_capacity(2),
        vec![b'.'; 2],
        Vec::with_capacity(100),
    ];
    let done = run(&mut ring, op::ReadVectored::new(done.file, parts).at(0));
    assert_eq!(done.result, Ok(8));
    assert_eq!(done.buf, [&b"on"[..], b"et", b"hree"]);
    // Fewer bytes than there is room for: what was not filled stays as it was.
    let parts = vec![vec![b'-'; 2], vec![b'-'; 3]].into_boxed_slice();
    let done = run(&mut ring, op::ReadVectored::new(done.file, parts).at(5));
    assert_eq!(done.result, Ok(3));
    assert_eq!(*done.buf, [&b"re"[..], b"e--"]);
    let done = run(
        &mut ring,
        op::WriteVectored::new(done.file, [&b"!"[..]]).append(),
    );
    assert_eq!(done.result, Ok(1));
    let none: [Vec<u8>; 0] = [];
    let done = run(&mut ring, op::ReadVectored::new(done.file, none).at(0));
    assert_eq!(done.result, Ok(0));
}

#[test]
fn more_buffers_than_fit_the_operation_are_listed_elsewhere() {
    let mut ring = ring();
    let data = pattern(100 * 7);
    let parts: Vec<Vec<u8>> = data.chunks(7).map(<[u8]>::to_vec).collect();
    let done = run(&mut ring, op::WriteVectored::new(file(b""), parts).at(0));
    assert_eq!(done.result, Ok(700));
    let parts: Vec<Vec<u8>> = (0..1024).map(|_| Vec::with_capacity(1)).collect();
    let done = run(&mut ring, op::ReadVectored::new(done.file, parts).at(0));
    assert_eq!(done.result, Ok(700));
    assert_eq!(done.buf.concat(), data);
    // As an array, the operation itself does not fit the table's slots.
    let parts: [Vec<u8>; 20] = std::array::from_fn(|_| Vec::with_capacity(35));
    let done = run(&mut ring, op::ReadVectored::new(done.file, parts).at(0));
    assert_eq!(done.buf.concat(), data);
    let parts: Vec<Vec<u8>> = (0..1025).map(|_| Vec::with_capacity(1)).collect();
    let done = run(&mut ring, op::ReadVectored::new(done.file, parts).at(0));
    assert_eq!(
        done.result.expect_err("too many").raw_os_error(),
        libc::EINVAL
    );
}

#[test]
fn a_scope_lends_several_buffers() {
    let mut ring = ring();
    let file = file(b"headtail");
    let (mut head, mut tail) = ([0; 4], [0; 4]);
    ring.scope(|scope| {
        let parts = [&mut head[..], &mut tail[..]];
        let ticket = scope
            .push(op::ReadVectored::new(&file, parts).at(0))
            .expect("room");
        assert_eq!(scope.wait(ticket).expect("a result").result, Ok(8));
    });
    assert_eq!((&head, &tail), (b"head", b"tail"));
}

#[test]
fn a_vectored_read_that_nobody_waits_for_ends() {
    let mut ring = ring();
    let (here, mut there) = UnixStream::pair().expect("sockets");
    let parts = [vec![0; 8], vec![0; 8]];
    let ticket = ring.push(op::ReadVectored::new(here, parts)).expect("room");
    ring.submit().expect("submitted");
    drop(ticket);
    // The cancellation goes out with the next entry; the socket is closed when the operation is dropped.
    while !ring.is_empty() {
        run(&mut ring, op::Nop::new()).expect("nothing fails");
    }
    assert_eq!(there.read(&mut [0]).expect("the end"), 0);
}

#[test]
fn data_is_made_durable() {
    let mut ring = ring();
    let done = run(&mut ring, op::Fsync::new(file(b"data")));
    assert_eq!(done.result, Ok(()));
    let done = run(&mut ring, op::Fsync::data(done.file).range(0, 4));
    assert_eq!(done.result, Ok(()));
    let flags = SyncRangeFlags::WAIT_BEFORE | SyncRangeFlags::WRITE | SyncRangeFlags::WAIT_AFTER;
    let done = run(
        &mut ring,
        op::SyncFileRange::new(done.file, 0, 0).flags(flags),
    );
    assert_eq!(done.result, Ok(()));
    let (here, _there) = UnixStream::pair().expect("sockets");
    let done = run(&mut ring, op::Fsync::new(here));
    assert_eq!(
        done.result.expect_err("a socket").raw_os_error(),
        libc::EINVAL
    );
    let done = run(
        &mut ring,
        op::SyncFileRange::new(done.file, 0, 0).flags(SyncRangeFlags::WRITE),
    );
    assert_eq!(
        done.result.expect_err("a socket").raw_os_error(),
        libc::ESPIPE
    );
}

#[test]
fn a_file_grows_and_shrinks() {
    let mut ring = ring();
    let done = run(&mut ring, op::Fallocate::new(file(b"data"), 0, 10000));
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.file.metadata().expect("a status").len(), 10000);
    let keep = FallocateFlags::KEEP_SIZE;
    let done = run(
        &mut ring,
        op::Fallocate::new(done.file, 0, 20000).mode(keep),
    );
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.file.metadata().expect("a status").len(), 10000);
    let punch = keep | FallocateFlags::PUNCH_HOLE;
    let done = run(&mut ring, op::Fallocate::new(done.file, 1, 2).mode(punch));
    assert_eq!(done.result, Ok(()));
    let done = run(&mut ring, op::Ftruncate::new(done.file, 4));
    if here("FTRUNCATE", (6, 9), done.result).is_none() {
        return;
    }
    let read = run(
        &mut ring,
        op::Read::new(done.file, Vec::with_capacity(10)).at(0),
    );
    assert_eq!(read.buf, b"d\0\0a");
    let done = run(&mut ring, op::Fallocate::new(read.file, 0, 0));
    assert_eq!(
        done.result.expect_err("no length").raw_os_error(),
        libc::EINVAL
    );
    let done = run(&mut ring, op::Ftruncate::new(done.file, u64::MAX));
    assert_eq!(
        done.result.expect_err("too long").raw_os_error(),
        libc::EINVAL
    );
}

#[test]
fn advice_is_taken_and_changes_no_byte() {
    let mut ring = ring();
    let mut file = file(&pattern(20000));
    for advice in [
        FileAdvice::Normal,
        FileAdvice::Random,
        FileAdvice::Sequential,
        FileAdvice::WillNeed,
        FileAdvice::NoReuse,
        FileAdvice::DontNeed,
    ] {
        let done = run(&mut ring, op::Fadvise::new(file, advice).range(0, 4096));
        assert_eq!(done.result, Ok(()), "{advice:?}");
        file = done.file;
    }
    let done = run(
        &mut ring,
        op::Fadvise::new(file, FileAdvice::DontNeed).range(0, u64::MAX),
    );
    assert_eq!(done.result, Ok(()));
    let place = File::options()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open("/proc/self/exe")
        .expect("opened");
    let done = run(&mut ring, op::Fadvise::new(place, FileAdvice::Normal));
    let errno = done.result.expect_err("nothing to read").raw_os_error();
    assert_eq!(errno, libc::EBADF);

    let data = pattern(5 << 20);
    let mut buf = data.clone();
    for advice in [
        MemoryAdvice::Normal,
        MemoryAdvice::Random,
        MemoryAdvice::Sequential,
        MemoryAdvice::WillNeed,
        MemoryAdvice::Cold,
        MemoryAdvice::PageOut,
        MemoryAdvice::PopulateRead,
        MemoryAdvice::PopulateWrite,
    ] {
        let done = run(&mut ring, op::Madvise::new(buf, advice));
        assert_eq!(done.result, Ok(()), "{advice:?}");
        buf = done.buf;
        assert!(buf == data, "{advice:?}");
    }
    // Not one page lies wholly in it.
    let done = run(
        &mut ring,
        op::Madvise::new(vec![1; 100], MemoryAdvice::PageOut),
    );
    assert_eq!((done.result, done.buf), (Ok(()), vec![1; 100]));
}

#[test]
fn data_moves_through_pipes_without_the_program() {
    let mut ring = ring();
    let data = pattern(3000);
    let Some(ends) = here("PIPE", (6, 16), run(&mut ring, op::Pipe::new())) else {
        return;
    };
    let (reader, writer) = (Rc::new(ends.reader), Rc::new(ends.writer));
    let copy = run(&mut ring, op::Pipe::new().flags(OpenFlags::NONBLOCK)).expect("a pipe");
    let source = file(&data);
    let done = run(
        &mut ring,
        op::Splice::new(source, Rc::clone(&writer), 2000).from_at(1000),
    );
    assert_eq!(done.result, Ok(2000));
    drop(done.to);
    let done = run(
        &mut ring,
        op::Tee::new(Rc::clone(&reader), copy.writer, 500),
    );
    assert_eq!(done.result, Ok(500));
    drop(done.to);
    let target = Rc::new(file(b""));
    let done = run(
        &mut ring,
        op::Splice::new(Rc::clone(&reader), Rc::clone(&target), 9999).to_at(10),
    );
    assert_eq!(done.result, Ok(2000));
    let done = run(
        &mut ring,
        op::Splice::new(copy.reader, Rc::clone(&target), 9999).to_at(0),
    );
    assert_eq!(done.result, Ok(500));
    let read = run(
        &mut ring,
        op::Read::new(target, Vec::with_capacity(4096)).at(0),
    );
    assert_eq!(read.result, Ok(2010));
    assert_eq!(read.buf[..500], data[1000..1500]);
    assert_eq!(read.buf[500..], data[1490..]);
    // The pipe's end, and no pipe at all.
    drop(writer);
    let done = run(
        &mut ring,
        op::Splice::new(reader, Rc::clone(&read.file), 10),
    );
    assert_eq!(done.result, Ok(0));
    let done = run(
        &mut ring,
        op::Splice::new(Rc::clone(&read.file), read.file, 10),
    );
    assert_eq!(
        done.result.expect_err("no pipe").raw_os_error(),
        libc::EINVAL
    );
    let empty = run(&mut ring, op::Pipe::new()).expect("a pipe");
    let done = run(
        &mut ring,
        op::Tee::new(empty.reader, done.from, 1).flags(SpliceFlags::NONBLOCK),
    );
    assert_eq!(
        done.result.expect_err("no pipe").raw_os_error(),
        libc::EINVAL
    );
}
