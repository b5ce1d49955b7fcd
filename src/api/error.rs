//! Why the API gave no answer: one sentence each, and whether a later request may get one.

use std::time::Duration;

use http::StatusCode;

use super::answer::AnswerError;
use super::bounds::{LIMIT, MAX_ANSWER};
use super::key::ApiKeyPlace;
use crate::text::Printable;

/// Why there is no answer. `host` is the host of the API, `what` the thing that was asked for, and
/// `says` the reason that the service gives, empty if it gives none.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(
        "{host} does not accept the API key from {place} (401{}): it is wrong, expired or revoked; put one that the service shows in your account there",
        aside(says)
    )]
    Unauthorized { host: Printable, place: ApiKeyPlace, says: Printable },
    #[error(
        "{host} refuses {what} (403{}): it is not of this account, or the account may not ask for it now",
        aside(says)
    )]
    Forbidden { host: Printable, what: String, says: Printable, retry_after: Option<Duration> },
    #[error(
        "{host} does not know {what} (404{}): it does not exist, or is of another account or another --api-url",
        aside(says)
    )]
    NotFound { host: Printable, what: String, says: Printable },
    #[error("{host} refuses to answer about {what} ({}{})", status.as_u16(), aside(says))]
    Refused { host: Printable, what: String, status: StatusCode, says: Printable },
    #[error("{host} cannot answer now ({}{}){}", status.as_u16(), aside(says), later(*retry_after))]
    Busy { host: Printable, status: StatusCode, says: Printable, retry_after: Option<Duration> },
    #[error(
        "{host} sends us to {to} ({}), where the API key must not go; is --api-url right?",
        status.as_u16()
    )]
    Elsewhere { host: Printable, status: StatusCode, to: Printable },
    #[error("{host} sends us in a circle when asked for {what}; is --api-url right?")]
    Circle { host: Printable, what: String },
    #[error("{why}")]
    Unreachable { why: String },
    #[error("{host} speaks TLS: use https:// in --api-url")]
    SpeaksTls { host: Printable },
    #[error("{host} closed the connection before the end of its answer about {what}")]
    Closed { host: Printable, what: String },
    #[error("no answer from {host} about {what}: {why}")]
    Lost { host: Printable, what: String, why: Printable },
    #[error("{host} did not answer about {what} within {} s", LIMIT.as_secs())]
    TimedOut { host: Printable, what: String },
    #[error(
        "the answer of {host} about {what} is longer than {} MiB, so it was not read",
        MAX_ANSWER >> 20
    )]
    TooLong { host: Printable, what: String },
    #[error("cannot use the answer of {host} about {what}: {why}; is --api-url right?")]
    Nonsense { host: Printable, what: String, why: AnswerError },
    #[error("{host} answered about {other} when asked for {what}, so the answer was not used")]
    OtherThing { host: Printable, what: String, other: Printable },
    #[error("cannot ask for {what}: an id has 1 to 512 bytes and is not made of dots alone")]
    NoId { what: String },
}

/// Returns the service's own reason, to append to a status.
fn aside(says: &Printable) -> String {
    if says.as_str().is_empty() { String::new() } else { format!(", {says}") }
}

fn later(wait: Option<Duration>) -> String {
    wait.map(|wait| format!("; it asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

impl ApiError {
    /// Returns whether the same request may get an answer later, without any change by the user.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::Closed { .. }
            | Self::Lost { .. }
            | Self::TimedOut { .. }
            | Self::Nonsense { .. } => true,
            Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Refused { .. }
            | Self::Elsewhere { .. }
            | Self::Circle { .. }
            | Self::SpeaksTls { .. }
            | Self::TooLong { .. }
            | Self::OtherThing { .. }
            | Self::NoId { .. } => false,
        }
    }

    /// Returns how long the service asks to wait before the next request, at most an hour.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Forbidden { retry_after, .. } | Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns whether other questions can be expected to be answered: the reason lies in the thing
    /// that was asked for. A 403 may be either.
    pub const fn is_about_the_question(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::Refused { .. }
                | Self::TooLong { .. }
                | Self::OtherThing { .. }
                | Self::NoId { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_user_must_change_is_not_tried_again() {
        let host = || Printable::new("api.example");
        let says = Printable::default;
        let busy = ApiError::Busy {
            host: host(),
            status: StatusCode::TOO_MANY_REQUESTS,
            says: Printable::new("slow down"),
            retry_after: Some(Duration::from_secs(7)),
        };
        assert!(busy.is_retryable() && !busy.is_about_the_question());
        assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
        assert_eq!(
            busy.to_string(),
            "api.example cannot answer now (429, slow down); it asks to wait 7 s"
        );
        let place = ApiKeyPlace::Setting("PANJAYA_API_KEY".into());
        let wrong = ApiError::Unauthorized { host: host(), place, says: says() };
        assert!(!wrong.is_retryable() && wrong.retry_after().is_none());
        assert!(wrong.to_string().contains("from PANJAYA_API_KEY (401): it is wrong, expired"));
        let gone = ApiError::NotFound { host: host(), what: "asset a".to_owned(), says: says() };
        assert!(!gone.is_retryable() && gone.is_about_the_question());
    }
}
