//! A proxy between two connections: read(2) and write(2), epoll, a write and a read that are submitted together.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::rc::Rc;

use anyhow::{Result, ensure};
use safe::aio::raw::{Context, Event, iocb};
use safe::uring::raw::{IoUring, opcode, squeue::Flags, types};

use crate::client::{Back, Client};
use crate::engines::{Class, Owner};
use crate::measure::{Contender, Entrant, Field};
use crate::op::answer;

/// The two connections, and who is at their other ends.
struct Wire {
    client: Client,
    files: Vec<OwnedFd>,
    /// The bytes of a round.
    bytes: usize,
}

/// A way to pass on what comes: writes the `full` bytes of one buffer and reads into the other one, and answers how
/// many came. Writes nothing if nothing is full, and reads nothing if nothing is to come.
trait Pass {
    fn pass(&mut self, wire: [RawFd; 2], full: &[u8], empty: &mut [u8]) -> Result<usize>;
}

struct Proxy {
    pass: Box<dyn Pass>,
    wire: Rc<RefCell<Wire>>,
    buffers: [Vec<u8>; 2],
}

impl Contender for Proxy {
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        self.wire.borrow_mut().client.start()
    }

    fn round(&mut self) -> Result<()> {
        let wire = self.wire.borrow();
        let files = [wire.files[0].as_raw_fd(), wire.files[1].as_raw_fd()];
        let [full, empty] = &mut self.buffers;
        let (mut left, mut filled) = (wire.bytes, 0);
        while left > 0 || filled > 0 {
            let room = empty.len().min(left);
            let came = self.pass.pass(files, &full[..filled], &mut empty[..room])?;
            ensure!(
                came <= room && (came > 0 || room == 0),
                "the other side is gone"
            );
            left -= came;
            filled = came;
            std::mem::swap(full, empty);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.wire.borrow_mut().client.finish()
    }
}

/// Fails unless all was written: the connection has room for a message.
fn written(result: i64, full: &[u8]) -> Result<()> {
    ensure!(result == full.len() as i64, "a write answered {result}");
    Ok(())
}

fn came(result: i64) -> Result<usize> {
    ensure!(result >= 0, "a read answered {result}");
    Ok(result as usize)
}

/// Two system calls.
struct Calls;

impl Pass for Calls {
    fn pass(&mut self, wire: [RawFd; 2], full: &[u8], empty: &mut [u8]) -> Result<usize> {
        if !full.is_empty() {
            // SAFETY: the buffer is live.
            let result = unsafe { libc::write(wire[1], full.as_ptr().cast(), full.len()) };
            written(answer(result).into(), full)?;
        }
        if empty.is_empty() {
            return Ok(0);
        }
        // SAFETY: the buffer is live.
        let result = unsafe { libc::read(wire[0], empty.as_mut_ptr().cast(), empty.len()) };
        came(answer(result).into())
    }
}

/// Both in one submission of native AIO, which carries them out before it returns.
struct Fused {
    context: Context,
    ring: bool,
}

impl Pass for Fused {
    fn pass(&mut self, wire: [RawFd; 2], full: &[u8], empty: &mut [u8]) -> Result<usize> {
        let write = iocb::Pwrite::new(wire[1], full.as_ptr(), full.len());
        let mut write = write.build().data(0);
        let read = iocb::Pread::new(wire[0], empty.as_mut_ptr(), empty.len());
        let mut read = read.build().data(1);
        let (mut list, mut count) = ([ptr::null_mut(); 2], 0);
        for (request, len) in [(&mut write, full.len()), (&mut read, empty.len())] {
            if len > 0 {
                list[count] = ptr::from_mut(request);
                count += 1;
            }
        }
        // SAFETY: the requests are live, and so are the buffers until both events have come, below.
        let taken = unsafe { self.context.submit(&list[..count]) }?;
        ensure!(taken == count, "not all was taken");
        let mut events: [MaybeUninit<Event>; 2] = [const { MaybeUninit::uninit() }; 2];
        let mut completions = self.context.completions();
        let events = if self.ring {
            completions.wait(count, &mut events[..count], None, None)?
        } else {
            completions.wait_in_kernel(count, &mut events[..count], None, None)?
        };
        let mut bytes = 0;
        for event in &*events {
            match event.data() {
                0 => written(event.res(), full)?,
                _ => bytes = came(event.res())?,
            }
        }
        Ok(bytes)
    }
}

/// A write and a read linked behind it, in one submission to a ring.
struct Linked(IoUring);

impl Pass for Linked {
    fn pass(&mut self, wire: [RawFd; 2], full: &[u8], empty: &mut [u8]) -> Result<usize> {
        let send = opcode::Send::new(types::Fd(wire[1]), full.as_ptr(), full.len() as u32);
        let link = if empty.is_empty() {
            Flags::empty()
        } else {
            Flags::IO_LINK
        };
        let send = send.build().flags(link).user_data(0);
        let recv = opcode::Recv::new(types::Fd(wire[0]), empty.as_mut_ptr(), empty.len() as u32);
        let recv = recv.build().user_data(1);
        let mut count = 0;
        let mut queue = self.0.submission();
        for (entry, len) in [(&send, full.len()), (&recv, empty.len())] {
            if len > 0 {
                // SAFETY: the buffers are live until both completions have come, below.
                unsafe { queue.push(entry) }?;
                count += 1;
            }
        }
        drop(queue);
        self.0.submit_and_wait(count)?;
        let (mut bytes, mut seen) = (0, 0);
        for completion in self.0.completion() {
            seen += 1;
            match completion.user_data() {
                0 => written(completion.result().into(), full)?,
                _ => bytes = came(completion.result().into())?,
            }
        }
        ensure!(seen == count, "a completion is missing");
        Ok(bytes)
    }
}

/// Who is compared.
pub(crate) fn field(size: u32) -> Result<Field> {
    let messages = if size > 4096 { 64 } else { 256 };
    let (client, files) = Client::connect(2, size as usize, messages, Back::Other)?;
    let bytes = messages as usize * size as usize;
    let wire = Rc::new(RefCell::new(Wire {
        client,
        files,
        bytes,
    }));
    type Make = fn() -> Result<Box<dyn Pass>>;
    let entrant = |name, owner, class, make: Make| {
        let wire = wire.clone();
        Entrant {
            name,
            owner,
            class,
            make: Box::new(move || {
                Ok(Box::new(Proxy {
                    pass: make()?,
                    wire: wire.clone(),
                    buffers: [vec![0; size as usize], vec![0; size as usize]],
                }))
            }),
        }
    };
    use {Class as C, Owner as O};
    let entrants = vec![
        entrant("read and write", O::System, C::Blocking, || {
            Ok(Box::new(Calls))
        }),
        entrant("safe::aio::raw, io_getevents", O::Ours, C::Aio, || {
            fused(false)
        }),
        entrant("safe::aio::raw, ring", O::Ours, C::Aio, || fused(true)),
        entrant("safe::uring::raw", O::Ours, C::Uring, || linked(false)),
        entrant("safe::uring::raw, DEFER_TASKRUN", O::Ours, C::Defer, || {
            linked(true)
        }),
    ];
    Ok(Field {
        entrants,
        units: messages,
    })
}

fn fused(ring: bool) -> Result<Box<dyn Pass>> {
    let context = Context::new(2)?;
    Ok(Box::new(Fused { context, ring }))
}

fn linked(defers: bool) -> Result<Box<dyn Pass>> {
    let mut builder = IoUring::builder();
    if defers {
        builder.setup_single_issuer().setup_defer_taskrun();
    }
    Ok(Box::new(Linked(builder.build(2)?)))
}
