//! Which characters are invisible, and how they are written instead; measures nothing but
//! graphemes.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most characters of no width that a grapheme keeps.
const MAX_MARKS: usize = 4;
/// The most characters that a grapheme keeps: scripts that stack letters stay below it, and so do
/// two people with skin tones and a heart between them.
const MAX_CHARS: usize = 10;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';

/// Characters that are invisible, or change how their neighbours look, although Unicode classes
/// them as letters, marks or symbols: the rest of `Default_Ignorable_Code_Point` (Unicode 17,
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

/// Returns whether NDJSON and logs escape `c`: DEL, C1, bidi controls, U+2028, U+2029, U+FEFF.
///
/// JSON itself escapes everything below U+0020.
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

/// Returns `bytes` with all invisible characters escaped and every grapheme bounded.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    // A mark after an escape would combine with its closing brace, and at the beginning with
    // whatever is drawn before: both are escaped as well.
    let mut before = None;
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            let is_kept = match c {
                ZWNJ | ZWJ | TEXT_STYLE | EMOJI_STYLE => {
                    before.is_some_and(|before| joins(before, c, chars.peek().copied()))
                }
                c => shows(c) && !(before.is_none() && is_mark(c)),
            };
            if is_kept {
                text.push(c);
                before = Some(c);
            } else {
                push_escape(&mut text, c);
                before = None;
            }
        }
        for byte in chunk.invalid() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\\x{{{byte:x}}}");
            before = None;
        }
    }
    if text.is_ascii() { text } else { bound_graphemes(&text) }
}

/// Returns whether a joiner or a variation selector changes the appearance: it is only needed
/// there, and anywhere else two texts that look alike would differ by it.
///
/// `before` is the kept character before it, `after` the next one.
fn joins(before: char, c: char, after: Option<char>) -> bool {
    if matches!(c, TEXT_STYLE | EMOJI_STYLE) {
        let is_keycap = matches!(before, '0'..='9' | '#' | '*') && after == Some('\u{20e3}');
        return is_keycap || is_emoji(before);
    }
    let Some(after) = after.filter(|after| shows(*after)) else { return false };
    let in_emoji = c == ZWJ && (before == EMOJI_STYLE || is_emoji(before)) && is_emoji(after);
    in_emoji || (joins_letters(before) && joins_letters(after))
}

/// Returns whether `c` is an emoji, by itself or with a selector.
fn is_emoji(c: char) -> bool {
    let can_be = matches!(
        c,
        '\u{a9}' | '\u{ae}' | '\u{203c}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
            | '\u{3299}' | '\u{1f000}'..='\u{1faff}'
    );
    can_be && String::from_iter([c, EMOJI_STYLE]).width() == 2
}

/// Returns whether `c` belongs to a script whose letters change their shape with their neighbours:
/// Arabic and its kin, those of India and around, Mongolian.
const fn joins_letters(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{d4d}' | '\u{d4f}'..='\u{dff}' | '\u{f00}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}' | '\u{1a20}'..='\u{1bff}' | '\u{1cd0}'..='\u{1cff}'
            | '\u{a840}'..='\u{a8ff}' | '\u{a980}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'
            | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{11000}'..='\u{11fff}'
            | '\u{1e900}'..='\u{1e95f}'
    )
}

/// Escapes graphemes of no width, and cuts those with too many characters, leaving a count.
///
/// Works on the result of the first pass, so that a second run over its own result finds the same
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

/// Returns the beginning of a grapheme that is kept.
fn keep(grapheme: &str) -> &str {
    let mut marks = 0;
    for (count, (at, c)) in grapheme.char_indices().enumerate() {
        marks += usize::from(is_mark(c));
        if count == MAX_CHARS || marks > MAX_MARKS {
            // A joiner at its end would join the count to it.
            return grapheme[..at].trim_end_matches([ZWNJ, ZWJ]);
        }
    }
    grapheme
}

/// Returns whether `c` has no width.
fn is_mark(c: char) -> bool {
    c.width() == Some(0)
}

/// Returns whether `c` is visible and changes nothing else.
fn shows(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library escapes invisible characters: controls, format characters, separators,
    // private use, unassigned. It leaves marks after another character as they are.
    let mut pair = [b'_', 0, 0, 0, 0];
    let end = 1 + c.encode_utf8(&mut pair[1..]).len();
    let escaped = std::str::from_utf8(&pair[..end])
        .is_ok_and(|pair| pair.escape_debug().nth(1) == Some('\\'));
    !escaped && !FILLERS.iter().any(|range| range.contains(&c))
}

fn push_escape(text: &mut String, c: char) {
    text.extend(c.escape_unicode());
}
