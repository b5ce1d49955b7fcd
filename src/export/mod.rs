//! What leaves a journal as a file: captures that verify again, tables, and a report for people who
//! have no dubwatch. Also reads captures.
//!
//! | file | owns |
//! |---|---|
//! | `capture` | the first and last line of a capture; the lines between are those of NDJSON |
//! | `read` | captures read back, line by line |
//! | `csv` | cells that no spreadsheet takes for a formula |
//! | `report` | the HTML report |
//! | `markup` | text as HTML: nothing from outside becomes markup |
//! | `redact` | aliases in place of ids, and what is left out |

mod capture;
mod csv;
mod markup;
mod read;
mod redact;
mod report;

pub use capture::{CaptureCounts, CaptureEnd, CaptureHead};
pub use csv::CsvWriter;
pub use read::{CaptureEntry, CaptureReader, CapturedDelivery};
pub use redact::Redaction;
pub use report::{ReportFigures, ReportOptions, ReportWriter};
