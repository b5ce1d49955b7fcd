//! What the dashboard is told: keys and the clock by the loop, everything else by `app`.

use jiff::Timestamp;

use super::effect::Request;
use super::input::Chord;
use super::model::Facts;
use super::model::asset::AssetView;
use super::model::detail::Detail;
use super::model::mode::Target;
use super::model::rows::Row;
use super::model::search::RowsPage;
use crate::callback::Gap;
use crate::vitals::{Counts, Link, Store};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Chord),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// It is this late.
    Tick(Timestamp),
    /// Something was told about one of the journals.
    Told(Stage, Told),
    /// A demo runs; its listener is described by these facts.
    DemoBegan(Box<Facts>),
    /// The demo is over, or could not begin: why, where it was not asked to end.
    DemoEnded(Option<String>),
    /// A sentence for the user.
    Word(String),
}

/// Whose news it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// That of the journal that the program was started on.
    Real,
    /// That of a demo that was started from the dashboard.
    Demo,
}

/// What is told about a journal.
#[derive(Debug, Clone)]
pub enum Told {
    /// Assets as they were when the program began, the latest active first, a page at a time.
    Assets(Vec<AssetView>),
    /// All that is to be loaded at the start has been told.
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
    /// A request that could not be answered; why was said.
    Unanswered(Request),
    /// A delivery or refusal in full; `None` where it is there no more.
    Detail(Target, Option<Box<Detail>>),
    /// The story of a demo has come to its end.
    StoryOver,
    /// What became of the requests so far.
    Counts(Counts),
    /// Whether the journal can be written.
    Store(Store),
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
