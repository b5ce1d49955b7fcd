//! Lines of text for people: a delivery, a refusal, an asset. States never differ by colour alone,
//! but by glyph, word and colour.

use std::collections::HashSet;
use std::fmt;

use anstyle::{AnsiColor, Style};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::callback::{
    Ambiguity, Basis, Callback, Delivery, DeliveryEffect, Event, Gap, Provenance, RefusalEntry,
    State, Verdict,
};
use crate::forward::ForwardAttempt;
use crate::text::Printable;
use crate::timeline::{AssetExpectation, AssetRow, Progress, Version, VersionRow};

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BUSY: Style = AnsiColor::Cyan.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// The formatter of lines: with or without colour, in a time zone, for a screen or a pipe.
#[derive(Debug, Clone)]
pub struct Lines {
    color: bool,
    zone: TimeZone,
    layout: Layout,
}

/// The destination of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// To a person: long ids are cut, and times of the day on which the command began have no date.
    Screen {
        /// When the command began.
        now: Timestamp,
        /// The day on which the command began.
        today: Date,
        /// Whether times without a date are indented to align with those that have one.
        dated: bool,
    },
    /// To another program or a file: ids are whole and times have their date and offset.
    Pipe {
        /// The width of the columns of ids, which longer ids exceed.
        ids: IdWidths,
    },
}

/// How wide the columns of ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IdWidths {
    asset: usize,
    version: usize,
}

/// The minimum widths.
const IDS: IdWidths = IdWidths { asset: 16, version: 12 };

impl Lines {
    /// Creates a formatter for a terminal. Times on the day of `now` have no date.
    pub fn for_screen(color: bool, zone: TimeZone, now: Timestamp) -> Self {
        let today = now.to_zoned_datetime(zone.clone()).date();
        Self { color, zone, layout: Layout::Screen { now, today, dated: false } }
    }

    /// Creates a formatter for a pipe or a file.
    pub const fn for_pipe(color: bool, zone: TimeZone) -> Self {
        Self { color, zone, layout: Layout::Pipe { ids: IDS } }
    }

    /// Fits the columns to the ids of the first line: the ids of one service have the same length,
    /// so the following lines align with the heading.
    #[must_use]
    pub fn fitting(mut self, asset_id: Option<&str>, version_id: Option<&str>) -> Self {
        let width = |id: Option<&str>| id.map_or(0, |id| Printable::new(id).width());
        if let Layout::Pipe { ids } = &mut self.layout {
            ids.asset = ids.asset.max(width(asset_id));
            ids.version = ids.version.max(width(version_id));
        }
        self
    }

    const fn ids(&self) -> IdWidths {
        match self.layout {
            Layout::Pipe { ids } => ids,
            Layout::Screen { .. } => IDS,
        }
    }

    /// Fits the times to a list that begins with `first`: if that has a date, the following times
    /// align with it.
    #[must_use]
    pub fn beginning_with(mut self, first: Timestamp) -> Self {
        if let Layout::Screen { today, dated, .. } = &mut self.layout {
            *dated = first.to_zoned_datetime(self.zone.clone()).date() != *today;
        }
        self
    }

    /// Returns whether the lines are for a pipe or a file.
    pub const fn is_for_pipe(&self) -> bool {
        matches!(self.layout, Layout::Pipe { .. })
    }

    /// Returns the names of the columns above deliveries, with the zone of the times.
    pub fn delivery_heading(&self) -> String {
        let IdWidths { asset, version } = self.ids();
        let columns = format!(
            "{:<11}  {:<23}  {:<9}  {:<7}  {:<asset$}  {:<version$}  NAME",
            "SIGNATURE", "EVENT", "EFFECT", "LOCALE", "ASSET", "VERSION"
        );
        self.heading(&columns)
    }

    /// Returns the names of the columns above refusals, with the zone of the times.
    pub fn refusal_heading(&self) -> String {
        self.heading(&format!("{:<11}  STATUS AND REASON", "VERDICT"))
    }

    fn heading(&self, columns: &str) -> String {
        match self.layout {
            Layout::Pipe { .. } => format!("{:<25}  {columns}", "TIME"),
            // The zone has a line of its own: its name can be longer than the column.
            Layout::Screen { now, dated, .. } => {
                let width = if dated { 19 } else { 8 };
                let zone = format!("Times are in {}.", zone_name(&self.zone, now));
                let columns = format!("{:<width$}  {columns}", "TIME");
                format!("{}\n{}", self.paint(DIM, zone), self.paint(DIM, columns))
            }
        }
    }

    /// Returns the line of a delivery, with the local name of its asset, if it has one.
    pub fn delivery(&self, delivery: &Delivery, name: Option<&str>) -> String {
        let (glyph, style, word) = match &delivery.verdict {
            Verdict::Valid { key, .. } if &**key == "dev" => ('✓', ODD, "dev key"),
            Verdict::Valid { .. } => ('✓', GOOD, "valid"),
            other => ('?', ODD, other.name()),
        };
        let callback = &delivery.callback;
        let event = callback.event.as_deref();
        let effect = delivery.outcome.effect;
        let mut line = vec![
            self.time(delivery.request.received_at),
            self.paint(style, format_args!("{glyph} {word:<9}")),
            self.paint(event_style(event), column(event, 23)),
            self.paint(
                if effect == DeliveryEffect::Applied { PLAIN } else { DIM },
                format_args!("{:<9}", effect.name()),
            ),
            self.column(callback.version_locale.as_deref(), 7),
            self.column(callback.asset_id.as_deref(), self.ids().asset),
        ];
        let version = self.column(callback.version_id.as_deref(), self.ids().version);
        match (name, self.layout) {
            (None, Layout::Screen { .. }) => line.push(version.trim_end().to_owned()),
            (None, Layout::Pipe { .. }) => line.extend([version, "-".to_owned()]),
            (Some(name), _) => {
                line.extend([version, self.paint(PLAIN.bold(), Printable::new(name))]);
            }
        }
        if let Some(why) = &callback.unreadable {
            line.push(self.paint(ODD, format_args!("unreadable: {}", Printable::new(why))));
        }
        line.extend(self.ambiguity(delivery.outcome.uncertain));
        line.join("  ")
    }

    /// Returns the line of an entry of the log of refusals, with the local name of the asset that
    /// it claims.
    pub fn refusal(&self, listed: &RefusalEntry, name: Option<&str>) -> String {
        let refusal = &listed.refusal;
        let mut line = vec![
            self.time(refusal.at),
            self.paint(BAD, format_args!("✗ {:<9}", "REFUSED")),
            refusal.status.to_string(),
            Printable::new(&refusal.why).to_string(),
        ];
        if refusal.count > 1 {
            line.push(format!("×{}", refusal.count));
        }
        let claim = Callback::claimed(&refusal.body.bytes);
        if !claim.is_blank() {
            let fields = [&claim.event, &claim.version_locale, &claim.asset_id, &claim.version_id];
            let fields = fields.into_iter().flatten().map(String::as_str).chain(name);
            let fields: Vec<_> = fields.map(|field| self.piece(field)).collect();
            let others: HashSet<_> =
                listed.claims().filter(|other| *other != claim && !other.is_blank()).collect();
            let others = match others.len() {
                0 => String::new(),
                others => format!(" (and {others} more)"),
            };
            let fields = fields.join(" ");
            line.push(self.paint(ODD, format_args!("claims {fields}{others}")));
        }
        line.push(self.paint(DIM, format_args!("from {}", Printable::new(&refusal.peer))));
        line.join("  ")
    }

    /// Returns text from outside: complete in a pipe, cut on a screen.
    fn piece(&self, text: &str) -> String {
        let text = Printable::new(text);
        if self.is_for_pipe() { text.to_string() } else { text.cut(40).to_string() }
    }

    /// Returns the line of an attempt to forward a delivery.
    pub fn forward(&self, attempt: &ForwardAttempt) -> String {
        let ForwardAttempt { seq, target, attempt: number, at, answer, .. } = attempt;
        let (glyph, style) = if attempt.is_accepted() { ('→', GOOD) } else { ('✗', BAD) };
        let status = answer.status.map_or_else(|| "NO ANSWER".to_owned(), |s| s.to_string());
        let mut line = vec![
            self.time(*at),
            self.paint(style, format_args!("{glyph} {status:<9}")),
            format!("delivery {seq} to {}", Printable::new(target)),
            format!("{:.1} ms", answer.took.as_secs_f64() * 1e3),
        ];
        if *number > 1 {
            line.push(format!("attempt {number}"));
        }
        let why = answer.error.as_ref().map(|why| Printable::new(why));
        line.extend(why.map(|why| self.paint(BAD, why)));
        line.join("  ")
    }

    /// Returns what a relay took and will never pass on.
    pub fn gap(&self, gap: &Gap) -> String {
        let mark = self.paint(BAD, format_args!("╳ {:<9}", "GAP"));
        format!("{}  {mark}  {}", self.time(gap.at), gap.sentence())
    }

    /// Returns the line of an asset, above its versions, with its local name, if it has one, and what
    /// is expected of it, if that is known.
    pub fn asset(
        &self,
        row: &AssetRow,
        name: Option<&str>,
        expected: Option<&AssetExpectation>,
    ) -> String {
        let done = row.versions.iter().filter(|v| v.version.state() == State::Generated).count();
        let seen = match (expected, row.versions.len()) {
            (Some(expected), _) => progress(&expected.progress),
            (None, 0) => "no version seen".to_owned(),
            (None, seen) => format!("{done} of {seen} seen done"),
        };
        let mut line = vec![self.paint(PLAIN.bold(), Printable::new(&row.asset_id))];
        line.extend(name.map(|name| self.paint(PLAIN.bold(), Printable::new(name))));
        line.push(self.paint(DIM, seen));
        if let Some(failure) = &row.asset.failure {
            let then = match failure.events_since {
                0 => String::new(),
                1 => ", then 1 event".to_owned(),
                n => format!(", then {n} events"),
            };
            let at = self.moment(failure.at);
            let unchecked = if failure.provenance.is_unchecked() { ", unchecked" } else { "" };
            line.push(self.paint(BAD, format_args!("✗ ASSET FAILED {at}{unchecked}{then}")));
        }
        line.join("  ")
    }

    /// Returns the line of a version, below its asset. It is overdue when it has been generating
    /// for longer than `overdue`.
    pub fn version(&self, row: &VersionRow, now: Timestamp, overdue: SignedDuration) -> String {
        let version = &row.version;
        let (glyph, style, word) = match version.state() {
            State::NotReady => ('◔', DIM, "dubbing"),
            State::Ready => ('○', PLAIN, "ready"),
            State::Failed => ('✗', BAD, "FAILED"),
            State::Generating => ('◐', BUSY, "generating"),
            State::Generated => ('✓', GOOD, "done"),
            State::GenerateFailed => ('✗', BAD, "GENERATE FAILED"),
        };
        let mut line = vec![
            String::new(),
            self.paint(style, format_args!("{glyph} {word:<15}")),
            column(version.locale(), 7),
            column(Some(&row.version_id), 16),
            format!("{:>4}", ago(version.since(), now)),
        ];
        line.extend(self.unchecked(version.provenance()));
        line.extend(self.basis(version.basis()));
        if version.overdue(now, overdue) {
            line.push(self.paint(ODD, "overdue"));
        }
        line.extend(counts(version).map(|count| self.paint(DIM, count)));
        line.extend(self.ambiguity(version.uncertain()));
        line.join("  ")
    }

    /// Returns the line of an expected locale without a version, below its asset.
    pub fn missing(&self, locale: &str) -> String {
        let word = self.paint(DIM, format_args!("╌ {:<15}", "expected"));
        format!("  {word}  {}", column(Some(locale), 7).trim_end())
    }

    /// Returns the word for a state from an unchecked delivery.
    fn unchecked(&self, provenance: Provenance) -> Option<String> {
        provenance.is_unchecked().then(|| self.paint(ODD, Verdict::Unchecked.name()))
    }

    /// Returns the words for a state that does not rest on a callback alone.
    fn basis(&self, basis: Basis) -> Option<String> {
        match basis {
            Basis::Callback => None,
            Basis::Api => Some(self.paint(ODD, "says the API")),
            Basis::Both => Some(self.paint(DIM, "callback and API")),
        }
    }

    fn ambiguity(&self, ambiguity: Option<Ambiguity>) -> Option<String> {
        ambiguity
            .map(|ambiguity| self.paint(ODD, format_args!("uncertain: {}", ambiguity.sentence())))
    }

    /// Returns the names of the columns of `Lines::status_row`.
    pub fn status_heading(&self) -> String {
        let IdWidths { asset, version } = self.ids();
        format!(
            "{:<asset$}  {:<version$}  {:<7}  {:<15}  {:<25}  NAME",
            "ASSET", "VERSION", "LOCALE", "STATE", "SINCE"
        )
    }

    /// Returns the row of an asset that failed as a whole; `None` for one that did not.
    pub fn failed_asset_row(&self, row: &AssetRow, name: Option<&str>) -> Option<String> {
        let failure = row.asset.failure.as_ref()?;
        let since = failure.events_since;
        let events = (since > 0).then(|| counted(since.into(), "event since", "events since"));
        let notes = self.unchecked(failure.provenance).into_iter().chain(events);
        let state = Event::AssetFailed.name();
        let cells = StatusCells { version: None, locale: None, state, since: failure.at };
        Some(self.status_row(&row.asset_id, cells, name, notes))
    }

    /// Returns the row of a version. It is overdue when it has been generating for longer than
    /// `overdue`.
    pub fn version_row(
        &self,
        asset_id: &str,
        row: &VersionRow,
        name: Option<&str>,
        now: Timestamp,
        overdue: SignedDuration,
    ) -> String {
        let version = &row.version;
        let cells = StatusCells {
            version: Some(&row.version_id),
            locale: version.locale(),
            state: version.state().name(),
            since: version.since(),
        };
        let late = version.overdue(now, overdue).then(|| "overdue".to_owned());
        let notes = self.unchecked(version.provenance()).into_iter();
        let notes = notes.chain(self.basis(version.basis())).chain(late);
        let notes = notes.chain(counts(version)).chain(self.ambiguity(version.uncertain()));
        self.status_row(asset_id, cells, name, notes)
    }

    fn status_row(
        &self,
        asset_id: &str,
        cells: StatusCells<'_>,
        name: Option<&str>,
        notes: impl IntoIterator<Item = String>,
    ) -> String {
        let style = match cells.state {
            "asset_failed" | "failed" | "generate_failed" => BAD,
            "generating" => BUSY,
            "generated" => GOOD,
            _ => PLAIN,
        };
        let mut line = vec![
            self.column(Some(asset_id), self.ids().asset),
            self.column(cells.version, self.ids().version),
            self.column(cells.locale, 7),
            self.paint(style, format_args!("{:<15}", cells.state)),
            self.time(cells.since),
            name.map_or_else(|| "-".to_owned(), |name| Printable::new(name).to_string()),
        ];
        line.extend(notes);
        line.join("  ")
    }

    /// Returns text padded to a width in columns, and cut to it on a screen; a dash if there is
    /// none.
    fn column(&self, text: Option<&str>, width: usize) -> String {
        match self.layout {
            Layout::Screen { .. } => column(text, width),
            Layout::Pipe { .. } => {
                let text = text.map_or_else(|| Printable::new("-"), Printable::new);
                format!("{text:<width$}")
            }
        }
    }

    /// Formats a time: on a screen without today's date, in a pipe as RFC 3339.
    fn time(&self, at: Timestamp) -> String {
        let at = at.to_zoned_datetime(self.zone.clone());
        match self.layout {
            Layout::Pipe { .. } => at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            Layout::Screen { today, .. } if at.date() != today => {
                at.strftime("%Y-%m-%d %H:%M:%S").to_string()
            }
            Layout::Screen { dated: true, .. } => at.strftime("           %H:%M:%S").to_string(),
            Layout::Screen { dated: false, .. } => at.strftime("%H:%M:%S").to_string(),
        }
    }

    /// Formats a day and a time.
    fn moment(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    fn paint(&self, style: Style, text: impl fmt::Display) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// The first columns of a row in the table of states.
#[derive(Clone, Copy)]
struct StatusCells<'a> {
    version: Option<&'a str>,
    locale: Option<&'a str>,
    state: &'static str,
    since: Timestamp,
}

/// Returns how much of an expectation is done, and what is beyond it.
fn progress(progress: &Progress) -> String {
    let Progress { done, expected, waiting, unexpected, .. } = progress;
    let beside = [(waiting, "expected"), (unexpected, "unexpected")];
    let beside = beside.into_iter().filter(|(count, _)| **count > 0);
    let beside = beside.map(|(count, word)| format!("{count} {word}"));
    let words: Vec<_> =
        std::iter::once(format!("{done} of {expected} done")).chain(beside).collect();
    words.join(", ")
}

/// Returns the counts of a version that are not zero.
fn counts(version: &Version) -> impl Iterator<Item = String> {
    let earlier = u64::from(version.cycle().saturating_sub(1));
    [
        (earlier, "earlier cycle", "earlier cycles"),
        (version.repeats(), "repeat", "repeats"),
        (version.late(), "late", "late"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, more)| counted(count, one, more))
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Returns the name of a zone, or its offset at the moment `now` if it has none.
fn zone_name(zone: &TimeZone, now: Timestamp) -> String {
    if zone.is_unknown() {
        return "UTC".to_owned();
    }
    zone.iana_name().map_or_else(
        || now.to_zoned_datetime(zone.clone()).strftime("UTC%:z").to_string(),
        |name| Printable::new(name).to_string(),
    )
}

fn event_style(event: Option<&str>) -> Style {
    match event.and_then(Event::from_name) {
        Some(Event::AssetFailed) => BAD,
        Some(Event::Version(state)) if state.is_failure() => BAD,
        Some(Event::Version(State::Generating)) => BUSY,
        Some(Event::Version(State::Generated)) => GOOD,
        Some(Event::Version(_)) => PLAIN,
        None => ODD,
    }
}

/// Returns text cut or padded to a width in columns; a dash if there is none.
fn column(text: Option<&str>, width: usize) -> String {
    let text = text.map_or_else(|| Printable::new("-"), Printable::new).cut(width);
    format!("{text:<width$}")
}

/// Formats how long ago something was, in the largest unit.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::samples::{asset, at, body, delivery, refusal, unchecked_asset};
    use super::*;
    use crate::callback::{BodySample, Callback, EarlierBody, Outcome, Refusal};
    use crate::timeline::{Expectation, Notes};

    fn entry(refusal: Refusal) -> RefusalEntry {
        RefusalEntry::new(1, refusal)
    }

    /// Lines for a screen, on the day of the samples.
    fn plain() -> Lines {
        Lines::for_screen(false, TimeZone::UTC, at(0))
    }

    fn colored() -> Lines {
        Lines::for_screen(true, TimeZone::UTC, at(0))
    }

    fn piped() -> Lines {
        Lines::for_pipe(false, TimeZone::UTC)
    }

    const OVERDUE: SignedDuration = SignedDuration::from_hours(3);

    /// Escape sequences made visible.
    fn visible(line: &str) -> String {
        line.replace('\u{1b}', "␛")
    }

    /// One delivery of each kind.
    fn deliveries() -> Vec<Delivery> {
        let mut kinds: Vec<Delivery> =
            Event::ALL.iter().map(|event| delivery(&body(event.name()))).collect();
        let mut from_dev = delivery(&body("version_ready"));
        from_dev.verdict =
            Verdict::Valid { key: "dev".into(), encoding: crate::callback::Encoding::Der };
        kinds.push(from_dev);
        let mut unchecked = delivery(&body("version_ready"));
        unchecked.verdict = Verdict::Unchecked;
        unchecked.outcome = Outcome {
            effect: DeliveryEffect::NewCycle,
            uncertain: Some(Ambiguity::UndocumentedStep),
        };
        kinds.push(unchecked);
        let mut unknown = delivery(&body("version_flown"));
        unknown.outcome = Outcome::NONE;
        kinds.push(unknown);
        let mut unreadable = delivery("hello");
        unreadable.outcome = Outcome::NONE;
        kinds.push(unreadable);
        let mut long = delivery(&body("version_ready"));
        long.callback.asset_id = Some("ast_of_a_very_long_name".to_owned());
        long.callback.version_locale = Some("zh-Hant-TW".to_owned());
        long.outcome.effect = DeliveryEffect::Repeat;
        kinds.push(long);
        kinds
    }

    fn drawn(lines: &Lines) -> String {
        let lines: Vec<_> =
            deliveries().iter().map(|d| visible(&lines.delivery(d, None))).collect();
        lines.join("\n")
    }

    #[test]
    fn deliveries_stand_in_columns() {
        insta::assert_snapshot!(drawn(&plain()), @r#"
        21:00:00  ✓ valid      asset_failed             applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ valid      version_ready            applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ valid      version_failed           applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ valid      version_generating       applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ valid      version_generated        applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ valid      version_generate_failed  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ✓ dev key    version_ready            applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ? unchecked  version_ready            new_cycle  es-ES    ast_9f3c81        ver_03  uncertain: the documented lifecycle has no such step: something between may have been lost
        21:00:00  ✓ valid      version_flown            none       es-ES    ast_9f3c81        ver_03  unreadable: unknown event "version_flown"
        21:00:00  ✓ valid      -                        none       -        -                 -  unreadable: the body is not a JSON object: expected value at line 1 column 1
        21:00:00  ✓ valid      version_ready            repeat     zh-Han…  ast_of_a_very_l…  ver_03
        "#);
    }

    #[test]
    fn colour_says_nothing_that_words_do_not() {
        insta::assert_snapshot!(drawn(&colored()), @r#"
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[1m␛[31masset_failed           ␛[0m  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[32m✓ valid    ␛[0m  version_ready            applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[1m␛[31mversion_failed         ␛[0m  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[36mversion_generating     ␛[0m  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[32mversion_generated      ␛[0m  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[1m␛[31mversion_generate_failed␛[0m  applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[33m✓ dev key  ␛[0m  version_ready            applied    es-ES    ast_9f3c81        ver_03
        21:00:00  ␛[33m? unchecked␛[0m  version_ready            ␛[2mnew_cycle␛[0m  es-ES    ast_9f3c81        ver_03  ␛[33muncertain: the documented lifecycle has no such step: something between may have been lost␛[0m
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[33mversion_flown          ␛[0m  ␛[2mnone     ␛[0m  es-ES    ast_9f3c81        ver_03  ␛[33munreadable: unknown event "version_flown"␛[0m
        21:00:00  ␛[32m✓ valid    ␛[0m  ␛[33m-                      ␛[0m  ␛[2mnone     ␛[0m  -        -                 -  ␛[33munreadable: the body is not a JSON object: expected value at line 1 column 1␛[0m
        21:00:00  ␛[32m✓ valid    ␛[0m  version_ready            ␛[2mrepeat   ␛[0m  zh-Han…  ast_of_a_very_l…  ver_03
        "#);
        let bare = |line: &str| anstyle_free(line);
        for delivery in deliveries() {
            assert_eq!(
                bare(&colored().delivery(&delivery, None)),
                plain().delivery(&delivery, None)
            );
        }
        assert_eq!(
            bare(&colored().refusal(&entry(refusal()), None)),
            plain().refusal(&entry(refusal()), None)
        );
    }

    /// A line without its escape sequences.
    fn anstyle_free(line: &str) -> String {
        let mut pieces = line.split('\u{1b}');
        let mut bare = pieces.next().unwrap().to_owned();
        for piece in pieces {
            bare.push_str(piece.split_once('m').unwrap().1);
        }
        bare
    }

    #[test]
    fn refusals_say_why() {
        let mut lines = vec![
            plain().refusal(&entry(refusal()), None),
            colored().refusal(&entry(refusal()), None),
        ];
        let mut many = refusal();
        many.count = 1200;
        many.status = 404;
        many.why = "POST /callbacks: the path is /callback".to_owned();
        lines.push(plain().refusal(&entry(many), None));
        insta::assert_snapshot!(visible(&lines.join("\n")), @r"
        21:00:00  ✗ REFUSED    401  no trusted key made it (1 tried)  from 192.0.2.7:4711
        21:00:00  ␛[1m␛[31m✗ REFUSED  ␛[0m  401  no trusted key made it (1 tried)  ␛[2mfrom 192.0.2.7:4711␛[0m
        21:00:00  ✗ REFUSED    404  POST /callbacks: the path is /callback  ×1200  from 192.0.2.7:4711
        ");
    }

    #[test]
    fn refusals_say_what_they_claim() {
        let claiming = |body: &str| Refusal { body: BodySample::of(body.as_bytes()), ..refusal() };
        let long = "a".repeat(60);
        let whole = claiming(&format!(
            r#"{{"event":"version_ready","asset_id":"{long}","version_id":"ver_03","version_locale":"es-ES"}}"#
        ));
        let cut = claiming(r#"{"asset_id":"ast_9f3c81","version_id":"ver"#);
        let lines = [
            plain().refusal(&entry(whole.clone()), Some("Launch film")),
            piped().refusal(&entry(whole.clone()), None),
            plain().refusal(&entry(cut.clone()), None),
            plain().refusal(&entry(claiming("[1,2]")), None),
        ];
        let claims = lines.map(|line| {
            let (_, claims) = line.split_once("(1 tried)  ").unwrap();
            claims.strip_suffix("from 192.0.2.7:4711").unwrap().trim_end().to_owned()
        });
        assert_eq!(
            claims,
            [
                format!("claims version_ready es-ES {}… ver_03 Launch film", &long[..39]),
                format!("claims version_ready es-ES {long} ver_03"),
                "claims ast_9f3c81".to_owned(),
                String::new(),
            ]
        );
    }

    #[test]
    fn an_entry_with_several_claims_says_so() {
        let body = |n: u32| {
            BodySample::of(format!(r#"{{"asset_id":"a","version_id":"v{n}"}}"#).as_bytes())
        };
        let mut listed = entry(Refusal { body: body(1), ..refusal() });
        for n in [2, 1, 3, 3] {
            listed.earlier.push(EarlierBody::new(at(0), "h:1".to_owned(), body(n)));
        }
        let line = plain().refusal(&listed, None);
        assert!(line.contains("  claims a v1 (and 2 more)  from"), "{line}");
    }

    #[test]
    fn an_asset_and_its_versions() {
        let row = asset(&[
            (0, "ver_01", Some(State::Ready)),
            (60, "ver_01", Some(State::Generating)),
            (600, "ver_01", Some(State::Generated)),
            (601, "ver_01", Some(State::Generated)),
            (602, "ver_01", Some(State::Generated)),
            (2, "ver_02", Some(State::Generating)),
            (3, "ver_02", Some(State::Ready)),
            (700, "ver_03", Some(State::Failed)),
            (720, "ver_04", Some(State::Generating)),
            (730, "ver_04", Some(State::GenerateFailed)),
            (740, "ver_04", Some(State::Generated)),
            (14_100, "ver_05", Some(State::Ready)),
            (14_200, "-", None),
            (14_300, "ver_05", Some(State::Generating)),
        ]);
        let drawn = |lines: &Lines| {
            let mut drawn = vec![lines.asset(&row, None, None)];
            let now = at(14_400);
            drawn.extend(row.versions.iter().map(|v| lines.version(v, now, OVERDUE)));
            visible(&drawn.join("\n"))
        };
        insta::assert_snapshot!(drawn(&plain()), @r"
        ast_9f3c81  2 of 5 seen done  ✗ ASSET FAILED 2026-11-24 00:56, then 1 event
          ✓ done             es-ES    ver_01              3h  2 repeats
          ◐ generating       es-ES    ver_02              3h  overdue  1 late
          ✗ FAILED           es-ES    ver_03              3h
          ✓ done             es-ES    ver_04              3h  1 earlier cycle  uncertain: a second outcome without a new generation between: one may have been lost
          ◐ generating       es-ES    ver_05              1m
        ");
        let only_failed = plain().asset(&asset(&[(0, "-", None)]), None, None);
        insta::assert_snapshot!(only_failed, @"ast_9f3c81  no version seen  ✗ ASSET FAILED 2026-11-23 21:00");
        let named = plain().asset(&row, Some("Trailer S2"), None);
        insta::assert_snapshot!(named, @"ast_9f3c81  Trailer S2  2 of 5 seen done  ✗ ASSET FAILED 2026-11-24 00:56, then 1 event");
        insta::assert_snapshot!(drawn(&colored()), @r"
        ␛[1mast_9f3c81␛[0m  ␛[2m2 of 5 seen done␛[0m  ␛[1m␛[31m✗ ASSET FAILED 2026-11-24 00:56, then 1 event␛[0m
          ␛[32m✓ done           ␛[0m  es-ES    ver_01              3h  ␛[2m2 repeats␛[0m
          ␛[36m◐ generating     ␛[0m  es-ES    ver_02              3h  ␛[33moverdue␛[0m  ␛[2m1 late␛[0m
          ␛[1m␛[31m✗ FAILED         ␛[0m  es-ES    ver_03              3h
          ␛[32m✓ done           ␛[0m  es-ES    ver_04              3h  ␛[2m1 earlier cycle␛[0m  ␛[33muncertain: a second outcome without a new generation between: one may have been lost␛[0m
          ␛[36m◐ generating     ␛[0m  es-ES    ver_05              1m
        ");
    }

    #[test]
    fn what_is_expected_of_an_asset() {
        let row =
            asset(&[(0, "ver_01", Some(State::Ready)), (1, "ver_01", Some(State::Generated))]);
        let line = |row: &AssetRow, expected: &str| {
            let setting = Arc::new(Expectation::parse(expected).unwrap());
            let expected = AssetExpectation::of(row, &Notes::default(), Some(&setting));
            plain().asset(row, None, expected.as_ref())
        };
        for (expected, words) in [
            ("es-ES", "1 of 1 done"),
            ("es-ES,fr-FR,de-DE", "1 of 3 done, 2 expected"),
            ("12", "1 of 12 done, 11 expected"),
            ("fr-FR", "0 of 1 done, 1 expected, 1 unexpected"),
        ] {
            assert_eq!(line(&row, expected), format!("ast_9f3c81  {words}"));
        }
        let failed = line(&asset(&[(0, "-", None)]), "2");
        assert!(
            failed.starts_with("ast_9f3c81  0 of 2 done, 2 expected  ✗ ASSET FAILED"),
            "{failed}"
        );
        insta::assert_snapshot!(plain().missing("fr-FR"), @"  ╌ expected         fr-FR");
        let ready = plain().version(&row.versions[0], at(9), OVERDUE);
        let column = |line: &str, word| line.split(word).next().unwrap().chars().count();
        assert_eq!(column(&ready, "es-ES"), column(&plain().missing("fr-FR"), "fr-FR"));
    }

    /// The columns that a heading names, by where their names begin.
    fn cell<'a>(heading: &str, line: &'a str, name: &str) -> &'a str {
        // Counted in characters: none of the samples is wider than that.
        let start = heading.split(name).next().unwrap().chars().count();
        let (start, _) = line.char_indices().nth(start).unwrap();
        line[start..].split("  ").next().unwrap().trim_end()
    }

    #[test]
    fn another_day_has_its_date_and_today_stands_below_it() {
        let old = delivery(&body("version_ready"));
        let mut new = old.clone();
        new.request.received_at = at(2 * 86_400);
        let lines = Lines::for_screen(false, TimeZone::UTC, at(2 * 86_400));
        assert!(lines.delivery(&old, None).starts_with("2026-11-23 21:00:00  ✓ valid"));
        assert!(lines.delivery(&new, None).starts_with("21:00:00  ✓ valid"));
        let lines = lines.beginning_with(old.request.received_at);
        assert!(lines.delivery(&old, None).starts_with("2026-11-23 21:00:00  ✓ valid"));
        assert!(lines.delivery(&new, None).starts_with("           21:00:00  ✓ valid"));
        assert!(
            lines.refusal(&entry(refusal()), None).starts_with("2026-11-23 21:00:00  ✗ REFUSED")
        );
        // The day is that of the zone.
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        let lines = Lines::for_screen(false, tokyo, at(-86_400));
        assert!(lines.delivery(&old, None).starts_with("2026-11-24 06:00:00  "));
    }

    #[test]
    fn the_zone_is_named_once() {
        assert!(plain().delivery_heading().starts_with("Times are in UTC.\nTIME      SIGNATURE"));
        let tokyo = Lines::for_screen(false, TimeZone::fixed(jiff::tz::offset(9)), at(0));
        assert!(tokyo.refusal_heading().starts_with("Times are in UTC+09:00.\n"));
        let unknown = Lines::for_screen(false, TimeZone::unknown(), at(0));
        assert!(unknown.delivery_heading().starts_with("Times are in UTC.\n"));
        assert_eq!(piped().delivery_heading().lines().count(), 1, "each time has its offset");
    }

    #[test]
    fn a_pipe_has_whole_ids_and_times() {
        let mut long = delivery(&body("version_ready"));
        long.callback.asset_id = Some("ast_of_a_very_long_name_indeed".to_owned());
        let lines = Lines::for_pipe(false, TimeZone::fixed(jiff::tz::offset(9)));
        let line = lines.delivery(&long, Some("Trailer S2"));
        assert!(line.starts_with("2026-11-24T06:00:00+09:00  ✓ valid"), "{line}");
        assert!(line.contains("  ast_of_a_very_long_name_indeed  ver_03"), "{line}");
        assert!(line.ends_with("  Trailer S2"), "{line}");
        assert!(
            lines
                .refusal(&entry(refusal()), None)
                .starts_with("2026-11-24T06:00:00+09:00  ✗ REFUSED")
        );
    }

    #[test]
    fn a_heading_names_what_stands_below_it() {
        let delivery = delivery(&body("version_ready"));
        let (heading, line) = (piped().delivery_heading(), piped().delivery(&delivery, None));
        for (name, value) in [
            ("TIME", "2026-11-23T21:00:00+00:00"),
            ("SIGNATURE", "✓ valid"),
            ("EVENT", "version_ready"),
            ("EFFECT", "applied"),
            ("LOCALE", "es-ES"),
            ("ASSET", "ast_9f3c81"),
            ("VERSION", "ver_03"),
            ("NAME", "-"),
        ] {
            assert_eq!(cell(&heading, &line, name), value, "{line}");
        }
        let heading = plain().delivery_heading();
        let line = plain().delivery(&delivery, Some("Trailer"));
        assert_eq!(cell(heading.lines().nth(1).unwrap(), &line, "NAME"), "Trailer");
    }

    #[test]
    fn an_unchecked_state_says_so() {
        let row = unchecked_asset(&[
            (0, "ver_01", Some(State::Generating)),
            (80, "-", None),
            (81, "ver_02", Some(State::Ready)),
        ]);
        let now = at(20_000);
        let drawn = |lines: &Lines| {
            let versions = row.versions.iter().map(|v| lines.version(v, now, OVERDUE));
            visible(
                &[lines.asset(&row, None, None)]
                    .into_iter()
                    .chain(versions)
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        };
        insta::assert_snapshot!(drawn(&plain()), @r"
        ast_9f3c81  0 of 2 seen done  ✗ ASSET FAILED 2026-11-23 21:01, unchecked, then 1 event
          ◐ generating       es-ES    ver_01              5h  unchecked  overdue
          ○ ready            es-ES    ver_02              5h  unchecked
        ");
        insta::assert_snapshot!(drawn(&colored()), @r"
        ␛[1mast_9f3c81␛[0m  ␛[2m0 of 2 seen done␛[0m  ␛[1m␛[31m✗ ASSET FAILED 2026-11-23 21:01, unchecked, then 1 event␛[0m
          ␛[36m◐ generating     ␛[0m  es-ES    ver_01              5h  ␛[33munchecked␛[0m  ␛[33moverdue␛[0m
          ○ ready            es-ES    ver_02              5h  ␛[33munchecked␛[0m
        ");
        let failed = piped().failed_asset_row(&row, None).unwrap();
        assert!(failed.ends_with("  -  unchecked  1 event since"), "{failed}");
        let version = piped().version_row("a", &row.versions[0], None, now, OVERDUE);
        assert!(version.ends_with("  -  unchecked  overdue"), "{version}");
    }

    #[test]
    fn states_in_a_pipe_are_a_table() {
        let row = asset(&[
            (0, "ver_01", Some(State::Ready)),
            (60, "ver_01", Some(State::Generating)),
            (70, "ver_02", Some(State::Generated)),
            (71, "ver_02", Some(State::Generated)),
            (80, "-", None),
        ]);
        let heading = piped().status_heading();
        let named = Some("Trailer S2");
        let failed = piped().failed_asset_row(&row, named).unwrap();
        let overdue = piped().version_row("a", &row.versions[0], None, at(20_000), OVERDUE);
        let done = piped().version_row("a", &row.versions[1], named, at(20_000), OVERDUE);
        for (line, values) in [
            (&failed, ["ast_9f3c81", "-", "-", "asset_failed", "Trailer S2"]),
            (&overdue, ["a", "ver_01", "es-ES", "generating", "-"]),
            (&done, ["a", "ver_02", "es-ES", "generated", "Trailer S2"]),
        ] {
            let names = ["ASSET", "VERSION", "LOCALE", "STATE", "NAME"];
            assert_eq!(names.map(|name| cell(&heading, line, name)), values, "{line}");
        }
        assert_eq!(cell(&heading, &failed, "SINCE"), "2026-11-23T21:01:20+00:00");
        assert!(overdue.ends_with("  -  overdue"), "{overdue}");
        assert!(done.ends_with("  Trailer S2  1 repeat"), "{done}");
        let sound = asset(&[(0, "ver_01", Some(State::Ready))]);
        assert_eq!(piped().failed_asset_row(&sound, None), None);
    }

    #[test]
    fn columns_are_as_wide_as_the_ids_of_the_first_line() {
        let mut delivery = delivery(&body("version_ready"));
        let (asset, version) = ("a".repeat(36), "v".repeat(36));
        delivery.callback.asset_id = Some(asset.clone());
        delivery.callback.version_id = Some(version.clone());
        let lines = piped().fitting(Some(&asset), Some(&version));
        let (heading, line) =
            (lines.delivery_heading(), lines.delivery(&delivery, Some("Trailer")));
        for (name, value) in [("ASSET", &*asset), ("VERSION", &version), ("NAME", "Trailer")] {
            assert_eq!(cell(&heading, &line, name), value, "{line}");
        }
        let row = super::super::samples::asset(&[(0, version.as_str(), Some(State::Ready))]);
        let line = lines.version_row(&asset, &row.versions[0], Some("Trailer"), at(0), OVERDUE);
        for (name, value) in [("VERSION", &*version), ("STATE", "ready"), ("NAME", "Trailer")] {
            assert_eq!(cell(&lines.status_heading(), &line, name), value, "{line}");
        }
        let screen = plain();
        let fitted = screen.clone().fitting(Some(&asset), Some(&version));
        assert_eq!(fitted.delivery(&delivery, None), screen.delivery(&delivery, None));
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        let hostile = "\u{1b}[2J\u{202e}\u{9b}\n\r\t";
        let mut delivery = delivery(&body("version_ready"));
        delivery.callback = Callback {
            event: Some(hostile.to_owned()),
            asset_id: Some(hostile.to_owned()),
            version_id: Some(hostile.to_owned()),
            version_locale: Some(hostile.to_owned()),
            unreadable: Some(hostile.to_owned()),
        };
        let mut refusal = refusal();
        refusal.why = hostile.to_owned();
        refusal.peer = hostile.to_owned();
        let claimed = serde_json::json!({
            "event": hostile, "asset_id": hostile, "version_id": hostile, "version_locale": hostile,
        });
        refusal.body = BodySample::of(claimed.to_string().as_bytes());
        let mut row = asset(&[(0, "ver_01", Some(State::Ready))]);
        row.asset_id = hostile.to_owned();
        row.versions[0].version_id = hostile.to_owned();
        for line in [
            plain().delivery(&delivery, Some(hostile)),
            piped().delivery(&delivery, Some(hostile)),
            piped().version_row(hostile, &row.versions[0], Some(hostile), at(0), OVERDUE),
            plain().refusal(&entry(refusal.clone()), Some(hostile)),
            piped().refusal(&entry(refusal.clone()), Some(hostile)),
            plain().asset(&row, None, None),
            plain().asset(&asset(&[(0, "-", None)]), Some(hostile), None),
            plain().version(&row.versions[0], at(0), OVERDUE),
        ] {
            assert!(line.contains("\\u{1b}"), "{line}");
            assert!(!line.chars().any(|c| c.is_control() || crate::text::is_hidden(c)), "{line:?}");
        }
    }

    #[test]
    fn time_is_told_in_the_largest_unit() {
        let told = [0, 59, 60, 3599, 3600, 86_399, 86_400, 40 * 86_400].map(|s| ago(at(0), at(s)));
        assert_eq!(told, ["0s", "59s", "1m", "59m", "1h", "23h", "1d", "40d"]);
        assert_eq!(ago(at(5), at(0)), "0s", "clocks differ");
    }
}
