//! JSON that is safe to show on a terminal: nothing in it moves a cursor or changes the direction
//! of text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::text::is_hidden;

/// Writes `value` as one line of JSON.
///
/// `serde_json` escapes only characters below U+0020; this also escapes U+007F–009F, bidi controls,
/// U+2028/9 and U+FEFF as `\uXXXX`. The JSON value stays the same (RFC 8259, section 7).
pub fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Visible);
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Writes `value` as JSON of several lines, indented, with the same characters escaped.
pub fn write_pretty(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    // Outside of its strings, JSON has none of them.
    for c in serde_json::to_string_pretty(value)?.chars() {
        let mut units = [0; 2];
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
        } else {
            write!(out, "{c}")?;
        }
    }
    out.write_all(b"\n")
}

struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, hidden) in text.char_indices().filter(|(_, c)| is_hidden(*c)) {
            CompactFormatter.write_string_fragment(out, &text[plain..at])?;
            let mut units = [0; 2];
            for unit in hidden.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + hidden.len_utf8();
        }
        CompactFormatter.write_string_fragment(out, &text[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let mut out = Vec::new();
        write_line(&mut out, &text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        let hostile = "a\u{1b}[31m\u{7f}\u{9b}2J\u{202e}gpj\u{2066}\u{2028}\u{feff}\n\"é漢\\";
        let written = line(hostile);
        assert_eq!(
            written.trim_end(),
            r#""a\u001b[31m\u007f\u009b2J\u202egpj\u2066\u2028\ufeff\n\"é漢\\""#
        );
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), hostile);
    }

    #[test]
    fn indented_it_escapes_the_same() {
        let mut out = Vec::new();
        write_pretty(&mut out, &serde_json::json!({"a\u{202e}": ["\u{9b}2J", "\u{1b}[2J"]}))
            .unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(
            written,
            "{\n  \"a\\u202e\": [\n    \"\\u009b2J\",\n    \"\\u001b[2J\"\n  ]\n}\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn it_stays_the_same_value_on_one_line(text: String) {
            let written = line(&text);
            proptest::prop_assert_eq!(written.matches('\n').count(), 1);
            proptest::prop_assert!(!written.trim_end_matches('\n').chars().any(|c| c.is_control() || is_hidden(c)));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
