//! The size of the huge pages that we ask for.

use std::fs;
use std::path::Path;

/// The size, in bytes, of the huge pages that [`Builder::setup_no_mmap_huge`](super::Builder::setup_no_mmap_huge) and
/// [`Allocation::HugePages`](super::region::Allocation::HugePages) take: 2 MiB where the machine has those, else its
/// default.
///
/// They have to be reserved: `/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages`.
pub fn huge_page_size() -> usize {
    // The default alone would not do: it may be set to 1 GiB. What is not known is left to the kernel to refuse.
    const USUAL: usize = 2 << 20;
    if Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").exists() {
        return USUAL;
    }
    let known = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    default_of(&known).unwrap_or(USUAL)
}

/// The default size in the text of `/proc/meminfo`, in bytes.
fn default_of(meminfo: &str) -> Option<usize> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("Hugepagesize:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024).filter(|size| size.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_read() {
        let table = [
            (
                "HugePages_Surp:        0\nHugepagesize:       1024 kB\n",
                Some(1 << 20),
            ),
            ("Hugepagesize:      32768 kB", Some(32 << 20)),
            ("Hugepagesize:       1023 kB", None),
            ("HugePages_Total:       1\n", None),
        ];
        for (text, size) in table {
            assert_eq!(default_of(text), size, "{text}");
        }
    }
}
