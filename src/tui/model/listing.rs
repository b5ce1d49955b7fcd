//! What is listed of the shown picture, under the filter; kept, so that a frame costs what it shows.

use std::sync::Arc;

use super::Model;
use super::asset::Group;
use super::asset_list::ListedAsset;
use super::mode::{Mode, Target};
use super::rows::{Row, RowWindow};
use super::snapshot::Snapshot;

/// What the filter leaves; `None` where nothing narrows it, so that all is listed.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    assets: Option<Vec<ListedAsset>>,
    asset_rows: Option<Vec<Arc<Row>>>,
    /// Whether the picture or the filter changed since.
    pub stale: bool,
}

impl Model {
    /// Brings [`Model::listing`] up to date with picture and filter. Before anything is drawn.
    pub fn settle(&mut self) {
        self.lay_out_detail();
        if !std::mem::take(&mut self.listing.stale) {
            return;
        }
        self.listing = if self.is_narrowed() {
            let shown = self.shown();
            let query = self.query();
            let listed = |row: &&Arc<Row>| query.lists(row, name_of(shown, row));
            Listing {
                assets: Some(
                    shown
                        .asset_list
                        .order()
                        .iter()
                        .filter(|place| {
                            shown.asset_list.get(&place.id).is_some_and(|asset| self.lists(asset))
                        })
                        .cloned()
                        .collect(),
                ),
                asset_rows: Some(shown.of_asset.rows.iter().filter(listed).cloned().collect()),
                stale: false,
            }
        } else {
            Listing::default()
        };
    }

    /// Makes the lines of the open part anew where it or the width changed. Once a frame: a storm
    /// of resizes must not lay a large body out each time.
    fn lay_out_detail(&mut self) {
        let width = self.size.0;
        let page = self.detail_page();
        if let Mode::Detail(open) = self.mode.innermost_mut() {
            if open.laid_out != Some(width)
                && let Some(detail) = &open.detail
            {
                let columns = usize::from(width.saturating_sub(4));
                open.lines = Arc::new(detail.lines(open.tab, open.other_form, columns));
                open.laid_out = Some(width);
            }
            open.scroll = open.scroll.min(open.lines.len().saturating_sub(page));
        }
    }

    /// The places of the assets that are listed, in order.
    pub fn assets(&self) -> &[ListedAsset] {
        self.listing.assets.as_deref().unwrap_or_else(|| self.shown().asset_list.order())
    }

    /// The place of the selected asset among [`Model::assets`].
    pub fn selected_place(&self) -> usize {
        let Some(asset) = self.selected_asset() else { return 0 };
        let place = match &self.listing.assets {
            Some(places) => places.iter().position(|place| *place.id == *asset.id()),
            None => self.shown().asset_list.place_of(asset),
        };
        place.unwrap_or(0)
    }

    /// How many assets are listed in each group.
    pub fn group_sizes(&self) -> [usize; Group::ALL.len()] {
        group_sizes(self.assets())
    }

    /// How many of the assets listed for you have an overdue version. They come first there.
    pub fn overdue_listed(&self) -> usize {
        let [failed, for_you, ..] = self.group_sizes();
        let for_you = self.assets().iter().skip(failed).take(for_you);
        for_you.take_while(|place| place.is_overdue()).count()
    }

    /// How many rows are listed on the Deliveries screen.
    pub fn row_count(&self) -> usize {
        self.listed_rows().map_or(0, RowWindow::len)
    }

    /// A row listed there, counted from the oldest.
    pub fn row(&self, place: usize) -> Option<&Arc<Row>> {
        self.listed_rows()?.at(place)
    }

    /// The rows of the Deliveries screen: all, or what the filter leaves of them. `None` where that
    /// was not searched for yet.
    pub fn listed_rows(&self) -> Option<&RowWindow> {
        if self.is_narrowed() {
            return self.shown().results.as_ref().map(|found| &found.rows);
        }
        Some(&self.shown().rows)
    }

    /// The same, to be changed.
    pub fn listed_rows_mut(&mut self) -> Option<&mut RowWindow> {
        if self.is_narrowed() {
            return self.shown_mut().results.as_mut().map(|found| &mut found.rows);
        }
        Some(&mut self.shown_mut().rows)
    }

    /// The place of the selected row there; of the newest, where it follows.
    pub fn selected_row(&self) -> Option<usize> {
        place(self.row_count(), self.selection.row, |place| self.row(place))
    }

    /// How many rows are listed of the selected asset.
    pub fn asset_row_count(&self) -> usize {
        self.listing.asset_rows.as_ref().map_or_else(|| self.shown().of_asset.rows.len(), Vec::len)
    }

    /// A row listed there, counted from the oldest.
    pub fn asset_row(&self, place: usize) -> Option<&Arc<Row>> {
        match &self.listing.asset_rows {
            Some(rows) => rows.get(place),
            None => self.shown().of_asset.rows.get(place),
        }
    }

    /// The place of the selected row there; of the newest, where it follows.
    pub fn selected_asset_row(&self) -> Option<usize> {
        place(self.asset_row_count(), self.selection.asset_row, |place| self.asset_row(place))
    }
}

/// The local name of the asset that a row is about.
pub fn name_of<'a>(snapshot: &'a Snapshot, row: &Row) -> Option<&'a str> {
    let asset_id = row.callback().asset_id.as_deref()?;
    snapshot.asset_list.get(asset_id)?.notes.name.as_deref()
}

/// How many of these places, which are in order, are in each group.
pub fn group_sizes(places: &[ListedAsset]) -> [usize; Group::ALL.len()] {
    let mut begin = 0;
    Group::ALL.map(|group| {
        let end = places.partition_point(|place| place.group <= group);
        let size = end.saturating_sub(begin);
        begin = end;
        size
    })
}

/// Where the target stands; where it is not listed, the one that came before it. `None` where
/// nothing is listed.
fn place<'a>(
    count: usize,
    target: Option<Target>,
    row: impl Fn(usize) -> Option<&'a Arc<Row>>,
) -> Option<usize> {
    let newest = count.checked_sub(1)?;
    let Some(target) = target else { return Some(newest) };
    let found = (0..count).rev().find(|at| row(*at).is_some_and(|row| row.target() == target));
    Some(found.unwrap_or_else(|| match target {
        Target::Delivery(seq) => {
            let earlier = |at: &usize| match row(*at).map(|row| row.target()) {
                Some(Target::Delivery(other)) => other < seq,
                _ => false,
            };
            (0..count).rev().find(earlier).unwrap_or(0)
        }
        Target::Refusal(_) => newest,
    }))
}
