//! The rows listed under the filter. Cached, so that the cost of a frame depends on what it shows.

use std::sync::Arc;

use super::Model;
use super::asset::Group;
use super::asset_list::ListedAsset;
use super::mode::Mode;
use super::row::Row;
use super::row_window::RowWindow;
use super::snapshot::Snapshot;
use super::target::Target;

/// The rows that match the filter; each `None` if there is no filter and all rows are listed.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    assets: Option<Vec<ListedAsset>>,
    asset_rows: Option<Vec<Arc<Row>>>,
    /// Whether the data or the filter changed since.
    pub stale: bool,
}

impl Model {
    /// Updates [`Model::listing`] and the lines of the detail view. Call it before drawing.
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

    /// Makes the lines of the open tab again if it or the width changed. At most once per frame, so
    /// that a burst of resizes does not format a large body each time.
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

    /// Returns the listed assets, in order.
    pub fn assets(&self) -> &[ListedAsset] {
        self.listing.assets.as_deref().unwrap_or_else(|| self.shown().asset_list.order())
    }

    /// Returns the index of the selected asset in [`Model::assets`].
    pub fn selected_place(&self) -> usize {
        let Some(asset) = self.selected_asset() else { return 0 };
        let place = match &self.listing.assets {
            Some(places) => places.iter().position(|place| *place.id == *asset.id()),
            None => self.shown().asset_list.place_of(asset),
        };
        place.unwrap_or(0)
    }

    /// Returns how many assets are listed in each group.
    pub fn group_sizes(&self) -> [usize; Group::ALL.len()] {
        group_sizes(self.assets())
    }

    /// Returns how many assets listed under [`Group::ForYou`] have an overdue version. They come
    /// first.
    pub fn overdue_listed(&self) -> usize {
        let [failed, for_you, ..] = self.group_sizes();
        let for_you = self.assets().iter().skip(failed).take(for_you);
        for_you.take_while(|place| place.is_overdue()).count()
    }

    /// Returns how many rows the Deliveries screen lists.
    pub fn row_count(&self) -> usize {
        self.listed_rows().map_or(0, RowWindow::len)
    }

    /// Returns a row of the Deliveries screen, counted from the oldest.
    pub fn row(&self, place: usize) -> Option<&Arc<Row>> {
        self.listed_rows()?.at(place)
    }

    /// Returns the rows of the Deliveries screen: all, or those that match the filter. Returns
    /// `None` if the filter has not been searched for yet.
    pub fn listed_rows(&self) -> Option<&RowWindow> {
        if self.is_narrowed() {
            return self.shown().results.as_ref().map(|found| &found.rows);
        }
        Some(&self.shown().rows)
    }

    /// Like [`Self::listed_rows`], for changes.
    pub fn listed_rows_mut(&mut self) -> Option<&mut RowWindow> {
        if self.is_narrowed() {
            return self.shown_mut().results.as_mut().map(|found| &mut found.rows);
        }
        Some(&mut self.shown_mut().rows)
    }

    /// Returns the index of the selected row on the Deliveries screen; the newest while it follows.
    pub fn selected_row(&self) -> Option<usize> {
        place(self.row_count(), self.selection.row, |place| self.row(place))
    }

    /// Returns how many rows are listed for the selected asset.
    pub fn asset_row_count(&self) -> usize {
        self.listing.asset_rows.as_ref().map_or_else(|| self.shown().of_asset.rows.len(), Vec::len)
    }

    /// Returns a row of the selected asset, counted from the oldest.
    pub fn asset_row(&self, place: usize) -> Option<&Arc<Row>> {
        match &self.listing.asset_rows {
            Some(rows) => rows.get(place),
            None => self.shown().of_asset.rows.get(place),
        }
    }

    /// Returns the index of the selected row of the selected asset; the newest while it follows.
    pub fn selected_asset_row(&self) -> Option<usize> {
        place(self.asset_row_count(), self.selection.asset_row, |place| self.asset_row(place))
    }
}

/// Returns the local name of the asset that a row is about.
pub fn name_of<'a>(snapshot: &'a Snapshot, row: &Row) -> Option<&'a str> {
    let asset_id = row.callback().asset_id.as_deref()?;
    snapshot.asset_list.get(asset_id)?.notes.shown_name()
}

/// Returns how many of these entries are in each group. They must be in order.
pub fn group_sizes(places: &[ListedAsset]) -> [usize; Group::ALL.len()] {
    let mut begin = 0;
    Group::ALL.map(|group| {
        let end = places.partition_point(|place| place.group <= group);
        let size = end.saturating_sub(begin);
        begin = end;
        size
    })
}

/// Returns the index of the target; if it is not listed, of the row before it. Returns `None` if
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
