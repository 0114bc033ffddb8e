//! What a running case is given.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::case::{Case, Place, Stop};
use crate::kernel::{Kernel, Version};
use crate::requirement::Requirement;
use crate::support::names::Errno;

/// The surroundings of one running case.
#[derive(Debug)]
pub struct Context {
    case: &'static Case,
    dir: PathBuf,
    kernel: Kernel,
    /// In a cell, so that a note may name what it borrows from here.
    notes: RefCell<Vec<String>>,
}

impl Context {
    /// The surroundings of `case` in the temporary folder `dir`.
    pub(crate) fn new(case: &'static Case, dir: PathBuf) -> io::Result<Context> {
        Ok(Context {
            case,
            dir,
            kernel: Kernel::running()?,
            notes: RefCell::default(),
        })
    }

    /// The case's own empty folder, also its working directory. It is removed afterwards.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where that folder is: the file system, for behaviour that differs.
    pub fn place(&self) -> Place {
        self.case.place
    }

    /// The version of the running kernel, for behaviour that changed. Whether the item exists is judged elsewhere.
    pub fn kernel(&self) -> Version {
        self.kernel.version
    }

    /// Adds a remark to the report; it is printed too, so that it is among the evidence of a failure.
    pub fn note(&self, note: impl Display) {
        let note = note.to_string();
        eprintln!("{note}");
        self.notes.borrow_mut().push(note);
    }

    /// What the case noted so far.
    pub(crate) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }

    /// The number in a completion, or why to stop: a stated refusal is *unsupported*, another errno is a failure.
    ///
    /// For the first use of the item in a case; later, an errno is no refusal any more and [`ensure!`](crate::ensure)
    /// says what was expected.
    #[track_caller]
    pub fn accepted(&self, res: i32) -> Result<i32, Stop> {
        if res >= 0 {
            return Ok(res);
        }
        Err(self.stop(res.saturating_neg(), ""))
    }

    /// Like [`accepted`](Self::accepted), for the result of a system call.
    #[track_caller]
    pub fn accepted_call<T>(&self, result: io::Result<T>) -> Result<T, Stop> {
        // Not `map_err`: its closure would be the recorded place.
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(match error.raw_os_error() {
                Some(errno) => self.stop(errno, " from the system call"),
                None => Stop::from(error),
            }),
        }
    }

    #[track_caller]
    fn stop(&self, errno: i32, from: &str) -> Stop {
        if self.case.refused_by.contains(&errno) {
            Stop::unsupported(errno)
        } else {
            Stop::failed(format_args!("{}{from}", Errno(errno)))
        }
    }

    /// The device to overwrite that the case [requires](crate::case::Case::requires).
    pub fn device(&self, required: Requirement) -> Result<PathBuf, Stop> {
        required
            .device()
            .map_err(|missing| Stop::Skipped { missing })
    }

    /// The block device to overwrite: for cases that require [`Requirement::BlockDevice`].
    pub fn block_device(&self) -> Result<PathBuf, Stop> {
        self.device(Requirement::BlockDevice)
    }

    /// The NVMe namespace to overwrite: for cases that require [`Requirement::Nvme`].
    pub fn nvme(&self) -> Result<PathBuf, Stop> {
        self.device(Requirement::Nvme)
    }

    /// Stops at the first requirement of the case that is not met.
    pub(crate) fn require(&self, requirements: &[Requirement]) -> Result<(), Stop> {
        let missing = requirements.iter().find_map(|r| r.missing(&self.dir));
        missing.map_or(Ok(()), |missing| Err(Stop::Skipped { missing }))
    }
}
