//! When the screen will change although no message arrives: the next time to wake up.

use jiff::{SignedDuration, Timestamp};

use super::super::model::Model;
use super::super::model::mode::Mode;
use super::super::model::screen::Screen;
use crate::callback::State;
use crate::status::LinkState;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Returns the next time at which something on the screen changes, or `None`. `behind` is the model
/// of the real receiver behind a demo, which is not shown.
pub fn next_change(model: &Model, behind: Option<&Model>) -> Option<Timestamp> {
    let message_end = model.status_message.as_ref().map(|(_, until)| *until);
    // Also if a demo or a frozen screen hides it: the user is notified.
    let [shown, hidden] = [Some(model), behind]
        .map(|model| model.and_then(|model| model.live.asset_list.next_overdue()));
    let soonest = [message_end, model.hold_until, shown, hidden, next_age_change(model)]
        .into_iter()
        .flatten()
        .min();
    // Never now or earlier: a clock that was set back must not make the loop spin.
    soonest.map(|at| at.max(after(model.now, SignedDuration::from_millis(50))))
}

fn next_age_change(model: &Model) -> Option<Timestamp> {
    let now = model.now;
    // Nothing ages on a frozen screen.
    if model.frozen.is_some() {
        return None;
    }
    let list = match (model.screen, &model.mode) {
        (
            Screen::Timeline,
            Mode::Normal
            | Mode::Filter { .. }
            | Mode::Name { .. }
            | Mode::Expect { .. }
            | Mode::Download { .. }
            | Mode::AgreeHost { .. }
            | Mode::Copy(_),
        ) => timeline(model),
        (Screen::Matrix, Mode::Normal) => {
            model.selected_asset().map(|_| next_multiple(now, MINUTE))
        }
        (Screen::Health, Mode::Normal) => Some(next_multiple(now, MINUTE)),
        _ => None,
    };
    [list, chart(model), link(model)].into_iter().flatten().min()
}

/// A generating lane counts seconds; every other age counts minutes, then hours.
fn timeline(model: &Model) -> Option<Timestamp> {
    let now = model.now;
    let asset = model.selected_asset()?;
    let generating = asset.row.versions.iter().any(|row| row.version.state() == State::Generating);
    if generating {
        return Some(next_multiple(now, SECOND));
    }
    let seen = usize::from(model.size.1);
    let at = model.selected_place().saturating_sub(seen);
    let listed = model.assets().iter().skip(at).take(2 * seen);
    let ages = listed
        .filter_map(|place| model.shown().asset_list.get(&place.id))
        .map(|asset| next_age(asset.last_at(), now));
    let lanes = asset.row.versions.iter().map(|row| next_age(row.version.since(), now));
    ages.chain(lanes).chain(next_column(model)).min()
}

/// Returns when now reaches the next column of the axis, if it is on the axis.
fn next_column(model: &Model) -> Option<Timestamp> {
    let time_range = model.time_range();
    let column = u16::try_from(time_range.column(model.now)).ok()?;
    (column < time_range.columns()).then(|| time_range.time_of(column + 1))
}

/// Returns when an age shown in minutes, or in hours from one hour on, changes.
fn next_age(since: Timestamp, now: Timestamp) -> Timestamp {
    let age = now.duration_since(since);
    let unit = if age < HOUR { MINUTE } else { HOUR };
    let units = age.as_secs().max(0) / unit.as_secs();
    let next = since.checked_add(SignedDuration::from_secs((units + 1) * unit.as_secs()));
    next.unwrap_or(Timestamp::MAX)
}

/// A link that waits to reconnect counts down the seconds.
fn link(model: &Model) -> Option<Timestamp> {
    let link = model.shown().link.as_ref()?;
    let waits = matches!(link.state, LinkState::Retrying { at, .. } if at > model.now);
    waits.then(|| next_multiple(model.now, SECOND))
}

/// The chart moves every minute while it shows anything.
fn chart(model: &Model) -> Option<Timestamp> {
    let shown = model.shown();
    (!shown.chart.is_flat(model.now)).then(|| next_multiple(model.now, MINUTE))
}

fn next_multiple(now: Timestamp, unit: SignedDuration) -> Timestamp {
    let unit = unit.as_secs();
    let second = (now.as_second().div_euclid(unit) + 1) * unit;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn after(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
