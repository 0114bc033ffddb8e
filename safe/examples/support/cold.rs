//! A file that is on the disk, and not in memory.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{Advice, fadvise};

/// So many bytes `A`, in a file without a name.
pub(crate) fn cold(size: usize) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&vec![b'A'; size])?;
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(file)
}
