pub(super) static CASES: &[crate::case::Case] = &[];
