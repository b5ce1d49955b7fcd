//! The glyphs of the dashboard, each one column wide, and what stands for each in plain ASCII.

use ratatui::buffer::Buffer;

use crate::callback::State;

/// Failed.
pub const FAILED: char = '✗';
/// Being generated.
pub const GENERATING: char = '◐';
/// Being generated for too long.
pub const OVERDUE: char = '▲';
/// Ready: waits for a person.
pub const READY: char = '○';
/// Done.
pub const DONE: char = '✓';
/// A guess.
pub const DOUBT: char = '?';
/// Unchecked.
pub const UNCHECKED: char = '–';
/// The next cycle begins.
pub const CYCLE: char = '↻';
/// A lane that waits for a person.
pub const THIN: char = '─';
/// A lane on which the machine works.
pub const THICK: char = '█';
/// A lane that is still broken.
pub const BROKEN: char = '╍';
/// An end that is expected.
pub const GHOST: char = '╌';
/// What is selected.
pub const SELECTED: char = '▌';
/// A mark of the time axis.
pub const TICK: char = '╎';
/// Now, on the axis.
pub const NOW: char = '▾';
/// Between two panes.
pub const WALL: char = '│';
/// A part of a bar that is generating.
pub const HALF: char = '▒';
/// A part of a bar that waits.
pub const LIGHT: char = '░';
/// A door that is open.
pub const OPEN: char = '●';
/// What is lost.
pub const GAP: char = '╳';
/// A door that is being opened.
pub const OPENING: char = '◌';
/// Between two pieces of a line.
pub const DOT: char = '·';
/// More than fits.
pub const MORE: char = '…';
/// More came below.
pub const BELOW: char = '▼';
/// The columns of a chart, from nothing to most.
pub const CHART: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The glyph of a state.
pub const fn of(state: State) -> char {
    match state {
        State::Ready => READY,
        State::Failed | State::GenerateFailed => FAILED,
        State::Generating => GENERATING,
        State::Generated => DONE,
    }
}

/// What stands for a glyph where only ASCII can be shown.
const ASCII: &[(char, char)] = &[
    (FAILED, 'x'),
    (GENERATING, '%'),
    (OVERDUE, '!'),
    (READY, 'o'),
    (DONE, 'v'),
    (CYCLE, '@'),
    (THIN, '-'),
    (THICK, '#'),
    (BROKEN, '!'),
    (GHOST, '.'),
    (SELECTED, '>'),
    (TICK, ':'),
    (NOW, 'v'),
    (WALL, '|'),
    (HALF, '='),
    (LIGHT, '.'),
    (OPEN, '*'),
    (GAP, 'X'),
    (OPENING, 'o'),
    (DOT, '-'),
    (MORE, '~'),
    (BELOW, 'v'),
    ('▁', '_'),
    ('▂', '.'),
    ('▃', ','),
    ('▄', '-'),
    ('▅', '='),
    ('▆', '+'),
    ('▇', '*'),
    (UNCHECKED, '-'),
    ('—', '-'),
    ('×', 'x'),
    ('←', '<'),
    ('→', '>'),
    ('‖', '|'),
];

/// Puts ASCII in the place of everything else in a drawn frame. What has no stand-in becomes `?`.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let mut characters = symbol.chars();
        let known = match (characters.next(), characters.next()) {
            (Some(only), None) => ASCII.iter().find(|(glyph, _)| *glyph == only),
            _ => None,
        };
        cell.set_char(known.map_or('?', |(_, ascii)| *ascii));
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use unicode_width::UnicodeWidthChar;

    use super::*;

    #[test]
    fn every_glyph_is_one_column_wide_and_has_a_stand_in() {
        let own = [
            FAILED, GENERATING, OVERDUE, READY, DONE, UNCHECKED, CYCLE, THIN, THICK, BROKEN, GHOST,
            SELECTED, TICK, NOW, WALL, HALF, LIGHT, OPEN, GAP, OPENING, DOT, MORE, BELOW,
        ];
        for glyph in own.into_iter().chain(CHART) {
            assert_eq!(glyph.width(), Some(1), "{glyph}");
            assert!(ASCII.iter().any(|(known, _)| *known == glyph), "{glyph}");
        }
        for (glyph, ascii) in ASCII {
            assert!(!glyph.is_ascii() && ascii.is_ascii());
        }
    }

    #[test]
    fn a_frame_in_ascii_has_nothing_else() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(0, 0, "✗é東e\u{301}!", Style::new());
        to_ascii(&mut buffer);
        let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text, "x?? ?!  ");
    }
}
