//! A request that was answered 4xx, as the bounded log of refusals keeps it.

use jiff::Timestamp;

use super::Headers;
use super::headers::cut;

/// How much of a refused body is kept, in bytes.
pub const BODY_SAMPLE: usize = 4096;

/// How much of a refused request's headers is kept, in bytes.
const HEADERS_SAMPLE: usize = 8192;
/// How much of a refused request's method and path is kept, in bytes each.
const LINE_SAMPLE: usize = 1024;

/// Why a request was refused, as a class: refusals of one class from one peer are counted as one.
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
    /// A body over the limit.
    TooLarge,
    /// A body that did not arrive in time.
    TooSlow,
    /// A request that broke off or is no HTTP.
    Broken,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::Malformed,
        Self::Invalid,
        Self::WrongPath,
        Self::WrongMethod,
        Self::TooLarge,
        Self::TooSlow,
        Self::Broken,
    ];

    /// The word used in the journal and by filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::WrongPath => "wrong_path",
            Self::WrongMethod => "wrong_method",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
        }
    }

    /// The kind called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The signature verdict behind a refusal; `None` where the signature was never looked at.
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
    /// Whether the body had more, or more was announced.
    pub truncated: bool,
}

impl BodySample {
    /// The beginning of a whole body.
    pub fn of(body: &[u8]) -> Self {
        let kept = body.len().min(BODY_SAMPLE);
        Self { bytes: body[..kept].to_vec(), truncated: body.len() > kept }
    }
}

/// One or more refused requests of one kind from one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When the last of them was refused.
    pub at: Timestamp,
    /// The class.
    pub kind: RefusalKind,
    /// The HTTP status that was answered: by us, or by the relay that took it, which is 200.
    pub status: u16,
    /// What was wrong with the last of them, and what to do: a sentence.
    pub why: String,
    /// How many this stands for.
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
    /// The same with everything that its sender chose cut to a bounded length: about 16 KiB in all.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.headers = self.headers.sample(HEADERS_SAMPLE);
        for text in [&mut self.method, &mut self.path] {
            cut(text, LINE_SAMPLE);
        }
        self
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        self.headers.size()
            + self.method.len()
            + self.path.len()
            + self.why.len()
            + self.body.bytes.len()
    }
}

/// An entry of the log of refusals; written again under its id when more like it come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub id: u64,
    /// What was refused, and how often.
    pub refusal: Refusal,
}
