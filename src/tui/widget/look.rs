//! What each role looks like, in colour or without: the only place that names colours.

use ratatui::style::{Color, Modifier, Style};

use crate::callback::State;

/// What something on the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Text.
    Plain,
    /// What matters less.
    Dim,
    /// What matters more.
    Strong,
    /// The words above a part.
    Title,
    /// A key that can be pressed.
    Key,
    /// A failure that shouts.
    Shout,
    /// A failure.
    Failed,
    /// Waits for a person.
    Ready,
    /// The machine works.
    Generating,
    /// Done.
    Done,
    /// A guess.
    Doubt,
    /// A banner that never leaves the screen.
    Banner,
    /// The selected tab.
    Tab,
    /// The line that is being typed.
    Line,
}

/// How roles are drawn: the user's own 16 colours on the user's own background, or no colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether there are colours.
    pub color: bool,
    /// Whether only ASCII can be shown.
    pub ascii: bool,
    /// Whether the ground is light.
    pub light: bool,
}

impl Look {
    /// The style of a role.
    pub fn of(self, role: Role) -> Style {
        let style = Style::new();
        // Reverse and bold say in black and white what red and green say in colour; glyphs and
        // words say it a third time.
        if !self.color {
            return match role {
                Role::Plain | Role::Ready | Role::Generating => style,
                Role::Dim | Role::Done => style.add_modifier(Modifier::DIM),
                Role::Strong | Role::Title | Role::Doubt | Role::Failed | Role::Key => {
                    style.add_modifier(Modifier::BOLD)
                }
                Role::Shout | Role::Banner => {
                    style.add_modifier(Modifier::BOLD | Modifier::REVERSED)
                }
                Role::Tab => style.add_modifier(Modifier::REVERSED),
                Role::Line => style.add_modifier(Modifier::UNDERLINED),
            };
        }
        // What nobody may miss has both its colours set: red alone is dark on a dark ground.
        let flag = |ground| style.fg(Color::White).bg(ground).add_modifier(Modifier::BOLD);
        // Yellow and cyan vanish on a light ground.
        let (waits, works) =
            if self.light { (Color::Magenta, Color::Blue) } else { (Color::Yellow, Color::Cyan) };
        match role {
            Role::Plain => style,
            Role::Dim => style.add_modifier(Modifier::DIM),
            Role::Strong | Role::Title => style.add_modifier(Modifier::BOLD),
            Role::Key | Role::Generating => style.fg(works),
            Role::Shout => flag(Color::Red),
            Role::Failed => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Ready => style.fg(waits),
            Role::Done => style.fg(Color::Green),
            Role::Doubt => style.fg(Color::Magenta).add_modifier(Modifier::BOLD),
            Role::Banner => flag(Color::Blue),
            Role::Tab => style.add_modifier(Modifier::REVERSED),
            Role::Line => style.add_modifier(Modifier::UNDERLINED),
        }
    }

    /// The style of a version in a state.
    pub fn state(self, state: State) -> Style {
        self.of(match state {
            State::Ready => Role::Ready,
            State::Generating => Role::Generating,
            State::Generated => Role::Done,
            State::Failed | State::GenerateFailed => Role::Failed,
        })
    }
}
