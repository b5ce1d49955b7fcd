//! Rewrites JSON as other programs write it, order and numbers kept; must not parse into values.
//!
//! `serde_json` would sort the keys and rewrite numbers, so this works on the text.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// Where the whitespace outside of strings goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// As it is.
    Kept,
    /// None: `JSON.stringify`, most libraries.
    Compact,
    /// One blank after `,` and `:`: Python's `json.dumps`.
    Python,
    /// A line for each item, indented by so many blanks a level.
    Indented(usize),
}

/// How strings are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// As they are.
    Kept,
    /// Everything outside of printable ASCII as `\uXXXX`: Python's `ensure_ascii`.
    Ascii,
    /// Only what JSON demands (RFC 8259, section 7): `JSON.stringify`, most libraries.
    Needed,
    /// As they are, but for slashes: `\/` where `escaped`, otherwise `/`.
    KeptButSlashes { escaped: bool },
    /// As [`Self::Ascii`], with digits in capitals: Jackson.
    AsciiCapitals,
    /// As [`Self::Ascii`], and `/` as `\/`: PHP's `json_encode`.
    Php,
    /// What JSON demands, `/`, U+2028 and U+2029: PHP with `JSON_UNESCAPED_UNICODE`.
    PhpUnicode,
    /// What JSON demands, `<`, `>`, `&`, U+2028 and U+2029: Go's `encoding/json`, Rails.
    Go,
    /// Everything outside of ASCII and what HTML may act on, in capitals: .NET's `System.Text.Json`.
    DotNet,
}

impl Escapes {
    /// Writes a character that JSON does not require to be escaped.
    fn write(self, c: char, out: &mut String) {
        let is_line_separator = matches!(c, '\u{2028}' | '\u{2029}');
        match self {
            Self::Php | Self::PhpUnicode if c == '/' => out.push_str("\\/"),
            Self::DotNet if matches!(c, '<' | '>' | '&' | '\'' | '+' | '`' | '\u{7f}') => {
                units(c, true, out);
            }
            Self::Go if matches!(c, '<' | '>' | '&') => units(c, false, out),
            Self::Go | Self::PhpUnicode if is_line_separator => units(c, false, out),
            Self::DotNet | Self::AsciiCapitals if !c.is_ascii() => units(c, true, out),
            Self::Ascii | Self::Php if !c.is_ascii() => units(c, false, out),
            _ => out.push(c),
        }
    }

    /// Returns whether escapes and all other characters stay as they are.
    const fn are_kept(self) -> bool {
        matches!(self, Self::Kept | Self::KeptButSlashes { .. })
    }
}

/// Rewrites a JSON text; `None` where a string has no end or the result is over `limit` bytes.
///
/// The text should be valid JSON; the result for another text is useless.
pub(super) fn rewrite(
    text: &str,
    spacing: Spacing,
    escapes: Escapes,
    limit: usize,
) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => string(&mut chars, escapes, &mut out)?,
            _ if spacing == Spacing::Kept => out.push(c),
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).is_some() {}
                // An empty list or object stays on its line everywhere.
                if let Some(end) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(spacing, depth, &mut out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(spacing, depth, &mut out);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(spacing, depth, &mut out);
                if spacing == Spacing::Python {
                    out.push(' ');
                }
            }
            ':' => {
                out.push(c);
                if spacing != Spacing::Compact {
                    out.push(' ');
                }
            }
            other => out.push(other),
        }
        if out.len() > limit {
            return None;
        }
    }
    Some(out)
}

fn line(spacing: Spacing, depth: usize, out: &mut String) {
    if let Spacing::Indented(width) = spacing {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', width * depth));
    }
}

/// Copies a string whose opening quote is taken, up to and with its closing quote.
fn string(chars: &mut Peekable<Chars<'_>>, escapes: Escapes, out: &mut String) -> Option<()> {
    out.push('"');
    loop {
        match chars.next()? {
            '"' => {
                out.push('"');
                return Some(());
            }
            '\\' if escapes.are_kept() => {
                let c = chars.next()?;
                if c != '/' || escapes != (Escapes::KeptButSlashes { escaped: false }) {
                    out.push('\\');
                }
                out.push(c);
            }
            '\\' => match unescape(chars)? {
                Ok(c) => character(c, escapes, out),
                Err(surrogate) => unit(surrogate, escapes == Escapes::DotNet, out),
            },
            '/' if escapes == (Escapes::KeptButSlashes { escaped: true }) => out.push_str("\\/"),
            c if escapes.are_kept() => out.push(c),
            c => character(c, escapes, out),
        }
    }
}

/// Returns the character behind a backslash, or a lone half of a surrogate pair.
fn unescape(chars: &mut Peekable<Chars<'_>>) -> Option<Result<char, u16>> {
    Some(Ok(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let first = hex4(chars)?;
            // Tried on a copy, so that what is no second half is read again as itself.
            let mut ahead = chars.clone();
            let pair = if (0xd800..0xdc00).contains(&first)
                && ahead.next() == Some('\\')
                && ahead.next() == Some('u')
            {
                hex4(&mut ahead).and_then(|second| {
                    char::decode_utf16([first, second]).next().and_then(Result::ok)
                })
            } else {
                None
            };
            match (pair, char::from_u32(u32::from(first))) {
                (Some(c), _) => {
                    *chars = ahead;
                    c
                }
                (None, Some(c)) => c,
                (None, None) => return Some(Err(first)),
            }
        }
        other => other,
    }))
}

fn hex4(chars: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let mut value = 0;
    for _ in 0..4 {
        value = value << 4 | chars.next()?.to_digit(16)?;
    }
    u16::try_from(value).ok()
}

fn character(c: char, escapes: Escapes, out: &mut String) {
    match c {
        '"' if escapes == Escapes::DotNet => out.push_str("\\u0022"),
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        c if c < ' ' => {
            let capitals = matches!(escapes, Escapes::DotNet | Escapes::AsciiCapitals);
            units(c, capitals, out);
        }
        // Python escapes it, and so does what this stands for.
        '\u{7f}' if escapes == Escapes::Ascii => units(c, false, out),
        c => escapes.write(c, out),
    }
}

fn units(c: char, capitals: bool, out: &mut String) {
    for code in c.encode_utf16(&mut [0; 2]) {
        unit(*code, capitals, out);
    }
}

fn unit(code: u16, capitals: bool, out: &mut String) {
    // Writing into a String cannot fail.
    let _ = if capitals { write!(out, "\\u{code:04X}") } else { write!(out, "\\u{code:04x}") };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const LIMIT: usize = 1 << 20;

    // The expected texts are what CPython 3.13's json.dumps gives for the same value.
    const TEXT: &str = "{ \"b\" :\t\"x: {1,2}\", \"a\":[1.50,{},[ ],\"caf\\u00e9 \u{1f600}\"],\r\n\"q\":\"\\\"\\\\\\/\\u007f\"}";

    #[rstest]
    #[case::kept(Spacing::Kept, Escapes::Kept, TEXT)]
    #[case::compact(
        Spacing::Compact,
        Escapes::Kept,
        "{\"b\":\"x: {1,2}\",\"a\":[1.50,{},[],\"caf\\u00e9 \u{1f600}\"],\"q\":\"\\\"\\\\\\/\\u007f\"}"
    )]
    #[case::python(
        Spacing::Python,
        Escapes::Ascii,
        r#"{"b": "x: {1,2}", "a": [1.50, {}, [], "caf\u00e9 \ud83d\ude00"], "q": "\"\\/\u007f"}"#
    )]
    #[case::javascript(
        Spacing::Compact,
        Escapes::Needed,
        "{\"b\":\"x: {1,2}\",\"a\":[1.50,{},[],\"café \u{1f600}\"],\"q\":\"\\\"\\\\/\u{7f}\"}"
    )]
    #[case::indented(
        Spacing::Indented(2),
        Escapes::Needed,
        "{\n  \"b\": \"x: {1,2}\",\n  \"a\": [\n    1.50,\n    {},\n    [],\n    \"café \u{1f600}\"\n  ],\n  \"q\": \"\\\"\\\\/\u{7f}\"\n}"
    )]
    fn writes(#[case] spacing: Spacing, #[case] escapes: Escapes, #[case] expected: &str) {
        assert_eq!(rewrite(TEXT, spacing, escapes, LIMIT).unwrap(), expected);
    }

    // What `json_encode`, `json.Marshal`, `JsonSerializer` and Jackson's `ESCAPE_NON_ASCII` write,
    // by their documentation.
    #[rstest]
    #[case::php(Escapes::Php, r#""\"<\/&'+`>\u00e9\u2028\ud83d\ude00""#)]
    #[case::php_unicode(Escapes::PhpUnicode, "\"\\\"<\\/&'+`>é\\u2028\u{1f600}\"")]
    #[case::go(Escapes::Go, "\"\\\"\\u003c/\\u0026'+`\\u003eé\\u2028\u{1f600}\"")]
    #[case::dot_net(
        Escapes::DotNet,
        r#""\u0022\u003C/\u0026\u0027\u002B\u0060\u003E\u00E9\u2028\uD83D\uDE00""#
    )]
    #[case::jackson(Escapes::AsciiCapitals, r#""\"</&'+`>\u00E9\u2028\uD83D\uDE00""#)]
    fn writes_as_others_do(#[case] escapes: Escapes, #[case] expected: &str) {
        for text in [
            "\"\\\"<\\/&'+`>é\u{2028}\u{1f600}\"",
            r#""\"\u003c/\u0026'+`\u003e\u00e9\u2028\ud83d\ude00""#,
        ] {
            assert_eq!(rewrite(text, Spacing::Compact, escapes, LIMIT).unwrap(), expected);
        }
    }

    #[test]
    fn slashes_change_and_nothing_else() {
        let text = r#"{ "a\/":"\\/\u00e9/" }"#;
        let slashes = |escaped| {
            rewrite(text, Spacing::Kept, Escapes::KeptButSlashes { escaped }, LIMIT).unwrap()
        };
        assert_eq!(slashes(false), r#"{ "a/":"\\/\u00e9/" }"#);
        assert_eq!(slashes(true), r#"{ "a\/":"\\\/\u00e9\/" }"#);
    }

    #[test]
    fn half_a_surrogate_pair_stays_an_escape() {
        for escapes in [Escapes::Ascii, Escapes::Needed] {
            let text = r#"["\uD83D","\ud83dx","\ude00","\ud83d\n","\ud83d\ud83d\ude00"]"#;
            let out = rewrite(text, Spacing::Compact, escapes, LIMIT).unwrap();
            let last = if escapes == Escapes::Ascii { r"\ud83d\ude00" } else { "\u{1f600}" };
            assert_eq!(out, format!(r#"["\ud83d","\ud83dx","\ude00","\ud83d\n","\ud83d{last}"]"#));
        }
    }

    #[test]
    fn stays_within_its_limit() {
        let deep = "[".repeat(2000) + &"]".repeat(2000);
        assert_eq!(rewrite(&deep, Spacing::Indented(2), Escapes::Kept, 10_000), None);
        assert_eq!(rewrite("\"no end", Spacing::Kept, Escapes::Needed, LIMIT), None);
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "[\\\\\"u0-9a-f{}\\[\\],: \u{e9}\u{1f600}]{0,64}") {
            for spacing in [Spacing::Kept, Spacing::Compact, Spacing::Python, Spacing::Indented(2)] {
                for escapes in [Escapes::Kept, Escapes::Ascii, Escapes::Needed] {
                    let _ = rewrite(&text, spacing, escapes, LIMIT);
                }
            }
        }

        #[test]
        fn the_value_stays_the_same(strings in prop::collection::vec(any::<String>(), 0..4)) {
            let text = serde_json::to_string(&strings).unwrap();
            for spacing in [Spacing::Kept, Spacing::Compact, Spacing::Python, Spacing::Indented(4)] {
                for escapes in [Escapes::Kept, Escapes::Ascii, Escapes::Needed] {
                    let out = rewrite(&text, spacing, escapes, LIMIT).unwrap();
                    prop_assert_eq!(&serde_json::from_str::<Vec<String>>(&out).unwrap(), &strings);
                }
            }
        }
    }
}
