//! The grammar of inbox names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::relay::protocol::is_sound_name;

/// The operator's name for an inbox. Has the same grammar as a reader name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InboxName(String);

/// The text is not an inbox name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an inbox name has 1 to 64 letters, digits, . _ or - and begins with none of . and -")]
pub struct InboxNameFault;

impl InboxName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InboxName {
    type Err = InboxNameFault;

    fn from_str(text: &str) -> Result<Self, InboxNameFault> {
        if is_sound_name(text) { Ok(Self(text.to_owned())) } else { Err(InboxNameFault) }
    }
}

impl TryFrom<String> for InboxName {
    type Error = InboxNameFault;

    fn try_from(text: String) -> Result<Self, InboxNameFault> {
        text.parse()
    }
}

impl From<InboxName> for String {
    fn from(name: InboxName) -> Self {
        name.0
    }
}

impl fmt::Display for InboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
