//! The questions to the service's API on the Health screen.

use super::super::row::number;
use super::{HealthLine, HealthSection, line, pieces, wrapping_line};
use crate::status::{ApiState, ApiStatus};
use crate::tui::model::Model;
use crate::tui::widget::theme::Role;
use crate::tui::widget::{ago, glyph};

/// Returns the section; `None` without an API key. If `brief` is true, it has only what matters most.
pub(super) fn section(model: &Model, brief: bool) -> Option<HealthSection> {
    let status = model.shown().api.as_ref()?;
    let mut lines = vec![state(model, status)];
    if let ApiState::Paused { why, .. } = &status.state {
        lines.push(wrapping_line("because", why.clone(), Role::Failed));
    }
    if !brief {
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
    }
    if status.foreign > 0 {
        let assets = if status.foreign == 1 { "asset" } else { "assets" };
        let count = number(status.foreign as u64);
        let words = format!("{} {count} {assets} not of this account (/ foreign)", glyph::FOREIGN);
        lines.push(wrapping_line("not ours", words, Role::Guess));
    }
    Some(HealthSection { title: "API", lines })
}

/// Returns the host, and what is done now.
fn state(model: &Model, status: &ApiStatus) -> HealthLine {
    let (mark, role, words) = match &status.state {
        ApiState::Waiting => (glyph::OPEN, Role::Done, "waiting".to_owned()),
        ApiState::Asking => (glyph::OPEN, Role::Done, "asking".to_owned()),
        ApiState::Paused { until, .. } => {
            let until = ago::second(*until, &model.run_info.zone);
            (glyph::FAILED, Role::Failed, format!("paused until {until}"))
        }
        ApiState::Ended => (glyph::FAILED, Role::Failed, "asks no more".to_owned()),
    };
    let text_role = if role == Role::Failed { role } else { Role::Plain };
    let words = format!("{}, {words}", status.host);
    pieces("state", vec![(format!("{mark} "), role), (words, text_role)])
}
