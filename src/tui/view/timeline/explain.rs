//! The line below the lanes: the history of the selected version as a sentence.

use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::model::Model;
use super::super::super::model::asset::{AssetView, usual_generation};
use super::super::super::widget::ago;
use super::super::super::widget::pen::Pen;
use super::super::super::widget::theme::{Role, Theme};
use super::super::mark;
use crate::callback::{Basis, State};
use crate::text::Printable;
use crate::timeline::{AssetExpectation, Version, VersionRow};

pub(super) fn draw(
    model: &Model,
    asset: &AssetView,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let lanes = asset.lanes();
    let Some(row) = lanes.get(model.selected_lane()) else {
        let words: Vec<String> = foreign(asset).into_iter().chain(expected(asset)).collect();
        if !words.is_empty() {
            Pen::new(buffer, area, 0).skip(1).text(&words.join("; "), theme.of(Role::Plain));
        }
        return;
    };
    let id = Printable::new(&row.version_id);
    let room = usize::from(area.width).saturating_sub(2);
    let head = id.cut(room / 3);
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip(1).printable(area.width, &head, theme.of(Role::Strong)).skip(2);
    let text = Printable::new(&sentence(model, asset, row));
    let first = room.saturating_sub(head.width() + 2).max(8);
    let pieces = wrap(&text, first, room);
    if let Some(piece) = pieces.first() {
        pen.text(piece, theme.of(Role::Plain));
    }
    for (number, piece) in pieces.iter().skip(1).enumerate() {
        let row = u16::try_from(number + 1).unwrap_or(u16::MAX);
        Pen::new(buffer, area, row).skip(1).text(piece, theme.of(Role::Plain));
    }
}

/// Wraps words into lines: the first of `first` columns, the others of `rest`.
fn wrap(text: &Printable, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut wide = 0;
    for word in text.as_str().split(' ') {
        let width = Printable::new_or_blank(word).width();
        let room = if lines.len() == 1 { first } else { rest };
        if wide > 0 && wide + 1 + width > room {
            lines.push(String::new());
            wide = 0;
        }
        if let Some(line) = lines.last_mut() {
            if wide > 0 {
                line.push(' ');
                wide += 1;
            }
            line.push_str(word);
            wide += width;
        }
    }
    lines
}

/// Describes the history of a version.
fn sentence(model: &Model, asset: &AssetView, row: &VersionRow) -> String {
    let version = &row.version;
    let now = model.shown_at();
    let clock = |at| ago::moment(at, now, &model.run_info.zone);
    let since = clock(version.since());
    let usual = usual(model, asset);
    let usually = usual.map(|usual| format!("usually {}", ago::spoken(usual)));
    let took = took(version).map(ago::spoken);
    let mut parts = vec![match version.state() {
        State::NotReady => format!("being dubbed: the API said so {since}"),
        State::Ready => format!("ready since {since}: waiting for a person to check and edit it"),
        State::Failed => format!("dubbing failed {since}"),
        State::Generating => {
            let so_far = ago::spoken(now.duration_since(version.since()));
            let usually = usually.map_or(String::new(), |usually| format!(" ({usually})"));
            if asset.is_overdue(version) {
                let limit = ago::spoken(model.run_info.overdue);
                format!("overdue: generating for {so_far}{usually}, longer than {limit}")
            } else {
                format!("generating for {so_far}{usually}")
            }
        }
        State::Generated => match &took {
            Some(took) => format!("done {since} after {took} of generating"),
            None => format!("done {since}"),
        },
        State::GenerateFailed => match (&took, &usually) {
            (Some(took), Some(usually)) => {
                format!("generating took {took} ({usually}), then failed {since}")
            }
            (Some(took), None) => format!("generating took {took}, then failed {since}"),
            (None, _) => format!("generating failed {since}"),
        },
    }];
    // Explanations come first: the end is cut if there is no room.
    parts.extend(basis(version).map(str::to_owned));
    parts.extend(foreign(asset));
    if let Some(doubt) = version.uncertain() {
        parts.push(format!("a guess: {}", doubt.sentence()));
    }
    if version.provenance().is_unchecked() {
        parts.push("unchecked (--signature off)".to_owned());
    }
    if let Some(from) = version.hindsight(version.state(), version.since()) {
        parts.push(format!("redrawn from {}, when a repeat began this cycle", clock(from)));
    }
    if version.cycle() > 1 {
        parts.push(format!("cycle {}", version.cycle()));
    }
    match version.repeats() {
        0 => {}
        1 => parts.push("1 repeated callback".to_owned()),
        more => parts.push(format!("{more} repeated callbacks")),
    }
    match version.late() {
        0 => {}
        1 => parts.push("1 late callback, received after the next step".to_owned()),
        more => parts.push(format!("{more} late callbacks")),
    }
    parts.extend(expected(asset));
    parts.join("; ")
}

/// Says what the state rests on; `None` for a callback alone, and for a state that no callback reports.
fn basis(version: &Version) -> Option<&'static str> {
    match (version.basis(), version.state()) {
        (Basis::Callback, _) | (_, State::NotReady) => None,
        (Basis::Api, _) => Some("says the API, no callback came"),
        (Basis::Both, _) => Some("callback and API"),
    }
}

/// Says that the asset is not of the account, if so.
fn foreign(asset: &AssetView) -> Option<String> {
    mark::of_asset(asset).map(|_| mark::FOREIGN.to_owned())
}

/// Names the expected versions that are missing, and where the expectation comes from.
fn expected(asset: &AssetView) -> Option<String> {
    let AssetExpectation { source, progress, .. } = asset.expected()?;
    let (expected, source) = (progress.expected, source.words());
    match (progress.waiting, progress.missing.as_slice()) {
        (0, _) => None,
        (waiting, []) => Some(format!("{waiting} more expected of {expected}, {source}")),
        (_, missing) => Some(format!("still expected: {} ({source})", missing.join(", "))),
    }
}

/// Returns how long the generation took that led to the current outcome.
fn took(version: &Version) -> Option<SignedDuration> {
    let generating = version.first_seen(State::Generating)?;
    Some(version.since().duration_since(generating)).filter(SignedDuration::is_positive)
}

/// Returns the usual generation time of this asset or, if unknown, of all assets.
pub(super) fn usual(model: &Model, asset: &AssetView) -> Option<SignedDuration> {
    usual_generation(asset.row.versions.iter().map(|row| &row.version)).or(model.shown().usual)
}

/// Describes the failure of the asset as a whole.
pub(super) fn asset_failure(model: &Model, asset: &AssetView) -> Option<String> {
    let failure = asset.row.asset.failure.as_ref()?;
    let at = ago::moment(failure.at, model.shown_at(), &model.run_info.zone);
    let unchecked = if asset.row.asset.provenance().is_unchecked() { ", unchecked" } else { "" };
    Some(match failure.events_since {
        0 => format!("ASSET FAILED {at}{unchecked}"),
        1 => format!("ASSET FAILED {at}{unchecked}, then 1 event of its versions"),
        more => format!("ASSET FAILED {at}{unchecked}, then {more} events of its versions"),
    })
}

/// Returns how many versions are in each state. The sender never says how many there will be: unless
/// something else does, the number is that of the versions seen.
pub(super) fn state_counts(asset: &AssetView) -> Vec<(Role, String)> {
    let (done, all) = asset.done();
    let count = |state| asset.count(state);
    let failed = count(State::Failed) + count(State::GenerateFailed);
    let seen = if asset.expected().is_some() { "" } else { "seen " };
    let mut parts = vec![(Role::Plain, format!("{done} of {all} {seen}done"))];
    for (role, count, word) in [
        (Role::Failed, failed, "failed"),
        (Role::Failed, asset.overdue(), "overdue"),
        (Role::Generating, count(State::Generating) - asset.overdue(), "generating"),
        (Role::Dim, count(State::NotReady), "dubbing"),
        (Role::Ready, count(State::Ready), "ready"),
        (Role::Dim, asset.waiting(), "expected"),
        (Role::Dim, asset.unexpected(), "unexpected"),
    ] {
        if count > 0 {
            parts.push((role, format!("{count} {word}")));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_wrapped_between_words() {
        let text = Printable::new("one two three four");
        assert_eq!(wrap(&text, 7, 10), ["one two", "three four"]);
        assert_eq!(wrap(&text, 1, 1), ["one", "two", "three", "four"]);
    }
}
