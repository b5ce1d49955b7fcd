//! The relay link in words: short for the header, in full for Health.

use jiff::Timestamp;

use super::super::widget::theme::Role;
use super::super::widget::{ago, glyph};
use super::row::number;
use crate::status::{Link, LinkState};
use crate::text::Printable;

/// Minimum columns for a text beside the glyph.
pub(super) const MIN_COLUMNS: usize = 5;

/// Returns a glyph with its role, and the longest description that fits in `room` columns.
pub(super) fn fitting(link: &Link, now: Timestamp, room: usize) -> (char, Role, Printable) {
    let (mark, role, words) = brief(link, now);
    let shorter = match &link.state {
        LinkState::Up { behind: 1.., .. } => words.replace(", catching up", ""),
        LinkState::Retrying { .. } => words.replace("relay: ", ""),
        _ => words.clone(),
    };
    let fits = [words, shorter].into_iter().map(|words| Printable::new_or_blank(&words));
    let fits = fits.into_iter().find(|words| words.width() <= room);
    (mark, role, fits.unwrap_or_else(|| Printable::new("relay")))
}

/// Returns the same at any length.
fn brief(link: &Link, now: Timestamp) -> (char, Role, String) {
    let relay = &link.relay;
    match &link.state {
        LinkState::Dialling { .. } => (glyph::OPENING, Role::Ready, format!("{relay}  connecting")),
        LinkState::Up { behind: 0, .. } => {
            (glyph::OPEN, Role::Done, format!("{relay}{}", round_trip(link)))
        }
        LinkState::Up { behind, .. } => {
            let words =
                format!("{relay}  {} behind, catching up{}", number(*behind), round_trip(link));
            (glyph::OPEN, Role::Generating, words)
        }
        LinkState::Retrying { at, .. } => {
            let words = format!("relay: retry in {}", ago::running(at.duration_since(now)));
            (glyph::FAILED, Role::Failed, words)
        }
        LinkState::Refused { .. } => {
            (glyph::FAILED, Role::Failed, "relay: refused (4: why)".to_owned())
        }
        LinkState::Superseded => {
            (glyph::FAILED, Role::Failed, "relay: replaced by another".to_owned())
        }
    }
}

/// Returns the last round-trip time, if there is one.
fn round_trip(link: &Link) -> String {
    match &link.state {
        LinkState::Up { rtt: Some(rtt), .. } => match rtt.as_millis() {
            0 => "  <1 ms".to_owned(),
            ms => format!("  {ms} ms"),
        },
        _ => String::new(),
    }
}

/// Returns the full description.
pub(super) fn full(link: &Link, now: Timestamp) -> (Role, String) {
    let (mark, role, words) = brief(link, now);
    let words = match &link.state {
        LinkState::Up { since, .. } => {
            format!("{words}, up for {}", ago::spoken(now.duration_since(*since)))
        }
        LinkState::Retrying { attempt, why, .. } => {
            let failures = if *attempt == 1 { "failure" } else { "failures" };
            format!("{words}, after {attempt} {failures}: {why}")
        }
        LinkState::Refused { why, .. } => format!("{}: refused: {why}", link.relay),
        LinkState::Superseded => format!(
            "{}: another dubwatch reads with this name; give each its own --relay-name",
            link.relay
        ),
        LinkState::Dialling { .. } => words,
    };
    (role, format!("{mark} {words}"))
}
