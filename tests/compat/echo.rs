// An echo server and its clients on one ring: multishot accept and receive, provided buffers of both kinds, linked
// timeouts, polls, cancelling by user data and by descriptor.

use ring::squeue::Flags;
use ring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, TimeoutFlags, Timespec};
use ring::{CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode, squeue, types};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

const ACCEPT: u64 = 1 << 32;
const RECEIVE: u64 = 2 << 32;
const SEND: u64 = 3 << 32;
const CLIENT: u64 = 4 << 32;
const OTHER: u64 = 5 << 32;
const KIND: u64 = !0 << 32;

const BUFFERS: u16 = 8;
const SIZE: usize = 256;
const GROUP: u16 = 7;

struct Loop<'a> {
    submitter: Submitter<'a>,
    sq: SubmissionQueue<'a>,
    cq: CompletionQueue<'a>,
    waiting: Vec<cqueue::Entry>,
}

impl Loop<'_> {
    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: what the entries of this program name lives until the loop ends, which waits for all of them.
            if unsafe { self.sq.push(entry) }.is_ok() {
                return Ok(());
            }
            self.sq.sync();
            self.submitter.submit()?;
            self.sq.sync();
        }
    }

    // The next completion of which `want` holds. Others are kept.
    fn next(&mut self, want: impl Fn(&cqueue::Entry) -> bool) -> io::Result<cqueue::Entry> {
        let minute = Timespec::new().sec(60);
        loop {
            if let Some(at) = self.waiting.iter().position(&want) {
                return Ok(self.waiting.remove(at));
            }
            self.sq.sync();
            let args = SubmitArgs::new().timespec(&minute);
            match self.submitter.submit_with_args(1, &args) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) => return Err(error),
            }
            self.cq.sync();
            self.waiting.extend(&mut self.cq);
            self.cq.sync();
        }
    }

    fn result(&mut self, user_data: u64) -> io::Result<i32> {
        Ok(self.next(|done| done.user_data() == user_data)?.result())
    }

    // Runs one entry, and gives its result.
    fn one(&mut self, entry: squeue::Entry) -> io::Result<i32> {
        self.push(&entry.user_data(OTHER))?;
        self.result(OTHER)
    }
}

// Provided buffers: by an operation for each lot, or by a ring of them in shared memory.
trait Pool {
    fn give(&mut self, on: &mut Loop<'_>, id: u16) -> io::Result<()>;
    fn memory(&self) -> &[u8];
}

struct Classic(Vec<u8>);

impl Pool for Classic {
    fn give(&mut self, on: &mut Loop<'_>, id: u16) -> io::Result<()> {
        let at = self.0[usize::from(id) * SIZE..].as_mut_ptr();
        let provide = opcode::ProvideBuffers::new(at, SIZE as _, 1, GROUP, id).build();
        on.push(&provide.flags(Flags::SKIP_SUCCESS))
    }

    fn memory(&self) -> &[u8] {
        &self.0
    }
}

#[repr(C, align(4096))]
struct Page([u8; 4096]);

struct Shared {
    entries: Box<Page>,
    memory: Vec<u8>,
    tail: u16,
}

impl Pool for Shared {
    fn give(&mut self, _: &mut Loop<'_>, id: u16) -> io::Result<()> {
        let base = (&raw mut self.entries.0).cast::<BufRingEntry>();
        // SAFETY: the page has room for the entries; the kernel reads them up to the tail alone, which is stored last.
        unsafe {
            let entry = &mut *base.add(usize::from(self.tail % BUFFERS));
            entry.set_addr(self.memory[usize::from(id) * SIZE..].as_mut_ptr() as u64);
            entry.set_len(SIZE as u32);
            entry.set_bid(id);
            assert_eq!((entry.len(), entry.bid()), (SIZE as u32, id));
            self.tail = self.tail.wrapping_add(1);
            let tail = BufRingEntry::tail(base).cast::<std::sync::atomic::AtomicU16>();
            (*tail).store(self.tail, std::sync::atomic::Ordering::Release);
        }
        Ok(())
    }

    fn memory(&self) -> &[u8] {
        &self.memory
    }
}

// Clients connect and talk in turn; the server takes whatever comes.
fn serve(on: &mut Loop<'_>, pool: &mut dyn Pool, clients: usize) -> io::Result<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let listening = Fd(listener.as_raw_fd());
    for id in 0..BUFFERS {
        pool.give(on, id)?;
    }
    on.push(
        &opcode::AcceptMulti::new(listening)
            .build()
            .user_data(ACCEPT),
    )?;

    let port = listener.local_addr()?.port();
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as _,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_be_bytes([127, 0, 0, 1]).to_be(),
        },
        sin_zero: [0; 8],
    };
    let mut told = Vec::new();
    let mut echoed = BTreeMap::new();
    for client in 0..clients {
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        let socket = Fd(on.one(opcode::Socket::new(libc::AF_INET, kind, 0).build())? as RawFd);
        let connect = opcode::Connect::new(
            socket,
            (&raw const address).cast(),
            size_of_val(&address) as _,
        );
        assert_eq!(on.one(connect.build())?, 0);
        let accepted = on.next(|done| done.user_data() == ACCEPT)?;
        assert!(accepted.result() >= 0 && cqueue::more(accepted.flags()));
        let peer = accepted.result();
        on.push(
            &opcode::RecvMulti::new(Fd(peer), GROUP)
                .build()
                .user_data(RECEIVE | peer as u64),
        )?;

        for turn in 0..5 {
            let said: Vec<u8> = (0..turn * 50 + 1).map(|at| (at + client) as u8).collect();
            let mut heard = vec![0u8; said.len()];
            let say = opcode::Send::new(socket, said.as_ptr(), said.len() as _)
                .flags(libc::MSG_NOSIGNAL as _)
                .build()
                .flags(Flags::IO_LINK)
                .user_data(CLIENT);
            let hear = opcode::Recv::new(socket, heard.as_mut_ptr(), heard.len() as _)
                .flags(libc::MSG_WAITALL)
                .build()
                .flags(Flags::IO_LINK)
                .user_data(CLIENT + 1);
            let limit = Timespec::from(Duration::from_secs(60));
            let give_up = opcode::LinkTimeout::new(&limit)
                .build()
                .user_data(CLIENT + 2);
            for entry in [say, hear, give_up] {
                on.push(&entry)?;
            }
            let mut left = said.len();
            while left > 0 {
                let got = on.next(|done| done.user_data() & KIND == RECEIVE)?;
                let id = cqueue::buffer_select(got.flags()).expect("a buffer was taken");
                assert!(got.result() > 0 && cqueue::more(got.flags()));
                let from = &pool.memory()[usize::from(id) * SIZE..][..got.result() as usize];
                let back = opcode::Send::new(Fd(peer), from.as_ptr(), from.len() as _);
                on.push(&back.build().user_data(SEND))?;
                left -= on.result(SEND)? as usize;
                pool.give(on, id)?;
            }
            assert_eq!(on.result(CLIENT)?, said.len() as i32);
            assert_eq!(on.result(CLIENT + 1)?, said.len() as i32);
            assert_eq!(on.result(CLIENT + 2)?, -libc::ECANCELED);
            assert_eq!(heard, said);
            *echoed.entry(client).or_insert(0) += heard.len();
        }

        assert_eq!(
            on.one(opcode::Shutdown::new(socket, libc::SHUT_WR).build())?,
            0
        );
        let last = on.next(|done| done.user_data() & KIND == RECEIVE)?;
        told.push(format!(
            "the end: {} {}",
            last.result(),
            cqueue::more(last.flags())
        ));
        for fd in [socket, Fd(peer)] {
            assert_eq!(on.one(opcode::Close::new(fd).build())?, 0);
        }
    }
    told.push(format!("echoed: {echoed:?}"));
    told.push(format!(
        "cancel: {}",
        on.one(opcode::AsyncCancel::new(ACCEPT).build())?
    ));
    told.push(format!("accept: {}", on.result(ACCEPT)?));
    Ok(told)
}

fn timeouts(on: &mut Loop<'_>) -> io::Result<Vec<String>> {
    let mut told = Vec::new();
    let (soon, never) = (Timespec::new().nsec(1), Timespec::new().sec(3600));
    told.push(format!(
        "soon: {}",
        on.one(opcode::Timeout::new(&soon).build())?
    ));
    let succeed =
        opcode::Timeout::new(&soon).flags(TimeoutFlags::ETIME_SUCCESS | TimeoutFlags::ABS);
    told.push(format!("success: {}", on.one(succeed.build())?));
    let counted = opcode::Timeout::new(&never).count(1).build().user_data(10);
    on.push(&counted)?;
    on.push(&opcode::Nop::new().build().user_data(11))?;
    told.push(format!("counted: {} {}", on.result(10)?, on.result(11)?));
    on.push(&opcode::Timeout::new(&never).build().user_data(12))?;
    told.push(format!(
        "update: {}",
        on.one(opcode::TimeoutUpdate::new(12, &never).build())?
    ));
    told.push(format!(
        "remove: {} {}",
        on.one(opcode::TimeoutRemove::new(12).build())?,
        on.result(12)?
    ));
    let ticks = opcode::Timeout::new(&soon)
        .flags(TimeoutFlags::MULTISHOT)
        .count(2)
        .build();
    on.push(&ticks.user_data(13))?;
    for _ in 0..2 {
        let tick = on.next(|done| done.user_data() == 13)?;
        told.push(format!(
            "tick: {} {}",
            tick.result(),
            cqueue::more(tick.flags())
        ));
    }
    // The wait itself times out.
    on.sq.sync();
    let args = SubmitArgs::new().timespec(&soon);
    let error = on.submitter.submit_with_args(1, &args).unwrap_err();
    told.push(format!("waiting: {:?}", error.raw_os_error()));
    Ok(told)
}

fn polls(on: &mut Loop<'_>) -> io::Result<Vec<String>> {
    let mut told = Vec::new();
    let (a, b) = std::os::unix::net::UnixStream::pair()?;
    let (reads, writes) = (Fd(a.as_raw_fd()), Fd(b.as_raw_fd()));
    let watch = opcode::PollAdd::new(reads, libc::POLLIN as _)
        .multi(true)
        .build();
    on.push(&watch.user_data(20))?;
    assert_eq!(
        on.one(opcode::Write::new(writes, b"x".as_ptr(), 1).build())?,
        1
    );
    let seen = on.next(|done| done.user_data() == 20)?;
    told.push(format!(
        "poll: {} {}",
        seen.result() & i32::from(libc::POLLIN),
        cqueue::more(seen.flags())
    ));
    told.push(format!(
        "removed: {} {}",
        on.one(opcode::PollRemove::new(20).build())?,
        on.result(20)?
    ));

    let mut byte = 0u8;
    assert_eq!(on.one(opcode::Read::new(reads, &mut byte, 1).build())?, 1);
    assert_eq!(byte, b'x');
    for user_data in [30, 31] {
        on.push(
            &opcode::Recv::new(reads, &mut byte, 1)
                .build()
                .user_data(user_data),
        )?;
    }
    let cancel = opcode::AsyncCancel2::new(CancelBuilder::fd(reads).all());
    told.push(format!("by descriptor: {}", on.one(cancel.build())?));
    told.push(format!("both: {} {}", on.result(30)?, on.result(31)?));
    let missed = opcode::AsyncCancel2::new(CancelBuilder::user_data(99));
    told.push(format!("none: {}", on.one(missed.build())?));

    on.push(&opcode::Recv::new(reads, &mut byte, 1).build().user_data(32))?;
    on.sq.sync();
    on.submitter.submit()?;
    on.submitter
        .register_sync_cancel(Some(Timespec::new().sec(60)), CancelBuilder::user_data(32))?;
    told.push(format!("synchronously: {}", on.result(32)?));
    Ok(told)
}

fn with_loop<T>(
    ring: &mut IoUring,
    body: impl FnOnce(&mut Loop<'_>) -> io::Result<T>,
) -> io::Result<T> {
    let (submitter, sq, cq) = ring.split();
    let mut on = Loop {
        submitter,
        sq,
        cq,
        waiting: Vec::new(),
    };
    let answer = body(&mut on)?;
    assert!(on.waiting.is_empty(), "{:?}", on.waiting);
    Ok(answer)
}

pub(crate) fn run() -> io::Result<Vec<String>> {
    let mut told = Vec::new();
    let mut pool = Classic(vec![0; SIZE * usize::from(BUFFERS)]);
    let mut ring = IoUring::new(16)?;
    told.extend(with_loop(&mut ring, |on| serve(on, &mut pool, 3))?);
    let gone = opcode::RemoveBuffers::new(BUFFERS, GROUP).build();
    told.push(format!(
        "taken back: {}",
        with_loop(&mut ring, |on| on.one(gone))?
    ));
    drop(ring);

    let memory = vec![0; SIZE * usize::from(BUFFERS)];
    let mut pool = Shared {
        entries: Box::new(Page([0; 4096])),
        memory,
        tail: 0,
    };
    let mut ring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .build(16)?;
    // SAFETY: the page lives until the group is unregistered.
    unsafe {
        let address = (&raw const pool.entries.0) as u64;
        ring.submitter()
            .register_buf_ring_with_flags(address, BUFFERS, GROUP, 0)?;
    }
    told.extend(with_loop(&mut ring, |on| serve(on, &mut pool, 2))?);
    ring.submitter().unregister_buf_ring(GROUP)?;
    told.extend(with_loop(&mut ring, timeouts)?);
    told.extend(with_loop(&mut ring, polls)?);
    let _: types::Fd = Fd(ring.as_raw_fd());
    Ok(told)
}
