//! What goes to standard output: NDJSON for programs, lines of text for people.

mod face;
mod json;
mod ndjson;
#[cfg(test)]
mod samples;
mod text;

pub use face::{Ended, Face, Format, Notice};
pub use json::write_line;
pub use ndjson::{
    AssetRecord, DeliveryRecord, GapRecord, LinkRecord, Ready, RefusalRecord, Summary,
    VersionRecord, Warning,
};
pub use text::Lines;
