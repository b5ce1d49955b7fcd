//! What is told about a journal: assets, deliveries, details, health.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::effect::{Effect, Request};
use super::super::model::Model;
use super::super::model::asset::{AssetView, Failure, Group};
use super::super::model::mode::{Mode, Target};
use super::super::model::rows::Row;
use super::super::msg::{News, Stage, Told};
use super::{copy, follow_selection, say};
use crate::text::{Printable, shell_word};
use crate::vitals::{Link, Store};

/// Takes in what was told.
pub(super) fn hear(model: &mut Model, stage: Stage, told: Told) -> Vec<Effect> {
    match told {
        Told::Assets(assets) => {
            for asset in assets {
                // News may have been faster than the page that they are on.
                if model.live.catalogue.get(asset.id()).is_none() {
                    model.live.catalogue.put(asset);
                }
            }
            changed(model, stage)
        }
        Told::Loaded => {
            model.live.loaded = true;
            model.live.learn_usual();
            changed(model, stage)
        }
        Told::News(news) => hear_news(model, stage, news),
        Told::Older(below, rows) => {
            model.asked_for_older = None;
            // Those before the end of time are the newest: the user follows again.
            if below == u64::MAX {
                model.live.rows.begin_anew(rows);
                return changed(model, stage);
            }
            // What was let go of meanwhile would leave a hole.
            if model.live.rows.oldest_seq().is_none_or(|oldest| oldest == below) {
                model.live.rows.put_before(rows);
            }
            changed(model, stage)
        }
        Told::Gone(asset_id) => {
            model.live.catalogue.remove(&asset_id);
            changed(model, stage)
        }
        Told::Unanswered(request) => {
            give_up(model, &request);
            Vec::new()
        }
        Told::OfAsset(asset_id, rows) => {
            hear_of_asset(model, &asset_id, rows);
            changed(model, stage)
        }
        Told::Asset(asset) => {
            // A name or a mark is the user's own doing: it shows at once, also on a picture that
            // stands still.
            if let Some(frozen) = &mut model.frozen
                && let Some(then) = frozen.picture.catalogue.get(asset.id())
            {
                let then = AssetView::new(then.row.clone(), asset.notes.clone());
                frozen.picture.catalogue.put(then);
            }
            model.live.catalogue.put(*asset);
            changed(model, stage)
        }
        Told::Detail(target, detail) => {
            let effects = copy::arrived(model, target, detail.as_deref());
            if let Mode::Detail(open) = model.mode.innermost_mut()
                && open.target == target
            {
                if let Some(detail) = detail {
                    open.detail = Some(Arc::new(*detail));
                    open.laid_out = None;
                } else {
                    model.mode = Mode::Normal;
                    say(model, "it is no longer in the journal");
                }
            }
            effects
        }
        Told::StoryOver => {
            model.live.story_over = true;
            Vec::new()
        }
        Told::Counts(counts) => {
            model.live.counts = counts;
            Vec::new()
        }
        Told::Store(store) => {
            model.live.store = store;
            Vec::new()
        }
        Told::Orphaned(orphaned) => {
            model.live.orphaned = orphaned;
            Vec::new()
        }
        Told::Link(link) => {
            hear_link(model, *link);
            Vec::new()
        }
        Told::Gaps(gaps) => {
            model.live.miss(gaps);
            Vec::new()
        }
        Told::Warning(at, message) => {
            model.live.warn(at, message);
            Vec::new()
        }
    }
}

fn hear_link(model: &mut Model, link: Link) {
    // By the relay is how the sender reaches us: that is what is shown and copied.
    if let Some(url) = &link.callback_url {
        model.facts.callback_url.clone_from(url);
        if !model.facts.send_by_relay.is_empty() {
            model.facts.send_line =
                format!("{} --to {}", model.facts.send_by_relay, shell_word(url));
        }
    }
    model.live.link = Some(link);
}

/// The journal's rows of an asset, for those pictures in which it is selected.
fn hear_of_asset(model: &mut Model, asset_id: &str, rows: Vec<Row>) {
    let of_this = |asset: &Option<Arc<str>>| asset.as_deref() == Some(asset_id);
    if let Some(frozen) = &mut model.frozen
        && of_this(&frozen.picture.of_asset.asset)
    {
        let (at, head) = (frozen.at, frozen.picture.head);
        let was_there = |row: &&Row| match row.target() {
            Target::Delivery(seq) => seq <= head,
            Target::Refusal(_) => row.at() <= at,
        };
        let then = rows.iter().filter(was_there).cloned().collect();
        frozen.picture.of_asset.complete(then);
    }
    if of_this(&model.live.of_asset.asset) {
        model.live.of_asset.complete(rows);
    }
}

/// Waits no longer for the answer to a request.
fn give_up(model: &mut Model, request: &Request) {
    match request {
        Request::Older(_) => model.asked_for_older = None,
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

fn hear_news(model: &mut Model, stage: Stage, news: News) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut came = 0;
    let stay = model.cursor.row.is_some();
    for row in news.rows {
        let row = Arc::new(row);
        if let Some(asset) = &model.live.of_asset.asset
            && row.is_of(asset)
        {
            model.live.of_asset.push(&row);
        }
        let at = row.at();
        let new = model.live.rows.push(row, stay);
        if !news.old {
            model.live.chart.count(at, new);
        }
        came += new;
    }
    if !news.old {
        if let Some(frozen) = &mut model.frozen {
            frozen.waiting += came;
        }
        if stay {
            model.cursor.since += came;
        }
        model.live.came += came;
    }
    let mut learn = false;
    for asset in news.assets {
        if !news.old {
            let before = model.live.catalogue.get(asset.id());
            let failed_anew = has_failed_anew(before.map(Arc::as_ref), &asset, model.facts.started);
            let untouched = !model.cursor.chosen && model.mode == Mode::Normal;
            if failed_anew && untouched && model.frozen.is_none() {
                model.cursor.asset = Some(asset.id().into());
                model.cursor.version = None;
            }
            learn |= before.is_none_or(|before| before.finished() != asset.finished());
            if model.facts.bell {
                effects.extend(call(before.map(Arc::as_ref), &asset, failed_anew));
            }
        }
        model.live.catalogue.put(asset);
    }
    if learn {
        model.live.learn_usual();
    }
    model.live.head = model.live.head.max(news.head);
    model.live.held = news.held;
    effects.extend(changed(model, stage));
    effects
}

/// Whether there is a failure that was not there before, and came since the start.
fn has_failed_anew(before: Option<&AssetView>, after: &AssetView, started: Timestamp) -> bool {
    let was_there = |failure: &Failure<'_>| {
        before.is_some_and(|before| {
            before.failures().any(|other| {
                let id = |failure: &Failure<'_>| failure.version.map(|row| row.version_id.clone());
                other.at == failure.at && id(&other) == id(failure)
            })
        })
    };
    after
        .failures()
        .any(|failure| !failure.acknowledged && failure.at >= started && !was_there(&failure))
}

/// Whether the user is to be called: for a new failure, and for an asset all of whose versions are
/// done now.
fn call(before: Option<&AssetView>, after: &AssetView, failed_anew: bool) -> Option<Effect> {
    let label = after.notes.name.as_deref().unwrap_or_else(|| after.id());
    if failed_anew {
        return Some(Effect::Call(Printable::new(&format!("{label}: failed"))));
    }
    let done = |asset: &AssetView| asset.group() == Group::Done;
    (done(after) && before.is_some_and(|before| !done(before)))
        .then(|| Effect::Call(Printable::new(&format!("{label}: all seen versions done"))))
}

/// The picture changed: what is listed has to be looked at again.
fn changed(model: &mut Model, stage: Stage) -> Vec<Effect> {
    model.listing.stale = true;
    // A frame may be far away; the selection has to hold for the next key all the same. While
    // nothing narrows the list that costs nothing.
    if model.is_narrowed() && model.cursor.asset.is_some() {
        return Vec::new();
    }
    follow_selection(model, stage)
}

/// Whether the journal can be written, in the words of the alert bar.
impl Model {
    /// Why nothing can be kept at the moment; `None` where it can.
    pub fn store_trouble(&self) -> Option<&str> {
        match &self.shown().store {
            Store::Writing => None,
            Store::Failing { why } => Some(why),
        }
    }
}
