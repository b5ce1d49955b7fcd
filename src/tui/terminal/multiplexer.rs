//! The multiplexer between program and terminal: tmux and GNU screen handle some sequences
//! themselves, and pass on others only if they are wrapped.

use std::env;

use super::modes::{BELL, END_STRING};

/// Maximum characters in one wrapped string: GNU screen takes 768 bytes.
const SCREEN_LIMIT: usize = 180;

/// The multiplexer, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplexer {
    /// None, as far as is known.
    None,
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
    /// One of the two, on another machine: both use `screen` as their TERM.
    Either,
}

impl Multiplexer {
    /// Detects the multiplexer from the environment.
    pub fn of_environment() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let term = env::var("TERM").unwrap_or_default();
        match (is_set("TMUX"), is_set("STY")) {
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            // Over ssh, only TERM is passed on.
            _ if term.starts_with("tmux") => Self::Tmux,
            _ if term.starts_with("screen") => Self::Either,
            _ => Self::None,
        }
    }

    /// Returns a message about a copy. None of them reports whether it was accepted.
    pub fn copied(self, what: &str) -> String {
        match self {
            Self::None => format!("sent {what} to the terminal's clipboard"),
            Self::Tmux => {
                format!("passed {what} to tmux; nothing to paste? tmux set -g set-clipboard on")
            }
            Self::Screen => {
                format!("passed {what} to screen, for the terminal's clipboard")
            }
            Self::Either => format!(
                "passed {what} to tmux or screen; nothing to paste? tmux set -g set-clipboard on"
            ),
        }
    }

    /// Returns a sequence wrapped for the terminal outside, in as many parts as needed.
    pub(super) fn wrapped(self, sequence: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Tmux => tmux(sequence),
            Self::Screen => screen(sequence),
            Self::Either => tmux(sequence) + &screen(sequence),
        }
    }
}

/// Wraps a sequence for tmux, which passes it on if `allow-passthrough` is on.
fn tmux(sequence: &str) -> String {
    let doubled = sequence.replace('\u{1b}', "\u{1b}\u{1b}");
    format!("\u{1b}Ptmux;{doubled}{END_STRING}")
}

/// Wraps a sequence for screen, which passes on any DCS string up to its first string terminator,
/// and drops long ones.
fn screen(sequence: &str) -> String {
    let sequence = sequence.replace(END_STRING, BELL);
    let chars: Vec<char> = sequence.chars().collect();
    chars
        .chunks(SCREEN_LIMIT)
        .flat_map(|part| "\u{1b}P".chars().chain(part.iter().copied()).chain(END_STRING.chars()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sequence_is_split_for_screen() {
        let sequence = format!("\u{1b}]52;c;{}\u{1b}\\", "QUJD".repeat(1_000));
        let wrapped = Multiplexer::Screen.wrapped(&sequence);
        let parts: Vec<&str> = wrapped.split_terminator(END_STRING).collect();
        assert!(parts.len() > 5);
        assert!(parts.iter().all(|part| part.starts_with("\u{1b}P") && part.len() <= 768));
        let joined: String = parts.iter().map(|part| &part[2..]).collect();
        assert_eq!(joined, sequence.replace("\u{1b}\\", "\u{7}"));
    }

    #[test]
    fn the_copy_message_fits_a_narrow_footer() {
        for multiplexer in [Multiplexer::None, Multiplexer::Tmux, Multiplexer::Screen] {
            let message = multiplexer.copied("the asset's id");
            assert!(message.len() <= 79, "{message}");
        }
        assert!(Multiplexer::Tmux.copied("the body").contains("set-clipboard on"));
    }
}
