//! One delivery or refusal in full, as read from the journal, and its tabs as lines.

mod forward;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde::de::IgnoredAny;

use super::row::Row;
use super::tab::Tab;
use crate::callback::{EarlierBody, Headers, Verdict, without_mark};
use crate::forward::ForwardAttempt;
use crate::text::Printable;

/// Maximum bytes of a body that are formatted, and maximum lines made of them: formatting stays
/// fast, and the rest can still be copied.
const MAX_BYTES: usize = 256 * 1024;
const MAX_LINES: usize = 20_000;
/// Bytes per line in hex.
const HEX_BYTES: usize = 16;

/// A delivery or refusal with its body and the steps of its signature check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Its summary.
    pub row: Row,
    /// When it was written to the journal; `None` for refusals.
    pub committed_at: Option<Timestamp>,
    /// Method and path, as sent.
    pub request: String,
    /// The headers, with secrets removed.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Whether the stored body is cut.
    pub truncated: bool,
    /// For a refusal, the earlier bodies of the same kind, newest first.
    pub earlier: Vec<EarlierBody>,
    /// The result of checking it now, with the keys of this run.
    pub verdict: Verdict,
    /// The steps of the check.
    pub steps: Vec<StepView>,
    /// The attempts to forward it that have ended.
    pub forwards: Vec<ForwardAttempt>,
}

/// One step of the signature check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// What the step checks.
    pub name: String,
    /// Whether it passed; `None` if the check did not reach it.
    pub passed: Option<bool>,
    /// What was found, and what to do about it.
    pub note: String,
}

/// A line of a tab, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailLine {
    /// The kind of line, which decides its colour.
    pub kind: LineKind,
    /// The first column: a name or an offset. Empty if there is none.
    pub lead: Printable,
    /// The text.
    pub text: Printable,
}

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Content.
    Plain,
    /// A remark by dubwatch.
    Remark,
    /// A step that passed.
    Passed,
    /// A step that failed.
    Failed,
    /// A step that was not reached.
    Skipped,
}

impl Detail {
    /// Returns a tab as lines of at most `columns` columns. `other` selects its other form: as sent
    /// instead of pretty, hex instead of text.
    pub fn lines(&self, tab: Tab, other: bool, columns: usize) -> Vec<DetailLine> {
        let columns = columns.max(8);
        let body = &self.body[..self.body.len().min(MAX_BYTES)];
        let mut lines = match tab {
            Tab::Payload | Tab::Raw => format_body(&self.body, tab, other, columns),
            Tab::Headers => self.headers(columns),
            Tab::Signature => self.signature(columns),
            Tab::Forward => forward::lines(self, columns),
        };
        let is_long = lines.len() > MAX_LINES || body.len() < self.body.len();
        lines.truncate(MAX_LINES);
        if !matches!(tab, Tab::Payload | Tab::Raw) {
            return lines;
        }
        let all = self.body.len();
        match (self.body.is_empty(), self.truncated) {
            (true, true) => {
                lines = vec![remark("the body was not kept: it was too long or did not arrive")];
            }
            (true, false) => lines = vec![remark("the body is empty")],
            (false, true) => {
                lines.push(remark(&format!(
                    "cut: only the first {all} bytes of a refused body are kept"
                )));
            }
            (false, false) if is_long => {
                lines.push(remark(&format!(
                    "only the beginning of {all} bytes is shown; y b copies all"
                )));
            }
            (false, false) => {}
        }
        for earlier in &self.earlier {
            let before = format_duration(self.row.at().duration_since(earlier.at));
            lines.push(remark(""));
            lines.push(remark(&format!("{before} earlier, from {}:", earlier.peer)));
            lines.extend(format_body(&earlier.body.bytes, tab, other, columns));
            if earlier.body.truncated {
                lines.push(remark("cut"));
            }
        }
        lines
    }

    fn headers(&self, columns: usize) -> Vec<DetailLine> {
        let mut lines = wrap_text(self.request.as_bytes(), columns);
        let width = self.headers.iter().map(|(name, _)| Printable::new(name).width()).max();
        let room = columns.saturating_sub(width.unwrap_or(0).min(columns / 2) + 2).max(8);
        if self.row.is_answer() {
            lines.push(remark("none: the headers of an answer are not kept"));
        }
        for (name, value) in self.headers.iter() {
            let mut name = name;
            let value = wrap_text(value.as_bytes(), room);
            if value.is_empty() {
                lines.push(DetailLine { lead: printable_or_blank(name), ..remark("") });
            }
            for line in value {
                lines.push(DetailLine { lead: printable_or_blank(name), ..line });
                name = "";
            }
        }
        lines
    }

    fn signature(&self, columns: usize) -> Vec<DetailLine> {
        let mut lines = Vec::new();
        if self.truncated {
            lines.push(remark(
                "the body was cut when it was refused; the steps below check only the part that was kept",
            ));
        }
        let room = columns.saturating_sub(20).max(8);
        for step in &self.steps {
            let kind = match step.passed {
                Some(true) => LineKind::Passed,
                Some(false) => LineKind::Failed,
                None => LineKind::Skipped,
            };
            let note = if step.note.is_empty() { "not reached" } else { &step.note };
            let mut lead = step.name.as_str();
            for line in wrap_words(note, room) {
                lines.push(DetailLine { kind, lead: printable_or_blank(lead), text: line });
                lead = "";
            }
        }
        lines.push(remark(""));
        let verdict = self.verdict_sentence();
        lines.extend(wrap_words(&verdict, columns).into_iter().map(|text| DetailLine {
            kind: LineKind::Plain,
            lead: printable_or_blank(""),
            text,
        }));
        lines
    }

    /// Returns the result of the check as a sentence, with what to do about it.
    fn verdict_sentence(&self) -> String {
        // The reason found at the time, from the whole body, is more precise than a check of the
        // cut body.
        if let Row::Refusal { listed, .. } = &self.row
            && let Some(verdict) = listed.refusal.kind.verdict()
        {
            return format!("{verdict}: {}.", listed.refusal.why);
        }
        match &self.verdict {
            Verdict::Valid { key, encoding } => {
                format!("valid: signed by the key {key}, {} encoding.", encoding.name())
            }
            Verdict::Invalid { why } => format!("invalid: {why}."),
            Verdict::Malformed { why } => format!("malformed: {why}."),
            Verdict::Missing => {
                "missing: there is no X-Signature header; the sender signs every callback."
                    .to_owned()
            }
            Verdict::Unchecked => "unchecked: --signature off accepts everything.".to_owned(),
            Verdict::Api => {
                "api: not a callback, but an answer of the service's API. It is not signed: the \
                 connection proves its sender (TLS, or this machine itself)."
                    .to_owned()
            }
        }
    }
}

/// Formats a body as lines: pretty or as sent, text or hex.
fn format_body(body: &[u8], tab: Tab, other: bool, columns: usize) -> Vec<DetailLine> {
    let beginning = &body[..body.len().min(MAX_BYTES)];
    match (tab, other) {
        (Tab::Raw, true) => hex(beginning),
        (Tab::Payload, false) => pretty(body, columns),
        _ => wrap_text(beginning, columns),
    }
}

/// Formats a body as indented JSON that keeps every token as it was sent; a body that is not JSON
/// is shown as sent.
fn pretty(body: &[u8], columns: usize) -> Vec<DetailLine> {
    if body.len() > MAX_BYTES {
        let mut lines = wrap_text(&body[..MAX_BYTES], columns);
        lines.insert(0, remark("too long to format; shown as sent:"));
        return lines;
    }
    let json = without_mark(body);
    match serde_json::from_slice::<IgnoredAny>(json) {
        Ok(_) => {
            let mut lines = wrap_text(&indented(json), columns);
            if json.len() < body.len() {
                lines.insert(0, remark("JSON after a byte order mark, which v shows:"));
            }
            lines
        }
        Err(error) => {
            let mut lines = wrap_text(body, columns);
            if !body.is_empty() {
                lines.insert(0, remark(&format!("not JSON ({error}); shown as sent:")));
            }
            lines
        }
    }
}

/// Formats a duration in its largest unit.
fn format_duration(span: SignedDuration) -> String {
    match span.as_secs().max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Indents JSON with one line per value. Tokens stay unchanged: a reader who compares bytes must
/// not see a number or an escape in another notation. `json` must be valid.
fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut open = false;
    let mut lines = 0;
    for &byte in json {
        if lines > MAX_LINES {
            break;
        }
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let closing = matches!(byte, b'}' | b']');
        if closing {
            depth = depth.saturating_sub(1);
        }
        // An empty object or array stays on its line.
        if open != closing {
            new_line(&mut out, depth);
            lines += 1;
        }
        open = false;
        out.push(byte);
        match byte {
            b'{' | b'[' => {
                depth += 1;
                open = true;
            }
            b',' => {
                new_line(&mut out, depth);
                lines += 1;
            }
            b':' => out.push(b' '),
            b'"' => in_string = true,
            _ => {}
        }
    }
    out
}

/// Maximum indentation depth: deeper lines would be too long to read.
const MAX_INDENT: usize = 16;

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth.min(MAX_INDENT), b' ');
}

/// Cuts text into lines of at most `columns` columns, at line ends and wherever a line is too long.
fn wrap_text(bytes: &[u8], columns: usize) -> Vec<DetailLine> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = |text| DetailLine { kind: LineKind::Plain, lead: Printable::default(), text };
    bytes
        .split(|byte| *byte == b'\n')
        .flat_map(|line| {
            if line.is_empty() {
                vec![Printable::default()]
            } else {
                Printable::from_bytes(line).pieces(columns)
            }
        })
        .map(line)
        .collect()
}

/// Wraps words into lines of at most `columns` columns.
fn wrap_words(text: &str, columns: usize) -> Vec<Printable> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line)
                if Printable::new(line).width() + 1 + Printable::new(word).width() <= columns =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| Printable::new(line)).collect()
}

/// Formats bytes as hex and ASCII, sixteen per line.
fn hex(bytes: &[u8]) -> Vec<DetailLine> {
    let line = |(number, chunk): (usize, &[u8])| {
        let mut text = String::with_capacity(70);
        for (place, byte) in chunk.iter().enumerate() {
            let gap = if place == HEX_BYTES / 2 { "  " } else { " " };
            let _ = write!(text, "{}{byte:02x}", if place == 0 { "" } else { gap });
        }
        let _ = write!(text, "{:pad$}", "", pad = 50_usize.saturating_sub(text.len()));
        text.extend(chunk.iter().map(|byte| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '.',
        }));
        DetailLine {
            kind: LineKind::Plain,
            lead: Printable::new(&format!("{:08x}", number * HEX_BYTES)),
            text: Printable::new(&text),
        }
    };
    bytes.chunks(HEX_BYTES).enumerate().map(line).collect()
}

fn remark(text: &str) -> DetailLine {
    DetailLine {
        kind: LineKind::Remark,
        lead: printable_or_blank(""),
        text: printable_or_blank(text),
    }
}

/// Keeps empty text empty; [`Printable::new`] would mark it as empty.
fn printable_or_blank(text: &str) -> Printable {
    if text.is_empty() { Printable::default() } else { Printable::new(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        String::from_utf8(indented(json.as_bytes())).unwrap()
    }

    #[test]
    fn json_is_indented_with_unchanged_tokens() {
        assert_eq!(
            shown(r#"{"b":1.0e2,"a":["x\"y,{",{}],"b":null, "e" : [] }"#),
            "{\n  \"b\": 1.0e2,\n  \"a\": [\n    \"x\\\"y,{\",\n    {}\n  ],\n  \"b\": null,\n  \"e\": []\n}"
        );
        assert_eq!(shown("[[1,2],[]]"), "[\n  [\n    1,\n    2\n  ],\n  []\n]");
        assert_eq!(shown(" 12 "), "12");
    }

    #[test]
    fn deep_nesting_stays_narrow() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(indented(deep.as_bytes()).len() < 10_000 * 80);
    }

    #[test]
    fn hex_lines_are_sixteen_bytes_with_their_text() {
        let lines = hex(b"{\"a\":\xff\n1234567890}");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].lead.as_str(), "00000000");
        assert_eq!(
            lines[0].text.as_str(),
            "7b 22 61 22 3a ff 0a 31  32 33 34 35 36 37 38 39  {\"a\":..123456789"
        );
        assert_eq!(lines[1].lead.as_str(), "00000010");
    }
}
