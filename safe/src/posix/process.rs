//! Which process may start operations, and the size of glibc's worker pool.

#[cfg(target_env = "gnu")]
use std::sync::OnceLock;
use std::time::Duration;

use super::error::Error;
use crate::fork::Generation;

/// The process that started its first operation: in its children glibc believes in worker threads that
/// are not there, and would wait for them for ever.
#[cfg(target_env = "gnu")]
static FIRST: OnceLock<Generation> = OnceLock::new();

/// The running process, if it may start operations.
pub(super) fn may_start() -> Result<Generation, Error> {
    let current = Generation::current().map_err(|_| Error::Os(libc::ENOMEM))?;
    #[cfg(target_env = "gnu")]
    if *FIRST.get_or_init(|| current) != current {
        return Err(Error::Forked);
    }
    Ok(current)
}

/// The size of glibc's worker pool, for [`init`]. The default is glibc's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Most worker threads; 20 by default, and 0 counts as 1.
    pub threads: u32,
    /// Operations for which memory is set aside at once; 64 by default, at least 32, rounded down to a
    /// multiple of 32. It is no limit.
    pub requests: u32,
    /// How long an idle worker waits for work before it ends, in whole seconds; 1 by default. Less than a
    /// second leaves it as it is.
    pub idle: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            threads: 20,
            requests: 64,
            idle: Duration::from_secs(1),
        }
    }
}

/// Sets the size of the worker pool: glibc's aio_init(3), since glibc 2.1.
///
/// glibc takes the sizes only before the process's first operation and later ignores them without a word,
/// so a later call is refused here. The first operation counts whoever starts it, but those of other
/// code than this module's cannot be seen.
///
/// # Errors
///
/// [`Error::AlreadyStarted`] after the first operation, [`Error::Forked`] in a child of the process that
/// started it, [`Error::Unsupported`] on musl, which has no pool: each operation has a thread of its own.
pub fn init(pool: Pool) -> Result<(), Error> {
    #[cfg(target_env = "gnu")]
    {
        if let Some(first) = FIRST.get() {
            return Err(if first.is_current() {
                Error::AlreadyStarted
            } else {
                Error::Forked
            });
        }
        let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let settings = posix_aio::aioinit {
            aio_threads: int(pool.threads),
            aio_num: int(pool.requests),
            aio_idle_time: i32::try_from(pool.idle.as_secs()).unwrap_or(i32::MAX),
            ..Default::default()
        };
        // SAFETY: the settings are live, and the library copies them.
        unsafe { posix_aio::aio_init(&settings) };
        Ok(())
    }
    #[cfg(not(target_env = "gnu"))]
    {
        let _ = pool;
        Err(Error::Unsupported)
    }
}
