//! The matrix: assets by locales, a glyph a version. Draws the cells that fit and looks at no others.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::super::model::Model;
use super::super::model::asset::{AssetView, Group};
use super::super::widget::look::{Look, Role};
use super::super::widget::pen::Pen;
use super::super::widget::window::window;
use super::super::widget::{ago, glyph, rule};
use super::row::number;
use super::{NOT_UNDERSTOOD, mark, timeline};
use crate::callback::{State, Verdict};
use crate::text::Printable;
use crate::timeline::{Version, VersionRow};

/// The fewest and the most columns of a locale's name.
const NAME: (usize, usize) = (3, 10);
/// What stands where no callback named a locale.
const NO_LOCALE: &str = "none";

/// What is seen of the locales.
struct Across<'a> {
    /// Columns of the asset's name, with what stands around it.
    label: u16,
    /// Columns of a cell.
    cell: u16,
    /// The locales that are seen.
    locales: Vec<Option<&'a str>>,
    /// The place of the first of them among all.
    first: usize,
    /// How many there are.
    count: usize,
    /// The selected one, counted from the first that is seen.
    selected: usize,
}

pub(super) fn draw(model: &Model, look: Look, area: Rect, buffer: &mut Buffer) {
    let across = Across::new(model, area.width);
    title(model, &across, look, &mut Pen::new(buffer, area, 0));
    if model.assets().is_empty() {
        let (text, how) = if !model.shown().loaded {
            ("reading the journal …", "")
        } else if !model.is_understood() {
            NOT_UNDERSTOOD
        } else {
            ("Nothing fits.", "esc lists all assets again")
        };
        Pen::new(buffer, area, 2).skip(2).text(text, look.of(Role::Plain));
        Pen::new(buffer, area, 3).skip(2).text(how, look.of(Role::Dim));
        return;
    }
    heads(&across, look, &mut Pen::new(buffer, area, 1));
    let below: u16 = if area.height >= 14 { 3 } else { 1 };
    let height = area.height.saturating_sub(2 + below);
    let lines = Lines::new(model.group_sizes());
    let selected = model.selected_place();
    let seen = window(lines.of(selected), lines.count(), height.into());
    let mut unchecked = false;
    for (row, line) in (2..).zip(seen) {
        let mut pen = Pen::new(buffer, area, row);
        match lines.at(line) {
            Line::Gap => {}
            Line::Title(group, size) => {
                timeline::title(model, group, size, look, &mut pen);
            }
            Line::Asset(place) => {
                let asset = model.assets().get(place);
                if let Some(asset) = asset.and_then(|at| model.shown().catalogue.get(&at.id)) {
                    asset_row(model, asset, &across, look, place == selected, &mut pen);
                    let mut versions = asset.row.versions.iter();
                    unchecked |= versions.any(|row| row.version.provenance().is_unchecked());
                }
            }
        }
    }
    let bottom = area.height.saturating_sub(below);
    if below > 1 {
        let mut pen = Pen::new(buffer, area, bottom);
        pen.glyphs(glyph::THIN, area.width, look.of(Role::Dim));
        legend(
            unchecked.then(|| mark::unchecked(model)),
            look,
            &mut Pen::new(buffer, area, bottom + 2),
        );
    }
    let line = bottom + u16::from(below > 1);
    said(model, &across, look, &mut Pen::new(buffer, area, line));
}

impl<'a> Across<'a> {
    fn new(model: &'a Model, width: u16) -> Self {
        let label = match width {
            0..60 => 16,
            60..100 => 24,
            100..160 => 36,
            160.. => 42,
        };
        let all = || model.shown().catalogue.locales();
        let count = all().count();
        let selected = model.selected_column();
        // The last two columns are left to the sign that there are more.
        let fit = |cell: usize| usize::from(width.saturating_sub(label + 2)) / cell;
        // As many as could fit if their names were short; then those that do fit.
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
struct Lines {
    /// Of each group that has any: its size and the line of its title.
    groups: Vec<(Group, usize, usize)>,
}

enum Line {
    Gap,
    Title(Group, usize),
    Asset(usize),
}

impl Lines {
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

    /// The line of an asset.
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

    /// What stands in a line.
    fn at(&self, wanted: usize) -> Line {
        let mut before = 0;
        for (group, size, line) in &self.groups {
            match wanted.checked_sub(*line) {
                None => return Line::Gap,
                Some(0) => return Line::Title(*group, *size),
                Some(at) if at <= *size => return Line::Asset(before + at - 1),
                Some(_) => before += size,
            }
        }
        Line::Gap
    }
}

fn title(model: &Model, across: &Across<'_>, look: Look, pen: &mut Pen<'_>) {
    let assets = model.assets().len() as u64;
    let listed = if model.is_narrowed() {
        format!("{} of {}", number(assets), number(model.shown().catalogue.len() as u64))
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
    rule::draw(pen, look, "Matrix", &words);
}

/// The names of the locales.
fn heads(across: &Across<'_>, look: Look, pen: &mut Pen<'_>) {
    pen.skip(across.label - 1);
    // More to the left, more to the right.
    pen.glyph(if across.first > 0 { '←' } else { ' ' }, look.of(Role::Strong));
    let begin = pen.x();
    for (at, locale) in across.locales.iter().enumerate() {
        let style = if at == across.selected {
            look.of(Role::Strong).add_modifier(Modifier::UNDERLINED)
        } else {
            look.of(Role::Dim)
        };
        pen.within(across.cell - 2, locale.unwrap_or(NO_LOCALE), style);
        pen.to(begin + across.cell * (u16::try_from(at).unwrap_or(0) + 1));
    }
    if across.first + across.locales.len() < across.count {
        pen.to_right(1).glyph('→', look.of(Role::Strong));
    }
}

/// An asset: its name, how many of its versions are done, and a cell for each locale.
fn asset_row(
    model: &Model,
    asset: &AssetView,
    across: &Across<'_>,
    look: Look,
    selected: bool,
    pen: &mut Pen<'_>,
) {
    let group = asset.group();
    let name = match group {
        Group::Failed | Group::ForYou if asset.shouts() => Role::Failed,
        Group::Done if !selected => Role::Dim,
        _ if selected => Role::Strong,
        _ => Role::Plain,
    };
    let (sign, role) = timeline::sign(asset);
    pen.glyph(if selected { glyph::SELECTED } else { ' ' }, look.of(Role::Strong));
    pen.glyph(sign, look.of(role)).skip(1);
    // Mark and glyph take three columns, the count and what parts it from its neighbours eight.
    pen.field(across.label - 11, &model.shown().catalogue.label(asset), look.of(name)).skip(1);
    let seen = asset.row.versions.len();
    if seen == 0 {
        if let Some(failure) = &asset.row.asset.failure {
            let at = ago::moment(failure.at, model.shown_at(), &model.facts.zone);
            pen.text(&format!("asset failed {at}"), look.of(Role::Failed));
            failed_unchecked(model, asset, look, pen);
        }
        return;
    }
    let done = format!("{}/{seen}", asset.count(State::Generated));
    pen.field_right(5, &done, look.of(Role::Dim)).skip(2);

    let begin = pen.x();
    let width = across.cell;
    for (at, cell) in (0_u16..).zip(cells(asset, across)) {
        pen.to(begin.saturating_add(at.saturating_mul(width)));
        let on = selected && usize::from(at) == across.selected;
        let (text, style) = match cell {
            Some((version, count)) => {
                let (glyph, role) = state_sign(asset, version);
                let count = if count > 1 { count.min(99).to_string() } else { String::new() };
                let mark = mark::of(model, version).map_or(String::new(), |(mark, _)| mark.into());
                (format!("{glyph}{count}{mark}"), look.of(role))
            }
            // Without it the eye loses its row.
            None => (glyph::DOT.to_string(), look.of(Role::Dim)),
        };
        if on {
            pen.text(&format!(" {text:<2}"), style.add_modifier(Modifier::REVERSED));
        } else {
            pen.skip(1).text(&text, style);
        }
    }
    pen.finish();
}

/// For each locale that is seen, the version that most needs somebody, and how many there are.
fn cells<'a>(asset: &'a AssetView, across: &Across<'_>) -> Vec<Option<(&'a Version, usize)>> {
    let mut cells: Vec<Option<(&Version, usize)>> = vec![None; across.locales.len()];
    for row in &asset.row.versions {
        let version = &row.version;
        // Locales are in order.
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

/// The selected cell in words.
fn said(model: &Model, across: &Across<'_>, look: Look, pen: &mut Pen<'_>) {
    let dim = look.of(Role::Dim);
    let Some(asset) = model.selected_asset() else { return };
    let locale = across.locales.get(across.selected).copied().flatten();
    pen.skip(1).text(&model.shown().catalogue.label(asset), look.of(Role::Strong));
    pen.skip(2).text(locale.unwrap_or("no locale"), look.of(Role::Strong)).skip(2);
    let mut here: Vec<&VersionRow> =
        asset.row.versions.iter().filter(|row| row.version.locale() == locale).collect();
    here.sort_by_key(|row| (asset.urgency(&row.version), &row.version_id));
    if here.is_empty() {
        pen.text("not seen", dim);
    }
    for (place, row) in here.iter().enumerate() {
        if place > 0 {
            pen.text(&format!(" {} ", glyph::DOT), dim);
        }
        if pen.left() < 12 {
            pen.text(&format!("{} more", here.len() - place), dim);
            break;
        }
        version(model, asset, row, look, pen);
    }
    if let Some(failure) = &asset.row.asset.failure {
        let at = ago::moment(failure.at, model.shown_at(), &model.facts.zone);
        pen.skip(2).glyph(glyph::FAILED, look.of(Role::Failed));
        pen.text(&format!(" asset failed {at}"), look.of(Role::Failed));
        failed_unchecked(model, asset, look, pen);
    }
    if pen.left() > 18 {
        pen.to_right(16).text("enter shows it", dim);
    }
}

/// The glyph of a version, and its role.
fn state_sign(asset: &AssetView, version: &Version) -> (char, Role) {
    if asset.is_overdue(version) {
        return (glyph::OVERDUE, Role::Failed);
    }
    let role = match version.state() {
        State::Ready => Role::Ready,
        State::Generating => Role::Generating,
        State::Generated => Role::Done,
        State::Failed | State::GenerateFailed => Role::Failed,
    };
    (glyph::of(version.state()), role)
}

fn version(model: &Model, asset: &AssetView, row: &VersionRow, look: Look, pen: &mut Pen<'_>) {
    let (version, now) = (&row.version, model.shown_at());
    let (sign, role) = state_sign(asset, version);
    let style = look.of(role);
    let word = match version.state() {
        State::Ready => "ready",
        State::Failed => "FAILED",
        State::Generating if asset.is_overdue(version) => "OVERDUE, generating",
        State::Generating => "generating",
        State::Generated => "done",
        State::GenerateFailed => "GENERATE FAILED",
    };
    pen.glyph(sign, style).skip(1).text(word, style).skip(1);
    let since = if version.state() == State::Generating {
        format!("for {}", ago::said(now.duration_since(version.since())))
    } else {
        format!("since {}", ago::moment(version.since(), now, &model.facts.zone))
    };
    pen.text(&since, look.of(Role::Plain));
    if version.cycle() > 1 {
        pen.text(&format!(", cycle {}", version.cycle()), look.of(Role::Dim));
    }
    if version.uncertain().is_some() {
        pen.skip(1).glyph(glyph::DOUBT, look.of(Role::Doubt));
    }
    if version.provenance().is_unchecked() {
        let text = format!(" {} {}", glyph::UNCHECKED, Verdict::Unchecked.name());
        pen.text(&text, look.of(mark::unchecked(model)));
    }
}

/// The word behind the failure of an asset, where that is unchecked.
fn failed_unchecked(model: &Model, asset: &AssetView, look: Look, pen: &mut Pen<'_>) {
    if asset.row.asset.provenance().is_unchecked() {
        pen.skip(1).text(Verdict::Unchecked.name(), look.of(mark::unchecked(model)));
    }
}

/// What the glyphs stand for; `unchecked` is the role of that mark where there is one to be seen.
fn legend(unchecked: Option<Role>, look: Look, pen: &mut Pen<'_>) {
    pen.skip(1);
    for (sign, role, word) in [
        (glyph::FAILED, Role::Failed, "failed"),
        (glyph::OVERDUE, Role::Failed, "overdue"),
        (glyph::READY, Role::Ready, "ready"),
        (glyph::GENERATING, Role::Generating, "generating"),
        (glyph::DONE, Role::Done, "done"),
    ] {
        pen.glyph(sign, look.of(role)).skip(1);
        pen.text(word, look.of(Role::Dim)).skip(2);
    }
    pen.glyph(glyph::DOUBT, look.of(Role::Doubt)).text(" a guess", look.of(Role::Dim));
    if let Some(role) = unchecked {
        pen.skip(2).glyph(glyph::UNCHECKED, look.of(role)).text(" unchecked", look.of(Role::Dim));
    }
    let several = "  2 so many in one locale";
    let brief = "  2 so many";
    let dot = "  · not seen".chars().count();
    if usize::from(pen.left()) >= several.len() + dot {
        pen.text(several, look.of(Role::Dim)).skip(2);
        pen.glyph(glyph::DOT, look.of(Role::Dim)).text(" not seen", look.of(Role::Dim));
    } else if unchecked.is_none() || usize::from(pen.left()) >= brief.len() {
        pen.text(brief, look.of(Role::Dim));
    }
}
