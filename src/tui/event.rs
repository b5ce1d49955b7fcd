//! The events that a backend sends to the dashboard.

use jiff::Timestamp;

use super::effect::{Request, StudioUse};
use super::model::asset::AssetView;
use super::model::detail::Detail;
use super::model::download::{DownloadEnd, DownloadOrder, DownloadTarget, RunningDownload};
use super::model::row::Row;
use super::model::search::RowsPage;
use super::model::target::Target;
use crate::callback::Gap;
use crate::forward::ForwardMark;
use crate::status::{ApiStatus, Counts, ForwardStatus, JournalHealth, Link};
use crate::text::Printable;

/// An event from the backend.
#[derive(Debug, Clone)]
pub enum BackendEvent {
    /// A page of assets loaded at the start, the most recently active first.
    Assets(Vec<AssetView>),
    /// Everything that is loaded at the start has been sent.
    Loaded,
    /// New deliveries and refusals, and the resulting state of their assets.
    News(News),
    /// A page of results of a search.
    Rows(Box<RowsPage>),
    /// The deliveries of an asset, oldest first.
    OfAsset(String, Vec<Row>),
    /// An asset whose name or marks changed.
    Asset(Box<AssetView>),
    /// An asset that is no longer in the journal.
    Gone(String),
    /// A request that failed, and a sentence that says why.
    Unanswered(Request, String),
    /// A delivery or refusal in full; `None` if it is no longer in the journal.
    Detail(Target, Option<Box<Detail>>),
    /// The demo has finished.
    StoryOver,
    /// The outcomes of all requests so far.
    Counts(Counts),
    /// Whether the journal can be written.
    Store(JournalHealth),
    /// Whether the other process, which wrote the journal, has ended.
    Orphaned(bool),
    /// The state of the relay link.
    Link(Box<Link>),
    /// Where a version is edited. It is opened by the backend, if that was requested.
    Studio(StudioUse, String),
    /// The directory to which a version would be downloaded, for the user to change.
    DownloadDirectory(DownloadTarget, String),
    /// The video is on a host that the user has not agreed to.
    DownloadHost(DownloadOrder, Printable),
    /// The running download; `None` if there is none any more.
    Download(Option<Box<RunningDownload>>),
    /// A download that has ended.
    DownloadEnded(Box<DownloadEnd>),
    /// How the questions to the service's API are doing.
    Api(Box<ApiStatus>),
    /// How forwarding is doing, by target.
    ForwardTargets(Vec<ForwardStatus>),
    /// What became of forwarding some deliveries.
    Forwards(Vec<ForwardMark>),
    /// The ids of refusals that claim a failure, as of the start.
    RefusedFailures(Vec<u64>),
    /// Gaps reported by relays, oldest first.
    Gaps(Vec<Gap>),
    /// A warning for the user.
    Warning(Timestamp, String),
}

/// Deliveries and refusals committed since the last event of this kind.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// The rows, oldest first.
    pub rows: Vec<Row>,
    /// The assets that they belong to, in their current state.
    pub assets: Vec<AssetView>,
    /// The newest `seq` included.
    pub head: u64,
    /// How many deliveries the journal holds, these included.
    pub held: u64,
    /// Whether they were committed before the program started, so that the user is not notified.
    pub old: bool,
}
