//! Makes untrusted text printable, once, at the boundary; does not know where it is drawn.

mod amount;
mod clip;
mod escape;
mod nearest;
mod secret;
mod shell;
mod transfer;

use std::fmt;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

pub use amount::{bytes_in_words, count_in_words};
pub use clip::ClipText;
pub use escape::is_hidden;
pub use nearest::nearest;
pub use secret::without_secrets;
pub use shell::shell_word;
pub use transfer::{clock_words, transfer_words};

/// Stands for text that would be invisible.
const NOTHING: &str = "(empty)";
/// The end of a text that was cut.
const ELLIPSIS: char = '…';

/// Text from outside that a terminal can only display.
///
/// Controls, bidi and format characters, separators, fillers, variation selectors, private-use and
/// unassigned characters are written as `\u{..}`, bytes that are not UTF-8 as `\x{..}`. Joiners
/// stay between letters that they join or separate and between emoji, and emoji selectors after an
/// emoji. A grapheme keeps at most 4 marks and 10 characters; the rest is counted: `\{+2996}`. The
/// only white space is U+0020, so two ids that differ look different. Invisible text becomes
/// `(empty)`.
///
/// Only an escape and its own spelling look the same: a backslash stays as it is, so that making
/// printable text printable again changes nothing.
///
/// The default is empty, for places that stay blank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Printable {
    text: String,
    width: usize,
}

impl Printable {
    /// Makes `text` printable.
    pub fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    /// Does the same for our own text or a part of it, where blanks are intended: blank text stays
    /// as it is.
    pub fn new_or_blank(text: &str) -> Self {
        // A fast path: most text is ASCII, and it is drawn often.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Self { text: text.to_owned(), width: text.len() };
        }
        Self::new(text)
    }

    /// Makes `bytes` printable: as UTF-8 where they are valid, and every other byte as `\x{..}`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text = escape::escape(bytes);
        if text.bytes().all(|byte| byte == b' ') {
            return Self::measured(NOTHING.to_owned());
        }
        Self::measured(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its width in columns, drawn grapheme by grapheme as terminals fill their cells.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns its graphemes, each with the columns that it takes.
    pub fn graphemes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.text.graphemes(true).map(|grapheme| (grapheme, grapheme.width()))
    }

    /// Returns the text in at most `columns` columns; a longer one is cut between graphemes and
    /// ends with `…`. It can be a column short if a wide character does not fit, and is empty when
    /// `columns` is 0. Its columns bound its bytes.
    #[must_use]
    pub fn cut(&self, columns: usize) -> Self {
        if self.width <= columns {
            return self.clone();
        }
        let Some(room) = columns.checked_sub(1) else {
            return Self { text: String::new(), width: 0 };
        };
        let mut width = 0;
        let kept = self.text.graphemes(true).take_while(|grapheme| {
            width += grapheme.width();
            width <= room
        });
        let mut text: String = kept.collect();
        text.push(ELLIPSIS);
        Self::measured(text)
    }

    /// Returns the end of the text in at most `columns` columns; a longer one is cut between
    /// graphemes and begins with `…`. As with [`Printable::cut`], it can be a column short.
    #[must_use]
    pub fn tail(&self, columns: usize) -> Self {
        if self.width <= columns {
            return self.clone();
        }
        let Some(room) = columns.checked_sub(1) else { return Self::default() };
        let mut width = 0;
        let kept = self.text.graphemes(true).rev().take_while(|grapheme| {
            width += grapheme.width();
            width <= room
        });
        let kept: usize = kept.map(str::len).sum();
        Self::measured(format!("{ELLIPSIS}{}", &self.text[self.text.len() - kept..]))
    }

    /// Returns the text in pieces of at most `columns` columns, cut between graphemes; a grapheme
    /// that is wider is a piece of its own.
    pub fn pieces(&self, columns: usize) -> Vec<Self> {
        if self.width <= columns {
            return vec![self.clone()];
        }
        let mut pieces = Vec::new();
        let mut piece = Self::default();
        for grapheme in self.text.graphemes(true) {
            let width = grapheme.width();
            if piece.width + width > columns && !piece.text.is_empty() {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.text.push_str(grapheme);
            piece.width += width;
        }
        pieces.push(piece);
        pieces
    }

    /// Returns the text in lines of at most `columns` columns, broken at blanks where there are
    /// any.
    pub fn lines(&self, columns: usize) -> Vec<Self> {
        if self.width <= columns {
            return vec![self.clone()];
        }
        let mut lines: Vec<Self> = Vec::new();
        let words = self.text.split_whitespace().map(|word| Self::measured(word.to_owned()));
        for piece in words.flat_map(|word| word.pieces(columns)) {
            match lines.last_mut() {
                Some(line) if line.width + 1 + piece.width <= columns => {
                    line.text.push(' ');
                    line.text.push_str(&piece.text);
                    line.width += 1 + piece.width;
                }
                _ => lines.push(piece),
            }
        }
        lines
    }

    fn measured(text: String) -> Self {
        let width = if text.is_ascii() {
            text.len()
        } else {
            text.graphemes(true).map(UnicodeWidthStr::width).sum()
        };
        Self { text, width }
    }
}

impl fmt::Display for Printable {
    /// Pads and aligns by columns, not by characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = f.width().unwrap_or(0).saturating_sub(self.width);
        let before = match f.align() {
            Some(fmt::Alignment::Right) => missing,
            Some(fmt::Alignment::Center) => missing / 2,
            Some(fmt::Alignment::Left) | None => 0,
        };
        write!(f, "{:before$}{}{:after$}", "", self.text, "", after = missing - before)
    }
}

impl AsRef<str> for Printable {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Makes our own lines printable, which may quote text from outside, each by itself: line ends are
/// kept.
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<_> =
        text.split('\n').map(|line| Printable::new_or_blank(line).to_string()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("ast_9f3c81", "ast_9f3c81")]
    #[case::words_and_accents("Épisode 104 — 東京", "Épisode 104 — 東京")]
    #[case::backslash(r"C:\u{1b}", r"C:\u{1b}")]
    #[case::escape("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}")]
    #[case::line_ends("a\tb\r\nc", r"a\u{9}b\u{d}\u{a}c")]
    #[case::c1_and_del("\u{7f}\u{85}\u{9b}", r"\u{7f}\u{85}\u{9b}")]
    #[case::bidi("abc\u{202e}txt.exe\u{2066}", r"abc\u{202e}txt.exe\u{2066}")]
    #[case::zero_width("a\u{200b}b\u{feff}c\u{ad}d", r"a\u{200b}b\u{feff}c\u{ad}d")]
    #[case::tags("a\u{e0061}\u{e007f}", r"a\u{e0061}\u{e007f}")]
    #[case::separators(
        "a\u{2028}b\u{2029}c\u{a0}d\u{3000}e",
        r"a\u{2028}b\u{2029}c\u{a0}d\u{3000}e"
    )]
    #[case::fillers(
        "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}",
        r"\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}"
    )]
    #[case::variation("\u{2764}\u{fe0f}\u{e0100}", "\u{2764}\u{fe0f}\\u{e0100}")]
    #[case::variation_of_a_letter("a\u{fe0f}東\u{fe0e}", r"a\u{fe0f}東\u{fe0e}")]
    #[case::keycap("1\u{fe0f}\u{20e3} 1\u{fe0f}", "1\u{fe0f}\u{20e3} 1\\u{fe0f}")]
    #[case::text_style("\u{2764}\u{fe0e}", "\u{2764}\u{fe0e}")]
    #[case::private_and_unassigned("\u{e000}\u{378}\u{10ffff}", r"\u{e000}\u{378}\u{10ffff}")]
    #[case::joined_emoji("👩\u{200d}🚀", "👩\u{200d}🚀")]
    #[case::family("👨\u{200d}👩\u{200d}👧\u{200d}👦!", "👨\u{200d}👩\u{200d}👧\u{200d}👦!")]
    #[case::pride("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈")]
    #[case::couple(
        "👩🏽\u{200d}\u{2764}\u{fe0f}\u{200d}💋\u{200d}👨🏻",
        "👩🏽\u{200d}\u{2764}\u{fe0f}\u{200d}💋\u{200d}👨🏻"
    )]
    #[case::persian("می\u{200c}خواهم", "می\u{200c}خواهم")]
    #[case::devanagari(
        "क\u{94d}\u{200d}ष क\u{94d}\u{200c}ष",
        "क\u{94d}\u{200d}ष क\u{94d}\u{200c}ष"
    )]
    #[case::bengali("র\u{200d}\u{9cd}য", "র\u{200d}\u{9cd}য")]
    #[case::joiner_before_all("\u{200d}می", r"\u{200d}می")]
    #[case::joiner_after_all("می\u{200c}", r"می\u{200c}")]
    #[case::joiner_alone("\u{200d}", r"\u{200d}")]
    #[case::joiner_before_a_blank("👩\u{200d} 🚀", r"👩\u{200d} 🚀")]
    #[case::joiners_in_a_row("می\u{200c}\u{200c}خ", r"می\u{200c}\u{200c}خ")]
    #[case::joiner_after_an_escape("\u{1b}\u{200d}🚀", r"\u{1b}\u{200d}🚀")]
    #[case::joiner_before_a_control("م\u{200c}\u{61c}م", r"م\u{200c}\u{61c}م")]
    #[case::joiner_in_an_id("ast\u{200d}_\u{200c}9f", r"ast\u{200d}_\u{200c}9f")]
    #[case::emoji_parted("👩\u{200c}🚀", r"👩\u{200c}🚀")]
    #[case::mark_on_a_letter("e\u{301}", "e\u{301}")]
    #[case::mark_on_nothing("\u{301}e", r"\u{301}e")]
    #[case::mark_on_an_escape("\u{1b}\u{301}e", r"\u{1b}\u{301}e")]
    #[case::empty("", "(empty)")]
    #[case::spaces("   ", "(empty)")]
    fn shows(#[case] text: &str, #[case] printable: &str) {
        assert_eq!(Printable::new(text).as_str(), printable);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_one_by_one() {
        assert_eq!(
            Printable::from_bytes(b"a\xff\xfeb\xe2\x82").as_str(),
            r"a\x{ff}\x{fe}b\x{e2}\x{82}"
        );
        assert_eq!(Printable::from_bytes(b"a\xff\xcc\x81").as_str(), r"a\x{ff}\u{301}");
    }

    #[test]
    fn a_tower_of_marks_keeps_four_and_a_count() {
        let zalgo = format!("Z{}a", "\u{301}".repeat(3000));
        let shown = Printable::new(&zalgo);
        assert_eq!(shown.as_str(), format!("Z{}\\{{+2996}}a", "\u{301}".repeat(4)));
        assert_eq!(shown.width(), 10);
    }

    #[rstest]
    #[case::khmer_stack("ក", "\u{17d2}ក")]
    #[case::hangul("ᄀ", "\u{1161}")]
    #[case::kirat_rai("\u{16d67}", "\u{16d67}")]
    #[case::skin_tones("👍", "🏽")]
    #[case::devanagari("क", "\u{94d}क")]
    #[case::variation("a", "\u{fe0f}")]
    #[case::vowel_and_final("", "\u{1161}\u{11a8}")]
    fn no_grapheme_hides_a_book(#[case] base: &str, #[case] tail: &str) {
        let shown = Printable::new(&format!("{base}{}", tail.repeat(1000))).cut(10);
        assert!(shown.as_str().len() <= 400, "{} bytes", shown.as_str().len());
        assert!(shown.width() <= 10);
    }

    #[rstest]
    #[case("abcdef", 6, "abcdef")]
    #[case("abcdef", 5, "abcd…")]
    #[case("abcdef", 1, "…")]
    #[case("abcdef", 0, "")]
    #[case("東京都", 6, "東京都")]
    #[case("東京都", 5, "東京…")]
    #[case("東京都", 4, "東…")]
    #[case("ae\u{301}bc", 3, "ae\u{301}…")]
    #[case("ｶ\u{ff9e}ｷ\u{ff9e}", 4, "ｶ\u{ff9e}ｷ\u{ff9e}")]
    #[case("ｶ\u{ff9e}ｷ\u{ff9e}", 3, "ｶ\u{ff9e}…")]
    #[case("👩\u{200d}🚀👩\u{200d}🚀", 3, "👩\u{200d}🚀…")]
    #[case("🇪🇸🇫🇷🇩🇪", 5, "🇪🇸🇫🇷…")]
    fn cuts_between_graphemes(#[case] text: &str, #[case] columns: usize, #[case] cut: &str) {
        assert_eq!(Printable::new(text).cut(columns).as_str(), cut);
    }

    #[rstest]
    #[case("abcdef", 6, "abcdef")]
    #[case("abcdef", 5, "…cdef")]
    #[case("abcdef", 1, "…")]
    #[case("abcdef", 0, "")]
    #[case("東京都", 5, "…京都")]
    #[case("東京都", 4, "…都")]
    #[case("bcae\u{301}", 3, "…ae\u{301}")]
    #[case("👩\u{200d}🚀👩\u{200d}🚀", 3, "…👩\u{200d}🚀")]
    #[case("🇪🇸🇫🇷🇩🇪", 5, "…🇫🇷🇩🇪")]
    fn the_end_begins_between_graphemes(
        #[case] text: &str,
        #[case] columns: usize,
        #[case] tail: &str,
    ) {
        assert_eq!(Printable::new(text).tail(columns).as_str(), tail);
    }

    #[test]
    fn pieces_lose_nothing_and_fit() {
        let pieces = |text: &str, columns| -> Vec<String> {
            Printable::new(text).pieces(columns).iter().map(ToString::to_string).collect()
        };
        assert_eq!(pieces("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(pieces("東京都", 5), ["東京", "都"]);
        assert_eq!(pieces("ae\u{301}b", 2), ["ae\u{301}", "b"]);
        assert_eq!(pieces("東b", 1), ["東", "b"]);
        assert_eq!(pieces("abc", 9), ["abc"]);
    }

    #[test]
    fn lines_are_cut_at_blanks() {
        let lines = |text: &str, columns| -> Vec<String> {
            Printable::new(text).lines(columns).iter().map(ToString::to_string).collect()
        };
        assert_eq!(lines("a bc  def", 9), ["a bc  def"]);
        assert_eq!(lines("a bc  def", 6), ["a bc", "def"]);
        assert_eq!(lines("東京 is a city", 7), ["東京 is", "a city"]);
        assert_eq!(lines("https://long a", 6), ["https:", "//long", "a"]);
    }

    #[test]
    fn pads_by_columns() {
        let tokyo = Printable::new("東京");
        assert_eq!(format!("[{tokyo:6}]"), "[東京  ]");
        assert_eq!(format!("[{tokyo:>6}]"), "[  東京]");
        assert_eq!(format!("[{tokyo:^6}]"), "[ 東京 ]");
        assert_eq!(format!("[{tokyo:2}]"), "[東京]");
    }

    /// Text in which what can go wrong is as likely as what cannot.
    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            "[ -~]{0,4}",
            proptest::sample::select(
                &[
                    "\u{301}",
                    "\u{0}",
                    "\u{1b}",
                    "\r\n",
                    "\u{200d}",
                    "\u{200b}",
                    "\u{202e}",
                    "\u{fe0f}",
                    "\u{200c}",
                    "\u{2764}",
                    "🏳",
                    "می",
                    "\u{e0041}",
                    "क",
                    "\u{94d}",
                    "\u{93e}",
                    "ᄀ",
                    "\u{1161}",
                    "\u{11a8}",
                    "각",
                    "ក",
                    "\u{17d2}",
                    "\u{16d67}",
                    "\u{16d63}",
                    "👍",
                    "🏽",
                    "🇪",
                    "🇸",
                    "\u{600}",
                    "\u{d4e}",
                    "\u{110bd}",
                    "ل",
                    "ا",
                    "\u{fb1d}",
                    "東",
                    "\u{3099}",
                    "\u{ff9e}",
                    "\\",
                    "}",
                    "(empty)",
                    " ",
                ][..],
            )
            .prop_map(String::from),
        ];
        proptest::collection::vec((piece, 1..12_usize), 0..12).prop_map(|pieces| {
            pieces.into_iter().map(|(piece, times)| piece.repeat(times)).collect()
        })
    }

    /// The ranges that `design.md` names, written out again: the code leans on tables of others.
    fn must_not_show(c: char) -> bool {
        c.is_control()
            || is_hidden(c)
            || matches!(c,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}'
                | '\u{f0000}'..='\u{10ffff}' | '\u{600}'..='\u{605}' | '\u{1d173}'..='\u{1d17a}')
    }

    /// Whether something that does not show stands where it joins nothing. Written the other way
    /// round than the code: by what may stand beside it.
    fn acts(text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let at = |place: Option<usize>| place.and_then(|place| chars.get(place)).copied();
        chars.iter().enumerate().any(|(place, c)| {
            let (before, after) = (at(place.checked_sub(1)), at(Some(place + 1)));
            let visible = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !must_not_show(c));
            match c {
                '\u{200c}' => !visible(before) || !visible(after),
                '\u{200d}' => !(visible(before) || before == Some('\u{fe0f}')) || !visible(after),
                '\u{fe0e}' | '\u{fe0f}' => !visible(before) && after != Some('\u{20e3}'),
                c => must_not_show(*c),
            }
        })
    }

    #[test]
    fn every_character_alone_obeys() {
        for c in '\0'..=char::MAX {
            let shown = Printable::new(c.encode_utf8(&mut [0; 4]));
            assert!(!shown.as_str().chars().any(must_not_show), "{c:?} came through");
            assert!(shown.width() > 0, "{c:?} shows nothing");
            assert_eq!(Printable::new(shown.as_str()), shown);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_that_acts_comes_through(bytes: Vec<u8>, text in nasty()) {
            for shown in [Printable::from_bytes(&bytes), Printable::new(&text)] {
                prop_assert!(!acts(shown.as_str()), "{:?}", shown);
                prop_assert!(shown.as_str().len() <= shown.width() * 40, "{:?}", shown);
            }
        }

        #[test]
        fn printable_text_stays_as_it_is(text in nasty()) {
            let once = Printable::new(&text);
            prop_assert_eq!(&Printable::new(once.as_str()), &once);
        }

        #[test]
        fn a_cut_keeps_to_its_columns(text in nasty(), columns in 0..40_usize) {
            let whole = Printable::new(&text);
            let cut = whole.cut(columns);
            prop_assert!(cut.width() <= columns);
            prop_assert_eq!(cut.as_str().graphemes(true).map(UnicodeWidthStr::width).sum::<usize>(), cut.width());
            if whole.width() > columns && columns > 0 {
                let kept = cut.as_str().strip_suffix('…').expect("an ellipsis");
                prop_assert!(whole.as_str().starts_with(kept));
                prop_assert!(whole.as_str().grapheme_indices(true).any(|(at, _)| at == kept.len()));
            }
        }
    }
}
