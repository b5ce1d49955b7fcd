//! The ways in which the stand-in misbehaves, as a value that can be changed while it serves.

use std::collections::VecDeque;
use std::time::Duration;

/// How lists are divided into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PagingStyle {
    /// `{"count", "next", "previous", "results"}`, `next` being a URL, as Django REST has it.
    #[default]
    NextUrl,
    /// `{"items", "next_cursor"}`, for `?cursor=`.
    Cursor,
    /// `{"data", "page", "pages", "total"}`, for `?page=`.
    PageCount,
    /// All assets in one array.
    Array,
}

/// How fields are called. The service's names are mostly unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldSpelling {
    /// As callbacks have them: `asset_id`, `version_id`, `version_locale`, and `versions`.
    #[default]
    Callback,
    /// `id`, `asset`, `locale`, and `dubbings`.
    Short,
    /// `assetId`, `versionId`, `targetLocale`, `resultUrl` …
    Camel,
}

/// The endpoints of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceEndpoint {
    /// `GET /v1/assets/`.
    List,
    /// `GET /v1/assets/{id}`.
    Asset,
    /// `GET /v1/versions/{id}`.
    Version,
}

/// The form of a `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryHint {
    /// No such header.
    None,
    /// So many seconds.
    Seconds(u64),
    /// A date so many seconds from now.
    Date(u64),
    /// Neither a number nor a date.
    Nonsense,
}

/// A faulty reply in place of the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultyReply {
    /// 403 with this hint: a limit of the account.
    Forbidden(RetryHint),
    /// 429 with this hint.
    TooMany(RetryHint),
    /// This status with a JSON body, like 500 or 503.
    Status(u16),
    /// The right head, then one byte of the body after each pause.
    SlowBody(Duration),
    /// No reply until the stand-in stops.
    Hangs,
    /// The right reply with this `Content-Type`; none if it is empty.
    ContentType(&'static str),
    /// 200 with a page of HTML.
    Html,
    /// 200 with a JSON document of this many bytes; without `Content-Length` unless `announced`.
    Huge {
        /// The length of the document.
        bytes: usize,
        /// Whether `Content-Length` says so.
        announced: bool,
    },
    /// 200 with arrays nested this deep.
    Deep(usize),
    /// 307 to this location.
    Redirect(String),
    /// 307 to the URL that was asked for.
    RedirectToItself,
    /// The right head and half of the body; then the connection is closed.
    Cut,
    /// The connection is closed after the head: `Content-Length` is announced and nothing follows.
    CutAtOnce,
    /// 200 with this body, as JSON.
    Body(String),
}

/// How a download resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resuming {
    /// Ranges are served, `If-Range` is respected.
    #[default]
    Ranges,
    /// `Range` is ignored: 200 with the whole file.
    NoRanges,
    /// Each request finds another file with another `ETag`; `If-Range` is respected.
    ChangedFile,
    /// Each request finds another file with another `ETag`, and the range is served nevertheless.
    IgnoredCondition,
}

/// The faults of downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoFaults {
    /// The connection is closed after this many bytes of a body.
    pub cut_after: Option<u64>,
    /// How ranges are answered.
    pub resuming: Resuming,
    /// Another `Content-Type` than `video/mp4`.
    pub content_type: Option<&'static str>,
    /// No `Content-Length`.
    pub unannounced: bool,
    /// The rate of a download; as fast as possible if it is `None`.
    pub bytes_per_second: Option<u64>,
    /// This status in place of a file.
    pub status: Option<u16>,
    /// 200 with a page of HTML in place of a file.
    pub html: bool,
}

/// Everything that can be wrong with the stand-in. The default is a service without faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each fault is switched on by itself")]
pub struct Faults {
    /// How the list is divided.
    pub paging: PagingStyle,
    /// Assets on one page.
    pub page_size: usize,
    /// After each page, the last asset of the list moves to its front: one on the edge of the page
    /// is listed twice, the moved one never.
    pub shifting: bool,
    /// Pages name the first page as the next.
    pub endless_list: bool,
    /// How fields are called.
    pub spelling: FieldSpelling,
    /// Fields that are left out of all objects.
    pub missing: Vec<&'static str>,
    /// Whether every object has fields that nobody knows.
    pub extra: bool,
    /// What every text ends with: controls, escape sequences and the like.
    pub hostile: Option<String>,
    /// Whether `result_url` is null although the version is completed.
    pub no_results: bool,
    /// A text in place of every `result_url`.
    pub result_url: Option<String>,
    /// A text in place of every `studio_url`.
    pub studio_url: Option<String>,
    /// Whether links have expired when they are handed out.
    pub expired_links: bool,
    /// Whether the key has expired.
    pub expired_key: bool,
    /// Faulty replies to the next requests, one for each.
    pub next: VecDeque<FaultyReply>,
    /// The reply to every request after those.
    pub every: Option<FaultyReply>,
    /// Limits `next` and `every` to one endpoint.
    pub only: Option<ServiceEndpoint>,
    /// The faults of downloads.
    pub video: VideoFaults,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            paging: PagingStyle::default(),
            page_size: 50,
            shifting: false,
            endless_list: false,
            spelling: FieldSpelling::default(),
            missing: Vec::new(),
            extra: false,
            hostile: None,
            no_results: false,
            result_url: None,
            studio_url: None,
            expired_links: false,
            expired_key: false,
            next: VecDeque::new(),
            every: None,
            only: None,
            video: VideoFaults::default(),
        }
    }
}

impl Faults {
    /// Adds a burst: the next `times` requests get this reply, after those that are queued already.
    pub fn burst(&mut self, times: usize, reply: &FaultyReply) {
        self.next.extend(std::iter::repeat_n(reply, times).cloned());
    }

    /// Takes the faulty reply to a request, if it gets one.
    pub(super) fn take(&mut self, endpoint: ServiceEndpoint) -> Option<FaultyReply> {
        if self.only.is_some_and(|only| only != endpoint) {
            return None;
        }
        self.next.pop_front().or_else(|| self.every.clone())
    }
}
