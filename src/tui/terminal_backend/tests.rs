//! What a terminal shows after one screen was drawn over another. The test terminal splits joined
//! emoji into separate cells, so it draws many graphemes wider than they are counted here.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};

use crate::tui::terminal::{Multiplexer, TerminalScreen};
use crate::tui::widget::pen::Pen;

const COLUMNS: u16 = 24;
const ROWS: u16 = 3;

/// A writer to a terminal.
#[derive(Clone)]
struct Line(Arc<Mutex<vt100::Parser>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().process(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The texts of a frame, each with its row, pane and style.
type Texts = Vec<(u16, Pane, String, Style)>;

/// The first column and the width of a part of each row.
type Pane = (u16, u16);

const PANES: [Pane; 3] = [(0, 9), (9, 7), (16, 8)];

/// A terminal and the screen drawn on it.
struct Drawn {
    terminal: Line,
    screen: TerminalScreen<Line>,
}

impl Drawn {
    fn new() -> Self {
        // Its line wrap cannot be switched off, so it has columns to spare.
        let terminal = Line(Arc::new(Mutex::new(vt100::Parser::new(ROWS, 3 * COLUMNS, 0))));
        let size = || Size { width: COLUMNS, height: ROWS };
        let screen = TerminalScreen::over(terminal.clone(), size, Multiplexer::None).unwrap();
        Self { terminal, screen }
    }

    fn draw(&mut self, texts: &Texts) {
        self.screen
            .draw(|frame| {
                let buffer = frame.buffer_mut();
                for (row, (column, width), text, style) in texts {
                    let area = Rect::new(*column, *row, *width, 1);
                    Pen::new(buffer, area, 0).text(text, *style);
                }
            })
            .unwrap();
    }

    /// Returns the appearance of every cell.
    fn cells(&self) -> Vec<String> {
        let parser = self.terminal.0.lock().unwrap();
        let screen = parser.screen();
        let looks = |row, column| {
            let cell = screen.cell(row, column).unwrap();
            let text = if cell.has_contents() { cell.contents() } else { " " };
            // The text colour of a blank is not visible.
            let ink = if text == " " { vt100::Color::Default } else { cell.fgcolor() };
            format!("{text:?} {ink:?} {:?} {}", cell.bgcolor(), cell.inverse())
        };
        (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| looks(row, column))).collect()
    }

    fn text(&self) -> String {
        self.terminal.0.lock().unwrap().screen().contents()
    }
}

fn plain(text: &str) -> Texts {
    vec![(1, (0, COLUMNS), text.to_owned(), Style::new())]
}

#[test]
fn nothing_remains_under_a_wide_name() {
    let mut drawn = Drawn::new();
    for name in ["👩\u{200d}👩\u{200d}👧", "⚠\u{fe0f}", "東京", "ﾊ\u{ff9f}"] {
        drawn.draw(&plain("abcdefghijkl"));
        drawn.draw(&plain(&format!("{name} क्षि")));
        drawn.draw(&plain("."));
        assert_eq!(drawn.text().trim(), ".", "{name}");
        // The row is redrawn whole once more.
        drawn.draw(&plain(". क्षि"));
        assert_eq!(drawn.text().trim(), ". क्षि", "{name}");
    }
}

/// Texts whose width terminals and this program count differently, and plain ones.
const PIECES: &[&str] = &[
    "a",
    "bcd",
    "EFGH",
    " ",
    "  ",
    "é",
    "─",
    "✗",
    "東",
    "京都",
    "ｶ",
    "ｶ\u{ff9e}",
    "ﾊ\u{ff9f}ﾋ\u{ff9f}",
    "क",
    "क्षि",
    "देवनागरी",
    "e\u{301}",
    "م",
    "می\u{200c}خ",
    "👩\u{200d}👩\u{200d}👧",
    "👩🏽",
    "🇪🇸",
    "🚀",
    "⚠\u{fe0f}",
    "🏳\u{fe0f}\u{200d}🌈",
    "1\u{fe0f}\u{20e3}",
    "한",
    "ก็",
];

fn texts() -> impl Strategy<Value = Texts> {
    let words = proptest::collection::vec(proptest::sample::select(PIECES), 0..8);
    let style = prop_oneof![
        Just(Style::new()),
        Just(Style::new().fg(Color::Red)),
        Just(Style::new().bg(Color::Blue)),
        Just(Style::new().add_modifier(Modifier::REVERSED)),
    ];
    let pane = proptest::sample::select(&PANES[..]);
    let text = (0..ROWS, pane, words.prop_map(|words| words.concat()), style);
    proptest::collection::vec(text, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_remains_of_earlier_screens(screens in proptest::collection::vec(texts(), 1..5)) {
        let mut drawn = Drawn::new();
        for texts in &screens {
            drawn.draw(texts);
            let mut fresh = Drawn::new();
            fresh.draw(texts);
            prop_assert_eq!(drawn.cells(), fresh.cells());
        }
    }
}
