//! Searches the journal for the rows that the Deliveries screen lists: for a filter, and beyond the
//! rows held.

use jiff::SignedDuration;

use super::super::effect::{Effect, Request};
use super::super::model::Model;
use super::super::model::listing::name_of;
use super::super::model::row::Row;
use super::super::model::row_window::{RowWindow, SearchResults};
use super::super::model::screen::Screen;
use super::super::model::search::MAX_ROWS;
use super::super::model::search::{FIRST, PAGE, Query, RowsPage, Search, SearchStart, Searching};
use super::super::model::target::Target;

/// Time without a page after which a search counts as lost.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(3);

/// Starts the search that the filter needs, unless it exists, and ends one that is no longer
/// needed.
pub(super) fn ensure_search(model: &mut Model) -> Option<Effect> {
    if !model.is_narrowed() {
        let live = model.live.results.take();
        let frozen = model.frozen.as_mut().and_then(|frozen| frozen.snapshot.results.take());
        let was_narrowed = live.is_some() || frozen.is_some();
        let is_under_way =
            [live, frozen].iter().flatten().any(|found| found.rows.searching.is_some());
        // Show the selected row, which may be far back, among its neighbours.
        if let Some(Target::Delivery(seq)) = model.selection.row.filter(|_| was_narrowed)
            && !model.shown().rows.covers(seq)
        {
            return request_rows(model, SearchStart::Around(seq), PAGE);
        }
        return is_under_way.then_some(Effect::Request(Request::EndSearch));
    }
    // Other screens show only the number of rows, which is not worth a search.
    if model.screen != Screen::Deliveries && !model.shown().rows.is_whole() {
        return None;
    }
    let query = model.query();
    if model.shown().results.as_ref().is_none_or(|found| found.query != query) {
        return begin(model, query);
    }
    // Repeats a search that was lost; a full window continues where the user scrolls.
    let rows = &model.shown().results.as_ref()?.rows;
    if rows.is_behind() || rows.len() >= MAX_ROWS {
        return None;
    }
    let start = rows.below()?;
    request_rows(model, start, FIRST)
}

/// Starts a search with the matching rows that are already held, which are available at once.
fn begin(model: &mut Model, query: Query) -> Option<Effect> {
    let shown = model.shown();
    let rows = RowWindow::of(&shown.rows, |row| query.lists(row, name_of(shown, row)));
    let start = rows.below();
    let was_searching = shown.results.as_ref().is_some_and(|found| found.rows.searching.is_some());
    model.shown_mut().results = Some(SearchResults { query, rows });
    match start {
        Some(start) => request_rows(model, start, FIRST),
        None => was_searching.then_some(Effect::Request(Request::EndSearch)),
    }
}

/// Requests more of the listed rows, unless a request is pending and not lost. A search that starts
/// anew replaces another one.
pub(super) fn request_rows(model: &mut Model, start: SearchStart, limit: usize) -> Option<Effect> {
    let now = model.now;
    let is_pending = |searching: &Searching| {
        let elapsed = now.duration_since(searching.at);
        // Also after the clock was set back.
        let is_fresh = elapsed >= SignedDuration::ZERO && elapsed <= LOST_AFTER;
        is_fresh && (searching.start == start || !start.replaces_rows())
    };
    let rows = model.listed_rows()?;
    if rows.searching.as_ref().is_some_and(is_pending) {
        return None;
    }
    let limit =
        if start.replaces_rows() { limit } else { limit.saturating_sub(rows.len()).max(PAGE) };
    let id = model.searches + 1;
    model.searches = id;
    let selects_first = start == SearchStart::Oldest;
    let searching = Searching { id, start, at: now, selects_first };
    model.listed_rows_mut()?.searching = Some(searching);
    let until = model.frozen.as_ref().map(|frozen| (frozen.snapshot.head, frozen.at));
    let search = Search { id, query: model.query(), start, limit, until };
    Some(Effect::Request(Request::Rows(Box::new(search))))
}

/// Adds a page to the windows that requested it.
pub(super) fn take(model: &mut Model, page: &RowsPage) {
    let mut first = None;
    let (now, stay) = (model.now, model.selection.row.is_some());
    let snapshots = std::iter::once(&mut model.live)
        .chain(model.frozen.as_mut().map(|frozen| &mut frozen.snapshot));
    for snapshot in snapshots {
        let found = snapshot.results.as_mut().map(|found| &mut found.rows);
        for rows in std::iter::once(&mut snapshot.rows).chain(found) {
            let Some(searching) =
                rows.searching.as_mut().filter(|searching| searching.id == page.id)
            else {
                continue;
            };
            searching.at = now;
            let selects_first = searching.selects_first;
            rows.take(page.clone(), stay || selects_first);
            if selects_first && let Some(row) = rows.at(0) {
                first = Some(row.target());
                if let Some(searching) = &mut rows.searching {
                    searching.selects_first = false;
                }
            }
        }
    }
    if first.is_some() {
        model.selection.row = first;
    }
}

/// Forgets a search that failed.
pub(super) fn cancel(model: &mut Model, search: &Search) {
    let snapshots = std::iter::once(&mut model.live)
        .chain(model.frozen.as_mut().map(|frozen| &mut frozen.snapshot));
    for snapshot in snapshots {
        let found = snapshot.results.as_mut().map(|found| &mut found.rows);
        for rows in std::iter::once(&mut snapshot.rows).chain(found) {
            rows.searching = rows.searching.take().filter(|searching| searching.id != search.id);
        }
    }
}

/// Adds a new row to the results if it matches the query; returns whether it does.
pub(super) fn add(model: &mut Model, row: &std::sync::Arc<Row>, stay: bool) -> bool {
    let name = name_of(&model.live, row).map(str::to_owned);
    let Some(found) = &mut model.live.results else { return false };
    if !found.query.lists(row, name.as_deref()) {
        return false;
    }
    found.rows.push(std::sync::Arc::clone(row), stay);
    true
}

/// Applies the same filter at a later time: removes rows that no longer match. Only for filters
/// that can only lose matches; the search then continues.
pub(super) fn drop_expired(model: &mut Model) {
    if !model.filtering.filter.only_narrows_with_time() {
        return;
    }
    let query = model.query();
    let mut found = model.live.results.take();
    if let Some(found) = &mut found {
        let live = &model.live;
        found.rows.retain(|row| query.lists(row, name_of(live, row)));
        found.query = query;
    }
    model.live.results = found;
}

/// Handles a new name of an asset: if the filter looks at names, the search starts again.
pub(super) fn renamed(model: &mut Model) {
    if model.filtering.filter.looks_at_names() {
        model.live.results = None;
        if let Some(frozen) = &mut model.frozen {
            frozen.snapshot.results = None;
        }
    }
}
