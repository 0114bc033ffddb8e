//! What both readings of the headers hand to libclang.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the C text is compiled for and from.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// clang's target triple; none means the machine's own (or cargo's `TARGET`).
    pub target: Option<String>,
    /// Header folders that replace the system's; empty means the system's own.
    pub include: Vec<PathBuf>,
    /// Macros to define (`NAME=VALUE`).
    pub define: Vec<String>,
    /// A folder for scratch files.
    pub scratch: PathBuf,
}

/// The few names of the compiler's own `stddef.h` that the C libraries' headers need: libclang comes
/// without it.
const STDDEF: &str = "\
#ifndef OVERLAY_STDDEF_H
#define OVERLAY_STDDEF_H
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __WCHAR_TYPE__ wchar_t;
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
";

impl Input {
    /// Writes the wrapper header and answers its path and clang's arguments.
    pub(crate) fn prepare(&self, wrapper: &str) -> Result<(PathBuf, Vec<String>)> {
        let stddef = self.scratch.join("stddef");
        std::fs::create_dir_all(&stddef)
            .with_context(|| format!("cannot create {}", stddef.display()))?;
        write(&stddef.join("stddef.h"), STDDEF)?;
        let header = self.scratch.join("wrapper.h");
        write(&header, wrapper)?;

        let mut args = Vec::new();
        if let Some(target) = &self.target {
            args.push(format!("--target={target}"));
        }
        if !self.include.is_empty() {
            args.push("-nostdinc".to_owned());
        }
        for folder in &self.include {
            args.push(format!("-isystem{}", folder.display()));
        }
        args.push(format!("-idirafter{}", stddef.display()));
        args.extend(self.define.iter().map(|define| format!("-D{define}")));
        Ok((header, args))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Loads libclang, or says what to install.
pub(crate) fn load() -> Result<()> {
    if clang_sys::is_loaded() {
        return Ok(());
    }
    clang_sys::load().map_err(|error| {
        anyhow::anyhow!(
            "libclang was not found ({error}). On Debian: apt-get install libclang1-19. \
             Elsewhere: install clang's shared library and, if it is in no usual place, name its \
             folder in LIBCLANG_PATH."
        )
    })
}
