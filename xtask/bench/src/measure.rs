//! Rounds of all contenders of a line, in turn.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::engine::Engine;
use crate::engines::{self, Class, Owner};
use crate::job::Job;
use crate::lines::{Line, Places, Spec, Work};
use crate::{allocations, count, proxy, reap};

/// The most rounds that are timed: more tell nothing new.
const MOST: usize = 201;

/// When a line takes so many times as long as it should, so few rounds will do.
const LONGEST: u32 = 3;
const FEW: usize = 3;

/// Something that does rounds of the same work as others.
pub(crate) trait Contender {
    /// Before a round: nothing of it is measured.
    fn prepare(&mut self) -> Result<()>;

    /// Sets off who sends what the round is about: timed, not counted.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// The round.
    fn round(&mut self) -> Result<()>;

    /// After a round: what it did is checked.
    fn finish(&mut self) -> Result<()>;
}

/// A contender by name.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) owner: Owner,
    pub(crate) class: Class,
    pub(crate) contender: Box<dyn Contender>,
}

/// All contenders of a line.
pub(crate) struct Field {
    pub(crate) contenders: Vec<Named>,
    /// What cannot be measured, and why.
    pub(crate) absent: Vec<Absent>,
    /// The units of work of a round.
    pub(crate) units: u64,
}

/// What cannot be measured here.
#[derive(Serialize)]
pub(crate) struct Absent {
    name: &'static str,
    why: String,
}

/// An engine and a job: engines share the job, since their rounds take turns.
struct Worker {
    // Dropped before the job, whose files and memory it has.
    engine: Box<dyn Engine>,
    job: Rc<RefCell<Job>>,
    thorough: bool,
}

impl Contender for Worker {
    fn prepare(&mut self) -> Result<()> {
        let mut job = self.job.borrow_mut();
        job.thorough = self.thorough;
        self.thorough = false;
        job.begin()?;
        self.engine.prepare()
    }

    fn start(&mut self) -> Result<()> {
        self.job.borrow_mut().start_client()
    }

    fn round(&mut self) -> Result<()> {
        self.engine.round(&mut self.job.borrow_mut())
    }

    fn finish(&mut self) -> Result<()> {
        self.engine.rest();
        self.job.borrow_mut().end()
    }
}

impl Field {
    /// Makes the contenders of a line whose names have `engine` in them.
    fn new(line: &Line, places: &Places, engine: &str) -> Result<Self> {
        let mut field = match &line.work {
            Work::Job(spec) => Self::of_job(spec, places, engine)?,
            Work::Reap(spec) => reap::field(*spec)?,
            Work::Proxy(size) => proxy::field(*size)?,
        };
        field.contenders.retain(|named| named.name.contains(engine));
        Ok(field)
    }

    fn of_job(spec: &Spec, places: &Places, engine: &str) -> Result<Self> {
        let job = Rc::new(RefCell::new(spec.job(&places.folder)?));
        let units = job.borrow().units();
        let (mut contenders, mut absent) = (Vec::new(), Vec::new());
        let can = |entry: &&engines::Entry| (entry.can)(spec.kind()) && entry.name.contains(engine);
        for entry in engines::all().filter(can) {
            match (entry.make)(&job.borrow()) {
                Ok(engine) => contenders.push(Named {
                    name: entry.name,
                    owner: entry.owner,
                    class: entry.class,
                    contender: Box::new(Worker {
                        engine,
                        job: job.clone(),
                        thorough: true,
                    }),
                }),
                Err(error) => absent.push(Absent {
                    name: entry.name,
                    why: format!("{error:#}"),
                }),
            }
        }
        Ok(Self {
            contenders,
            absent,
            units,
        })
    }
}

impl Named {
    fn round(&mut self) -> Result<Duration> {
        let name = self.name;
        self.try_round().with_context(|| format!("{name} failed"))
    }

    fn try_round(&mut self) -> Result<Duration> {
        self.contender.prepare()?;
        let begin = Instant::now();
        self.contender.start()?;
        self.contender.round()?;
        let time = begin.elapsed();
        self.contender.finish()?;
        Ok(time)
    }

    /// A round between marks; answers its heap allocations.
    fn counted(&mut self) -> Result<u64> {
        let name = self.name;
        let mut made = self.made_in(|round| count::between(name, round))?;
        // The allocator counts for all threads, and those of contenders that had their turn may still be at work: what a
        // round needs is needed in each.
        for _ in 0..2 {
            if made == 0 {
                break;
            }
            made = made.min(self.made_in(|round| allocations::during(round))?);
        }
        Ok(made)
    }

    /// The heap allocations of a round, as `count` counts them.
    fn made_in(
        &mut self,
        count: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<u64>,
    ) -> Result<u64> {
        self.contender.prepare()?;
        self.contender.start()?;
        let made = count(&mut || self.contender.round())?;
        self.contender.finish()?;
        Ok(made)
    }
}

/// What one contender needed.
#[derive(Serialize)]
struct Times {
    name: &'static str,
    owner: Owner,
    class: Class,
    /// Nanoseconds for a unit of work, round by round: the same number of each contender is of the same time.
    nanoseconds: Vec<f64>,
}

/// A line, timed.
#[derive(Serialize)]
pub(crate) struct Timed {
    line: String,
    group: String,
    place: String,
    units: u64,
    engines: Vec<Times>,
    absent: Vec<Absent>,
}

/// Times a line for about so long, and in no fewer rounds unless they take far too long.
pub(crate) fn time(
    line: &Line,
    places: &Places,
    engine: &str,
    budget: Duration,
    least: usize,
) -> Result<Timed> {
    let mut field = Field::new(line, places, engine)?;
    let contenders = &mut field.contenders;
    ensure!(!contenders.is_empty(), "no engine is called like that");
    // The first round of each looks at every byte; the second one tells how long a round is.
    for contender in &mut *contenders {
        contender.round()?;
    }
    let begin = Instant::now();
    for contender in &mut *contenders {
        contender.round()?;
    }
    let rounds = budget.as_secs_f64() / begin.elapsed().as_secs_f64().max(1e-6);
    let rounds = (rounds as usize).clamp(least, MOST.max(least));
    let mut nanoseconds = vec![Vec::with_capacity(rounds); contenders.len()];
    let begin = Instant::now();
    for round in 0..rounds {
        // On a busy machine rounds become longer than they were.
        if round >= FEW && begin.elapsed() > LONGEST * budget {
            break;
        }
        // Each one begins, and each one follows each of its neighbours.
        for at in 0..contenders.len() {
            let at = (at + round) % contenders.len();
            let at = if round % 2 == 0 {
                at
            } else {
                contenders.len() - 1 - at
            };
            let time = contenders[at].round()?;
            nanoseconds[at].push(time.as_nanos() as f64 / field.units as f64);
        }
    }
    let engines = field.contenders.iter().zip(nanoseconds);
    let engines = engines.map(|(named, nanoseconds)| Times {
        name: named.name,
        owner: named.owner,
        class: named.class,
        nanoseconds,
    });
    Ok(Timed {
        line: line.name(),
        group: line.group.clone(),
        place: line.place.clone(),
        units: field.units,
        engines: engines.collect(),
        absent: field.absent,
    })
}

/// A line, counted.
#[derive(Serialize)]
pub(crate) struct Counted {
    line: String,
    units: u64,
    /// The heap allocations of a round that Rust made, by engine, in the order of the marks.
    allocations: Vec<(&'static str, u64)>,
}

/// Does one round of each contender between marks, after one to warm up.
pub(crate) fn count(line: &Line, places: &Places, engine: &str) -> Result<Counted> {
    let mut field = Field::new(line, places, engine)?;
    let mut allocations = Vec::new();
    for contender in &mut field.contenders {
        contender.round()?;
        let name = contender.name;
        let made = contender
            .counted()
            .with_context(|| format!("{name} failed"))?;
        allocations.push((name, made));
    }
    Ok(Counted {
        line: line.name(),
        units: field.units,
        allocations,
    })
}
