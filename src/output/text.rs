//! Lines of text for people: a delivery, a refusal, an asset. Never colour alone: glyph, word, colour.

use std::fmt;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::callback::{Delivery, Doubt, Effect, Event, Gap, Refusal, State, Verdict};
use crate::text::Printable;
use crate::timeline::{AssetRow, VersionRow};

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BUSY: Style = AnsiColor::Cyan.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// How lines are written: with or without colour, in which time zone.
#[derive(Debug, Clone)]
pub struct Lines {
    color: bool,
    zone: TimeZone,
}

impl Lines {
    /// Lines in the system's time zone.
    pub fn new(color: bool) -> Self {
        Self { color, zone: TimeZone::system() }
    }

    /// Lines in a given time zone.
    pub const fn in_zone(color: bool, zone: TimeZone) -> Self {
        Self { color, zone }
    }

    /// One delivery.
    pub fn delivery(&self, delivery: &Delivery) -> String {
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
                if effect == Effect::Applied { PLAIN } else { DIM },
                format_args!("{:<9}", effect.name()),
            ),
            column(callback.version_locale.as_deref(), 7),
            column(callback.asset_id.as_deref(), 16),
            column(callback.version_id.as_deref(), 12).trim_end().to_owned(),
        ];
        if let Some(why) = &callback.unreadable {
            line.push(self.paint(ODD, format_args!("unreadable: {}", Printable::new(why))));
        }
        line.extend(self.doubt(delivery.outcome.uncertain));
        line.join("  ")
    }

    /// One entry of the log of refusals.
    pub fn refusal(&self, refusal: &Refusal) -> String {
        let mut line = vec![
            self.time(refusal.at),
            self.paint(BAD, format_args!("✗ {:<9}", "REFUSED")),
            refusal.status.to_string(),
            Printable::new(&refusal.why).to_string(),
        ];
        if refusal.count > 1 {
            line.push(format!("×{}", refusal.count));
        }
        line.push(self.paint(DIM, format_args!("from {}", Printable::new(&refusal.peer))));
        line.join("  ")
    }

    /// What a relay took and will never pass on.
    pub fn gap(&self, gap: &Gap) -> String {
        let mark = self.paint(BAD, format_args!("╳ {:<9}", "GAP"));
        format!("{}  {mark}  {}", self.time(gap.at), gap.sentence())
    }

    /// An asset, above its versions, with its local name where it has one.
    pub fn asset(&self, row: &AssetRow, name: Option<&str>) -> String {
        let done = row.versions.iter().filter(|v| v.version.state() == State::Generated).count();
        let seen = match row.versions.len() {
            0 => "no version seen".to_owned(),
            seen => format!("{done} of {seen} seen done"),
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
            line.push(self.paint(BAD, format_args!("✗ ASSET FAILED {at}{then}")));
        }
        line.join("  ")
    }

    /// A version, below its asset. It is overdue when it generates for longer than `overdue`.
    pub fn version(&self, row: &VersionRow, now: Timestamp, overdue: SignedDuration) -> String {
        let version = &row.version;
        let (glyph, style, word) = match version.state() {
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
        if version.overdue(now, overdue) {
            line.push(self.paint(ODD, "overdue"));
        }
        let earlier = u64::from(version.cycle().saturating_sub(1));
        for (count, one, more) in [
            (earlier, "earlier cycle", "earlier cycles"),
            (version.repeats(), "repeat", "repeats"),
            (version.late(), "late", "late"),
        ] {
            if count > 0 {
                let what = if count == 1 { one } else { more };
                line.push(self.paint(DIM, format_args!("{count} {what}")));
            }
        }
        line.extend(self.doubt(version.uncertain()));
        line.join("  ")
    }

    fn doubt(&self, doubt: Option<Doubt>) -> Option<String> {
        doubt.map(|doubt| self.paint(ODD, format_args!("uncertain: {}", doubt.sentence())))
    }

    /// A time of day.
    fn time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// A day and a time.
    fn moment(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    fn paint(&self, style: Style, text: impl fmt::Display) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
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

/// Text cut or filled to a width in columns; a dash where there is none.
fn column(text: Option<&str>, width: usize) -> String {
    let text = text.map_or_else(|| Printable::new("-"), Printable::new).cut(width);
    format!("{text:<width$}")
}

/// How long ago something was, in the largest unit.
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
    use super::super::samples::{asset, at, body, delivery, refusal};
    use super::*;
    use crate::callback::{Callback, Outcome};

    const PLAIN_LINES: Lines = Lines::in_zone(false, TimeZone::UTC);
    const COLORED_LINES: Lines = Lines::in_zone(true, TimeZone::UTC);
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
        unchecked.outcome =
            Outcome { effect: Effect::NewCycle, uncertain: Some(Doubt::UndocumentedStep) };
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
        long.outcome.effect = Effect::Repeat;
        kinds.push(long);
        kinds
    }

    fn drawn(lines: &Lines) -> String {
        let lines: Vec<_> = deliveries().iter().map(|d| visible(&lines.delivery(d))).collect();
        lines.join("\n")
    }

    #[test]
    fn deliveries_stand_in_columns() {
        insta::assert_snapshot!(drawn(&PLAIN_LINES), @r#"
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
        insta::assert_snapshot!(drawn(&COLORED_LINES), @r#"
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
            assert_eq!(bare(&COLORED_LINES.delivery(&delivery)), PLAIN_LINES.delivery(&delivery));
        }
        assert_eq!(bare(&COLORED_LINES.refusal(&refusal())), PLAIN_LINES.refusal(&refusal()));
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
        let mut lines = vec![PLAIN_LINES.refusal(&refusal()), COLORED_LINES.refusal(&refusal())];
        let mut many = refusal();
        many.count = 1200;
        many.status = 404;
        many.why = "POST /callbacks: the path is /callback".to_owned();
        lines.push(PLAIN_LINES.refusal(&many));
        insta::assert_snapshot!(visible(&lines.join("\n")), @r"
        21:00:00  ✗ REFUSED    401  no trusted key made it (1 tried)  from 192.0.2.7:4711
        21:00:00  ␛[1m␛[31m✗ REFUSED  ␛[0m  401  no trusted key made it (1 tried)  ␛[2mfrom 192.0.2.7:4711␛[0m
        21:00:00  ✗ REFUSED    404  POST /callbacks: the path is /callback  ×1200  from 192.0.2.7:4711
        ");
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
            let mut drawn = vec![lines.asset(&row, None)];
            let now = at(14_400);
            drawn.extend(row.versions.iter().map(|v| lines.version(v, now, OVERDUE)));
            visible(&drawn.join("\n"))
        };
        insta::assert_snapshot!(drawn(&PLAIN_LINES), @r"
        ast_9f3c81  2 of 5 seen done  ✗ ASSET FAILED 2026-11-24 00:56, then 1 event
          ✓ done             es-ES    ver_01              3h  2 repeats
          ◐ generating       es-ES    ver_02              3h  overdue  1 late
          ✗ FAILED           es-ES    ver_03              3h
          ✓ done             es-ES    ver_04              3h  1 earlier cycle  uncertain: a second outcome without a new generation between: one may have been lost
          ◐ generating       es-ES    ver_05              1m
        ");
        let only_failed = PLAIN_LINES.asset(&asset(&[(0, "-", None)]), None);
        insta::assert_snapshot!(only_failed, @"ast_9f3c81  no version seen  ✗ ASSET FAILED 2026-11-23 21:00");
        let named = PLAIN_LINES.asset(&row, Some("Trailer S2"));
        insta::assert_snapshot!(named, @"ast_9f3c81  Trailer S2  2 of 5 seen done  ✗ ASSET FAILED 2026-11-24 00:56, then 1 event");
        insta::assert_snapshot!(drawn(&COLORED_LINES), @r"
        ␛[1mast_9f3c81␛[0m  ␛[2m2 of 5 seen done␛[0m  ␛[1m␛[31m✗ ASSET FAILED 2026-11-24 00:56, then 1 event␛[0m
          ␛[32m✓ done           ␛[0m  es-ES    ver_01              3h  ␛[2m2 repeats␛[0m
          ␛[36m◐ generating     ␛[0m  es-ES    ver_02              3h  ␛[33moverdue␛[0m  ␛[2m1 late␛[0m
          ␛[1m␛[31m✗ FAILED         ␛[0m  es-ES    ver_03              3h
          ␛[32m✓ done           ␛[0m  es-ES    ver_04              3h  ␛[2m1 earlier cycle␛[0m  ␛[33muncertain: a second outcome without a new generation between: one may have been lost␛[0m
          ␛[36m◐ generating     ␛[0m  es-ES    ver_05              1m
        ");
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
        let mut row = asset(&[(0, "ver_01", Some(State::Ready))]);
        row.asset_id = hostile.to_owned();
        row.versions[0].version_id = hostile.to_owned();
        for line in [
            PLAIN_LINES.delivery(&delivery),
            PLAIN_LINES.refusal(&refusal),
            PLAIN_LINES.asset(&row, None),
            PLAIN_LINES.asset(&asset(&[(0, "-", None)]), Some(hostile)),
            PLAIN_LINES.version(&row.versions[0], at(0), OVERDUE),
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
