//! JSON in colours, one line at a time. Does not validate: text that is not JSON is drawn as well.

use crate::tui::model::detail::DetailLine;
use crate::tui::widget::pen::Pen;
use crate::tui::widget::theme::{Role, Theme};

/// How many lines to look back for the beginning of a wrapped line. A line further from its
/// beginning is assumed to be inside a string.
const FARTHEST: usize = 200;

/// Whether a string is open at the beginning of a line: long ones are wrapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StringState {
    string: bool,
    escaped: bool,
}

/// Returns what is open at the beginning of the line at `first`. A line of almost `columns` columns
/// continues on the next one.
pub(super) fn inside_at(lines: &[DetailLine], first: usize, columns: usize) -> StringState {
    let goes_on = |line: &DetailLine| line.text.width() + 2 >= columns;
    let far = first.saturating_sub(FARTHEST);
    let start = (far..=first).rev().find(|at| {
        at.checked_sub(1).and_then(|before| lines.get(before)).is_none_or(|line| !goes_on(line))
    });
    let Some(start) = start else { return StringState { string: true, escaped: false } };
    let mut inside = StringState::default();
    for line in lines.get(start..first).unwrap_or_default() {
        for character in line.text.as_str().chars() {
            inside.read(character);
        }
    }
    inside
}

impl StringState {
    fn read(&mut self, character: char) {
        if self.string {
            self.string = self.escaped || character != '"';
            self.escaped = !self.escaped && character == '\\';
        } else {
            self.string = character == '"';
        }
    }
}

/// Draws a line, and updates `inside` to what is open at its end.
pub(super) fn draw(line: &DetailLine, inside: &mut StringState, theme: Theme, pen: &mut Pen<'_>) {
    let mut rest = line.text.as_str();
    while !rest.is_empty() {
        let (piece, role) = if inside.string || rest.starts_with('"') {
            let end = end_of_string(rest, inside);
            let is_key = rest[end..].starts_with(':');
            (end, if is_key { Role::Key } else { Role::Done })
        } else {
            (rest.find('"').unwrap_or(rest.len()), Role::Plain)
        };
        let (piece, after) = rest.split_at(piece.max(1));
        pen.text(piece, theme.of(role));
        rest = after;
    }
}

/// Returns where the string that begins or continues here ends, including its quote.
fn end_of_string(text: &str, inside: &mut StringState) -> usize {
    for (at, character) in text.char_indices() {
        inside.read(character);
        if !inside.string {
            return at + character.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::text::Printable;
    use crate::tui::model::detail::LineKind;

    fn line(text: &str) -> DetailLine {
        DetailLine {
            kind: LineKind::Plain,
            lead: Printable::default(),
            text: Printable::new_or_blank(text),
        }
    }

    /// Returns a letter for the role of each column: k for key, s for string, a dot for the rest.
    fn roles(line: &DetailLine, inside: &mut StringState) -> String {
        let theme = Theme { color: true, ascii: false, light: false };
        let area = Rect::new(0, 0, 40, 1);
        let mut buffer = Buffer::empty(area);
        draw(line, inside, theme, &mut Pen::new(&mut buffer, area, 0));
        let letter = |cell: &ratatui::buffer::Cell| {
            let is = |role| theme.of(role).fg == Some(cell.fg);
            match () {
                () if is(Role::Key) => 'k',
                () if is(Role::Done) => 's',
                () => '.',
            }
        };
        buffer.content.iter().map(letter).collect::<String>().trim_end_matches('.').to_owned()
    }

    #[test]
    fn keys_and_values_have_different_colours() {
        let mut inside = StringState::default();
        assert_eq!(roles(&line(r#"  "a\"b": "c","#), &mut inside), "..kkkkkk..sss");
        assert_eq!(roles(&line(r#"  "e": -1.5e3,"#), &mut inside), "..kkk");
        assert_eq!(roles(&line(r#"  "é": null"#), &mut inside), "..kkk");
        assert_eq!(roles(&line("  {},"), &mut inside), "");
        assert_eq!(inside, StringState::default());
    }

    #[test]
    fn a_wrapped_string_continues_on_the_next_line() {
        let lines = [line(r#""a": "bcd\"#), line(r#""ef","#), line("12")];
        let inside = inside_at(&lines, 1, 10);
        assert_eq!(inside, StringState { string: true, escaped: true });
        assert_eq!(roles(&lines[1], &mut inside.clone()), "ssss");
        assert_eq!(inside_at(&lines, 2, 10), StringState::default());
        assert_eq!(inside_at(&[], 0, 10), StringState::default());
    }

    #[test]
    fn drawing_ends_for_any_text() {
        for text in ["", "\"", "\\", "é—", "}{:,", "\"\\", "-", "a\"b"] {
            let _ = roles(&line(text), &mut StringState::default());
            let _ = roles(&line(text), &mut StringState { string: true, escaped: true });
        }
    }
}
