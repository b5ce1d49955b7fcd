//! The screens, panes and modes of the dashboard: enums, so that every mode is reachable and no two
//! are active at once.

use std::sync::Arc;

use super::detail::{Detail, DetailLine};
use super::download::{DownloadOrder, DownloadTarget};
use super::tab::Tab;
use super::target::Target;
use crate::text::Printable;
use crate::timeline::Expectation;

/// A pane of the Timeline screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The list of assets.
    Assets,
    /// The lanes of the selected asset.
    Lanes,
    /// Its deliveries.
    Deliveries,
}

impl Pane {
    /// Returns the next pane.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Assets => Self::Lanes,
            Self::Lanes => Self::Deliveries,
            Self::Deliveries => Self::Assets,
        }
    }

    /// Returns the previous pane.
    #[must_use]
    pub const fn previous(self) -> Self {
        match self {
            Self::Assets => Self::Deliveries,
            Self::Lanes => Self::Assets,
            Self::Deliveries => Self::Lanes,
        }
    }
}

/// The mode of the dashboard: what keys do at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Browsing.
    Normal,
    /// Typing a filter. Holds the previous state, which `esc` restores.
    Filter {
        /// What is typed.
        line: Line,
        /// The filter before.
        before: String,
        /// The asset selected before.
        asset: Option<Arc<str>>,
    },
    /// Typing a name for an asset.
    Name {
        /// The asset.
        asset_id: String,
        /// What is typed.
        line: Line,
    },
    /// Typing which versions are expected of an asset.
    Expect {
        /// The asset.
        asset_id: String,
        /// What is typed.
        line: Line,
    },
    /// Typing the directory to download a version to.
    Download {
        /// The version.
        target: DownloadTarget,
        /// What is typed.
        line: Line,
        /// The mode below.
        under: Box<Mode>,
    },
    /// Asking whether to download from a host. Holds the mode below.
    AgreeHost {
        /// What the user wanted to download.
        order: DownloadOrder,
        /// The host.
        host: Printable,
        /// The mode below.
        under: Box<Mode>,
    },
    /// Confirming that the dashboard, and with it the receiver, should end.
    Quit,
    /// Choosing what to copy. Holds the mode below.
    Copy(Box<Mode>),
    /// One delivery or refusal, in full.
    Detail(DetailMode),
    /// The list of all keys.
    Help {
        /// The first line shown.
        scroll: usize,
        /// The mode below.
        under: Box<Mode>,
    },
}

impl Mode {
    /// Returns the line being typed, if there is one.
    pub const fn line(&self) -> Option<&Line> {
        match self {
            Self::Filter { line, .. }
            | Self::Name { line, .. }
            | Self::Expect { line, .. }
            | Self::Download { line, .. } => Some(line),
            _ => None,
        }
    }

    /// Like [`Self::line`], for changes.
    pub const fn line_mut(&mut self) -> Option<&mut Line> {
        match self {
            Self::Filter { line, .. }
            | Self::Name { line, .. }
            | Self::Expect { line, .. }
            | Self::Download { line, .. } => Some(line),
            _ => None,
        }
    }

    /// Returns the mode below all open menus.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::Copy(under)
            | Self::Help { under, .. }
            | Self::Download { under, .. }
            | Self::AgreeHost { under, .. } => under.innermost(),
            mode => mode,
        }
    }

    /// Like [`Self::innermost`], for changes.
    pub fn innermost_mut(&mut self) -> &mut Self {
        match self {
            Self::Copy(under)
            | Self::Help { under, .. }
            | Self::Download { under, .. }
            | Self::AgreeHost { under, .. } => under.innermost_mut(),
            mode => mode,
        }
    }
}

/// One delivery or refusal, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailMode {
    /// The delivery or refusal.
    pub target: Target,
    /// The tab that is shown.
    pub tab: Tab,
    /// Whether the tab shows its other form: as sent instead of pretty, hex instead of text.
    pub other_form: bool,
    /// The first line shown.
    pub scroll: usize,
    /// Its content; `None` until it has been read.
    pub detail: Option<Arc<Detail>>,
    /// The lines of the tab; see [`super::Model::settle`].
    pub lines: Arc<Vec<DetailLine>>,
    /// The width for which the lines were made, in columns; `None` if they are out of date.
    pub laid_out: Option<u16>,
}

/// A line being typed: its text and the cursor, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
    longest: usize,
    left_out: usize,
}

/// Maximum length of a filter, in characters: enough to paste a long list of ids.
const LONGEST_FILTER: usize = 10_000;
/// Maximum length of a path, in characters.
const LONGEST_PATH: usize = 4_000;
/// Maximum length of a name, in characters: the journal stores no more.
const LONGEST_NAME: usize = 200;

impl Line {
    /// Creates a filter line with the cursor at its end.
    pub fn filter(text: &str) -> Self {
        Self::new(text, LONGEST_FILTER)
    }

    /// Creates a name line with the cursor at its end.
    pub fn name(text: &str) -> Self {
        Self::new(text, LONGEST_NAME)
    }

    /// Creates a line for the versions that are expected, with the cursor at its end.
    pub fn expectation(text: &str) -> Self {
        Self::new(text, Expectation::MAX_TEXT)
    }

    /// Creates a line for a directory, with the cursor at its end.
    pub fn directory(text: &str) -> Self {
        Self::new(text, LONGEST_PATH)
    }

    fn new(text: &str, longest: usize) -> Self {
        Self { text: text.to_owned(), cursor: text.chars().count(), longest, left_out: 0 }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number of characters before the cursor.
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns the maximum length, in characters.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Returns how many characters did not fit since the last deletion.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Inserts text at the cursor. A run of line ends and tabs becomes one space; other control
    /// characters are dropped, and so is text that does not fit.
    pub fn insert(&mut self, text: &str) {
        let room = self.longest.saturating_sub(self.text.chars().count());
        let (mut fitting, mut taken) = (String::new(), 0);
        let mut chars = text.chars().peekable();
        while let Some(mut character) = chars.next() {
            if separates_lines(character) {
                while chars.next_if(|next| separates_lines(*next)).is_some() {}
                character = ' ';
            }
            if character.is_control() {
                continue;
            }
            if taken < room {
                fitting.push(character);
                taken += 1;
            } else {
                self.left_out += 1;
            }
        }
        self.text.insert_str(self.byte(self.cursor), &fitting);
        self.cursor += taken;
    }

    /// Deletes the character before the cursor.
    pub fn backspace(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.remove();
        }
    }

    /// Deletes the character under the cursor.
    pub fn delete(&mut self) {
        if self.cursor < self.text.chars().count() {
            self.remove();
        }
    }

    /// Moves the cursor by this many characters.
    pub fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.text.chars().count());
    }

    /// Deletes everything.
    pub fn clear(&mut self) {
        *self = Self::new("", self.longest);
    }

    fn remove(&mut self) {
        self.text.remove(self.byte(self.cursor));
        self.left_out = 0;
    }

    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at)
    }
}

/// Returns whether `c` separates lines or columns.
const fn separates_lines(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_lines_are_joined_with_spaces() {
        let mut line = Line::filter("x");
        line.insert("ast_1\r\nast_2\n\n\tast_3\u{2028}\u{7}y\n");
        assert_eq!(line.text(), "xast_1 ast_2 ast_3 y ");
        assert_eq!(line.cursor(), line.text().chars().count());
    }

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut line = Line::name("é漢");
        line.move_by(-1);
        line.insert("x\u{1b}y");
        assert_eq!((line.text(), line.cursor()), ("éxy漢", 3));
        line.backspace();
        line.delete();
        assert_eq!((line.text(), line.cursor()), ("éx", 2));
        line.move_by(-9);
        line.backspace();
        line.delete();
        assert_eq!((line.text(), line.cursor()), ("x", 0));
    }

    #[test]
    fn dropped_characters_are_counted_until_a_deletion() {
        for (mut line, longest) in
            [(Line::name("é"), crate::journal::MAX_NAME), (Line::filter("é"), 10_000)]
        {
            line.insert(&"z\n".repeat(longest / 2));
            line.insert("y");
            assert_eq!(line.text().chars().count(), longest);
            assert_eq!((line.longest(), line.left_out()), (longest, 2));
            line.move_by(-1);
            assert_eq!(line.left_out(), 2);
            line.delete();
            assert_eq!(line.left_out(), 0);
            line.insert("xy");
            assert_eq!(line.left_out(), 1);
            line.clear();
            assert_eq!((line.text(), line.left_out(), line.longest()), ("", 0, longest));
        }
    }

    #[test]
    fn tabs_wrap_around() {
        let (delivery, refusal) = (Target::Delivery(1), Target::Refusal(1));
        assert_eq!(Tab::Payload.moved(-1, delivery), Tab::Forward);
        assert_eq!(Tab::Forward.moved(1, delivery), Tab::Payload);
        assert_eq!(Tab::Payload.moved(-1, refusal), Tab::Signature);
        assert_eq!(Tab::Signature.moved(1, refusal), Tab::Payload);
    }
}
