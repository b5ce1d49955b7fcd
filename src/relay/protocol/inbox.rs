//! The permanent identity of an inbox. Readers use it to distinguish inboxes; it grants no access.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identifies an inbox among those of all relays: 128 random bits, written as 32 hex digits.
/// Created with the inbox; does not change when its token, its publish URL or the relay's host name
/// does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InboxIdentity(pub u128);

/// The text is not an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity of an inbox has 32 lower-case hex digits")]
pub struct IdentityFault;

impl fmt::Display for InboxIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for InboxIdentity {
    type Err = IdentityFault;

    fn from_str(text: &str) -> Result<Self, IdentityFault> {
        if !super::is_hex(text, 32) {
            return Err(IdentityFault);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| IdentityFault)
    }
}

impl TryFrom<String> for InboxIdentity {
    type Error = IdentityFault;

    fn try_from(text: String) -> Result<Self, IdentityFault> {
        text.parse()
    }
}

impl From<InboxIdentity> for String {
    fn from(identity: InboxIdentity) -> Self {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_spelling() {
        let spelt = "0123456789abcdef0123456789abcdef";
        let identity: InboxIdentity = spelt.parse().unwrap();
        assert_eq!(identity.to_string(), spelt);
        assert_eq!(InboxIdentity(0).to_string(), "0".repeat(32));
        for wrong in ["", "0", &spelt[1..], &spelt.to_uppercase(), &format!("+{}", &spelt[1..])] {
            assert_eq!(wrong.parse::<InboxIdentity>(), Err(IdentityFault), "{wrong:?}");
        }
    }
}
