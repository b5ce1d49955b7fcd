//! Which screen, pane and mode the dashboard is in: enums, so that no mode is unreachable or two at
//! once.

use std::sync::Arc;

use super::detail::{Detail, DetailLine};

/// One of the four screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Screen {
    /// Assets, lanes, deliveries of the selected asset.
    Timeline,
    /// Assets × locales.
    Matrix,
    /// All deliveries and refusals.
    Deliveries,
    /// How the program is doing.
    Health,
}

impl Screen {
    /// Every screen, in the order of the tab bar.
    pub const ALL: [Self; 4] = [Self::Timeline, Self::Matrix, Self::Deliveries, Self::Health];

    /// The word in the tab bar.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeline => "Timeline",
            Self::Matrix => "Matrix",
            Self::Deliveries => "Deliveries",
            Self::Health => "Health",
        }
    }
}

/// The part of the Timeline screen that keys go to.
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
    /// The pane after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Assets => Self::Lanes,
            Self::Lanes => Self::Deliveries,
            Self::Deliveries => Self::Assets,
        }
    }

    /// The pane before this one.
    #[must_use]
    pub const fn previous(self) -> Self {
        match self {
            Self::Assets => Self::Deliveries,
            Self::Lanes => Self::Assets,
            Self::Deliveries => Self::Lanes,
        }
    }
}

/// What keys mean at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Looking around.
    Normal,
    /// Typing a filter. Holds what was before, for `esc`.
    Filter {
        /// What is typed.
        line: Line,
        /// What was in force before.
        before: String,
        /// The asset that was selected before.
        asset: Option<Arc<str>>,
    },
    /// Typing a name for an asset.
    Name {
        /// The asset.
        asset_id: String,
        /// What is typed.
        line: Line,
    },
    /// Asked whether to end, at the top of what receives.
    Quit,
    /// Choosing what to copy. Holds the mode that it was opened from.
    Copy(Box<Mode>),
    /// One delivery or refusal, in full.
    Detail(DetailMode),
    /// All keys. Holds the mode that it was opened from.
    Help {
        /// The first line shown.
        scroll: usize,
        /// The mode that it was opened from.
        under: Box<Mode>,
    },
}

impl Mode {
    /// The mode under the menus that are open over it.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::Copy(under) | Self::Help { under, .. } => under.innermost(),
            mode => mode,
        }
    }

    /// The same, to be changed.
    pub fn innermost_mut(&mut self) -> &mut Self {
        match self {
            Self::Copy(under) | Self::Help { under, .. } => under.innermost_mut(),
            mode => mode,
        }
    }
}

/// One delivery or refusal on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailMode {
    /// Which one.
    pub target: Target,
    /// The part that is shown.
    pub tab: Tab,
    /// Whether the other form of the part is shown: as sent in place of pretty, hex in place of
    /// text.
    pub other_form: bool,
    /// The first line shown.
    pub scroll: usize,
    /// What was read of it; `None` until it is there.
    pub detail: Option<Arc<Detail>>,
    /// The part as it is shown, a line each; see [`super::Model::settle`].
    pub lines: Arc<Vec<DetailLine>>,
    /// The columns for which the lines were made; `None` when they have to be made anew.
    pub laid_out: Option<u16>,
}

/// A row of the Deliveries screen, by what never changes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A delivery, by its `seq`.
    Delivery(u64),
    /// An entry of the log of refusals, by its id.
    Refusal(u64),
}

/// A part of the detail view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tab {
    /// The body, pretty or as sent.
    Payload,
    /// The request line and the headers.
    Headers,
    /// The body's bytes, as text or hex.
    Raw,
    /// Each step of the signature check.
    Signature,
}

impl Tab {
    /// Every part, in order.
    pub const ALL: [Self; 4] = [Self::Payload, Self::Headers, Self::Raw, Self::Signature];

    /// The word shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "Payload",
            Self::Headers => "Headers",
            Self::Raw => "Raw",
            Self::Signature => "Signature",
        }
    }

    /// The part `by` further, around the corner.
    #[must_use]
    pub fn moved(self, by: isize) -> Self {
        let count = Self::ALL.len().cast_signed();
        Self::ALL[(self as isize + by).rem_euclid(count).cast_unsigned()]
    }
}

/// A line that is being typed: text and the cursor, counted in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
    longest: usize,
    left_out: usize,
}

/// The longest filter, in characters: a long list of ids can be pasted.
const LONGEST_FILTER: usize = 10_000;
/// The longest name, in characters: the journal keeps no more of it.
const LONGEST_NAME: usize = 200;

impl Line {
    /// A filter with the cursor at its end.
    pub fn filter(text: &str) -> Self {
        Self::new(text, LONGEST_FILTER)
    }

    /// A name with the cursor at its end.
    pub fn name(text: &str) -> Self {
        Self::new(text, LONGEST_NAME)
    }

    fn new(text: &str, longest: usize) -> Self {
        Self { text: text.to_owned(), cursor: text.chars().count(), longest, left_out: 0 }
    }

    /// What is typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many characters stand before the cursor.
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// How many characters it takes.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// How many characters found no room in it since something was last taken out.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    /// Puts text in at the cursor. Line ends and tabs become a space, in a row one; other controls
    /// are left out, and so is what finds no room.
    pub fn insert(&mut self, text: &str) {
        let room = self.longest.saturating_sub(self.text.chars().count());
        let (mut fitting, mut taken) = (String::new(), 0);
        let mut chars = text.chars().peekable();
        while let Some(mut character) = chars.next() {
            if parts_lines(character) {
                while chars.next_if(|next| parts_lines(*next)).is_some() {}
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

    /// Takes out the character before the cursor.
    pub fn backspace(&mut self) {
        if self.cursor > 0 {
            self.cursor -= 1;
            self.remove();
        }
    }

    /// Takes out the character under the cursor.
    pub fn delete(&mut self) {
        if self.cursor < self.text.chars().count() {
            self.remove();
        }
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.text.chars().count());
    }

    /// Takes out everything.
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

/// Whether `c` stands between two lines or columns of a text.
const fn parts_lines(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_pasted_are_parted_by_a_space() {
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
    fn what_finds_no_room_is_counted_until_there_is_some() {
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
    fn tabs_go_around() {
        assert_eq!(Tab::Payload.moved(-1), Tab::Signature);
        assert_eq!(Tab::Signature.moved(1), Tab::Payload);
    }
}
