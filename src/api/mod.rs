//! The client of the service's API: GET requests to one host, with a key that is never shown.
//!
//! | file | owns |
//! |---|---|
//! | `key` | the key: where it comes from, and that nothing shows it |
//! | `address` | the one host, from `--api-url` |
//! | `endpoint` | the paths that are asked, and the ids in them |
//! | `get` | the only requests there are: GET, to the one host |
//! | `client` | one question and its answer |
//! | `bounds` | how long and how large they may be |
//! | `answer` | what an answer says, read leniently (pure) |
//! | `redact` | what of an answer may be shown (pure) |
//! | `error` | why there is no answer, and whether a later request may get one |
//! | `download` | downloads the video of a version, from a link in an answer |
//! | `plan` | what to ask next, and when |
//! | `studio` | the studio's URL of a version, as far as it may be opened (pure) |
//! | `retry_after` | when the service wants to be asked again |

mod address;
mod answer;
mod bounds;
mod client;
mod download;
mod endpoint;
mod error;
mod get;
mod key;
mod plan;
mod redact;
mod retry_after;
mod studio;

pub use address::ApiAddress;
pub use answer::{
    AnswerError, AssetAnswer, AssetName, AssetPage, NameField, NextPage, PageWalk, ReadStatus,
    ResultUrl, VersionAnswer, WalkStep,
};
pub use client::{ApiClient, ApiSettings};
pub use download::{
    DownloadError, DownloadJob, DownloadProgress, Downloader, ExistingFile, FinishedDownload, Pace,
    QuestionPause, file_stem, file_stems,
};
pub use endpoint::Endpoint;
pub use error::ApiError;
pub use key::{ApiKey, ApiKeyPlace};
pub use plan::{Failure, Meaning, Need, NextStep, Plan, Question};
pub use redact::redact;
pub use studio::studio_url;
