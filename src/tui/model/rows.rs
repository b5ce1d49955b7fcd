//! The rows of the Deliveries screen: a window on deliveries and refusals, newest last.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::mode::Target;
use super::search::{Query, RowsPage, SearchStart, Searching};
use crate::callback::{
    BodySample, Callback, DeliveryEffect, DeliverySummary, Event, Headers, RefusalEntry,
};
use crate::filter::{DeliveryFacts, Filter};

/// Rows that are held at most. Beyond it those furthest from where the user is go; they come back
/// when they are scrolled to.
pub const MAX_ROWS: usize = 5_000;

/// A delivery or a refusal in one line: without its body and headers, which are read when it is
/// opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A delivery on disk.
    Delivery(DeliverySummary),
    /// Requests that were refused.
    Refusal {
        /// The entry in the log of refusals.
        listed: RefusalEntry,
        /// What the last body says it is about. Nobody vouches for it: it is shown, and that is all.
        claim: Callback,
    },
}

impl Row {
    /// Creates the row of a delivery.
    pub fn delivery(delivery: impl Into<DeliverySummary>) -> Self {
        Self::Delivery(delivery.into())
    }

    /// The row of a refusal.
    pub fn refusal(mut listed: RefusalEntry) -> Self {
        let body = std::mem::take(&mut listed.refusal.body);
        let claim = Callback::claimed(&body.bytes);
        listed.refusal.body = BodySample { bytes: Vec::new(), truncated: body.truncated };
        listed.refusal.headers = Headers::default();
        // Of the earlier ones what else they claim is enough to be found by.
        let mut claims = vec![claim];
        listed.earlier.retain_mut(|earlier| {
            earlier.body = BodySample::default();
            let is_new = !earlier.claim.is_blank() && !claims.contains(&earlier.claim);
            if is_new {
                claims.push(earlier.claim.clone());
            }
            is_new
        });
        let claim = claims.swap_remove(0);
        Self::Refusal { listed, claim }
    }

    /// What its bodies claim, the last one first; nothing for a delivery.
    pub fn claims(&self) -> impl Iterator<Item = &Callback> {
        let (last, earlier) = match self {
            Self::Delivery(_) => (None, &[][..]),
            Self::Refusal { listed, claim } => (Some(claim), &listed.earlier[..]),
        };
        last.into_iter().chain(earlier.iter().map(|earlier| &earlier.claim))
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
            Self::Delivery(delivery) => delivery.received_at,
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
            || self.claims().any(|claim| claim.asset_id.as_deref() == Some(asset_id))
    }

    /// Whether it is a refusal.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refusal { .. })
    }

    /// Whether it tells of something that went wrong.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Refusal { .. } => true,
            Self::Delivery(delivery) => DeliveryFacts::from(delivery).is_failure(),
        }
    }

    /// Whether it was refused although it says that something failed.
    pub fn claims_failure(&self) -> bool {
        let event = |claim: &Callback| Event::from_name(claim.event.as_deref()?);
        self.claims().any(|claim| event(claim).is_some_and(Event::is_failure))
    }

    /// Whether it made its version what it was then: more than a repeat or a late arrival.
    pub const fn made_a_state(&self) -> bool {
        match self {
            Self::Delivery(delivery) => {
                matches!(
                    delivery.outcome.effect,
                    DeliveryEffect::Applied | DeliveryEffect::NewCycle
                )
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
            Self::Delivery(delivery) => filter.matches_facts(&delivery.into(), name),
            Self::Refusal { listed, .. } => {
                self.claims().any(|claim| filter.matches_refusal(&listed.refusal, claim, name))
            }
        }
    }
}

/// A window on the rows that a query lists: without holes, at most [`MAX_ROWS`]. A copy is cheap.
#[derive(Debug, Clone, Default)]
pub struct RowWindow {
    held: VecDeque<Arc<Row>>,
    /// From this `seq` on everything was looked at; `None` where there was nothing yet.
    from: Option<u64>,
    /// Whether nothing older is in the journal.
    complete: bool,
    /// Where the user looks at older ones, and what came last is not among them: the `seq` from
    /// which on nothing was looked at.
    to: Option<u64>,
    /// Whether nothing was looked at yet, of a journal that has something.
    unread: bool,
    /// What is being read to go on.
    pub searching: Option<Searching>,
    /// How much was looked at, and of how much.
    pub searched: (u64, u64),
}

impl RowWindow {
    /// A window that begins with what another one holds: what `lists` says.
    pub fn of(window: &Self, mut lists: impl FnMut(&Row) -> bool) -> Self {
        if window.is_behind() {
            return Self { unread: true, ..Self::default() };
        }
        let held: VecDeque<_> = window.held.iter().filter(|row| lists(row)).cloned().collect();
        let looked_at = window.held.len() as u64;
        Self {
            held,
            from: window.from,
            complete: window.is_complete(),
            to: None,
            unread: false,
            searching: None,
            searched: (looked_at, looked_at),
        }
    }

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
    pub fn is_complete(&self) -> bool {
        // Where nothing was looked at there is nothing; the first `seq` is 1.
        let is_down = self.to.is_none() && self.from.is_none_or(|from| from <= 1);
        !self.unread && (self.complete || is_down)
    }

    /// Whether what came last is not among them, because the user looks at older ones.
    pub const fn is_behind(&self) -> bool {
        self.to.is_some()
    }

    /// Whether it holds everything that the query lists.
    pub fn is_whole(&self) -> bool {
        self.is_complete() && !self.is_behind()
    }

    /// Whether a delivery was looked at, and so is held if it is listed.
    pub fn covers(&self, seq: u64) -> bool {
        self.from.is_some_and(|from| from <= seq) && self.to.is_none_or(|to| seq < to)
    }

    /// Where reading goes on towards older rows; `None` where there are none.
    pub fn below(&self) -> Option<SearchStart> {
        if self.unread {
            return Some(SearchStart::Newest);
        }
        (!self.is_complete()).then(|| self.from.map(SearchStart::Below))?
    }

    /// Where reading goes on towards newer rows; `None` where those come by themselves.
    pub fn above(&self) -> Option<SearchStart> {
        self.to.map(SearchStart::From)
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
        if stay && self.to.is_none() && self.held.len() >= MAX_ROWS {
            self.to = Some(self.newest_seq().map_or(0, |seq| seq + 1));
        }
        if self.is_behind() {
            return came;
        }
        // Refusals are told up to a second late: keep the order of their times.
        let at = if row.is_refusal() {
            self.held.iter().rposition(|other| other.at() <= row.at()).map_or(0, |at| at + 1)
        } else {
            self.held.len()
        };
        if let (Target::Delivery(seq), None) = (row.target(), self.from) {
            self.from = Some(seq);
        }
        self.held.insert(at, row);
        if self.held.len() > MAX_ROWS {
            self.held.pop_front();
            self.forget_older();
        }
        came
    }

    /// Takes a page of the search that it waits for. When there are too many rows, those at the
    /// other end go; where the user follows the newest (`stay` is false), the oldest.
    pub fn take(&mut self, page: RowsPage, stay: bool) {
        if page.is_first && page.start.is_anew() {
            self.held.clear();
            self.unread = false;
            self.complete = page.start == SearchStart::Oldest;
            self.from = Some(page.begun);
            self.to = page.start.goes_up().then_some(page.begun);
        }
        let end = if page.start.goes_up() { self.to } else { self.from };
        if end != Some(page.begun) {
            // Rows went meanwhile: there would be a hole.
            self.searching = None;
            return;
        }
        if !page.goes_on {
            self.searching = None;
        }
        // A refusal that came again meanwhile stands where it came last.
        let known: HashSet<u64> = self.held.iter().filter_map(|row| refusal_id(row)).collect();
        let rows = page
            .rows
            .into_iter()
            .filter(|row| refusal_id(row).is_none_or(|id| !known.contains(&id)));
        if page.start.goes_up() {
            self.held.extend(rows.map(Arc::new));
            self.to = (!page.is_end).then_some(page.reached);
            let surplus = self.held.len().saturating_sub(MAX_ROWS);
            if surplus > 0 {
                self.held.drain(..surplus);
                self.forget_older();
            }
        } else {
            for row in rows {
                self.held.push_front(Arc::new(row));
            }
            self.from = Some(page.reached);
            self.complete |= page.is_end;
            let surplus = self.held.len().saturating_sub(MAX_ROWS);
            if surplus > 0 && stay {
                self.held.truncate(MAX_ROWS);
                self.to = Some(self.newest_seq().map_or(0, |seq| seq + 1));
            } else if surplus > 0 {
                self.held.drain(..surplus);
                self.forget_older();
            }
        }
        self.searched = (page.searched, page.total);
        if self.is_whole() {
            self.searched.0 = page.total;
        }
    }

    /// Lets go of what is not listed any more, as time goes by.
    pub fn retain(&mut self, mut lists: impl FnMut(&Row) -> bool) {
        self.held.retain(|row| lists(row));
    }

    /// The oldest rows went: what is older than those that are left has to be read again.
    fn forget_older(&mut self) {
        self.complete = false;
        self.from = self.oldest_seq().or(self.from);
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

const fn refusal_id(row: &Row) -> Option<u64> {
    match row {
        Row::Refusal { listed, .. } => Some(listed.id),
        Row::Delivery(_) => None,
    }
}

/// The rows that a query lists, as far as they were searched for.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The query.
    pub query: Query,
    /// Its rows.
    pub rows: RowWindow,
}
