//! CSV of asset ids and names (RFC 4180), as spreadsheets write it; knows no journal.

use std::collections::HashMap;

use crate::journal::{MAX_NAME, NameChange};
use crate::text::Printable;

/// The longest id, in bytes.
const MAX_ID: usize = 1024;

/// What is wrong with a file; the message follows its name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CsvError {
    #[error(" is UTF-16: save it as CSV in UTF-8")]
    Utf16,
    #[error(", line {0}: it is not UTF-8: save the file as CSV in UTF-8")]
    NotUtf8(usize),
    #[error(", line {0}: a quote is opened and not closed")]
    OpenQuote(usize),
    #[error(", line {0}: there is text behind a closing quote")]
    BehindQuote(usize),
    #[error(", line {line}: an id and a name are expected, columns found: {columns}")]
    Columns { line: usize, columns: usize },
    #[error(", line {0}: the id is empty")]
    NoId(usize),
    #[error(", line {line}: the id is {bytes} bytes long, {max} fit", max = MAX_ID)]
    LongId { line: usize, bytes: usize },
    #[error(", line {line}: the name is {characters} characters long, {max} fit", max = MAX_NAME)]
    LongName { line: usize, characters: usize },
    #[error(", line {line}: there is a control character or a line end in {text}")]
    Control { line: usize, text: Printable },
    #[error(", line {line}: {id} stands on line {first} already")]
    Twice { line: usize, id: Printable, first: usize },
    #[error(
        ", line {line}: {heading} is a heading only in part; make the first line \"id,name\" or \"name,id\", as the columns stand"
    )]
    Heading { line: usize, heading: Printable },
    #[error(" has no names in it")]
    Empty,
}

/// Reads the names of a file.
pub(super) fn names(bytes: &[u8]) -> Result<Vec<NameChange>, CsvError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(CsvError::Utf16);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let sound = &bytes[..error.valid_up_to()];
        CsvError::NotUtf8(sound.split(|byte| *byte == b'\n').count())
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut names = Vec::new();
    let mut lines = HashMap::new();
    let mut order = Order::IdFirst;
    for (index, Record { line, cells }) in records(text)?.into_iter().enumerate() {
        let (first, second) = match cells.as_slice() {
            [first, second, rest @ ..] if rest.iter().all(|cell| cell.trim().is_empty()) => {
                (first, second)
            }
            cells => return Err(CsvError::Columns { line, columns: cells.len() }),
        };
        if index == 0 {
            match (Column::of(first), Column::of(second)) {
                (None, None) => {}
                (Some(Column::Id), Some(Column::Name)) => continue,
                (Some(Column::Name), Some(Column::Id)) => {
                    order = Order::NameFirst;
                    continue;
                }
                _ => {
                    let heading = Printable::new(&format!("{first},{second}")).cut(80);
                    return Err(CsvError::Heading { line, heading });
                }
            }
        }
        let (id, name) = match order {
            Order::IdFirst => (first, second),
            Order::NameFirst => (second, first),
        };
        let change = checked(line, id, name)?;
        if let Some(first) = lines.insert(change.asset_id.clone(), line) {
            let id = Printable::new(&change.asset_id).cut(80);
            return Err(CsvError::Twice { line, id, first });
        }
        names.push(change);
    }
    if names.is_empty() { Err(CsvError::Empty) } else { Ok(names) }
}

/// The order of the two columns.
#[derive(Debug, Clone, Copy)]
enum Order {
    IdFirst,
    NameFirst,
}

/// The column that a heading names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Name,
}

impl Column {
    /// Returns the column whose heading a cell is; `None` for a cell that looks like data.
    fn of(cell: &str) -> Option<Self> {
        let is_letter = |c: &char| !matches!(c, ' ' | '_' | '-' | '.');
        let word: String = cell.trim().to_lowercase().chars().filter(is_letter).collect();
        match word.as_str() {
            "id" | "asset" | "assetid" => Some(Self::Id),
            "name" | "assetname" | "displayname" | "localname" | "title" | "assettitle"
            | "label" => Some(Self::Name),
            _ => None,
        }
    }
}

fn checked(line: usize, id: &str, name: &str) -> Result<NameChange, CsvError> {
    let (id, name) = (unguarded(id.trim()), unguarded(name.trim()).trim());
    for text in [id, name] {
        if text.chars().any(char::is_control) {
            return Err(CsvError::Control { line, text: Printable::new(text).cut(80) });
        }
    }
    if id.is_empty() {
        return Err(CsvError::NoId(line));
    }
    if id.len() > MAX_ID {
        return Err(CsvError::LongId { line, bytes: id.len() });
    }
    let characters = name.chars().count();
    if characters > MAX_NAME {
        return Err(CsvError::LongName { line, characters });
    }
    let name = (!name.is_empty()).then(|| name.to_owned());
    Ok(NameChange { asset_id: id.to_owned(), name })
}

/// A line of cells, or several lines where a quoted cell has line ends in it.
struct Record {
    /// The number of its first line, from 1.
    line: usize,
    cells: Vec<String>,
}

/// Splits a text into records. Skips blank lines.
fn records(text: &str) -> Result<Vec<Record>, CsvError> {
    let delimiter = delimiter(text);
    let mut records = Vec::new();
    let mut record = Record { line: 1, cells: Vec::new() };
    let mut line = 1;
    let mut chars = text.chars().peekable();
    loop {
        let begun = line;
        let mut cell = String::new();
        let is_quoted = chars.next_if_eq(&'"').is_some();
        if is_quoted {
            loop {
                match chars.next() {
                    None => return Err(CsvError::OpenQuote(begun)),
                    Some('"') if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                    Some('"') => break,
                    Some(c) => {
                        line += usize::from(c == '\n');
                        cell.push(c);
                    }
                }
            }
        }
        // To the end of the cell.
        let end = loop {
            match chars.next() {
                Some('\r') if chars.peek() == Some(&'\n') => {}
                Some(c) if c == delimiter => break Some(c),
                Some('\n') => break Some('\n'),
                None => break None,
                Some(c) if is_quoted && c != ' ' => return Err(CsvError::BehindQuote(line)),
                Some(_) if is_quoted => {}
                Some(c) => cell.push(c),
            }
        };
        record.cells.push(cell);
        if end == Some(delimiter) {
            continue;
        }
        line += 1;
        let next = Record { line, cells: Vec::new() };
        let done = std::mem::replace(&mut record, next);
        if done.cells.iter().any(|cell| !cell.trim().is_empty()) {
            records.push(done);
        }
        if end.is_none() {
            return Ok(records);
        }
    }
}

/// Returns the delimiter of the columns: the first comma, semicolon or tab outside quotes.
fn delimiter(text: &str) -> char {
    let mut is_open = false;
    for c in text.chars() {
        match c {
            '"' => is_open = !is_open,
            ',' | ';' | '\t' if !is_open => return c,
            _ => {}
        }
    }
    ','
}

/// Writes names as a file that [`names`] reads.
pub(super) fn text(names: &[(String, String)]) -> String {
    let mut text = String::from("id,name\n");
    for (id, name) in names {
        text.push_str(&cell(id));
        text.push(',');
        text.push_str(&cell(name));
        text.push('\n');
    }
    text
}

fn cell(text: &str) -> String {
    let text = guarded(text);
    let is_plain = !text.contains(['"', ',', ';', '\t', '\r', '\n']) && text.trim() == text;
    if is_plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// Returns whether a spreadsheet could interpret a text as a formula, or the text looks as if it
/// were guarded already.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@'])
}

/// Returns a text that a spreadsheet does not interpret as a formula. Ids come from outside.
fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// Undoes [`guarded`].
fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        let names = names(text.as_bytes()).unwrap();
        names.into_iter().map(|change| (change.asset_id, change.name)).collect()
    }

    fn error(bytes: impl AsRef<[u8]>) -> String {
        names(bytes.as_ref()).unwrap_err().to_string()
    }

    fn pair(id: &str, name: &str) -> (String, Option<String>) {
        (id.to_owned(), (!name.is_empty()).then(|| name.to_owned()))
    }

    #[test]
    fn files_of_spreadsheets_are_read() {
        let two = [pair("ast_1", "Trailer S2"), pair("ast_2", "")];
        for text in [
            "ast_1,Trailer S2\nast_2,\n",
            "ast_1,Trailer S2\nast_2,",
            "\u{feff}id,name\r\nast_1,Trailer S2\r\nast_2,\r\n",
            "Asset ID;Name\nast_1;Trailer S2\nast_2;\n",
            "\"asset_id\"\t\"asset_name\"\n\"ast_1\"\t\"Trailer S2\"\n\"ast_2\"\t\"\"\n",
            "id,name,,\n\nast_1, Trailer S2 ,,\n,,,\nast_2,,,\n\n",
        ] {
            assert_eq!(read(text), two, "{text:?}");
        }
        let quoted = "a,\"one, \"\"two\"\"; three\"\nb,é漢\nc,d;e";
        let names = [pair("a", "one, \"two\"; three"), pair("b", "é漢"), pair("c", "d;e")];
        assert_eq!(read(quoted), names);
    }

    #[test]
    fn a_heading_says_which_column_is_which() {
        for (heading, is_id_first) in [
            ("id,name", true),
            ("ID;Title", true),
            ("asset_id,title", true),
            ("AssetId\tAsset Name", true),
            ("asset,\"display name\"", true),
            ("name,id", false),
            ("Title,Asset-ID", false),
            ("\u{feff}\"asset title\";\"asset\"", false),
        ] {
            let delimiter = delimiter(heading);
            let (id, name) = ("ast_1", "Trailer S2");
            let (first, second) = if is_id_first { (id, name) } else { (name, id) };
            let text = format!("{heading}\n{first}{delimiter}{second}\nid{delimiter}name\n");
            let second = if is_id_first { pair("id", "name") } else { pair("name", "id") };
            assert_eq!(read(&text), [pair(id, name), second], "{heading}");
        }
        for text in ["ast_1,name of it\n", "an id,b\n", "name it,ast\n", "titles,ids\n"] {
            assert_eq!(read(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn half_a_heading_is_refused() {
        for (line, text) in [
            (1, "id,what"),
            (1, "ast_1,Title"),
            (2, "\nname,ast_1"),
            (1, "asset,id"),
            (1, "name,title"),
            (1, "id,"),
        ] {
            let heading = text.trim_start();
            assert_eq!(
                error(format!("{text}\na,b\n")),
                format!(
                    ", line {line}: {heading} is a heading only in part; make the first line \"id,name\" or \"name,id\", as the columns stand"
                )
            );
            // As it says.
            assert_eq!(read(&format!("id,name\n{text}\na,b\n")).len(), 2, "{text}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        let name = "n".repeat(MAX_NAME + 1);
        for (text, expected) in [
            ("", " has no names in it"),
            ("id,name\n", " has no names in it"),
            ("a,b\nc\n", ", line 2: an id and a name are expected, columns found: 1"),
            ("a,b\n\nc,d,e\n", ", line 3: an id and a name are expected, columns found: 3"),
            ("a,b\n,d\n", ", line 2: the id is empty"),
            ("a,b\nc,\"d\n\n", ", line 2: a quote is opened and not closed"),
            ("a,\"b\"c\n", ", line 1: there is text behind a closing quote"),
            (
                "a,b\n\"c\",\"d\ne\"\n",
                ", line 2: there is a control character or a line end in d\\u{a}e",
            ),
            ("a,\u{1b}[2J\n", ", line 1: there is a control character or a line end in \\u{1b}[2J"),
            ("a,b\nb,c\na,d\n", ", line 3: a stands on line 1 already"),
        ] {
            assert_eq!(error(text), expected, "{text:?}");
        }
        assert_eq!(
            error(format!("a,{name}")),
            ", line 1: the name is 201 characters long, 200 fit"
        );
        assert_eq!(error(b"\xff\xfea\0"), " is UTF-16: save it as CSV in UTF-8");
        let latin = error(b"a,b\nc,\xe9\n");
        assert_eq!(latin, ", line 2: it is not UTF-8: save the file as CSV in UTF-8");
        let counted = "\"a\nb\",c\n".repeat(2);
        assert!(error(counted).starts_with(", line 1: "), "of several errors the first");
    }

    #[test]
    fn line_ends_in_quotes_are_counted() {
        let records = records("a,\"b\nc\"\nd,e\r\n").ok().unwrap();
        let lines: Vec<usize> = records.iter().map(|record| record.line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn a_spreadsheet_takes_nothing_for_a_formula() {
        let names =
            [("=1+1", "@name"), ("'-x", "''"), ("b", "a,\"b\""), ("c", "+49"), ("d", "'='")]
                .map(|(id, name)| (id.to_owned(), name.to_owned()));
        let written = text(&names);
        assert_eq!(written, "id,name\n'=1+1,'@name\n''-x,''\nb,\"a,\"\"b\"\"\"\nc,'+49\nd,''='\n");
        let back = names.clone().map(|(id, name)| (id, Some(name)));
        assert_eq!(read(&written), back);
    }

    proptest::proptest! {
        #[test]
        fn what_is_exported_is_imported(pairs: std::collections::BTreeMap<String, String>) {
            // Only what import lets in can be in a journal that it filled.
            let fine = |text: &str| {
                text.trim() == text && !text.is_empty() && !text.chars().any(char::is_control)
            };
            let names: Vec<_> = pairs
                .into_iter()
                .filter(|(id, name)| fine(id) && fine(name) && name.chars().count() <= MAX_NAME)
                .collect();
            proptest::prop_assume!(!names.is_empty());
            let expected: Vec<_> =
                names.iter().map(|(id, name)| (id.clone(), Some(name.clone()))).collect();
            proptest::prop_assert_eq!(read(&text(&names)), expected);
        }
    }
}
