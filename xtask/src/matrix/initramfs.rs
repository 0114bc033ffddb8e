//! The machine's first file system: an uncompressed archive of the format `newc` (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use conformance::vm::{JOB, Job, MODULES, PROGRAMS};

use super::modules::Module;
use super::programs::Programs;

const FOLDER: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// The device number of `/dev/console`, which the kernel opens for init before anything is mounted.
const CONSOLE: (u32, u32) = (5, 1);

/// Writes the archive with init, the job, the programs and the modules to `path`.
pub(super) fn write(path: &Path, programs: &Programs, job: &Job, modules: &[Module]) -> Result<()> {
    let job = serde_json::to_vec(job)?;
    let init = read(&programs.init)?;
    let mut archive = Newc::new(Vec::new());
    for folder in [
        "dev",
        "proc",
        "sys",
        "tmp",
        in_archive(PROGRAMS),
        in_archive(MODULES),
    ] {
        archive.add(folder, FOLDER, (0, 0), &[])?;
    }
    archive.add("dev/console", CHARACTER_DEVICE, CONSOLE, &[])?;
    archive.add("init", EXECUTABLE, (0, 0), &init)?;
    archive.add(in_archive(JOB), PLAIN, (0, 0), &job)?;
    for (name, file) in &programs.tests {
        let name = format!("{}/{name}", in_archive(PROGRAMS));
        archive.add(&name, EXECUTABLE, (0, 0), &read(file)?)?;
    }
    for (i, Module { name, content }) in modules.iter().enumerate() {
        // Init loads them in the order of their names.
        let name = format!("{}/{i:03}-{name}.ko", in_archive(MODULES));
        archive.add(&name, PLAIN, (0, 0), content)?;
    }
    let archive = archive.finish()?;
    fs::write(path, archive).with_context(|| format!("cannot write {}", path.display()))
}

/// Names in an archive have no slash in front.
fn in_archive(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Writes an archive, entry by entry.
struct Newc<W> {
    out: W,
    /// How much has been written: every name and content is padded to four bytes.
    written: usize,
    entries: u32,
}

impl<W: Write> Newc<W> {
    fn new(out: W) -> Self {
        Newc {
            out,
            written: 0,
            entries: 0,
        }
    }

    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).map_err(io::Error::other)?;
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        // inode, mode, owner, group, links, time, size, device of the file, device number, name, checksum
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            device.0,
            device.1,
            name_size,
            0,
        ];
        let mut header = String::from("070701");
        for field in fields {
            header += &format!("{field:08X}");
        }
        self.put(header.as_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        self.put(content)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 3][..missing])
    }

    fn finish(mut self) -> io::Result<W> {
        self.add("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_has_the_documented_form() {
        let mut archive = Newc::new(Vec::new());
        archive.add("dir/x", PLAIN, (5, 1), b"hello").unwrap();
        let bytes = archive.finish().unwrap();
        let header = "070701\
            00000001000081A40000000000000000\
            00000001000000000000000500000000\
            000000000000000500000001\
            0000000600000000";
        assert_eq!(header.len(), 110);
        assert!(bytes.starts_with(header.as_bytes()), "{bytes:?}");
        assert_eq!(&bytes[110..124], b"dir/x\0hello\0\0\0");
        assert_eq!(&bytes[124..130], b"070701");
        assert!(bytes.len().is_multiple_of(4));
        assert!(bytes[124 + 110..].starts_with(b"TRAILER!!!\0"));
    }
}
