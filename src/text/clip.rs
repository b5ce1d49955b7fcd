//! Text that is safe to copy to a clipboard: pasting it inserts text and triggers nothing.

use std::fmt;

/// Text without control characters except line ends and tabs.
///
/// An escape sequence in pasted text can end a terminal's bracketed paste, and the terminal then
/// acts on the rest as if the user had typed it. So only this type reaches a clipboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClipText(String);

/// A control character in a text that should be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it has control characters (the first is {} at byte {at}), which act on the terminal that they are pasted into",
    self.name()
)]
pub struct ControlFound {
    /// Its offset in bytes.
    pub at: usize,
    /// The character.
    pub control: char,
}

impl ControlFound {
    fn name(self) -> String {
        if u32::from(self.control) == 0x1b {
            "ESC".to_owned()
        } else {
            format!("U+{:04X}", u32::from(self.control))
        }
    }
}

impl ClipText {
    /// Creates it from a text, with line ends as LF. Fails for any other control character than
    /// TAB.
    pub fn new(text: &str) -> Result<Self, ControlFound> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        match text.char_indices().find(|(_, c)| control(*c)) {
            Some((at, control)) => Err(ControlFound { at, control }),
            None => Ok(Self(text)),
        }
    }

    /// Creates it from a single line, such as a command, which a line end would run.
    pub fn line(text: &str) -> Result<Self, ControlFound> {
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, control)) => Err(ControlFound { at, control }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClipText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_lf_and_tabs_stay() {
        for (text, copied) in [
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("\t{\"é\": \"👩‍👩‍👧\"}", "\t{\"é\": \"👩‍👩‍👧\"}"),
            ("\r\r\n", "\n\n"),
            ("", ""),
        ] {
            assert_eq!(ClipText::new(text).unwrap().as_str(), copied);
        }
    }

    #[test]
    fn every_other_control_is_refused_with_its_place() {
        let controls = (0..=0x9f_u32).filter_map(char::from_u32).filter(|c| c.is_control());
        for control in controls {
            let text = format!("ab{control}[201~");
            let expected = Err(ControlFound { at: 2, control });
            if !matches!(control, '\n' | '\r' | '\t') {
                assert_eq!(ClipText::new(&text), expected, "{control:?}");
            }
            assert_eq!(ClipText::line(&text), expected, "{control:?}");
        }
        assert_eq!(
            ClipText::new("x\u{1b}[201~\rid\r").unwrap_err().to_string(),
            "it has control characters (the first is ESC at byte 1), which act on the terminal that they are pasted into"
        );
    }
}
