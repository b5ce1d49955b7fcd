//! Where a header that is added to forwarded deliveries is from.

use std::path::{Path, PathBuf};

use crate::files;
use crate::forward::ForwardHeader;

/// Maximum size of a file of headers, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// A header, or a file of headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSource {
    /// One header.
    Header(ForwardHeader),
    /// A file with one header a line. It is read at the start of a run.
    File(PathBuf),
}

impl HeaderSource {
    /// Reads `name:value`, or `@` and the name of a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("") => Err("there is no name of a file behind the @".to_owned()),
            Some(file) => Ok(Self::File(file.into())),
            None => ForwardHeader::parse(text).map(Self::Header),
        }
    }

    /// Makes the name of a file that is relative to `base` absolute.
    pub(super) fn anchored(self, base: &Path) -> Self {
        match self {
            Self::File(file) => Self::File(base.join(file)),
            header @ Self::Header(_) => header,
        }
    }

    /// Returns the name of its file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Header(_) => None,
        }
    }

    /// Returns the headers. The error names the file.
    pub fn headers(&self) -> Result<Vec<ForwardHeader>, String> {
        let file = match self {
            Self::Header(header) => return Ok(vec![header.clone()]),
            Self::File(file) => file,
        };
        let bad = |why: String| format!("cannot use the headers in {} (-H): {why}", file.display());
        let bytes = files::read_trusted(file, MAX_FILE).map_err(|error| bad(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
        ForwardHeader::parse_lines(&text).map_err(bad)
    }
}
