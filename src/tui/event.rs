//! What a backend reports about the run that the dashboard shows.

use jiff::Timestamp;

use super::effect::Request;
use super::model::asset::AssetView;
use super::model::detail::Detail;
use super::model::mode::Target;
use super::model::rows::Row;
use super::model::search::RowsPage;
use crate::callback::Gap;
use crate::status::{Counts, JournalHealth, Link};

/// Something that the backend of a run reports.
#[derive(Debug, Clone)]
pub enum BackendEvent {
    /// Assets as they were when the program began, the latest active first, a page at a time.
    Assets(Vec<AssetView>),
    /// Everything that is loaded at the start has been sent.
    Loaded,
    /// Deliveries and refusals, as they were committed, and what they made of their assets.
    News(News),
    /// What a search for rows has come to.
    Rows(Box<RowsPage>),
    /// Deliveries of an asset, oldest first.
    OfAsset(String, Vec<Row>),
    /// An asset, after its name or marks changed.
    Asset(Box<AssetView>),
    /// An asset that the journal does not hold any more.
    Gone(String),
    /// A request that could not be answered, and a sentence that says why.
    Unanswered(Request, String),
    /// A delivery or refusal in full; `None` where it is there no more.
    Detail(Target, Option<Box<Detail>>),
    /// The story of a demo has come to its end.
    StoryOver,
    /// What became of the requests so far.
    Counts(Counts),
    /// Whether the journal can be written.
    Store(JournalHealth),
    /// Whether another process, which wrote the journal, has ended.
    Orphaned(bool),
    /// What the link to the relay is doing.
    Link(Box<Link>),
    /// The refusals in the log, by their ids, that claim that something failed; as the program began.
    RefusedFailures(Vec<u64>),
    /// What relays took and never passed on, oldest first.
    Gaps(Vec<Gap>),
    /// Something that a person should know.
    Warning(Timestamp, String),
}

/// What was committed since the last news.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// The rows, oldest first.
    pub rows: Vec<Row>,
    /// The assets that they are about, as they are now.
    pub assets: Vec<AssetView>,
    /// The newest `seq` that they reach to.
    pub head: u64,
    /// How many deliveries the journal holds with them.
    pub held: u64,
    /// Whether they were there before the program began, so that nobody is called for them.
    pub old: bool,
}
