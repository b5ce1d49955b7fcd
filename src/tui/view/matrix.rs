//! The Matrix: assets by locales, with a glyph per version. Reads only the cells that fit.

mod legend;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::super::model::Model;
use super::super::model::asset::{AssetView, Group};
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::super::widget::window::window;
use super::super::widget::{ago, glyph, rule};
use super::row::number;
use super::{INVALID_FILTER, mark, timeline};
use crate::callback::{State, Verdict};
use crate::text::Printable;
use crate::timeline::{Version, VersionRow};
use legend::SeenMarks;

/// Minimum and maximum width of a locale's name.
const NAME: (usize, usize) = (3, 10);
/// The heading for versions without a locale.
const NO_LOCALE: &str = "none";

/// The visible columns.
struct MatrixColumns<'a> {
    /// Width of the asset's name, with its margins.
    label: u16,
    /// Width of a cell.
    cell: u16,
    /// The visible locales.
    locales: Vec<Option<&'a str>>,
    /// The index of the first visible locale among all.
    first: usize,
    /// The number of locales.
    count: usize,
    /// The selected locale, counted from the first visible one.
    selected: usize,
}

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let across = MatrixColumns::new(model, area.width);
    title(model, &across, theme, &mut Pen::new(buffer, area, 0));
    if model.assets().is_empty() {
        let (text, how) = if !model.shown().loaded {
            ("reading the journal …", "")
        } else if !model.is_filter_valid() {
            INVALID_FILTER
        } else {
            ("No matches.", "esc: show all assets")
        };
        Pen::new(buffer, area, 2).skip(2).text(text, theme.of(Role::Plain));
        Pen::new(buffer, area, 3).skip(2).text(how, theme.of(Role::Dim));
        return;
    }
    heads(&across, theme, &mut Pen::new(buffer, area, 1));
    let below: u16 = if area.height >= 14 { 3 } else { 1 };
    let height = area.height.saturating_sub(2 + below);
    let lines = MatrixLines::new(model.group_sizes());
    let selected = model.selected_place();
    let seen = window(lines.of(selected), lines.count(), height.into());
    let mut seen_marks = SeenMarks::default();
    for (row, line) in (2..).zip(seen) {
        let mut pen = Pen::new(buffer, area, row);
        match lines.at(line) {
            MatrixLine::Gap => {}
            MatrixLine::Title(group, size) => {
                timeline::title(model, group, size, theme, &mut pen);
            }
            MatrixLine::Asset(place) => {
                let asset = model.assets().get(place);
                if let Some(asset) = asset.and_then(|at| model.shown().asset_list.get(&at.id)) {
                    asset_row(model, asset, &across, theme, place == selected, &mut pen);
                    seen_marks.add(asset);
                }
            }
        }
    }
    let bottom = area.height.saturating_sub(below);
    if below > 1 {
        let mut pen = Pen::new(buffer, area, bottom);
        pen.glyphs(glyph::THIN, area.width, theme.of(Role::Dim));
        let mut pen = Pen::new(buffer, area, bottom + 2);
        legend::draw(&seen_marks, mark::unchecked(model), theme, &mut pen);
    }
    let line = bottom + u16::from(below > 1);
    describe_cell(model, &across, theme, &mut Pen::new(buffer, area, line));
}

impl<'a> MatrixColumns<'a> {
    fn new(model: &'a Model, width: u16) -> Self {
        let label = match width {
            0..60 => 16,
            60..100 => 24,
            100..160 => 36,
            160.. => 42,
        };
        let all = || model.shown().asset_list.locales();
        let count = all().count();
        let selected = model.selected_column();
        // The last two columns are for the sign that there are more.
        let fit = |cell: usize| usize::from(width.saturating_sub(label + 2)) / cell;
        // First assume short names to find the candidates; then use those that do fit.
        let candidates = window(selected, count, fit(NAME.0 + 2));
        let names = all().skip(candidates.start).take(candidates.len());
        let longest = names.map(|name| Printable::new(name.unwrap_or(NO_LOCALE)).width()).max();
        let cell = longest.unwrap_or(0).clamp(NAME.0, NAME.1) + 2;
        let seen = window(selected, count, fit(cell).max(1));
        Self {
            label,
            cell: u16::try_from(cell).unwrap_or(u16::MAX),
            locales: all().skip(seen.start).take(seen.len()).collect(),
            first: seen.start,
            count,
            selected: selected - seen.start,
        }
    }
}

/// The lines of the list: a title above each group, and a gap before it.
struct MatrixLines {
    /// For each group that is not empty: its size and the line of its title.
    groups: Vec<(Group, usize, usize)>,
}

enum MatrixLine {
    Gap,
    Title(Group, usize),
    Asset(usize),
}

impl MatrixLines {
    fn new(sizes: [usize; Group::ALL.len()]) -> Self {
        let mut groups: Vec<(Group, usize, usize)> = Vec::new();
        for (group, size) in Group::ALL.into_iter().zip(sizes).filter(|(_, size)| *size > 0) {
            let line = groups.last().map_or(0, |(_, size, line)| line + size + 2);
            groups.push((group, size, line));
        }
        Self { groups }
    }

    fn count(&self) -> usize {
        self.groups.last().map_or(0, |(_, size, line)| line + size + 1)
    }

    /// Returns the line of an asset.
    fn of(&self, place: usize) -> usize {
        let mut before = 0;
        for (_, size, line) in &self.groups {
            if place < before + size {
                return line + 1 + place - before;
            }
            before += size;
        }
        self.count().saturating_sub(1)
    }

    /// Returns what a line shows.
    fn at(&self, target: usize) -> MatrixLine {
        let mut before = 0;
        for (group, size, line) in &self.groups {
            match target.checked_sub(*line) {
                None => return MatrixLine::Gap,
                Some(0) => return MatrixLine::Title(*group, *size),
                Some(at) if at <= *size => return MatrixLine::Asset(before + at - 1),
                Some(_) => before += size,
            }
        }
        MatrixLine::Gap
    }
}

fn title(model: &Model, across: &MatrixColumns<'_>, theme: Theme, pen: &mut Pen<'_>) {
    let assets = model.assets().len() as u64;
    let listed = if model.is_narrowed() {
        format!("{} of {}", number(assets), number(model.shown().asset_list.len() as u64))
    } else {
        number(assets)
    };
    let assets = format!("{listed} asset{}", if assets == 1 { "" } else { "s" });
    let (first, last) = (across.first + 1, across.first + across.locales.len());
    let locales = match across.count {
        1 => "1 locale".to_owned(),
        count if across.locales.len() < count => format!("locales {first}–{last} of {count}"),
        count => format!("{count} locales"),
    };
    let failures = if model.failures_only { "failed or overdue only" } else { "" };
    let words = [(&*assets, Role::Plain), (&*locales, Role::Plain), (failures, Role::Failed)];
    rule::draw(pen, theme, "Matrix", &words);
}

/// Draws the names of the locales.
fn heads(across: &MatrixColumns<'_>, theme: Theme, pen: &mut Pen<'_>) {
    pen.skip(across.label - 1);
    // Arrows show that there are more on either side.
    pen.glyph(if across.first > 0 { '←' } else { ' ' }, theme.of(Role::Strong));
    let begin = pen.x();
    for (at, locale) in across.locales.iter().enumerate() {
        let style = if at == across.selected {
            theme.of(Role::Strong).add_modifier(Modifier::UNDERLINED)
        } else {
            theme.of(Role::Dim)
        };
        pen.within(across.cell - 2, locale.unwrap_or(NO_LOCALE), style);
        pen.to(begin + across.cell * (u16::try_from(at).unwrap_or(0) + 1));
    }
    if across.first + across.locales.len() < across.count {
        pen.to_right(1).glyph('→', theme.of(Role::Strong));
    }
}

/// Draws an asset: its name, how many of its versions are done, and a cell for each locale.
fn asset_row(
    model: &Model,
    asset: &AssetView,
    across: &MatrixColumns<'_>,
    theme: Theme,
    selected: bool,
    pen: &mut Pen<'_>,
) {
    let group = asset.group();
    let name = match group {
        Group::Failed | Group::ForYou if asset.has_unseen_alert() => Role::Failed,
        Group::Done if !selected => Role::Dim,
        _ if selected => Role::Strong,
        _ => Role::Plain,
    };
    let (sign, role) = timeline::sign(asset);
    pen.glyph(if selected { glyph::SELECTED } else { ' ' }, theme.of(Role::Strong));
    pen.glyph(sign, theme.of(role));
    match mark::of_asset(asset) {
        Some((mark, role)) => pen.glyph(mark, theme.of(role)),
        None => pen.skip(1),
    };
    // Mark and glyph take three columns; the count and its margins take eight.
    pen.field(across.label - 11, &model.shown().asset_list.label(asset), theme.of(name)).skip(1);
    if asset.row.versions.is_empty() {
        if let Some(failure) = &asset.row.asset.failure {
            let at = ago::moment(failure.at, model.shown_at(), &model.run_info.zone);
            pen.text(&format!("asset failed {at}"), theme.of(Role::Failed));
            failed_unchecked(model, asset, theme, pen);
        }
        return;
    }
    let (done, all) = asset.done();
    let done = format!("{done}/{all}");
    pen.field_right(5, &done, theme.of(Role::Dim)).skip(2);

    let begin = pen.x();
    let width = across.cell;
    for (at, cell) in (0_u16..).zip(cells(asset, across)) {
        pen.to(begin.saturating_add(at.saturating_mul(width)));
        let on = selected && usize::from(at) == across.selected;
        let locale = across.locales.get(usize::from(at)).copied().flatten();
        let (text, style) = match cell {
            Some((version, count)) => {
                let (glyph, role) = state_sign(asset, version);
                let count = if count > 1 { count.min(99).to_string() } else { String::new() };
                let mark = mark::of(model, version).map_or(String::new(), |(mark, _)| mark.into());
                (format!("{glyph}{count}{mark}"), theme.of(role))
            }
            None if is_missing(asset, locale) => (glyph::EXPECTED.to_string(), theme.of(Role::Dim)),
            // A dot, so that the eye can follow the row.
            None => (glyph::DOT.to_string(), theme.of(Role::Dim)),
        };
        if on {
            pen.text(&format!(" {text:<2}"), style.add_modifier(Modifier::REVERSED));
        } else {
            pen.skip(1).text(&text, style);
        }
    }
    pen.finish();
}

/// Returns whether a version in this locale is expected of the asset and nothing was received of it.
fn is_missing(asset: &AssetView, locale: Option<&str>) -> bool {
    let progress = asset.expected().map(|expected| &expected.progress);
    progress.zip(locale).is_some_and(|(progress, locale)| progress.is_missing(locale))
}

/// Returns the most urgent version in each visible locale, and how many there are.
fn cells<'a>(
    asset: &'a AssetView,
    across: &MatrixColumns<'_>,
) -> Vec<Option<(&'a Version, usize)>> {
    let mut cells: Vec<Option<(&Version, usize)>> = vec![None; across.locales.len()];
    for row in &asset.row.versions {
        let version = &row.version;
        // The locales are sorted.
        let at = across.locales.binary_search(&version.locale());
        let Some(cell) = at.ok().and_then(|at| cells.get_mut(at)) else { continue };
        *cell = Some(match *cell {
            Some((other, count)) if asset.urgency(other) <= asset.urgency(version) => {
                (other, count + 1)
            }
            Some((_, count)) => (version, count + 1),
            None => (version, 1),
        });
    }
    cells
}

/// Draws a description of the selected cell.
fn describe_cell(model: &Model, across: &MatrixColumns<'_>, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    let Some(asset) = model.selected_asset() else { return };
    let locale = across.locales.get(across.selected).copied().flatten();
    pen.skip(1).text(&model.shown().asset_list.label(asset), theme.of(Role::Strong));
    pen.skip(2).text(locale.unwrap_or("no locale"), theme.of(Role::Strong)).skip(2);
    let mut here: Vec<&VersionRow> =
        asset.row.versions.iter().filter(|row| row.version.locale() == locale).collect();
    here.sort_by_key(|row| (asset.urgency(&row.version), &row.version_id));
    if here.is_empty() && is_missing(asset, locale) {
        pen.glyph(glyph::EXPECTED, dim).text(" expected", dim);
    } else if here.is_empty() {
        pen.text("no version", dim);
    }
    for (place, row) in here.iter().enumerate() {
        if place > 0 {
            pen.text(&format!(" {} ", glyph::DOT), dim);
        }
        if pen.left() < 12 {
            pen.text(&format!("{} more", here.len() - place), dim);
            break;
        }
        version(model, asset, row, theme, pen);
    }
    if mark::of_asset(asset).is_some() {
        pen.skip(2).text("not of this account", theme.of(Role::Guess));
    }
    if let Some(failure) = &asset.row.asset.failure {
        let at = ago::moment(failure.at, model.shown_at(), &model.run_info.zone);
        pen.skip(2).glyph(glyph::FAILED, theme.of(Role::Failed));
        pen.text(&format!(" asset failed {at}"), theme.of(Role::Failed));
        failed_unchecked(model, asset, theme, pen);
    }
    if pen.left() > 15 {
        pen.to_right(13).text("enter: show", dim);
    }
}

/// Returns the glyph and role of a version.
fn state_sign(asset: &AssetView, version: &Version) -> (char, Role) {
    if asset.is_overdue(version) {
        return (glyph::OVERDUE, Role::Failed);
    }
    let role = match version.state() {
        State::NotReady => Role::Dim,
        State::Ready => Role::Ready,
        State::Generating => Role::Generating,
        State::Generated => Role::Done,
        State::Failed | State::GenerateFailed => Role::Failed,
    };
    (glyph::of(version.state()), role)
}

fn version(model: &Model, asset: &AssetView, row: &VersionRow, theme: Theme, pen: &mut Pen<'_>) {
    let (version, now) = (&row.version, model.shown_at());
    let (sign, role) = state_sign(asset, version);
    let style = theme.of(role);
    let word = match version.state() {
        State::NotReady => "dubbing",
        State::Ready => "ready",
        State::Failed => "FAILED",
        State::Generating if asset.is_overdue(version) => "OVERDUE, generating",
        State::Generating => "generating",
        State::Generated => "done",
        State::GenerateFailed => "GENERATE FAILED",
    };
    pen.glyph(sign, style).skip(1).text(word, style).skip(1);
    let since = if version.state() == State::Generating {
        format!("for {}", ago::spoken(now.duration_since(version.since())))
    } else {
        format!("since {}", ago::moment(version.since(), now, &model.run_info.zone))
    };
    pen.text(&since, theme.of(Role::Plain));
    if version.cycle() > 1 {
        pen.text(&format!(", cycle {}", version.cycle()), theme.of(Role::Dim));
    }
    if version.uncertain().is_some() {
        pen.skip(1).glyph(glyph::GUESS, theme.of(Role::Guess));
    }
    if version.provenance().is_unchecked() {
        let text = format!(" {} {}", glyph::UNCHECKED, Verdict::Unchecked.name());
        pen.text(&text, theme.of(mark::unchecked(model)));
    } else if let Some(words) = mark::basis_words(version) {
        pen.text(&format!(", {words}"), theme.of(Role::Dim));
    }
}

/// Marks the failure of an asset as unchecked, if it is.
fn failed_unchecked(model: &Model, asset: &AssetView, theme: Theme, pen: &mut Pen<'_>) {
    if asset.row.asset.provenance().is_unchecked() {
        pen.skip(1).text(Verdict::Unchecked.name(), theme.of(mark::unchecked(model)));
    }
}
