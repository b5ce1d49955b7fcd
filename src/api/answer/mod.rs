//! What an answer says, read leniently: field names and paging are mostly unknown, so each thing has
//! a table of spellings, and what is missing is `None`.
//!
//! Never guesses in silence: an unknown status stays as it is written, a field of a wrong type is an
//! error where the meaning depends on it and a caution elsewhere.

mod asset;
mod fields;
mod next;
mod page;
mod parse;
mod status;
mod version;
mod walk;

pub use asset::{AssetAnswer, AssetName, NameField};
pub use next::NextPage;
pub use page::AssetPage;
pub use status::ReadStatus;
pub use version::{ResultUrl, VersionAnswer};
pub use walk::{PageWalk, WalkStep};

pub(super) use fields::{is_result_url, plain};
pub(super) use parse::{parse, reason};

use http::StatusCode;

use crate::text::Printable;

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It has no content.
    #[error("it is empty")]
    Empty,
    /// It is a page for a browser.
    #[error("it is HTML, not JSON")]
    Html,
    /// It is no JSON, or too deep.
    #[error("it is not JSON that can be read ({0})")]
    NoJson(String),
    /// It has more values than are read.
    #[error("it has too many values to be read")]
    TooMany,
    /// It is compressed, although that was not asked for.
    #[error("it is compressed ({0})")]
    Encoded(Printable),
    /// Its status promises no content.
    #[error("its status is {} in place of 200", .0.as_u16())]
    Status(StatusCode),
    /// It is JSON of another kind.
    #[error("it is {found} where {expected} was expected")]
    Kind {
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A field has another type.
    #[error("its {field} is {found} where {expected} was expected")]
    Field {
        /// The field as the service spells it.
        field: Printable,
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
}
