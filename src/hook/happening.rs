//! What happened, as a program is told.

use super::Trigger;
use super::limits::MAX_VALUE;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Happening {
    /// What it is.
    pub trigger: Trigger,
    /// It as a line of NDJSON.
    pub line: Vec<u8>,
    /// The fields that are passed in variables.
    pub fields: HookFields,
    /// The body of the request, if it was one.
    pub payload: Option<Vec<u8>>,
    /// The headers of the request, a `name: value` on each line.
    pub headers: Option<Vec<u8>>,
}

/// The fields that a program gets in variables; empty ones are not known.
#[derive(Debug, Clone, Default)]
pub struct HookFields {
    /// The number of the delivery in the journal.
    pub seq: String,
    /// When.
    pub at: String,
    /// The event of the callback.
    pub event: String,
    /// The asset.
    pub asset_id: String,
    /// The name of the asset.
    pub asset_name: String,
    /// The version.
    pub version_id: String,
    /// Its locale.
    pub version_locale: String,
    /// Why a request was refused, or a relay dropped something.
    pub why: String,
}

impl Happening {
    /// Returns the variables and their values. Every variable is there, so that a script may insist.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let HookFields { seq, at, event, asset_id, asset_name, version_id, version_locale, why } =
            &self.fields;
        let all = [
            ("DUB_ON", self.trigger.name()),
            ("DUB_SEQ", seq),
            ("DUB_AT", at),
            ("DUB_EVENT", event),
            ("DUB_ASSET_ID", asset_id),
            ("DUB_ASSET_NAME", asset_name),
            ("DUB_VERSION_ID", version_id),
            ("DUB_VERSION_LOCALE", version_locale),
            ("DUB_WHY", why),
        ];
        all.into_iter().map(|(name, value)| (name, passable(value))).collect()
    }

    /// Returns about how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        self.line.len() + of(&self.payload) + of(&self.headers)
    }
}

/// Returns a text that can be the value of a variable: a NUL would end it, and a long one would leave no
/// room for the others.
fn passable(text: &str) -> String {
    let mut passable: String = text.chars().filter(|c| *c != '\0').collect();
    let end = (0..=MAX_VALUE.min(passable.len())).rev().find(|at| passable.is_char_boundary(*at));
    passable.truncate(end.unwrap_or(0));
    passable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_can_be_passed() {
        assert_eq!(passable("a\0b\n$(id)"), "ab\n$(id)");
        let long = passable(&"é".repeat(2000));
        assert_eq!(long.len(), MAX_VALUE);
        assert!(long.chars().all(|c| c == 'é'));
    }
}
