//! The key table. It drives dispatch, the footer, the help screen and the list in `docs/keys.md`.

use super::input::Chord;
use super::model::mode::{Mode, Pane};
use super::model::screen::Screen;
use super::model::{Banner, Model};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Quit,
    Suspend,
    Repaint,
    Back,
    Help,
    Show(Screen),
    NextPane,
    PreviousPane,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    NextFailure,
    PreviousFailure,
    FailuresOnly,
    Filter,
    Name,
    Expect,
    Acknowledge,
    Freeze,
    Copy,
    OpenStudio,
    Download,
    ZoomIn,
    ZoomOut,
    Fit,
    Demo,
    NextTab,
    PreviousTab,
    OtherForm,
    CopyId,
    CopyVersion,
    CopyBody,
    CopyBase64,
    CopyCurl,
    CopyGetVersion,
    CopyUrl,
    CopyStudio,
    CopySend,
    Accept,
    Abandon,
    Backspace,
    Delete,
    Clear,
    CursorLeft,
    CursorRight,
    CursorStart,
    CursorEnd,
}

/// Where a row of the table applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Everywhere.
    Always,
    /// On every screen, if nothing is open over it.
    Screens,
    /// On the Timeline.
    Timeline,
    /// In a list of deliveries.
    Rows,
    /// In the matrix.
    Matrix,
    /// Before the first callback.
    Empty,
    /// In the detail view.
    Detail,
    /// In the help.
    Help,
    /// In the copy menu.
    Copy,
    /// While typing a line.
    Line,
    /// While asking about a host to download from.
    Host,
    /// While confirming the end.
    Quitting,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 12] = [
        Self::Screens,
        Self::Timeline,
        Self::Rows,
        Self::Matrix,
        Self::Empty,
        Self::Detail,
        Self::Copy,
        Self::Line,
        Self::Host,
        Self::Quitting,
        Self::Help,
        Self::Always,
    ];

    /// Returns the heading of the context in the help.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Screens => "On every screen",
            Self::Timeline => "On the Timeline",
            Self::Rows => "In a list of deliveries",
            Self::Matrix => "In the Matrix",
            Self::Empty => "Before the first callback",
            Self::Detail => "In a delivery",
            Self::Help => "In the help",
            Self::Copy => "After y",
            Self::Line => "While typing",
            Self::Host => "When a video is on a new host",
            Self::Quitting => "After q at the top level",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Where it applies.
    pub context: Context,
    /// The keys, in the text form of [`Chord`].
    pub keys: &'static [&'static str],
    /// The action.
    pub action: Action,
    /// The description for the help.
    pub help: &'static str,
    /// A word or two for the footer; empty if it is not shown there.
    pub footer: &'static str,
}

const fn bind(
    context: Context,
    keys: &'static [&'static str],
    action: Action,
    footer: &'static str,
    help: &'static str,
) -> Binding {
    Binding { context, keys, action, help, footer }
}

use Action as A;
use Context as C;

/// The table. If two rows have the same key, the one in the inner context applies.
pub const KEYMAP: &[Binding] = &[
    bind(C::Screens, &["1"], A::Show(Screen::Timeline), "", "Timeline: assets, lanes, deliveries"),
    bind(C::Screens, &["2"], A::Show(Screen::Matrix), "", "Matrix: assets by locales"),
    bind(
        C::Screens,
        &["3"],
        A::Show(Screen::Deliveries),
        "",
        "Deliveries: all deliveries and refusals",
    ),
    bind(C::Screens, &["4"], A::Show(Screen::Health), "", "Health: the state of dubwatch itself"),
    bind(C::Screens, &["up", "k"], A::Up, "", "up"),
    bind(C::Screens, &["down", "j"], A::Down, "", "down"),
    bind(C::Screens, &["pgup", "ctrl-u"], A::PageUp, "", "page up"),
    bind(C::Screens, &["pgdn", "ctrl-d"], A::PageDown, "", "page down"),
    bind(C::Screens, &["home", "g"], A::First, "", "to the first row"),
    bind(
        C::Screens,
        &["end", "G"],
        A::Last,
        "",
        "to the last row; in a list of deliveries, follow the newest",
    ),
    bind(C::Timeline, &["tab"], A::NextPane, "pane", "next pane: assets, lanes, deliveries"),
    bind(C::Timeline, &["shift-tab"], A::PreviousPane, "", "previous pane"),
    bind(C::Screens, &["enter"], A::Open, "open", "open the selection"),
    bind(
        C::Screens,
        &["n"],
        A::NextFailure,
        "next failure",
        "next failure or overdue version not marked as seen",
    ),
    bind(C::Screens, &["N"], A::PreviousFailure, "", "previous one"),
    bind(
        C::Screens,
        &["x"],
        A::Acknowledge,
        "",
        "mark the selected failure or overdue version as seen, or undo that; it stays listed",
    ),
    bind(
        C::Screens,
        &["!"],
        A::FailuresOnly,
        "",
        "show only failed and overdue ones, or everything again",
    ),
    bind(C::Screens, &["/"], A::Filter, "filter", "filter, e.g. failed locale:es !valid since:1h"),
    bind(C::Screens, &["L"], A::Name, "", "give the asset a local name"),
    bind(
        C::Screens,
        &["E"],
        A::Expect,
        "",
        "set the versions that the asset will have: locales like es-ES,fr-FR, or a number",
    ),
    bind(
        C::Screens,
        &["space"],
        A::Freeze,
        "freeze",
        "freeze the screen (receiving continues), or unfreeze it",
    ),
    bind(C::Screens, &["y"], A::Copy, "copy", "copy an id, a body, a URL or a command"),
    bind(
        C::Screens,
        &["o"],
        A::OpenStudio,
        "",
        "open the version in the service's studio, in the browser; needs an API key",
    ),
    bind(
        C::Screens,
        &["d"],
        A::Download,
        "",
        "download the video of the generated version, or stop that; needs an API key",
    ),
    bind(C::Timeline, &["+", "="], A::ZoomIn, "", "zoom in on the time axis"),
    bind(C::Timeline, &["-"], A::ZoomOut, "", "zoom out"),
    bind(C::Timeline, &["0"], A::Fit, "", "fit the whole asset, and follow now"),
    bind(C::Timeline, &["left", "h"], A::Left, "", "back in time"),
    bind(
        C::Timeline,
        &["right", "l"],
        A::Right,
        "",
        "forward in time; follow now once it is reached",
    ),
    bind(C::Matrix, &["left", "h"], A::Left, "", "one locale to the left"),
    bind(C::Matrix, &["right", "l"], A::Right, "", "one locale to the right"),
    bind(
        C::Empty,
        &["d"],
        A::Demo,
        "demo",
        "play a demo with made-up data while receiving continues; esc ends it",
    ),
    bind(
        C::Screens,
        &["esc", "q"],
        A::Back,
        "",
        "one level back; q at the top level quits, and asks first while callbacks are received",
    ),
    bind(C::Screens, &["?"], A::Help, "keys", "this help"),
    bind(
        C::Detail,
        &["tab", "right", "l"],
        A::NextTab,
        "tab",
        "next tab: payload, headers, raw, signature",
    ),
    bind(C::Detail, &["shift-tab", "left", "h"], A::PreviousTab, "", "previous tab"),
    bind(
        C::Detail,
        &["v"],
        A::OtherForm,
        "format",
        "payload pretty or as sent, raw as text or hex",
    ),
    bind(C::Detail, &["up", "k"], A::Up, "scroll", "up"),
    bind(C::Detail, &["down", "j"], A::Down, "", "down"),
    bind(C::Detail, &["pgup", "ctrl-u"], A::PageUp, "", "page up"),
    bind(C::Detail, &["pgdn", "ctrl-d", "space"], A::PageDown, "", "page down"),
    bind(C::Detail, &["home", "g"], A::First, "", "to the beginning"),
    bind(C::Detail, &["end", "G"], A::Last, "", "to the end"),
    bind(C::Detail, &["n"], A::NextFailure, "", "next delivery in the list"),
    bind(C::Detail, &["N"], A::PreviousFailure, "", "previous delivery in the list"),
    bind(C::Detail, &["y"], A::Copy, "copy", "copy an id, the body or a command"),
    bind(C::Detail, &["o"], A::OpenStudio, "", "open its version in the service's studio"),
    bind(C::Detail, &["d"], A::Download, "", "download the video of its version, or stop that"),
    bind(C::Detail, &["esc", "q", "enter"], A::Back, "back", "back to the list"),
    bind(C::Detail, &["?"], A::Help, "keys", "this help"),
    bind(C::Copy, &["i"], A::CopyId, "", "the asset's id"),
    bind(C::Copy, &["v"], A::CopyVersion, "", "the version's id"),
    bind(C::Copy, &["b"], A::CopyBody, "", "the body of the selected delivery"),
    bind(C::Copy, &["B"], A::CopyBase64, "", "the body in base64, byte for byte"),
    bind(C::Copy, &["c"], A::CopyCurl, "", "a curl command that posts it again, byte for byte"),
    bind(
        C::Copy,
        &["r"],
        A::CopyGetVersion,
        "",
        "a curl command that gets the version from the service's API (Get Version)",
    ),
    bind(
        C::Copy,
        &["o"],
        A::CopyStudio,
        "",
        "the URL of the version in the service's studio; needs an API key",
    ),
    bind(C::Copy, &["u"], A::CopyUrl, "", "the callback URL"),
    bind(C::Copy, &["s"], A::CopySend, "", "a command that posts a test callback"),
    bind(C::Copy, &["esc", "q", "y"], A::Back, "cancel", "cancel"),
    bind(C::Line, &["enter"], A::Accept, "apply", "apply the text"),
    bind(C::Line, &["esc"], A::Abandon, "cancel", "cancel"),
    bind(C::Line, &["left"], A::CursorLeft, "", "a character to the left"),
    bind(C::Line, &["right"], A::CursorRight, "", "a character to the right"),
    bind(C::Line, &["home", "ctrl-a"], A::CursorStart, "", "to the beginning"),
    bind(C::Line, &["end", "ctrl-e"], A::CursorEnd, "", "to the end"),
    bind(
        C::Line,
        &["backspace", "ctrl-h"],
        A::Backspace,
        "",
        "delete the character before the cursor",
    ),
    bind(C::Line, &["del"], A::Delete, "", "delete the character under the cursor"),
    bind(C::Line, &["ctrl-u"], A::Clear, "", "delete everything"),
    bind(C::Help, &["up", "k"], A::Up, "scroll", "up"),
    bind(C::Help, &["down", "j"], A::Down, "", "down"),
    bind(C::Help, &["pgup", "ctrl-u"], A::PageUp, "", "page up"),
    bind(C::Help, &["pgdn", "ctrl-d", "space"], A::PageDown, "", "page down"),
    bind(C::Help, &["home", "g"], A::First, "", "to the beginning"),
    bind(C::Help, &["end", "G"], A::Last, "", "to the end"),
    bind(C::Help, &["esc", "q", "?", "enter"], A::Back, "back", "back"),
    bind(C::Host, &["y"], A::Accept, "", "download from the host"),
    bind(C::Host, &["esc", "n"], A::Back, "", "do not, like any other key"),
    bind(C::Quitting, &["q", "y"], A::Quit, "", "quit"),
    bind(C::Quitting, &["esc", "n"], A::Back, "", "cancel, like any other key"),
    bind(C::Always, &["ctrl-l"], A::Repaint, "", "redraw the screen"),
    bind(
        C::Always,
        &["ctrl-z"],
        A::Suspend,
        "",
        "suspend to the shell; nothing is received until `fg`",
    ),
    bind(C::Always, &["ctrl-c"], A::Quit, "", "quit immediately"),
];

/// Returns the contexts that apply at the moment, innermost first.
pub fn contexts(model: &Model) -> Vec<Context> {
    let mut contexts = match &model.mode {
        Mode::Normal => {
            let mut own = Vec::new();
            if model.is_empty() && model.run_info.banner != Some(Banner::Demo) {
                own.push(Context::Empty);
            }
            match model.screen {
                Screen::Timeline if model.pane == Pane::Deliveries => {
                    own.extend([Context::Rows, Context::Timeline]);
                }
                Screen::Timeline => own.push(Context::Timeline),
                Screen::Matrix => own.push(Context::Matrix),
                Screen::Deliveries => own.push(Context::Rows),
                Screen::Health => {}
            }
            own.push(Context::Screens);
            own
        }
        Mode::Filter { .. } | Mode::Name { .. } | Mode::Expect { .. } | Mode::Download { .. } => {
            vec![Context::Line]
        }
        Mode::AgreeHost { .. } => vec![Context::Host],
        Mode::Copy(_) => vec![Context::Copy],
        Mode::Quit => vec![Context::Quitting],
        Mode::Detail(_) => vec![Context::Detail],
        Mode::Help { .. } => vec![Context::Help],
    };
    contexts.push(Context::Always);
    contexts
}

/// Returns the action of a key at the moment, if it has one.
pub fn action(model: &Model, chord: &Chord) -> Option<Action> {
    let key = chord.to_string();
    contexts(model).into_iter().find_map(|context| {
        let mut rows = KEYMAP.iter().filter(|row| row.context == context);
        rows.find(|row| row.keys.contains(&&*key)).map(|row| row.action)
    })
}

/// Returns the rows to show in the footer at the moment; it shows the first key of each.
pub fn footer(model: &Model) -> impl Iterator<Item = &'static Binding> {
    // Before the first callback there is nothing to move in.
    let empty = contexts(model).contains(&Context::Empty);
    let useful = move |row: &&Binding| {
        !empty || row.context == Context::Empty || matches!(row.action, Action::Copy | Action::Help)
    };
    contexts(model)
        .into_iter()
        .flat_map(|context| KEYMAP.iter().filter(move |row| row.context == context))
        .filter(|row| !row.footer.is_empty())
        .filter(useful)
        // Invalid text cannot be kept.
        .filter(|row| row.action != Action::Accept || model.line_error().is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_parses_and_formats_to_the_same_text() {
        for row in KEYMAP {
            for key in row.keys {
                let chord: Chord = key.parse().unwrap_or_else(|_| panic!("{key} is no key"));
                assert_eq!(chord.to_string(), **key);
            }
        }
    }

    #[test]
    fn no_key_means_two_things_in_one_context() {
        let mut seen = HashSet::new();
        for row in KEYMAP {
            assert!(!row.help.is_empty());
            for key in row.keys {
                assert!(seen.insert((row.context, *key)), "{key} twice in {:?}", row.context);
            }
        }
    }

    #[test]
    fn every_context_is_listed() {
        for row in KEYMAP {
            assert!(Context::ALL.contains(&row.context));
        }
    }
}
