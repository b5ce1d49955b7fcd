//! The modes switched on while the dashboard has the terminal and off when it is restored, and the
//! queries sent to it. Answers arrive among the keys; nothing waits for them.

use std::io::{self, Write};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
};
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};

/// Ends a string that a panic interrupted; has no effect otherwise.
pub(super) const END_STRING: &str = "\u{1b}\\";
const SAVE_TITLE: &str = "\u{1b}[22;0t";
const RESTORE_TITLE: &str = "\u{1b}[23;0t";
pub(super) const BELL: &str = "\u{7}";
/// Asks for the active enhancements of the kitty keyboard protocol; only terminals that support it
/// answer.
pub(super) const ASK_KEYBOARD: &str = "\u{1b}[?u";
/// Enhancements of that protocol: unambiguous keys (1), alternate layouts (4), for all keys (8),
/// with the associated text (16).
pub(super) const PHYSICAL_KEYS_ON: &str = "\u{1b}[>29u";
const PHYSICAL_KEYS_OFF: &str = "\u{1b}[<u";
/// Asks for the background colour (OSC 11), and switches on reports of changes between light and
/// dark (mode 2031,
/// <https://contour-terminal.org/vt-extensions/color-palette-update-notifications/>).
pub(super) const ASK_BACKGROUND: &str = "\u{1b}]11;?\u{1b}\\\u{1b}[?2031h";
const BACKGROUND_REPORTS_OFF: &str = "\u{1b}[?2031l";

/// Modes that are switched on only in some terminals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ExtraModes {
    /// Physical keys are reported.
    pub(super) physical_keys: bool,
    /// Changes of the background are reported.
    pub(super) background_reports: bool,
}

/// Switches the modes on. Line wrap is off, so that text at the right edge never continues on the
/// next row, however wide the terminal thinks it is.
pub(super) fn switch_on(out: &mut impl Write) -> io::Result<()> {
    queue!(
        out,
        Print(SAVE_TITLE),
        EnterAlternateScreen,
        EnableBracketedPaste,
        DisableLineWrap,
        Hide
    )
}

/// Switches the modes off, including modes that another program may have left on.
pub(super) fn switch_off(out: &mut impl Write, extra: ExtraModes) -> io::Result<()> {
    queue!(out, EndSynchronizedUpdate, SetAttribute(Attribute::Reset))?;
    // Before leaving the alternate screen: each screen has its own keyboard modes.
    if extra.physical_keys {
        queue!(out, Print(PHYSICAL_KEYS_OFF))?;
    }
    if extra.background_reports {
        queue!(out, Print(BACKGROUND_REPORTS_OFF))?;
    }
    queue!(
        out,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        EnableLineWrap,
        Show,
        LeaveAlternateScreen,
        Print(RESTORE_TITLE)
    )
}
