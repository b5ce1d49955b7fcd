//! The notice on a screen that is too small: the size needed, and whether something failed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::Model;
use super::super::model::layout::SMALLEST;
use super::super::model::mode::Mode;
use super::super::widget::glyph;
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (columns, rows) = SMALLEST;
    let (width, height) = (area.width, area.height);
    let counts = model.shown().asset_list.counts();
    let failed = match (counts.failures(), counts.overdue) {
        (0, 0) => None,
        (0, overdue) => Some(format!("{} {overdue} overdue", glyph::OVERDUE)),
        (failed, _) => Some(format!("{} {failed} failed", glyph::FAILED)),
    };
    // The longest text that fits; with a single line, the most important one.
    let notice = [
        format!("dubwatch needs {columns}×{rows}, this is {width}×{height}"),
        format!("needs {columns}×{rows}, is {width}×{height}"),
        format!("needs {columns}×{rows}"),
        format!("{columns}×{rows}"),
    ];
    let fits = |text: &&String| text.chars().count() <= width.into();
    let notice = notice.iter().find(fits).map_or("", String::as_str);
    let asked = (model.mode == Mode::Quit).then_some("Quit? q: yes");
    let lines =
        [(Some(notice), Role::Plain), (failed.as_deref(), Role::Failed), (asked, Role::Strong)];
    let lines = lines.into_iter().filter_map(|(text, role)| Some((text?, role)));
    let lines: Vec<(&str, Role)> = lines.filter(|(text, _)| !text.is_empty()).collect();
    let skipped = lines.len().saturating_sub(height.into());
    let shown = u16::try_from(lines.len() - skipped).unwrap_or(u16::MAX);
    let top = height.saturating_sub(shown) / 2;
    for (row, (text, role)) in (top..).zip(lines.into_iter().skip(skipped)) {
        let wide = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let mut pen = Pen::new(buffer, area, row);
        pen.skip(width.saturating_sub(wide) / 2).text(text, theme.of(role));
    }
}
