//! The results as one HTML file that needs nothing else: items down, kernels across, the cases of an item below it.

use std::fmt::{self, Write};

use super::merged::{Item, Mark, Merged, Row};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What is said above the table.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The title.
    pub title: &'a str,
    /// Paragraphs.
    pub text: &'a [String],
}

/// Writes the page.
///
/// With one column the reasons have a column of their own, and every case is shown; with several they are tooltips, and
/// a click on an item shows its cases.
pub fn write(out: &mut impl Write, heading: Heading<'_>, merged: &Merged) -> fmt::Result {
    let title = Escaped(heading.title);
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}{}</style>\n<h1>{title}</h1>",
        divider(merged)
    )?;
    for paragraph in heading.text {
        writeln!(out, "<p>{}</p>", Escaped(paragraph))?;
    }
    let items = merged.items();
    controls(out, &items)?;
    let alone = merged.columns.len() == 1;
    let class = if alone { "alone" } else { "several" };
    writeln!(
        out,
        "<div class=\"wide\"><table class=\"{class}\">\n<thead><tr>"
    )?;
    head(out, "item", "name", "")?;
    head(out, "since", "version", "the first mainline kernel with it")?;
    if !alone {
        head(
            out,
            "works from",
            "version",
            "the first kernel here from which on all of x86-64 have it, at least in part",
        )?;
        head(
            out,
            "refused with",
            "name",
            "what kernels that lack something of it say",
        )?;
    }
    for (i, column) in merged.columns.iter().enumerate() {
        let counts = Mark::ALL.map(|mark| format!("{} {}", mark.symbol(), merged.count(i, mark)));
        let mut about = vec![
            column.version.clone().unwrap_or_default(),
            column.programs.clone(),
        ];
        about.push(counts.join("  "));
        about.extend(column.missing.iter().map(|why| format!("missing: {why}")));
        about.extend(column.troubles.iter().cloned());
        about.retain(|line| !line.is_empty());
        writeln!(
            out,
            "<th scope=\"col\" data-key=\"mark\" title=\"{}\"><button>{}</button><small>{}</small></th>",
            Escaped(&about.join("\n")),
            Escaped(&column.name),
            Escaped(column.version.as_deref().unwrap_or_default())
        )?;
    }
    if alone {
        head(out, "detail", "name", "")?;
    }
    writeln!(out, "</tr></thead>")?;
    for item in &items {
        group(out, item, merged)?;
    }
    writeln!(out, "</table></div>\n<script>{SCRIPT}</script>\n</html>")
}

/// The head of a column, which sorts by it: by `name`, `version` or `mark`.
fn head(out: &mut impl Write, name: &str, key: &str, about: &str) -> fmt::Result {
    writeln!(
        out,
        "<th scope=\"col\" data-key=\"{key}\" title=\"{}\"><button>{name}</button></th>",
        Escaped(about)
    )
}

/// A line before the first column of another architecture.
fn divider(merged: &Merged) -> String {
    let Some(at) = merged.columns.iter().position(|c| !c.is_series()) else {
        return String::new();
    };
    // Four columns come before, and CSS counts from 1.
    let place = at + 5;
    let rule = "{ border-left: 2px solid var(--s) }";
    format!("\n.several :is(td, th):nth-child({place}) {rule}")
}

/// The filters, which are the legend too.
fn controls(out: &mut impl Write, items: &[Item<'_>]) -> fmt::Result {
    writeln!(
        out,
        "<form><input type=\"search\" placeholder=\"Filter: read, EINVAL, 5.6…\" aria-label=\"Filter\">\n\
         <select aria-label=\"Area\"><option value=\"\">all areas</option>"
    )?;
    let mut areas: Vec<&str> = items.iter().map(|item| item.area).collect();
    areas.dedup();
    for area in areas {
        writeln!(out, "<option>{}</option>", Escaped(area))?;
    }
    writeln!(out, "</select>")?;
    for mark in Mark::ALL {
        writeln!(
            out,
            "<label class=\"{0}\"><input type=\"checkbox\" value=\"{0}\" checked> {1} {2}</label>",
            class(mark),
            mark.symbol(),
            mark.meaning()
        )?;
    }
    writeln!(
        out,
        "<label><input type=\"checkbox\" id=\"differ\"> only where kernels differ</label>\n\
         <label><input type=\"checkbox\" id=\"open\"> show cases</label>\n<output></output></form>"
    )
}

/// An item and its cases.
fn group(out: &mut impl Write, item: &Item<'_>, merged: &Merged) -> fmt::Result {
    let columns = merged.columns.len();
    let area = Escaped(item.area);
    let since = item.since();
    write!(
        out,
        "<tbody data-area=\"{area}\"><tr class=\"item\"><th scope=\"row\" title=\"{area}\"><button>{}</button></th><td>{}</td>",
        Escaped(item.name),
        Escaped(since)
    )?;
    if columns > 1 {
        let start = item.works_from(merged);
        let start = start.map_or_else(|| "–".to_owned(), |start| start.text(merged));
        let reasons = item.refusals(merged).join("; ");
        let (start, reasons) = (Escaped(&start), Escaped(&reasons));
        write!(
            out,
            "<td>{start}</td><td class=\"detail\" title=\"{reasons}\">{reasons}</td>"
        )?;
    }
    for column in 0..columns {
        cell(out, item.mark(column), &item.details(column).join("\n"))?;
    }
    if columns == 1 {
        let cases = item.rows.len();
        let word = if cases == 1 { "case" } else { "cases" };
        write!(out, "<td>{cases} {word}</td>")?;
    }
    writeln!(out, "</tr>")?;
    for row in &item.rows {
        case(out, row, columns)?;
    }
    writeln!(out, "</tbody>")
}

fn case(out: &mut impl Write, row: &Row, columns: usize) -> fmt::Result {
    let (id, since) = (Escaped(&row.id), Escaped(&row.since));
    write!(
        out,
        "<tr class=\"case\"><th scope=\"row\">{id}</th><td>{since}</td>"
    )?;
    let detail = |column: usize| {
        let answer = row.answers.get(column).and_then(Option::as_ref);
        answer.map_or("", |answer| answer.detail.as_str())
    };
    if columns > 1 {
        write!(out, "<td></td><td></td>")?;
    }
    for column in 0..columns {
        // Said beside it, it need not be a tooltip.
        let tooltip = if columns == 1 { "" } else { detail(column) };
        cell(out, row.mark(column), tooltip)?;
    }
    if columns == 1 {
        write!(out, "<td class=\"detail\">{}</td>", Escaped(detail(0)))?;
    }
    writeln!(out, "</tr>")
}

fn cell(out: &mut impl Write, mark: Mark, tooltip: &str) -> fmt::Result {
    let (class, symbol) = (class(mark), mark.symbol());
    match (mark, tooltip) {
        (Mark::Unknown, _) => write!(out, "<td></td>"),
        (_, "") => write!(out, "<td class=\"{class}\">{symbol}</td>"),
        (_, text) => {
            write!(
                out,
                "<td class=\"{class}\" title=\"{}\">{symbol}</td>",
                Escaped(text)
            )
        }
    }
}

/// The mark's class in the style sheet; short, for it stands in every cell.
fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Whole => "p",
        Mark::Part => "h",
        Mark::Refused => "u",
        Mark::Wrong => "f",
        Mark::Skipped => "s",
        Mark::Unknown => "",
    }
}

/// Text with the characters replaced that mean something in HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::merged::tests::sample as several;
    use crate::report::tests::sample;

    fn page(merged: &Merged) -> String {
        let heading = Heading {
            title: "A & B",
            text: &["1 < 2".to_owned()],
        };
        let mut page = String::new();
        write(&mut page, heading, merged).unwrap();
        page
    }

    #[test]
    fn the_page_is_escaped_and_self_contained() {
        let report = sample();
        let page = page(&Merged::of(&report));
        for text in [
            "read &lt;3&gt; &amp; &quot;4&quot; (a.rs:1)",
            "A &amp; B",
            "1 &lt; 2",
        ] {
            assert!(page.contains(text), "{page}");
        }
        assert_eq!(
            page.matches("<tr class=\"case\">").count(),
            report.cases.len()
        );
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_reason_is_a_tooltip_beside_other_kernels() {
        let page = page(&several());
        assert!(
            page.contains(
                "<td class=\"u\" title=\"unsupported &lt;6.7&gt;\">○</td><td class=\"p\">✔</td>"
            ),
            "{page}"
        );
        assert!(page.contains("<td class=\"h\" title="), "{page}");
        assert!(page.contains("title=\"5.10.9\nx86_64 musl\n✔ 1"), "{page}");
        for mark in Mark::ALL {
            assert!(page.contains(mark.meaning()), "{mark:?}");
        }
    }
}
