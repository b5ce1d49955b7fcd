//! A table of deliveries, refusals and gaps for spreadsheets (RFC 4180).

use std::io::{self, Write};

use jiff::Timestamp;

use crate::callback::{Ambiguity, Callback, Delivery, NotedGap, RefusalEntry, Verdict};
use crate::text::Printable;

const HEADING: &str = "kind,number,time,source,peer,verdict,key,event,asset_id,asset_name,\
    version_id,version_locale,effect,count,note,body_bytes";

/// Writes rows.
#[derive(Debug)]
pub struct CsvWriter<W> {
    out: W,
}

/// A row, in the order of the columns. What is empty is an empty cell.
#[derive(Default)]
struct CsvRow<'a> {
    kind: &'static str,
    number: u64,
    at: Timestamp,
    source: &'a str,
    peer: &'a str,
    verdict: &'a str,
    key: &'a str,
    claim: Callback,
    name: Option<&'a str>,
    effect: &'a str,
    count: u64,
    note: &'a str,
    body_bytes: Option<usize>,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the names of the columns.
    pub fn begin(mut out: W) -> io::Result<Self> {
        write!(out, "{HEADING}\r\n")?;
        Ok(Self { out })
    }

    /// Writes a delivery, with the name of its asset, if it has one.
    pub fn delivery(&mut self, delivery: &Delivery, name: Option<&str>) -> io::Result<()> {
        let key = match &delivery.verdict {
            Verdict::Valid { key, .. } => key,
            _ => "",
        };
        let uncertain = delivery.outcome.uncertain.map(Ambiguity::sentence);
        let note = delivery.callback.unreadable.as_deref().or(uncertain).unwrap_or_default();
        self.row(&CsvRow {
            kind: "delivery",
            number: delivery.seq,
            at: delivery.request.received_at,
            source: delivery.request.source.name(),
            peer: &delivery.request.peer,
            verdict: delivery.verdict.name(),
            key,
            claim: delivery.callback.clone(),
            name,
            effect: delivery.outcome.effect.name(),
            count: 1,
            note,
            body_bytes: Some(delivery.request.body.len()),
        })
    }

    /// Writes an entry of the log of refusals, with what its last body claims.
    pub fn refusal(&mut self, listed: &RefusalEntry, name: Option<&str>) -> io::Result<()> {
        let refusal = &listed.refusal;
        self.row(&CsvRow {
            kind: "refusal",
            number: listed.id,
            at: refusal.at,
            peer: &refusal.peer,
            verdict: refusal.kind.name(),
            claim: Callback::claimed(&refusal.body.bytes),
            name,
            count: refusal.count,
            note: &refusal.why,
            ..CsvRow::default()
        })
    }

    /// Writes a gap.
    pub fn gap(&mut self, noted: &NotedGap) -> io::Result<()> {
        self.row(&CsvRow {
            kind: "gap",
            number: noted.id,
            at: noted.gap.at,
            count: noted.gap.count,
            note: noted.gap.why(),
            ..CsvRow::default()
        })
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn row(&mut self, row: &CsvRow<'_>) -> io::Result<()> {
        let claim = &row.claim;
        write!(self.out, "{},{},{:.6}", row.kind, row.number, row.at)?;
        let [event, asset_id, version_id, locale] =
            [&claim.event, &claim.asset_id, &claim.version_id, &claim.version_locale]
                .map(|text| text.as_deref().unwrap_or_default());
        let name = row.name.unwrap_or_default();
        let (source, peer, verdict, key) = (row.source, row.peer, row.verdict, row.key);
        for text in
            [source, peer, verdict, key, event, asset_id, name, version_id, locale, row.effect]
        {
            write!(self.out, ",{}", cell(text))?;
        }
        let bytes = row.body_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        write!(self.out, ",{},{},{bytes}\r\n", row.count, cell(row.note))
    }
}

/// Characters with which a formula begins, in a spreadsheet of any language.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Returns a text as a cell that no spreadsheet takes for a formula, whatever it takes for the end of
/// a cell: in front of a character with which one begins stands a `'`, also where the text would be
/// cut at a semicolon, a comma or a bar. Control characters, tabs and line ends are visible.
fn cell(text: &str) -> String {
    let text = if text.is_empty() { Printable::default() } else { Printable::new(text) };
    let mut cell = String::with_capacity(text.as_str().len() + 2);
    let mut is_start = true;
    for c in text.as_str().chars() {
        if is_start && FORMULA.contains(&c) {
            cell.push('\'');
        }
        is_start = matches!(c, ',' | ';' | '|' | '"' | '\'') || is_start && c == ' ';
        if c == '"' {
            cell.push('"');
        }
        cell.push(c);
    }
    let is_plain = !cell.contains([',', ';', '"']) && cell.trim() == cell;
    if is_plain { cell } else { format!("\"{cell}\"") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("", ""),
            ("ast_1", "ast_1"),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\\u{9}=1"),
            ("\r=1", "\\u{d}=1"),
            ("a\n=1", "a\\u{a}=1"),
            (" =1", "\" '=1\""),
            ("＝1", "'＝1"),
            ("a;=1", "\"a;'=1\""),
            ("a, \"=1\"", "\"a, \"\"'=1\"\"\""),
            ("ver-1", "ver-1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    proptest! {
        /// Whatever a spreadsheet takes for the delimiter, and whether it honours quotes or not.
        #[test]
        fn no_piece_of_a_cell_is_a_formula(text in "[a=+@,;|\"' \t\r\n-]{0,12}") {
            let cell = cell(&text);
            prop_assert!(!cell.chars().any(char::is_control));
            for piece in cell.split([',', ';', '|', '"']) {
                prop_assert!(!piece.trim_start().starts_with(FORMULA), "{cell:?}");
            }
        }
    }
}
