//! The report as one HTML page that needs nothing else.

use anyhow::Result;

use super::docs::METHOD;
use super::report::{Report, Sheet};
use super::timed::sheets;
use super::{advice, plot};

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.3rem } h3 { font-size: .95rem } summary { cursor: pointer; margin: .3rem 0 } svg { max-width: 100%; height: auto } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.wide { overflow-x: auto } table { border-collapse: collapse }
th, td { text-align: right; padding: .3rem .8rem; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums }
td { white-space: nowrap } th { background: #8881 } th:first-child, td:first-child { text-align: left }
";

/// The page.
pub(super) fn page(report: &Report) -> Result<String> {
    let machine = escaped(&report.machine.to_string());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>What asynchronous I/O costs</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>What asynchronous I/O costs</h1>\n<p>{machine}</p>\n"
    );
    for text in METHOD {
        page += &format!("<p>{}</p>\n", escaped(&text.replace('`', "")));
    }
    if !report.lines.is_empty() {
        page += &format!(
            "<h2>Which interface should I use</h2>\n<p>{}</p>\n<ul>\n",
            escaped(advice::INTRODUCTION)
        );
        for sentence in advice::sentences(&report.lines) {
            page += &format!("<li>{}</li>\n", escaped(&sentence.replace('`', "")));
        }
        page += &format!("</ul>\n{}", section("h3", &advice::table(&report.lines)));
    }
    for sheet in report.sheets() {
        page += &section("h2", &sheet);
    }
    for (group, lines) in sheets::groups(&report.lines) {
        page += &format!("<h2>{}</h2>\n<div class=\"wide\">", escaped(group));
        page += &plot::svg(&lines)?;
        page += "</div>\n";
        for sheet in sheets::of_group(&lines) {
            // The time is in the picture, and all figures are at hand.
            page += "<details><summary>";
            page += &escaped(&sheet.title);
            page += "</summary>\n";
            page += &table(&sheet);
            page += "</details>\n";
        }
    }
    if !report.lines.is_empty() {
        page += &section("h2", &report.behind());
    }
    for remark in report.remarks() {
        page += &format!("<p>{}</p>\n", escaped(&remark));
    }
    page += "</body>\n</html>\n";
    Ok(page)
}

fn section(heading: &str, sheet: &Sheet) -> String {
    let title = escaped(&sheet.title);
    format!("<{heading}>{title}</{heading}>\n{}", table(sheet))
}

fn table(sheet: &Sheet) -> String {
    let header = row("th", &sheet.header);
    let rows: String = sheet.rows.iter().map(|cells| row("td", cells)).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead>{header}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn row(tag: &str, cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<{tag}>{}</{tag}>", escaped(&cell.replace('`', ""))))
        .collect();
    format!("<tr>{cells}</tr>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
