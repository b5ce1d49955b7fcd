//! The grammar of reader names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a reader's durable cursor in an inbox: 1 to 64 of `a`–`z`, `A`–`Z`, `0`–`9`, `.`,
/// `_`,
/// `-`, without `.` or `-` at the beginning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReaderName(String);

/// The text is not a reader name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reader name has 1 to 64 letters, digits, . _ or - and begins with none of . and -")]
pub struct NameFault;

impl ReaderName {
    /// Maximum length of a name, in bytes.
    pub const MAX: usize = 64;

    /// Returns a valid name similar to `text`, such as a host name; `reader` if no character is
    /// valid.
    pub fn near(text: &str) -> Self {
        let text = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name: String =
            text.chars().map(|c| if fits(c) { c } else { '-' }).take(Self::MAX).collect();
        if name.is_empty() { Self("reader".to_owned()) } else { Self(name) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fits(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Returns whether a text matches the grammar. Names of inboxes have the same grammar.
pub(crate) fn is_sound(text: &str) -> bool {
    (1..=ReaderName::MAX).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(fits)
}

impl FromStr for ReaderName {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        if is_sound(text) { Ok(Self(text.to_owned())) } else { Err(NameFault) }
    }
}

impl TryFrom<String> for ReaderName {
    type Error = NameFault;

    fn try_from(text: String) -> Result<Self, NameFault> {
        text.parse()
    }
}

impl From<ReaderName> for String {
    fn from(name: ReaderName) -> Self {
        name.0
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_grammar() {
        for sound in ["a", "laptop", "Anna.local", "_x", "0-1_2.3", &"x".repeat(64)] {
            assert!(sound.parse::<ReaderName>().is_ok(), "{sound:?}");
        }
        for wrong in ["", ".a", "-a", "a b", "é", "a/b", "a\n", &"x".repeat(65)] {
            assert_eq!(wrong.parse::<ReaderName>(), Err(NameFault), "{wrong:?}");
        }
    }

    #[test]
    fn any_text_has_a_name_near_it() {
        for (text, near) in [
            ("anna.local", "anna.local"),
            ("Anna’s Mac", "Anna-s-Mac"),
            ("--x", "x"),
            ("", "reader"),
            ("…", "reader"),
        ] {
            let name = ReaderName::near(text);
            assert_eq!(name.as_str(), near);
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        assert_eq!(ReaderName::near(&"é".repeat(90)).as_str(), "reader");
        assert_eq!(ReaderName::near(&format!("x{}", "é".repeat(90))).as_str().len(), 64);
    }
}
