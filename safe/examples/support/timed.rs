//! How long an operation of native AIO takes to submit, and to wait for.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::time::{Duration, Instant};

use safe::aio::{Context, op};

/// The two parts of the time that an operation takes.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    submitted: Duration,
    waited: Duration,
    /// Whether its result was there when the submission was over: then that is where it was carried out.
    pub(crate) blocks: bool,
}

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "submitted in {:.1?}, waited {:.1?}",
            self.submitted, self.waited
        )
    }
}

/// Does one operation.
pub(crate) fn timed<O: op::Operation>(operation: O) -> io::Result<(Times, O::Output)> {
    Context::new(1)?.scope(|scope| {
        let ticket = scope.push(operation)?;
        let begun = Instant::now();
        // What is refused is over as well.
        let _ = scope.submit()?;
        let submitted = begun.elapsed();
        let blocks = scope.poll()? == 1 || ticket.is_done();
        let output = scope.wait(ticket)?;
        let times = Times {
            submitted,
            waited: begun.elapsed() - submitted,
            blocks,
        };
        Ok((times, output))
    })
}
