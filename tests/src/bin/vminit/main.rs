//! `vminit`: the only program of a small virtual machine, which runs the catalogue there.
//!
//! As process 1 it sets the machine up, starts itself once more to do the work, reaps whatever ends meanwhile, and
//! switches the power off. On any other machine it does nothing.

mod appear;
mod machine;
mod work;

use std::env;
use std::path::Path;
use std::process::{self, Command, ExitCode};

use conformance::catalogue::catalogue;
use conformance::requirement::OWN_MACHINE;
use conformance::vm::{Event, JOB};

/// The argument of the process that does the work.
const WORK: &str = "--work";

fn main() -> ExitCode {
    let cases = catalogue();
    conformance::child::enter(&cases);
    if !Path::new(JOB).is_file() {
        eprintln!("vminit runs in a machine made for it: cargo xtask matrix");
        return ExitCode::from(2);
    }
    if env::args().any(|arg| arg == WORK) {
        return match work::run(&cases) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                work::tell(&Event::Trouble(format!("{error:#}")));
                ExitCode::FAILURE
            }
        };
    }
    if process::id() != 1 {
        eprintln!("vminit must be process 1");
        return ExitCode::from(2);
    }
    for trouble in machine::set_up() {
        work::tell(&Event::Trouble(trouble));
    }
    let mut worker = Command::new("/proc/self/exe");
    let (devices, troubles) = machine::devices();
    for trouble in troubles {
        work::tell(&Event::Trouble(trouble));
    }
    work::hand_over();
    let worker = worker
        .arg(WORK)
        .current_dir("/tmp")
        .env("TMPDIR", "/tmp")
        .env("PATH", "/")
        .envs(devices)
        .env(OWN_MACHINE, "1")
        .spawn();
    match worker {
        Ok(worker) => machine::reap_until(worker.id()),
        Err(error) => work::tell(&Event::Trouble(format!("cannot start the work: {error}"))),
    }
    machine::power_off()
}
