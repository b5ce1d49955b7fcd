//! The attempts to forward a delivery, as lines.

use super::{
    Detail, DetailLine, LineKind, format_duration, printable_or_blank, remark, wrap_text,
    wrap_words,
};
use crate::forward::ForwardAttempt;

/// Columns of the first column of an attempt.
const LEAD: usize = 20;

/// Returns the tab as lines of at most `columns` columns.
pub(super) fn lines(detail: &Detail, columns: usize) -> Vec<DetailLine> {
    if detail.row.is_refusal() {
        return vec![remark("a refused request is not forwarded")];
    }
    if detail.row.is_answer() {
        return vec![remark("an answer of the API is not forwarded")];
    }
    if detail.forwards.is_empty() {
        let words = "not forwarded: no target, a filter leaves it out, or there is no answer yet";
        return wrap_words(words, columns)
            .into_iter()
            .map(|text| DetailLine { text, ..remark("") })
            .collect();
    }
    let mut lines = Vec::new();
    for (place, attempt) in detail.forwards.iter().enumerate() {
        if place > 0 {
            lines.push(remark(""));
        }
        of_attempt(detail, attempt, columns, &mut lines);
    }
    lines
}

fn of_attempt(
    detail: &Detail,
    attempt: &ForwardAttempt,
    columns: usize,
    lines: &mut Vec<DetailLine>,
) {
    let ForwardAttempt { target, attempt: number, at, is_last, answer, .. } = attempt;
    let kind = if attempt.is_accepted() { LineKind::Passed } else { LineKind::Failed };
    let room = columns.saturating_sub(LEAD).max(8);
    let took = answer.took.as_secs_f64() * 1e3;
    let later = format_duration(at.duration_since(detail.row.at()));
    let more = if *is_last { "" } else { ", to be sent again" };
    let status = answer.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let words = format!("{target} attempt {number}, {took:.1} ms, sent {later} later{more}");
    let mut lead = status.as_str();
    for text in wrap_words(&words, room) {
        lines.push(DetailLine { kind, lead: printable_or_blank(lead), text });
        lead = "";
    }
    for text in answer.error.iter().flat_map(|why| wrap_words(why, room)) {
        lines.push(DetailLine { kind, lead: printable_or_blank(""), text });
    }
    for (name, value) in answer.headers.iter() {
        let text = printable_or_blank(&format!("{name}: {value}"));
        let pieces = text.pieces(columns);
        lines.extend(pieces.into_iter().map(|text| DetailLine { text, ..plain() }));
    }
    lines.extend(wrap_text(&answer.body, columns).into_iter().filter(|_| !answer.body.is_empty()));
    if answer.is_truncated {
        lines.push(remark(&format!(
            "cut: only the first {} bytes of an answer are kept",
            answer.body.len()
        )));
    }
}

fn plain() -> DetailLine {
    DetailLine { kind: LineKind::Plain, ..remark("") }
}
