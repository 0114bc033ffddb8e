//! Rules that are broken on purpose, in a build that is made to show that the tests would notice.

/// Whether a rule is to be broken. Never, but with `--cfg ring_broken` and the rule's name in `RING_BROKEN`.
#[inline(always)]
pub(crate) fn broken(rule: &str) -> bool {
    cfg!(ring_broken) && std::env::var_os("RING_BROKEN").is_some_and(|broken| broken == rule)
}
