//! Draws the help: all keys, how to read the lanes, the filter terms.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::help::{Help, HelpLine};
use super::super::widget::pen::Pen;
use super::super::widget::rule;
use super::super::widget::theme::{Role, Theme};

pub(super) fn draw(theme: Theme, scroll: usize, area: Rect, buffer: &mut Buffer) {
    let help = Help::new(area.width);
    let height = usize::from(area.height.saturating_sub(1));
    let first = scroll.min(help.rows().saturating_sub(height));
    let last = help.rows().min(first + height);
    let seen = if last - first < help.rows() {
        format!("{}–{last} of {}", first + 1, help.rows())
    } else {
        String::new()
    };
    rule::draw(&mut Pen::new(buffer, area, 0), theme, "Keys", &[(&seen, Role::Dim)]);
    for (place, lines) in (0..).zip(&help.columns) {
        let left = place * (area.width / u16::try_from(help.columns.len()).unwrap_or(1));
        let column = Rect {
            x: area.x + left,
            width: help.width.min(area.width.saturating_sub(left)),
            ..area
        };
        for (row, line) in (1..).zip(lines.iter().skip(first).take(height)) {
            draw_line(line, help.lead, theme, &mut Pen::new(buffer, column, row));
        }
    }
}

fn draw_line(line: &HelpLine, lead: u16, theme: Theme, pen: &mut Pen<'_>) {
    pen.skip(1);
    match line {
        HelpLine::Blank => {}
        HelpLine::Title(title) => {
            pen.text(title, theme.of(Role::Title));
        }
        HelpLine::Text(text) => {
            pen.text(text, theme.of(Role::Dim));
        }
        HelpLine::Entry { lead: words, text } => {
            pen.field(lead.saturating_sub(1), words, theme.of(Role::Key));
            pen.text(text, theme.of(Role::Plain));
        }
        HelpLine::Sign(sign, text) => {
            let columns = lead.saturating_sub(1).min(4);
            pen.glyph(*sign, theme.of(Role::Strong)).skip(columns.saturating_sub(1));
            pen.text(text, theme.of(Role::Plain));
        }
    }
}
