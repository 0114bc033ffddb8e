//! What several cases need: names of numbers, processors, files, pipes and sockets to work on, memory, signals and forked children.

pub mod cpus;
pub mod devices;
pub mod epoll;
pub mod files;
pub mod fork;
pub mod memory;
pub mod memory_group;
pub mod names;
pub mod namespace;
pub mod network;
pub mod signals;
pub mod sysctl;
