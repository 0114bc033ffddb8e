//! What several cases need: names of numbers, and files, pipes and sockets to work on.

pub mod files;
pub mod names;
