//! A pen that writes one line of the screen from left to right, and never beyond its end.

use std::num::NonZeroU16;

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth as _};
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::Printable;

/// Writes into one row of an area.
///
/// All text is made printable first, so text from outside can never reach a terminal as anything
/// but text.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
    /// The style under every other one, used to show the selected row.
    under: Style,
}

impl<'a> Pen<'a> {
    /// Creates a pen at the beginning of a row of `area`, counted from its top. Outside the area it
    /// writes nothing.
    pub fn new(buffer: &'a mut Buffer, area: Rect, row: u16) -> Self {
        let area = area.intersection(buffer.area);
        let end = if row < area.height { area.right() } else { area.x };
        Self { buffer, x: area.x, y: area.y.saturating_add(row), end, under: Style::new() }
    }

    /// Returns the pen with a style under everything it writes.
    #[must_use]
    pub const fn on(mut self, under: Style) -> Self {
        self.under = under;
        self
    }

    /// Returns the number of columns left.
    pub const fn left(&self) -> u16 {
        self.end.saturating_sub(self.x)
    }

    /// Returns its current column on the screen.
    pub const fn x(&self) -> u16 {
        self.x
    }

    /// Writes a text; cuts it with an ellipsis if it does not fit.
    pub fn text(&mut self, text: &str, style: Style) -> &mut Self {
        self.within(self.left(), text, style)
    }

    /// Writes a text in at most `columns` columns.
    pub fn within(&mut self, columns: u16, text: &str, style: Style) -> &mut Self {
        if !text.is_empty() {
            self.printable(columns, &Printable::new_or_blank(text), style);
        }
        self
    }

    /// Writes printable text in at most `columns` columns.
    pub fn printable(&mut self, columns: u16, text: &Printable, style: Style) -> &mut Self {
        let columns = columns.min(self.left());
        let style = self.under.patch(style);
        let (x, y) = (self.x, self.y);
        let cut;
        let text = if text.width() <= usize::from(columns) {
            text
        } else {
            cut = text.cut(columns.into());
            &cut
        };
        // Reset the cells, so that neither colour nor dimness of the previous content remains.
        for x in x..x.saturating_add(columns.min(u16::try_from(text.width()).unwrap_or(columns))) {
            if let Some(cell) = self.buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
        let end = x.saturating_add(columns);
        for (grapheme, width) in text.graphemes() {
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            let next = self.x.saturating_add(width);
            if next > end {
                break;
            }
            if let Some(cell) = self.buffer.cell_mut((self.x, y)) {
                cell.set_symbol(grapheme).set_style(style);
                // Ratatui counts the sound marks of halfwidth katakana twice.
                if cell.cell_width() != width
                    && let Some(width) = NonZeroU16::new(width)
                {
                    cell.set_diff_option(CellDiffOption::ForcedWidth(width));
                }
            }
            self.x = next;
        }
        self
    }

    /// Writes a text and pads it with blanks to `columns` columns.
    pub fn field(&mut self, columns: u16, text: &str, style: Style) -> &mut Self {
        let end = self.x.saturating_add(columns).min(self.end);
        self.within(columns, text, style);
        self.to(end)
    }

    /// Like [`Self::field`], with the blanks in the style of the text, as reversed text needs.
    pub fn field_in(&mut self, columns: u16, text: &str, style: Style) -> &mut Self {
        let end = self.x.saturating_add(columns).min(self.end);
        self.within(columns, text, style);
        self.glyphs(' ', end.saturating_sub(self.x), style)
    }

    /// Writes a text right-aligned in a field of `columns` columns.
    pub fn field_right(&mut self, columns: u16, text: &str, style: Style) -> &mut Self {
        let end = self.x.saturating_add(columns).min(self.end);
        let width = u16::try_from(Printable::new_or_blank(text).width()).unwrap_or(u16::MAX);
        self.to(end.saturating_sub(width.min(columns)));
        self.within(columns, text, style);
        self.to(end)
    }

    /// Writes one of our own glyphs.
    pub fn glyph(&mut self, glyph: char, style: Style) -> &mut Self {
        self.glyphs(glyph, 1, style)
    }

    /// Writes one of our own glyphs `count` times.
    pub fn glyphs(&mut self, glyph: char, count: u16, style: Style) -> &mut Self {
        let style = self.under.patch(style);
        for _ in 0..count.min(self.left()) {
            if let Some(cell) = self.buffer.cell_mut((self.x, self.y)) {
                cell.reset();
                cell.set_char(glyph).set_style(style);
            }
            self.x += 1;
        }
        self
    }

    /// Skips `columns` columns, in the style under the line.
    pub fn skip(&mut self, columns: u16) -> &mut Self {
        self.to(self.x.saturating_add(columns))
    }

    /// Moves to a column of the screen; the columns in between are blank. Never moves back.
    pub fn to(&mut self, x: u16) -> &mut Self {
        let x = x.min(self.end);
        while self.x < x {
            if let Some(cell) = self.buffer.cell_mut((self.x, self.y)) {
                cell.set_style(self.under);
            }
            self.x += 1;
        }
        self
    }

    /// Moves to where a right-aligned text of `columns` columns begins. Never moves back.
    pub fn to_right(&mut self, columns: u16) -> &mut Self {
        self.to(self.end.saturating_sub(columns))
    }

    /// Leaves the rest of the line blank.
    pub fn finish(&mut self) {
        self.to(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(draw: impl FnOnce(&mut Pen<'_>)) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 2));
        draw(&mut Pen::new(&mut buffer, Rect::new(0, 1, 10, 1), 0));
        let text: String = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(&text[..10], "          ", "the row above is not touched");
        text[10..].to_owned()
    }

    #[test]
    fn it_writes_within_its_row() {
        let style = Style::new();
        assert_eq!(
            row(|pen| {
                pen.field(4, "ab", style).text("cdefghijkl", style);
            }),
            "ab  cdefg…"
        );
        assert_eq!(
            row(|pen| {
                pen.field_right(4, "ab", style).text("c", style);
            }),
            "  abc     "
        );
        assert_eq!(
            row(|pen| {
                pen.skip(20).text("c", style);
            }),
            "          "
        );
        assert_eq!(
            row(|pen| {
                pen.to_right(3).text("abc", style);
            }),
            "       abc"
        );
        assert_eq!(
            row(|pen| {
                pen.text("a\u{1b}[1mb", style);
            }),
            r"a\u{1b}[1…"
        );
    }

    #[test]
    fn outside_of_its_area_it_writes_nothing() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        let empty = buffer.clone();
        for area in [Rect::new(9, 9, 4, 4), Rect::new(0, 0, 0, 0), Rect::new(2, 0, 4, 0)] {
            Pen::new(&mut buffer, area, 0).text("abc", Style::new()).glyph('x', Style::new());
        }
        Pen::new(&mut buffer, Rect::new(0, 0, 4, 2), 2).text("abc", Style::new());
        assert_eq!(buffer, empty);
    }
}
