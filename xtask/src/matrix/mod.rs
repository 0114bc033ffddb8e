//! `cargo xtask matrix`: the conformance suite on other kernels and architectures, in virtual machines.
//!
//! Each kernel boots once, in an emulator, with everything to run in its initramfs. i686 needs no machine: an x86-64
//! kernel runs its programs.

mod arch;
mod archive;
mod column;
mod cross;
mod docs;
mod image;
mod initramfs;
mod kernels;
mod machine;
mod markdown;
mod modules;
mod native;
mod plan;
mod programs;
mod qemu;
mod table;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::catalogue::{catalogue, filter};
use conformance::report::merged::Merged;
use conformance::report::table::Style;
use conformance::report::{CaseReport, Outcome};
use conformance::vm::Job;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::packages::Store;
use crate::{progress, stdout, workspace};
use arch::{Arch, MachineKind};
use archive::Archive;
use column::Column;
use cross::Toolchain;
use kernels::{Kernel, Sources};
use machine::Machine;
use plan::{Wanted, Which};
use programs::Programs;
use qemu::Emulator;

/// Execute every item of the interfaces on other kernels and architectures
///
/// Kernels are Debian's and run in virtual machines; i686 programs run on this system's own kernel. Without --kernels,
/// --kernel and --arch everything is run.
///
/// Exits with 0 if nothing failed, 1 if something failed or a machine was lost. A kernel or a tool that the archive no
/// longer has is reported as missing, and is neither.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The series to run on x86-64: 5.10,6.12
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    kernels: Vec<String>,
    /// A kernel image of your own (bzImage or vmlinux, x86-64) to run too; may be repeated
    #[arg(long, value_name = "PATH")]
    kernel: Vec<PathBuf>,
    /// The architectures to run: i686, s390x, aarch64, aarch64-16k, riscv64, ppc64le, ppc64le-64k, loongarch64, or `all`;
    /// each with the newest kernel that the archive has for it, or with that of a series: s390x:6.12
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    arch: Vec<String>,
    /// Only cases with this in their id or an item; with * or ?, the whole id or item must match
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
    /// No cases, only the programs of --test
    #[arg(long, conflicts_with = "filter", requires = "test")]
    no_cases: bool,
    /// Also run a test program: a test target of package safe (`safe`: its unit tests, `all`: every one), or the path
    /// of a static program; may be repeated
    #[arg(long, value_name = "BIN")]
    test: Vec<String>,
    /// Write the results of all kernels as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Publish the results: write docs/kernels.json, .md and .html, in which kernels that are not run keep their results
    /// [default if everything is run]
    #[arg(long, conflicts_with_all = ["filter", "no_cases"])]
    docs: bool,
    /// Run nothing, only make docs/kernels.md and .html from docs/kernels.json
    #[arg(long, conflicts_with_all = ["docs", "json"])]
    render: bool,
    /// How long a case may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 30)]
    case_limit: u64,
    /// How long a test program may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 120)]
    test_limit: u64,
    /// How long a machine may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 900)]
    limit: u64,
}

/// Runs the command.
///
/// # Errors
///
/// The arguments name nothing that exists, or no kernel at all could be run.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.render {
        return docs::write(docs::load()?).map(|()| ExitCode::SUCCESS);
    }
    let wanted = plan::wanted(args)?;
    let bar = progress::spinner();
    let say = |what: &str| bar.set_message(what.to_owned());
    let warn = |what: &str| bar.suspend(|| eprintln!("warning: {what}"));
    let folder = workspace::root().join("target/matrix");
    let results = folder.join("results");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
    let cases = match &args.filter {
        _ if args.no_cases => Vec::new(),
        Some(pattern) => filter(catalogue(), pattern)?,
        None => catalogue(),
    };
    let archive = Archive::open(&folder.join("apt"), &archive::OWN, &say, &warn)?;
    let cache = folder.join("packages");
    let session = Session {
        args,
        cases: cases.iter().map(|case| case.id.to_owned()).collect(),
        archive: [archive],
        store: Store {
            local: Vec::new(),
            cache: &cache,
            progress: &say,
        },
        folder: &folder,
        results: &results,
        bar: &bar,
        warn: &warn,
    };
    let mut columns = Vec::new();
    for group in wanted.chunk_by(|a, b| a.arch.name == b.arch.name) {
        session.run(group, &mut |column| {
            bar.suspend(|| eprintln!("{column}"));
            let path = results.join(format!("{}.json", column.name));
            columns.push(column);
            save(&path, &columns.last().map(|column| &column.report))
        })?;
    }
    bar.finish_and_clear();

    let mut text = String::new();
    table::write(&mut text, &columns, Style::of_stdout())?;
    stdout::write(&text)?;
    if let Some(path) = &args.json {
        save(path, &merged(Merged::default(), &columns))?;
    }
    if args.docs || plan::is_everything(args) && args.filter.is_none() && !args.no_cases {
        docs::write(merged(docs::load()?, &columns))?;
    }
    ensure!(
        columns.iter().any(|column| column.report.is_some()),
        "no kernel could be run"
    );
    Ok(if columns.iter().any(Column::failed) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The results with these columns. A kernel that could not be had does not take the place of its earlier results.
fn merged(mut merged: Merged, columns: &[Column]) -> Merged {
    for column in columns {
        let known = merged.columns.iter().any(|other| other.name == column.name);
        if column.missing.is_none() || !known {
            merged.add(column.head(), column.cases());
        }
    }
    merged
}

/// What all kernels share.
struct Session<'a> {
    args: &'a Args,
    /// The cases to run, by id.
    cases: Vec<String>,
    /// This system's own architecture's.
    archive: [Archive; 1],
    store: Store<'a>,
    folder: &'a Path,
    results: &'a Path,
    bar: &'a ProgressBar,
    warn: &'a dyn Fn(&str),
}

impl Session<'_> {
    /// Runs the kernels of one architecture; `done` gets a column for each.
    fn run(&self, group: &[Wanted], done: &mut dyn FnMut(Column) -> Result<()>) -> Result<()> {
        let Some(Wanted { arch, .. }) = group.first() else {
            return Ok(());
        };
        let prepared = self.prepare(arch);
        for wanted in group {
            let name = wanted.name.clone();
            done(match &prepared {
                Ok(prepared) => match self.one(wanted, prepared) {
                    Ok(Some(column)) => column,
                    Ok(None) => {
                        self.missing(name, "the archive has no such kernel; nothing was run")
                    }
                    Err(error) => Column::lost(name, format!("{error:#}")),
                },
                Err(Unprepared::Missing(error)) => self.missing(name, &format!("{error:#}")),
                Err(Unprepared::Broken(error)) => Column::lost(name, format!("{error:#}")),
            })?;
        }
        Ok(())
    }

    fn missing(&self, name: String, why: &str) -> Column {
        (self.warn)(&format!("{name} is MISSING: {why}"));
        Column::missing(name, why.to_owned())
    }

    /// Has what the kernels of an architecture share.
    fn prepare(&self, arch: &'static Arch) -> Result<Prepared, Unprepared> {
        let [archive] = &self.archive;
        let say = |what: &str| self.bar.set_message(format!("{}: {what}", arch.name));
        say("looking for tools");
        let toolchain = Toolchain::prepare(arch, archive, &self.store);
        let toolchain = toolchain.map_err(Unprepared::Missing)?;
        let emulated = arch.machine.as_ref().map(|kind| -> Result<_> {
            let emulator =
                Emulator::prepare(kind, archive, &self.store, self.warn).context("no emulator")?;
            Ok((kind, emulator, self.archives(kind)?))
        });
        let emulated = emulated.transpose().map_err(Unprepared::Missing)?;
        say("building the programs");
        let init = if emulated.is_some() {
            "vminit"
        } else {
            "conformance"
        };
        let build = self.folder.join("build");
        let programs = programs::build(&toolchain, &build, init, &self.args.test);
        let programs = programs.map_err(Unprepared::Broken)?;
        if emulated.is_none() {
            native::runs(&programs).map_err(Unprepared::Missing)?;
        }
        Ok(Prepared { programs, emulated })
    }

    /// The archives with kernels of this kind, if they are others than this system's own.
    fn archives(&self, kind: &MachineKind) -> Result<Vec<Archive>> {
        let own = |list: &&archive::Lists| list.architecture != archive::OWN.architecture;
        kind.lists
            .iter()
            .filter(own)
            .map(|list| {
                let name = format!("apt-{}-{}", list.architecture, list.suites.join("-"));
                let say = |what: &str| self.bar.set_message(what.to_owned());
                Archive::open(&self.folder.join(name), list, &say, self.warn)
            })
            .collect()
    }

    /// Runs one kernel, if there is such a one.
    fn one(&self, wanted: &Wanted, prepared: &Prepared) -> Result<Option<Column>> {
        let name = &wanted.name;
        let Prepared { programs, emulated } = prepared;
        // A run's own, so that two of them do not mix.
        let scratch = tempfile::tempdir_in(self.folder).context("no room for the initramfs")?;
        let Some((kind, emulator, archives)) = emulated else {
            self.bar.set_message(format!("{name}: running"));
            let heard = self
                .bar
                .suspend(|| native::run(self.args, programs, scratch.path()))?;
            return Ok(Some(Column::ran(name.clone(), heard)));
        };
        self.bar
            .set_message(format!("{name}: looking for the kernel"));
        let sources = Sources {
            archives: if archives.is_empty() {
                &self.archive
            } else {
                archives
            },
            store: &self.store,
            flavour: kind.flavour,
            modules: !kind.modules.is_empty(),
            warn: self.warn,
        };
        let kernel = match &wanted.kernel {
            Which::Image(image) => Some(Kernel {
                image: image.clone(),
                modules: None,
            }),
            Which::Series(series) => sources.newest(Some(series))?,
            Which::Newest => sources.newest(None)?,
        };
        let Some(kernel) = kernel else {
            return Ok(None);
        };
        let modules = match &kernel.modules {
            Some(folder) => {
                let wanted = [kind.modules, arch::FILE_SYSTEMS].concat();
                modules::with_dependencies(folder, &wanted)?
            }
            None => Vec::new(),
        };
        let job = Job {
            cases: self.cases.clone(),
            programs: programs
                .tests
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            case_limit: self.args.case_limit,
            program_limit: self.args.test_limit,
        };
        let initramfs = scratch.path().join("initramfs.cpio");
        initramfs::write(&initramfs, programs, &job, &modules)?;
        let machine = Machine {
            kind,
            emulator,
            kernel: &image::bootable(&kernel.image, scratch.path())?,
            initramfs: &initramfs,
            folder: self.results,
            name,
            limit: Duration::from_secs(self.args.limit),
        };
        let heard = machine.run(&job, &counted(self.bar, name, &job))?;
        Ok(Some(Column::ran(name.clone(), heard)))
    }
}

/// What the kernels of an architecture share.
struct Prepared {
    programs: Programs,
    /// The machine, its emulator and the archives with its kernels; nothing if this system's own kernel is run.
    emulated: Option<(&'static MachineKind, Emulator, Vec<Archive>)>,
}

/// Why an architecture cannot be run.
enum Unprepared {
    /// The archive lacks something.
    Missing(anyhow::Error),
    /// The programs cannot be built.
    Broken(anyhow::Error),
}

/// Shows how far a machine is.
fn counted<'a>(bar: &'a ProgressBar, series: &'a str, job: &Job) -> impl Fn(&CaseReport) + 'a {
    let (done, failed) = (Cell::new(0), Cell::new(0));
    let all = job.ids().count();
    bar.set_message(format!("{series}: booting"));
    move |case: &CaseReport| {
        done.set(done.get() + 1);
        if case.outcome == Outcome::Fail {
            failed.set(failed.get() + 1);
        }
        let (done, failed, id) = (done.get(), failed.get(), &case.id);
        bar.set_message(format!("{series}: {done}/{all}, {failed} failed, {id}"));
    }
}

fn save(path: &Path, what: &impl Serialize) -> Result<()> {
    fs::write(path, serde_json::to_vec(what)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
