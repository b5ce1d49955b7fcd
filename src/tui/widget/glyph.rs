//! The glyphs of the dashboard, each one column wide, and their ASCII replacements.

use ratatui::buffer::Buffer;

use crate::callback::State;

/// Failed.
pub const FAILED: char = '✗';
/// Generating.
pub const GENERATING: char = '◐';
/// Generating for too long.
pub const OVERDUE: char = '▲';
/// Ready: waiting for a person.
pub const READY: char = '○';
/// Being dubbed: not ready yet.
pub const NOT_READY: char = '◔';
/// An answer of the service's API.
pub const ANSWER: char = '«';
/// A callback that the service's API confirms.
pub const CONFIRMED: char = '+';
/// An asset that is not of the account.
pub const FOREIGN: char = '≠';
/// Done.
pub const DONE: char = '✓';
/// A guess.
pub const GUESS: char = '?';
/// Unchecked.
pub const UNCHECKED: char = '–';
/// The next cycle.
pub const CYCLE: char = '↻';
/// A lane waiting for a person.
pub const THIN: char = '─';
/// A lane that is generating.
pub const THICK: char = '█';
/// A lane that is still failed.
pub const BROKEN: char = '╍';
/// The expected end.
pub const EXPECTED: char = '╌';
/// The selection mark.
pub const SELECTED: char = '▌';
/// A mark of the time axis.
pub const TICK: char = '╎';
/// Now, on the axis.
pub const NOW: char = '▾';
/// Separates two panes.
pub const DIVIDER: char = '│';
/// The part of a bar that is generating.
pub const HALF: char = '▒';
/// The part of a bar that is ready.
pub const LIGHT: char = '░';
/// An open source.
pub const OPEN: char = '●';
/// A delivery that an app accepted.
pub const FORWARDED: char = '→';
/// A gap.
pub const GAP: char = '╳';
/// A source being opened.
pub const OPENING: char = '◌';
/// Separates two pieces of a line.
pub const DOT: char = '·';
/// More than fits.
pub const MORE: char = '…';
/// More rows below.
pub const BELOW: char = '▼';
/// The bars of a chart, from zero to the maximum.
pub const CHART: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns the glyph of a state.
pub const fn of(state: State) -> char {
    match state {
        State::NotReady => NOT_READY,
        State::Ready => READY,
        State::Failed | State::GenerateFailed => FAILED,
        State::Generating => GENERATING,
        State::Generated => DONE,
    }
}

/// The ASCII replacement of each glyph.
const ASCII: &[(char, char)] = &[
    (FAILED, 'x'),
    (GENERATING, '%'),
    (OVERDUE, '!'),
    (READY, 'o'),
    (NOT_READY, ','),
    (ANSWER, '<'),
    (FOREIGN, '/'),
    (DONE, 'v'),
    (CYCLE, '@'),
    (THIN, '-'),
    (THICK, '#'),
    (BROKEN, '!'),
    (EXPECTED, '.'),
    (SELECTED, '>'),
    (TICK, ':'),
    (NOW, 'v'),
    (DIVIDER, '|'),
    (HALF, '='),
    (LIGHT, '.'),
    (OPEN, '*'),
    (FORWARDED, '>'),
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

/// Replaces everything that is not ASCII in a drawn frame. Unknown characters become `?`.
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
    fn every_glyph_is_one_column_wide_and_has_an_ascii_replacement() {
        let own = [
            FAILED, GENERATING, OVERDUE, READY, DONE, UNCHECKED, CYCLE, THIN, THICK, BROKEN,
            EXPECTED, SELECTED, TICK, NOW, DIVIDER, HALF, LIGHT, OPEN, GAP, OPENING, DOT, MORE,
            BELOW, NOT_READY, ANSWER, FOREIGN,
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
