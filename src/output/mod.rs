//! The formats of standard output: NDJSON for programs, lines of text for people.

mod ascii;
#[cfg(test)]
mod documented;
mod json;
mod ndjson;
mod records;
#[cfg(test)]
mod samples;
mod stream_output;
mod text;

pub use ascii::Characters;
pub use json::{write_line, write_pretty};
pub use ndjson::{AssetRecord, NameRecord, Ready, VersionRecord};
pub use records::{Format, Heading, RecordWriter};
pub use stream_output::{EntrySelection, Notice, StreamOutput, StreamOutputError};
pub use text::Lines;
