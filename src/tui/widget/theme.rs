//! The style of each role, in colour or without: the only module that names colours.

use ratatui::style::{Color, Modifier, Style};

use crate::callback::State;

/// The role of something on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Normal text.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// A heading.
    Title,
    /// A key to press.
    Key,
    /// A failure not marked as seen.
    Alert,
    /// A failure.
    Failed,
    /// Waiting for a person.
    Ready,
    /// Generating.
    Generating,
    /// Done.
    Done,
    /// A guess.
    Guess,
    /// A permanent banner.
    Banner,
    /// The selected tab.
    Tab,
    /// The line being typed.
    Line,
}

/// How roles are drawn: the user's own 16 colours on the user's own background, or no colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether to use colours.
    pub color: bool,
    /// Whether to use ASCII only.
    pub ascii: bool,
    /// Whether the background is light.
    pub light: bool,
}

impl Theme {
    /// Returns the style of a role.
    pub fn of(self, role: Role) -> Style {
        let style = Style::new();
        // Without colours, reverse and bold replace red and green; glyphs and words say the same
        // again.
        if !self.color {
            return match role {
                Role::Plain | Role::Ready | Role::Generating => style,
                Role::Dim | Role::Done => style.add_modifier(Modifier::DIM),
                Role::Strong | Role::Title | Role::Guess | Role::Failed | Role::Key => {
                    style.add_modifier(Modifier::BOLD)
                }
                Role::Alert | Role::Banner => {
                    style.add_modifier(Modifier::BOLD | Modifier::REVERSED)
                }
                Role::Tab => style.add_modifier(Modifier::REVERSED),
                Role::Line => style.add_modifier(Modifier::UNDERLINED),
            };
        }
        let flag = |background| {
            let style = style.add_modifier(Modifier::BOLD);
            if self.light {
                // The white of palettes for a light background is often not white.
                style.fg(background).add_modifier(Modifier::REVERSED)
            } else {
                // Sets both colours of what must not be missed: red alone is dark on a dark
                // background.
                style.fg(Color::White).bg(background)
            }
        };
        // Yellow, cyan and green vanish on a light background. "Done" needs no attention, so it is
        // the one without a colour there.
        let (waits, works, done) = if self.light {
            (Color::Magenta, Color::Blue, style)
        } else {
            (Color::Yellow, Color::Cyan, style.fg(Color::Green))
        };
        match role {
            Role::Plain => style,
            Role::Dim => style.add_modifier(Modifier::DIM),
            Role::Strong | Role::Title => style.add_modifier(Modifier::BOLD),
            Role::Key | Role::Generating => style.fg(works),
            Role::Alert => flag(Color::Red),
            Role::Failed => style.fg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Ready => style.fg(waits),
            Role::Done => done,
            Role::Guess => style.fg(Color::Magenta).add_modifier(Modifier::BOLD),
            Role::Banner => flag(Color::Blue),
            Role::Tab => style.add_modifier(Modifier::REVERSED),
            Role::Line => style.add_modifier(Modifier::UNDERLINED),
        }
    }

    /// Returns the style of a version in a state.
    pub fn state(self, state: State) -> Style {
        self.of(match state {
            State::NotReady => Role::Dim,
            State::Ready => Role::Ready,
            State::Generating => Role::Generating,
            State::Generated => Role::Done,
            State::Failed | State::GenerateFailed => Role::Failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 14] = [
        Role::Plain,
        Role::Dim,
        Role::Strong,
        Role::Title,
        Role::Key,
        Role::Alert,
        Role::Failed,
        Role::Ready,
        Role::Generating,
        Role::Done,
        Role::Guess,
        Role::Banner,
        Role::Tab,
        Role::Line,
    ];

    /// The 16 colours of xterm, the VGA console, Windows Terminal, GNOME's Tango, macOS' Terminal
    /// and Visual Studio Code on a light background.
    const PALETTES: [(&str, [u32; 16]); 6] = [
        (
            "xterm",
            [
                0x00_0000, 0xcd_0000, 0x00_cd00, 0xcd_cd00, 0x00_00ee, 0xcd_00cd, 0x00_cdcd,
                0xe5_e5e5, 0x7f_7f7f, 0xff_0000, 0x00_ff00, 0xff_ff00, 0x5c_5cff, 0xff_00ff,
                0x00_ffff, 0xff_ffff,
            ],
        ),
        (
            "VGA",
            [
                0x00_0000, 0xaa_0000, 0x00_aa00, 0xaa_5500, 0x00_00aa, 0xaa_00aa, 0x00_aaaa,
                0xaa_aaaa, 0x55_5555, 0xff_5555, 0x55_ff55, 0xff_ff55, 0x55_55ff, 0xff_55ff,
                0x55_ffff, 0xff_ffff,
            ],
        ),
        (
            "Campbell",
            [
                0x0c_0c0c, 0xc5_0f1f, 0x13_a10e, 0xc1_9c00, 0x00_37da, 0x88_1798, 0x3a_96dd,
                0xcc_cccc, 0x76_7676, 0xe7_4856, 0x16_c60c, 0xf9_f1a5, 0x3b_78ff, 0xb4_009e,
                0x61_d6d6, 0xf2_f2f2,
            ],
        ),
        (
            "Tango",
            [
                0x2e_3436, 0xcc_0000, 0x4e_9a06, 0xc4_a000, 0x34_65a4, 0x75_507b, 0x06_989a,
                0xd3_d7cf, 0x55_5753, 0xef_2929, 0x8a_e234, 0xfc_e94f, 0x72_9fcf, 0xad_7fa8,
                0x34_e2e2, 0xee_eeec,
            ],
        ),
        (
            "Terminal",
            [
                0x00_0000, 0x99_0000, 0x00_a600, 0x99_9900, 0x00_00b2, 0xb2_00b2, 0x00_a6b2,
                0xbf_bfbf, 0x66_6666, 0xe5_0000, 0x00_d900, 0xe5_e500, 0x00_00ff, 0xe5_00e5,
                0x00_e5e5, 0xe5_e5e5,
            ],
        ),
        (
            "Code",
            [
                0x00_0000, 0xcd_3131, 0x10_7c10, 0x94_9800, 0x04_51a5, 0xbc_05bc, 0x05_98bc,
                0x55_5555, 0x66_6666, 0xcd_3131, 0x14_ce14, 0xb5_ba00, 0x04_51a5, 0xbc_05bc,
                0x05_98bc, 0xa5_a5a5,
            ],
        ),
    ];

    /// Returns the contrast of two colours (WCAG 2.2).
    fn contrast(one: u32, other: u32) -> f64 {
        let luminance = |color: u32| {
            let linear = |shift: u32| {
                let part = f64::from((color >> shift) & 0xff) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn number(color: Color) -> Option<usize> {
        let colors = [
            Color::Black,
            Color::Red,
            Color::Green,
            Color::Yellow,
            Color::Blue,
            Color::Magenta,
            Color::Cyan,
            Color::Gray,
            Color::DarkGray,
            Color::LightRed,
            Color::LightGreen,
            Color::LightYellow,
            Color::LightBlue,
            Color::LightMagenta,
            Color::LightCyan,
            Color::White,
        ];
        assert!(color == Color::Reset || colors.contains(&color), "{color} is none of the 16");
        colors.iter().position(|other| *other == color)
    }

    #[test]
    fn every_text_has_contrast_on_a_white_background() {
        let theme = Theme { color: true, ascii: false, light: true };
        for role in ROLES {
            let style = theme.of(role);
            let text = style.fg.and_then(number);
            let background = style.bg.and_then(number);
            for (name, palette) in PALETTES {
                let background = background.map_or(0xff_ffff, |number| palette[number]);
                // Without a colour, the terminal's own text colour applies, which the user can
                // read.
                let Some(text) = text else { continue };
                let contrast = contrast(palette[text], background);
                assert!(contrast >= 4.5, "{role:?} in {name}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn the_contrast_is_that_of_the_standard() {
        assert!((contrast(0x00_0000, 0xff_ffff) - 21.0).abs() < 0.01);
        assert!((contrast(0x76_7676, 0xff_ffff) - 4.54).abs() < 0.01);
        assert!(contrast(0x00_cd00, 0xff_ffff) < 4.5, "green is why there is a light theme");
    }
}
