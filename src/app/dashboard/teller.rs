//! Tells the dashboard what a journal holds: first what is there, the newest first; then what is
//! committed; and in between what it asks for.
//!
//! It runs in a thread of its own, because reads block. The dashboard's inbox is bounded: one that
//! is slow holds up this thread, and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::search::Running;
use super::telling::{Ask, Source, Sources};
use super::told_assets::ToldAssets;
use crate::journal::{AssetPlace, JournalError, Marks, Reader};
use crate::signature::TrustedKeys;
use crate::timeline::{AssetRow, Notes};
use crate::tui::effect::Request;
use crate::tui::model::asset::AssetView;
use crate::tui::model::catalogue::MAX_ASSETS;
use crate::tui::model::rows::Row;
use crate::tui::msg::{Msg, News, Stage, Told};

/// Rows that are told at the start, and each time that older ones are asked for.
pub(super) const ROWS: u32 = 500;
/// Assets of the first page: more than a screen shows, and read in a moment.
const FIRST_ASSETS: u32 = 64;
/// Assets of every other page.
pub(super) const ASSETS: u32 = 256;
/// Assets that were quiet for longer are not told.
const HORIZON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The time between two looks at a journal that another process writes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The time between two looks at the notes of a journal that this process writes: `names import` of
/// another one is all that changes them unseen.
const LOOK_AT_NOTES_EVERY: Duration = Duration::from_secs(1);

/// Why the thread ends.
pub(super) enum Halt {
    /// It is to, or nobody listens any more.
    Stopped,
    /// The journal cannot be read.
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The thread.
pub(super) struct Teller {
    stage: Stage,
    pub(super) reader: Reader,
    pub(super) source: Source,
    pub(super) keys: Arc<TrustedKeys>,
    inbox: mpsc::Sender<Msg>,
    asks: mpsc::Receiver<Ask>,
    stop: CancellationToken,
    runtime: Handle,
    /// What was told.
    pub(super) seen: Marks,
    pub(super) told: ToldAssets,
    /// What was noted and is to be told.
    pub(super) noted: VecDeque<Request>,
    /// The asset whose deliveries were asked for last.
    pub(super) of_asset: Option<String>,
    /// Of a journal that another process writes, its version at the last look.
    version: u64,
    /// When that is looked at again.
    look_at: Instant,
    /// What the user had noted at the last look, and the version of that.
    pub(super) notes: (u64, BTreeMap<String, Notes>),
    /// The rows of the log of refusals by their ids. It is short, and its bodies, which say what
    /// they claim to be about, are too long to be read again and again.
    pub(super) refusals: BTreeMap<u64, Row>,
    /// When what is new may be read.
    pub(super) not_before: Option<Instant>,
    /// The search that goes on, if one does.
    pub(super) search: Option<Running>,
}

/// What woke the thread.
enum Woken {
    More,
    /// Somebody else may have noted something.
    Notes,
    Ask(Ask),
    /// Nothing else is to be done: the search goes on.
    Idle,
}

impl Teller {
    /// One that has told nothing yet. Needs a running runtime.
    pub(super) fn new(
        sources: Sources,
        inbox: mpsc::Sender<Msg>,
        asks: mpsc::Receiver<Ask>,
        stop: CancellationToken,
    ) -> Self {
        let Sources { stage, reader, source, keys } = sources;
        Self {
            stage,
            reader,
            source,
            keys,
            inbox,
            asks,
            stop,
            runtime: Handle::current(),
            seen: Marks::default(),
            told: ToldAssets::default(),
            noted: VecDeque::new(),
            of_asset: None,
            version: 0,
            look_at: Instant::now() + LOOK_EVERY,
            notes: Default::default(),
            refusals: BTreeMap::new(),
            not_before: None,
            search: None,
        }
    }

    /// Tells until it is stopped, nobody listens any more, or the journal cannot be read.
    pub(super) fn tell_all(&mut self) -> Result<(), Halt> {
        self.tell_what_is_there()?;
        loop {
            self.tell_noted()?;
            match self.wait()? {
                Woken::Ask(ask) => self.answer(ask)?,
                Woken::Idle => self.search_on()?,
                Woken::More => {
                    self.catch_up()?;
                    self.tell_notes()?;
                }
                Woken::Notes => self.tell_notes()?,
            }
        }
    }

    /// What fills a screen comes first: the dashboard is drawn from it however long the rest takes.
    fn tell_what_is_there(&mut self) -> Result<(), Halt> {
        if let Source::File = self.source {
            self.version = self.reader.data_version()?;
        }
        self.notes = (self.reader.notes_version()?, self.reader.all_notes()?);
        let Marks { head, pruned, .. } = self.marks()?;
        self.seen = Marks { head, pruned, ..Marks::default() };
        let since = Timestamp::now().checked_sub(HORIZON).unwrap_or(Timestamp::MIN);
        let mut place = self.tell_assets(None, since, FIRST_ASSETS)?;
        self.read_refusals()?;
        // Before anything is said to be fine. Most of them are not among the first rows.
        let claims = self.refusals.iter().filter(|(_, row)| row.claims_failure());
        let claims: Vec<u64> = claims.map(|(id, _)| *id).collect();
        if !claims.is_empty() {
            self.tell(Told::RefusedFailures(claims))?;
        }
        let mut rows = self.rows_before(head + 1)?;
        rows.reverse();
        self.tell(Told::News(News {
            rows,
            assets: Vec::new(),
            head,
            held: self.seen.held(),
            old: true,
        }))?;
        let mut told = FIRST_ASSETS as usize;
        while let Some(behind) = &place
            && told < MAX_ASSETS
        {
            let behind = behind.clone();
            place = self.tell_assets(Some(&behind), since, ASSETS)?;
            told += ASSETS as usize;
            self.answer_waiting()?;
        }
        self.catch_up()?;
        self.tell(Told::Loaded)
    }

    /// Tells a page of assets; gives the place of the last one, or `None` at the end.
    fn tell_assets(
        &mut self,
        place: Option<&AssetPlace>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Option<AssetPlace>, Halt> {
        let Some((place, assets)) = self.assets_before(place, since, limit)? else {
            return Ok(None);
        };
        self.tell(Told::Assets(assets))?;
        Ok(Some(place))
    }

    /// Reads a page of assets, and the place of the last one; `None` at the end.
    pub(super) fn assets_before(
        &mut self,
        place: Option<&AssetPlace>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Option<(AssetPlace, Vec<AssetView>)>, Halt> {
        let page = self.reader.assets_before(place, since, limit)?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        let place = AssetPlace::of(last);
        let assets = page.into_iter().map(|(row, notes)| self.view(row, notes)).collect();
        Ok(Some((place, assets)))
    }

    /// An asset as it is told.
    pub(super) fn view(&mut self, row: AssetRow, notes: Notes) -> AssetView {
        self.told.insert(row.asset_id.as_str(), row.asset.last_at);
        AssetView::new(row, notes)
    }

    /// Answers what was asked meanwhile: whoever looks at something is not to wait for the last of
    /// many pages.
    pub(super) fn answer_waiting(&mut self) -> Result<(), Halt> {
        while let Ok(ask) = self.asks.try_recv() {
            self.answer(ask)?;
        }
        Ok(())
    }

    /// How far the journal goes, also where its feed has not said so yet.
    pub(super) fn marks(&mut self) -> Result<Marks, Halt> {
        if let Source::Feed(feed) = &mut self.source {
            // Before it is read, so that nothing is missed.
            feed.marks();
        }
        Ok(self.reader.marks()?)
    }

    /// Tells the dashboard; waits while its inbox is full.
    pub(super) fn tell(&self, told: Told) -> Result<(), Halt> {
        self.send(Msg::Told(self.stage, told))
    }

    pub(super) fn send(&self, msg: Msg) -> Result<(), Halt> {
        let sent = self.inbox.send(msg);
        match self.runtime.block_on(self.stop.run_until_cancelled(sent)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Halt::Stopped),
        }
    }

    /// Waits for a question, or for more to tell; not while a search goes on.
    fn wait(&mut self) -> Result<Woken, Halt> {
        let is_searching = self.search.is_some();
        let Self { source, reader, asks, stop, version, look_at, not_before, runtime, .. } = self;
        runtime.block_on(async {
            let more = async {
                match source {
                    Source::Feed(feed) => {
                        // Before the feed, which forgets what it told when the wait is given up.
                        if let Some(at) = not_before {
                            sleep_until(*at).await;
                        }
                        tokio::select! {
                            biased;
                            further = feed.further() => {
                                if further.is_none() {
                                    return Err(Halt::Stopped);
                                }
                            }
                            () = sleep_until(*look_at) => {
                                *look_at = Instant::now() + LOOK_AT_NOTES_EVERY;
                                return Ok(Woken::Notes);
                            }
                        }
                    }
                    Source::File => loop {
                        // A moment that questions do not put off.
                        sleep_until(*look_at).await;
                        *look_at = Instant::now() + LOOK_EVERY;
                        let found = reader.data_version()?;
                        if found != *version {
                            *version = found;
                            break;
                        }
                    },
                }
                Ok(Woken::More)
            };
            tokio::select! {
                // First the end: after it the runtime may be gone, and its clock with it. Then whoever
                // asks, who waits for the answer; what is new only comes a moment later.
                biased;
                () = stop.cancelled() => Err(Halt::Stopped),
                Some(ask) = asks.recv() => Ok(Woken::Ask(ask)),
                more = more => more,
                () = std::future::ready(()), if is_searching => Ok(Woken::Idle),
            }
        })
    }
}
