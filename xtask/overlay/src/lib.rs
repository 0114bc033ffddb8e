//! From bindgen's output to bindings that a careful person would have written by hand.

pub mod targets;
