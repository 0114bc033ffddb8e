//! The report as one HTML page that needs nothing else.

use super::report::{Report, Sheet};

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.wide { overflow-x: auto } table { border-collapse: collapse }
th, td { text-align: right; padding: .3rem .8rem; border-bottom: 1px solid #8884; font-variant-numeric: tabular-nums }
th { background: #8881 } th:first-child, td:first-child { text-align: left }
";

/// The page.
pub(super) fn page(report: &Report) -> String {
    let setting = escaped(&report.setting());
    let sheets: String = report.sheets().iter().map(section).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Cost of an operation</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Cost of an operation</h1>\n<p>{setting}</p>\n{sheets}</body>\n</html>\n"
    )
}

fn section(sheet: &Sheet) -> String {
    let header = row("th", &sheet.header);
    let rows: String = sheet.rows.iter().map(|cells| row("td", cells)).collect();
    let title = escaped(sheet.title);
    format!(
        "<h2>{title}</h2>\n<div class=\"wide\"><table>\n<thead>{header}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn row(tag: &str, cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)))
        .collect();
    format!("<tr>{cells}</tr>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
