//! The sizes of the parts of the screen, shared by the views and the key handling.

use super::Model;

/// Minimum width at which all panes are shown side by side.
pub const WIDE: u16 = 120;
/// Minimum width at which more than one pane is shown.
pub const NARROW: u16 = 80;
/// The smallest usable size in columns and rows; below it only a notice is drawn.
pub const SMALLEST: (u16, u16) = (40, 10);

/// The widths of the parts of the Timeline, in columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineColumns {
    /// The asset list.
    pub assets: u16,
    /// Glyph, locale, state and age of a lane.
    pub words: u16,
    /// The time axis.
    pub axis: u16,
    /// The notes after the axis: what failed, what is expected.
    pub notes: u16,
}

/// Returns the widths of the parts of the Timeline on a screen of this width.
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
    // One column for the line between the list and the lanes, and one blank on each side of the
    // axis.
    let line = if assets > 0 { 1 } else { 0 };
    let axis = width.saturating_sub(assets + line + words + notes + 2);
    TimelineColumns { assets, words, axis, notes }
}

/// Returns the width of the time axis on a screen of this width.
pub const fn axis_columns(width: u16) -> u16 {
    columns(width).axis
}

/// Returns the rows above the lines of the detail view: its heading and the bar of tabs.
pub const fn detail_head(height: u16) -> u16 {
    if height < 20 { 2 } else { 5 }
}

impl Model {
    /// Returns the rows between header and footer. Header, footer, alert bar, each banner and the
    /// input or filter line take one row each.
    pub fn body_rows(&self) -> u16 {
        let banners = [
            self.run_info.banner.is_some(),
            self.store_trouble().is_some(),
            self.down_target().is_some(),
            self.has_line(),
        ];
        let banners =
            u16::try_from(banners.iter().filter(|is_shown| **is_shown).count()).unwrap_or(0);
        self.size.1.saturating_sub(3 + banners)
    }

    /// Returns whether a line for the filter, or for the text being typed, is shown above the footer.
    pub fn has_line(&self) -> bool {
        self.mode.line().is_some() || self.is_narrowed()
    }

    /// Returns how many lines of the detail view are visible at once.
    pub fn detail_page(&self) -> usize {
        usize::from(self.body_rows().saturating_sub(detail_head(self.size.1))).max(1)
    }

    /// Returns how many lines of the help are visible at once: its title takes a row.
    pub fn help_page(&self) -> usize {
        usize::from(self.body_rows().saturating_sub(1)).max(1)
    }
}
