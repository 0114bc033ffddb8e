//! The process in which one case runs: this program once more, with hidden arguments.
//!
//! The answer goes into a file whose descriptor is the last hidden argument, because standard output and error belong
//! to the case. A file takes any length, needs no reader, and is complete when the process has ended.

use std::any::Any;
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::case::{Case, Place, Run, Stop};
use crate::context::Context;
use crate::file_system::{self, FileSystem};

/// The first hidden argument; the id of the case, the descriptor for the answer and maybe the device follow.
pub(crate) const MARK: &str = "--conformance-child";

/// What the child tells the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) run: Run,
    pub(crate) notes: Vec<String>,
}

/// If this process was started to run one of `cases`, runs it and exits. Otherwise returns at once.
///
/// Must be the first thing that `main` does in every program with a [`Runner`](crate::runner::Runner).
pub fn enter(cases: &[&'static Case]) {
    let args: Vec<String> = env::args().skip(1).take(4).collect();
    let [mark, id, fd, device @ ..] = args.as_slice() else {
        return;
    };
    if mark != MARK {
        return;
    }
    let code = match serve(cases, id, fd, device.first().map(Path::new)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{id}: {error}");
            3
        }
    };
    process::exit(code);
}

fn serve(cases: &[&'static Case], id: &str, fd: &str, device: Option<&Path>) -> io::Result<()> {
    let case = cases.iter().find(|case| case.id == id);
    let case = case.ok_or_else(|| io::Error::other("no such case"))?;
    let fd: RawFd = fd.parse().map_err(io::Error::other)?;
    // Never closed here: a case may have closed it, which is then told by the failing write.
    // SAFETY: the parent passed this descriptor for the answer, and nothing else in this process uses it.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    // SAFETY: F_SETFD takes an int and touches no memory. What a case executes does not get the descriptor.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    close_inherited(fd);
    let place = env::current_dir()?;
    let answer = match case.place {
        Place::On(kind) => on(kind, device, case, &place)?,
        _ => ask(case, place)?,
    };
    file.write_all(&serde_json::to_vec(&answer)?)
}

/// Runs the case in its folder.
fn ask(case: &'static Case, folder: PathBuf) -> io::Result<Answer> {
    let mut cx = Context::new(case, folder)?;
    let run = match cx.require(case.requires) {
        Ok(()) => catch(case, &mut cx),
        stopped => stopped,
    };
    Ok(Answer {
        run,
        notes: cx.into_notes(),
    })
}

/// Runs the case in a folder on a file system, and removes the folder.
fn on(
    kind: FileSystem,
    device: Option<&Path>,
    case: &'static Case,
    place: &Path,
) -> io::Result<Answer> {
    let folder = match file_system::enter(kind, device, place) {
        Ok(folder) => folder,
        Err(stop) => return Ok(Answer::stopped(stop)),
    };
    let answer = ask(case, folder.clone())?;
    env::set_current_dir(place)?;
    fs::remove_dir_all(folder)?;
    Ok(answer)
}

/// Closes what the parent inherited from its own parent, so that every case begins with the same descriptors.
///
/// `close_range` is there since 5.9. Without it they stay open, and the case `harness/descriptors` tells.
fn close_inherited(answer: RawFd) {
    let Ok(answer) = u32::try_from(answer) else {
        return;
    };
    for (first, last) in [
        (3, answer.saturating_sub(1)),
        (answer.saturating_add(1), u32::MAX),
    ] {
        if first <= last {
            // SAFETY: close_range(2) takes numbers. `enter` is the first thing in `main`, so nothing in this process
            // owns a descriptor yet but the three standard ones and `answer`, which are spared.
            unsafe { libc::syscall(libc::SYS_close_range, first as usize, last as usize, 0usize) };
        }
    }
}

/// Runs the case; a panic becomes a failure at the place of the panic.
fn catch(case: &Case, cx: &mut Context) -> Run {
    let place = Arc::new(Mutex::new(None));
    let (slot, main) = (Arc::clone(&place), thread::current().id());
    panic::set_hook(Box::new(move |info| {
        let at = info
            .location()
            .map(|l| format!("{}:{}", l.file(), l.line()));
        let at = at.unwrap_or_default();
        eprintln!("panicked at {at}: {}", text(info.payload()));
        if thread::current().id() == main {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        }
    }));
    // The context is read afterwards for its notes alone, which a panic leaves whole.
    panic::catch_unwind(AssertUnwindSafe(|| (case.run)(cx))).unwrap_or_else(|payload| {
        let at = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(Stop::Failed {
            message: format!("panicked: {}", text(&*payload)),
            at: at.unwrap_or_default(),
        })
    })
}

/// The message of a panic.
fn text(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(no message)")
}
