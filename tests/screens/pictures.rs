//! The pictures in the README, drawn from the program's own screen buffer.
//!
//! `DUBWATCH_WRITE_PICTURES=1 cargo test --test screens pictures` writes them into `assets/`;
//! without it, this test fails if they differ from what the program shows.

use std::fmt::Write as _;
use std::path::Path;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use crate::states::{open, state};
use crate::tui_harness::{COLOR, TuiHarness, rows};

/// The size of a cell in the picture's units: that of a common monospaced font at 14.
const CELL: (f64, f64) = (8.4, 17.0);
/// The margin around the screen.
const MARGIN: f64 = 14.0;
const BACKGROUND: &str = "#16161a";
/// The size of the picture that is text, in columns and rows.
const TEXT: (u16, u16) = (100, 24);
const FOREGROUND: &str = "#d8d8dc";

#[test]
fn the_timeline() {
    let mut tui = TuiHarness::story(7, 112);
    tui.frame((120, 30), COLOR);
    tui.press("n n");
    check("timeline.svg", "The Timeline: assets, lanes, deliveries", &tui.frame((120, 30), COLOR));
}

#[test]
fn the_deliveries() {
    let mut tui = TuiHarness::story(7, 160);
    tui.frame((120, 30), COLOR);
    tui.press("3");
    check(
        "deliveries.svg",
        "Deliveries and refusals with their verdicts",
        &tui.frame((120, 30), COLOR),
    );
}

#[test]
fn the_matrix() {
    let mut tui = TuiHarness::story(7, 160);
    tui.frame((120, 22), COLOR);
    tui.press("2");
    check("matrix.svg", "The Matrix: assets by locales", &tui.frame((120, 22), COLOR));
}

#[test]
fn the_answer_of_an_app() {
    let size = (100, 20);
    let mut tui = state("forwarding");
    tui.frame(size, COLOR);
    open(&mut tui, "3 enter tab tab tab tab");
    check("forward.svg", "What the app answered to a delivery", &tui.frame(size, COLOR));
}

/// The README is read in terminals too, where a picture is text.
#[test]
fn the_timeline_as_text() {
    let mut tui = TuiHarness::story(7, 112);
    tui.frame(TEXT, COLOR);
    tui.press("n n");
    let frame = tui.frame(TEXT, COLOR);
    let lines = rows(&frame).into_iter().map(|(line, _)| line.trim_end().to_owned() + "\n");
    let drawn = format!("```text\n{}```\n", lines.collect::<String>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- timeline -->\n").unwrap();
    let (kept, after) = rest.split_once("<!-- /timeline -->").unwrap();
    if std::env::var_os("DUBWATCH_WRITE_PICTURES").is_some() {
        let readme = format!("{before}<!-- timeline -->\n{drawn}<!-- /timeline -->{after}");
        std::fs::write(&path, readme).unwrap();
        return;
    }
    assert_eq!(kept, drawn, "DUBWATCH_WRITE_PICTURES=1 cargo test --test screens pictures");
}

fn check(name: &str, title: &str, frame: &Buffer) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
    let drawn = svg(title, frame);
    if std::env::var_os("DUBWATCH_WRITE_PICTURES").is_some() {
        std::fs::write(&path, drawn).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "{} is not what the program shows: DUBWATCH_WRITE_PICTURES=1 cargo test --test screens pictures",
        path.display()
    );
}

/// Returns a frame as an SVG picture.
fn svg(title: &str, frame: &Buffer) -> String {
    let (columns, rows) = (f64::from(frame.area.width), f64::from(frame.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * MARGIN, rows * CELL.1 + 2.0 * MARGIN);
    let mut out = String::new();
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1} {height:.1}" width="{width:.0}" height="{height:.0}" font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">"#
    )
    .unwrap();
    writeln!(out, "<title>{}</title>", escaped(title)).unwrap();
    writeln!(out, r#"<rect width="100%" height="100%" rx="9" fill="{BACKGROUND}"/>"#).unwrap();
    for y in 0..frame.area.height {
        let mut x = 0;
        while x < frame.area.width {
            let paint = Paint::of(&frame[(x, y)]);
            let from = x;
            let mut text = String::new();
            while x < frame.area.width && Paint::of(&frame[(x, y)]) == paint {
                let symbol = frame[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(symbol.width().max(1)).unwrap();
            }
            run(&mut out, &paint, (from, y), x - from, &text);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The style of a run of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paint {
    ink: &'static str,
    paper: Option<&'static str>,
    bold: bool,
    dim: bool,
    underlined: bool,
}

impl Paint {
    fn of(cell: &Cell) -> Self {
        let has = |modifier| cell.modifier.contains(modifier);
        let ink = color(cell.fg).unwrap_or(FOREGROUND);
        let (ink, paper) =
            if has(Modifier::REVERSED) { (BACKGROUND, Some(ink)) } else { (ink, color(cell.bg)) };
        Self {
            ink,
            paper,
            bold: has(Modifier::BOLD),
            dim: has(Modifier::DIM),
            underlined: has(Modifier::UNDERLINED),
        }
    }
}

/// Returns the colours of a common dark scheme, for those that the dashboard uses.
fn color(color: Color) -> Option<&'static str> {
    Some(match color {
        Color::Reset => return None,
        Color::Red => "#e5484d",
        Color::Green => "#5bb98c",
        Color::Yellow => "#e0b44c",
        Color::Blue => "#3b6fd4",
        Color::Magenta => "#c07ae0",
        Color::Cyan => "#3fb6d3",
        Color::White => "#f4f4f6",
        other => panic!("{other} is not among the dashboard's colours"),
    })
}

fn run(out: &mut String, paint: &Paint, (x, y): (u16, u16), columns: u16, text: &str) {
    let (left, top) = (MARGIN + f64::from(x) * CELL.0, MARGIN + f64::from(y) * CELL.1);
    let width = f64::from(columns) * CELL.0;
    if let Some(paper) = paint.paper {
        writeln!(
            out,
            r#"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{:.1}" fill="{paper}"/>"#,
            CELL.1
        )
        .unwrap();
    }
    if paint.underlined {
        let y = top + CELL.1 - 2.0;
        writeln!(out, r#"<path d="M{left:.1} {y:.1}h{width:.1}" stroke="{}"/>"#, paint.ink)
            .unwrap();
    }
    let opacity = if paint.dim { 0.55 } else { 1.0 };
    // Lines and blocks are shapes, which join in any font; words are text, aligned to the grid.
    let mut word = String::new();
    let mut word_at = 0;
    let mut at = 0;
    let cells: Vec<char> = text.chars().collect();
    let mut place = 0;
    while place < cells.len() {
        let glyph = cells[place];
        let same = cells[place..].iter().take_while(|other| **other == glyph).count();
        if let Some(shape) = shape(glyph, left + f64::from(at) * CELL.0, top, same) {
            words(out, paint, opacity, left, top, word_at, &word);
            word.clear();
            let ink = paint.ink;
            writeln!(
                out,
                r#"<path d="{}" {}opacity="{:.2}"/>"#,
                shape.path,
                shape.paint(ink),
                opacity * shape.opacity
            )
            .unwrap();
            at += i32::try_from(same).unwrap();
            word_at = at;
            place += same;
            continue;
        }
        word.push(glyph);
        at += i32::try_from(glyph.to_string().width()).unwrap();
        place += 1;
    }
    words(out, paint, opacity, left, top, word_at, &word);
}

fn words(out: &mut String, paint: &Paint, opacity: f64, left: f64, top: f64, at: i32, text: &str) {
    // Two blanks end a piece, so that a font with other widths does not carry an error across them.
    let mut at = f64::from(at);
    for piece in text.split_inclusive("  ") {
        let words = piece.trim_end();
        let lead = words.len() - words.trim_start().len();
        let words = words.trim_start();
        if !words.is_empty() {
            let x = left + (at + f64::from(u32::try_from(lead).unwrap())) * CELL.0;
            let length = f64::from(u32::try_from(words.width()).unwrap()) * CELL.0;
            let bold = if paint.bold { r#" font-weight="bold""# } else { "" };
            writeln!(
                out,
                r#"<text x="{x:.1}" y="{:.1}" textLength="{length:.1}" fill="{}" opacity="{opacity:.2}"{bold}>{}</text>"#,
                top + 13.0,
                paint.ink,
                escaped(words)
            )
            .unwrap();
        }
        at += f64::from(u32::try_from(piece.width()).unwrap());
    }
}

struct Shape {
    path: String,
    opacity: f64,
    stroke: Option<&'static str>,
}

impl Shape {
    fn paint(&self, ink: &str) -> String {
        match self.stroke {
            None => format!(r#"fill="{ink}" "#),
            Some(dashes) => format!(r#"stroke="{ink}" fill="none" {dashes}"#),
        }
    }
}

/// Returns a run of a glyph that is a line or a block as a path.
fn shape(glyph: char, left: f64, top: f64, count: usize) -> Option<Shape> {
    let width = CELL.0 * f64::from(u32::try_from(count).unwrap());
    let middle = top + CELL.1 / 2.0;
    let filled = |opacity: f64, from: f64, height: f64| Shape {
        path: format!("M{left:.1} {from:.1}h{width:.1}v{height:.1}h-{width:.1}z"),
        opacity,
        stroke: None,
    };
    let line = |dashes: &'static str| Shape {
        path: format!("M{left:.1} {middle:.1}h{width:.1}"),
        opacity: 1.0,
        stroke: Some(dashes),
    };
    let upright = |dashes: &'static str| {
        let path = (0..count).fold(String::new(), |mut path, place| {
            let x = left + (f64::from(u32::try_from(place).unwrap()) + 0.5) * CELL.0;
            let _ = write!(path, "M{x:.1} {top:.1}v{:.1}", CELL.1);
            path
        });
        Shape { path, opacity: 1.0, stroke: Some(dashes) }
    };
    Some(match glyph {
        '█' => filled(1.0, top + 2.0, CELL.1 - 4.0),
        '▒' => filled(0.6, top + 2.0, CELL.1 - 4.0),
        '░' => filled(0.35, top + 2.0, CELL.1 - 4.0),
        '▌' => Shape {
            path: format!("M{left:.1} {top:.1}h4v{:.1}h-4z", CELL.1),
            opacity: 1.0,
            stroke: None,
        },
        '▁'..='▇' => {
            let eighths = f64::from(u32::from(glyph) - u32::from('▁') + 1);
            let height = (CELL.1 - 3.0) * eighths / 8.0;
            filled(1.0, top + CELL.1 - 1.0 - height, height)
        }
        '─' => line(r#"stroke-width="1.4" "#),
        '╍' => line(r#"stroke-width="2.6" stroke-dasharray="3.2 1" "#),
        '╌' => line(r#"stroke-width="1.4" stroke-dasharray="3.2 1" "#),
        '│' => upright(""),
        '╎' => upright(r#"stroke-dasharray="4 4.5" "#),
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
