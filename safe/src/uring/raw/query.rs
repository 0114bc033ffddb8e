//! What the ring itself asks the kernel, without a ring: `IORING_REGISTER_QUERY`, since Linux 6.18.

use super::register::{Query, query};

/// The set-up flags that this kernel has, if it says. Since Linux 6.18.
pub(crate) fn setup_flags() -> Option<u64> {
    let mut answer = Default::default();
    asked(Query::opcodes(&mut answer))?;
    Some(answer.ring_setup_flags)
}

/// The size of what precedes the completions in the memory of the rings, and its alignment, if the kernel
/// says. Since Linux 6.19.
pub(crate) fn ring_header() -> Option<(usize, usize)> {
    let mut answer = Default::default();
    asked(Query::scq(&mut answer))?;
    let size = usize::try_from(answer.hdr_size).ok()?;
    let alignment = usize::try_from(answer.hdr_alignment).ok()?;
    (size != 0 && alignment.is_power_of_two()).then_some((size, alignment))
}

/// Asks, and says whether there is an answer.
fn asked(question: Query<'_>) -> Option<()> {
    let mut questions = [question];
    query(&mut questions).ok()?;
    questions[0].answered().ok().map(drop)
}
