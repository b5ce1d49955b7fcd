//! How wide the parts of the screen are: what both a view and a key have to know.

use super::Model;
use super::mode::Mode;

/// From this width on, everything is shown side by side.
pub const WIDE: u16 = 120;
/// Below this width, one pane is shown at a time.
pub const NARROW: u16 = 80;
/// The smallest screen that anything but a notice is drawn on: columns and rows.
pub const SMALLEST: (u16, u16) = (40, 10);

/// How many columns a screen of this width gives to the parts of the Timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineColumns {
    /// The asset list.
    pub assets: u16,
    /// Glyph, locale, state and age of a lane.
    pub words: u16,
    /// The time axis.
    pub axis: u16,
    /// What follows it: what failed, what is expected.
    pub notes: u16,
}

/// The columns of the Timeline at this width of the screen.
pub const fn columns(width: u16) -> TimelineColumns {
    let (assets, words, notes) = if width >= 160 {
        (50, 30, 18)
    } else if width >= WIDE {
        (35, 28, 12)
    } else if width >= NARROW {
        (25, 23, 0)
    } else {
        (0, 23, 0)
    };
    // A line stands between the list and the lanes, and a blank at each side of the axis.
    let line = if assets > 0 { 1 } else { 0 };
    let axis = width.saturating_sub(assets + line + words + notes + 2);
    TimelineColumns { assets, words, axis, notes }
}

/// Columns of the time axis at this width of the screen.
pub const fn axis_columns(width: u16) -> u16 {
    columns(width).axis
}

/// Rows that the view of one delivery has above its lines: what it is, and the bar of its parts.
pub const fn detail_head(height: u16) -> u16 {
    if height < 20 { 2 } else { 5 }
}

impl Model {
    /// Rows that are left between header and footer: what is beside them is one row each, the
    /// header, the footer, the alert bar, every banner, the line that is typed or filters.
    pub fn body_rows(&self) -> u16 {
        let banners =
            [self.run_info.banner.is_some(), self.store_trouble().is_some(), self.has_line()];
        let banners = u16::try_from(banners.iter().filter(|there| **there).count()).unwrap_or(0);
        self.size.1.saturating_sub(3 + banners)
    }

    /// Whether a line about the filter, or the name that is typed, stands above the footer.
    pub fn has_line(&self) -> bool {
        matches!(self.mode, Mode::Filter { .. } | Mode::Name { .. }) || self.is_narrowed()
    }

    /// Lines of one delivery that are seen at once.
    pub fn detail_page(&self) -> usize {
        usize::from(self.body_rows().saturating_sub(detail_head(self.size.1))).max(1)
    }

    /// Lines of the list of keys that are seen at once: its title takes a row.
    pub fn help_page(&self) -> usize {
        usize::from(self.body_rows().saturating_sub(1)).max(1)
    }
}
