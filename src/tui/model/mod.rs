//! The state of the dashboard: the data it received and what the user has selected. Pure data: the
//! views read it, and only [`update`](crate::tui::update) changes it.

pub mod asset;
pub mod asset_list;
pub mod axis;
pub mod counts;
pub mod detail;
pub mod download;
pub mod forward_marks;
pub mod layout;
pub mod listing;
pub mod mode;
pub mod names;
pub mod row;
pub mod row_window;
pub mod screen;
pub mod search;
pub mod snapshot;
pub mod tab;
pub mod target;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::filter::Filter;
use crate::timeline::Expectation;

use asset::AssetView;
use asset_list::AssetList;
use axis::{Axis, TimeRange};
use download::RunningDownload;
use listing::Listing;
use mode::{Mode, Pane};
use screen::Screen;
use search::Query;
use snapshot::{FrozenSnapshot, Snapshot};
use target::Target;

/// Facts that do not change during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// The URL for the sender to call; empty if nothing listens.
    pub callback_url: String,
    /// The address and path of the listener, in the short form of the header.
    pub door: String,
    /// A `send` command to paste; empty if no trusted key can sign for it.
    pub send_line: String,
    /// The same through a relay, without the URL, which the relay reports later; empty if there is
    /// no relay or no key to sign with.
    pub send_by_relay: String,
    /// The path of the journal.
    pub journal: String,
    /// The names of the trusted keys.
    pub keys: Vec<String>,
    /// The permanent banner, if any.
    pub banner: Option<Banner>,
    /// Whether `q` asks for confirmation, because it ends the receiver.
    pub confirm_quit: bool,
    /// Whether to notify the user of failures and of finished work.
    pub bell: bool,
    /// How long a version may generate before it is overdue.
    pub overdue: SignedDuration,
    /// What is expected of every asset for which nothing else is known.
    pub expected: Option<Arc<Expectation>>,
    /// When the run began.
    pub started: Timestamp,
    /// The time zone of the times shown.
    pub zone: TimeZone,
}

/// A permanent banner at the top of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Banner {
    /// All data is made up.
    Demo,
    /// `--signature off`: anyone can send callbacks.
    Unchecked,
    /// Another dubwatch process writes this journal; this one only reads it.
    ReadOnly,
    /// The journal cannot be written here: it is on read-only media or belongs to another user.
    Unwritable,
    /// The journal is somebody's capture, held in memory.
    Capture,
}

/// What the user has selected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The selected asset.
    pub asset: Option<Arc<str>>,
    /// Whether the user selected it. Until then each new failure is selected automatically, so that
    /// an unattended dashboard shows the latest one.
    pub chosen: bool,
    /// The selected version of the asset; `None` is the first lane.
    pub version: Option<String>,
    /// The selected row on the Deliveries screen; `None` follows the newest.
    pub row: Option<Target>,
    /// The selected row among the asset's deliveries; `None` follows the newest.
    pub asset_row: Option<Target>,
    /// Rows that arrived on the Deliveries screen since it stopped following.
    pub since: u64,
    /// The selected column of the matrix; `None` is the first. `Some(None)` is the column of
    /// versions without a locale.
    #[expect(
        clippy::option_option,
        reason = "none chosen, and a version without a locale, differ"
    )]
    pub locale: Option<Option<String>>,
}

/// The current filter.
#[derive(Debug, Clone, Default)]
pub struct Filtering {
    /// The text, as typed.
    pub text: String,
    /// The parsed filter.
    pub filter: Filter,
    /// Why the text could not be parsed. The previous filter stays active then.
    pub error: Option<String>,
}

/// What to copy of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyKind {
    /// The body, as text.
    Body,
    /// The body in base64.
    Base64,
    /// A curl command that posts it again.
    Curl,
}

/// The complete state of the dashboard.
#[derive(Debug, Clone)]
pub struct Model {
    /// Facts that do not change.
    pub run_info: RunInfo,
    /// The time of the last tick, used as the current time by all views.
    pub now: Timestamp,
    /// Size of the terminal in columns and rows.
    pub size: (u16, u16),
    /// The data, always current.
    pub live: Snapshot,
    /// The data shown instead while frozen.
    pub frozen: Option<FrozenSnapshot>,
    /// The current screen.
    pub screen: Screen,
    /// The focused pane of the Timeline screen.
    pub pane: Pane,
    /// The mode, which decides what keys do.
    pub mode: Mode,
    /// What the user has selected.
    pub selection: Selection,
    /// The time axis of the lanes.
    pub axis: Axis,
    /// The filter.
    pub filtering: Filtering,
    /// Whether only failures are listed.
    pub failures_only: bool,
    /// The rows listed under the filter and "failures only"; see [`Model::settle`].
    pub listing: Listing,
    /// Whether the warning about the keyboard layout was shown.
    pub layout_warned: bool,
    /// A short message about the last action, and when to remove it.
    pub status_message: Option<(String, Timestamp)>,
    /// The running download, if there is one. Shown on a frozen screen too.
    pub download: Option<RunningDownload>,
    /// Until when positions in the asset list are kept.
    pub hold_until: Option<Timestamp>,
    /// The number of the last search for rows.
    pub searches: u64,
    /// What to copy of a delivery once it has been read.
    pub pending_copy: Option<(Target, CopyKind)>,
    /// Requests that the real receiver got since this demo started; `None` if this is not a demo
    /// started from a running dashboard.
    pub received_behind: Option<u64>,
}

impl Model {
    /// Creates an empty dashboard.
    pub fn new(run_info: RunInfo, now: Timestamp, size: (u16, u16)) -> Self {
        let asset_list = AssetList::new(run_info.overdue, now).expecting(run_info.expected.clone());
        Self {
            run_info,
            now,
            size,
            live: Snapshot { asset_list, ..Snapshot::default() },
            frozen: None,
            screen: Screen::Timeline,
            pane: Pane::Assets,
            mode: Mode::Normal,
            selection: Selection::default(),
            axis: Axis::default(),
            filtering: Filtering::default(),
            failures_only: false,
            listing: Listing::default(),
            layout_warned: false,
            status_message: None,
            download: None,
            hold_until: None,
            searches: 0,
            pending_copy: None,
            received_behind: None,
        }
    }

    /// Returns the data to show: the frozen snapshot if there is one, or else the live one.
    pub fn shown(&self) -> &Snapshot {
        self.frozen.as_ref().map_or(&self.live, |frozen| &frozen.snapshot)
    }

    /// Like [`Self::shown`], for changes.
    pub fn shown_mut(&mut self) -> &mut Snapshot {
        match &mut self.frozen {
            Some(frozen) => &mut frozen.snapshot,
            None => &mut self.live,
        }
    }

    /// Returns the query for the rows that are listed.
    pub fn query(&self) -> Query {
        Query { filter: self.filtering.filter.clone(), failures_only: self.failures_only }
    }

    /// Returns the time to show: when the screen was frozen, or else now.
    pub fn shown_at(&self) -> Timestamp {
        self.frozen.as_ref().map_or(self.now, |frozen| frozen.at)
    }

    /// Returns the selected asset, or `None` if no asset is listed.
    pub fn selected_asset(&self) -> Option<&Arc<AssetView>> {
        let chosen = self.selection.asset.as_ref().and_then(|id| self.shown().asset_list.get(id));
        chosen.filter(|asset| self.lists(asset)).or_else(|| {
            let first = self.assets().first()?;
            self.shown().asset_list.get(&first.id)
        })
    }

    /// Returns the index of the selected version among the lanes of the selected asset.
    pub fn selected_lane(&self) -> usize {
        let Some(asset) = self.selected_asset() else { return 0 };
        let Some(version) = &self.selection.version else { return 0 };
        asset.lanes().iter().position(|lane| lane.version_id == *version).unwrap_or(0)
    }

    /// Returns the range of time that the lanes show.
    pub fn time_range(&self) -> TimeRange {
        let now = self.shown_at();
        let since = self.selected_asset().map_or(now, |asset| asset.lanes_from(now));
        self.axis.time_range(since, now, layout::axis_columns(self.size.0))
    }

    /// Returns the index of the selected locale among all locales.
    pub fn selected_column(&self) -> usize {
        let Some(locale) = &self.selection.locale else { return 0 };
        let mut locales = self.shown().asset_list.locales();
        // If the locale is gone, the next one in order is selected.
        let locale = locale.as_deref();
        let place = locales.position(|other| other >= locale);
        let count = self.shown().asset_list.locales().count();
        place.unwrap_or(count.saturating_sub(1))
    }

    /// Returns the selected locale of the matrix, or `None` if there are no locales.
    pub fn selected_locale(&self) -> Option<Option<&str>> {
        self.shown().asset_list.locales().nth(self.selected_column())
    }

    /// Returns whether no delivery was ever accepted; the screen then explains how to begin.
    pub fn is_empty(&self) -> bool {
        let shown = self.shown();
        shown.loaded && shown.asset_list.is_empty() && shown.rows.newest_seq().is_none()
    }

    /// Returns the text to show while there is no unseen alert, and whether all is well. "Nothing
    /// has failed" appears only if no request, refused ones included, says otherwise.
    pub fn alert_summary(&self) -> (String, bool) {
        let shown = self.shown();
        let (failures, overdue) =
            (shown.asset_list.counts().failures(), shown.asset_list.counts().overdue);
        let mut parts = Vec::new();
        match failures {
            0 => {}
            1 => parts.push("1 failure".to_owned()),
            count => parts.push(format!("{count} failures")),
        }
        if overdue > 0 {
            parts.push(format!("{overdue} overdue"));
        }
        if !parts.is_empty() {
            let all =
                if failures + overdue > 1 { ", all marked as seen" } else { ", marked as seen" };
            return (parts.join(" and ") + all, false);
        }
        match shown.refused_failures.len() {
            0 if shown.loaded => ("nothing has failed".to_owned(), true),
            0 => ("no failures so far, still reading the journal".to_owned(), true),
            1 => ("1 refused request claims a failure (3: show)".to_owned(), false),
            count => (format!("{count} refused requests claim a failure (3: show)"), false),
        }
    }

    /// Returns whether a filter or "failures only" is active.
    pub fn is_narrowed(&self) -> bool {
        self.failures_only || !self.filtering.filter.is_empty()
    }

    /// Returns whether the filter being typed is valid. While it is not, the last valid one stays
    /// active.
    pub const fn is_filter_valid(&self) -> bool {
        !matches!(self.mode, Mode::Filter { .. }) || self.filtering.error.is_none()
    }

    /// Returns why the text being typed cannot be applied, or `None` if it can.
    pub fn line_error(&self) -> Option<Cow<'_, str>> {
        match &self.mode {
            Mode::Filter { .. } => self.filtering.error.as_deref().map(Cow::Borrowed),
            // Nothing at all removes what is expected.
            Mode::Expect { line, .. } if line.text().trim().is_empty() => None,
            Mode::Expect { line, .. } => Expectation::parse(line.text()).err().map(Cow::Owned),
            Mode::Download { line, .. } if line.text().trim().is_empty() => {
                Some(Cow::Borrowed("name a directory"))
            }
            _ => None,
        }
    }

    /// Returns whether positions in the asset list are kept at the moment.
    pub fn is_held(&self) -> bool {
        self.hold_until.is_some()
    }

    /// Returns whether an asset is listed under the filter and "failures only".
    pub fn lists(&self, asset: &AssetView) -> bool {
        (!self.failures_only || asset.alerts().next().is_some())
            && asset.fits(&self.filtering.filter)
    }
}
