//! Has the journal searched for what the Deliveries screen lists: under a filter, and beyond the rows
//! that are held.

use jiff::SignedDuration;

use super::super::effect::{Effect, Request};
use super::super::model::Model;
use super::super::model::listing::name_of;
use super::super::model::mode::{Screen, Target};
use super::super::model::rows::{MAX_ROWS, Row, RowWindow, SearchResults};
use super::super::model::search::{FIRST, PAGE, Query, RowsPage, Search, SearchStart, Searching};

/// After how long a search that was not heard of counts as lost.
const LOST: SignedDuration = SignedDuration::from_secs(3);

/// Begins the search that the filter needs, where there is none, and ends one that nobody needs.
pub(super) fn seek(model: &mut Model) -> Option<Effect> {
    if !model.is_narrowed() {
        let live = model.live.results.take();
        let frozen = model.frozen.as_mut().and_then(|frozen| frozen.snapshot.results.take());
        let was_narrowed = live.is_some() || frozen.is_some();
        let is_under_way =
            [live, frozen].iter().flatten().any(|found| found.rows.searching.is_some());
        // What was found far back is now to be seen among its neighbours.
        if let Some(Target::Delivery(seq)) = model.selection.row.filter(|_| was_narrowed)
            && !model.shown().rows.covers(seq)
        {
            return ask(model, SearchStart::Around(seq), PAGE);
        }
        return is_under_way.then_some(Effect::Request(Request::EndSearch));
    }
    // Elsewhere only their number is shown, which is worth no search through the journal.
    if model.screen != Screen::Deliveries && !model.shown().rows.is_whole() {
        return None;
    }
    let query = model.query();
    if model.shown().results.as_ref().is_none_or(|found| found.query != query) {
        return begin(model, query);
    }
    // What was lost is made up for; a window that is full is read on from where the user scrolls.
    let rows = &model.shown().results.as_ref()?.rows;
    if rows.is_behind() || rows.len() >= MAX_ROWS {
        return None;
    }
    let start = rows.below()?;
    ask(model, start, FIRST)
}

/// Begins with what the window on all rows holds: that is there at once.
fn begin(model: &mut Model, query: Query) -> Option<Effect> {
    let shown = model.shown();
    let rows = RowWindow::of(&shown.rows, |row| query.lists(row, name_of(shown, row)));
    let start = rows.below();
    let was_searching = shown.results.as_ref().is_some_and(|found| found.rows.searching.is_some());
    model.shown_mut().results = Some(SearchResults { query, rows });
    match start {
        Some(start) => ask(model, start, FIRST),
        None => was_searching.then_some(Effect::Request(Request::EndSearch)),
    }
}

/// Asks for more of the listed rows, unless that was done and is not lost. A search that begins anew
/// takes the place of another one.
pub(super) fn ask(model: &mut Model, start: SearchStart, limit: usize) -> Option<Effect> {
    let now = model.now;
    let is_waited_for = |searching: &Searching| {
        let elapsed = now.duration_since(searching.at);
        // Also after the clock was set back.
        let is_fresh = elapsed >= SignedDuration::ZERO && elapsed <= LOST;
        is_fresh && (searching.start == start || !start.is_anew())
    };
    let rows = model.listed_rows()?;
    if rows.searching.as_ref().is_some_and(is_waited_for) {
        return None;
    }
    let limit = if start.is_anew() { limit } else { limit.saturating_sub(rows.len()).max(PAGE) };
    let id = model.searches + 1;
    model.searches = id;
    let selects_first = start == SearchStart::Oldest;
    let searching = Searching { id, start, at: now, selects_first };
    model.listed_rows_mut()?.searching = Some(searching);
    let until = model.frozen.as_ref().map(|frozen| (frozen.snapshot.head, frozen.at));
    let search = Search { id, query: model.query(), start, limit, until };
    Some(Effect::Request(Request::Rows(Box::new(search))))
}

/// Takes a page in, wherever it was asked for.
pub(super) fn take(model: &mut Model, page: &RowsPage) {
    let mut first = None;
    let (now, stay) = (model.now, model.selection.row.is_some());
    let pictures = std::iter::once(&mut model.live)
        .chain(model.frozen.as_mut().map(|frozen| &mut frozen.snapshot));
    for snapshot in pictures {
        let found = snapshot.results.as_mut().map(|found| &mut found.rows);
        for rows in std::iter::once(&mut snapshot.rows).chain(found) {
            let Some(searching) = rows.searching.as_mut().filter(|asked| asked.id == page.id)
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

/// A search came to nothing.
pub(super) fn give_up(model: &mut Model, search: &Search) {
    let pictures = std::iter::once(&mut model.live)
        .chain(model.frozen.as_mut().map(|frozen| &mut frozen.snapshot));
    for snapshot in pictures {
        let found = snapshot.results.as_mut().map(|found| &mut found.rows);
        for rows in std::iter::once(&mut snapshot.rows).chain(found) {
            rows.searching = rows.searching.take().filter(|searching| searching.id != search.id);
        }
    }
}

/// Whether a row that came is among those that were searched for, and then adds it to them.
pub(super) fn add(model: &mut Model, row: &std::sync::Arc<Row>, stay: bool) -> bool {
    let name = name_of(&model.live, row).map(str::to_owned);
    let Some(found) = &mut model.live.results else { return false };
    if !found.query.lists(row, name.as_deref()) {
        return false;
    }
    found.rows.push(std::sync::Arc::clone(row), stay);
    true
}

/// The same filter at a later time: what does not fit any more goes. Only where nothing else can
/// change; then the search goes on.
pub(super) fn narrow(model: &mut Model) {
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

/// An asset has another name now: what looks for names has to be searched anew.
pub(super) fn renamed(model: &mut Model) {
    if model.filtering.filter.looks_at_names() {
        model.live.results = None;
        if let Some(frozen) = &mut model.frozen {
            frozen.snapshot.results = None;
        }
    }
}
