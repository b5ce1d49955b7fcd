//! Forwarding on the Health screen, by target.

use super::super::row::number;
use super::{HealthLine, HealthSection, line, pieces, wrapping_line};
use crate::status::{ForwardState, ForwardStatus};
use crate::tui::model::Model;
use crate::tui::widget::theme::Role;
use crate::tui::widget::{ago, glyph};

/// Returns the section; `None` if nothing is forwarded.
pub(super) fn section(model: &Model) -> Option<HealthSection> {
    let targets = &model.shown().forwards;
    if targets.is_empty() {
        return None;
    }
    let lines = targets.iter().flat_map(|target| of_target(model, target)).collect();
    Some(HealthSection { title: "Forward", lines })
}

/// Returns the same in one line for each target, for a small screen.
pub(super) fn lines_of(model: &Model) -> impl Iterator<Item = HealthLine> {
    model.shown().forwards.iter().map(|target| state(model, "forward", target))
}

fn of_target(model: &Model, target: &ForwardStatus) -> Vec<HealthLine> {
    let moment = |at| ago::moment(at, model.shown_at(), &model.run_info.zone);
    let mut lines = vec![state(model, "to", target)];
    if let ForwardState::Down { why, .. } = &target.state {
        lines.push(wrapping_line("because", why.clone(), Role::Failed));
    }
    let waiting = match target.waiting {
        0 => String::new(),
        waiting => format!(", {} waiting", number(waiting)),
    };
    let done = format!("up to delivery {}{waiting}", number(target.place));
    lines.push(line("done", done, Role::Plain));
    let mut answers = vec![(format!("{} accepted", number(target.accepted)), Role::Plain)];
    if target.failed > 0 {
        answers.push((format!(", {} not", number(target.failed)), Role::Failed));
    }
    if let Some((at, status)) = target.last_answer {
        answers.push((format!(", last {status} at {}", moment(at)), Role::Dim));
    }
    lines.push(pieces("answers", answers));
    // While it is down, the reason is above.
    if let Some((at, why)) = &target.last_error
        && !matches!(target.state, ForwardState::Down { .. })
    {
        lines.push(wrapping_line("last error", format!("{}  {why}", moment(*at)), Role::Dim));
    }
    lines
}

/// Returns the line with the target and what is done now.
fn state(model: &Model, lead: &'static str, target: &ForwardStatus) -> HealthLine {
    let (mark, role, words) = match &target.state {
        ForwardState::Idle => (glyph::OPEN, Role::Done, "all forwarded".to_owned()),
        ForwardState::Sending => (glyph::OPEN, Role::Done, "sending".to_owned()),
        ForwardState::Down { since, .. } => {
            let since = ago::moment(*since, model.shown_at(), &model.run_info.zone);
            (glyph::FAILED, Role::Failed, format!("DOWN since {since}"))
        }
        ForwardState::Ended => (glyph::FAILED, Role::Failed, "nothing more".to_owned()),
    };
    let text_role = if role == Role::Failed { role } else { Role::Plain };
    pieces(
        lead,
        vec![(format!("{mark} "), role), (format!("{}, {words}", target.target), text_role)],
    )
}
