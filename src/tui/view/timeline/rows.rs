//! The deliveries of the selected asset, and the refusals that claim to be about it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::model::Model;
use super::super::super::model::asset::AssetView;
use super::super::super::model::mode::Pane;
use super::super::super::model::snapshot::MAX_ASSET_ROWS;
use super::super::super::widget::glyph;
use super::super::super::widget::pen::Pen;
use super::super::super::widget::theme::{Role, Theme};
use super::super::super::widget::window::window;
use super::super::row;

pub(super) fn draw(
    model: &Model,
    asset: &AssetView,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let dim = theme.of(Role::Dim);
    let has_keys = model.pane == Pane::Deliveries;
    let label = model.shown().asset_list.label(asset);
    let mut pen = Pen::new(buffer, area, 0);
    pen.glyph(glyph::THIN, dim).skip(1);
    pen.text("Deliveries of ", theme.of(if has_keys { Role::Strong } else { Role::Dim }));
    pen.within(area.width / 2, &label, theme.of(if has_keys { Role::Strong } else { Role::Plain }));
    pen.skip(1).glyph(glyph::THIN, dim).skip(1);
    let following = model.selection.asset_row.is_none();
    pen.text(if following { "following" } else { "end: follow" }, dim).skip(1);
    pen.glyphs(glyph::THIN, area.width, dim);

    let list = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let Some(selected) = model.selected_asset_row() else {
        // For an asset with many deliveries, only the newest are held.
        let words = match (model.is_narrowed(), model.shown().of_asset.rows.len()) {
            (true, held @ MAX_ASSET_ROWS..) => {
                format!("no match in the newest {held}; 3: search all")
            }
            (true, _) => "no matches".to_owned(),
            (false, _) => String::new(),
        };
        Pen::new(buffer, list, 0).skip(2).text(&words, dim);
        return;
    };
    let seen = window(selected, model.asset_row_count(), usize::from(list.height));
    let oldest = model.asset_row(seen.start).map(|row| &**row);
    let columns = row::RowColumns::new(model, false, list.width, oldest);
    for (line, place) in (0..).zip(seen) {
        let Some(delivery) = model.asset_row(place) else { break };
        let is_selected = has_keys && place == selected;
        let under = theme.of(if is_selected { Role::Strong } else { Role::Plain });
        let mut pen = Pen::new(buffer, list, line).on(under);
        row::draw(model, delivery, theme, columns, is_selected, &mut pen);
    }
}
