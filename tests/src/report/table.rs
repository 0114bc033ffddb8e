//! The report as text for people.

use std::env;
use std::fmt::{self, Write};
use std::io::{IsTerminal, stdout};

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::{CaseReport, Outcome, Report};

/// What the output can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// It is a terminal: symbols, and lines that fit.
    pub terminal: bool,
    /// Colours are welcome.
    pub colour: bool,
}

impl Style {
    /// What standard output can show: colours on a terminal, unless `NO_COLOR` is set and not empty.
    pub fn of_stdout() -> Style {
        let terminal = stdout().is_terminal();
        let refused = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Style {
            terminal,
            colour: terminal && !refused,
        }
    }
}

/// Writes a table for each area.
pub fn write(out: &mut impl Write, report: &Report, style: Style) -> fmt::Result {
    for (title, cases) in report.by_area() {
        if !title.is_empty() {
            writeln!(out, "{title}")?;
        }
        writeln!(out, "{}\n", table(&cases, style))?;
    }
    Ok(())
}

fn table(cases: &[&CaseReport], style: Style) -> Table {
    let mut table = Table::new();
    if style.terminal {
        table
            .load_preset(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_preset(presets::ASCII_MARKDOWN);
    }
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
        // Without its own look at the terminal the table has no width to fit into.
        if let Some(width) = style.terminal.then(columns).flatten() {
            table.set_width(width);
        }
    }
    table.set_header(["id", "item", "since", "outcome", "detail", "ms"]);
    for case in cases {
        table.add_row(vec![
            Cell::new(&case.id),
            Cell::new(&case.item),
            Cell::new(&case.since),
            outcome(case.outcome, style),
            Cell::new(&case.detail),
            Cell::new(case.ms).set_alignment(CellAlignment::Right),
        ]);
    }
    table
}

fn outcome(outcome: Outcome, style: Style) -> Cell {
    if !style.terminal {
        return Cell::new(outcome.word());
    }
    let cell = Cell::new(format!("{} {}", outcome.symbol(), outcome.word()));
    match (style.colour, outcome) {
        (false, _) => cell,
        (true, Outcome::Pass) => cell.fg(Color::Green),
        (true, Outcome::Fail) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        (true, Outcome::Unsupported) => cell.fg(Color::Cyan),
        (true, Outcome::Skipped) => cell.fg(Color::Yellow),
    }
}

/// The width of the terminal on standard output.
fn columns() -> Option<u16> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes a winsize, which `size` is.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) };
    (result == 0 && size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    fn text(terminal: bool, colour: bool) -> String {
        let mut text = String::new();
        write(&mut text, &sample(), Style { terminal, colour }).unwrap();
        text
    }

    #[test]
    fn plain_text_has_neither_colours_nor_symbols() {
        let text = text(false, false);
        assert!(text.is_ascii(), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
        for word in [
            "io_uring: operations",
            "aio/read/eof",
            "EINVAL (since 5.6)",
            "needs root",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn a_terminal_without_colours_has_symbols() {
        let text = text(true, false);
        assert!(text.contains("✘ fail") && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_terminal_with_colours_has_both() {
        let text = text(true, true);
        assert!(text.contains("✘ fail") && text.contains('\x1b'), "{text}");
    }
}
