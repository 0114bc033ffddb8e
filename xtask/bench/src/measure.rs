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
use crate::{count, proxy, reap, threads};

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

/// A contender that can be made.
pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) owner: Owner,
    pub(crate) class: Class,
    pub(crate) make: Box<dyn Fn() -> Result<Box<dyn Contender>>>,
}

/// All who may contend in a line.
pub(crate) struct Field {
    pub(crate) entrants: Vec<Entrant>,
    /// The units of work of a round.
    pub(crate) units: u64,
}

/// An entrant's contender.
struct Named<'field> {
    entrant: &'field Entrant,
    contender: Box<dyn Contender>,
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
        self.engine.swap_memory(&mut job.slab);
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
        let mut job = self.job.borrow_mut();
        let ended = job.end();
        self.engine.swap_memory(&mut job.slab);
        ended
    }
}

impl Field {
    /// Those of a line whose names have `engine` in them.
    fn new(line: &Line, places: &Places, engine: &str) -> Result<Self> {
        let mut field = match &line.work {
            Work::Job(spec) => Self::of_job(spec, places)?,
            Work::Reap(spec) => reap::field(*spec),
            Work::Proxy(size) => proxy::field(*size)?,
        };
        field
            .entrants
            .retain(|entrant| entrant.name.contains(engine));
        ensure!(!field.entrants.is_empty(), "no engine is called like that");
        Ok(field)
    }

    fn of_job(spec: &Spec, places: &Places) -> Result<Self> {
        let job = Rc::new(RefCell::new(spec.job(&places.folder)?));
        let units = job.borrow().units();
        let entries = engines::all().filter(|entry| (entry.can)(spec.kind()));
        let entrants = entries.map(|entry| {
            let job = job.clone();
            Entrant {
                name: entry.name,
                owner: entry.owner,
                class: entry.class,
                make: Box::new(move || {
                    let engine = (entry.make)(&job.borrow())?;
                    Ok(Box::new(Worker {
                        engine,
                        job: job.clone(),
                        thorough: true,
                    }))
                }),
            }
        });
        Ok(Self {
            entrants: entrants.collect(),
            units,
        })
    }
}

impl Entrant {
    fn named(&self) -> Result<Named<'_>, Absent> {
        match (self.make)() {
            Ok(contender) => Ok(Named {
                entrant: self,
                contender,
            }),
            Err(error) => Err(Absent {
                name: self.name,
                why: format!("{error:#}"),
            }),
        }
    }
}

impl Named<'_> {
    fn round(&mut self) -> Result<Duration> {
        let name = self.entrant.name;
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
        let name = self.entrant.name;
        self.contender.prepare()?;
        self.contender.start()?;
        let made = count::between(name, || self.contender.round())?;
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
    let field = Field::new(line, places, engine)?;
    let (mut contenders, mut absent) = (Vec::new(), Vec::new());
    for entrant in &field.entrants {
        match entrant.named() {
            Ok(named) => contenders.push(named),
            Err(why) => absent.push(why),
        }
    }
    ensure!(!contenders.is_empty(), "no engine can be made");
    // The first round of each looks at every byte; the second one tells how long a round is.
    for contender in &mut contenders {
        contender.round()?;
    }
    let begin = Instant::now();
    for contender in &mut contenders {
        contender.round()?;
    }
    let rounds = budget.as_secs_f64() / (2.0 * begin.elapsed().as_secs_f64()).max(1e-6);
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
            // What the one before has left in caches and schedulers is not this one's.
            contenders[at].round()?;
            let time = contenders[at].round()?;
            nanoseconds[at].push(time.as_nanos() as f64 / field.units as f64);
        }
    }
    let engines = contenders.iter().zip(nanoseconds);
    let engines = engines.map(|(named, nanoseconds)| Times {
        name: named.entrant.name,
        owner: named.entrant.owner,
        class: named.entrant.class,
        nanoseconds,
    });
    Ok(Timed {
        line: line.name(),
        group: line.group.clone(),
        place: line.place.clone(),
        units: field.units,
        engines: engines.collect(),
        absent,
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

/// Does one round of each contender between marks, after one to warm up. Each is alone then: what is counted is of all
/// threads.
pub(crate) fn count(line: &Line, places: &Places, engine: &str) -> Result<Counted> {
    let mut field = Field::new(line, places, engine)?;
    // The threads of POSIX AIO live on for a second; behind them there is nobody whom they could disturb.
    let is_posix = |entrant: &Entrant| entrant.class == Class::Posix;
    field.entrants.sort_by_key(is_posix);
    let mut allocations = Vec::new();
    for entrant in &field.entrants {
        if !is_posix(entrant) {
            threads::wait_until_alone()?;
        }
        let Ok(mut contender) = entrant.named() else {
            continue;
        };
        contender.round()?;
        let name = entrant.name;
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
