//! The huge pages that are reserved here.

use safe::uring::raw::huge_page_size;

/// How many of those that the crate would take are free.
pub(crate) fn free() -> usize {
    let folder = format!("hugepages-{}kB", huge_page_size() / 1024);
    let count =
        std::fs::read_to_string(format!("/sys/kernel/mm/hugepages/{folder}/free_hugepages"));
    count.map_or(0, |count| count.trim().parse().expect("a number"))
}
