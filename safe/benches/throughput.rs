//! How long rounds of operations take: `cargo bench --package safe --bench throughput`.
//!
//! Figures of one run compare with each other, not with those of another machine or day.

mod workload;

use divan::Bencher;
use divan::counter::ItemsCount;

use workload::in_place::InPlace;
use workload::safe_ring::{Owned, Scoped, Tagged};
use workload::{Implementation, Pages, ours, peer};

const BATCHES: [u32; 4] = [1, 8, 32, 128];

fn main() {
    divan::main();
}

fn measure_nops<I: Implementation>(bencher: Bencher, batch: u32) {
    let mut ring = I::new();
    bencher
        .counter(ItemsCount::new(batch))
        .bench_local(|| ring.nops(batch));
}

fn measure_reads<I: Implementation>(bencher: Bencher, batch: u32) {
    let mut ring = I::new();
    let mut pages = Pages::new();
    bencher
        .counter(ItemsCount::new(batch))
        .bench_local(|| ring.reads(batch, &mut pages));
}

/// NOPs, which cost nothing but the way to the kernel and back.
#[divan::bench_group]
mod nop {
    use super::*;

    #[divan::bench(args = BATCHES)]
    fn push(bencher: Bencher, batch: u32) {
        measure_nops::<ours::Push>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn in_place(bencher: Bencher, batch: u32) {
        measure_nops::<InPlace>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn io_uring(bencher: Bencher, batch: u32) {
        measure_nops::<peer::Push>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn owned(bencher: Bencher, batch: u32) {
        measure_nops::<Owned>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn scoped(bencher: Bencher, batch: u32) {
        measure_nops::<Scoped>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn tagged(bencher: Bencher, batch: u32) {
        measure_nops::<Tagged>(bencher, batch);
    }
}

/// Reads of 4 KiB that the page cache serves.
#[divan::bench_group]
mod read4k {
    use super::*;

    #[divan::bench(args = BATCHES)]
    fn push(bencher: Bencher, batch: u32) {
        measure_reads::<ours::Push>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn in_place(bencher: Bencher, batch: u32) {
        measure_reads::<InPlace>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn io_uring(bencher: Bencher, batch: u32) {
        measure_reads::<peer::Push>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn owned(bencher: Bencher, batch: u32) {
        measure_reads::<Owned>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn scoped(bencher: Bencher, batch: u32) {
        measure_reads::<Scoped>(bencher, batch);
    }

    #[divan::bench(args = BATCHES)]
    fn tagged(bencher: Bencher, batch: u32) {
        measure_reads::<Tagged>(bencher, batch);
    }
}
