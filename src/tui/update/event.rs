//! Applies the events of the backend: assets, deliveries, details, status.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::effect::{Effect, Request};
use super::super::event::{BackendEvent, News};
use super::super::model::Model;
use super::super::model::asset::{AlertKind, AssetView, Group};
use super::super::model::asset_list::Aged;
use super::super::model::mode::Mode;
use super::super::model::row::Row;
use super::super::model::target::Target;
use super::{copy, download, follow_selection, search, show_message};
use crate::callback::State;
use crate::forward::ForwardMark;
use crate::status::{JournalHealth, Link};
use crate::text::{Printable, shell_word};
use crate::timeline::VersionRow;

/// Applies one event.
pub(super) fn apply(model: &mut Model, event: BackendEvent) -> Vec<Effect> {
    match event {
        BackendEvent::Assets(assets) => {
            for asset in assets {
                // A news event may have arrived before the page with the asset's older state.
                if model.live.asset_list.get(asset.id()).is_none() {
                    model.live.asset_list.put(asset);
                }
            }
            listing_changed(model)
        }
        BackendEvent::Loaded => {
            model.live.loaded = true;
            // Each page chose its pieces of ids before the next page was known.
            model.live.asset_list.lengthen_pieces();
            model.live.update_usual();
            listing_changed(model)
        }
        BackendEvent::News(news) => apply_news(model, news),
        BackendEvent::Rows(page) => {
            search::take(model, &page);
            listing_changed(model)
        }
        BackendEvent::Gone(asset_id) => {
            model.live.asset_list.remove(&asset_id);
            listing_changed(model)
        }
        BackendEvent::Unanswered(request, why) => {
            cancel_request(model, &request);
            show_message(model, why);
            Vec::new()
        }
        BackendEvent::OfAsset(asset_id, rows) => {
            apply_of_asset(model, &asset_id, rows);
            listing_changed(model)
        }
        BackendEvent::Asset(asset) => apply_asset(model, *asset),
        BackendEvent::Detail(target, detail) => {
            let effects = copy::copy_pending(model, target, detail.as_deref());
            if let Mode::Detail(open) = model.mode.innermost_mut()
                && open.target == target
            {
                if let Some(detail) = detail {
                    open.detail = Some(Arc::new(*detail));
                    open.laid_out = None;
                } else {
                    model.mode = Mode::Normal;
                    show_message(model, "it is no longer in the journal");
                }
            }
            effects
        }
        BackendEvent::Studio(then, url) => copy::studio(model, then, &url),
        BackendEvent::DownloadDirectory(target, directory) => {
            download::ask_directory(model, target, &directory);
            Vec::new()
        }
        BackendEvent::DownloadHost(order, host) => {
            download::ask_host(model, order, host);
            Vec::new()
        }
        BackendEvent::DownloadEnded(end) => download::ended(model, *end),
        BackendEvent::Forwards(marks) => apply_forwards(model, marks),
        status => {
            apply_status(model, status);
            Vec::new()
        }
    }
}

/// Applies an event that replaces or extends something shown, and asks for nothing.
fn apply_status(model: &mut Model, event: BackendEvent) {
    let live = &mut model.live;
    match event {
        BackendEvent::StoryOver => live.story_over = true,
        BackendEvent::Counts(counts) => live.counts = counts,
        BackendEvent::Store(store) => live.store = store,
        BackendEvent::Orphaned(writer_gone) => live.writer_gone = writer_gone,
        BackendEvent::Link(link) => apply_link(model, *link),
        BackendEvent::Download(running) => model.download = running.map(|running| *running),
        BackendEvent::Api(status) => live.api = Some(*status),
        BackendEvent::ForwardTargets(targets) => live.forwards = targets,
        BackendEvent::RefusedFailures(ids) => live.add_refused_failures(ids),
        BackendEvent::Gaps(gaps) => live.add_gaps(gaps),
        BackendEvent::Warning(at, message) => live.warn(at, message),
        // Applied by `apply`.
        BackendEvent::Assets(_)
        | BackendEvent::Loaded
        | BackendEvent::News(_)
        | BackendEvent::Rows(_)
        | BackendEvent::OfAsset(..)
        | BackendEvent::Asset(_)
        | BackendEvent::Gone(_)
        | BackendEvent::Unanswered(..)
        | BackendEvent::Detail(..)
        | BackendEvent::Studio(..)
        | BackendEvent::DownloadDirectory(..)
        | BackendEvent::DownloadHost(..)
        | BackendEvent::DownloadEnded(_)
        | BackendEvent::Forwards(_) => {}
    }
}

/// Adds what became of forwarding. Reads the open delivery again if it is one of them.
fn apply_forwards(model: &mut Model, marks: Vec<ForwardMark>) -> Vec<Effect> {
    let is_marked = |target| matches!(target, Target::Delivery(seq) if marks.iter().any(|mark| mark.seq == seq));
    let open = match model.mode.innermost_mut() {
        // Not before it was read: then the answer that is on its way has it.
        Mode::Detail(open) if open.detail.is_some() && is_marked(open.target) => Some(open.target),
        _ => None,
    };
    model.live.marks.add(marks);
    open.map(|target| Effect::Request(Request::Detail(target))).into_iter().collect()
}

/// Replaces an asset whose notes have changed.
fn apply_asset(model: &mut Model, asset: AssetView) -> Vec<Effect> {
    // Names and marks are changed by the user, so they show at once, even on a frozen screen.
    if let Some(frozen) = &mut model.frozen
        && let Some(then) = frozen.snapshot.asset_list.get(asset.id())
    {
        let then = AssetView::new(then.row.clone(), asset.notes.clone());
        frozen.snapshot.asset_list.put(then);
    }
    let name = |asset: &AssetView| asset.notes.shown_name().map(str::to_owned);
    let before = model.live.asset_list.get(asset.id()).and_then(|asset| name(asset));
    if before != name(&asset) {
        search::renamed(model);
    }
    model.live.asset_list.put(asset);
    listing_changed(model)
}

fn apply_link(model: &mut Model, link: Link) {
    // The sender reaches us through the relay, so that URL is shown and copied.
    if let Some(url) = &link.callback_url {
        model.run_info.callback_url.clone_from(url);
        if !model.run_info.send_by_relay.is_empty() {
            model.run_info.send_line =
                format!("{} --to {}", model.run_info.send_by_relay, shell_word(url));
        }
    }
    model.live.link = Some(link);
}

/// Adds the journal's rows of an asset to each snapshot in which the asset is selected.
fn apply_of_asset(model: &mut Model, asset_id: &str, rows: Vec<Row>) {
    let of_this = |asset: &Option<Arc<str>>| asset.as_deref() == Some(asset_id);
    if let Some(frozen) = &mut model.frozen
        && of_this(&frozen.snapshot.of_asset.asset)
    {
        let (at, head) = (frozen.at, frozen.snapshot.head);
        let was_there = |row: &&Row| match row.target() {
            Target::Delivery(seq) => seq <= head,
            Target::Refusal(_) => row.at() <= at,
        };
        let then = rows.iter().filter(was_there).cloned().collect();
        frozen.snapshot.of_asset.complete(then);
    }
    if of_this(&model.live.of_asset.asset) {
        model.live.of_asset.complete(rows);
    }
}

/// Stops waiting for the answer to a request.
fn cancel_request(model: &mut Model, request: &Request) {
    match request {
        Request::Rows(search) => search::cancel(model, search),
        Request::Detail(target) => {
            model.pending_copy = model.pending_copy.filter(|(requested, _)| requested != target);
        }
        // Requested again when the asset is selected again.
        Request::OfAsset(asset_id) if model.live.of_asset.asset.as_deref() == Some(&**asset_id) => {
            model.live.of_asset.asset = None;
        }
        _ => {}
    }
}

fn apply_news(model: &mut Model, news: News) -> Vec<Effect> {
    let mut effects = Vec::new();
    let (mut received, mut waiting, mut listed) = (0, 0, 0);
    let stay = model.selection.row.is_some();
    model.live.add_refused_failures(news.rows.iter().filter_map(claim_of_failure));
    for row in news.rows {
        let row = Arc::new(row);
        if let Some(asset) = &model.live.of_asset.asset
            && row.is_of(asset)
        {
            model.live.of_asset.push(&row);
        }
        let (at, is_answer) = (row.at(), row.is_answer());
        let is_listed = search::add(model, &row, stay) || !model.is_narrowed();
        let new = model.live.rows.push(row, stay);
        // Nothing arrived that dubwatch did not ask for.
        let arrived = if is_answer { 0 } else { new };
        if !news.old && arrived > 0 {
            model.live.chart.count(at, arrived);
        }
        received += arrived;
        waiting += new;
        listed += if is_listed { new } else { 0 };
    }
    if !news.old {
        if let Some(frozen) = &mut model.frozen {
            frozen.waiting += waiting;
        }
        if stay {
            model.selection.since += listed;
        }
        model.live.received += received;
    }
    let mut usual_changed = false;
    for asset in news.assets {
        let before = model.live.asset_list.get(asset.id()).cloned();
        let id = asset.id().to_owned();
        // Before the comparison: only the asset list knows what is overdue.
        model.live.asset_list.put(asset);
        let Some(after) = model.live.asset_list.get(&id).cloned() else { continue };
        if !news.old {
            usual_changed |=
                before.as_ref().is_none_or(|before| before.finished() != after.finished());
            effects.extend(asset_changed(model, before.as_deref(), &after));
        }
    }
    if usual_changed {
        model.live.update_usual();
    }
    model.live.head = model.live.head.max(news.head);
    model.live.held = news.held;
    effects.extend(listing_changed(model));
    effects
}

/// Returns the id of a refusal that claims a failure.
fn claim_of_failure(row: &Row) -> Option<u64> {
    match row.target() {
        Target::Refusal(id) if row.claims_failure() => Some(id),
        _ => None,
    }
}

/// Applies changes caused by passing time: versions of these assets have become overdue.
pub(super) fn apply_aged(model: &mut Model, aged: &[Aged]) -> Vec<Effect> {
    if aged.is_empty() {
        return Vec::new();
    }
    let mut effects = Vec::new();
    for Aged { before, after } in aged {
        effects.extend(asset_changed(model, Some(before), after));
    }
    effects.extend(listing_changed(model));
    effects
}

/// Handles a change of an asset: selects it if it has a new alert and the user has selected nothing
/// else, and notifies the user of what is new.
fn asset_changed(
    model: &mut Model,
    before: Option<&AssetView>,
    after: &AssetView,
) -> Option<Effect> {
    let news = news_of(model, before, after);
    let untouched = !model.selection.chosen && model.mode == Mode::Normal && model.frozen.is_none();
    if matches!(news, Some(AssetNews::Alert(_))) && untouched {
        model.selection.asset = Some(after.id().into());
        model.selection.version = None;
    }
    if !model.run_info.bell {
        return None;
    }
    let label = after.notes.shown_name().unwrap_or_else(|| after.id());
    let words = match news? {
        AssetNews::Alert(AlertKind::Failed) => "failed".to_owned(),
        AssetNews::Alert(AlertKind::Overdue) => "overdue".to_owned(),
        AssetNews::Ready(1) => "ready for QC".to_owned(),
        AssetNews::Ready(count) => format!("{count} versions ready for QC"),
        AssetNews::Done => "all known versions done".to_owned(),
        AssetNews::Complete => match after.done() {
            (_, 1) => "the expected version is done".to_owned(),
            (_, expected) => format!("all {expected} expected versions done"),
        },
    };
    Some(Effect::Notify(Printable::new(&format!("{label}: {words}"))))
}

/// What is new about an asset.
enum AssetNews {
    /// A version failed or is overdue.
    Alert(AlertKind),
    /// This many versions became ready.
    Ready(usize),
    /// All known versions are done, and nothing is known of others.
    Done,
    /// All expected versions are done.
    Complete,
}

/// Returns the most urgent news about an asset since the start. Anything older is not news after a
/// restart.
fn news_of(model: &Model, before: Option<&AssetView>, after: &AssetView) -> Option<AssetNews> {
    // An asset that the API tells of is as old as it likes, and no news.
    if before.is_none() && after.rests_on_api() {
        return None;
    }
    let started = model.run_info.started;
    let is_news = |kind: AlertKind, began: Timestamp| match kind {
        AlertKind::Failed => began >= started,
        // Overdue counts from when the limit was exceeded, not from when generating began.
        AlertKind::Overdue => {
            began.checked_add(model.run_info.overdue).is_ok_and(|since| since >= started)
        }
    };
    let known = |kind, version: Option<&str>, at| {
        before.is_some_and(|before| {
            before.alerts().any(|other| {
                let id = other.version.map(|row| row.version_id.as_str());
                other.kind == kind && other.at == at && id == version
            })
        })
    };
    let alert = after.alerts().find(|alert| {
        let id = alert.version.map(|row| row.version_id.as_str());
        !alert.acknowledged && is_news(alert.kind, alert.at) && !known(alert.kind, id, alert.at)
    });
    if let Some(alert) = alert {
        return Some(AssetNews::Alert(alert.kind));
    }
    if is_completed(before, after, started) {
        return Some(AssetNews::Complete);
    }
    let is_ready = |row: &VersionRow| row.version.state() == State::Ready;
    let was_ready = |row: &VersionRow| {
        before.is_some_and(|before| {
            before.row.versions.iter().any(|other| {
                is_ready(other)
                    && other.version_id == row.version_id
                    && other.version.since() == row.version.since()
            })
        })
    };
    let ready = after
        .row
        .versions
        .iter()
        .filter(|row| is_ready(row) && row.version.since() >= started && !was_ready(row));
    match ready.count() {
        0 => {
            let done = |asset: &AssetView| asset.group() == Group::Done;
            (after.expected().is_none()
                && done(after)
                && before.is_some_and(|before| !done(before)))
            .then_some(AssetNews::Done)
        }
        count => Some(AssetNews::Ready(count)),
    }
}

/// Returns whether the last of the expected versions is done now, and was not before. An asset that
/// was done already is not completed by an expectation that becomes known.
fn is_completed(before: Option<&AssetView>, after: &AssetView, started: Timestamp) -> bool {
    let was_done = |before: &AssetView| {
        before.is_complete() || (before.expected().is_none() && before.group() == Group::Done)
    };
    after.is_complete()
        && before.map_or_else(
            // The first callback of an asset may complete it. One that was merely not held before
            // has more than one.
            || after.row.asset.first_at >= started && after.row.asset.first_at == after.last_at(),
            |before| !was_done(before),
        )
}

/// Marks the listing as stale after a change of the data.
fn listing_changed(model: &mut Model) -> Vec<Effect> {
    model.listing.stale = true;
    // The next frame may be far away, but the selection has to be valid for the next key. Without a
    // filter that costs nothing.
    let is_followed = model.shown().of_asset.asset == model.selection.asset;
    if model.is_narrowed() && model.selection.asset.is_some() && is_followed {
        return Vec::new();
    }
    follow_selection(model)
}

/// The state of the journal for the alert bar.
impl Model {
    /// Returns why nothing can be written at the moment, or `None` if it can.
    pub fn store_trouble(&self) -> Option<&str> {
        match &self.shown().store {
            JournalHealth::Writing => None,
            JournalHealth::Failing { why } => Some(why),
        }
    }
}
