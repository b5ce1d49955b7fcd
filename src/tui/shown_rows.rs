//! The cells that the terminal shows, by row, so that a row can be redrawn whole if it has
//! graphemes that terminals may draw wider or narrower than they are counted here. Writes nothing.

use ratatui::buffer::{Cell, CellWidth as _};

/// The cells drawn since the screen was cleared.
#[derive(Debug, Default)]
pub(super) struct ShownRows {
    rows: Vec<ShownRow>,
    columns: usize,
}

#[derive(Debug, Default)]
struct ShownRow {
    /// The cells from the left; cells never drawn, or covered by a wide grapheme, are blank.
    cells: Vec<Cell>,
    /// Whether one of them may have another width in the terminal.
    is_width_uncertain: bool,
}

impl ShownRow {
    /// Stores a changed cell. Returns whether that uncovers columns of a wide grapheme, which
    /// terminals blank in different ways.
    fn put(&mut self, x: usize, cell: &Cell) -> bool {
        let end = x + usize::from(cell.cell_width()).max(1);
        if self.cells.len() < end {
            self.cells.resize(end, Cell::EMPTY);
        }
        let covered = (x..end).map(|x| x + usize::from(self.cells[x].cell_width()));
        let uncovers = covered.max().is_some_and(|covered| covered > end);
        self.cells[x].clone_from(cell);
        // The terminal shows nothing else there. When these cells come back, they are not sent as
        // changes, because they have been blank all along.
        self.cells[x + 1..end].fill(Cell::EMPTY);
        uncovers
    }
}

impl ShownRows {
    /// Forgets everything: the screen is blank and `columns` wide.
    pub(super) fn clear(&mut self, columns: u16) {
        self.rows.clear();
        self.columns = columns.into();
    }

    /// Stores the changed cells of row `y`. Returns whether the row has to be redrawn whole,
    /// because its content in the terminal is uncertain.
    pub(super) fn change(&mut self, y: u16, changes: &[(u16, u16, &Cell)]) -> bool {
        let y = usize::from(y);
        if self.rows.len() <= y {
            self.rows.resize_with(y + 1, ShownRow::default);
        }
        let row = &mut self.rows[y];
        if row.cells.len() < self.columns {
            row.cells.resize(self.columns, Cell::EMPTY);
        }
        let mut is_uncovered = false;
        for (x, _, cell) in changes {
            is_uncovered |= row.put((*x).into(), cell);
        }
        let was_uncertain = row.is_width_uncertain;
        row.is_width_uncertain = row.cells.iter().any(|cell| is_width_uncertain(cell.symbol()));
        was_uncertain || row.is_width_uncertain || is_uncovered
    }

    /// Returns the visible cells of row `y`, each with its column and row.
    pub(super) fn cells(&self, y: u16) -> impl Iterator<Item = (u16, u16, &Cell)> {
        let cells = self.rows.get(usize::from(y)).map(|row| row.cells.as_slice());
        let mut next = 0;
        cells.unwrap_or_default().iter().zip(0_u16..).filter_map(move |(cell, x)| {
            if x < next {
                return None;
            }
            next = x + cell.cell_width().max(1);
            Some((x, y, cell))
        })
    }
}

/// Returns whether terminals disagree about the width or position of a grapheme: several characters
/// in one cell, scripts that are joined, stacked or written from right to left, emoji.
pub(super) fn is_width_uncertain(symbol: &str) -> bool {
    if symbol.len() <= 1 {
        return false;
    }
    let mut chars = symbol.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => {
            matches!(
                c,
                '\u{590}'..='\u{109f}'
                    | '\u{1100}'..='\u{11ff}'
                    | '\u{1700}'..='\u{1cff}'
                    | '\u{2600}'..='\u{27bf}'
                    | '\u{2b00}'..='\u{2bff}'
                    | '\u{a800}'..='\u{abff}'
                    | '\u{d7b0}'..='\u{d7ff}'
                    | '\u{fb1d}'..='\u{fdff}'
                    | '\u{fe70}'..='\u{fefe}'
                    | '\u{10000}'..='\u{1ffff}'
            ) && !is_own(c)
        }
        _ => true,
    }
}

/// Returns whether it is one of the dashboard's own glyphs, which appear in nearly every row.
const fn is_own(c: char) -> bool {
    matches!(c, '✓' | '✗')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphemes_of_certain_width_are_recognised() {
        for symbol in ["a", " ", "é", "─", "█", "✗", "✓", "◐", "↻", "東", "ｶ", "ж", "ω", "…"]
        {
            assert!(!is_width_uncertain(symbol), "{symbol}");
        }
        for symbol in ["ｶ\u{ff9e}", "क", "क\u{94d}", "e\u{301}", "م", "א", "👩\u{200d}🚀", "🏳", "ก"]
        {
            assert!(is_width_uncertain(symbol), "{symbol}");
        }
    }

    #[test]
    fn a_row_is_redrawn_whole_while_its_width_is_uncertain_and_once_after() {
        let mut shown = ShownRows::default();
        let (plain, joined) = (Cell::new("a"), Cell::new("👩\u{200d}🚀"));
        assert!(!shown.change(3, &[(0, 3, &plain), (5, 3, &plain)]));
        assert!(shown.change(3, &[(2, 3, &joined)]));
        assert!(shown.change(3, &[(5, 3, &joined)]));
        let columns: Vec<u16> = shown.cells(3).map(|(x, ..)| x).collect();
        assert_eq!(columns, [0, 1, 2, 4, 5]);
        assert!(!shown.change(4, &[(2, 4, &plain)]), "another row");
        assert!(shown.change(3, &[(2, 3, &plain), (3, 3, &plain), (5, 3, &plain)]));
        assert!(!shown.change(3, &[(2, 3, &plain)]));
        assert!(shown.change(3, &[(2, 3, &joined)]));
        shown.clear(0);
        assert!(!shown.change(3, &[(0, 3, &plain)]));
    }

    #[test]
    fn cells_covered_by_a_wide_grapheme_are_blank_afterwards() {
        let mut shown = ShownRows::default();
        let (plain, wide) = (Cell::new("a"), Cell::new("東"));
        let text = |shown: &ShownRows| -> String {
            shown.cells(0).map(|(.., cell)| cell.symbol().to_owned()).collect()
        };
        shown.change(0, &[(0, 0, &plain), (1, 0, &plain), (2, 0, &plain)]);
        assert!(!shown.change(0, &[(0, 0, &wide)]));
        assert_eq!(text(&shown), "東a");
        assert!(shown.change(0, &[(0, 0, &plain)]), "half of a wide one is left behind it");
        assert_eq!(text(&shown), "a a");
        shown.change(0, &[(1, 0, &wide)]);
        assert!(shown.change(0, &[(0, 0, &wide)]), "and so is half of one that is covered");
        assert_eq!(text(&shown), "東 ");
    }
}
