//! Applies the events of a backend: assets, deliveries, details, status.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::effect::{Effect, Request};
use super::super::event::{BackendEvent, News};
use super::super::model::Model;
use super::super::model::asset::{AlertKind, AssetView, Group};
use super::super::model::asset_list::Aged;
use super::super::model::mode::{Mode, Target};
use super::super::model::rows::Row;
use super::{copy, follow_selection, search, show_message};
use crate::callback::State;
use crate::status::{JournalHealth, Link};
use crate::text::{Printable, shell_word};
use crate::timeline::VersionRow;

/// Applies one event.
pub(super) fn apply(model: &mut Model, event: BackendEvent) -> Vec<Effect> {
    match event {
        BackendEvent::Assets(assets) => {
            for asset in assets {
                // News may have been faster than the page that they are on.
                if model.live.asset_list.get(asset.id()).is_none() {
                    model.live.asset_list.put(asset);
                }
            }
            changed(model)
        }
        BackendEvent::Loaded => {
            model.live.loaded = true;
            // Each page gave its ids their pieces before the next one was known.
            model.live.asset_list.renew_pieces();
            model.live.learn_usual();
            changed(model)
        }
        BackendEvent::News(news) => apply_news(model, news),
        BackendEvent::Rows(page) => {
            search::take(model, &page);
            changed(model)
        }
        BackendEvent::Gone(asset_id) => {
            model.live.asset_list.remove(&asset_id);
            changed(model)
        }
        BackendEvent::Unanswered(request, why) => {
            give_up(model, &request);
            show_message(model, why);
            Vec::new()
        }
        BackendEvent::OfAsset(asset_id, rows) => {
            apply_of_asset(model, &asset_id, rows);
            changed(model)
        }
        BackendEvent::Asset(asset) => {
            // A name or a mark is the user's own doing: it shows at once, also on a picture that
            // stands still.
            if let Some(frozen) = &mut model.frozen
                && let Some(then) = frozen.snapshot.asset_list.get(asset.id())
            {
                let then = AssetView::new(then.row.clone(), asset.notes.clone());
                frozen.snapshot.asset_list.put(then);
            }
            let name = |asset: &AssetView| asset.notes.name.clone();
            let before = model.live.asset_list.get(asset.id()).and_then(|asset| name(asset));
            if before != name(&asset) {
                search::renamed(model);
            }
            model.live.asset_list.put(*asset);
            changed(model)
        }
        BackendEvent::Detail(target, detail) => {
            let effects = copy::arrived(model, target, detail.as_deref());
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
        BackendEvent::StoryOver => {
            model.live.story_over = true;
            Vec::new()
        }
        BackendEvent::Counts(counts) => {
            model.live.counts = counts;
            Vec::new()
        }
        BackendEvent::Store(store) => {
            model.live.store = store;
            Vec::new()
        }
        BackendEvent::Orphaned(orphaned) => {
            model.live.orphaned = orphaned;
            Vec::new()
        }
        BackendEvent::Link(link) => {
            apply_link(model, *link);
            Vec::new()
        }
        BackendEvent::RefusedFailures(ids) => {
            model.live.claim_failures(ids);
            Vec::new()
        }
        BackendEvent::Gaps(gaps) => {
            model.live.miss(gaps);
            Vec::new()
        }
        BackendEvent::Warning(at, message) => {
            model.live.warn(at, message);
            Vec::new()
        }
    }
}

fn apply_link(model: &mut Model, link: Link) {
    // By the relay is how the sender reaches us: that is what is shown and copied.
    if let Some(url) = &link.callback_url {
        model.run_info.callback_url.clone_from(url);
        if !model.run_info.send_by_relay.is_empty() {
            model.run_info.send_line =
                format!("{} --to {}", model.run_info.send_by_relay, shell_word(url));
        }
    }
    model.live.link = Some(link);
}

/// The journal's rows of an asset, for those pictures in which it is selected.
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

/// Waits no longer for the answer to a request.
fn give_up(model: &mut Model, request: &Request) {
    match request {
        Request::Rows(search) => search::give_up(model, search),
        Request::Detail(target) => {
            model.wanted = model.wanted.filter(|(wanted, _)| wanted != target);
        }
        // It is asked for again when the asset is selected again.
        Request::OfAsset(asset_id) if model.live.of_asset.asset.as_deref() == Some(&**asset_id) => {
            model.live.of_asset.asset = None;
        }
        _ => {}
    }
}

fn apply_news(model: &mut Model, news: News) -> Vec<Effect> {
    let mut effects = Vec::new();
    let (mut came, mut listed) = (0, 0);
    let stay = model.selection.row.is_some();
    model.live.claim_failures(news.rows.iter().filter_map(claim_of_failure));
    for row in news.rows {
        let row = Arc::new(row);
        if let Some(asset) = &model.live.of_asset.asset
            && row.is_of(asset)
        {
            model.live.of_asset.push(&row);
        }
        let at = row.at();
        let is_listed = search::add(model, &row, stay) || !model.is_narrowed();
        let new = model.live.rows.push(row, stay);
        if !news.old {
            model.live.chart.count(at, new);
        }
        came += new;
        listed += if is_listed { new } else { 0 };
    }
    if !news.old {
        if let Some(frozen) = &mut model.frozen {
            frozen.waiting += came;
        }
        if stay {
            model.selection.since += listed;
        }
        model.live.came += came;
    }
    let mut learn = false;
    for asset in news.assets {
        let before = model.live.asset_list.get(asset.id()).cloned();
        let id = asset.id().to_owned();
        // Before it is compared: only the catalogue knows what is overdue.
        model.live.asset_list.put(asset);
        let Some(after) = model.live.asset_list.get(&id).cloned() else { continue };
        if !news.old {
            learn |= before.as_ref().is_none_or(|before| before.finished() != after.finished());
            effects.extend(changed_to(model, before.as_deref(), &after));
        }
    }
    if learn {
        model.live.learn_usual();
    }
    model.live.head = model.live.head.max(news.head);
    model.live.held = news.held;
    effects.extend(changed(model));
    effects
}

/// The id of a refusal that claims that something failed.
fn claim_of_failure(row: &Row) -> Option<u64> {
    match row.target() {
        Target::Refusal(id) if row.claims_failure() => Some(id),
        _ => None,
    }
}

/// Time went by, and made versions of these assets overdue.
pub(super) fn apply_aged(model: &mut Model, aged: &[Aged]) -> Vec<Effect> {
    if aged.is_empty() {
        return Vec::new();
    }
    let mut effects = Vec::new();
    for Aged { before, after } in aged {
        effects.extend(changed_to(model, Some(before), after));
    }
    effects.extend(changed(model));
    effects
}

/// An asset changed: what is new about it is selected, where the user looks at nothing else, and
/// called out.
fn changed_to(model: &mut Model, before: Option<&AssetView>, after: &AssetView) -> Option<Effect> {
    let news = whats_new(model, before, after);
    let untouched = !model.selection.chosen && model.mode == Mode::Normal && model.frozen.is_none();
    if matches!(news, Some(AssetNews::Alert(_))) && untouched {
        model.selection.asset = Some(after.id().into());
        model.selection.version = None;
    }
    if !model.run_info.bell {
        return None;
    }
    let label = after.notes.name.as_deref().unwrap_or_else(|| after.id());
    let words = match news? {
        AssetNews::Alert(AlertKind::Failed) => "failed".to_owned(),
        AssetNews::Alert(AlertKind::Overdue) => "overdue".to_owned(),
        AssetNews::Ready(1) => "ready for QC".to_owned(),
        AssetNews::Ready(count) => format!("{count} versions ready for QC"),
        AssetNews::Done => "all seen versions done".to_owned(),
    };
    Some(Effect::Notify(Printable::new(&format!("{label}: {words}"))))
}

/// What of an asset is to be called out.
enum AssetNews {
    /// Something failed, or is overdue.
    Alert(AlertKind),
    /// So many versions became ready and wait for a person.
    Ready(usize),
    /// All versions that were seen are done.
    Done,
}

/// The most urgent of what is new about an asset and came since the start: what was so before a
/// restart is no news.
fn whats_new(model: &Model, before: Option<&AssetView>, after: &AssetView) -> Option<AssetNews> {
    let started = model.run_info.started;
    let is_news = |kind: AlertKind, began: Timestamp| match kind {
        AlertKind::Failed => began >= started,
        // Not when it began, but when it was too long.
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
            (done(after) && before.is_some_and(|before| !done(before))).then_some(AssetNews::Done)
        }
        count => Some(AssetNews::Ready(count)),
    }
}

/// The picture changed: what is listed has to be looked at again.
fn changed(model: &mut Model) -> Vec<Effect> {
    model.listing.stale = true;
    // A frame may be far away; the selection has to hold for the next key all the same. While
    // nothing narrows the list that costs nothing.
    if model.is_narrowed() && model.selection.asset.is_some() {
        return Vec::new();
    }
    follow_selection(model)
}

/// Whether the journal can be written, in the words of the alert bar.
impl Model {
    /// Why nothing can be kept at the moment; `None` where it can.
    pub fn store_trouble(&self) -> Option<&str> {
        match &self.shown().store {
            JournalHealth::Writing => None,
            JournalHealth::Failing { why } => Some(why),
        }
    }
}
