//! Who uses which bytes of a buffer.

use std::ops::Range;

/// The leases of one buffer: ranges that are somebody's alone, and ranges that several read.
#[derive(Debug)]
pub(super) struct Leases(Vec<Lease>);

#[derive(Debug)]
struct Lease {
    range: Range<usize>,
    /// How many share it, or 0 if it is one's alone.
    readers: usize,
}

impl Leases {
    /// None, with room for a few.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(4))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn overlaps(&self, range: &Range<usize>, counts: impl Fn(&Lease) -> bool) -> bool {
        let meets = |lease: &Lease| lease.range.start < range.end && range.start < lease.range.end;
        self.0.iter().any(|lease| counts(lease) && meets(lease))
    }

    /// Lends the range to one alone. False if somebody has a part of it.
    pub(super) fn lend(&mut self, range: Range<usize>) -> bool {
        let free = !self.overlaps(&range, |_| true);
        if free {
            self.0.push(Lease { range, readers: 0 });
        }
        free
    }

    /// Lends the range to one of several. False if somebody has a part of it alone.
    pub(super) fn share(&mut self, range: Range<usize>) -> bool {
        if self.overlaps(&range, |lease| lease.readers == 0) {
            return false;
        }
        match self.shared(&range) {
            Some(lease) => lease.readers += 1,
            None => self.0.push(Lease { range, readers: 1 }),
        }
        true
    }

    fn shared(&mut self, range: &Range<usize>) -> Option<&mut Lease> {
        self.0
            .iter_mut()
            .find(|lease| lease.range == *range && lease.readers > 0)
    }

    /// Takes one of the range's leases back.
    pub(super) fn give_back(&mut self, range: &Range<usize>) {
        // What is lent to one alone overlaps nothing, so a range names its leases.
        let Some(at) = self.0.iter().position(|lease| lease.range == *range) else {
            return;
        };
        let readers = &mut self.0[at].readers;
        *readers = readers.saturating_sub(1);
        if *readers == 0 {
            self.0.swap_remove(at);
        }
    }

    /// Makes a lease to several of one to one alone.
    pub(super) fn open(&mut self, range: &Range<usize>) {
        if let Some(lease) = self.0.iter_mut().find(|lease| lease.range == *range) {
            lease.readers = 1;
        }
    }

    /// Makes a lease to one alone of one to several. False if there are several.
    pub(super) fn close(&mut self, range: &Range<usize>) -> bool {
        let others = self.overlaps(range, |lease| lease.range != *range || lease.readers > 1);
        match self.shared(range) {
            Some(lease) if !others => {
                lease.readers = 0;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leases;

    #[test]
    fn what_one_has_alone_nobody_else_gets() {
        let mut leases = Leases::new();
        assert!(leases.lend(0..10));
        assert!(!leases.lend(9..12));
        assert!(!leases.share(0..1));
        assert!(leases.lend(10..12));
        leases.give_back(&(0..10));
        assert!(leases.lend(9..10));
        leases.give_back(&(9..10));
        leases.give_back(&(10..12));
        assert!(leases.is_empty());
    }

    #[test]
    fn readers_share_and_the_last_one_frees() {
        let mut leases = Leases::new();
        assert!(leases.share(0..10));
        assert!(leases.share(0..10));
        assert!(leases.share(5..15));
        assert!(!leases.lend(14..20));
        leases.give_back(&(5..15));
        assert!(!leases.close(&(0..10)));
        leases.give_back(&(0..10));
        assert!(leases.close(&(0..10)));
        assert!(!leases.share(3..4));
        leases.open(&(0..10));
        assert!(leases.share(3..4));
        assert!(!leases.close(&(0..10)));
    }
}
