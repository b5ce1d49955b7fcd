//! The test of one term on a delivery, a refusal or a version.

use jiff::Timestamp;

use super::{DeliveryFacts, VersionFacts};
use crate::callback::{Callback, DeliveryEffect, Event, Refusal, RefusalKind, Source, State};

/// One test, with a yes or no for everything it applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// The verdict's word.
    Verdict(&'static str),
    /// Any failure event.
    Failure,
    /// The state that the event reports.
    State(State),
    Effect(DeliveryEffect),
    Uncertain,
    /// Applies to versions only.
    Overdue,
    /// Applies to versions only.
    Foreign,
    Unreadable,
    Refused,
    RefusalKind(RefusalKind),
    Asset(Needle),
    Version(Needle),
    Event(Needle),
    Peer(Needle),
    Locale(Needle),
    Source(Source),
    /// First and last, inclusive.
    Seq(u64, u64),
    Since(Timestamp),
    Until(Timestamp),
    /// A word that is not one of the language's.
    Text(Needle),
}

impl Test {
    /// Tests a delivery; `None` if the test applies to versions only. `name` is the asset's local
    /// name.
    pub(super) fn delivery(
        &self,
        delivery: &DeliveryFacts<'_>,
        name: Option<&str>,
    ) -> Option<bool> {
        Some(match self {
            Self::Verdict(name) => delivery.verdict == *name,
            Self::Failure => delivery.is_failure(),
            // By name, because an answer of the API reports a state that no event of the contract does.
            Self::State(state) => delivery.event == Some(Event::Version(*state).name()),
            Self::Effect(effect) => delivery.effect == effect.name(),
            Self::Uncertain => delivery.is_uncertain,
            Self::Unreadable => delivery.is_unreadable,
            Self::Refused | Self::RefusalKind(_) => false,
            Self::Overdue | Self::Foreign => return None,
            Self::Asset(needle) => needle.is_in_some(delivery.asset_id) || needle.is_in_some(name),
            Self::Version(needle) => needle.is_in_some(delivery.version_id),
            Self::Event(needle) => needle.is_in_some(delivery.event),
            Self::Peer(needle) => needle.is_in(delivery.peer),
            Self::Locale(range) => {
                delivery.version_locale.is_some_and(|locale| range.is_range_of(locale))
            }
            Self::Source(source) => delivery.source == source.name(),
            Self::Seq(first, last) => (*first..=*last).contains(&delivery.seq),
            Self::Since(time) => delivery.received_at >= *time,
            Self::Until(time) => delivery.received_at < *time,
            Self::Text(needle) => {
                [delivery.event, delivery.asset_id, delivery.version_id, delivery.version_locale]
                    .into_iter()
                    .any(|field| needle.is_in_some(field))
                    || needle.is_in(delivery.peer)
                    || needle.is_in_some(name)
            }
        })
    }

    /// Tests a refusal; `None` if the test applies to versions only. `claim` is what its body
    /// claims, `name` the local name of the asset in it.
    pub(super) fn refusal(
        &self,
        refusal: &Refusal,
        claim: &Callback,
        name: Option<&str>,
    ) -> Option<bool> {
        let event = || Event::from_name(claim.event.as_deref()?);
        Some(match self {
            Self::Overdue | Self::Foreign => return None,
            Self::Failure => event().is_some_and(Event::is_failure),
            Self::State(state) => event() == Some(Event::Version(*state)),
            Self::Asset(needle) => {
                needle.is_in_some(claim.asset_id.as_deref()) || needle.is_in_some(name)
            }
            Self::Version(needle) => needle.is_in_some(claim.version_id.as_deref()),
            Self::Event(needle) => needle.is_in_some(claim.event.as_deref()),
            Self::Locale(range) => {
                claim.version_locale.as_deref().is_some_and(|locale| range.is_range_of(locale))
            }
            Self::Verdict(name) => refusal.kind.verdict() == Some(name),
            Self::Refused => true,
            Self::RefusalKind(kind) => refusal.kind == *kind,
            Self::Peer(needle) => needle.is_in(&refusal.peer),
            Self::Since(time) => refusal.at >= *time,
            Self::Until(time) => refusal.at < *time,
            Self::Text(needle) => {
                [&refusal.peer, &refusal.path, &refusal.method].into_iter().any(|f| needle.is_in(f))
                    || [&claim.event, &claim.asset_id, &claim.version_id, &claim.version_locale]
                        .into_iter()
                        .any(|field| needle.is_in_some(field.as_deref()))
                    || needle.is_in_some(name)
            }
            // Its body was never believed, so it had no effect and got no place.
            Self::Effect(_)
            | Self::Uncertain
            | Self::Unreadable
            | Self::Source(_)
            | Self::Seq(..) => false,
        })
    }
}

impl Test {
    /// Tests a version; `None` if the test applies to single deliveries only.
    pub(super) fn version(&self, version: &VersionFacts<'_>) -> Option<bool> {
        Some(match self {
            Self::Failure => version.failed || version.state.is_some_and(State::is_failure),
            Self::State(state) => version.state == Some(*state),
            Self::Uncertain => version.uncertain,
            Self::Overdue => version.overdue,
            Self::Foreign => version.foreign,
            Self::Verdict("unchecked") => version.provenance.is_unchecked(),
            Self::Verdict("api") => !version.basis.is_callback(),
            Self::Asset(needle) => {
                needle.is_in(version.asset_id) || needle.is_in_some(version.name)
            }
            Self::Version(needle) => needle.is_in_some(version.version_id),
            Self::Locale(range) => version.locale.is_some_and(|locale| range.is_range_of(locale)),
            Self::Since(time) => version.last_at >= *time,
            Self::Until(time) => version.last_at < *time,
            Self::Text(needle) => {
                needle.is_in(version.asset_id)
                    || [version.name, version.version_id, version.locale]
                        .into_iter()
                        .any(|field| needle.is_in_some(field))
            }
            Self::Verdict(_)
            | Self::Effect(_)
            | Self::Unreadable
            | Self::Refused
            | Self::RefusalKind(_)
            | Self::Event(_)
            | Self::Peer(_)
            | Self::Source(_)
            | Self::Seq(..) => return None,
        })
    }
}

/// Text that is searched for, ignoring case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    fn is_in_some(&self, field: Option<&str>) -> bool {
        field.is_some_and(|field| self.is_in(field))
    }

    fn is_in(&self, field: &str) -> bool {
        let needle = self.0.as_bytes();
        if field.is_ascii() {
            // Nearly every id is ASCII, and a filter runs over thousands: no copy is made.
            return needle.is_empty()
                || field
                    .as_bytes()
                    .windows(needle.len())
                    .any(|part| part.eq_ignore_ascii_case(needle));
        }
        field.to_lowercase().contains(&self.0)
    }

    /// Does basic filtering of language tags (RFC 4647, section 3.3.1).
    fn is_range_of(&self, locale: &str) -> bool {
        let locale = locale.to_lowercase();
        locale.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}
