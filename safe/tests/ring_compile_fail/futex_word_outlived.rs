//! A word that is borrowed is not `'static` because a lifetime that stands for it can grow.
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use safe::uring::op::Part;

type Owner<'word> = PhantomData<fn(&'word AtomicU32)>;

fn part<'word>(owner: Arc<Owner<'word>>, word: &'word AtomicU32) -> Part<Owner<'word>> {
    Part::new(owner, move |_| word)
}

fn longer(word: &AtomicU32) -> Part<Owner<'static>> {
    part(Arc::new(PhantomData), word)
}

fn main() {
    let _ = longer(&AtomicU32::new(7));
}
