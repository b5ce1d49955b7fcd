//! The clock, the time zone, the terminal.

use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Finding;
use crate::config::{Config, LocalZone, local_zone};
use crate::journal::JournalReader;
use crate::tui::model::layout::SMALLEST;
use crate::tui::terminal::{Multiplexer, why_not_drawn_on};

/// When this program was written: no clock can be right that is before it.
const WRITTEN: &str = "2026-11-01T00:00:00Z";
/// Clocks of two machines differ by as much without being wrong.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn check(config: &Config, is_ascii: bool) -> Vec<Finding> {
    vec![clock(config), zone(), terminal(is_ascii)]
}

fn clock(config: &Config) -> Finding {
    const ABOUT: &str = "clock";
    let now = Timestamp::now();
    let set_it = "set the clock, or let NTP do it: times on the screen would be wrong";
    if WRITTEN.parse().is_ok_and(|written: Timestamp| now < written) {
        return Finding::bad(ABOUT, format!("{now:.0} is before this program was written"), set_it);
    }
    let newest = (!config.ephemeral)
        .then(|| {
            let reader = JournalReader::open(&config.db).ok()?;
            reader.deliveries_before(u64::MAX >> 1, 1).ok()?.pop()
        })
        .flatten();
    match newest.map(|newest| newest.request.received_at) {
        Some(newest) if newest.duration_since(now) > TOLERANCE => Finding::bad(
            ABOUT,
            format!("{now:.0}, and the newest delivery was received later, at {newest:.0}"),
            set_it,
        ),
        _ => Finding::ok(ABOUT, format!("{now:.0}")),
    }
}

fn zone() -> Finding {
    const ABOUT: &str = "zone";
    let LocalZone { zone, caution } = local_zone();
    match caution {
        Some(caution) => Finding::note(ABOUT, caution, "set TZ to a name like Europe/Berlin"),
        None if zone == TimeZone::unknown() => Finding::note(
            ABOUT,
            "this machine has no time zone, so times are shown in UTC",
            "set TZ to a name like Europe/Berlin if they should not be",
        ),
        None => {
            let name = zone.iana_name().unwrap_or("that of TZ");
            Finding::ok(ABOUT, format!("{name}, now {}", zone.to_offset(Timestamp::now())))
        }
    }
}

fn terminal(is_ascii: bool) -> Finding {
    const ABOUT: &str = "terminal";
    if !io::stdout().is_terminal() {
        return Finding::note(
            ABOUT,
            "standard output is no terminal, so lines of text are written in place of the dashboard",
            "run it on a terminal to see the dashboard",
        );
    }
    if let Some(why) = why_not_drawn_on() {
        return Finding::note(ABOUT, why, "set TERM to what the terminal is, like xterm-256color");
    }
    let term = std::env::var("TERM").unwrap_or_default();
    let mut words = vec![term];
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
    {
        words.push(format!("{} by {}", size.ws_col, size.ws_row));
        if size.ws_col < SMALLEST.0 || size.ws_row < SMALLEST.1 {
            let (columns, rows) = SMALLEST;
            return Finding::note(
                ABOUT,
                words.join(", "),
                format!("enlarge it: the dashboard needs {columns} columns and {rows} rows"),
            );
        }
    }
    match Multiplexer::of_environment() {
        Multiplexer::None => {}
        Multiplexer::Tmux => words.push("in tmux".to_owned()),
        Multiplexer::Screen => words.push("in GNU screen".to_owned()),
        Multiplexer::Either => words.push("in tmux or GNU screen".to_owned()),
    }
    words.push(if is_ascii { "ASCII" } else { "UTF-8" }.to_owned());
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        words.push("no color (NO_COLOR)".to_owned());
    }
    Finding::ok(ABOUT, words.join(", "))
}
