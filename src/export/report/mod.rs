//! The report: one HTML file that needs no network and no dubwatch to be read, also on a phone. It
//! holds no script, and its policy allows none.

mod figures;
mod lane;
mod words;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};

use super::capture::CaptureCounts;
use super::markup::Markup;
use super::redact::Redaction;
use crate::callback::{Ambiguity, State};
use crate::text::count_in_words;
use crate::timeline::{AssetExpectation, AssetRow, Notes, VersionRow};

pub use figures::ReportFigures;

use figures::{Durations, FailureLine, shown_locale};
use lane::{LaneAxis, lane};
use words::{ReportClock, duration, state_class, state_mark, state_words};

/// The only style that a browser applies: the policy names its digest.
const STYLE: &str = include_str!("style.css");

/// How a report is written.
#[derive(Debug)]
pub struct ReportOptions<'a> {
    /// The moment that it shows.
    pub now: Timestamp,
    /// The zone of its times.
    pub zone: TimeZone,
    /// How long generating may take.
    pub overdue: SignedDuration,
    /// The terms and the time that chose its versions, as they were given.
    pub chosen_by: Option<String>,
    /// Aliases in place of ids, if it is redacted.
    pub redaction: Option<&'a Redaction>,
}

/// Writes a report: [`ReportWriter::begin`], each asset, [`ReportWriter::end`].
#[derive(Debug)]
pub struct ReportWriter<'a, W> {
    out: W,
    options: ReportOptions<'a>,
    clock: ReportClock,
}

impl<'a, W: Write> ReportWriter<'a, W> {
    /// Writes what is above the assets: the figures, what failed, and how long things took.
    pub fn begin(
        out: W,
        options: ReportOptions<'a>,
        figures: &ReportFigures,
        counts: CaptureCounts,
    ) -> io::Result<Self> {
        let clock = ReportClock { zone: options.zone.clone() };
        let mut report = Self { out, options, clock };
        report.head(figures)?;
        report.tiles(figures, counts)?;
        report.failures(figures)?;
        report.durations(figures)?;
        writeln!(report.out, "<h2>Timelines</h2>")?;
        if figures.assets == 0 {
            writeln!(report.out, "<p class=\"dim\">There is nothing to show.</p>")?;
        }
        Ok(report)
    }

    fn head(&mut self, figures: &ReportFigures) -> io::Result<()> {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let (now, offset) =
            (self.clock.time(self.options.now), self.clock.offset(self.options.now));
        writeln!(
            self.out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>Dubs on {now}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>Dubs on {now}</h1>"
        )?;
        let from = match (figures.first, figures.last) {
            (Some(first), Some(last)) => {
                format!("Callbacks from {} to {}. ", self.clock.time(first), self.clock.time(last))
            }
            _ => String::new(),
        };
        writeln!(self.out, "<p class=\"dim\">{}Times are {offset}.</p>", Markup(&from))?;
        if let Some(chosen_by) = &self.options.chosen_by {
            let chosen_by = Markup(chosen_by);
            writeln!(self.out, "<p class=\"dim\">Only what fits: {chosen_by}</p>")?;
        }
        if self.options.redaction.is_some() {
            writeln!(
                self.out,
                "<p class=\"note\">Redacted: ids are aliases, and names are left out. None of this can be verified against signatures.</p>"
            )?;
        }
        Ok(())
    }

    fn tiles(&mut self, figures: &ReportFigures, counts: CaptureCounts) -> io::Result<()> {
        let failed = figures.failure_count;
        let class = |class, count| if count > 0 { class } else { "dim" };
        let [done, ready, generating, dubbed] =
            [State::Generated, State::Ready, State::Generating, State::NotReady]
                .map(|state| figures.of(state));
        writeln!(self.out, "<ul class=\"tiles\">")?;
        for (class, count, one, more) in [
            ("total", figures.assets, "asset", "assets"),
            ("total", figures.versions(), "version seen", "versions seen"),
            (class("generated", done), done, "✓ done", "✓ done"),
            (class("failed", failed), failed, "✗ failed", "✗ failed"),
            (class("ready", ready), ready, "○ ready for review", "○ ready for review"),
            (class("generating", generating), generating, "◐ generating", "◐ generating"),
        ] {
            let words = if count == 1 { one } else { more };
            let count = count_in_words(count, "", "");
            writeln!(self.out, "<li><b class=\"{class}\">{}</b>{words}</li>", count.trim_end())?;
        }
        writeln!(self.out, "</ul>")?;
        for (count, one, more) in [
            (dubbed, "version is being dubbed", "versions are being dubbed"),
            (
                figures.overdue,
                "version has been generating for too long",
                "versions have been generating for too long",
            ),
            (counts.refusals, "kind of request was refused", "kinds of requests were refused"),
            (
                counts.gaps,
                "gap at a relay: callbacks were lost there",
                "gaps at a relay: callbacks were lost there",
            ),
        ] {
            if count > 0 {
                writeln!(self.out, "<p>{}.</p>", count_in_words(count, one, more))?;
            }
        }
        Ok(())
    }

    fn failures(&mut self, figures: &ReportFigures) -> io::Result<()> {
        writeln!(self.out, "<h2>What failed</h2>")?;
        if figures.failures.is_empty() {
            return writeln!(self.out, "<p>Nothing is failed now.</p>");
        }
        writeln!(self.out, "<table><tr><th>what</th><th>why</th><th>since</th></tr>")?;
        for failure in figures.failures.iter().rev() {
            let FailureLine { asset, version_id, locale, state, at, took, uncertain } = failure;
            let locale = locale.as_deref().unwrap_or_default();
            let why = match state {
                Some(state) => state_words(*state),
                None => "the asset as a whole failed",
            };
            let took = took.map(|took| format!(", after {}", duration(took))).unwrap_or_default();
            writeln!(
                self.out,
                "<tr><td>{} {} <code>{}</code></td><td class=\"failed\">✗ {why}{took}{}</td><td>{}</td></tr>",
                Markup(asset),
                Markup(locale),
                Markup(version_id.as_deref().unwrap_or_default()),
                doubt(*uncertain),
                self.clock.time(*at),
            )?;
        }
        writeln!(self.out, "</table>")?;
        let more = figures.failure_count - figures.failures.len() as u64;
        if more > 0 {
            let more = count_in_words(more, "older failure is", "older failures are");
            writeln!(self.out, "<p class=\"dim\">{more} among the timelines below.</p>")?;
        }
        Ok(())
    }

    fn durations(&mut self, figures: &ReportFigures) -> io::Result<()> {
        writeln!(self.out, "<h2>How long things took</h2>")?;
        if figures.generating.count == 0 && figures.waiting.count == 0 {
            return writeln!(self.out, "<p>No step has ended yet.</p>");
        }
        writeln!(
            self.out,
            "<table><tr><th>step</th><th>times</th><th>usually</th><th>nine of ten within</th><th>longest</th></tr>"
        )?;
        let mut row = |what: &str, took: &Durations| {
            let quantile = |percent| took.quantile(percent).map(duration).unwrap_or_default();
            if took.count == 0 {
                return Ok(());
            }
            writeln!(
                self.out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Markup(what),
                took.count,
                quantile(50),
                quantile(90),
                duration(took.longest)
            )
        };
        row("waiting for review", &figures.waiting)?;
        row("generating", &figures.generating)?;
        if figures.by_locale.len() > 1 {
            for (locale, took) in &figures.by_locale {
                row(&format!("generating {locale}"), took)?;
            }
        }
        writeln!(self.out, "</table>")
    }

    /// Writes an asset with the versions of it that are shown.
    pub fn asset(
        &mut self,
        row: &AssetRow,
        notes: &Notes,
        expected: Option<&AssetExpectation>,
    ) -> io::Result<()> {
        let name = notes.shown_name();
        let id = Markup(&row.asset_id);
        match name {
            Some(name) => {
                writeln!(self.out, "<section><h3>{} <code>{id}</code></h3>", Markup(name))?;
            }
            None => writeln!(self.out, "<section><h3>{id}</h3>")?,
        }
        writeln!(self.out, "<p class=\"dim\">{}</p>", Markup(&progress(row, expected)))?;
        if let Some(failure) = &row.asset.failure {
            let at = self.clock.time(failure.at);
            writeln!(self.out, "<p class=\"failed\">✗ the asset as a whole failed on {at}</p>")?;
        }
        writeln!(self.out, "<ul class=\"lanes\">")?;
        if let Some(axis) = LaneAxis::of(&row.versions, self.options.now) {
            for version in &row.versions {
                self.version(version, &axis)?;
            }
        }
        writeln!(self.out, "</ul></section>")
    }

    fn version(&mut self, row: &VersionRow, axis: &LaneAxis) -> io::Result<()> {
        let version = &row.version;
        let state = version.state();
        let locale = shown_locale(row, self.options.redaction);
        let mut when = vec![format!("since {}", self.clock.time(version.since()))];
        if version.overdue(self.options.now, self.options.overdue) {
            when.push("longer than usual".to_owned());
        }
        if version.cycle() > 1 {
            when.push(format!("run {}", version.cycle()));
        }
        if version.provenance().is_unchecked() {
            when.push("signature not checked".to_owned());
        }
        let when = when.join(", ");
        writeln!(
            self.out,
            "<li><b>{}</b><span class=\"{}\">{} {}</span>{}<span class=\"when\">{when}{} <code>{}</code></span></li>",
            Markup(locale.as_deref().unwrap_or("no locale")),
            state_class(state),
            state_mark(state),
            state_words(state),
            lane(row, axis, &self.clock),
            doubt(version.uncertain()),
            Markup(&row.version_id),
        )
    }

    /// Writes the end and flushes.
    pub fn end(mut self) -> io::Result<()> {
        writeln!(
            self.out,
            "<p class=\"dim\">Made by dubwatch {}. A callback that was never received is not in here.</p>\n</body>\n</html>",
            env!("CARGO_PKG_VERSION")
        )?;
        self.out.flush()
    }
}

/// Returns why a state is a guess, as a clause in brackets; empty where it is none.
fn doubt(uncertain: Option<Ambiguity>) -> String {
    uncertain.map(|why| format!(" ({})", Markup(why.sentence()))).unwrap_or_default()
}

/// Returns how much of an asset is done.
fn progress(row: &AssetRow, expected: Option<&AssetExpectation>) -> String {
    let count = |state| row.versions.iter().filter(|row| row.version.state() == state).count();
    let done = count(State::Generated);
    let of = match expected {
        Some(expected) => {
            let progress = &expected.progress;
            let missing = match progress.missing.as_slice() {
                [] => String::new(),
                missing => format!("; nothing was received of {}", missing.join(", ")),
            };
            format!("{} of {} expected done{missing}", progress.done, progress.expected)
        }
        None => format!("{done} of {} seen done", row.versions.len()),
    };
    let failed = count(State::Failed) + count(State::GenerateFailed);
    if failed > 0 { format!("{of}, {failed} failed") } else { of }
}
