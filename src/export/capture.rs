//! The first and the last line of a capture. Between them stand the lines of NDJSON: deliveries,
//! refusals with their bodies, gaps.

use jiff::Timestamp;
use serde::Serialize;

/// The first line: what the file is.
#[derive(Debug, Serialize)]
pub struct CaptureHead<'a> {
    v: u8,
    r#type: &'static str,
    made_at: String,
    dubwatch: &'static str,
    /// The terms that chose its deliveries; `null` for all.
    filter: Option<&'a str>,
    /// Whether ids are aliases, and headers and bodies are missing: then no signature can hold.
    redacted: bool,
}

impl<'a> CaptureHead<'a> {
    /// Creates the line of a capture that is made at `made_at`.
    pub fn new(made_at: Timestamp, filter: Option<&'a str>, redacted: bool) -> Self {
        Self {
            v: 1,
            r#type: "capture",
            made_at: format!("{made_at:.6}"),
            dubwatch: env!("CARGO_PKG_VERSION"),
            filter,
            redacted,
        }
    }
}

/// How many entries of each kind a capture has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct CaptureCounts {
    /// Deliveries, and answers of the service's API.
    pub deliveries: u64,
    /// Entries in the log of refusals.
    pub refusals: u64,
    /// Gaps of relays.
    pub gaps: u64,
}

/// The last line. A file without it was cut.
#[derive(Debug, Serialize)]
pub struct CaptureEnd {
    v: u8,
    r#type: &'static str,
    #[serde(flatten)]
    counts: CaptureCounts,
}

impl CaptureEnd {
    /// Creates the line of a capture with these entries.
    pub const fn new(counts: CaptureCounts) -> Self {
        Self { v: 1, r#type: "end", counts }
    }
}
