//! A request that was answered 4xx, as the bounded log of refusals keeps it.

use jiff::Timestamp;

use super::headers::cut;
use super::{Callback, Headers};

/// Maximum number of bytes kept of a refused body.
pub const BODY_SAMPLE: usize = 4096;

/// Maximum number of bodies kept of one entry: the newest, including the last one.
pub const MAX_BODIES: usize = 20;

/// Maximum number of bytes kept of a refused request's headers.
const HEADERS_SAMPLE: usize = 8192;
/// Maximum number of bytes kept of a refused request's method, and of its path.
const LINE_SAMPLE: usize = 1024;

/// Why a request was refused, as a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalKind {
    /// No signature header.
    Missing,
    /// A signature header that holds no signature.
    Malformed,
    /// A signature that no trusted key made over this body.
    Invalid,
    /// Another path than the callback's.
    WrongPath,
    /// Another method than POST.
    WrongMethod,
    /// A browser's request from another site, where signatures are not checked.
    CrossSite,
    /// A body over the limit.
    TooLarge,
    /// A body that did not arrive in time.
    TooSlow,
    /// A request that broke off or is not HTTP.
    Broken,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Missing,
        Self::Malformed,
        Self::Invalid,
        Self::WrongPath,
        Self::WrongMethod,
        Self::CrossSite,
        Self::TooLarge,
        Self::TooSlow,
        Self::Broken,
    ];

    /// Returns the name used in the journal and by filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::WrongPath => "wrong_path",
            Self::WrongMethod => "wrong_method",
            Self::CrossSite => "cross_site",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
        }
    }

    /// Returns the kind called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the signature verdict behind a refusal; `None` if the signature was not checked.
    pub const fn verdict(self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Malformed | Self::Invalid => Some(self.name()),
            _ => None,
        }
    }
}

/// The first bytes of a refused body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BodySample {
    /// At most [`BODY_SAMPLE`] bytes.
    pub bytes: Vec<u8>,
    /// Whether the body was longer, or announced as longer.
    pub truncated: bool,
}

impl BodySample {
    /// Returns the sample of a complete body.
    pub fn of(body: &[u8]) -> Self {
        let kept = body.len().min(BODY_SAMPLE);
        Self { bytes: body[..kept].to_vec(), truncated: body.len() > kept }
    }
}

/// One or more requests that were refused for one reason, from one host, with bodies that claim one
/// asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When the last of them was refused.
    pub at: Timestamp,
    /// The class.
    pub kind: RefusalKind,
    /// The HTTP status of the response: ours, or the 200 of the relay that accepted it.
    pub status: u16,
    /// What was wrong with the last of them, and what to do: a sentence.
    pub why: String,
    /// The number of requests.
    pub count: u64,
    /// The method of the last of them, as sent.
    pub method: String,
    /// The path and query of the last of them, as sent.
    pub path: String,
    /// Where the last of them came from: address and port.
    pub peer: String,
    /// The headers of the last of them.
    pub headers: Headers,
    /// The beginning of the last body.
    pub body: BodySample,
}

impl Refusal {
    /// Cuts everything that its sender chose to a bounded length, about 16 KiB in all.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.headers = self.headers.sample(HEADERS_SAMPLE);
        for text in [&mut self.method, &mut self.path] {
            cut(text, LINE_SAMPLE);
        }
        self
    }

    /// Returns about how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        self.headers.size()
            + self.method.len()
            + self.path.len()
            + self.why.len()
            + self.body.bytes.len()
    }
}

/// A body that was refused before the last one of its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierBody {
    /// When it was refused.
    pub at: Timestamp,
    /// Where it came from: address and port.
    pub peer: String,
    /// Its beginning.
    pub body: BodySample,
    /// What it claims.
    pub claim: Callback,
}

impl EarlierBody {
    /// Returns a body, with what it claims.
    pub fn new(at: Timestamp, peer: String, body: BodySample) -> Self {
        let claim = Callback::claimed(&body.bytes);
        Self { at, peer, body, claim }
    }
}

/// An entry of the log of refusals; written again under its id when more like it come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalEntry {
    /// Its number.
    pub id: u64,
    /// What was refused, and how often.
    pub refusal: Refusal,
    /// The bodies before the last one, newest first, as far as they are kept. An entry that will be
    /// written has only those that are not on disk yet.
    pub earlier: Vec<EarlierBody>,
}

impl RefusalEntry {
    /// Creates an entry with the last body alone.
    pub const fn new(id: u64, refusal: Refusal) -> Self {
        Self { id, refusal, earlier: Vec::new() }
    }

    /// Returns the claims of its bodies, the last one first.
    pub fn claims(&self) -> impl Iterator<Item = Callback> {
        let last = Callback::claimed(&self.refusal.body.bytes);
        std::iter::once(last).chain(self.earlier.iter().map(|body| body.claim.clone()))
    }
}
