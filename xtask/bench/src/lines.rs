//! What is measured: a table of lines, each of them the same work for many engines.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::client::{Back, Client};
use crate::job::{Job, Kind};
use crate::pattern;

/// Where files are made.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Places {
    /// A folder for files that are cached
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    pub(crate) folder: PathBuf,
    /// A mounted file system, as KIND=DIR; one that is not given is not measured
    #[arg(long = "disk", value_name = "KIND=DIR", value_parser = disk)]
    pub(crate) disks: Vec<(String, PathBuf)>,
}

fn disk(text: &str) -> Result<(String, PathBuf), String> {
    let (kind, path) = text.split_once('=').ok_or("KIND=DIR")?;
    Ok((kind.to_owned(), path.into()))
}

/// One line: its group is what belongs into one picture, its place the rest of the name.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) group: String,
    pub(crate) place: String,
    /// Whether it stands for its group when there is little time.
    pub(crate) quick: bool,
    pub(crate) work: Work,
}

/// What is done.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// The same job for each engine that can do it.
    Job(Spec),
    /// What native AIO is measured by alone.
    Reap(crate::reap::Spec),
    /// A proxy between two connections, with messages of this size.
    Proxy(u32),
}

/// How to make a job.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    kind: Kind,
    size: u32,
    depth: usize,
    /// Operations, or exchanges and messages of each connection.
    count: u64,
    /// The file system to go to directly; cached in the folder if there is none.
    disk: Option<PathBuf>,
    random: bool,
}

const DEPTHS: [usize; 4] = [1, 8, 32, 128];
const SIZES: [u32; 3] = [64, 4096, 65536];
const CONNECTIONS: [usize; 3] = [1, 32, 512];
const PAGE: u32 = 4096;
const LARGE: u32 = 1 << 20;

/// All lines. Those of disks that are not there are left out.
pub(crate) fn all(places: &Places) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut job = |group: String, place: String, spec: Spec| {
        let quick = match spec.kind {
            Kind::PingPong | Kind::Stream => spec.depth == 32 && spec.size == PAGE,
            _ => matches!(spec.depth, 8 | 32),
        };
        lines.push(Line {
            group,
            place,
            quick,
            work: Work::Job(spec),
        });
    };
    // Rounds are long enough that it matters little that each begins with the caches of those before.
    let spec = |kind, size, depth, count| Spec {
        kind,
        size,
        depth,
        count,
        disk: None,
        random: false,
    };
    for depth in DEPTHS {
        let place = format!("depth {depth}");
        job("NOP".into(), place, spec(Kind::Nop, 1, depth, 2048));
    }
    for depth in DEPTHS {
        let mut spec = spec(Kind::Read, PAGE, depth, 1024.max(16 * depth as u64));
        spec.random = true;
        job(
            "random reads, cached".into(),
            format!("depth {depth}"),
            spec,
        );
    }
    for (kind, path) in &places.disks {
        for depth in DEPTHS {
            let mut spec = spec(Kind::Read, PAGE, depth, 256.max(16 * depth as u64));
            (spec.random, spec.disk) = (true, Some(path.clone()));
            job(
                format!("random reads, {kind} O_DIRECT"),
                format!("depth {depth}"),
                spec,
            );
        }
    }
    for depth in [1, 8] {
        let place = format!("depth {depth}");
        let (read, write) = (
            spec(Kind::Read, LARGE, depth, 64),
            spec(Kind::Write, LARGE, depth, 64),
        );
        job(
            "sequential reads of 1 MiB, cached".into(),
            place.clone(),
            read,
        );
        job("sequential writes of 1 MiB, cached".into(), place, write);
    }
    for (kind, path) in &places.disks {
        for depth in [1, 8] {
            let place = format!("depth {depth}");
            for (what, does) in [("reads", Kind::Read), ("writes", Kind::Write)] {
                let mut spec = spec(does, LARGE, depth, 32);
                spec.disk = Some(path.clone());
                job(
                    format!("sequential {what} of 1 MiB, {kind} O_DIRECT"),
                    place.clone(),
                    spec,
                );
            }
            let mut spec = spec(Kind::Synced, PAGE, depth, 16);
            (spec.random, spec.disk) = (true, Some(path.clone()));
            job(format!("write and fdatasync, {kind} O_DIRECT"), place, spec);
        }
    }
    for (name, kind) in [
        ("TCP ping-pong", Kind::PingPong),
        ("TCP stream", Kind::Stream),
    ] {
        for connections in CONNECTIONS {
            for size in SIZES {
                // About the same work for each number of connections, and some on each.
                let (most, least) = match (size, kind) {
                    (65536, _) => (128, 2),
                    (_, Kind::Stream) => (1024, 4),
                    _ => (512, 4),
                };
                let share = (most / connections as u64).max(least);
                let s = if connections == 1 { "" } else { "s" };
                let place = format!("{connections} connection{s}, {size} B");
                job(name.into(), place, spec(kind, size, connections, share));
            }
        }
    }
    for depth in [1, 32] {
        let spec = spec(Kind::Tree, 0, depth, 256);
        job(
            "openat, statx, close".into(),
            format!("depth {depth}"),
            spec,
        );
    }
    lines.extend(crate::reap::lines());
    lines.extend(SIZES.map(|size| Line {
        group: "TCP proxy".into(),
        place: format!("{size} B"),
        quick: size == PAGE,
        work: Work::Proxy(size),
    }));
    lines
}

impl Line {
    /// What filters look at, and what is printed.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.group, self.place)
    }
}

impl Spec {
    /// What it does.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Makes the job, with its files in `folder`, which vanish with it.
    pub(crate) fn job(&self, folder: &Path) -> Result<Job> {
        match self.kind {
            Kind::Nop => Ok(Job::nops(self.count as usize, self.depth)),
            Kind::Read | Kind::Write | Kind::Synced => self.file(folder),
            Kind::PingPong | Kind::Stream => {
                let (back, size) = (Back::of(self.kind), self.size as usize);
                let (client, files) = Client::connect(self.depth, size, self.count, back)?;
                Ok(Job::network(
                    self.kind, client, files, self.size, self.count,
                ))
            }
            Kind::Tree => self.tree(folder),
        }
    }

    fn file(&self, folder: &Path) -> Result<Job> {
        let folder = self.disk.as_deref().unwrap_or(folder);
        let path = folder.join(format!("bench-{}", std::process::id()));
        let file = self.open(&path);
        // It lives as long as it is open, however this ends.
        let _ = fs::remove_file(&path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        // Odd steps through a power of two come to each place once.
        let (places, step) = (self.places(), if self.random { 0x9e37_79b1 } else { 1 });
        let plan = (0..self.count).map(|at| at * step % places * u64::from(self.size));
        let file = (file, self.disk.is_none());
        Ok(Job::file(
            self.kind,
            file,
            self.size,
            plan.collect(),
            self.depth,
        ))
    }

    /// How many operations the file has room for: a power of two.
    fn places(&self) -> u64 {
        if self.random { 8192 } else { self.count }
    }

    fn open(&self, path: &Path) -> Result<File> {
        let len = self.places() * u64::from(self.size);
        let mut content = vec![0; len as usize];
        pattern::fill(&mut content, 0, 0);
        fs::write(path, content)?;
        let direct = if self.disk.is_some() {
            libc::O_DIRECT
        } else {
            0
        };
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(direct)
            .open(path)?;
        file.sync_all()?;
        Ok(file)
    }

    fn tree(&self, folder: &Path) -> Result<Job> {
        let tree = tempfile::tempdir_in(folder)?;
        let mut paths = Vec::new();
        for number in 0..self.count {
            let folder = tree.path().join(format!("{}", number % 16));
            fs::create_dir_all(&folder)?;
            let path = folder.join(number.to_string());
            fs::write(&path, vec![1; number as usize])?;
            let name = CString::new(path.as_os_str().as_bytes())?;
            // Engines may keep it as long as they like; there are few.
            paths.push((
                &*Box::leak(name.into_boxed_c_str()) as &'static CStr,
                number,
            ));
        }
        Ok(Job::tree(paths, self.depth).with_folder(tree))
    }
}
