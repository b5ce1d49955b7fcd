//! A key with its modifiers, and its name. What a key does is decided elsewhere.

use std::fmt;
use std::str::FromStr;

/// A key of the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A key that types a character.
    Char(char),
    /// A function key.
    F(u8),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Deletes before the cursor.
    Backspace,
    /// Deletes after the cursor.
    Delete,
    /// Insert.
    Insert,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
}

/// The named keys, each with its name.
const NAMES: &[(Key, &str)] = &[
    (Key::Char(' '), "space"),
    (Key::Enter, "enter"),
    (Key::Esc, "esc"),
    (Key::Tab, "tab"),
    (Key::Backspace, "backspace"),
    (Key::Delete, "del"),
    (Key::Insert, "ins"),
    (Key::Left, "left"),
    (Key::Right, "right"),
    (Key::Up, "up"),
    (Key::Down, "down"),
    (Key::Home, "home"),
    (Key::End, "end"),
    (Key::PageUp, "pgup"),
    (Key::PageDown, "pgdn"),
];

/// A key with its modifiers: `ctrl-c`, `G`, `shift-tab`, `f1`.
///
/// If a key types a character, shift is part of the character: `G`, not `shift-g`. With ctrl there
/// is no upper case, because terminals send the same bytes for both. The text form is used on the
/// screen and in the key table, and parses back to the same chord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chord {
    /// The key.
    pub key: Key,
    /// Whether ctrl is held.
    pub ctrl: bool,
    /// Whether alt is held.
    pub alt: bool,
    /// Whether shift is held; never with a character.
    pub shift: bool,
    /// The character that the same key types on the US layout, if the terminal reports it. Not part
    /// of the name.
    pub physical: Option<char>,
}

impl Chord {
    /// Returns a key without modifiers.
    pub const fn plain(key: Key) -> Self {
        Self { key, ctrl: false, alt: false, shift: false, physical: None }
    }

    /// Returns a key with ctrl.
    pub const fn ctrl(key: Key) -> Self {
        Self { ctrl: true, ..Self::plain(key) }
    }

    /// Returns a character without ctrl or alt.
    pub const fn char(c: char) -> Self {
        Self::plain(Key::Char(c))
    }

    /// Returns the character to insert into a line of text, or `None` if the key is a command.
    pub const fn text(self) -> Option<char> {
        match self.key {
            Key::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Returns the same key on the US layout if it types a character of a non-Latin script: `й` is
    /// `q` there. Returns `None` if the terminal does not report it.
    pub fn on_us_layout(self) -> Option<Self> {
        match (self.key, self.physical) {
            (Key::Char(c), Some(physical)) if is_of_another_script(c) => {
                Some(Self { key: Key::Char(physical), physical: None, ..self }.canonical())
            }
            _ => None,
        }
    }

    /// Returns whether it is a letter of a non-Latin script, with or without modifiers.
    pub fn is_of_another_script(self) -> bool {
        matches!(self.key, Key::Char(c) if is_of_another_script(c) && c.is_alphabetic())
    }

    /// Returns the chord without alt.
    pub(super) const fn without_alt(self) -> Self {
        Self { alt: false, ..self }
    }

    /// Returns the chord without shift.
    pub(super) const fn without_shift(self) -> Self {
        Self { shift: false, ..self }
    }

    /// Returns the canonical form of a chord that terminals send in several forms.
    pub(super) fn canonical(mut self) -> Self {
        if let Key::Char(c) = &mut self.key {
            if self.ctrl {
                *c = c.to_ascii_lowercase();
            } else if self.shift && c.is_lowercase() {
                let mut upper = c.to_uppercase();
                // A character without a one-character capital stays as it is.
                if let (Some(one), None) = (upper.next(), upper.next()) {
                    *c = one;
                }
            }
            self.shift = false;
        }
        self
    }
}

/// Returns whether `c` is beyond the Latin blocks, that is, from Greek on.
const fn is_of_another_script(c: char) -> bool {
    c >= '\u{370}'
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is_held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if is_held {
                f.write_str(name)?;
            }
        }
        match (NAMES.iter().find(|(key, _)| *key == self.key), self.key) {
            (Some((_, name)), _) => f.write_str(name),
            (None, Key::Char(c)) => write!(f, "{c}"),
            (None, Key::F(number)) => write!(f, "f{number}"),
            // Every other key has a name.
            (None, _) => Ok(()),
        }
    }
}

/// A text that is not the name of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key; keys are written like g, G, ctrl-c, shift-tab, enter, pgup, f1")]
pub struct NoSuchKey;

impl FromStr for Chord {
    type Err = NoSuchKey;

    fn from_str(text: &str) -> Result<Self, NoSuchKey> {
        let mut rest = text;
        let mut held = [false; 3];
        for (is_held, name) in held.iter_mut().zip(["ctrl-", "alt-", "shift-"]) {
            if let Some(after) = rest.strip_prefix(name) {
                (rest, *is_held) = (after, true);
            }
        }
        let [ctrl, alt, shift] = held;
        let key = key(rest).ok_or(NoSuchKey)?;
        Ok(Self { ctrl, alt, shift, ..Self::plain(key) }.canonical())
    }
}

fn key(name: &str) -> Option<Key> {
    if let Some((key, _)) = NAMES.iter().find(|(_, known)| *known == name) {
        return Some(*key);
    }
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control() && !c.is_whitespace()).then_some(Key::Char(c));
    }
    let number = name.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(Key::F(number))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_key_has_one_name() {
        for (key, name) in NAMES {
            assert_eq!(Chord::plain(*key).to_string(), *name);
            assert_eq!(name.parse(), Ok(Chord::plain(*key)));
        }
    }

    #[rstest]
    #[case("")]
    #[case(" ")]
    #[case("ctrl-")]
    #[case("return")]
    #[case("f0")]
    #[case("f25")]
    #[case("shift-ctrl-a")]
    #[case("\u{1b}")]
    fn invalid_key_names_are_rejected(#[case] text: &str) {
        assert_eq!(text.parse::<Chord>(), Err(NoSuchKey));
    }

    #[test]
    fn a_character_may_be_written_with_shift() {
        assert_eq!("shift-g".parse(), Ok(Chord::char('G')));
        assert_eq!("ctrl-C".parse(), Ok(Chord::ctrl(Key::Char('c'))));
    }

    #[test]
    fn a_key_of_another_layout_is_recognised_by_its_position() {
        let key = |c, physical| Chord { physical: Some(physical), ..Chord::char(c) };
        assert_eq!(key('й', 'q').on_us_layout(), Some(Chord::char('q')));
        assert_eq!(key('Й', 'Q').on_us_layout(), Some(Chord::char('Q')));
        let ctrl = Chord { ctrl: true, ..key('с', 'c') };
        assert_eq!(ctrl.on_us_layout(), Some(Chord::ctrl(Key::Char('c'))));
        // On a German keyboard, z is where y is on a US keyboard; it still means z.
        assert_eq!(key('z', 'y').on_us_layout(), None);
        assert_eq!(key('ü', '[').on_us_layout(), None);
        assert_eq!(Chord::char('й').on_us_layout(), None);
        assert!(Chord::char('й').is_of_another_script() && Chord::char('θ').is_of_another_script());
        assert!(
            !Chord::char('é').is_of_another_script() && !Chord::char('/').is_of_another_script()
        );
    }
}
