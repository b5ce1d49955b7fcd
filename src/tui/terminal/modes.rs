//! What is switched on in the terminal while the dashboard has it, and off when it is given back;
//! what the terminal is asked. Answers are read with the keys, and nothing waits for them.

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

/// Ends a string that was under way when a panic came; nothing anywhere else.
pub(super) const END_STRING: &str = "\u{1b}\\";
const SAVE_TITLE: &str = "\u{1b}[22;0t";
const RESTORE_TITLE: &str = "\u{1b}[23;0t";
pub(super) const BELL: &str = "\u{7}";
/// Which enhancements of the kitty keyboard protocol are on: only terminals that have it answer.
pub(super) const ASK_KEYBOARD: &str = "\u{1b}[?u";
/// Of that protocol: unambiguous keys (1), what they write on other layouts (4), for all keys (8),
/// with the text that they write (16).
pub(super) const PHYSICAL_KEYS_ON: &str = "\u{1b}[>29u";
const PHYSICAL_KEYS_OFF: &str = "\u{1b}[<u";
/// The colour of the ground (OSC 11), and reports when the terminal turns light or dark (mode
/// 2031, <https://contour-terminal.org/vt-extensions/color-palette-update-notifications/>).
pub(super) const ASK_BACKGROUND: &str = "\u{1b}]11;?\u{1b}\\\u{1b}[?2031h";
const BACKGROUND_REPORTS_OFF: &str = "\u{1b}[?2031l";

/// What is on besides what always is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ExtraModes {
    /// Physical keys are told.
    pub(super) physical_keys: bool,
    /// Changes of the ground are reported.
    pub(super) background_reports: bool,
}

/// Text at the right edge must not run on into the next row, however wide the terminal thinks it.
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

/// The reverse, and more than that: what somebody may have left on is switched off as well.
pub(super) fn switch_off(out: &mut impl Write, more: ExtraModes) -> io::Result<()> {
    queue!(out, EndSynchronizedUpdate, SetAttribute(Attribute::Reset))?;
    // Before the alternate screen is left: each screen has a keyboard of its own.
    if more.physical_keys {
        queue!(out, Print(PHYSICAL_KEYS_OFF))?;
    }
    if more.background_reports {
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
