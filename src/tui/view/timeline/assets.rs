//! The list of assets, grouped by what has to be done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::model::Model;
use super::super::super::model::asset::{AssetView, Group};
use super::super::super::model::mode::Pane;
use super::super::super::widget::ago;
use super::super::super::widget::glyph;
use super::super::super::widget::pen::Pen;
use super::super::super::widget::theme::{Role, Theme};
use super::super::super::widget::window::window;
use super::super::mark;
use super::super::row::number;
use crate::callback::State;

/// Cells of the small bar of an asset's versions.
const BAR: u16 = 6;

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AssetLine {
    Title(Group),
    Asset(usize),
    Gap,
}

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let sizes = model.group_sizes();
    let count = lines(&sizes);
    let selected = line_of(&sizes, model.selected_place());
    let height = usize::from(area.height);
    // The title above the first asset stays visible with it.
    let seen = window(if model.selected_place() == 0 { 0 } else { selected }, count, height);
    for (row, line) in seen.clone().enumerate() {
        let row = u16::try_from(row).unwrap_or(u16::MAX);
        let mut pen = Pen::new(buffer, area, row);
        let below = count - seen.end;
        let above = seen.start;
        if below > 0 && line + 1 == seen.end {
            pen.skip(3).text(&format!("{} {} more", glyph::MORE, below + 1), theme.of(Role::Dim));
            continue;
        }
        if above > 0 && line == seen.start {
            pen.skip(3).text(&format!("{} {} above", glyph::MORE, above + 1), theme.of(Role::Dim));
            continue;
        }
        match entry(&sizes, line) {
            AssetLine::Title(group) => {
                title(model, group, sizes[group as usize], theme, &mut pen);
            }
            AssetLine::Asset(place) => {
                let asset = model.assets().get(place);
                if let Some(asset) = asset.and_then(|place| model.shown().asset_list.get(&place.id))
                {
                    let is_selected = line == selected;
                    draw_asset(model, asset, is_selected, theme, &mut pen);
                }
            }
            AssetLine::Gap => {}
        }
    }
}

/// Returns the number of lines: a title and the assets of each non-empty group, with gaps between.
fn lines(sizes: &[usize]) -> usize {
    let groups = sizes.iter().filter(|size| **size > 0).count();
    sizes.iter().sum::<usize>() + groups + groups.saturating_sub(1)
}

/// Returns the line of an asset.
fn line_of(sizes: &[usize], place: usize) -> usize {
    let mut line = 0;
    let mut begin = 0;
    for size in sizes.iter().filter(|size| **size > 0) {
        if place < begin + size {
            return line + 1 + (place - begin);
        }
        line += size + 2;
        begin += size;
    }
    0
}

/// Returns what a line shows.
fn entry(sizes: &[usize], line: usize) -> AssetLine {
    let mut from = 0;
    let mut begin = 0;
    for (group, size) in Group::ALL.into_iter().zip(sizes).filter(|(_, size)| **size > 0) {
        if line == from {
            return AssetLine::Title(group);
        }
        if line <= from + size {
            return AssetLine::Asset(begin + line - from - 1);
        }
        if line == from + size + 1 {
            return AssetLine::Gap;
        }
        from += size + 2;
        begin += size;
    }
    AssetLine::Gap
}

fn draw_asset(model: &Model, asset: &AssetView, selected: bool, theme: Theme, pen: &mut Pen<'_>) {
    let width = pen.left();
    let group = asset.group();
    let has_unseen_alert = asset.has_unseen_alert();
    let role = match group {
        Group::Failed | Group::ForYou if has_unseen_alert => Role::Alert,
        Group::Failed => Role::Failed,
        Group::ForYou | Group::Running => Role::Plain,
        Group::Done => Role::Dim,
    };
    let style = theme.of(role);
    let has_keys = model.pane == Pane::Assets;
    let marker = theme.of(if has_keys { Role::Key } else { Role::Dim });
    pen.glyph(if selected { glyph::SELECTED } else { ' ' }, marker);
    let (icon, role) = sign(asset);
    pen.glyph(icon, if has_unseen_alert { style } else { theme.of(role) });
    let (mark, marked) = mark::of_asset(asset).unwrap_or((' ', role));
    pen.glyph(mark, if has_unseen_alert || mark == ' ' { style } else { theme.of(marked) });
    let has_bar = width >= 30;
    let after = if has_bar { BAR + 1 } else { 0 } + 6 + 4;
    let label = model.shown().asset_list.label(asset);
    let strong =
        if selected && role != Role::Alert { theme.of(Role::Strong).patch(style) } else { style };
    pen.field_in(width.saturating_sub(3 + after + 1), &label, strong).glyph(' ', style);
    if has_bar {
        bar(asset, theme, pen);
        pen.glyph(' ', theme.of(Role::Plain));
    }
    let plain = theme.of(if group == Group::Done { Role::Dim } else { Role::Plain });
    let (done, all) = asset.done();
    let count = if all == 0 { String::new() } else { format!("{done}/{all}") };
    pen.field_right(5, &count, plain);
    pen.field_right(5, &ago::ago(asset.last_at(), model.shown_at()), theme.of(Role::Dim));
}

/// Draws the heading of a group: its title, its size, and how many of its assets are overdue.
pub(in super::super) fn title(
    model: &Model,
    group: Group,
    size: usize,
    theme: Theme,
    pen: &mut Pen<'_>,
) {
    let role = if group == Group::Failed { Role::Failed } else { Role::Title };
    pen.skip(1).text(group.title(), theme.of(role));
    pen.skip(1).text(&number(size as u64), theme.of(Role::Dim));
    let overdue = if group == Group::ForYou { model.overdue_listed() } else { 0 };
    if overdue > 0 {
        let words = format!("{} {} overdue", glyph::OVERDUE, number(overdue as u64));
        pen.skip(2).text(&words, theme.of(Role::Failed));
    }
}

/// Returns the glyph of an asset's group, and its role.
pub(in super::super) fn sign(asset: &AssetView) -> (char, Role) {
    match asset.group() {
        Group::Failed => (glyph::FAILED, Role::Failed),
        Group::ForYou if asset.has_overdue() => (glyph::OVERDUE, Role::Failed),
        Group::ForYou => (glyph::READY, Role::Ready),
        Group::Running if asset.is_only_dubbing() => (glyph::NOT_READY, Role::Dim),
        Group::Running => (glyph::GENERATING, Role::Generating),
        Group::Done => (glyph::DONE, Role::Done),
    }
}

/// Draws a bar with a cell per version, scaled down if there are more versions than cells: done,
/// generating, ready, being dubbed, overdue, failed, expected.
fn bar(asset: &AssetView, theme: Theme, pen: &mut Pen<'_>) {
    let all = asset.row.versions.len() + asset.waiting();
    let end = pen.x() + BAR;
    let failed = asset.count(State::Failed) + asset.count(State::GenerateFailed);
    if asset.row.versions.is_empty() {
        pen.field(BAR, "asset", theme.of(Role::Failed));
        return;
    }
    let cells = all.min(usize::from(BAR));
    let parts = [
        (asset.count(State::Generated), glyph::THICK, Role::Done),
        (asset.count(State::Generating) - asset.overdue(), glyph::HALF, Role::Generating),
        (asset.count(State::Ready), glyph::LIGHT, Role::Ready),
        (asset.count(State::NotReady), glyph::NOT_READY, Role::Dim),
        (asset.overdue(), glyph::OVERDUE, Role::Failed),
        (failed, glyph::FAILED, Role::Failed),
        (asset.waiting(), glyph::DOT, Role::Dim),
    ];
    // Every state that occurs gets a cell, at the cost of the largest.
    let mut sizes =
        parts.map(|(count, _, _)| if count == 0 { 0 } else { (count * cells / all).max(1) });
    while sizes.iter().sum::<usize>() > cells {
        let Some(largest) = sizes.iter_mut().max() else { break };
        *largest -= 1;
    }
    let rest = cells - sizes.iter().sum::<usize>();
    if let Some(largest) = sizes.iter_mut().max() {
        *largest += rest;
    }
    for ((_, glyph, role), size) in parts.into_iter().zip(sizes) {
        pen.glyphs(glyph, u16::try_from(size).unwrap_or(0), theme.of(role));
    }
    pen.to(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_entries_agree() {
        for sizes in [[0; 4], [2, 0, 0, 3], [0, 0, 4, 0], [1; 4], [0, 2, 0, 1]] {
            let count = lines(&sizes);
            let assets: Vec<usize> = (0..count)
                .filter_map(|line| match entry(&sizes, line) {
                    AssetLine::Asset(place) => Some(place),
                    _ => None,
                })
                .collect();
            let all: usize = sizes.iter().sum();
            assert_eq!(assets, (0..all).collect::<Vec<_>>(), "{sizes:?}");
            for place in 0..all {
                assert_eq!(entry(&sizes, line_of(&sizes, place)), AssetLine::Asset(place));
            }
        }
    }
}
