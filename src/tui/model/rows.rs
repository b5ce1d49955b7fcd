//! The rows of the Deliveries screen: a window on deliveries and refusals, newest last.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::mode::Target;
use crate::callback::{BodySample, Callback, Delivery, Effect, Event, Headers, Listed};
use crate::filter::Filter;

/// Rows that are held at most. Beyond it those furthest from where the user is go; they come back
/// when they are scrolled to.
pub const MAX_ROWS: usize = 5_000;

/// A delivery or a refusal in one line: without its body and headers, which are read when it is
/// opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A delivery on disk.
    Delivery(Delivery),
    /// Requests that were refused.
    Refusal {
        /// The entry in the log of refusals.
        listed: Listed,
        /// What the last body says it is about. Nobody vouches for it: it is shown, and that is all.
        claim: Callback,
    },
}

impl Row {
    /// The row of a delivery.
    pub fn delivery(mut delivery: Delivery) -> Self {
        delivery.request.body = Vec::new();
        delivery.request.headers = Headers::default();
        Self::Delivery(delivery)
    }

    /// The row of a refusal.
    pub fn refusal(mut listed: Listed) -> Self {
        let body = std::mem::take(&mut listed.refusal.body);
        let claim = Callback::claimed(&body.bytes);
        listed.refusal.body = BodySample { bytes: Vec::new(), truncated: body.truncated };
        listed.refusal.headers = Headers::default();
        Self::Refusal { listed, claim }
    }

    /// Which one it is.
    pub const fn target(&self) -> Target {
        match self {
            Self::Delivery(delivery) => Target::Delivery(delivery.seq),
            Self::Refusal { listed, .. } => Target::Refusal(listed.id),
        }
    }

    /// When it was received; of a refusal, when the last of its kind was.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Delivery(delivery) => delivery.request.received_at,
            Self::Refusal { listed, .. } => listed.refusal.at,
        }
    }

    /// What it says; of a refusal, what it claims.
    pub const fn callback(&self) -> &Callback {
        match self {
            Self::Delivery(delivery) => &delivery.callback,
            Self::Refusal { claim, .. } => claim,
        }
    }

    /// Whether it is about this asset, or claims to be.
    pub fn is_of(&self, asset_id: &str) -> bool {
        self.callback().asset_id.as_deref() == Some(asset_id)
    }

    /// Whether it is a refusal.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refusal { .. })
    }

    /// Whether it tells of something that went wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Refusal { .. } => true,
            Self::Delivery(delivery) => {
                match delivery.callback.event.as_deref().and_then(Event::from_name) {
                    Some(Event::AssetFailed) => true,
                    Some(Event::Version(state)) => state.is_failure(),
                    None => false,
                }
            }
        }
    }

    /// Whether it was refused although it says that something failed.
    pub fn claims_failure(&self) -> bool {
        let Self::Refusal { claim, .. } = self else { return false };
        match claim.event.as_deref().and_then(Event::from_name) {
            Some(Event::AssetFailed) => true,
            Some(Event::Version(state)) => state.is_failure(),
            None => false,
        }
    }

    /// Whether it made its version what it was then: more than a repeat or a late arrival.
    pub const fn made_a_state(&self) -> bool {
        match self {
            Self::Delivery(delivery) => {
                matches!(delivery.outcome.effect, Effect::Applied | Effect::NewCycle)
            }
            Self::Refusal { .. } => false,
        }
    }

    /// How many requests it stands for.
    pub const fn count(&self) -> u64 {
        match self {
            Self::Delivery(_) => 1,
            Self::Refusal { listed, .. } => listed.refusal.count,
        }
    }

    /// Whether a filter lets it through; `name` is the local name of its asset, or of the one that it
    /// claims.
    pub fn fits(&self, filter: &Filter, name: Option<&str>) -> bool {
        match self {
            Self::Delivery(delivery) => filter.matches_named(delivery, name),
            Self::Refusal { listed, claim } => filter.matches_refusal(&listed.refusal, claim, name),
        }
    }
}

/// The newest rows, and those before them as far as they were scrolled to. A copy is cheap.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    held: VecDeque<Arc<Row>>,
    /// Whether nothing older is in the journal.
    complete: bool,
    /// Whether what came last is not among them, because the user looks at older ones.
    behind: bool,
}

impl Rows {
    /// The rows, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> + ExactSizeIterator {
        self.held.iter()
    }

    /// The row at a place, counted from the oldest.
    pub fn at(&self, place: usize) -> Option<&Arc<Row>> {
        self.held.get(place)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether nothing older is in the journal.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether what came last is not among them, because the user looks at older ones.
    pub const fn is_behind(&self) -> bool {
        self.behind
    }

    /// Adds a row at the end; a refusal that is there already moves there. Returns how many requests
    /// it stands for that were not told before.
    ///
    /// When there are too many, the oldest goes; where `stay` says that the user looks at one of
    /// them, they stay, and what comes now is left to be read again.
    pub fn push(&mut self, row: Arc<Row>, stay: bool) -> u64 {
        let mut came = row.count();
        if row.is_refusal() {
            let same = |other: &Arc<Row>| other.target() == row.target();
            // It was written within the last hour, so it is not far from the end.
            if let Some(before) =
                self.held.iter().rposition(same).and_then(|at| self.held.remove(at))
            {
                came = came.saturating_sub(before.count());
            }
        }
        self.behind |= stay && self.held.len() >= MAX_ROWS;
        if self.behind {
            return came;
        }
        // Refusals are told up to a second late: keep the order of their times.
        let at = if row.is_refusal() {
            self.held.iter().rposition(|other| other.at() <= row.at()).map_or(0, |at| at + 1)
        } else {
            self.held.len()
        };
        self.held.insert(at, row);
        if self.held.len() > MAX_ROWS {
            self.held.pop_front();
            self.complete = false;
        }
        came
    }

    /// Puts older rows, newest first, before those that are there. None means that there are none.
    /// When there are too many, the newest go.
    pub fn put_before(&mut self, older: Vec<Row>) {
        if older.is_empty() {
            self.complete = true;
        }
        for row in older {
            self.held.push_front(Arc::new(row));
        }
        if self.held.len() > MAX_ROWS {
            self.held.truncate(MAX_ROWS);
            self.behind = true;
        }
    }

    /// Begins anew with the newest rows, newest first.
    pub fn begin_anew(&mut self, newest: Vec<Row>) {
        *self = Self::default();
        self.put_before(newest);
    }

    /// The `seq` of the oldest delivery held.
    pub fn oldest_seq(&self) -> Option<u64> {
        self.held.iter().find_map(|row| match row.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        })
    }

    /// The `seq` of the newest delivery held.
    pub fn newest_seq(&self) -> Option<u64> {
        self.held.iter().rev().find_map(|row| match row.target() {
            Target::Delivery(seq) => Some(seq),
            Target::Refusal(_) => None,
        })
    }
}
