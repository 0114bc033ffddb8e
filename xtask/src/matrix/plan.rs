//! What is run: which kernels, of which architectures.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::Args;
use super::arch::{ARCHES, Arch, X86_64, named};
use super::kernels::{SERIES, parsed};

/// A kernel to run, and so a column of the table.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What the column is called.
    pub(super) name: String,
    pub(super) arch: &'static Arch,
    pub(super) kernel: Which,
}

/// Which kernel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The newest of a series.
    Series(String),
    /// The newest that the archive has; without a machine of its own, this system's.
    Newest,
    /// One's own image.
    Image(PathBuf),
}

/// Everything that the arguments ask for; the kernels of an architecture follow one another.
pub(super) fn wanted(args: &Args) -> Result<Vec<Wanted>> {
    let everything = is_everything(args);
    let series: Vec<&str> = if everything {
        SERIES.to_vec()
    } else {
        args.kernels.iter().map(String::as_str).collect()
    };
    let arches: Vec<&str> = if everything || args.arch.iter().any(|arch| arch == "all") {
        ARCHES.iter().map(|arch| arch.name).collect()
    } else {
        args.arch.iter().map(String::as_str).collect()
    };
    let mut wanted = Vec::new();
    for series in series {
        parsed(series)?;
        wanted.push(Wanted {
            name: series.to_owned(),
            arch: &X86_64,
            kernel: Which::Series(series.to_owned()),
        });
    }
    for path in &args.kernel {
        ensure!(path.is_file(), "{} is no file", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        wanted.push(Wanted {
            name: name.into_owned(),
            arch: &X86_64,
            kernel: Which::Image(path.clone()),
        });
    }
    for text in arches {
        let (arch, kernel) = match text.split_once(':') {
            Some((arch, series)) => {
                parsed(series)?;
                (named(arch)?, Which::Series(series.to_owned()))
            }
            None => (named(text)?, Which::Newest),
        };
        ensure!(
            arch.machine.is_some() || kernel == Which::Newest,
            "{} runs on this system's own kernel",
            arch.name
        );
        wanted.push(Wanted {
            name: text.to_owned(),
            arch,
            kernel,
        });
    }
    for (i, one) in wanted.iter().enumerate() {
        let twice = wanted[..i].iter().any(|other| other.name == one.name);
        ensure!(!twice, "two kernels are called {}", one.name);
    }
    Ok(wanted)
}

/// Whether no kernel and no architecture was named.
pub(super) fn is_everything(args: &Args) -> bool {
    args.kernels.is_empty() && args.kernel.is_empty() && args.arch.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn names(line: &str) -> Result<Vec<String>> {
        let words = ["matrix"].into_iter().chain(line.split_whitespace());
        let wanted = wanted(&Command::parse_from(words).args)?;
        Ok(wanted.into_iter().map(|wanted| wanted.name).collect())
    }

    #[test]
    fn what_is_named_is_run_and_nothing_else() {
        assert_eq!(
            names("--kernels 5.10,7.3 --arch s390x").unwrap(),
            ["5.10", "7.3", "s390x"]
        );
        assert_eq!(
            names("--arch i686,s390x:6.12").unwrap(),
            ["i686", "s390x:6.12"]
        );
        let image = tempfile::NamedTempFile::new().unwrap();
        let path = image.path().to_str().unwrap();
        let name = image.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(names(&format!("--kernel {path}")).unwrap(), [name]);
        assert_eq!(names("").unwrap().len(), SERIES.len() + ARCHES.len());
        assert_eq!(names("--arch all").unwrap().len(), ARCHES.len());
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        let table = [
            ("--arch vax", "s390x"),
            ("--arch i686:6.12", "own kernel"),
            ("--arch s390x:six", "no kernel series"),
            ("--kernels six", "no kernel series"),
            ("--kernel /nonexistent/bzImage", "is no file"),
            ("--kernels 6.12,6.12", "two kernels are called 6.12"),
        ];
        for (line, expected) in table {
            let error = names(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
