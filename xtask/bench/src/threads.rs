//! The threads of this program.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

/// Waits until the threads of contenders that are gone have ended, all but those that the kernel has for io_uring: they
/// run nothing of this program's, and the last of them stays.
pub(crate) fn wait_until_alone() -> Result<()> {
    for _ in 0..2000 {
        if others()? == 0 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    bail!("threads of a contender that is gone still run")
}

fn others() -> Result<usize> {
    let mut count = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // One that has ended meanwhile has no name any more.
        let name = fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        count += usize::from(!name.is_empty() && !name.starts_with("iou-"));
    }
    Ok(count - 1)
}
