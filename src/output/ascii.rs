//! Text for people on terminals with ASCII only; NDJSON does not go through it.

use std::io::{self, Write};

/// The ASCII replacements of the marks in our own lines, as on the dashboard.
const STAND_INS: [(char, char); 13] = [
    ('✓', 'v'),
    ('✗', 'x'),
    ('○', 'o'),
    ('◐', '%'),
    ('▲', '!'),
    ('╌', '.'),
    ('╳', 'X'),
    ('→', '>'),
    ('×', 'x'),
    ('·', '-'),
    ('–', '-'),
    ('—', '-'),
    ('…', '~'),
];

/// A writer of text, unchanged or as ASCII only: our own marks become letters, and every other
/// character an escape like `\u{e9}`, so that two different ids stay different.
#[derive(Debug)]
pub struct Characters<W> {
    out: W,
    is_ascii: bool,
    /// The beginning of an incomplete character.
    begun: Vec<u8>,
}

impl<W: Write> Characters<W> {
    /// Creates a writer to `out`.
    pub const fn new(out: W, is_ascii: bool) -> Self {
        Self { out, is_ascii, begun: Vec::new() }
    }
}

impl<W: Write> Write for Characters<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_ascii {
            return self.out.write(bytes);
        }
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for c in chunk.valid().chars() {
                push(&mut text, c);
            }
            match chunk.invalid() {
                [] => {}
                begun if chunks.peek().is_none() && begun.len() < 4 => {
                    begun.clone_into(&mut self.begun);
                }
                _ => text.push('?'),
            }
        }
        self.out.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn push(text: &mut String, c: char) {
    match STAND_INS.iter().find(|(mark, _)| *mark == c) {
        _ if c.is_ascii() => text.push(c),
        Some((_, stand_in)) => text.push(*stand_in),
        None => text.extend(c.escape_unicode()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_letters_and_the_rest_escapes_however_it_is_cut() {
        let text = "✓ valid  Épisode 東  ×3 a…\n\u{1b}[1mx\u{1b}[0m\n";
        let wanted = "v valid  \\u{c9}pisode \\u{6771}  x3 a~\n\u{1b}[1mx\u{1b}[0m\n";
        for size in [1, 2, 3, 5, 100] {
            let mut out = Characters::new(Vec::new(), true);
            for piece in text.as_bytes().chunks(size) {
                out.write_all(piece).unwrap();
            }
            assert_eq!(String::from_utf8(out.out).unwrap(), wanted, "{size}");
        }
        let mut out = Characters::new(Vec::new(), false);
        out.write_all(text.as_bytes()).unwrap();
        assert_eq!(out.out, text.as_bytes());
    }
}
