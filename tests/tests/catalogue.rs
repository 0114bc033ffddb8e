//! Every case of the catalogue as a test of its own name.
//!
//! A case that this kernel refuses as documented, or that misses something, is shown as ignored with its reason, at its
//! line and once more at the end.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use conformance::case::Case;
use conformance::catalogue::catalogue;
use conformance::report::{CaseReport, Outcome};
use conformance::runner::Runner;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() -> ExitCode {
    let cases = catalogue();
    conformance::child::enter(&cases);
    let args = Arguments::from_args();
    let runner = match Runner::new() {
        Ok(runner) => Arc::new(runner),
        Err(error) => {
            eprintln!("cannot tell the kernel's version: {error}");
            return ExitCode::FAILURE;
        }
    };
    let passed_over = Arc::new(Mutex::new(Vec::new()));
    let trials = cases
        .into_iter()
        .map(|case| trial(case, Arc::clone(&runner), Arc::clone(&passed_over)));
    let conclusion = libtest_mimic::run(&args, trials.collect());

    let mut passed_over = passed_over.lock().unwrap_or_else(PoisonError::into_inner);
    passed_over.sort_by(|a, b| (a.outcome, &a.id).cmp(&(b.outcome, &b.id)));
    for case in passed_over.iter() {
        // Not on standard output, which may be asked to be JSON.
        eprintln!("{}: {}: {}", case.outcome.word(), case.id, case.detail);
    }
    conclusion.exit_code()
}

fn trial(
    case: &'static Case,
    runner: Arc<Runner>,
    passed_over: Arc<Mutex<Vec<CaseReport>>>,
) -> Trial {
    Trial::ignorable_test(case.id, move || {
        let result = runner.run(case);
        match result.outcome {
            Outcome::Pass => Ok(Completion::Completed),
            Outcome::Fail => Err(Failed::from(result.detail)),
            Outcome::Unsupported | Outcome::Skipped => {
                let reason = format!("{}: {}", result.outcome.word(), result.detail);
                let mut list = passed_over.lock().unwrap_or_else(PoisonError::into_inner);
                list.push(result);
                Ok(Completion::ignored_with(reason))
            }
        }
    })
}
