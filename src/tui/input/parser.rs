//! Parses the bytes that a terminal sends: keys, pastes and answers, however they are split into
//! reads. Does no IO and has no clock.
//!
//! Answers can arrive at any time. They are consumed whole, whatever they contain, because their
//! letters would otherwise act as keys.

use std::time::Duration;

use super::super::chord::{Chord, Key};
use super::{Input, PASTE_LIMIT, Report};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// How long to wait for the rest of a key's sequence. After that, it was the Escape key.
const KEY: Duration = Duration::from_millis(50);
/// How long to wait for the rest of a sequence that has almost certainly begun: slow lines split
/// them anywhere.
const SEQUENCE: Duration = Duration::from_millis(250);
/// How long to wait for the rest of an answer. After that, keys work again.
const ANSWER: Duration = Duration::from_secs(1);
/// Maximum bytes kept of an answer; no answer used here is longer.
const LONGEST_ANSWER: usize = 256;
/// Maximum bytes kept of the numbers in a sequence.
const LONGEST_SEQUENCE: usize = 128;

/// The sequence in progress.
#[derive(Debug, Default)]
enum ParserState {
    /// None.
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC O.
    Ss3,
    /// After ESC [ and these bytes.
    Csi(Vec<u8>),
    /// After ESC [ [, used by the function keys of the Linux console.
    Console,
    /// After ESC [ M, an old-style mouse report: this many bytes follow.
    OldMouse(usize),
    /// OSC, DCS or APC, by the byte after ESC; ends with ESC \ or BEL.
    Answer { kind: u8, text: Vec<u8>, at_escape: bool },
    /// Inside a bracketed paste.
    Paste(Vec<u8>),
    /// A multi-byte character, of this length in all.
    Character { bytes: Vec<u8>, length: usize, alt: bool },
}

/// Turns bytes into inputs.
#[derive(Debug, Default)]
pub(super) struct Parser {
    state: ParserState,
}

impl Parser {
    /// Parses bytes and adds the resulting inputs.
    pub(super) fn feed(&mut self, bytes: &[u8], inputs: &mut Vec<Input>) {
        for byte in bytes {
            self.take(*byte, inputs);
        }
    }

    /// Returns how long to wait for more bytes before calling [`Parser::time_out`], or `None` if
    /// there is nothing to give up.
    pub(super) fn timeout(&self) -> Option<Duration> {
        match &self.state {
            // A paste has to end with its end mark: its rest would otherwise act as keys.
            ParserState::Ground | ParserState::Paste(_) => None,
            ParserState::Escape => Some(KEY),
            ParserState::Answer { text, .. } if !text.is_empty() => Some(ANSWER),
            _ => Some(SEQUENCE),
        }
    }

    /// Ends the sequence in progress, because no more bytes arrived in time.
    pub(super) fn time_out(&mut self, inputs: &mut Vec<Input>) {
        match std::mem::take(&mut self.state) {
            ParserState::Escape => inputs.push(key(Key::Esc, Modifiers::default())),
            ParserState::Ss3 => inputs.push(alt('O')),
            ParserState::Csi(text) if text.is_empty() => inputs.push(alt('[')),
            ParserState::Console => {
                inputs.extend([alt('['), key(Key::Char('['), Modifiers::default())]);
            }
            ParserState::Answer { kind, text, at_escape } => {
                if text.is_empty() {
                    inputs.push(alt(char::from(kind)));
                }
                if at_escape {
                    inputs.push(key(Key::Esc, Modifiers::default()));
                }
            }
            state @ ParserState::Paste(_) => self.state = state,
            _ => {}
        }
    }

    fn take(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        match &mut self.state {
            ParserState::Ground => self.begin(byte, false, inputs),
            ParserState::Escape => self.after_escape(byte, inputs),
            ParserState::Ss3 => match byte {
                0x20..=0x7e => {
                    self.state = ParserState::Ground;
                    inputs.extend(ss3(byte));
                }
                _ => self.abandon(byte, inputs),
            },
            ParserState::Csi(text) => match byte {
                b'[' if text.is_empty() => self.state = ParserState::Console,
                b'M' if text.is_empty() => self.state = ParserState::OldMouse(3),
                0x20..=0x3f => {
                    if text.len() < LONGEST_SEQUENCE {
                        text.push(byte);
                    }
                }
                0x40..=0x7e => {
                    let text = std::mem::take(text);
                    self.state = ParserState::Ground;
                    if (text.as_slice(), byte) == (b"200", b'~') {
                        self.state = ParserState::Paste(Vec::new());
                    } else {
                        csi(&text, byte, inputs);
                    }
                }
                _ => self.abandon(byte, inputs),
            },
            ParserState::Console => match byte {
                b'A'..=b'E' => {
                    self.state = ParserState::Ground;
                    inputs.push(key(Key::F(byte - b'A' + 1), Modifiers::default()));
                }
                _ => self.abandon(byte, inputs),
            },
            ParserState::OldMouse(left) => {
                *left -= 1;
                if *left == 0 {
                    self.state = ParserState::Ground;
                }
            }
            ParserState::Answer { kind, text, at_escape } => match byte {
                b'\\' if *at_escape => {
                    let (kind, text) = (*kind, std::mem::take(text));
                    self.state = ParserState::Ground;
                    inputs.extend(answer(kind, &text));
                }
                // Any byte here begins something new: an answer contains no control characters.
                _ if *at_escape => {
                    if text.is_empty() {
                        inputs.push(alt(char::from(*kind)));
                    }
                    self.state = ParserState::Escape;
                    self.after_escape(byte, inputs);
                }
                ESC => *at_escape = true,
                BEL => {
                    let (kind, text) = (*kind, std::mem::take(text));
                    self.state = ParserState::Ground;
                    inputs.extend(answer(kind, &text));
                }
                0x20..=0x7e | 0x80.. if !text.is_empty() || begins_answer(*kind, byte) => {
                    if text.len() < LONGEST_ANSWER {
                        text.push(byte);
                    }
                }
                _ => self.abandon(byte, inputs),
            },
            ParserState::Paste(text) => {
                const END: &[u8] = b"\x5b201~";
                // Keep only what will be passed on, and what may be the end mark.
                if text.len() >= PASTE_LIMIT + 2 * (END.len() + 1) {
                    text.drain(PASTE_LIMIT + 4..text.len() - END.len());
                }
                text.push(byte);
                let before = text.len().checked_sub(END.len() + 1);
                if let Some(before) = before
                    && text[before] == ESC
                    && text.ends_with(END)
                {
                    text.truncate(before);
                    let text = std::mem::take(text);
                    self.state = ParserState::Ground;
                    inputs.push(Input::Paste(paste(&text)));
                }
            }
            ParserState::Character { bytes, length, alt } => {
                if !(0x80..0xc0).contains(&byte) {
                    return self.abandon(byte, inputs);
                }
                bytes.push(byte);
                if bytes.len() == *length {
                    let (bytes, alt) = (std::mem::take(bytes), *alt);
                    self.state = ParserState::Ground;
                    if let Some(c) = std::str::from_utf8(&bytes).ok().and_then(|c| c.chars().next())
                    {
                        inputs.push(key(Key::Char(c), Modifiers { alt, ..Modifiers::default() }));
                    }
                }
            }
        }
    }

    /// Ends the sequence in progress, because this byte cannot belong to it.
    fn abandon(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        self.time_out(inputs);
        self.begin(byte, false, inputs);
    }

    fn after_escape(&mut self, byte: u8, inputs: &mut Vec<Input>) {
        self.state = match byte {
            b'[' => ParserState::Csi(Vec::new()),
            b'O' => ParserState::Ss3,
            b']' | b'P' | b'_' => {
                ParserState::Answer { kind: byte, text: Vec::new(), at_escape: false }
            }
            ESC => {
                inputs.push(key(Key::Esc, Modifiers::default()));
                ParserState::Escape
            }
            _ => {
                self.state = ParserState::Ground;
                return self.begin(byte, true, inputs);
            }
        };
    }

    /// Handles a byte outside a sequence, or after ESC if `alt` is true.
    fn begin(&mut self, byte: u8, alt: bool, inputs: &mut Vec<Input>) {
        let held = Modifiers { alt, ..Modifiers::default() };
        let ctrl = |c: u8| key(Key::Char(char::from(c)), Modifiers { ctrl: true, ..held });
        inputs.push(match byte {
            ESC => {
                self.state = ParserState::Escape;
                return;
            }
            0x80.. => {
                let length = match byte {
                    0xc2..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf4 => 4,
                    _ => return,
                };
                self.state = ParserState::Character { bytes: vec![byte], length, alt };
                return;
            }
            b'\t' => key(Key::Tab, held),
            b'\r' => key(Key::Enter, held),
            0x7f => key(Key::Backspace, held),
            0 => ctrl(b' '),
            1..=0x1a => ctrl(byte - 1 + b'a'),
            0x1c..=0x1f => ctrl(byte - 0x1c + b'4'),
            _ => key(Key::Char(char::from(byte)), held),
        });
    }
}

/// Returns whether an answer of this kind can begin with `byte`; if not, Escape and other keys were
/// pressed quickly.
const fn begins_answer(kind: u8, byte: u8) -> bool {
    match kind {
        // A number.
        b']' => byte.is_ascii_digit(),
        // Parameters, intermediates, or the `|` of a key that was reported by name.
        b'P' => matches!(byte, b'0'..=b'?' | b' '..=b'/' | b'|'),
        _ => true,
    }
}

/// Modifiers of a key.
#[derive(Debug, Default, Clone, Copy)]
struct Modifiers {
    ctrl: bool,
    alt: bool,
    shift: bool,
}

fn key(key: Key, Modifiers { ctrl, alt, shift }: Modifiers) -> Input {
    Input::Key(Chord { ctrl, alt, shift, ..Chord::plain(key) }.canonical())
}

fn alt(c: char) -> Input {
    key(Key::Char(c), Modifiers { alt: true, ..Modifiers::default() })
}

fn ss3(end: u8) -> Option<Input> {
    let named = match end {
        b'M' => Key::Enter,
        b'I' => Key::Tab,
        // The keypad, if it is in application mode without being asked to.
        b'j'..=b'y' => Key::Char(char::from(end - b'j' + b'*')),
        _ => by_letter(end)?,
    };
    Some(key(named, Modifiers::default()))
}

fn by_letter(end: u8) -> Option<Key> {
    Some(match end {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'P' => Key::F(1),
        b'Q' => Key::F(2),
        b'S' => Key::F(4),
        _ => return None,
    })
}

fn by_number(number: u32) -> Option<Key> {
    Some(match number {
        1 | 7 => Key::Home,
        2 => Key::Insert,
        3 => Key::Delete,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::F(u8::try_from(number - 10).ok()?),
        17..=21 => Key::F(u8::try_from(number - 11).ok()?),
        23..=26 => Key::F(u8::try_from(number - 12).ok()?),
        28 | 29 => Key::F(u8::try_from(number - 13).ok()?),
        31..=34 => Key::F(u8::try_from(number - 14).ok()?),
        _ => return None,
    })
}

/// Handles a complete control sequence.
fn csi(text: &[u8], end: u8, inputs: &mut Vec<Input>) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if text.starts_with('<') {
        // A mouse report, which another program left switched on.
    } else if let Some(text) = text.strip_prefix('?') {
        inputs.extend(match (text, end) {
            ("997;1", b'n') => Some(Input::Report(Report::Background { is_light: false })),
            ("997;2", b'n') => Some(Input::Report(Report::Background { is_light: true })),
            (_, b'u') => Some(Input::Report(Report::PhysicalKeys)),
            _ => None,
        });
    } else {
        keyed(text, end, inputs);
    }
}

/// Handles a control sequence that may be a key.
fn keyed(text: &str, end: u8, inputs: &mut Vec<Input>) {
    let parts: Vec<Vec<Option<u32>>> = text
        .split(';')
        .map(|part| part.split(':').map(|number| number.parse().ok()).collect())
        .collect();
    let number = |part: usize, at: usize| parts.get(part)?.get(at).copied().flatten();
    let modifiers = number(1, 0).unwrap_or(1).saturating_sub(1);
    // With super, hyper or meta it is another key, which is not bound. A reported release must not
    // act as a second press.
    if modifiers & 0b11_1000 != 0 || number(1, 1) == Some(3) {
        return;
    }
    let held =
        Modifiers { shift: modifiers & 1 != 0, alt: modifiers & 2 != 0, ctrl: modifiers & 4 != 0 };
    let named = match end {
        b'Z' => {
            inputs.push(key(Key::Tab, Modifiers { shift: true, ..held }));
            return;
        }
        b'~' if number(0, 0) == Some(27) => number(2, 0).and_then(by_code),
        b'~' => number(0, 0).and_then(by_number),
        b'u' => {
            let base = number(0, 2).and_then(char::from_u32);
            let caps_lock = modifiers & 64 != 0;
            let physical = base.map(|base| match (held.shift, caps_lock) {
                (true, true) if base.is_alphabetic() => base,
                (true, _) => shifted(base),
                (false, true) => base.to_ascii_uppercase(),
                (false, false) => base,
            });
            let text = parts.get(2).into_iter().flatten().filter_map(|code| *code);
            let text: Vec<char> = text.filter_map(char::from_u32).collect();
            if !text.is_empty() && !held.ctrl && !held.alt {
                inputs.extend(
                    text.into_iter()
                        .filter(|c| !c.is_control())
                        .map(|c| Input::Key(Chord { physical, ..Chord::char(c) }.canonical())),
                );
                return;
            }
            let code = number(0, 1).filter(|_| held.shift).or(number(0, 0));
            let Some(named) = code.and_then(by_code) else { return };
            let Modifiers { ctrl, alt, shift } = held;
            // Terminals traditionally send the same for both, and users rely on that.
            let (named, ctrl) = match named {
                Key::Char('i') if ctrl => (Key::Tab, false),
                Key::Char('m') if ctrl => (Key::Enter, false),
                Key::Char('[') if ctrl => (Key::Esc, false),
                named => (named, ctrl),
            };
            inputs.push(Input::Key(
                Chord { ctrl, alt, shift, physical, ..Chord::plain(named) }.canonical(),
            ));
            return;
        }
        _ => by_letter(end),
    };
    inputs.extend(named.map(|named| key(named, held)));
}

/// Returns a key by its number in the kitty keyboard protocol: a character, or a key of the keypad.
fn by_code(code: u32) -> Option<Key> {
    Some(match code {
        9 => Key::Tab,
        13 | 57_414 => Key::Enter,
        27 => Key::Esc,
        8 | 127 => Key::Backspace,
        57_376..=57_387 => Key::F(u8::try_from(code - 57_376 + 13).ok()?),
        57_399..=57_408 => Key::Char(char::from_digit(code - 57_399, 10)?),
        57_409 => Key::Char('.'),
        57_410 => Key::Char('/'),
        57_411 => Key::Char('*'),
        57_412 => Key::Char('-'),
        57_413 => Key::Char('+'),
        57_415 => Key::Char('='),
        57_416 => Key::Char(','),
        57_417 => Key::Left,
        57_418 => Key::Right,
        57_419 => Key::Up,
        57_420 => Key::Down,
        57_421 => Key::PageUp,
        57_422 => Key::PageDown,
        57_423 => Key::Home,
        57_424 => Key::End,
        57_425 => Key::Insert,
        57_426 => Key::Delete,
        // Modifiers alone, and media keys.
        57_344..=63_743 => return None,
        code => Key::Char(char::from_u32(code).filter(|c| !c.is_control())?),
    })
}

/// Returns the character of a key with shift on the US layout, by which physical keys are named.
fn shifted(base: char) -> char {
    const PLAIN: &str = "`1234567890-=[]\\;',./";
    const SHIFTED: &str = "~!@#$%^&*()_+{}|:\"<>?";
    let known = PLAIN.chars().zip(SHIFTED.chars()).find(|(plain, _)| *plain == base);
    known.map_or(base.to_ascii_uppercase(), |(_, shifted)| shifted)
}

/// Returns the content of an answer, or `None` if it is not used here.
fn answer(kind: u8, text: &[u8]) -> Option<Input> {
    if kind != b']' {
        return None;
    }
    let color = std::str::from_utf8(text).ok()?.strip_prefix("11;")?;
    Some(Input::Report(Report::Background { is_light: is_light(rgb(color)?) }))
}

/// Parses an X11 colour: red, green and blue, each from 0 to 1.
fn rgb(text: &str) -> Option<[f64; 3]> {
    let part = |digits: &str| {
        let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)? - 1;
        Some(f64::from(u32::from_str_radix(digits, 16).ok()?) / f64::from(most))
    };
    if let Some(digits) = text.strip_prefix('#') {
        let size = digits.len() / 3;
        if !digits.is_ascii() || !(1..=4).contains(&size) || digits.len() % 3 != 0 {
            return None;
        }
        let one = |at: usize| part(&digits[at * size..(at + 1) * size]);
        return Some([one(0)?, one(1)?, one(2)?]);
    }
    let (_, parts) = text.split_once(':').filter(|(form, _)| matches!(*form, "rgb" | "rgba"))?;
    let mut parts = parts
        .split('/')
        .map(|digits| if (1..=4).contains(&digits.len()) { part(digits) } else { None });
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Returns whether black has more contrast with it than white (WCAG 2.2, relative luminance).
fn is_light([red, green, blue]: [f64; 3]) -> bool {
    let linear =
        |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    // At this value the contrast with both is the same: (L + 0.05)² = 0.05 × 1.05.
    luminance > 0.1791
}

/// Returns the part of a paste that is passed on, cut between characters.
fn paste(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let mut end = text.len().min(PASTE_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests;
