//! A key with its modifiers, and its name; knows what is on the keyboard, not what it does.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key on the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// What writes a character.
    Char(char),
    /// A function key.
    F(u8),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// The tabulator.
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

/// The keys that have a name, each with it.
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

/// A key with the modifiers that are held: `ctrl-c`, `G`, `shift-tab`, `f1`.
///
/// Where a key writes a character, shift is in the character: `G`, not `shift-g`. With ctrl there
/// is no upper case, because terminals send the same for both. Its text form is the one that is
/// shown and configured, and reads back as the same chord.
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
}

impl Chord {
    /// A key alone.
    pub const fn plain(key: Key) -> Self {
        Self { key, ctrl: false, alt: false, shift: false }
    }

    /// A key with ctrl.
    pub const fn ctrl(key: Key) -> Self {
        Self { key, ctrl: true, alt: false, shift: false }
    }

    /// A character as a terminal sends it, without ctrl or alt.
    pub const fn char(c: char) -> Self {
        Self::plain(Key::Char(c))
    }

    /// The character to be entered into a line of text; `None` for a command.
    pub const fn text(self) -> Option<char> {
        match self.key {
            Key::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    fn folded(mut self) -> Self {
        if let Key::Char(c) = &mut self.key {
            if self.ctrl {
                *c = c.to_ascii_lowercase();
            } else if self.shift && c.is_lowercase() {
                let mut upper = c.to_uppercase();
                // What has no capital of one character stays as it is.
                if let (Some(one), None) = (upper.next(), upper.next()) {
                    *c = one;
                }
            }
            self.shift = false;
        }
        self
    }

    /// What crossterm read; `None` for keys that nothing is bound to, like a modifier alone.
    pub(super) fn read(event: KeyEvent) -> Option<Self> {
        let held = event.modifiers;
        // A character with one of these is another key than the character alone.
        if held.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META) {
            return None;
        }
        let key = match event.code {
            KeyCode::Char(c) => Key::Char(c),
            KeyCode::F(number) => Key::F(number),
            KeyCode::Enter => Key::Enter,
            KeyCode::Esc => Key::Esc,
            KeyCode::Tab | KeyCode::BackTab => Key::Tab,
            KeyCode::Backspace => Key::Backspace,
            KeyCode::Delete => Key::Delete,
            KeyCode::Insert => Key::Insert,
            KeyCode::Left => Key::Left,
            KeyCode::Right => Key::Right,
            KeyCode::Up => Key::Up,
            KeyCode::Down => Key::Down,
            KeyCode::Home => Key::Home,
            KeyCode::End => Key::End,
            KeyCode::PageUp => Key::PageUp,
            KeyCode::PageDown => Key::PageDown,
            _ => return None,
        };
        let chord = Self {
            key,
            ctrl: held.contains(KeyModifiers::CONTROL),
            alt: held.contains(KeyModifiers::ALT),
            shift: held.contains(KeyModifiers::SHIFT) || event.code == KeyCode::BackTab,
        };
        Some(chord.folded())
    }
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

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no key is called that; keys are written like g, G, ctrl-c, shift-tab, enter, pgup, f1")]
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
        Ok(Self { key, ctrl, alt, shift }.folded())
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

    #[rstest]
    #[case::letter(KeyCode::Char('g'), KeyModifiers::NONE, "g")]
    #[case::capital(KeyCode::Char('G'), KeyModifiers::SHIFT, "G")]
    #[case::shift_apart(KeyCode::Char('g'), KeyModifiers::SHIFT, "G")]
    #[case::sign(KeyCode::Char('+'), KeyModifiers::NONE, "+")]
    #[case::minus(KeyCode::Char('-'), KeyModifiers::CONTROL, "ctrl--")]
    #[case::ctrl(KeyCode::Char('c'), KeyModifiers::CONTROL, "ctrl-c")]
    #[case::ctrl_shift(
        KeyCode::Char('C'),
        KeyModifiers::CONTROL.union(KeyModifiers::SHIFT),
        "ctrl-c"
    )]
    #[case::alt(KeyCode::Char('x'), KeyModifiers::ALT, "alt-x")]
    #[case::space(KeyCode::Char(' '), KeyModifiers::NONE, "space")]
    #[case::other_script(KeyCode::Char('ж'), KeyModifiers::SHIFT, "Ж")]
    #[case::no_capital(KeyCode::Char('ß'), KeyModifiers::SHIFT, "ß")]
    #[case::back_tab(KeyCode::BackTab, KeyModifiers::NONE, "shift-tab")]
    #[case::back_tab_with_shift(KeyCode::BackTab, KeyModifiers::SHIFT, "shift-tab")]
    #[case::page(KeyCode::PageUp, KeyModifiers::CONTROL, "ctrl-pgup")]
    #[case::function(KeyCode::F(12), KeyModifiers::NONE, "f12")]
    #[case::enter(KeyCode::Enter, KeyModifiers::ALT, "alt-enter")]
    fn a_key_has_a_name_that_reads_back(
        #[case] code: KeyCode,
        #[case] modifiers: KeyModifiers,
        #[case] name: &str,
    ) {
        let chord = Chord::read(KeyEvent::new(code, modifiers)).unwrap();
        assert_eq!(chord.to_string(), name);
        assert_eq!(name.parse(), Ok(chord));
    }

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
    fn what_is_no_key_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Chord>(), Err(NoSuchKey));
    }

    #[test]
    fn a_character_may_be_written_with_shift() {
        assert_eq!("shift-g".parse(), Ok(Chord::char('G')));
        assert_eq!("ctrl-C".parse(), Ok(Chord::ctrl(Key::Char('c'))));
    }

    #[rstest]
    #[case(KeyCode::CapsLock, KeyModifiers::NONE)]
    #[case(KeyCode::Char('q'), KeyModifiers::SUPER)]
    fn what_is_no_chord_is_dropped(#[case] code: KeyCode, #[case] modifiers: KeyModifiers) {
        assert_eq!(Chord::read(KeyEvent::new(code, modifiers)), None);
    }
}
