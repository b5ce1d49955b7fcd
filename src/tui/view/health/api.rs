//! The questions to the service's API on the Health screen.

use super::super::row::number;
use super::{HealthLine, HealthSection, line, pieces, wrapping_line};
use crate::status::{ApiState, ApiStatus};
use crate::tui::model::Model;
use crate::tui::widget::theme::Role;
use crate::tui::widget::{ago, glyph};

/// Returns the section; `None` without an API key.
pub(super) fn section(model: &Model) -> Option<HealthSection> {
    let status = model.shown().api.as_ref()?;
    let (mark, role, words) = state(model, status);
    let text_role = if role == Role::Failed { role } else { Role::Plain };
    let mut lines = vec![pieces("state", vec![(format!("{mark} "), role), (words, text_role)])];
    if let ApiState::Paused { why, .. } = &status.state {
        lines.push(wrapping_line("because", why.clone(), Role::Failed));
    }
    let due = match status.waiting {
        0 => String::new(),
        due => format!(", {} due", number(due as u64)),
    };
    let asked = if status.asked == 1 { "question" } else { "questions" };
    let words = format!("{} {asked}{due}", number(status.asked));
    lines.push(line("asked", words, Role::Plain));
    let moment = |at| ago::moment(at, model.shown_at(), &model.run_info.zone);
    let answered = status.last_answer.map_or("none yet".to_owned(), moment);
    lines.push(line("last answer", answered, Role::Plain));
    let looked = status.looked_over.map_or("not yet to its end".to_owned(), moment);
    lines.push(line("whole list", looked, Role::Plain));
    // While it pauses, the reason is above.
    if let Some((at, why)) = &status.last_error
        && !matches!(status.state, ApiState::Paused { .. })
    {
        lines.push(wrapping_line("last error", format!("{}  {why}", moment(*at)), Role::Dim));
    }
    if status.foreign > 0 {
        lines.push(wrapping_line("not ours", foreign(status) + " (/ foreign)", Role::Guess));
    }
    Some(HealthSection { title: "API", lines })
}

/// Returns the same in one line, for a small screen; `None` without an API key.
pub(super) fn line_of(model: &Model) -> Option<HealthLine> {
    let status = model.shown().api.as_ref()?;
    let (mark, role, words) = state(model, status);
    if let ApiState::Paused { why, .. } = &status.state {
        return Some(wrapping_line("API", format!("{mark} {words}: {why}"), Role::Failed));
    }
    let text_role = if role == Role::Failed { role } else { Role::Plain };
    let mut parts = vec![(format!("{mark} "), role), (words, text_role)];
    if status.foreign > 0 {
        parts.push((format!("  {}", foreign(status)), Role::Guess));
    }
    Some(pieces("API", parts))
}

fn foreign(status: &ApiStatus) -> String {
    let assets = if status.foreign == 1 { "asset" } else { "assets" };
    let count = number(status.foreign as u64);
    format!("{} {count} {assets} not of this account", glyph::FOREIGN)
}

/// Returns the host and what is done now, with a glyph and its role.
fn state(model: &Model, status: &ApiStatus) -> (char, Role, String) {
    let (mark, role, words) = match &status.state {
        ApiState::Waiting => (glyph::OPEN, Role::Done, "waiting".to_owned()),
        ApiState::Asking => (glyph::OPEN, Role::Done, "asking".to_owned()),
        ApiState::Paused { until, .. } => {
            let until = ago::second(*until, &model.run_info.zone);
            (glyph::FAILED, Role::Failed, format!("paused until {until}"))
        }
        ApiState::Ended => (glyph::FAILED, Role::Failed, "asks no more".to_owned()),
    };
    (mark, role, format!("{}, {words}", status.host))
}
