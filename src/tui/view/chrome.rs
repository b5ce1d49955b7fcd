//! The frame around every screen: header, banners, alert bar, filter line, footer.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::super::keymap::{self, Action, Binding};
use super::super::model::asset::{Alert, AlertKind};
use super::super::model::axis::Axis;
use super::super::model::layout::{NARROW, WIDE};
use super::super::model::listing::group_sizes;
use super::super::model::mode::{Line, Mode};
use super::super::model::screen::Screen;
use super::super::model::{Banner, Model};
use super::super::widget::ago;
use super::super::widget::glyph;
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::row::number;
use super::{deliveries, dubs, link};
use crate::text::Printable;

/// Minimum columns in which to show an address.
const MIN_SOURCE: usize = 14;

/// Draws header, banners, alert bar and footer; returns the area left between them.
pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let mut top = 0;
    header(model, theme, &mut Pen::new(buffer, area, top));
    top += 1;
    for (role, words) in banners(model) {
        let mut pen = Pen::new(buffer, area, top).on(theme.of(role));
        pen.skip(1).text(&words, theme.of(role)).finish();
        top += 1;
    }
    alert(model, theme, &mut Pen::new(buffer, area, top));
    top += 1;
    let mut bottom = area.height - 1;
    footer(model, theme, &mut Pen::new(buffer, area, bottom));
    if model.has_line() {
        bottom -= 1;
        line(model, theme, &mut Pen::new(buffer, area, bottom));
    }
    Rect { y: area.y + top, height: bottom.saturating_sub(top), ..area }
}

/// Returns the position of the cursor in the line being typed.
pub(super) fn cursor(model: &Model, area: Rect) -> Option<Position> {
    let (prompt, line) = typing(model)?;
    let prompt = u16::try_from(prompt.len()).unwrap_or(u16::MAX);
    let room = input_columns(area.width.saturating_sub(prompt), &input_error(model, line));
    let (before, _) = around_cursor(line, room);
    let x = prompt.saturating_add(u16::try_from(before.width()).unwrap_or(u16::MAX));
    Some(Position {
        x: area.x + x.min(area.width.saturating_sub(1)),
        y: area.bottom().saturating_sub(2),
    })
}

/// Returns the line being typed and its prompt.
const fn typing(model: &Model) -> Option<(&'static str, &Line)> {
    match &model.mode {
        Mode::Name { line, .. } => Some((" name: ", line)),
        Mode::Expect { line, .. } => Some((" expected: ", line)),
        Mode::Download { line, .. } => Some((" download to: ", line)),
        Mode::Filter { line, .. } => Some((FILTER_PROMPT, line)),
        _ => None,
    }
}

const FILTER_PROMPT: &str = " / ";

/// Returns the window title: versions done of those known, failures, overdue versions, and versions
/// for the user.
pub fn title(model: &Model) -> Printable {
    let counts = model.live.asset_list.counts();
    let mut title = format!("dubwatch {}/{} {}", counts.done, counts.all, glyph::DONE);
    let parts = [
        (counts.failures(), glyph::FAILED.to_string()),
        (counts.overdue, glyph::OVERDUE.to_string()),
        (counts.for_you(), "for you".to_owned()),
    ];
    for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(title, " {count} {what}");
    }
    Printable::new(&title)
}

fn header(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    let width = pen.left();
    let (plain, dim) = (theme.of(Role::Plain), theme.of(Role::Dim));
    if width >= NARROW {
        pen.text("dubwatch", theme.of(Role::Strong)).skip(2);
    }
    for (place, screen) in Screen::ALL.into_iter().enumerate() {
        let number = place + 1;
        if screen == model.screen {
            pen.text(&format!(" {number} {} ", screen.name()), theme.of(Role::Tab));
        } else if width >= NARROW {
            pen.text(&format!(" {number} "), theme.of(Role::Key))
                .text(screen.name(), plain)
                .skip(1);
        } else {
            pen.text(&format!(" {number} "), theme.of(Role::Key));
        }
    }
    let shown = model.shown();
    let counts = shown.asset_list.counts();
    let minutes = shown.chart.minutes(model.shown_at());
    // The current minute has only begun: show the busier of the last two.
    let [.., before, now] = minutes;
    let chart = vec![
        (format!("  {}", chart(&minutes)), Role::Generating),
        (format!(" {}/min", before.max(now)), Role::Plain),
    ];
    let room = usize::from(pen.left()).saturating_sub(2);
    // The source gets the remaining columns, if they are enough to show it.
    let least = match &shown.link {
        Some(_) => link::MIN_COLUMNS + 4,
        None if model.run_info.door.is_empty() => 0,
        None => MIN_SOURCE + 4,
    };
    // A link or a journal that cannot be written has to be visible; an address can be looked up.
    let required = if shown.link.is_some() || model.store_trouble().is_some() { least } else { 0 };
    let fits = |parts: &[(String, Role)], beside: usize| dubs::width(parts) + beside <= room;
    let mut candidates = Vec::with_capacity(4);
    for briefly in [false, true] {
        let words = dubs::words(counts, briefly);
        candidates.push([&*words, &*chart].concat());
        candidates.push(words);
    }
    let chosen = [least, required]
        .into_iter()
        .find_map(|beside| candidates.iter().find(|parts| fits(parts.as_slice(), beside)).cloned());
    let mut parts = chosen.unwrap_or_else(|| {
        let mut signs = dubs::glyphs(counts, room.saturating_sub(required));
        if signs.is_empty() {
            signs = dubs::glyphs(counts, room);
        }
        let charted = [&*signs, &*chart].concat();
        if fits(&charted, least) { charted } else { signs }
    });
    let mut wide = dubs::width(&parts);
    let left = room.saturating_sub(wide + 4);
    if let Some(link) = &shown.link
        && left >= link::MIN_COLUMNS
    {
        let (mark, role, words) = link::fitting(link, model.now, left);
        wide += words.width() + 4;
        let text_role = if role == Role::Failed { role } else { Role::Plain };
        parts.splice(0..0, [(mark.to_string(), role), (format!(" {words}  "), text_role)]);
    } else if left >= MIN_SOURCE && shown.link.is_none() && !model.run_info.door.is_empty() {
        let role = if model.store_trouble().is_some() { Role::Failed } else { Role::Done };
        let source = Printable::new_or_blank(&model.run_info.door).cut(left);
        wide += source.width() + 4;
        parts
            .splice(0..0, [(glyph::OPEN.to_string(), role), (format!(" {source}  "), Role::Plain)]);
    }
    pen.to_right(u16::try_from(wide).unwrap_or(u16::MAX));
    for (text, role) in parts {
        let style = if role == Role::Dim { dim } else { theme.of(role) };
        pen.text(&text, style);
    }
}

fn chart(minutes: &[u32]) -> String {
    let most = minutes.iter().copied().max().unwrap_or(0).max(1);
    let step = |count: u32| (count as usize * (glyph::CHART.len() - 1)).div_ceil(most as usize);
    minutes.iter().map(|count| glyph::CHART[step(*count)]).collect()
}

/// Returns the banners: what the user has to know before trusting anything below.
fn banners(model: &Model) -> Vec<(Role, String)> {
    let mut banners = Vec::new();
    match model.run_info.banner {
        Some(Banner::Demo) => banners.push((Role::Banner, demo_banner(model))),
        Some(Banner::Unchecked) => banners.push((
            Role::Alert,
            "UNCHECKED  --signature off: anyone who can reach the listener can send anything"
                .to_owned(),
        )),
        Some(Banner::ReadOnly) if model.live.writer_gone => banners.push((
            Role::Alert,
            format!(
                "NOT RECEIVING  the other dubwatch has ended  {}  quit, then start dubwatch again",
                glyph::DOT
            ),
        )),
        Some(Banner::ReadOnly) => banners.push((
            Role::Banner,
            format!("READ ONLY  another dubwatch writes {}", model.run_info.journal),
        )),
        Some(Banner::Unwritable) => banners.push((
            Role::Alert,
            format!(
                "NOT RECEIVING  {} cannot be written here  {}  choose another journal with --db",
                model.run_info.journal,
                glyph::DOT
            ),
        )),
        Some(Banner::Capture) => banners.push((
            Role::Banner,
            format!(
                "CAPTURE  {}  {}  verdicts are of the keys that are trusted here",
                model.run_info.journal,
                glyph::DOT
            ),
        )),
        None => {}
    }
    if let Some(why) = model.store_trouble() {
        let words = format!(
            "{} THE JOURNAL CANNOT BE WRITTEN  {why}  {}  callbacks are answered 503 until it can be",
            glyph::FAILED,
            glyph::DOT
        );
        banners.push((Role::Alert, words));
    }
    if let Some((target, since, why)) = model.down_target() {
        let since = ago::moment(since, model.shown_at(), &model.run_info.zone);
        let waiting = match target.waiting {
            0 => String::new(),
            waiting => format!("  {}  {} waiting", glyph::DOT, number(waiting)),
        };
        let words = format!(
            "{} APP DOWN  {}  since {since}{waiting}  {}  {why}",
            glyph::FAILED,
            target.target,
            glyph::DOT
        );
        banners.push((Role::Alert, words));
    }
    banners
}

fn demo_banner(model: &Model) -> String {
    match model.received_behind {
        Some(1) => "DEMO  1 real request received meanwhile (esc: show)".to_owned(),
        Some(requests @ 2..) => {
            format!("DEMO  {requests} real requests received meanwhile (esc: show)")
        }
        _ if model.live.story_over => {
            format!("DEMO  the demo is over  {}  look around; q: quit", glyph::DOT)
        }
        _ => format!(
            "DEMO  made-up data, signed and posted by dubwatch itself  {}  nothing is kept",
            glyph::DOT
        ),
    }
}

/// Draws the alerts that were not marked as seen or, if there are none, a summary.
fn alert(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    let counts = model.shown().asset_list.counts();
    if counts.unseen() == 0 {
        return draw_summary(model, theme, pen);
    }
    let unseen = model.shown().asset_list.alerts().filter(|alert| !alert.acknowledged);
    let style = theme.of(Role::Alert);
    let width = pen.left();
    let keys = if width >= NARROW { "  n next   x seen " } else { "" };
    let room = width.saturating_sub(keys.len().try_into().unwrap_or(0));
    let mut words = Vec::new();
    let mut wide = 0;
    // Formats only as many alerts as fit.
    for alert in unseen {
        if wide > usize::from(room) {
            break;
        }
        let text = Printable::new(&alert_words(model, &alert));
        wide += text.width() + 5;
        words.push(text);
    }
    pen.glyph(' ', style);
    for (glyph, count, word) in [
        (glyph::FAILED, counts.unseen_failures, "FAILED"),
        (glyph::OVERDUE, counts.unseen_overdue, "OVERDUE"),
    ] {
        if count > 0 {
            pen.glyph(glyph, style).text(&format!(" {count} {word}   "), style);
        }
    }
    let end = pen.x() + pen.left() - u16::try_from(keys.len()).unwrap_or(0).min(pen.left());
    for (place, text) in words.iter().enumerate() {
        if place > 0 {
            pen.within(end.saturating_sub(pen.x()), &format!("  {}  ", glyph::DOT), style);
        }
        let left = end.saturating_sub(pen.x());
        // Fewer columns would show nothing useful.
        if left < 12 {
            break;
        }
        pen.printable(left, text, style);
    }
    while pen.x() < end {
        pen.glyph(' ', style);
    }
    pen.text(keys, style);
}

/// Describes an alert in a few words: the asset, what is wrong, since when.
fn alert_words(model: &Model, alert: &Alert<'_>) -> String {
    let clock = |at| ago::moment(at, model.shown_at(), &model.run_info.zone);
    let label = model.shown().asset_list.label(alert.asset);
    let label = Printable::new(&label);
    let Some(row) = alert.version else {
        let unchecked = unchecked_word(model, alert.asset.row.asset.provenance().is_unchecked());
        return format!("{label}  asset failed {}{unchecked}", clock(alert.at));
    };
    let locale = Printable::new(row.version.locale().unwrap_or(&row.version_id));
    match alert.kind {
        AlertKind::Failed => {
            let what = failed_word(row.version.state());
            let unchecked = unchecked_word(model, row.version.provenance().is_unchecked());
            format!("{label}  {locale}  {what} {}{unchecked}", clock(alert.at))
        }
        AlertKind::Overdue => {
            // A time and not an age: the bar is on every screen and must not cause wake-ups.
            let since = alert.at.checked_add(model.run_info.overdue).unwrap_or(alert.at);
            format!("{label}  {locale}  overdue since {}", clock(since))
        }
    }
}

/// Returns the suffix of an unchecked failure; empty if the banner says it of everything.
fn unchecked_word(model: &Model, is_unchecked: bool) -> &'static str {
    let says = is_unchecked && model.run_info.banner != Some(Banner::Unchecked);
    if says { ", unchecked" } else { "" }
}

/// Returns what failed, in two words.
pub(super) const fn failed_word(state: crate::callback::State) -> &'static str {
    match state {
        crate::callback::State::GenerateFailed => "generate failed",
        _ => "dubbing failed",
    }
}

fn draw_summary(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    let shown = model.shown();
    let [failed, for_you, running, done] = group_sizes(shown.asset_list.order());
    let dim = theme.of(Role::Dim);
    pen.skip(1);
    let refused = shown.counts.refusals();
    let (words, is_clear) = model.alert_summary();
    if failed + for_you + running + done > 0 {
        let role = if is_clear {
            Role::Done
        } else if shown.asset_list.counts().failures() > 0 {
            Role::Failed
        } else {
            Role::Guess
        };
        pen.text(&words, theme.of(role));
        let groups = [(for_you, "for you"), (running, "running"), (done, "done")];
        let groups = groups.iter().filter(|(count, _)| *count > 0);
        for (count, word) in groups {
            pen.text(&format!("  {}  {count} {word}", glyph::DOT), dim);
        }
    } else if shown.loaded {
        pen.text("nothing received yet", dim);
        if !is_clear {
            pen.text(&format!("  {}  {words}", glyph::DOT), theme.of(Role::Guess));
        }
    } else {
        pen.text("reading the journal", dim);
    }
    if refused > 0 && is_clear {
        let requests = if refused == 1 { "request" } else { "requests" };
        pen.text(&format!("  {}  ", glyph::DOT), dim);
        pen.text(
            &format!("{} {requests} refused (3: why)", number(refused)),
            theme.of(Role::Guess),
        );
    }
}

fn line(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    if let Some((prompt, line)) = typing(model) {
        pen.text(prompt, theme.of(Role::Key));
        let input_error = input_error(model, line);
        draw_input(line, input_columns(pen.left(), &input_error), theme, pen);
        pen.skip(2).text(input_error.as_str(), theme.of(Role::Failed));
        if matches!(model.mode, Mode::Filter { .. }) && input_error.width() == 0 {
            let counts = counts(model);
            pen.skip(1).text(&counts, theme.of(Role::Dim));
        }
        return;
    }
    if model.failures_only {
        pen.text(" failed or overdue only ", theme.of(Role::Failed));
    }
    let mut counts = counts(model);
    if model.mode == Mode::Normal {
        counts.push_str("   esc: show all");
    }
    if !model.filtering.text.is_empty() {
        pen.text(FILTER_PROMPT, theme.of(Role::Key));
        let behind = u16::try_from(counts.chars().count() + 3).unwrap_or(u16::MAX);
        let room = pen.left().saturating_sub(behind).max(pen.left() / 3);
        pen.within(room, &model.filtering.text, theme.of(Role::Plain));
    }
    pen.skip(3).text(&counts, theme.of(Role::Dim));
}

/// Returns how many assets and rows match the filter.
fn counts(model: &Model) -> String {
    let (listed, all) = (model.assets().len(), model.shown().asset_list.len());
    let mut counts = format!("{listed} of {all} assets");
    if let Some(rows) = model.listed_rows() {
        let total = number(deliveries::total(model));
        let (listed, more) = (number(rows.len() as u64), if rows.is_whole() { "" } else { "+" });
        let _ = write!(counts, "  {}  {listed}{more} of {total} rows", glyph::DOT);
    }
    counts
}

/// Returns what is wrong with the line being typed; blank if nothing is.
fn input_error(model: &Model, line: &Line) -> Printable {
    let left_out = line.left_out();
    if left_out > 0 {
        let (left_out, longest) = (number(left_out as u64), number(line.longest() as u64));
        return Printable::new(&format!("{left_out} characters dropped: the limit is {longest}"));
    }
    model.line_error().map_or_else(Printable::default, |error| Printable::new(&error))
}

/// Returns the columns available to the line being typed; the error message follows it.
fn input_columns(columns: u16, input_error: &Printable) -> u16 {
    let behind = u16::try_from(input_error.width()).unwrap_or(u16::MAX);
    let behind = if behind > 0 { behind.saturating_add(3) } else { 0 };
    // The message says what to correct, so it gets the larger part.
    columns - behind.min(columns / 3 * 2)
}

/// Draws the line being typed. The terminal's own cursor is in it, see [`cursor`].
fn draw_input(line: &Line, columns: u16, theme: Theme, pen: &mut Pen<'_>) {
    let style = theme.of(Role::Line);
    let end = pen.x().saturating_add(columns);
    let (before, after) = around_cursor(line, columns);
    pen.printable(columns, &before, style);
    // A blank for the cursor at the end.
    let after = if after.is_empty() { " " } else { after };
    pen.within(end.saturating_sub(pen.x()), after, style);
}

/// Returns the visible parts of a line before and after the cursor, in this many columns.
fn around_cursor(line: &Line, columns: u16) -> (Printable, &str) {
    let text = line.text();
    let at = text.char_indices().nth(line.cursor()).map_or(text.len(), |(at, _)| at);
    let (before, after) = text.split_at(at);
    let columns = usize::from(columns);
    // One column is for the cursor; the text after it gets at most a third.
    let behind = Printable::new_or_blank(after).width().clamp(1, (columns / 3).max(1));
    // Text that does not fit is cut on the left, so that the cursor stays visible.
    (Printable::new_or_blank(before).tail(columns.saturating_sub(behind)), after)
}

fn footer(model: &Model, theme: Theme, pen: &mut Pen<'_>) {
    let dim = theme.of(Role::Dim);
    let right = right_of_footer(model, pen.left());
    let wide = u16::try_from(right.width()).unwrap_or(0).min(pen.left());
    let end = pen.x() + pen.left() - wide;
    pen.skip(1);
    if let Some(frozen) = &model.frozen {
        // Instead of the keys, and not in a row of its own: nothing else may move.
        let at = ago::second(frozen.at, &model.run_info.zone);
        let waiting = match frozen.waiting {
            0 => "still receiving".to_owned(),
            waiting => format!("{waiting} new"),
        };
        let words =
            format!(" FROZEN {at} {} space: unfreeze {} {waiting} ", glyph::DOT, glyph::DOT);
        pen.within(end.saturating_sub(pen.x()), &words, theme.of(Role::Tab)).skip(1);
        // New alerts have to be visible even while frozen.
        let (live, then) = (model.live.asset_list.counts(), frozen.snapshot.asset_list.counts());
        for (glyph, live, then, word) in [
            (glyph::FAILED, live.unseen_failures, then.unseen_failures, "FAILED"),
            (glyph::OVERDUE, live.unseen_overdue, then.unseen_overdue, "OVERDUE"),
        ] {
            let new = live.saturating_sub(then);
            if new > 0 {
                let words = format!(" {glyph} {new} {word} since ");
                pen.within(end.saturating_sub(pen.x()), &words, theme.of(Role::Alert)).skip(1);
            }
        }
    }
    if model.mode == Mode::Quit {
        let whole = (" Callbacks are being received. ", "  q or y: quit, any other key: cancel");
        let (asked, keys) = if usize::from(pen.left()) >= whole.0.len() + whole.1.len() {
            whole
        } else {
            (" Quit dubwatch? ", " q: yes, any other: no")
        };
        pen.text(asked, theme.of(Role::Alert)).text(keys, theme.of(Role::Strong));
    } else if let Mode::AgreeHost { host, .. } = &model.mode {
        let keys = "  y: download from it, any other key: cancel";
        let room = usize::from(pen.left()).saturating_sub(keys.len());
        let asked = Printable::new(&format!(" The video is on {host}.")).tail(room);
        pen.text(asked.as_str(), theme.of(Role::Alert)).text(keys, theme.of(Role::Strong));
    } else if let Some((message, _)) = &model.status_message {
        pen.text(message, theme.of(Role::Strong)).skip(1);
    } else {
        // The help key leads to all others, so its place is reserved first.
        let all: Vec<&Binding> = keymap::footer(model).collect();
        let help = all.iter().find(|binding| binding.action == Action::Help).copied();
        let reserved = help.map_or(0, |help| width_of(help, theme));
        let others = all.iter().filter(|binding| binding.action != Action::Help);
        for binding in others {
            if usize::from(end.saturating_sub(pen.x())) < width_of(binding, theme) + reserved {
                break;
            }
            entry(binding, theme, pen);
        }
        if let Some(help) = help {
            entry(help, theme, pen);
        }
    }
    if pen.x() <= end {
        pen.to(end).text(right.as_str(), dim);
    }
}

/// Draws a key and its description.
fn entry(binding: &Binding, theme: Theme, pen: &mut Pen<'_>) {
    pen.text(shown_key(binding, theme), theme.of(Role::Key));
    pen.text(&format!(" {}  ", binding.footer), theme.of(Role::Dim));
}

/// Returns the columns they take.
fn width_of(binding: &Binding, theme: Theme) -> usize {
    Printable::new_or_blank(shown_key(binding, theme)).width() + binding.footer.len() + 3
}

/// Returns a key as the footer shows it; spelled out in ASCII mode.
fn shown_key(binding: &Binding, theme: Theme) -> &'static str {
    match (binding.keys[0], theme.ascii) {
        ("enter", false) => "⏎",
        ("up", false) => "↑↓",
        ("up", true) => "up/down",
        (key, _) => key,
    }
}

/// Returns what stands at the right of the footer: the running download, or else the scale.
fn right_of_footer(model: &Model, columns: u16) -> Printable {
    match &model.download {
        Some(running) => {
            // At least a third is for keys and messages.
            let words = running.words(usize::from(columns) * 2 / 3);
            Printable::new(&format!("{words} "))
        }
        None => Printable::new_or_blank(&scale(model)),
    }
}

/// Describes the scale of the time axis.
fn scale(model: &Model) -> String {
    if model.screen != Screen::Timeline || model.mode != Mode::Normal || model.is_empty() {
        return String::new();
    }
    let axis: &Axis = &model.axis;
    let step = ago::spoken(jiff::SignedDuration::from_secs(model.time_range().step()));
    let follows = if axis.is_following() { "following now" } else { "0: follow now" };
    if model.size.0 >= WIDE {
        format!("{follows}, {step}/column, +/-: zoom ")
    } else {
        String::new()
    }
}
