//! Fixed files, against the kernel.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod closed;
    pub(crate) mod older;
    pub(crate) mod random;
    pub(crate) mod run;
}

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use safe::uring::op::{self, Error};
use safe::uring::raw::types::OpenFlags;
use safe::uring::{FixedFd, Reason, Ring};
use support::closed::{ends, has_ended};
use support::older::here;
use support::random::Random;
use support::run::{file, pattern, ring, run};

#[track_caller]
fn errno<T>(result: Result<T, Error>) -> i32 {
    result.err().expect("an error").raw_os_error()
}

/// A pair of which one is fixed, and open nowhere else: the end of the other tells that the slot is empty.
fn fixed_pair(ring: &mut Ring) -> (UnixStream, FixedFd) {
    let (reader, writer) = UnixStream::pair().expect("sockets");
    let fixed = ring.register_file(writer).expect("a free slot");
    (reader, fixed)
}

#[test]
fn a_fixed_file_is_read_and_written() {
    let mut ring = ring();
    let files = ring.register_files(4, 0).expect("a table");
    let data = pattern(5000);
    let fixed = ring.register_file(file(&data)).expect("a free slot");
    assert_eq!((files.own(), files.automatic(), files.free()), (4, 0, 3));
    let done = run(
        &mut ring,
        op::Read::new(fixed.clone(), Vec::with_capacity(5000)).at(0),
    );
    assert_eq!((done.result, done.buf), (Ok(5000), data));
    let done = run(
        &mut ring,
        op::WriteVectored::new(fixed.clone(), [&b"12"[..], b"34"]).at(1),
    );
    assert_eq!(done.result, Ok(4));
    let done = run(&mut ring, op::Fsync::new(done.file));
    assert_eq!(done.result, Ok(()));
    let mut buf = [0; 4];
    ring.scope(|scope| {
        let ticket = scope
            .push(op::Read::new(&fixed, &mut buf[..]).at(1))
            .expect("room");
        assert_eq!(scope.wait(ticket).expect("a result").result, Ok(4));
    });
    assert_eq!(&buf, b"1234");
    // To a plain file and back, by way of a pipe.
    let plain = run(&mut ring, op::InstallFixed::new(fixed.clone()));
    let Some(plain) = here("FIXED_FD_INSTALL", (6, 8), plain) else {
        return;
    };
    assert_eq!(File::from(plain).metadata().expect("a status").len(), 5000);
    let Some(ends) = here("PIPE", (6, 16), run(&mut ring, op::Pipe::new())) else {
        return;
    };
    let pipes = (
        ring.register_file(ends.reader),
        ring.register_file(ends.writer),
    );
    let (reader, writer) = (pipes.0.expect("a slot"), pipes.1.expect("a slot"));
    let done = run(&mut ring, op::Splice::new(fixed, writer, 4).from_at(1));
    assert_eq!(done.result, Ok(4));
    let done = run(&mut ring, op::Read::new(reader, Vec::with_capacity(9)));
    assert_eq!(done.buf, b"1234");
}

#[test]
fn a_slot_is_freed_with_its_last_handle() {
    let mut ring = ring();
    let files = ring.register_files(2, 0).expect("a table");
    let (reader, fixed) = fixed_pair(&mut ring);
    let second = fixed.clone();
    drop(fixed);
    ring.submit().expect("submitted");
    assert!(!has_ended(&reader));
    drop(second);
    assert_eq!(files.free(), 1);
    ring.submit().expect("submitted");
    assert!(ends(&reader));
    assert_eq!(files.free(), 2);
    // Slots are used again and again, and emptied when there is need.
    for _ in 0..1000 {
        let (reader, one) = fixed_pair(&mut ring);
        let (_, two) = fixed_pair(&mut ring);
        assert_ne!(one.slot(), two.slot());
        let full = ring.reserve_file().expect_err("no slot");
        assert_eq!(full.raw_os_error(), Some(libc::ENFILE));
        assert!(!has_ended(&reader));
    }
}

#[test]
fn many_slots_are_emptied_at_once() {
    let mut ring = ring();
    let files = ring.register_files(300, 0).expect("a table");
    let mut all: Vec<_> = (0..300).map(|_| fixed_pair(&mut ring)).collect();
    // Every third stays.
    let mut kept = Vec::new();
    let mut readers = Vec::new();
    for (at, (reader, fixed)) in all.drain(..).enumerate() {
        if at % 3 == 0 {
            kept.push((reader, fixed));
        } else {
            readers.push(reader);
        }
    }
    ring.submit().expect("submitted");
    assert_eq!(files.free(), 200);
    assert!(readers.iter().all(ends));
    for (mut reader, fixed) in kept {
        assert_eq!(
            run(&mut ring, op::Write::new(fixed, &b"x"[..])).result,
            Ok(1)
        );
        assert_eq!(reader.read(&mut [0; 2]).expect("read"), 1);
    }
}

#[test]
fn a_slot_in_use_by_an_operation_is_not_emptied() {
    let mut ring = ring();
    let files = ring.register_files(1, 0).expect("a table");
    let (reader, mut writer) = UnixStream::pair().expect("sockets");
    let fixed = ring.register_file(reader).expect("a slot");
    // Queued, then in flight, and the operation has the only handle.
    let ticket = ring
        .push(op::Read::new(fixed, Vec::with_capacity(9)))
        .expect("room");
    assert_eq!(files.free(), 0);
    ring.submit().expect("submitted");
    ring.submit().expect("submitted");
    assert_eq!(files.free(), 0);
    writer.write_all(b"late").expect("written");
    let done = ring.wait(ticket).expect("a result");
    assert_eq!(done.buf, b"late");
    drop(done.file);
    ring.submit().expect("submitted");
    assert_eq!(files.free(), 1);
    assert!(ends(&writer));
}

#[test]
fn a_dropped_ticket_gives_the_slot_back() {
    let mut ring = ring();
    let files = ring.register_files(1, 0).expect("a table");
    for _ in 0..100 {
        let (reader, writer) = UnixStream::pair().expect("sockets");
        let fixed = ring.register_file(reader).expect("a slot");
        let ticket = ring.push(op::Read::new(fixed, vec![0; 9])).expect("room");
        ring.submit().expect("submitted");
        drop(ticket);
        while files.free() == 0 {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
        drop(writer);
    }
}

#[test]
fn a_reserved_slot_is_empty_until_something_is_opened_into_it() {
    let mut ring = ring();
    let files = ring.register_files(2, 0).expect("a table");
    let slot = ring.reserve_file().expect("a slot");
    let done = run(&mut ring, op::Read::new(slot.clone(), vec![0]).at(0));
    assert_eq!(errno(done.result), libc::EBADF);
    let failed = run(&mut ring, op::Open::new(c"/none").direct(slot));
    assert_eq!(errno(failed), libc::ENOENT);
    drop(done.file);
    ring.submit().expect("submitted");
    assert_eq!(files.free(), 2);

    let slot = files.reserve().expect("a slot");
    let open = op::Open::new(c"/proc/self/exe").direct(slot.clone());
    let opened = run(&mut ring, open).expect("opened");
    assert_eq!(opened.slot(), slot.slot());
    let done = run(&mut ring, op::Read::new(slot, Vec::with_capacity(4)).at(0));
    assert_eq!(done.buf, b"\x7fELF");
    // Closed, the slot is ours still, and something else comes into it.
    let close = op::CloseFixed::new(opened).expect("a slot of our own");
    let closed = run(&mut ring, close);
    assert_eq!(closed.result, Ok(()));
    let done = run(&mut ring, op::Read::new(done.file, vec![0]).at(0));
    assert_eq!(errno(done.result), libc::EBADF);
    let dir = File::open("/proc/self").expect("a directory");
    let open = op::Open2::new(c"comm").at(dir).flags(OpenFlags::NONBLOCK);
    let opened = run(&mut ring, open.direct(closed.file)).expect("opened");
    let done = run(
        &mut ring,
        op::Read::new(opened, Vec::with_capacity(99)).at(0),
    );
    assert_eq!(
        done.result,
        Ok(std::fs::read("/proc/self/comm").expect("read").len())
    );
}

#[test]
fn the_kernel_chooses_automatic_slots() {
    let mut ring = ring();
    let files = ring.register_files(2, 2).expect("a table");
    let open = || op::Open::new(c"/proc/self/exe").direct(&files);
    let first = run(&mut ring, open()).expect("opened");
    let second = run(&mut ring, open()).expect("opened");
    assert!(first.is_automatic() && first.slot() < 2 && first.slot() != second.slot());
    assert_eq!(errno(run(&mut ring, open())), libc::ENFILE);
    let done = run(
        &mut ring,
        op::Read::new(second, Vec::with_capacity(4)).at(0),
    );
    assert_eq!(done.buf, b"\x7fELF");
    let first = op::CloseFixed::new(first).expect_err("the kernel would use it again");
    let rejected = ring
        .push(op::RegisterFile::new(file(b""), first.clone()))
        .expect_err("it is the kernel's choice what goes there");
    assert_eq!(rejected.reason(), Reason::Foreign);
    drop((first, done.file, rejected));
    // Nobody takes what comes: it is closed, and both slots are free.
    for _ in 0..50 {
        let ticket = ring.push(open()).expect("room");
        ring.submit().expect("submitted");
        drop(ticket);
        while !ring.is_empty() {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
    }
    let first = run(&mut ring, open()).expect("opened");
    let second = run(&mut ring, open()).expect("opened");
    drop((first, second));
    // Our own were left alone.
    assert_eq!(files.free(), 2);

    // A table without automatic slots has none to choose.
    let mut ring = self::ring();
    let files = ring.register_files(2, 0).expect("a table");
    let open = op::Open::new(c"/proc/self/exe").direct(&files);
    assert_eq!(errno(run(&mut ring, open)), libc::ENFILE);
}

#[test]
fn a_pipe_is_made_of_fixed_files() {
    let mut ring = ring();
    let files = ring.register_files(0, 2).expect("a table");
    for round in 0..10 {
        let ends = run(&mut ring, op::Pipe::new().direct(&files));
        let Some(ends) = here("PIPE", (6, 16), ends) else {
            return;
        };
        assert_eq!(
            errno(run(&mut ring, op::Pipe::new().direct(&files))),
            libc::ENFILE
        );
        let done = run(&mut ring, op::Write::new(ends.writer, vec![round; 3]));
        assert_eq!(done.result, Ok(3));
        let done = run(&mut ring, op::Read::new(ends.reader, Vec::with_capacity(9)));
        assert_eq!(done.buf, [round; 3]);
        drop(done.file);
        ring.submit().expect("submitted");
        // Nobody takes it.
        let ticket = ring.push(op::Pipe::new().direct(&files)).expect("room");
        ring.submit().expect("submitted");
        drop(ticket);
        while !ring.is_empty() {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
        ring.submit().expect("submitted");
    }
}

#[test]
fn descriptors_are_registered_by_operations() {
    let mut ring = ring();
    let files = ring.register_files(1, 1).expect("a table");
    let slot = files.reserve().expect("a slot");
    let done = run(&mut ring, op::RegisterFile::new(file(b"own"), slot));
    let own = done.result.expect("registered");
    let done = run(&mut ring, op::RegisterFile::new(file(b"auto"), &files));
    let automatic = done.result.expect("registered");
    assert!(automatic.is_automatic() && !own.is_automatic());
    let read = |file| op::Read::new(file, Vec::with_capacity(9)).at(0);
    assert_eq!(run(&mut ring, read(own)).buf, b"own");
    assert_eq!(run(&mut ring, read(automatic.clone())).buf, b"auto");
    let done = run(&mut ring, op::RegisterFile::new(file(b""), &files));
    assert_eq!(errno(done.result), libc::ENFILE);
    // A ring cannot be registered.
    let slot = ring.reserve_file().expect("a slot");
    let done = run(
        &mut ring,
        op::RegisterFile::new(Ring::new(1).expect("a ring"), slot),
    );
    assert_eq!(errno(done.result), libc::EBADF);
}

#[test]
fn another_rings_fixed_files_are_refused() {
    let (mut ring, mut other) = (ring(), ring());
    let files = ring.register_files(2, 1).expect("a table");
    other.register_files(2, 1).expect("a table");
    let fixed = ring.register_file(file(b"data")).expect("a slot");
    let rejected = other
        .push(op::Read::new(fixed.clone(), vec![0]))
        .expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
    let rejected = other
        .push_tagged(op::Fsync::new(fixed.clone()), 1)
        .expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
    other.scope(|scope| {
        let rejected = scope
            .push(op::Read::new(&fixed, vec![0]))
            .expect_err("foreign");
        assert_eq!(rejected.reason(), Reason::Foreign);
    });
    let refused = [
        other
            .push(op::Open::new(c"/").direct(fixed.clone()))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::Open::new(c"/").direct(&files))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::Pipe::new().direct(&files))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::InstallFixed::new(fixed.clone()))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::Tee::new(file(b""), fixed.clone(), 1))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::Splice::new(fixed.clone(), file(b""), 1))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::RegisterFile::new(file(b""), fixed.clone()))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::ReadVectored::new(fixed.clone(), [vec![0]]))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::Ftruncate::new(fixed.clone(), 0))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::FGetXattr::new(fixed.clone(), c"user.x", vec![0]))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(op::CloseFixed::new(fixed.clone()).expect("own"))
            .map(drop)
            .map_err(|r| r.reason()),
    ];
    for refused in refused {
        assert_eq!(refused, Err(Reason::Foreign));
    }
    let error: std::io::Error = rejected.into();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // Rings that come later are others too, wherever they lie in memory.
    drop(ring);
    for _ in 0..10 {
        let mut later = self::ring();
        later.register_files(2, 1).expect("a table");
        let rejected = later
            .push(op::Read::new(fixed.clone(), vec![0]))
            .expect_err("foreign");
        assert_eq!(rejected.reason(), Reason::Foreign);
    }
}

#[test]
fn handles_outlive_their_ring_and_files_do_not() {
    let mut ring = ring();
    let files = ring.register_files(2, 0).expect("a table");
    let (mut reader, fixed) = fixed_pair(&mut ring);
    let (_, forgotten) = fixed_pair(&mut ring);
    std::mem::forget(forgotten);
    drop(ring);
    assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
    let last = fixed.clone();
    drop(fixed);
    drop(files);
    drop(last);
}

#[test]
fn there_is_one_table_of_a_sensible_size() {
    let mut ring = ring();
    assert!(ring.files().is_none());
    let error = ring.reserve_file().expect_err("no table");
    assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
    let error = ring.register_files(0, 0).expect_err("none");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    let error = ring.register_files(u32::MAX, 1).expect_err("too many");
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    let error = ring.register_files(2_000_000, 0).expect_err("too many");
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    ring.register_files(1, 1).expect("a table");
    let error = ring.register_files(1, 1).expect_err("a second one");
    assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
    assert_eq!(ring.files().expect("a table").own(), 1);
}

#[test]
fn a_ring_with_a_polling_thread_has_fixed_files() {
    let mut ring = Ring::builder().sqpoll(100).build(8).expect("a ring");
    let files = ring.register_files(1, 0).expect("a table");
    for round in 0..30 {
        let (mut reader, writer) = UnixStream::pair().expect("sockets");
        let fixed = ring.register_file(writer).expect("a slot");
        assert_eq!(
            run(&mut ring, op::Write::new(fixed, vec![round])).result,
            Ok(1)
        );
        let mut bytes = Vec::new();
        ring.submit().expect("submitted");
        assert_eq!(files.free(), 1);
        reader.read_to_end(&mut bytes).expect("read");
        assert_eq!(bytes, [round]);
    }
}

/// Files are placed by the program, by the kernel and by another ring, replaced and dropped, in random order: each handle
/// is of the file that was put there, and no other one is of its slot. Also where the kernel has no automatic slot left,
/// whatever it does then.
#[test]
fn every_handle_is_of_its_own_file() {
    let mut random = Random(29);
    for (own, automatic) in [(0, 3), (3, 0), (1, 1), (2, 3), (5, 2)] {
        let (mut ring, mut other) = (ring(), ring());
        let files = ring.register_files(own, automatic).expect("a table");
        other.register_files(1, 0).expect("a table");
        let mailbox = ring.mailbox().expect("a mailbox");
        let mut held: Vec<(FixedFd, u32)> = Vec::new();
        for number in 0..2000u32 {
            let file = file(&number.to_ne_bytes());
            let which = random.below(held.len().max(1));
            match random.below(8) {
                0 => held.extend(ring.register_file(file).map(|new| (new, number))),
                1 | 2 => match run(&mut ring, op::RegisterFile::new(file, &files)).result {
                    Ok(new) => held.push((new, number)),
                    Err(error) => assert_eq!(error.raw_os_error(), libc::ENFILE),
                },
                3 => {
                    let from = other.register_file(file).expect("a slot");
                    let pass = op::PassFile::new(mailbox.clone(), from).number(number);
                    if run(&mut other, pass).result.is_ok() {
                        let came = ring.try_file().expect("asked");
                        held.push(came.expect("it is there"));
                    }
                    other.submit().expect("submitted");
                }
                4 => {
                    let place = op::RegisterFile::new(file, &files);
                    drop(ring.push(place).expect("room"));
                    ring.poll().expect("asked");
                }
                5 => drop(ring.submit().expect("submitted")),
                _ if which == held.len() => {}
                6 => drop(held.swap_remove(which)),
                _ if held[which].0.is_automatic() => {}
                _ => {
                    let replace = op::RegisterFile::new(file, held[which].0.clone());
                    run(&mut ring, replace).result.expect("replaced");
                    held[which].1 = number;
                }
            }
            for (handle, number) in &held {
                let read = op::Read::new(handle.clone(), Vec::with_capacity(9)).at(0);
                assert_eq!(run(&mut ring, read).buf, number.to_ne_bytes(), "{handle:?}");
            }
        }
        drop(held);
        while !ring.is_empty() {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
        ring.submit().expect("submitted");
        assert_eq!(files.free(), own as usize);
    }
}
