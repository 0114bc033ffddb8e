//! The machine's C compiler.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use uapi_overlay::listing::Input;

/// A C compiler that runs, and the folder of its own headers.
#[derive(Debug)]
pub(crate) struct Compiler {
    name: String,
    include: PathBuf,
}

impl Compiler {
    /// `cc`, or what `CC` names.
    pub(crate) fn find() -> Result<Self> {
        Self::named(&std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
    }

    /// The compiler of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let output = match Command::new(name).arg("-print-file-name=include").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "there is no C compiler {name}, which the bindings are compared with. On Debian: \
                 apt-get install gcc libc6-dev. Another one may be named in CC."
            ),
            output => output.with_context(|| format!("cannot run {name}"))?,
        };
        Ok(Self {
            name: name.to_owned(),
            include: PathBuf::from(stdout(output)?.trim()),
        })
    }

    /// Compiles a program for this machine, runs it and answers what it printed.
    pub(crate) fn run(&self, input: &Input, libc: bool, text: &str) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program");
        let mut command = self.command(input, libc, folder.path(), text)?;
        stdout(command.arg("-o").arg(&program).output()?)?;
        stdout(Command::new(&program).output()?)
    }

    /// Compiles a text for 64-bit or 32-bit x86 and makes nothing of it, which takes no libraries.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn check(
        &self,
        input: &Input,
        libc: bool,
        is_32_bit: bool,
        text: &str,
    ) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut command = self.command(input, libc, folder.path(), text)?;
        command.arg(if is_32_bit { "-m32" } else { "-m64" });
        stdout(command.arg("-fsyntax-only").output()?).map(drop)
    }

    /// The macros without parameters that a text defines or includes, predefined ones among them, each
    /// with its body.
    pub(crate) fn macros(
        &self,
        input: &Input,
        libc: bool,
        text: &str,
    ) -> Result<Vec<(String, String)>> {
        let folder = tempfile::tempdir()?;
        let mut command = self.command(input, libc, folder.path(), text)?;
        let listing = stdout(command.args(["-E", "-dM"]).output()?)?;
        let defined = listing.lines().filter_map(|line| {
            let (name, body) = line.strip_prefix("#define ")?.split_once(' ')?;
            Some((name.to_owned(), body.trim().to_owned()))
        });
        Ok(defined.filter(|(name, _)| !name.contains('(')).collect())
    }

    fn command(&self, input: &Input, libc: bool, folder: &Path, text: &str) -> Result<Command> {
        let source = folder.join("source.c");
        std::fs::write(&source, text)?;
        let mut command = Command::new(&self.name);
        command.args(["-std=gnu11", "-nostdinc"]);
        for include in &input.include {
            command.arg("-isystem").arg(include);
        }
        // A C library leaves stddef.h to the compiler; the kernel's headers need none.
        if libc {
            command.arg("-isystem").arg(&self.include);
        }
        command.args(input.define.iter().map(|define| format!("-D{define}")));
        command.arg(source);
        Ok(command)
    }
}

fn stdout(output: Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
