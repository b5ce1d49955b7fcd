//! Which characters do not show, and how they are written instead; measures nothing but graphemes.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most characters of no width that a grapheme keeps.
const MAX_MARKS: usize = 4;
/// The most characters that a grapheme keeps: scripts that stack letters stay below it.
const MAX_CHARS: usize = 8;

/// Characters that show nothing, or change what their neighbours show, although Unicode calls them
/// letters, marks or symbols: the rest of `Default_Ignorable_Code_Point` (Unicode 17,
/// `DerivedCoreProperties.txt`) and U+2800, the empty Braille cell.
const FILLERS: [std::ops::RangeInclusive<char>; 9] = [
    '\u{34f}'..='\u{34f}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether NDJSON and logs write `c` as an escape: DEL, C1, bidi controls, U+2028, U+2029, U+FEFF.
///
/// What is below U+0020 is escaped by JSON itself.
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// `bytes` with everything written out that does not show, and no grapheme without bound.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    // A mark after an escape would sit on its closing brace, and at the beginning on whatever is
    // drawn before: both are written out as well.
    let mut bare = true;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if shows(c) && !(bare && is_mark(c)) {
                text.push(c);
                bare = false;
            } else {
                push_escape(&mut text, c);
                bare = true;
            }
        }
        for byte in chunk.invalid() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\\x{{{byte:x}}}");
            bare = true;
        }
    }
    if text.is_ascii() { text } else { bound_graphemes(&text) }
}

/// Writes out graphemes of no width and cuts those of too many characters, leaving a count.
///
/// It works on what the first pass left, so that a second run over its result finds the same
/// graphemes and changes nothing.
fn bound_graphemes(text: &str) -> String {
    let mut bounded = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        let kept = keep(grapheme);
        if kept.width() == 0 {
            kept.chars().for_each(|c| push_escape(&mut bounded, c));
        } else {
            bounded.push_str(kept);
        }
        let rest = &grapheme[kept.len()..];
        if rest.is_ascii() {
            // The backslash of an escape can join a character before it; it needs no bound.
            bounded.push_str(rest);
        } else {
            let _ = write!(bounded, "\\{{+{}}}", rest.chars().count());
        }
    }
    bounded
}

/// The beginning of a grapheme that is kept.
fn keep(grapheme: &str) -> &str {
    let mut marks = 0;
    for (count, (at, c)) in grapheme.char_indices().enumerate() {
        marks += usize::from(is_mark(c));
        if count == MAX_CHARS || marks > MAX_MARKS {
            return &grapheme[..at];
        }
    }
    grapheme
}

/// Whether `c` takes no column of its own.
fn is_mark(c: char) -> bool {
    c.width() == Some(0)
}

/// Whether `c` shows as itself and changes nothing else.
fn shows(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library escapes what has no shape: controls, format characters, separators,
    // private use, unassigned. After another character it lets marks be.
    let mut pair = [b'_', 0, 0, 0, 0];
    let end = 1 + c.encode_utf8(&mut pair[1..]).len();
    let escaped = std::str::from_utf8(&pair[..end])
        .is_ok_and(|pair| pair.escape_debug().nth(1) == Some('\\'));
    !escaped && !FILLERS.iter().any(|range| range.contains(&c))
}

fn push_escape(text: &mut String, c: char) {
    text.extend(c.escape_unicode());
}
