//! The next page of a list, as a page names it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The longest query of a next page that is used, in bytes.
const MAX_QUERY: usize = 2048;

/// The next page: the query of the one path that lists assets. Host and path are never taken from an
/// answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextPage {
    query: String,
    /// Its number, if pages are numbered.
    number: Option<u64>,
}

impl NextPage {
    /// Returns the query, without `?`; never empty.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Returns its number, if pages are numbered.
    pub(super) const fn number(&self) -> Option<u64> {
        self.number
    }

    /// Returns the page with this query; `None` if it is none or too long.
    fn with_query(query: &str) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
        let fits = !query.is_empty() && query.len() <= MAX_QUERY && query.bytes().all(sound);
        fits.then(|| Self { query: query.to_owned(), number: None })
    }

    /// Returns the page with one parameter.
    pub fn with(name: &str, value: &str) -> Option<Self> {
        Self::with_query(&format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
    }

    /// Returns the page with this number.
    pub(super) fn numbered(number: u64) -> Self {
        Self { query: format!("page={number}"), number: Some(number) }
    }
}

/// What a field `next` says.
pub(super) enum NextHint {
    Page(NextPage),
    More,
    End,
}

/// Returns the link in an object like `{"href": "…"}`.
pub(super) fn href(value: &Value) -> Option<&Value> {
    value.get("href").or_else(|| value.get("url"))
}

/// Reads a field `next`: a URL, a cursor, a number, or whether there is more.
pub(super) fn next_of(value: &Value) -> Option<NextHint> {
    match value {
        Value::Bool(true) => Some(NextHint::More),
        Value::Bool(false) => Some(NextHint::End),
        Value::Number(number) => Some(NextHint::Page(NextPage::numbered(number.as_u64()?))),
        Value::String(text) if text.is_empty() => Some(NextHint::End),
        Value::String(text) => {
            let is_url = text.starts_with('/') || text.contains("://");
            let page = match text.split_once('?') {
                Some((_, query)) => {
                    NextPage::with_query(query.split('#').next().unwrap_or_default())
                }
                // A URL without a query would be the first page again.
                None if is_url => None,
                None => NextPage::with("cursor", text),
            };
            page.map(NextHint::Page)
        }
        Value::Object(_) => next_of(href(value).filter(|link| !link.is_object())?),
        Value::Array(_) | Value::Null => None,
    }
}
