//! How the program is doing, as plain values to be shown; whoever counts is elsewhere.

use std::time::Duration;

use jiff::Timestamp;

use crate::callback::RefusalKind;

/// What became of the requests since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries on disk whose signature a trusted key made.
    pub valid: u64,
    /// Deliveries on disk that were not checked, because the user switched the check off.
    pub unchecked: u64,
    /// Requests that were answered 4xx, by [`RefusalKind::ALL`].
    pub refused: [u64; RefusalKind::ALL.len()],
    /// Deliveries that were answered 503.
    pub unavailable: u64,
    /// Refusals that came too fast to be looked at; counted, and in no log.
    pub unlisted: u64,
}

impl Counts {
    /// Deliveries on disk.
    pub const fn accepted(&self) -> u64 {
        self.valid + self.unchecked
    }

    /// Requests that were answered 4xx.
    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum()
    }
}

/// Whether the journal can be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum JournalHealth {
    /// The last transaction was committed.
    #[default]
    Writing,
    /// The last transaction failed.
    Failing {
        /// What the database said.
        why: String,
    },
}

/// The state of the connection to a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The relay, as short as a header shows it: its host, with a port where it is a special one.
    pub relay: String,
    /// The URL that senders post to, printable; `None` before the relay said it.
    pub callback_url: Option<String>,
    /// The relay's label of what comes now, as it writes it.
    pub epoch: Option<String>,
    /// What it is doing.
    pub state: LinkState,
    /// What was wrong last, printable, and when.
    pub last_error: Option<(Timestamp, String)>,
}

/// What a link is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// It connects.
    Dialling {
        /// Failures in a row so far.
        attempt: u32,
    },
    /// It receives.
    Up {
        /// Since when.
        since: Timestamp,
        /// The last round trip; `None` before the first.
        rtt: Option<Duration>,
        /// Deliveries at the relay that are not on our disk yet.
        behind: u64,
    },
    /// It waits before it connects again.
    Retrying {
        /// When it will.
        at: Timestamp,
        /// Failures in a row so far.
        attempt: u32,
        /// What went wrong, printable.
        why: String,
    },
    /// The relay lets us in no more, until a person changes something; it is asked seldom.
    Refused {
        /// What it said and what to do, printable.
        why: String,
        /// Whether it is the token that it does not accept.
        token: bool,
    },
    /// Another one reads under our name; this one stays away.
    Superseded,
}

/// How the questions to the service's API are doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiStatus {
    /// The host that is asked, printable.
    pub host: String,
    /// What is done now.
    pub state: ApiState,
    /// Number of questions since the start.
    pub asked: u64,
    /// Number of questions about assets and versions that are due.
    pub waiting: usize,
    /// When the last answer arrived.
    pub last_answer: Option<Timestamp>,
    /// When the last pass over the list of assets ended.
    pub looked_over: Option<Timestamp>,
    /// What went wrong last, printable, and when.
    pub last_error: Option<(Timestamp, String)>,
    /// Number of assets that are not of the account.
    pub foreign: usize,
}

/// What the client of the service's API is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiState {
    /// It waits for the time of the next question.
    Waiting,
    /// It waits for an answer.
    Asking,
    /// It asks nothing for a while, because the service failed or refused.
    Paused {
        /// When it asks again.
        until: Timestamp,
        /// What went wrong, printable.
        why: String,
    },
    /// It asks no more.
    Ended,
}

impl ApiStatus {
    /// Creates the status of a client that has asked nothing.
    pub const fn new(host: String) -> Self {
        Self {
            host,
            state: ApiState::Waiting,
            asked: 0,
            waiting: 0,
            last_answer: None,
            looked_over: None,
            last_error: None,
            foreign: 0,
        }
    }
}

/// How forwarding to a target is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardStatus {
    /// The target's URL, printable.
    pub target: String,
    /// What is done now.
    pub state: ForwardState,
    /// Every delivery up to this one is done.
    pub place: u64,
    /// Number of deliveries that are not done; those that a filter leaves out count until they are
    /// looked at.
    pub waiting: u64,
    /// Number of attempts since the start that the target accepted.
    pub accepted: u64,
    /// Number of attempts since the start that it did not.
    pub failed: u64,
    /// When the last answer came, and its status.
    pub last_answer: Option<(Timestamp, u16)>,
    /// What went wrong last, printable, and when.
    pub last_error: Option<(Timestamp, String)>,
}

/// What forwarding to a target is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardState {
    /// Everything is forwarded.
    Idle,
    /// It waits for answers.
    Sending,
    /// The target takes no connections.
    Down {
        /// Since when.
        since: Timestamp,
        /// What went wrong, printable.
        why: String,
    },
    /// Nothing more is forwarded.
    Ended,
}

impl ForwardStatus {
    /// Creates the status of a target that nothing was forwarded to.
    pub const fn new(target: String) -> Self {
        Self {
            target,
            state: ForwardState::Idle,
            place: 0,
            waiting: 0,
            accepted: 0,
            failed: 0,
            last_answer: None,
            last_error: None,
        }
    }
}

/// How a run is doing, as a frontend shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// What became of the requests.
    pub counts: Counts,
    /// Whether the journal can be written.
    pub store: JournalHealth,
    /// The connection to a relay, where there is one.
    pub link: Option<Link>,
    /// The questions to the service's API, if a key is set.
    pub api: Option<ApiStatus>,
    /// Forwarding, by target.
    pub forwards: Vec<ForwardStatus>,
    /// Whether the process that wrote the journal, which is only read here, has ended.
    pub writer_gone: bool,
}

impl Link {
    /// A link that has not begun.
    pub const fn new(relay: String) -> Self {
        let state = LinkState::Dialling { attempt: 0 };
        Self { relay, callback_url: None, epoch: None, state, last_error: None }
    }
}

impl LinkState {
    /// Its word in NDJSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dialling { .. } => "dialling",
            Self::Up { .. } => "up",
            Self::Retrying { .. } => "retrying",
            Self::Refused { .. } => "refused",
            Self::Superseded => "superseded",
        }
    }

    /// Whether deliveries come.
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}
