//! The size of the terminal.

use std::os::fd::AsFd;

use ratatui::layout::Size;
use rustix::termios::tcgetwinsize;

/// The size assumed for terminals that report none, as some serial lines do.
const FALLBACK: Size = Size { width: 80, height: 24 };

/// Returns the size of a terminal.
pub(super) fn terminal_size(out: impl AsFd) -> rustix::io::Result<Size> {
    let size = tcgetwinsize(out)?;
    if size.ws_col == 0 || size.ws_row == 0 {
        return Ok(FALLBACK);
    }
    Ok(Size { width: size.ws_col, height: size.ws_row })
}
