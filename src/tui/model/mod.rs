//! Everything the dashboard knows: what it was told, and where the user is in it. Pure data; the
//! views read it, only [`update`](crate::tui::update) changes it.

pub mod asset;
pub mod asset_list;
pub mod axis;
pub mod counts;
pub mod detail;
pub mod layout;
pub mod listing;
pub mod mode;
pub mod names;
pub mod rows;
pub mod search;
pub mod snapshot;

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::filter::Filter;

use asset::AssetView;
use asset_list::AssetList;
use axis::{Axis, TimeRange};
use listing::Listing;
use mode::{Mode, Pane, Screen, Target};
use search::Query;
use snapshot::{FrozenSnapshot, Snapshot};

/// What does not change during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// The URL that the sender has to call; empty where nothing listens.
    pub callback_url: String,
    /// The address and path that are listened on, as short as the header shows it.
    pub door: String,
    /// A `send` line that works when pasted; empty where there is none, because no key that it
    /// could sign with is trusted.
    pub send_line: String,
    /// What becomes such a line once the relay has said what its URL is; empty where there is no
    /// relay, or no key to sign with.
    pub send_by_relay: String,
    /// Where the journal is.
    pub journal: String,
    /// The names of the trusted keys.
    pub keys: Vec<String>,
    /// What stays on the screen all the time, where something does: a demo, a policy, a journal
    /// that another one writes.
    pub banner: Option<Banner>,
    /// Whether the user is asked before `q` ends what receives.
    pub confirm_quit: bool,
    /// Whether the user wants to be called when something failed or is done.
    pub bell: bool,
    /// How long a version may generate before it is overdue.
    pub overdue: SignedDuration,
    /// When the run began.
    pub started: Timestamp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
}

/// What stays on the screen all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Banner {
    /// Everything shown is made up.
    Demo,
    /// `--signature off`: anybody can put anything in.
    Unchecked,
    /// Another dubwatch writes this journal; this one only looks.
    ReadOnly,
    /// The journal cannot be written here: on read-only media, or somebody else's file.
    Unwritable,
}

/// Where the user is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The selected asset.
    pub asset: Option<Arc<str>>,
    /// Whether the user chose it. Until then a new failure is selected as it comes: a dashboard
    /// that nobody touches shows what went wrong last.
    pub chosen: bool,
    /// The selected version of it; `None`: the first lane.
    pub version: Option<String>,
    /// The selected row on the Deliveries screen; `None` follows the newest.
    pub row: Option<Target>,
    /// The selected row among the asset's deliveries; `None` follows the newest.
    pub asset_row: Option<Target>,
    /// Rows that came on the Deliveries screen since it stopped following.
    pub since: u64,
    /// The selected column of the matrix; `None`: the first. Of its two options the inner one is
    /// that of versions without a locale.
    pub locale: Option<Option<String>>,
}

/// The filter in force.
#[derive(Debug, Clone, Default)]
pub struct Filtering {
    /// As typed.
    pub text: String,
    /// As understood.
    pub filter: Filter,
    /// Why the text could not be understood; then the filter before it stays in force.
    pub error: Option<String>,
}

/// What of a delivery is to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyKind {
    /// The body, as text.
    Body,
    /// The body in base64.
    Base64,
    /// A command that posts it again.
    Curl,
}

/// The state of the dashboard of one run.
#[derive(Debug, Clone)]
pub struct Model {
    /// What does not change.
    pub run_info: RunInfo,
    /// The time of the last tick: what the views call now.
    pub now: Timestamp,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is known.
    pub live: Snapshot,
    /// What is shown in its place while frozen.
    pub frozen: Option<FrozenSnapshot>,
    /// The screen.
    pub screen: Screen,
    /// The pane of the Timeline screen that keys go to.
    pub pane: Pane,
    /// What keys mean.
    pub mode: Mode,
    /// Where the user is.
    pub selection: Selection,
    /// The time axis of the lanes.
    pub axis: Axis,
    /// The filter.
    pub filtering: Filtering,
    /// Whether only failures are listed.
    pub failures_only: bool,
    /// What is listed, under filter and failures only; see [`Model::settle`].
    pub listing: Listing,
    /// Whether it was said that the keyboard's layout has none of the keys.
    pub layout_told: bool,
    /// A word about what was just done, and until when it stands.
    pub status_message: Option<(String, Timestamp)>,
    /// Until when places in the list stand still.
    pub hold_until: Option<Timestamp>,
    /// How many searches for rows there were: the number of the last.
    pub searches: u64,
    /// What is to be copied of a delivery once it has been read.
    pub wanted: Option<(Target, CopyKind)>,
    /// Requests that the run behind this demo has received since the demo started; `None` where this
    /// is no demo that hides a run.
    pub behind: Option<u64>,
}

impl Model {
    /// A dashboard that was told nothing yet.
    pub fn new(run_info: RunInfo, now: Timestamp, size: (u16, u16)) -> Self {
        let asset_list = AssetList::new(run_info.overdue, now);
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
            layout_told: false,
            status_message: None,
            hold_until: None,
            searches: 0,
            wanted: None,
            behind: None,
        }
    }

    /// What is shown: the live picture, or the frozen one.
    pub fn shown(&self) -> &Snapshot {
        self.frozen.as_ref().map_or(&self.live, |frozen| &frozen.snapshot)
    }

    /// The same, to be changed.
    pub fn shown_mut(&mut self) -> &mut Snapshot {
        match &mut self.frozen {
            Some(frozen) => &mut frozen.snapshot,
            None => &mut self.live,
        }
    }

    /// What narrows the rows that are listed.
    pub fn query(&self) -> Query {
        Query { filter: self.filtering.filter.clone(), failures_only: self.failures_only }
    }

    /// The moment that is shown.
    pub fn shown_at(&self) -> Timestamp {
        self.frozen.as_ref().map_or(self.now, |frozen| frozen.at)
    }

    /// The selected asset; `None` where none is listed.
    pub fn selected_asset(&self) -> Option<&Arc<AssetView>> {
        let chosen = self.selection.asset.as_ref().and_then(|id| self.shown().asset_list.get(id));
        chosen.filter(|asset| self.lists(asset)).or_else(|| {
            let first = self.assets().first()?;
            self.shown().asset_list.get(&first.id)
        })
    }

    /// The index of the selected version among the lanes of the selected asset.
    pub fn selected_lane(&self) -> usize {
        let Some(asset) = self.selected_asset() else { return 0 };
        let Some(version) = &self.selection.version else { return 0 };
        asset.lanes().iter().position(|lane| lane.version_id == *version).unwrap_or(0)
    }

    /// The stretch of time that the lanes show.
    pub fn time_range(&self) -> TimeRange {
        let now = self.shown_at();
        let since = self.selected_asset().map_or(now, |asset| asset.worth_showing(now));
        self.axis.time_range(since, now, layout::axis_columns(self.size.0))
    }

    /// The place of the selected locale among those of the catalogue.
    pub fn selected_column(&self) -> usize {
        let Some(locale) = &self.selection.locale else { return 0 };
        let mut locales = self.shown().asset_list.locales();
        // Where it is gone, the one that comes after it in order.
        let wanted = locale.as_deref();
        let place = locales.position(|other| other >= wanted);
        let count = self.shown().asset_list.locales().count();
        place.unwrap_or(count.saturating_sub(1))
    }

    /// The selected locale of the matrix; `None` where there are none.
    pub fn selected_locale(&self) -> Option<Option<&str>> {
        self.shown().asset_list.locales().nth(self.selected_column())
    }

    /// Whether nothing was ever let in: then the screen says how to begin.
    pub fn is_empty(&self) -> bool {
        let shown = self.shown();
        shown.loaded && shown.asset_list.is_empty() && shown.rows.newest_seq().is_none()
    }

    /// What is said of failures while none shouts, and whether it is as good as it can be. That
    /// nothing has failed is only said where no request says otherwise, a refused one included.
    pub fn all_clear(&self) -> (String, bool) {
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
            0 => ("no failure so far, reading the journal".to_owned(), true),
            1 => ("1 refused request claims a failure, 3 shows it".to_owned(), false),
            count => (format!("{count} refused requests claim a failure, 3 shows them"), false),
        }
    }

    /// Whether anything narrows what is listed.
    pub fn is_narrowed(&self) -> bool {
        self.failures_only || !self.filtering.filter.is_empty()
    }

    /// Whether the filter that is being typed is understood. While it is not, the last one that was
    /// understood is in force.
    pub const fn is_understood(&self) -> bool {
        !matches!(self.mode, Mode::Filter { .. }) || self.filtering.error.is_none()
    }

    /// Whether places in the asset list stand still at the moment.
    pub fn is_held(&self) -> bool {
        self.hold_until.is_some()
    }

    /// Whether an asset is listed: by the filter, and as failed or overdue where only those are.
    pub fn lists(&self, asset: &AssetView) -> bool {
        (!self.failures_only || asset.alerts().next().is_some())
            && asset.fits(&self.filtering.filter)
    }
}
