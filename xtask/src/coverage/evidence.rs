//! What kind of evidence there is for an item: that it works on real data, and that bad input is refused; and, for an
//! opcode, that it does so through each of the crates' layers.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use conformance::case::Case;
use conformance::cases::uring_ring::NONE;

/// How an item without a case of its own for bad input is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// This case feeds it: an unknown value of its enumeration, say, which is no item.
    Case(&'a str),
    /// It is no input, for this reason.
    None(&'a str),
}

/// The lines `PATTERN: case ID` and `PATTERN: none, REASON` of `tests/coverage-bad.txt`.
pub(super) fn rules(text: &str) -> Result<Vec<(&str, Rule<'_>)>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let rule = line.split_once(": ").and_then(|(pattern, rest)| {
                let rule = match rest.split_once(' ')? {
                    ("case", id) => Rule::Case(id),
                    ("none,", reason) => Rule::None(reason),
                    _ => return None,
                };
                Some((pattern, rule))
            });
            match rule {
                Some(rule) => Ok(rule),
                None => bail!("neither a case nor a reason: {line:?}"),
            }
        })
        .collect()
}

/// What is wrong, item by item. `items` are those that must have evidence.
pub(super) fn faults<'a>(
    cases: &[&Case],
    items: &BTreeSet<&'a str>,
    rules: &[(&'a str, Rule<'_>)],
) -> Vec<(String, &'static str)> {
    let (mut good, mut bad) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
    for case in cases.iter().filter(|case| !super::is_announcement(case)) {
        let to = if case.is_bad() { &mut bad } else { &mut good };
        to.extend(case.items);
    }
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.base()).collect();
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for item in items {
        let rule = rules
            .iter()
            .find(|(pattern, _)| super::matches(pattern, item));
        if !good.contains(item) {
            faults.push((item.to_string(), "no case makes it work on real data"));
        }
        if bad.contains(item) {
            continue;
        }
        match rule {
            Some((pattern, _)) => _ = used.insert(*pattern),
            None => faults.push((item.to_string(), "no case feeds it bad input")),
        }
    }
    for (pattern, rule) in rules {
        if !used.contains(pattern) {
            let fault = "nothing needs this line of tests/coverage-bad.txt";
            faults.push((pattern.to_string(), fault));
        }
        if let Rule::Case(id) = rule
            && !ids.contains(id)
        {
            faults.push((id.to_string(), "no such case, in tests/coverage-bad.txt"));
        }
    }
    faults
}

/// The areas with cases through a layer, and the opcodes that the layer does not have.
type Layer = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

/// The crates' layers over io_uring.
const LAYERS: [(&str, Layer); 2] = [
    // Zero-copy receive needs more than one opcode, and has an area of its own for that.
    ("safe::uring::raw", (&["uring/raw/", "uring/zcrx/"], &[])),
    ("safe::uring::Ring", (&["uring/ring/"], NONE)),
];

/// The opcodes that no case exercises through a layer, and those that a layer is said not to have and has.
pub(super) fn layers(cases: &[&Case], opcodes: &BTreeSet<&str>) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    for (layer, (areas, without)) in LAYERS {
        let through: BTreeSet<&str> = cases
            .iter()
            .filter(|case| areas.iter().any(|area| case.id.starts_with(area)))
            .flat_map(|case| case.items)
            .copied()
            .collect();
        let without: BTreeMap<&str, &str> = without.iter().copied().collect();
        for opcode in opcodes {
            let fault = match (through.contains(opcode), without.contains_key(opcode)) {
                (false, false) => "no case goes through this layer",
                (true, true) => "is said not to be in this layer, and a case goes through it",
                _ => continue,
            };
            faults.push((format!("{opcode} in {layer}"), fault));
        }
        for unknown in without.keys().filter(|opcode| !opcodes.contains(**opcode)) {
            faults.push((format!("{unknown} in {layer}"), "no such opcode"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::case::{kernel, pass};

    const fn case(id: &'static str, items: &'static [&'static str]) -> Case {
        Case::new(id, items, kernel(5, 1), |_| pass())
    }

    static GOOD: Case = case("uring/op/a/whole", &["A", "B"]);
    static BAD: Case = case("uring/op/a/bad_length@xfs", &["A"]);

    #[test]
    fn each_line_is_a_case_or_a_reason() {
        let lines = rules("# about\nA_*: case x/y\nB: none, an answer").unwrap();
        assert_eq!(
            lines,
            [("A_*", Rule::Case("x/y")), ("B", Rule::None("an answer"))]
        );
        for wrong in ["A", "A: ", "A: case", "A: because"] {
            assert!(rules(wrong).is_err(), "{wrong}");
        }
    }

    /// Cases, an item, the rules, and the faults that there are.
    type Row<'a> = (
        &'a [&'a Case],
        &'a str,
        &'a [(&'a str, Rule<'a>)],
        &'a [&'a str],
    );

    #[test]
    fn an_item_needs_both_kinds_of_evidence() {
        let table: &[Row<'_>] = &[
            (&[&GOOD, &BAD], "A", &[], &[]),
            (&[&GOOD], "A", &[], &["no case feeds it bad input"]),
            (&[&BAD], "A", &[], &["no case makes it work on real data"]),
            (&[&GOOD], "B", &[("B", Rule::None("an answer"))], &[]),
            (
                &[&GOOD, &BAD],
                "B",
                &[("B*", Rule::Case("uring/op/a/bad_length"))],
                &[],
            ),
            (
                &[&GOOD],
                "B",
                &[("B", Rule::Case("x/y"))],
                &["no such case, in tests/coverage-bad.txt"],
            ),
            (
                &[&GOOD, &BAD],
                "A",
                &[("A", Rule::None("an answer"))],
                &["nothing needs this line of tests/coverage-bad.txt"],
            ),
        ];
        for (cases, item, rules, expected) in table {
            let got = faults(cases, &BTreeSet::from([*item]), rules);
            let got: Vec<&str> = got.iter().map(|(_, fault)| *fault).collect();
            assert_eq!(got, *expected, "{item} {rules:?}");
        }
    }

    #[test]
    fn an_opcode_needs_a_case_in_each_layer() {
        let through = |id, item| [case(id, item)];
        let raw = through("uring/raw/x", &["IORING_OP_NOP128"]);
        let raw: Vec<&Case> = raw.iter().collect();
        // The ring without unsafe has no operation for this one, and the other opcodes of its list are unknown here.
        let opcodes = BTreeSet::from(["IORING_OP_NOP128"]);
        let got = layers(&raw, &opcodes);
        assert_eq!(got.len(), NONE.len() - 1, "{got:?}");
        let got = layers(&[], &opcodes);
        assert_eq!(got.len(), NONE.len(), "{got:?}");
        assert_eq!(got[0].1, "no case goes through this layer");
    }
}
