//! What a report counts over all assets, in memory that does not grow with the journal.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::super::redact::Redaction;
use crate::callback::{Ambiguity, State};
use crate::timeline::{AssetRow, Notes, Span, VersionRow};

/// Maximum number of failures that are listed: the newest.
const MAX_FAILURES: usize = 200;

/// Maximum number of locales with figures of their own.
const MAX_LOCALES: usize = 60;

/// Each bucket of durations ends a fiftieth above the one before it.
const RATIO: f64 = 1.02;

/// How long something took, over many times: accurate to a fiftieth.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    buckets: BTreeMap<u16, u64>,
    pub(super) count: u64,
    pub(super) longest: SignedDuration,
}

impl Durations {
    fn add(&mut self, took: SignedDuration) {
        let seconds = took.as_secs_f64().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the logarithm of the longest span is below 2,000"
        )]
        let bucket = (seconds.ln() / RATIO.ln()).round() as u16;
        *self.buckets.entry(bucket).or_default() += 1;
        self.count += 1;
        self.longest = self.longest.max(took);
    }

    /// Returns the duration that `percent` of all do not exceed; `None` if there is none.
    pub(super) fn quantile(&self, percent: u64) -> Option<SignedDuration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut passed = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            passed += **count;
            passed >= rank
        })?;
        let seconds = RATIO.powi(i32::from(*bucket));
        // No finer than it is known.
        let grain = match seconds {
            0.0..60.0 => 1.0,
            60.0..600.0 => 5.0,
            600.0..3600.0 => 60.0,
            3600.0..36_000.0 => 300.0,
            _ => 1800.0,
        };
        let took = (seconds / grain).round() * grain;
        Some(SignedDuration::try_from_secs_f64(took).ok()?.min(self.longest))
    }
}

/// A version, or with no version an asset as a whole, that failed and is still failed.
#[derive(Debug, Clone)]
pub(super) struct FailureLine {
    pub(super) asset: String,
    pub(super) version_id: Option<String>,
    pub(super) locale: Option<String>,
    /// `None` for an asset as a whole.
    pub(super) state: Option<State>,
    pub(super) at: Timestamp,
    /// How long the step took that failed.
    pub(super) took: Option<SignedDuration>,
    pub(super) uncertain: Option<Ambiguity>,
}

/// What a report counts over all assets.
#[derive(Debug, Default)]
pub struct ReportFigures {
    pub(super) assets: u64,
    pub(super) states: [u64; State::ALL.len()],
    pub(super) overdue: u64,
    pub(super) failures: VecDeque<FailureLine>,
    pub(super) failure_count: u64,
    /// How long generating took, in all locales together.
    pub(super) generating: Durations,
    /// How long versions waited for a person.
    pub(super) waiting: Durations,
    /// How long generating took, by locale.
    pub(super) by_locale: BTreeMap<String, Durations>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

impl ReportFigures {
    /// Counts an asset and the versions of it that are shown.
    pub fn add(
        &mut self,
        row: &AssetRow,
        notes: &Notes,
        redaction: Option<&Redaction>,
        now: Timestamp,
        overdue: SignedDuration,
    ) {
        self.assets += 1;
        let (first, last) = (row.asset.first_at, row.asset.last_at);
        self.first = Some(self.first.map_or(first, |at| at.min(first)));
        self.last = Some(self.last.map_or(last, |at| at.max(last)));
        let asset = notes.shown_name().unwrap_or(&row.asset_id);
        if let Some(failure) = &row.asset.failure {
            self.note_failure(FailureLine {
                asset: asset.to_owned(),
                version_id: None,
                locale: None,
                state: None,
                at: failure.at,
                took: None,
                uncertain: None,
            });
        }
        for row in &row.versions {
            self.version(asset, row, redaction, now, overdue);
        }
    }

    fn version(
        &mut self,
        asset: &str,
        row: &VersionRow,
        redaction: Option<&Redaction>,
        now: Timestamp,
        overdue: SignedDuration,
    ) {
        let version = &row.version;
        let state = version.state();
        self.states[state.index()] += 1;
        self.overdue += u64::from(version.overdue(now, overdue));
        let locale = shown_locale(row, redaction);
        let spans = version.spans();
        for span in &spans {
            let Some(took) = took(span) else { continue };
            match span.state {
                State::Ready => self.waiting.add(took),
                State::Generating => {
                    self.generating.add(took);
                    let locale = locale.clone().unwrap_or_else(|| "no locale".to_owned());
                    let is_full = self.by_locale.len() >= MAX_LOCALES;
                    let key = if is_full && !self.by_locale.contains_key(&locale) {
                        "other locales".to_owned()
                    } else {
                        locale
                    };
                    self.by_locale.entry(key).or_default().add(took);
                }
                _ => {}
            }
        }
        if state.is_failure() {
            let before = spans.len().checked_sub(2).and_then(|at| took(&spans[at]));
            self.note_failure(FailureLine {
                asset: asset.to_owned(),
                version_id: Some(row.version_id.clone()),
                locale,
                state: Some(state),
                at: version.since(),
                took: before.filter(|_| state == State::GenerateFailed),
                uncertain: version.uncertain(),
            });
        }
    }

    fn note_failure(&mut self, failure: FailureLine) {
        self.failure_count += 1;
        let place = self.failures.partition_point(|other| other.at <= failure.at);
        self.failures.insert(place, failure);
        if self.failures.len() > MAX_FAILURES {
            self.failures.pop_front();
        }
    }

    pub(super) const fn of(&self, state: State) -> u64 {
        self.states[state.index()]
    }

    pub(super) fn versions(&self) -> u64 {
        self.states.iter().sum()
    }
}

/// Returns how long a step took; `None` if it still lasts, or if that is not known.
pub(super) fn took(span: &Span) -> Option<SignedDuration> {
    Some(span.to?.duration_since(span.from)).filter(|took| !took.is_zero())
}

/// Returns the locale of a version as it may be shown.
pub(super) fn shown_locale(row: &VersionRow, redaction: Option<&Redaction>) -> Option<String> {
    let locale = row.version.locale()?;
    Some(redaction.map_or_else(|| locale.to_owned(), |redaction| redaction.shown_locale(locale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_accurate_to_a_fiftieth() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(50), None);
        for seconds in 1..=1000 {
            durations.add(SignedDuration::from_secs(seconds));
        }
        for (percent, expected) in [(50, 500.0), (90, 900.0), (99, 990.0_f64)] {
            let found = durations.quantile(percent).unwrap().as_secs_f64();
            assert!((found - expected).abs() <= expected * 0.04, "{percent} %: {found}");
        }
        assert_eq!(durations.quantile(100), Some(SignedDuration::from_secs(1000)));
        let mut one = Durations::default();
        one.add(SignedDuration::from_hours(24 * 365 * 50));
        assert!(one.quantile(50).unwrap() <= one.longest);
    }
}
