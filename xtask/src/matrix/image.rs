//! Kernels that are wrapped for EFI firmware: unpacked, where the emulator boots without firmware.
//!
//! The form is that of the kernel's `drivers/firmware/efi/libstub/zboot-header.S`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The payload of a wrapped kernel and how it is compressed, or nothing if the image is not wrapped.
fn payload(image: &[u8]) -> Option<(&str, &[u8])> {
    let word = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    if image.get(4..8)? != b"zimg" {
        return None;
    }
    let (start, size) = (word(8)?, word(12)?);
    let name = image.get(24..56)?.split(|byte| *byte == 0).next()?;
    let end = start.checked_add(size)?;
    Some((std::str::from_utf8(name).ok()?, image.get(start..end)?))
}

/// The image to boot: `image` itself, or what is wrapped in it, as a file in `folder`.
pub(super) fn bootable(image: &Path, folder: &Path) -> Result<PathBuf> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let Some((compression, payload)) = payload(&bytes) else {
        return Ok(image.to_owned());
    };
    let program = match compression {
        "gzip" => "gzip",
        "zstd" | "zstd22" => "zstd",
        "xz" | "xzkern" => "xz",
        "lz4" => "lz4",
        other => bail!("{} is compressed with {other:?}", image.display()),
    };
    let compressed = folder.join("image.compressed");
    fs::write(&compressed, payload)?;
    let output = Command::new(program)
        .arg("-dc")
        .stdin(fs::File::open(&compressed)?)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    // What follows the compressed data, its size, may be complained about.
    ensure!(
        !output.stdout.is_empty(),
        "cannot unpack {}: {}",
        image.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let unpacked = folder.join("image");
    fs::write(&unpacked, output.stdout)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_kernel_is_told_from_a_plain_one() {
        let mut image = b"MZ\0\0zimg".to_vec();
        image.extend(64u32.to_le_bytes());
        image.extend(3u32.to_le_bytes());
        image.resize(24, 0);
        image.extend(b"gzip");
        image.resize(64, 0);
        image.extend(b"abcd");
        assert_eq!(payload(&image), Some(("gzip", &b"abc"[..])));
        assert_eq!(payload(&image[..66]), None, "too short");
        assert_eq!(payload(b"\x7fELF and so on, which is long enough"), None);
    }
}
