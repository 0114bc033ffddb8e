//! Standard output, which may be read by a program that ends early.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes text. A reader that has closed it, as `head` does, has read enough: that is no error.
///
/// # Errors
///
/// Standard output cannot be written to.
pub fn write(text: &str) -> Result<()> {
    into(&mut io::stdout().lock(), text)
}

/// Writes a line, as [`write()`] does.
///
/// # Errors
///
/// As for [`write()`].
pub fn line(text: &str) -> Result<()> {
    write(&format!("{text}\n"))
}

fn into(out: &mut impl Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// Refuses everything with an error of this kind.
    struct Refuses(ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_read_enough_is_no_error() {
        assert!(into(&mut Refuses(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(into(&mut Refuses(ErrorKind::StorageFull), "x").is_err());
        let mut out = Vec::new();
        into(&mut out, "x").unwrap();
        assert_eq!(out, b"x");
    }
}
