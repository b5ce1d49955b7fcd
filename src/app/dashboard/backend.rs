//! The thread behind the dashboard: sends it what a journal holds, the newest first; then what is
//! committed; and in between what it requests.
//!
//! It is a thread because reads block. The dashboard's inbox is bounded: a slow one holds up this
//! thread, and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::worker::Worker;
use super::search::RunningSearch;
use super::sent_assets::SentAssets;
use super::writes::NoteWriter;
use crate::journal::{AssetPlace, Follower, Journal, JournalError, JournalReader, Watermarks};
use crate::signature::TrustedKeys;
use crate::timeline::{AssetRow, Notes};
use crate::tui::effect::Request;
use crate::tui::event::{BackendEvent, News};
use crate::tui::model::asset::AssetView;
use crate::tui::model::asset_list::MAX_ASSETS;
use crate::tui::model::row::Row;

/// Requests of the dashboard that may wait.
const REQUESTS: usize = 64;
/// Rows that are sent at the start.
pub(super) const ROWS: u32 = 500;
/// Assets of the first page: more than a screen shows, and read in a moment.
const FIRST_ASSETS: u32 = 64;
/// Assets of every other page.
pub(super) const ASSETS: u32 = 256;
/// Assets that were quiet for longer are not sent.
const HORIZON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The time between two looks at the notes: `names import` of another process changes them unseen.
const LOOK_AT_NOTES_EVERY: Duration = Duration::from_secs(1);

/// What a backend works with.
pub(in super::super) struct Sources {
    /// What was committed, without bodies.
    pub(in super::super) follower: Follower,
    /// What writes the user's notes; `None` where another process writes the journal.
    pub(in super::super) journal: Option<Arc<Journal>>,
    /// The keys that deliveries are checked with when they are opened.
    pub(in super::super) keys: Arc<TrustedKeys>,
}

/// A backend that runs.
pub(in super::super) struct BackendWorker {
    /// Takes requests of the dashboard.
    pub(in super::super) requests: mpsc::Sender<Request>,
    worker: Worker<Result<(), JournalError>>,
}

impl BackendWorker {
    /// Starts the thread. Must be called inside a Tokio runtime.
    pub(in super::super) fn start(
        sources: Sources,
        events: mpsc::Sender<BackendEvent>,
    ) -> anyhow::Result<Self> {
        let (requests, asked) = mpsc::channel(REQUESTS);
        let runtime = Handle::current();
        let worker = Worker::thread("dashboard's reader", move |stop| {
            let mut backend = Backend::new(sources, events, asked, stop, runtime);
            match backend.run() {
                Ok(()) | Err(Halt::Stopped) => Ok(()),
                Err(Halt::Journal(error)) => Err(error),
            }
        })?;
        Ok(Self { requests, worker })
    }

    /// Waits until it fails. That nobody listens any more is no failure. Cancel safe.
    pub(in super::super) async fn failed(&mut self) -> anyhow::Error {
        match self.worker.ended().await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) => std::future::pending().await,
            Err(panicked) => panicked,
        }
    }

    /// Stops it and waits until it has closed its connection to the journal.
    pub(in super::super) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// Why the thread ends.
pub(super) enum Halt {
    /// It was stopped, or nobody listens any more.
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
pub(super) struct Backend {
    pub(super) follower: Follower,
    pub(super) keys: Arc<TrustedKeys>,
    /// What the user notes.
    pub(super) writes: NoteWriter,
    events: mpsc::Sender<BackendEvent>,
    requests: mpsc::Receiver<Request>,
    stop: CancellationToken,
    runtime: Handle,
    pub(super) told: SentAssets,
    /// What was noted and is to be sent.
    pub(super) noted: VecDeque<Request>,
    /// The asset whose deliveries were requested last.
    pub(super) of_asset: Option<String>,
    /// When the notes are looked at again.
    look_at: Instant,
    /// What the user had noted at the last look, and the version of that.
    pub(super) notes: (u64, BTreeMap<String, Notes>),
    /// The rows of the log of refusals by their ids. It is short, and its bodies, which say what
    /// they claim to be about, are too long to be read again and again.
    pub(super) refusals: BTreeMap<u64, Row>,
    /// When what is new may be read.
    pub(super) not_before: Option<Instant>,
    /// The search that goes on, if one does.
    pub(super) search: Option<RunningSearch>,
}

/// What woke the thread.
enum BackendWakeup {
    More,
    /// Somebody else may have noted something.
    Notes,
    Request(Request),
    /// A note is on disk, or will not be.
    Written(Request, Result<(), String>),
    /// Nothing else is to be done: the search goes on.
    Idle,
}

impl Backend {
    fn new(
        sources: Sources,
        events: mpsc::Sender<BackendEvent>,
        requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
        runtime: Handle,
    ) -> Self {
        let Sources { follower, journal, keys } = sources;
        Self {
            follower,
            keys,
            writes: NoteWriter::of(journal),
            events,
            requests,
            stop,
            runtime,
            told: SentAssets::default(),
            noted: VecDeque::new(),
            of_asset: None,
            look_at: Instant::now() + LOOK_AT_NOTES_EVERY,
            notes: Default::default(),
            refusals: BTreeMap::new(),
            not_before: None,
            search: None,
        }
    }

    /// What reads the journal.
    pub(super) const fn reader(&self) -> &JournalReader {
        self.follower.reader()
    }

    /// How far the dashboard was sent what was committed.
    pub(super) const fn seen(&self) -> Watermarks {
        self.follower.seen()
    }

    /// Runs until it is stopped, nobody listens any more, or the journal cannot be read.
    fn run(&mut self) -> Result<(), Halt> {
        self.send_what_is_there()?;
        loop {
            self.send_noted()?;
            match self.wait()? {
                BackendWakeup::Request(request) => self.answer(request)?,
                BackendWakeup::Written(request, written) => self.written(request, written)?,
                BackendWakeup::Idle => self.search_on()?,
                BackendWakeup::More => {
                    self.catch_up()?;
                    self.send_notes()?;
                }
                BackendWakeup::Notes => self.send_notes()?,
            }
        }
    }

    /// What fills a screen comes first: the dashboard is drawn from it however long the rest takes.
    fn send_what_is_there(&mut self) -> Result<(), Halt> {
        self.notes = (self.reader().notes_version()?, self.reader().all_notes()?);
        let Watermarks { head, pruned, .. } = self.follower.newest()?;
        // Refusals and gaps are sent from the first on.
        self.follower.go_on_from(Watermarks { head, pruned, ..Watermarks::default() });
        let since = Timestamp::now().checked_sub(HORIZON).unwrap_or(Timestamp::MIN);
        let mut place = self.send_assets(None, since, FIRST_ASSETS)?;
        self.read_refusals()?;
        // Before anything is said to be fine. Most of them are not among the first rows.
        let claims = self.refusals.iter().filter(|(_, row)| row.claims_failure());
        let claims: Vec<u64> = claims.map(|(id, _)| *id).collect();
        if !claims.is_empty() {
            self.send(BackendEvent::RefusedFailures(claims))?;
        }
        let mut rows = self.rows_before(head + 1)?;
        rows.reverse();
        self.send(BackendEvent::News(News {
            rows,
            assets: Vec::new(),
            head,
            held: self.seen().held(),
            old: true,
        }))?;
        let mut told = FIRST_ASSETS as usize;
        while let Some(behind) = &place
            && told < MAX_ASSETS
        {
            let behind = behind.clone();
            place = self.send_assets(Some(&behind), since, ASSETS)?;
            told += ASSETS as usize;
            self.answer_waiting()?;
        }
        self.catch_up()?;
        self.send(BackendEvent::Loaded)
    }

    /// Tells a page of assets; gives the place of the last one, or `None` at the end.
    fn send_assets(
        &mut self,
        place: Option<&AssetPlace>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Option<AssetPlace>, Halt> {
        let Some((place, assets)) = self.assets_before(place, since, limit)? else {
            return Ok(None);
        };
        self.send(BackendEvent::Assets(assets))?;
        Ok(Some(place))
    }

    /// Reads a page of assets, and the place of the last one; `None` at the end.
    pub(super) fn assets_before(
        &mut self,
        place: Option<&AssetPlace>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Option<(AssetPlace, Vec<AssetView>)>, Halt> {
        let page = self.reader().assets_before(place, since, limit)?;
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

    /// Answers what was requested meanwhile, so that a request does not wait for the last of many
    /// pages.
    pub(super) fn answer_waiting(&mut self) -> Result<(), Halt> {
        while let Ok(request) = self.requests.try_recv() {
            self.answer(request)?;
        }
        Ok(())
    }

    /// Sends an event to the dashboard; waits while its channel is full.
    pub(super) fn send(&self, event: BackendEvent) -> Result<(), Halt> {
        let sent = self.events.send(event);
        match self.runtime.block_on(self.stop.run_until_cancelled(sent)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Halt::Stopped),
        }
    }

    /// Waits for a request, or for more to send; not while a search goes on.
    fn wait(&mut self) -> Result<BackendWakeup, Halt> {
        let is_searching = self.search.is_some();
        let Self { follower, writes, requests, stop, look_at, not_before, runtime, .. } = self;
        runtime.block_on(async {
            let more = async {
                // Before the follower, which forgets that there is more when the wait is given up.
                if let Some(at) = not_before {
                    sleep_until(*at).await;
                }
                tokio::select! {
                    biased;
                    is_open = follower.changed() => {
                        if is_open? { Ok(BackendWakeup::More) } else { Err(Halt::Stopped) }
                    }
                    () = sleep_until(*look_at) => {
                        *look_at = Instant::now() + LOOK_AT_NOTES_EVERY;
                        Ok(BackendWakeup::Notes)
                    }
                }
            };
            tokio::select! {
                // First the end: after it the runtime may be gone, and its clock with it. Then
                // requests, whose sender waits for the answer; what is new only comes a moment later.
                biased;
                () = stop.cancelled() => Err(Halt::Stopped),
                Some(request) = requests.recv() => Ok(BackendWakeup::Request(request)),
                Some((request, written)) = writes.pending.next() => {
                    Ok(BackendWakeup::Written(request, written))
                }
                more = more => more,
                () = std::future::ready(()), if is_searching => Ok(BackendWakeup::Idle),
            }
        })
    }
}
