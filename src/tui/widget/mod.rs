//! What the views draw with: a pen for a line, the look of each role, the glyphs. Mutates nothing
//! but the buffer it is handed.

pub mod ago;
pub mod glyph;
pub mod pen;
pub mod rule;
pub mod theme;
pub mod window;
