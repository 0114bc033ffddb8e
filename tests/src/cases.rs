//! The cases, a folder per interface and a file per subject. Each file has a `CASES` slice; `catalogue` names them all.

pub mod harness;
