//! The screen before the first callback: the callback URL, a command that posts a test callback,
//! and the demo.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::{Banner, Model};
use super::super::widget::pen::Pen;
use super::super::widget::theme::{Role, Theme};
use super::link;
use crate::text::Printable;

/// A line of the screen.
enum EmptyScreenLine {
    Title(String),
    Text(String),
    Alarm(String),
    /// Text to be copied: never cut, so it continues on the next line.
    Paste(String),
    Key(&'static str, &'static str),
    Gap,
}

pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let parts = parts(model);
    let left = if area.width >= 100 { 8 } else { 2 };
    let room = area.width.saturating_sub(2 * left).max(1);
    let column = Rect { x: area.x + left.min(area.width), width: room.min(area.width), ..area };
    let height = parts.len();
    // A little above the middle, where people look first.
    let mut row = area.height.saturating_sub(u16::try_from(height).unwrap_or(u16::MAX)) / 3;
    for part in parts {
        match part {
            EmptyScreenLine::Title(text) => {
                Pen::new(buffer, column, row).text(&text, theme.of(Role::Strong));
            }
            EmptyScreenLine::Text(text) => {
                Pen::new(buffer, column, row).text(&text, theme.of(Role::Dim));
            }
            EmptyScreenLine::Paste(text) => {
                let lines = shell_lines(&text, usize::from(room));
                let last = lines.len() - 1;
                for (number, line) in lines.iter().enumerate() {
                    Pen::new(buffer, column, row).text(line, theme.of(Role::Key));
                    row += u16::from(number < last);
                }
            }
            EmptyScreenLine::Alarm(text) => {
                Pen::new(buffer, column, row).text(&text, theme.of(Role::Failed));
            }
            EmptyScreenLine::Key(key, what) => {
                let mut pen = Pen::new(buffer, column, row);
                pen.field(7, key, theme.of(Role::Key)).text(what, theme.of(Role::Plain));
            }
            EmptyScreenLine::Gap => {}
        }
        row += 1;
    }
}

/// Returns a hint about how the sender can reach the URL.
fn reach_hint(url: &str, door: &str) -> Option<&'static str> {
    let host = url.split("//").nth(1)?.split('/').next()?;
    // The port and path of a listener on all addresses; a URL that is not ours ends differently.
    let everywhere = door.strip_prefix("0.0.0.0").or_else(|| door.strip_prefix("[::]"));
    if everywhere.is_some_and(|tail| url.starts_with("http://") && url.ends_with(tail)) {
        Some("Listening on every address: if the sender needs another name, set --public-url")
    } else if host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
    {
        Some("From outside, use a tunnel or a proxy, and set --public-url to its URL")
    } else {
        None
    }
}

/// Splits a command into lines that a shell joins again: broken at blanks, with a backslash at the
/// end of each line but the last. A word longer than a line continues on the next one.
fn shell_lines(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() + 2 <= room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) => {
                line.push_str(" \\");
                lines.push(word.to_owned());
            }
            None => lines.push(word.to_owned()),
        }
    }
    let lines = lines.iter().flat_map(|line| Printable::new(line).pieces(room.max(1)));
    lines.map(|piece| piece.to_string()).collect()
}

/// Returns the words of a command; blanks in single quotes do not separate words.
fn words(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|c| {
        let parts = c == ' ' && !quoted && !escaped;
        quoted ^= c == '\'' && !escaped;
        escaped = c == '\\' && !quoted && !escaped;
        parts
    })
    .collect()
}

fn parts(model: &Model) -> Vec<EmptyScreenLine> {
    let run_info = &model.run_info;
    let low = model.size.1 < 20;
    let gap = || if low { None } else { Some(EmptyScreenLine::Gap) };
    let mut parts = Vec::new();
    match run_info.banner {
        Some(Banner::Demo) => {
            parts.push(EmptyScreenLine::Title("The demo is starting".to_owned()));
            return parts;
        }
        Some(Banner::ReadOnly) => {
            parts.push(EmptyScreenLine::Title("The journal is empty".to_owned()));
            parts.push(EmptyScreenLine::Text(
                "Callbacks that the other dubwatch receives will appear here.".to_owned(),
            ));
            return parts;
        }
        Some(Banner::Unwritable) => {
            parts.push(EmptyScreenLine::Title("The journal is empty".to_owned()));
            parts.push(EmptyScreenLine::Text(
                "It cannot be written here, so nothing is received.".to_owned(),
            ));
            return parts;
        }
        Some(Banner::Capture) => {
            parts.push(EmptyScreenLine::Title("The capture has no callback".to_owned()));
            parts.push(EmptyScreenLine::Text(
                "What else it holds is on the screens 3 and 4.".to_owned(),
            ));
            return parts;
        }
        Some(Banner::Unchecked) | None => {}
    }
    parts.push(EmptyScreenLine::Title("Waiting for the first callback".to_owned()));
    match model.shown().rows.len() {
        0 => {}
        1 => parts.push(EmptyScreenLine::Alarm("A request was refused (3: why)".to_owned())),
        more => {
            parts.push(EmptyScreenLine::Alarm(format!("{more} requests were refused (3: why)")));
        }
    }
    parts.extend(gap());
    if run_info.callback_url.is_empty() {
        parts.push(EmptyScreenLine::Text(
            "Waiting for the relay to report the URL for the dubbing service:".to_owned(),
        ));
        if let Some(link) = &model.shown().link {
            parts.push(EmptyScreenLine::Text(link::full(link, model.now).1));
        }
    } else {
        parts.push(EmptyScreenLine::Text(
            "Give this URL to the dubbing service as the asset's callback_url:".to_owned(),
        ));
        parts.push(EmptyScreenLine::Paste(run_info.callback_url.clone()));
    }
    // The operator of a relay knows its address.
    if model.shown().link.is_none()
        && let Some(hint) = reach_hint(&run_info.callback_url, &run_info.door)
    {
        parts.push(EmptyScreenLine::Text(hint.to_owned()));
    }
    parts.extend(gap());
    if run_info.send_line.is_empty() {
        parts.push(EmptyScreenLine::Text(
            "A test callback needs a trusted key: dubwatch keygen, then --public-key".to_owned(),
        ));
    } else {
        parts.push(EmptyScreenLine::Text(
            "Or post a signed test callback from another terminal:".to_owned(),
        ));
        parts.push(EmptyScreenLine::Paste(run_info.send_line.clone()));
    }
    parts.extend(gap());
    parts.push(EmptyScreenLine::Key("y u", "copy the URL"));
    if !run_info.send_line.is_empty() {
        parts.push(EmptyScreenLine::Key("y s", "copy the command"));
    }
    parts.push(EmptyScreenLine::Key("d", "watch a demo with made-up data; nothing is kept"));
    parts.push(EmptyScreenLine::Key("?", "all keys"));
    parts.extend(gap());
    let keys: Vec<String> =
        run_info.keys.iter().map(|key| Printable::new(key).to_string()).collect();
    let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    parts.push(EmptyScreenLine::Text(format!(
        "Trusted keys: {keys}. Journal: {}",
        run_info.journal
    )));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_so_that_a_shell_joins_it() {
        assert_eq!(
            shell_lines("send --to http://a --event x", 18),
            ["send --to \\", "http://a --event \\", "x"]
        );
        assert_eq!(shell_lines("short", 40), ["short"]);
        assert_eq!(words(r"a 'b c'\''d e' f\ g"), ["a", r"'b c'\''d e'", r"f\ g"]);
    }

    #[test]
    fn the_hint_depends_on_how_the_url_can_be_reached() {
        let every = reach_hint("http://studio:1/x", "0.0.0.0:1/x").unwrap();
        assert!(every.contains("every address"), "{every}");
        assert_eq!(reach_hint("http://studio:1/x", "[::]:1/x"), Some(every));
        let loopback = reach_hint("http://127.0.0.1:1/x", "127.0.0.1:1/x").unwrap();
        assert!(loopback.contains("tunnel"), "{loopback}");
        for door in ["0.0.0.0:1/callback", "127.0.0.1:1/callback"] {
            assert_eq!(reach_hint("https://dubs.example/callback", door), None);
            assert_eq!(reach_hint("", door), None);
        }
    }
}
