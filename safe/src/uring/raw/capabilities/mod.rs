//! What the io_uring of the running kernel has, found out by asking it.
//!
//! The version of a kernel says little: distributions port things back and leave things out. So the kernel
//! is asked (`IORING_REGISTER_QUERY` and `IORING_REGISTER_PROBE`), and what it does not list is tried.

mod bench;
mod flags;
mod registers;
mod subflag;
mod without_query;

#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};
use std::io;

use uring_sys::{
    io_uring_query_opcode, io_uring_query_scq, io_uring_query_zcrx, io_uring_query_zcrx_event,
};

use bench::Bench;
pub use flags::{Features, SetupFlags};
pub use subflag::SubFlag;
use subflag::Trial;

use super::register::{Probe, Query, query};
use super::{EnterFlags, opcode, squeue};

/// What the io_uring of the running kernel has.
///
/// A kernel does not change while it runs, so asking once is enough. What a container or a restriction forbids
/// may differ from thread to thread.
///
/// ```
/// use safe::uring::raw::capabilities::{Capabilities, SetupFlags, SubFlag};
/// use safe::uring::raw::opcode;
///
/// let kernel = Capabilities::query()?;
/// if kernel.supports_op(opcode::RecvMulti::CODE) && kernel.supports_subflag(SubFlag::RecvBundle) {
///     // Receive many buffers at a time.
/// }
/// let defers = kernel.setup_flags().contains(SetupFlags::DEFER_TASKRUN);
/// # let _ = defers;
/// println!("{kernel}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// A bit for each opcode that is there.
    opcodes: [u64; 4],
    /// How many opcodes the kernel knows, those that it was built without among them.
    known_opcodes: u32,
    /// A bit for each registration.
    registers: u64,
    known_registers: u32,
    setup: SetupFlags,
    features: Features,
    enter: EnterFlags,
    sqe: squeue::Flags,
    /// A bit for each [`SubFlag`], by its place.
    subflags: u64,
    queried: bool,
    zcrx: Option<io_uring_query_zcrx>,
    zcrx_event: Option<io_uring_query_zcrx_event>,
    scq: Option<io_uring_query_scq>,
}

impl Capabilities {
    /// Asks the kernel.
    ///
    /// This takes about a hundred system calls, makes two small rings and a few sockets, and leaves nothing
    /// behind. What cannot be tried because a file that it takes cannot be made counts as missing.
    ///
    /// # Errors
    ///
    /// Those of making a ring ([`SetupError`](crate::error::SetupError)), or of using it: a filter that allows
    /// making rings and nothing else, and `ETIME` if the kernel leaves a trial unanswered.
    pub fn query() -> io::Result<Self> {
        Self::found(ask())
    }

    /// Finds what `answers` lack.
    fn found(answers: Answers) -> io::Result<Self> {
        let mut bench = Bench::new()?;
        let mut probe = Probe::new();
        bench.ring().register_probe(&mut probe)?;
        let (opcodes, probed) = supported(&probe);
        let tried = registers::tried(&bench);
        let mut capabilities = Self {
            opcodes,
            known_opcodes: probed,
            registers: tried,
            known_registers: u64::BITS - tried.leading_zeros(),
            setup: SetupFlags::empty(),
            features: bench.features(),
            enter: EnterFlags::empty(),
            sqe: squeue::Flags::empty(),
            subflags: 0,
            queried: answers.opcodes.is_some(),
            zcrx: answers.zcrx,
            zcrx_event: answers.zcrx_event,
            scq: answers.scq,
        };
        match answers.opcodes {
            // The kernel's masks have 64 bits each, the arguments that take the flags fewer.
            Some(answer) => {
                capabilities.known_opcodes = answer.nr_request_opcodes;
                capabilities.known_registers = answer.nr_register_opcodes;
                capabilities.setup = SetupFlags::from_bits_retain(answer.ring_setup_flags as u32);
                capabilities.features = Features::from_bits_retain(answer.feature_flags as u32);
                capabilities.enter = EnterFlags::from_bits_retain(answer.enter_flags as u32);
                capabilities.sqe = squeue::Flags::from_bits_retain(answer.sqe_flags as u8);
                // What is newer than this crate was not tried: the kernel's word has to do.
                let below = |count: u32| 1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1);
                let untried = !below(uring_sys::IORING_REGISTER_LAST);
                capabilities.registers |= below(answer.nr_register_opcodes) & untried;
            }
            None => {
                capabilities.setup = without_query::setup_flags(bench.fd());
                capabilities.enter = without_query::enter_flags(bench.fd(), tried);
                let features = capabilities.features;
                capabilities.sqe = without_query::sqe_flags(&mut bench, features);
            }
        }
        for (place, flag) in SubFlag::ALL.iter().enumerate() {
            let there = match flag.trial() {
                Trial::Entry(entry, results) => {
                    let entry = entry(&bench);
                    results.contains(&bench.run(entry)?)
                }
                Trial::Call(call) => call(&mut bench).unwrap_or(false),
            };
            capabilities.subflags |= u64::from(there) << place;
        }
        Ok(capabilities)
    }

    /// Whether operations with this opcode are there: the kernel knows them and was built with them.
    pub fn supports_op(&self, opcode: u8) -> bool {
        self.opcodes[usize::from(opcode / 64)] >> (opcode % 64) & 1 != 0
    }

    /// Whether a registration (`IORING_REGISTER_*`, `IORING_UNREGISTER_*`) is there: the kernel knows it and
    /// was built with it.
    pub fn supports_register(&self, opcode: u32) -> bool {
        self.registers.checked_shr(opcode).unwrap_or(0) & 1 != 0
    }

    /// Whether a flag or command of a single operation is there.
    pub fn supports_subflag(&self, flag: SubFlag) -> bool {
        self.subflags >> flag as u32 & 1 != 0
    }

    /// How rings can be made.
    pub fn setup_flags(&self) -> SetupFlags {
        self.setup
    }

    /// What each ring has.
    pub fn features(&self) -> Features {
        self.features
    }

    /// How a ring can be entered.
    pub fn enter_flags(&self) -> EnterFlags {
        self.enter
    }

    /// Which flags entries can have.
    pub fn sqe_flags(&self) -> squeue::Flags {
        self.sqe
    }

    /// Whether the kernel listed its opcodes and flags itself (since Linux 6.18), and they need not be tried.
    pub fn is_queried(&self) -> bool {
        self.queried
    }

    /// What zero-copy receive has, if the kernel says. Since Linux 6.19.
    pub fn zcrx(&self) -> Option<&io_uring_query_zcrx> {
        self.zcrx.as_ref()
    }

    /// The events of zero-copy receive, if the kernel says. Since Linux 7.2.
    pub fn zcrx_event(&self) -> Option<&io_uring_query_zcrx_event> {
        self.zcrx_event.as_ref()
    }

    /// The header before the queues, if the kernel says. Since Linux 6.19.
    pub fn scq(&self) -> Option<&io_uring_query_scq> {
        self.scq.as_ref()
    }
}

/// What the kernel says without a ring.
#[derive(Default)]
struct Answers {
    opcodes: Option<io_uring_query_opcode>,
    zcrx: Option<io_uring_query_zcrx>,
    zcrx_event: Option<io_uring_query_zcrx_event>,
    scq: Option<io_uring_query_scq>,
}

fn ask() -> Answers {
    let (mut opcodes, mut zcrx, mut scq, mut zcrx_event) = Default::default();
    let mut questions = [
        Query::opcodes(&mut opcodes),
        Query::zcrx(&mut zcrx),
        Query::scq(&mut scq),
        Query::zcrx_event(&mut zcrx_event),
    ];
    if query(&mut questions).is_err() {
        return Answers::default();
    }
    let answered = questions.map(|question| question.answered().is_ok());
    Answers {
        opcodes: answered[0].then_some(opcodes),
        zcrx: answered[1].then_some(zcrx),
        scq: answered[2].then_some(scq),
        zcrx_event: answered[3].then_some(zcrx_event),
    }
}

/// A bit for each opcode that a probe found, and how many there are with those that are not built in.
fn supported(probe: &Probe) -> ([u64; 4], u32) {
    let mut bits = [0; 4];
    let mut known = 0;
    for opcode in 0..=u8::MAX {
        if probe.is_supported(opcode) {
            bits[usize::from(opcode / 64)] |= 1 << (opcode % 64);
            known = u32::from(opcode) + 1;
        }
    }
    (bits, known)
}

/// The flags of a type that have names.
fn named<F: bitflags::Flags + Copy>() -> impl Iterator<Item = F> {
    let flags = F::FLAGS.iter().filter(|flag| flag.is_named());
    flags.map(|flag| *flag.value())
}

/// Shows all of it as a table: what is there, and what this crate knows and is not.
impl Display for Capabilities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let opcodes = 0..self
            .known_opcodes
            .max(uring_sys::IORING_OP_LAST.into())
            .min(256);
        row(
            f,
            "operations",
            opcodes.map(|code| {
                let code = code as u8;
                let name = opcode::name(code).map_or_else(|| format!("{code}"), str::to_owned);
                (name, self.supports_op(code))
            }),
        )?;
        let registers = 0..self.known_registers.max(uring_sys::IORING_REGISTER_LAST);
        row(
            f,
            "registrations",
            registers.map(|code| {
                let name = registers::name(code).map_or_else(|| format!("{code}"), str::to_owned);
                (name, self.supports_register(code))
            }),
        )?;
        row(f, "set-up flags", flag_names(self.setup))?;
        row(f, "features", flag_names(self.features))?;
        row(f, "enter flags", flag_names(self.enter))?;
        row(f, "entry flags", flag_names(self.sqe))?;
        let subflags = SubFlag::ALL.iter();
        row(
            f,
            "flags of operations",
            subflags.map(|&flag| (flag.name().to_owned(), self.supports_subflag(flag))),
        )
    }
}

/// The names of a type's flags, and of those that are set and have none, with whether they are set.
fn flag_names<F: bitflags::Flags<Bits: Into<u64> + Copy>>(
    set: F,
) -> impl Iterator<Item = (String, bool)> {
    let known = F::FLAGS.iter().filter(|flag| flag.is_named());
    let bits: u64 = set.bits().into();
    let mut rest = bits;
    let mut names: Vec<_> = known
        .map(|flag| {
            let bit: u64 = flag.value().bits().into();
            rest &= !bit;
            (flag.name().to_owned(), bits & bit == bit)
        })
        .collect();
    names.extend(
        (0..u64::BITS)
            .filter(|bit| rest >> bit & 1 != 0)
            .map(|bit| {
                let name = format!("bit {bit}");
                (name, true)
            }),
    );
    names.into_iter()
}

/// A heading, and below it what is there and what is not.
fn row(
    f: &mut Formatter<'_>,
    heading: &str,
    items: impl Iterator<Item = (String, bool)>,
) -> fmt::Result {
    let (there, missing): (Vec<_>, Vec<_>) = items.partition(|(_, there)| *there);
    let all = there.len() + missing.len();
    writeln!(f, "{heading} ({} of {all})", there.len())?;
    for (label, items) in [("has", there), ("lacks", missing)] {
        wrap(f, label, items.iter().map(|(name, _)| name.as_str()))?;
    }
    Ok(())
}

/// Words in lines of at most 100 characters, behind a label.
fn wrap<'a>(
    f: &mut Formatter<'_>,
    label: &str,
    words: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let mut line = String::new();
    let mut label = label;
    for word in words {
        if !line.is_empty() && line.len() + 2 + word.len() > 90 {
            writeln!(f, "  {label:<6}  {line},")?;
            (label, line) = ("", String::new());
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(word);
    }
    if line.is_empty() {
        return Ok(());
    }
    writeln!(f, "  {label:<6}  {line}")
}
