//! One delivery or refusal in one line, the same in every list.

use std::borrow::Cow;

use ratatui::style::Style;

use super::super::model::forward_marks::ForwardWord;
use super::super::model::row::Row;
use super::super::model::{Model, names};
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::super::widget::{ago, glyph};
use crate::callback::{
    DeliveryEffect, DeliverySummary, Event, RefusalKind, State, Verdict, VersionStatus,
};

/// The name of the development key, which is drawn differently: its signatures prove little.
const DEV_KEY: &str = "dev";
/// Below this width, a row has only glyph, event, locale and one more word.
const COMPACT: u16 = 56;
/// Minimum width for full event names.
const FULL_EVENTS: u16 = 79;
/// Columns of what became of forwarding.
const FORWARD: u16 = 6;
/// Minimum width for the version's id beside its locale.
const VERSIONS: u16 = 158;

/// The width of each column of a list of rows; 0 if it is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowColumns {
    time: u16,
    /// Whether times need a date.
    dated: bool,
    /// Glyph and word; 1 is the glyph alone, with the word in the effect column.
    verdict: u16,
    event: u16,
    asset: u16,
    version: u16,
    locale: u16,
    /// What became of forwarding; 1 is the glyph alone.
    forward: u16,
    effect: u16,
}

impl RowColumns {
    /// Returns the columns of a list that is `width` columns wide, including the selection mark. If
    /// `everywhere` is true, the rows belong to several assets, so each names its own. `oldest` is
    /// the first visible row; it decides whether times need a date.
    pub(super) fn new(model: &Model, everywhere: bool, width: u16, oldest: Option<&Row>) -> Self {
        let dated = oldest.is_some_and(|row| {
            let day =
                |at: jiff::Timestamp| at.to_zoned_datetime(model.run_info.zone.clone()).date();
            day(row.at()) != day(model.shown_at())
        });
        let forwards = model.has_forwards();
        if width < COMPACT {
            return Self {
                time: 5,
                dated,
                verdict: 1,
                event: 15,
                asset: 0,
                version: 0,
                locale: 5,
                forward: u16::from(forwards),
                effect: if forwards { 7 } else { 9 },
            };
        }
        let asset = match width {
            0..65 => 0,
            65..FULL_EVENTS => width.saturating_sub(if forwards { 64 } else { 57 }),
            FULL_EVENTS..100 => 11,
            100..VERSIONS => 20,
            VERSIONS.. => 26,
        };
        Self {
            time: if dated && width >= 90 { 14 } else { 8 },
            dated,
            verdict: 11,
            event: if width < FULL_EVENTS { 15 } else { 23 },
            asset: if everywhere { asset.min(26) } else { 0 },
            version: if width < VERSIONS { 0 } else { 8 },
            locale: 7,
            forward: match (forwards, width) {
                (false, _) => 0,
                (true, ..65) => 1,
                (true, _) => FORWARD,
            },
            effect: 11,
        }
    }

    /// Draws the headings.
    pub(super) fn heads(&self, theme: Theme, pen: &mut Pen<'_>) {
        let dim = theme.of(Role::Dim);
        pen.skip(1).field(self.time, "received", dim).skip(self.gap());
        for (width, word) in [
            (self.verdict, "signature"),
            (self.event, "event"),
            (self.asset, "asset"),
            (self.version, "version"),
            (self.locale, "locale"),
            (self.forward, "app"),
            (self.effect, "effect"),
        ] {
            if width > 1 {
                pen.field(width, word, dim).skip(1);
            } else if width == 1 {
                pen.skip(2);
            }
        }
        pen.finish();
    }

    const fn gap(&self) -> u16 {
        if self.verdict > 1 { 2 } else { 1 }
    }
}

/// Draws a row, from the selection mark to the end of the line.
pub(super) fn draw(
    model: &Model,
    row: &Row,
    theme: Theme,
    columns: RowColumns,
    selected: bool,
    pen: &mut Pen<'_>,
) {
    // Dim on bold is neither, so a selected row has nothing dim.
    let quiet = theme.of(if selected { Role::Plain } else { Role::Dim });
    let of = |role| if role == Role::Dim { quiet } else { theme.of(role) };
    pen.glyph(if selected { glyph::SELECTED } else { ' ' }, theme.of(Role::Strong));
    pen.field(columns.time, &time(model, row, columns), quiet).skip(columns.gap());

    let (sign, word, role) = verdict(row);
    if columns.verdict == 1 {
        pen.glyph(sign, of(role)).skip(1);
    } else {
        pen.field(columns.verdict, &format!("{sign} {word}"), of(role)).skip(1);
    }

    let (event, role) = event(row);
    let short = columns.event < 23;
    let event = if short { event.strip_prefix("version_").unwrap_or(&event) } else { &event };
    pen.field(columns.event, event, of(role)).skip(1);

    let callback = row.callback();
    let asset_list = &model.shown().asset_list;
    if columns.asset > 0 {
        let id = callback.asset_id.as_deref();
        let label = id.map_or(Cow::Borrowed("–"), |id| {
            asset_list.get(id).map_or_else(|| asset_list.piece(id), |asset| asset_list.label(asset))
        });
        // What a refusal claims to be about is not verified.
        let style = if row.is_refusal() { quiet } else { Style::new() };
        pen.field(columns.asset, &label, style).skip(1);
    }
    let version = callback.version_id.as_deref().map(names::short_id);
    let version = version.as_deref();
    if columns.version > 0 {
        pen.field(columns.version, version.unwrap_or("–"), quiet).skip(1);
    }
    let version = version.filter(|_| columns.version == 0);
    let locale = callback.version_locale.as_deref();
    let style = if locale.is_none() || row.is_refusal() { quiet } else { Style::new() };
    pen.field(columns.locale, locale.or(version).unwrap_or("–"), style).skip(1);

    if columns.forward > 0 {
        let (sign, word, role) = forward(model, row);
        if columns.forward == 1 {
            pen.glyph(sign, of(role)).skip(1);
        } else {
            pen.field(columns.forward, &format!("{sign} {word}"), of(role)).skip(1);
        }
    }
    let (word, role) = effect(row, columns.verdict == 1);
    pen.field(columns.effect, &word, of(role)).skip(1);

    if pen.left() > 2
        && let Some((text, role)) = note(row)
    {
        pen.skip(1);
        if let Some(count) = count(row) {
            pen.text(&count, theme.of(Role::Strong)).skip(1);
        }
        pen.text(&text, of(role));
    }
    pen.finish();
}

/// Returns what became of forwarding: a glyph, a word and their role.
fn forward(model: &Model, row: &Row) -> (char, Cow<'static, str>, Role) {
    let word = match row {
        Row::Delivery(delivery) if !row.is_answer() => model.forward_word(delivery.seq),
        _ => None,
    };
    match word {
        Some(ForwardWord::Ended(mark)) => {
            let (sign, role) = if mark.is_accepted {
                (glyph::FORWARDED, Role::Done)
            } else {
                (glyph::FAILED, Role::Failed)
            };
            let word = mark.status.map_or("lost".into(), |status| status.to_string().into());
            (sign, word, role)
        }
        Some(ForwardWord::Down) => (glyph::FAILED, "down".into(), Role::Failed),
        Some(ForwardWord::Waiting) => (glyph::MORE, "".into(), Role::Dim),
        None => (' ', "".into(), Role::Dim),
    }
}

fn time(model: &Model, row: &Row, columns: RowColumns) -> String {
    let zone = &model.run_info.zone;
    if !columns.dated {
        return if columns.time < 8 {
            ago::minute(row.at(), zone)
        } else {
            ago::second(row.at(), zone)
        };
    }
    let then = row.at().to_zoned_datetime(zone.clone());
    let day = then.date() != model.shown_at().to_zoned_datetime(zone.clone()).date();
    let date = format!("{:02}-{:02}", then.month(), then.day());
    match (columns.time, day) {
        (14.., _) => format!("{date} {}", ago::second(row.at(), zone)),
        (_, true) => date,
        (8.., false) => ago::second(row.at(), zone),
        _ => ago::minute(row.at(), zone),
    }
}

/// Returns glyph, word and role of the signature check, or of the reason for a refusal.
pub(super) fn verdict(row: &Row) -> (char, &'static str, Role) {
    match row {
        Row::Delivery(delivery) => match &delivery.verdict {
            Verdict::Valid { key, .. } if &**key == DEV_KEY => (glyph::DONE, "dev", Role::Guess),
            Verdict::Valid { .. } => (glyph::DONE, "valid", Role::Done),
            Verdict::Unchecked => (glyph::UNCHECKED, "unchecked", Role::Guess),
            Verdict::Api => (glyph::ANSWER, "API", Role::Plain),
            Verdict::Invalid { .. } => (glyph::FAILED, "INVALID", Role::Failed),
            Verdict::Malformed { .. } => (glyph::FAILED, "MALFORMED", Role::Failed),
            Verdict::Missing => (glyph::FAILED, "MISSING", Role::Failed),
        },
        Row::Refusal { listed, .. } => {
            let word = match listed.refusal.kind {
                RefusalKind::Missing => "MISSING",
                RefusalKind::Malformed => "MALFORMED",
                RefusalKind::Invalid => "INVALID",
                RefusalKind::WrongPath => "path",
                RefusalKind::WrongMethod => "method",
                RefusalKind::CrossSite => "browser",
                RefusalKind::TooLarge => "too large",
                RefusalKind::TooSlow => "too slow",
                RefusalKind::Broken => "broken",
            };
            (glyph::FAILED, word, Role::Failed)
        }
    }
}

/// Returns the event. Dim if it changed nothing or is not verified.
pub(super) fn event(row: &Row) -> (Cow<'_, str>, Role) {
    let callback = row.callback();
    match (row, callback.event.as_deref()) {
        (Row::Refusal { listed, .. }, None) => {
            let refusal = &listed.refusal;
            (Cow::Owned(format!("{} {}", refusal.method, refusal.path)), Role::Dim)
        }
        (Row::Refusal { .. }, Some(event)) => (Cow::Borrowed(event), Role::Dim),
        (Row::Delivery(delivery), Some(event)) if delivery.verdict == Verdict::Api => {
            answered(delivery, event)
        }
        (Row::Delivery(_), None) => (Cow::Borrowed("no event"), Role::Guess),
        (Row::Delivery(delivery), Some(event)) => {
            let role = match Event::from_name(event) {
                // A failure stands out even if it is a repeat.
                Some(Event::AssetFailed) => Role::Failed,
                Some(Event::Version(state)) if state.is_failure() => Role::Failed,
                _ if changes_nothing(delivery) => Role::Dim,
                Some(Event::Version(state)) => look_of(state),
                None => Role::Guess,
            };
            (Cow::Borrowed(event), role)
        }
    }
}

/// Returns what an answer of the API says, in the API's words: it has a status and no events.
fn answered<'a>(delivery: &DeliverySummary, event: &'a str) -> (Cow<'a, str>, Role) {
    // Not by the event: none of them says that a version is not ready.
    let is_reported = |state: &State| Event::Version(*state).name() == event;
    let Some(state) = State::ALL.into_iter().find(is_reported) else {
        return (Cow::Borrowed(event), Role::Guess);
    };
    let role =
        if changes_nothing(delivery) && !state.is_failure() { Role::Dim } else { look_of(state) };
    (Cow::Borrowed(VersionStatus::of(state).name()), role)
}

const fn look_of(state: State) -> Role {
    match state {
        State::NotReady => Role::Dim,
        State::Ready => Role::Ready,
        State::Generating => Role::Generating,
        State::Generated => Role::Done,
        State::Failed | State::GenerateFailed => Role::Failed,
    }
}

const fn changes_nothing(delivery: &DeliverySummary) -> bool {
    matches!(delivery.outcome.effect, DeliveryEffect::Repeat | DeliveryEffect::Late)
}

/// Returns the effect. If `alone` is true, there is no signature column, so this one shows the
/// reason for a refusal.
fn effect(row: &Row, alone: bool) -> (Cow<'static, str>, Role) {
    match row {
        Row::Refusal { .. } if alone => (verdict(row).1.into(), Role::Failed),
        Row::Refusal { listed, .. } => {
            (format!("refused {}", listed.refusal.status).into(), Role::Failed)
        }
        Row::Delivery(delivery) => {
            let (word, role) = effect_word(delivery);
            match delivery.outcome.uncertain {
                // Nine columns have room only for the glyph beside the longest word.
                Some(_) if alone && word.len() > 7 => {
                    (format!("{}{}", glyph::GUESS, word.replace("new ", "")).into(), Role::Guess)
                }
                Some(_) => (format!("{word} {}", glyph::GUESS).into(), Role::Guess),
                None => (word.into(), role),
            }
        }
    }
}

/// Returns the effect of a delivery on its version, in a word or two.
pub(super) const fn effect_word(delivery: &DeliverySummary) -> (&'static str, Role) {
    match delivery.outcome.effect {
        DeliveryEffect::Applied => ("applied", Role::Dim),
        DeliveryEffect::Repeat if matches!(delivery.verdict, Verdict::Api) => {
            ("confirms", Role::Dim)
        }
        DeliveryEffect::Repeat => ("repeat", Role::Dim),
        DeliveryEffect::Late => ("late", Role::Plain),
        DeliveryEffect::NewCycle => ("new cycle", Role::Strong),
        DeliveryEffect::None => ("unreadable", Role::Guess),
    }
}

/// Returns the number of requests it represents, if more than one.
pub(super) fn count(row: &Row) -> Option<String> {
    match row {
        Row::Refusal { listed, .. } if listed.refusal.count > 1 => {
            Some(format!("×{}", number(listed.refusal.count)))
        }
        _ => None,
    }
}

/// Returns a further note: why it was refused, why it is a guess, or why it is unreadable.
pub(super) fn note(row: &Row) -> Option<(Cow<'_, str>, Role)> {
    match row {
        Row::Refusal { listed, .. } => Some((listed.refusal.why.as_str().into(), Role::Plain)),
        Row::Delivery(delivery) => {
            let unreadable = delivery.callback.unreadable.as_deref();
            let doubt = delivery.outcome.uncertain;
            unreadable
                .map(|why| (why.into(), Role::Plain))
                .or_else(|| doubt.map(|doubt| (doubt.sentence().into(), Role::Dim)))
        }
    }
}

/// Formats a number with thousands separators: `1,204`.
pub(super) fn number(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
