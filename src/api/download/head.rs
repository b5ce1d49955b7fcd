//! What the head of an answer says: which bytes follow, of which file.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::file_name::extension;

/// The longest `ETag` that is kept, in bytes.
const MAX_ETAG: usize = 512;

/// From where a file goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeStart {
    /// Offset of the first byte that is missing.
    pub(super) from: u64,
    /// The strong `ETag` of the file that the beginning is of.
    pub(super) etag: String,
    /// The length of that file.
    pub(super) total: u64,
}

/// The head of an answer with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileHead {
    /// Offset of the first byte that follows.
    pub(super) from: u64,
    /// The length of the whole file, if it is announced.
    pub(super) total: Option<u64>,
    /// The strong `ETag`.
    pub(super) etag: Option<String>,
    /// The extension of the file.
    pub(super) extension: &'static str,
}

/// Why what follows is not the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// It is a page for a browser.
    Html,
    /// It has no bytes.
    Empty,
    /// It is compressed, although that was not asked for.
    Encoded(String),
    /// It is another part than what was asked for, or of another file.
    OtherPart,
}

impl FileHead {
    /// Reads the head of a 200 or 206; `asked` is what was asked for, `None` for the whole file.
    pub(super) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        asked: Option<&RangeStart>,
    ) -> Result<Self, HeadFault> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text(CONTENT_TYPE).unwrap_or_default();
        if is_html(kind) {
            return Err(HeadFault::Html);
        }
        let encoding = text(CONTENT_ENCODING).filter(|name| !name.eq_ignore_ascii_case("identity"));
        if let Some(encoding) = encoding {
            return Err(HeadFault::Encoded(encoding.to_owned()));
        }
        let etag = text(ETAG).filter(|etag| is_strong(etag)).map(str::to_owned);
        let is_chunked = headers.contains_key(TRANSFER_ENCODING);
        let length =
            text(CONTENT_LENGTH).filter(|_| !is_chunked).and_then(|text| text.parse().ok());
        if status != StatusCode::PARTIAL_CONTENT {
            if length == Some(0) {
                return Err(HeadFault::Empty);
            }
            return Ok(Self { from: 0, total: length, etag, extension: extension(kind) });
        }
        let asked = asked.ok_or(HeadFault::OtherPart)?;
        let range = text(CONTENT_RANGE).and_then(range).ok_or(HeadFault::OtherPart)?;
        let (first, last, total) = range;
        let is_same = first == asked.from
            && total == asked.total
            && etag.as_deref() == Some(asked.etag.as_str())
            && length.is_none_or(|length: u64| length == last - first + 1);
        if !is_same {
            return Err(HeadFault::OtherPart);
        }
        Ok(Self { from: first, total: Some(total), etag, extension: extension(kind) })
    }
}

/// Reads `bytes FIRST-LAST/TOTAL`.
fn range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}

/// Returns whether an `ETag` names the same bytes each time (RFC 9110, section 8.8.3).
fn is_strong(etag: &str) -> bool {
    etag.len() <= MAX_ETAG && etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"')
}

fn is_html(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
}

/// Returns whether a file begins like a page or a message in XML, and not like a video.
pub(super) fn is_markup(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let lower = text.get(..14.min(text.len())).unwrap_or_default().to_ascii_lowercase();
    [b"<!doctype html".as_slice(), b"<html", b"<?xml", b"<error"]
        .iter()
        .any(|markup| lower.starts_with(markup))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn read(status: u16, lines: &str, asked: Option<&RangeStart>) -> Result<FileHead, HeadFault> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines.lines().filter_map(|line| line.trim().split_once(": ")) {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        FileHead::read(StatusCode::from_u16(status).unwrap(), &headers, asked)
    }

    #[test]
    fn a_whole_file_says_what_it_is() {
        let head = read(200, "content-type: video/mp4\ncontent-length: 9\netag: \"a\"", None);
        let etag = Some("\"a\"".to_owned());
        let expected = FileHead { from: 0, total: Some(9), etag, extension: "mp4" };
        assert_eq!(head, Ok(expected));
        // A weak tag does not name bytes, and a length beside chunks does not count.
        for (lines, total) in [
            ("etag: W/\"a\"\ncontent-length: 9", Some(9)),
            ("content-length: 9\ntransfer-encoding: chunked", None),
            ("etag: a\ncontent-length: many", None),
            ("", None),
        ] {
            let head = read(200, lines, None).unwrap();
            assert_eq!((head.etag, head.total, head.extension), (None, total, "bin"), "{lines}");
        }
        let long = format!("etag: \"{}\"", "x".repeat(MAX_ETAG));
        assert_eq!(read(200, &long, None).unwrap().etag, None);
    }

    #[rstest]
    #[case("content-type: text/html; charset=utf-8", HeadFault::Html)]
    #[case("content-type: Application/XHTML+XML", HeadFault::Html)]
    #[case("content-length: 0", HeadFault::Empty)]
    #[case("content-encoding: gzip", HeadFault::Encoded("gzip".to_owned()))]
    fn what_is_no_file_is_found(#[case] lines: &str, #[case] fault: HeadFault) {
        assert_eq!(read(200, lines, None), Err(fault));
    }

    #[rstest]
    #[case("bytes 5-8/9", "\"a\"", "4", true)]
    #[case("bytes 5-6/9", "\"a\"", "2", true)]
    #[case("bytes 4-8/9", "\"a\"", "5", false)]
    #[case("bytes 5-8/10", "\"a\"", "4", false)]
    #[case("bytes 5-8/*", "\"a\"", "4", false)]
    #[case("bytes 5-8/9", "\"b\"", "4", false)]
    #[case("bytes 5-8/9", "W/\"a\"", "4", false)]
    #[case("bytes 5-8/9", "\"a\"", "3", false)]
    #[case("bytes 8-5/9", "\"a\"", "4", false)]
    #[case("bytes 5-9/9", "\"a\"", "5", false)]
    #[case("", "\"a\"", "4", false)]
    fn a_part_must_be_the_one_that_was_asked_for(
        #[case] range: &str,
        #[case] etag: &str,
        #[case] length: &str,
        #[case] is_same: bool,
    ) {
        let asked = RangeStart { from: 5, etag: "\"a\"".to_owned(), total: 9 };
        let lines = format!("content-range: {range}\netag: {etag}\ncontent-length: {length}");
        let found = read(206, &lines, Some(&asked));
        assert_eq!(
            found.as_ref().map(|head| head.from),
            if is_same { Ok(5) } else { Err(&HeadFault::OtherPart) }
        );
        assert_eq!(read(206, &lines, None), Err(HeadFault::OtherPart));
    }

    #[test]
    fn markup_is_told_from_a_video() {
        for markup in ["<!DOCTYPE html>", "\u{feff}\n <HTML>", "<?xml version", "<Error><Code>"] {
            assert!(is_markup(markup.as_bytes()), "{markup}");
        }
        for other in [b"\0\0\0\x18ftypisom".as_slice(), b"", b"<", b"<b", b"\xff\xfe<html"] {
            assert!(!is_markup(other), "{other:?}");
        }
    }
}
