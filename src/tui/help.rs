//! The lines of the help screen, made from the key table and the table of filter terms.

use crate::filter::TERMS;

use super::keymap::{Context, KEYMAP};
use super::widget::glyph;

/// Minimum width of one column of the help, in columns of the screen.
const COLUMN: u16 = 58;
/// Columns between two of them.
const GAP: u16 = 2;
/// Columns for the keys or the term in front of their description.
const LEAD: u16 = 19;
/// The same on a narrow screen.
const NARROW_LEAD: u16 = 14;

/// A line of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelpLine {
    /// An empty line.
    Blank,
    /// The heading of a section.
    Title(&'static str),
    /// Text across the whole width.
    Text(String),
    /// Keys or a term with a description; both can continue on the next line.
    Entry {
        /// The keys or the term.
        lead: String,
        /// The description.
        text: String,
    },
    /// A glyph and its meaning.
    Sign(char, &'static str),
}

/// The help, laid out for a screen width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// The columns from left to right, each with its lines from top to bottom.
    pub columns: Vec<Vec<HelpLine>>,
    /// The width of each column.
    pub width: u16,
    /// The width of the lead of an entry, including the blank after it.
    pub lead: u16,
}

impl Help {
    /// Lays out the help for a screen of this width.
    pub fn new(width: u16) -> Self {
        let count = (width / COLUMN).clamp(1, 3);
        let column = (width / count).saturating_sub(GAP).max(1);
        let lead = if column < 50 { NARROW_LEAD } else { LEAD };
        let parts = parts(lead.into(), column.into());
        // Sections stay whole and in order; each column is filled up to its share.
        let total: usize = parts.iter().map(|part| part.len() + 1).sum();
        let mut columns: Vec<Vec<HelpLine>> = vec![Vec::new()];
        let mut before = 0;
        for part in parts {
            let share = (total * columns.len()).div_ceil(count.into());
            let last = columns.len() == usize::from(count);
            // A section starts the next column if more than half of it would exceed this one's
            // share.
            if !last && before + part.len() / 2 > share {
                columns.push(Vec::new());
            }
            before += part.len() + 1;
            if let Some(column) = columns.last_mut() {
                if !column.is_empty() {
                    column.push(HelpLine::Blank);
                }
                column.extend(part);
            }
        }
        Self { columns, width: column, lead }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.columns.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// Returns the sections: the keys of each context, how to read lanes, and the filter terms.
fn parts(lead: usize, column: usize) -> Vec<Vec<HelpLine>> {
    let mut parts: Vec<Vec<HelpLine>> = Context::ALL
        .into_iter()
        .map(|context| {
            let rows = KEYMAP.iter().filter(|row| row.context == context);
            std::iter::once(HelpLine::Title(context.title()))
                .chain(rows.flat_map(|row| entry(&row.keys.join(" "), row.help, lead, column)))
                .collect::<Vec<_>>()
        })
        // Drop contexts without keys of their own.
        .filter(|part| part.len() > 1)
        .collect();
    parts.insert(2.min(parts.len()), grammar());
    parts.push(filter(lead, column));
    parts
}

/// Explains the glyphs.
fn grammar() -> Vec<HelpLine> {
    let signs = [
        (glyph::THIN, "thin line: waiting for a person"),
        (glyph::THICK, "thick line: generating"),
        (glyph::BROKEN, "red dashes: still failed"),
        (glyph::EXPECTED, "faint dashes: until the expected end"),
        (glyph::CYCLE, "new cycle: revised or generated again"),
        (glyph::FAILED, "failed"),
        (glyph::OVERDUE, "overdue: generating for longer than --overdue"),
        (glyph::READY, "ready: waiting for a person"),
        (glyph::GENERATING, "generating"),
        (glyph::DONE, "done; for a delivery: valid signature"),
        (glyph::GUESS, "a guess; open the delivery for the reason"),
        (glyph::UNCHECKED, "unchecked: accepted with --signature off"),
    ];
    let signs = signs.into_iter().map(|(sign, text)| HelpLine::Sign(sign, text));
    std::iter::once(HelpLine::Title("Reading lanes and lists")).chain(signs).collect()
}

fn filter(lead: usize, column: usize) -> Vec<HelpLine> {
    let general = "Separate terms with spaces; all of them have to match. ! negates a term. Quotes \
                   allow spaces and colons in a term. TIME is a time ago (90m, 2d) or an RFC 3339 \
                   time.";
    let mut part = vec![HelpLine::Title("Filter terms, after /")];
    part.extend(wrapped(general, column.saturating_sub(2)).into_iter().map(HelpLine::Text));
    for term in &TERMS {
        // The forms, if they say more than the example.
        let text = if term.forms.contains([' ', ':']) {
            format!("{}: {}", term.matches, term.forms)
        } else {
            term.matches.to_owned()
        };
        part.extend(entry(term.example, &text, lead, column));
    }
    part
}

fn entry(words: &str, text: &str, lead: usize, column: usize) -> Vec<HelpLine> {
    let words = wrapped(words, lead.saturating_sub(2));
    let text = wrapped(text, column.saturating_sub(lead).max(8));
    (0..words.len().max(text.len()))
        .map(|line| HelpLine::Entry {
            lead: words.get(line).cloned().unwrap_or_default(),
            text: text.get(line).cloned().unwrap_or_default(),
        })
        .collect()
}

/// Wraps our own text, in which each character is one column wide, into lines of at most `columns`
/// columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_every_term_is_listed_at_every_width() {
        for width in [0, 1, 40, 80, 120, 132, 200, u16::MAX] {
            let help = Help::new(width);
            let mut words = Vec::new();
            for line in help.columns.iter().flatten() {
                if let HelpLine::Entry { lead, .. } = line {
                    words.extend(lead.split(' '));
                }
            }
            for row in KEYMAP {
                let all = words.windows(row.keys.len()).any(|some| some == row.keys);
                assert!(all, "{:?} at {width}", row.keys);
            }
            for term in &TERMS {
                assert!(words.contains(&term.example), "{} at {width}", term.example);
            }
            assert!(help.columns.len() <= 3 && help.rows() > 0);
        }
    }

    #[test]
    fn columns_have_similar_lengths() {
        for width in [120, 150, 200] {
            let help = Help::new(width);
            let lengths: Vec<usize> = help.columns.iter().map(Vec::len).collect();
            assert_eq!(lengths.len(), usize::from((width / COLUMN).min(3)));
            let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
            assert!(most - least <= most / 2, "{lengths:?} at {width}");
        }
    }

    #[test]
    fn no_line_is_wider_than_its_column() {
        for width in [40, 80, 120, 200] {
            let help = Help::new(width);
            for line in help.columns.iter().flatten() {
                if let HelpLine::Entry { lead, text } = line {
                    assert!(text.chars().count() <= usize::from(help.width - help.lead));
                    assert!(lead.chars().count() + 1 < usize::from(help.lead), "{line:?}");
                }
            }
        }
    }
}
