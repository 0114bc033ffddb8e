//! The report as one HTML file that needs nothing else.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{Outcome, Report};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --head: #8881; --pass: #18794e; --fail: #c6282d; --unsupported: #0b68a0; --skipped: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --pass: #4cc38a; --fail: #ff7b7b; --unsupported: #6cb8f0; --skipped: #e5b454 } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
input { font: inherit; padding: .4rem .6rem; width: min(30rem, 100%); box-sizing: border-box }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line) }
th { background: var(--head) } td:last-child, th:last-child { text-align: right }
code { font: .9em ui-monospace, monospace } .detail { white-space: pre-wrap; overflow-wrap: anywhere }
.outcome { white-space: nowrap; font-weight: 600 }
.pass .outcome { color: var(--pass) } .fail .outcome { color: var(--fail) }
.unsupported .outcome { color: var(--unsupported) } .skipped .outcome { color: var(--skipped) }
";

/// Shows the rows that contain each word of the input, and the sections that have any.
const SCRIPT: &str = "
const input = document.querySelector('input');
input.addEventListener('input', () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  for (const section of document.querySelectorAll('section')) {
    let any = false;
    for (const row of section.querySelectorAll('tbody tr')) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      any ||= !row.hidden;
    }
    section.hidden = !any;
  }
});
";

/// Writes the page.
pub fn write(out: &mut impl Write, report: &Report, took: Duration) -> fmt::Result {
    let kernel = Escaped(&report.kernel);
    let summary = report.summary(took).to_string();
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Conformance of {kernel}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Asynchronous I/O: conformance of {kernel}</h1>\n<p>{}</p>\n\
         <p><input type=\"search\" placeholder=\"Filter: fail, IORING_OP_READ, 5.6…\" aria-label=\"Filter\"></p>",
        Escaped(&summary)
    )?;
    for (title, cases) in report.by_area() {
        writeln!(
            out,
            "<section>\n<h2>{}</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>id</th><th>item</th><th>since</th>\
             <th>outcome</th><th>detail</th><th>ms</th></tr></thead>\n<tbody>",
            Escaped(title)
        )?;
        for case in cases {
            let outcome: Outcome = case.outcome;
            let (word, symbol) = (outcome.word(), outcome.symbol());
            writeln!(
                out,
                "<tr class=\"{word}\"><td><code>{}</code></td><td><code>{}</code></td><td>{}</td>\
                 <td class=\"outcome\">{symbol} {word}</td><td class=\"detail\">{}</td><td>{}</td></tr>",
                Escaped(&case.id),
                Escaped(&case.item),
                Escaped(&case.since),
                Escaped(&case.detail),
                case.ms
            )?;
        }
        writeln!(out, "</tbody>\n</table></div>\n</section>")?;
    }
    writeln!(out, "<script>{SCRIPT}</script>\n</body>\n</html>")
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
    use crate::report::tests::sample;

    #[test]
    fn the_page_is_escaped_and_self_contained() {
        let mut page = String::new();
        write(&mut page, &sample(), Duration::from_secs(1)).unwrap();
        assert!(
            page.contains("read &lt;3&gt; &amp; &quot;4&quot; (a.rs:1)"),
            "{page}"
        );
        assert_eq!(page.matches("<tr class=").count(), sample().cases.len());
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        for outcome in Outcome::ALL {
            let shown = format!("{} {}</td>", outcome.symbol(), outcome.word());
            assert!(page.contains(&shown), "{shown}");
        }
    }
}
