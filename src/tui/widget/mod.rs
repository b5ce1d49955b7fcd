//! The drawing tools of the views: a pen for a line, the style of each role, the glyphs. They
//! change nothing but the buffer passed to them.

pub mod ago;
pub mod glyph;
pub mod pen;
pub mod rule;
pub mod theme;
pub mod window;
