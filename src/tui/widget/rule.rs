//! A thin line with a title, which separates parts of the screen instead of boxes.

use super::glyph;
use super::pen::Pen;
use super::theme::{Role, Theme};

/// Draws `─ Title ─ words ─ words ───` to the end of the row: the title in bold, the words in their
/// roles; empty words are left out. Cuts from the end if it does not fit.
pub fn draw(pen: &mut Pen<'_>, theme: Theme, title: &str, words: &[(&str, Role)]) {
    let dim = theme.of(Role::Dim);
    pen.glyph(glyph::THIN, dim).skip(1).text(title, theme.of(Role::Title));
    for (word, role) in words.iter().filter(|(word, _)| !word.is_empty()) {
        // Do not draw a word if only its beginning fits.
        if pen.left() < 8 {
            break;
        }
        pen.skip(1).glyph(glyph::THIN, dim).skip(1).text(word, theme.of(*role));
    }
    if pen.left() > 1 {
        pen.skip(1);
        pen.glyphs(glyph::THIN, pen.left(), dim);
    }
    pen.finish();
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;

    fn drawn(columns: u16) -> String {
        let area = Rect::new(0, 0, columns, 1);
        let mut buffer = Buffer::empty(area);
        let theme = Theme { color: true, ascii: false, light: false };
        let words = [("", Role::Dim), ("following", Role::Dim)];
        draw(&mut Pen::new(&mut buffer, area, 0), theme, "Deliveries", &words);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn it_fills_its_row_and_cuts_the_words() {
        assert_eq!(drawn(30), "─ Deliveries ─ following ─────");
        assert_eq!(drawn(22), "─ Deliveries ─ follow…");
        assert_eq!(drawn(18), "─ Deliveries ─────");
        assert_eq!(drawn(6), "─ Del…");
        assert_eq!(drawn(0), "");
    }
}
