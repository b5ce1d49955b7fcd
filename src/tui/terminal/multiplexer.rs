//! What stands between the program and the terminal: tmux and GNU screen take some sequences
//! themselves and pass on others only when they are wrapped.

use std::env;

use super::modes::{BELL, END_STRING};

/// As many characters as go into one wrapped string: GNU screen takes 768 bytes.
const SCREEN_LIMIT: usize = 180;

/// What the program's terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplexer {
    /// A terminal, as far as is known.
    None,
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
    /// Either of them, on another machine: both call themselves `screen`.
    Either,
}

impl Multiplexer {
    /// What the environment says.
    pub fn of_environment() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let term = env::var("TERM").unwrap_or_default();
        match (is_set("TMUX"), is_set("STY")) {
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            // Over ssh only TERM comes along.
            _ if term.starts_with("tmux") => Self::Tmux,
            _ if term.starts_with("screen") => Self::Either,
            _ => Self::None,
        }
    }

    /// What is known of a copy that was handed over: none of them says whether it took it.
    pub fn copied(self, what: &str) -> String {
        match self {
            Self::None => format!("sent {what} to the terminal's clipboard"),
            Self::Tmux => {
                format!("handed {what} to tmux; nothing to paste? tmux set -g set-clipboard on")
            }
            Self::Screen => {
                format!("handed {what} to screen, for the terminal's clipboard")
            }
            Self::Either => format!(
                "handed {what} to tmux or screen; nothing to paste? tmux set -g set-clipboard on"
            ),
        }
    }

    /// A sequence as it reaches the terminal behind, however often it has to be sent.
    pub(super) fn passed_on(self, sequence: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Tmux => tmux(sequence),
            Self::Screen => screen(sequence),
            Self::Either => tmux(sequence) + &screen(sequence),
        }
    }
}

/// tmux takes the rest of a string that begins with its name, if `allow-passthrough` is on.
fn tmux(sequence: &str) -> String {
    let doubled = sequence.replace('\u{1b}', "\u{1b}\u{1b}");
    format!("\u{1b}Ptmux;{doubled}{END_STRING}")
}

/// screen passes on any DCS string, which ends at the first end of a string in it, and drops one
/// that is long.
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
    fn a_long_sequence_comes_through_screen_in_parts() {
        let sequence = format!("\u{1b}]52;c;{}\u{1b}\\", "QUJD".repeat(1_000));
        let wrapped = Multiplexer::Screen.passed_on(&sequence);
        let parts: Vec<&str> = wrapped.split_terminator(END_STRING).collect();
        assert!(parts.len() > 5);
        assert!(parts.iter().all(|part| part.starts_with("\u{1b}P") && part.len() <= 768));
        let joined: String = parts.iter().map(|part| &part[2..]).collect();
        assert_eq!(joined, sequence.replace("\u{1b}\\", "\u{7}"));
    }

    #[test]
    fn what_is_said_of_a_copy_fits_a_narrow_footer() {
        for multiplexer in [Multiplexer::None, Multiplexer::Tmux, Multiplexer::Screen] {
            let said = multiplexer.copied("the asset's id");
            assert!(said.len() <= 79, "{said}");
        }
        assert!(Multiplexer::Tmux.copied("the body").contains("set-clipboard on"));
    }
}
