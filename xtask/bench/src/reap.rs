//! Native AIO's ring alone: taking events from it or by system call, looking at it when it is empty, submitting.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use safe::aio::raw::{Context, Event, Iocb, iocb};

use crate::engines::{Class, Owner};
use crate::lines::{Line, Work};
use crate::measure::{Contender, Entrant, Field};

/// The events of a round.
const EVENTS: usize = 4096;

/// The largest batch.
const MOST: usize = 256;

/// What is done in batches of so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    part: Part,
    batch: usize,
}

/// What of it is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Take,
    Look,
    Submit,
}

/// All lines.
pub(crate) fn lines() -> Vec<Line> {
    let line = |group: &str, part, batch| Line {
        group: group.into(),
        place: format!("batches of {batch}"),
        quick: batch == 8 || part == Part::Look,
        work: Work::Reap(Spec { part, batch }),
    };
    let batches = [1, 8, 32, 256];
    let mut lines =
        Vec::from(batches.map(|batch| line("native AIO, taking events", Part::Take, batch)));
    lines.push(line(
        "native AIO, looking where there is nothing",
        Part::Look,
        1,
    ));
    lines.extend(batches.map(|batch| line("native AIO, submitting", Part::Submit, batch)));
    lines
}

/// Who takes events, and submits.
pub(crate) trait Reaper {
    /// Submits so many reads of nothing, which are over at once.
    fn submit(&mut self, batch: usize) -> Result<()>;

    /// Takes up to so many events, as often as told, and answers how many there were.
    fn take(&mut self, batch: usize, times: usize) -> Result<usize>;
}

/// `safe::aio::raw`.
struct Ours {
    context: Context,
    file: File,
    ring: bool,
}

impl Reaper for Ours {
    #[inline]
    fn submit(&mut self, batch: usize) -> Result<()> {
        let mut read = iocb::Pread::new(self.file.as_raw_fd(), ptr::null_mut(), 0).build();
        let mut list = [const { MaybeUninit::uninit() }; MOST];
        // The same one again and again: the kernel copies it.
        let read = ptr::from_mut::<Iocb>(&mut read);
        list[..batch].fill(MaybeUninit::new(read));
        // SAFETY: so many were written.
        let list = unsafe { std::slice::from_raw_parts(list.as_ptr().cast(), batch) };
        // SAFETY: the request is live, and moves no data.
        let taken = unsafe { self.context.submit(list) }?;
        ensure!(taken == batch, "not all were taken");
        Ok(())
    }

    fn take(&mut self, batch: usize, times: usize) -> Result<usize> {
        let mut events: [MaybeUninit<Event>; MOST] = [const { MaybeUninit::uninit() }; MOST];
        let mut completions = self.context.completions();
        let (mut count, mut wrong) = (0, 0);
        // One loop for each, so that what is timed is not the choice.
        if self.ring && batch == 1 {
            for _ in 0..times {
                if let Some(event) = completions.take()? {
                    count += 1;
                    wrong |= event.res();
                }
            }
        } else {
            let events = &mut events[..batch];
            for _ in 0..times {
                let taken = if self.ring {
                    completions.fill(events)?
                } else {
                    completions.wait_in_kernel(0, events, Some(Duration::ZERO), None)?
                };
                count += taken.len();
                wrong = taken.iter().fold(wrong, |wrong, event| wrong | event.res());
            }
        }
        ensure!(wrong == 0, "a read of nothing is of no bytes");
        Ok(count)
    }
}

/// What no look can do without: a load of the head and one of the tail, of the ring of a context that must live.
struct Floor {
    context: Context,
}

impl Reaper for Floor {
    fn submit(&mut self, _: usize) -> Result<()> {
        bail!("it looks, and no more")
    }

    fn take(&mut self, _: usize, times: usize) -> Result<usize> {
        let at = self.context.as_raw() as usize;
        let ring = ptr::with_exposed_provenance::<aio_sys::aio_ring>(at);
        let mut filled = 0;
        for _ in 0..times {
            // SAFETY: the ring's header is at the context's address as long as that lives, and nothing was submitted
            // to it, so that nobody writes there.
            let (head, tail) = unsafe {
                (
                    (&raw const (*ring).head).read_volatile(),
                    (&raw const (*ring).tail).read_volatile(),
                )
            };
            filled += usize::from(head != tail);
        }
        Ok(filled)
    }
}

struct Measured<R> {
    reaper: R,
    spec: Spec,
}

impl<R: Reaper> Measured<R> {
    fn submit(&mut self, batch: usize) -> Result<()> {
        (0..EVENTS / batch).try_for_each(|_| self.reaper.submit(batch))
    }

    fn take(&mut self, batch: usize) -> Result<()> {
        let taken = self.reaper.take(batch, EVENTS / batch)?;
        ensure!(taken == EVENTS, "events are missing");
        Ok(())
    }
}

impl<R: Reaper> Contender for Measured<R> {
    fn prepare(&mut self) -> Result<()> {
        match self.spec.part {
            Part::Take => self.submit(MOST),
            _ => Ok(()),
        }
    }

    fn round(&mut self) -> Result<()> {
        match self.spec.part {
            Part::Take => self.take(self.spec.batch),
            Part::Submit => self.submit(self.spec.batch),
            Part::Look => {
                ensure!(self.reaper.take(1, EVENTS)? == 0, "an event of nothing");
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        if self.spec.part == Part::Submit {
            self.take(MOST)?;
        }
        ensure!(self.reaper.take(1, 1)? == 0, "an event too many");
        Ok(())
    }
}

/// One who makes such reapers.
pub(crate) fn entrant<R: Reaper + 'static>(
    name: &'static str,
    owner: Owner,
    spec: Spec,
    make: impl Fn() -> Result<R> + 'static,
) -> Entrant {
    Entrant {
        name,
        owner,
        class: Class::Aio,
        make: Box::new(move || {
            let reaper = make()?;
            Ok(Box::new(Measured { reaper, spec }))
        }),
    }
}

fn ours(ring: bool) -> Result<Ours> {
    Ok(Ours {
        context: Context::new(EVENTS as u32)?,
        file: File::open("/dev/null")?,
        ring,
    })
}

fn floor() -> Result<Floor> {
    let context = Context::new(EVENTS as u32)?;
    Ok(Floor { context })
}

/// Who is compared.
pub(crate) fn field(spec: Spec) -> Field {
    use Owner as O;
    let mut entrants = Vec::new();
    if spec.part == Part::Submit {
        entrants.push(entrant("safe::aio::raw", O::Ours, spec, || ours(true)));
    } else {
        entrants.push(entrant("io_getevents", O::System, spec, || ours(false)));
        entrants.push(entrant("safe::aio::raw, ring", O::Ours, spec, || {
            ours(true)
        }));
    }
    if spec.part == Part::Look {
        entrants.push(entrant("two loads", O::System, spec, floor));
    }
    entrants.extend(crate::peers::reapers(spec, EVENTS));
    Field {
        entrants,
        units: EVENTS as u64,
    }
}
