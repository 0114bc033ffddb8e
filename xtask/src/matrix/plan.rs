//! What is run: which kernels, of which architectures.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::Args;
use super::arch::{ARCHES, Arch, X86_64, named};
use super::kernels::SERIES;

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
        wanted.push(Wanted {
            name: series.to_owned(),
            arch: &X86_64,
            kernel: Which::Series(series.to_owned()),
        });
    }
    for path in &args.kernel {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        wanted.push(Wanted {
            name: name.into_owned(),
            arch: &X86_64,
            kernel: Which::Image(path.clone()),
        });
    }
    for text in arches {
        let (arch, kernel) = match text.split_once(':') {
            Some((arch, series)) => (named(arch)?, Which::Series(series.to_owned())),
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
        assert_eq!(names("--kernel /tmp/bzImage").unwrap(), ["bzImage"]);
        assert_eq!(names("").unwrap().len(), SERIES.len() + ARCHES.len());
        assert_eq!(names("--arch all").unwrap().len(), ARCHES.len());
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        let error = names("--arch vax").unwrap_err().to_string();
        assert!(error.contains("s390x"), "{error}");
        assert!(names("--arch i686:6.12").is_err());
    }
}
