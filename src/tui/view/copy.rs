//! The copy menu, at the bottom of the screen it was opened from.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::keymap::{Action, Binding, Context, KEYMAP};
use super::super::widget::pen::Pen;
use super::super::widget::rule;
use super::super::widget::theme::{Role, Theme};

pub(super) fn draw(theme: Theme, area: Rect, buffer: &mut Buffer) {
    let choices: Vec<&Binding> = KEYMAP
        .iter()
        .filter(|row| row.context == Context::Copy && row.action != Action::Back)
        .collect();
    let count = u16::try_from(choices.len()).unwrap_or(u16::MAX);
    // A rule above and, if there is room, a blank line below, so that the screen underneath stays
    // visible.
    let rows = count + if area.height > count + 6 { 2 } else { 1 };
    let height = rows.min(area.height);
    let menu = Rect { y: area.bottom() - height, height, ..area }.intersection(buffer.area);
    for y in menu.top()..menu.bottom() {
        for x in menu.left()..menu.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    rule::draw(&mut Pen::new(buffer, menu, 0), theme, "Copy", &[("esc: cancel", Role::Dim)]);
    for (line, choice) in (1..).zip(choices) {
        let mut pen = Pen::new(buffer, menu, line);
        let key = choice.keys.first().copied().unwrap_or_default();
        pen.skip(3).field(4, key, theme.of(Role::Key)).text(choice.help, theme.of(Role::Plain));
    }
}
