//! The dashboard's backend thread: sends the journal's contents, newest first, then every new
//! commit, and answers requests in between.
//!
//! A thread, because reads block. The dashboard's channel is bounded, so a slow dashboard delays
//! only this thread.

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
use super::downloads::Downloads;
use super::note_writer::NoteWriter;
use super::running_search::RunningSearch;
use super::sent_assets::SentAssets;
use super::studio_asker::StudioAsker;
use crate::api::ApiClient;
use crate::journal::{AssetPlace, Follower, Journal, JournalError, JournalReader, Watermarks};
use crate::signature::TrustedKeys;
use crate::timeline::{AssetRow, Notes};
use crate::tui::effect::Request;
use crate::tui::event::{BackendEvent, News};
use crate::tui::model::asset::AssetView;
use crate::tui::model::asset_list::MAX_ASSETS;
use crate::tui::model::row::Row;

/// Maximum number of queued requests.
const REQUESTS: usize = 64;
/// Number of rows that are sent at the start.
pub(super) const ROWS: u32 = 500;
/// Size of the first page of assets: more than a screen shows, and quick to read.
const FIRST_ASSETS: u32 = 64;
/// Size of all other pages of assets.
pub(super) const ASSETS: u32 = 256;
/// Assets without a delivery for this long are not sent.
const HORIZON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Interval between two checks for notes that another process has changed (`names import`), because
/// the feed does not report them.
const CHECK_NOTES_EVERY: Duration = Duration::from_secs(1);

/// The sources of a backend.
pub(in super::super) struct Sources {
    /// Follows the journal, without bodies.
    pub(in super::super) follower: Follower,
    /// The journal, for writing the user's notes; `None` if another process writes it.
    pub(in super::super) journal: Option<Arc<Journal>>,
    /// The keys for verifying a delivery again when it is opened.
    pub(in super::super) keys: Arc<TrustedKeys>,
    /// Asks the service's API; `None` without a key.
    pub(in super::super) api: Option<Arc<ApiClient>>,
    /// Whether assets are shown however long they have been quiet, as in a capture.
    pub(in super::super) shows_all: bool,
}

/// A running backend.
pub(in super::super) struct BackendWorker {
    /// Sends requests to the backend.
    pub(in super::super) requests: mpsc::Sender<Request>,
    worker: Worker<Result<(), JournalError>>,
}

impl BackendWorker {
    /// Starts the thread. Must be called inside a Tokio runtime. Returns an error if the thread
    /// cannot be started.
    pub(in super::super) fn start(
        sources: Sources,
        events: mpsc::Sender<BackendEvent>,
    ) -> anyhow::Result<Self> {
        let (requests, received) = mpsc::channel(REQUESTS);
        let runtime = Handle::current();
        let worker = Worker::thread("dashboard's reader", move |stop| {
            let mut backend = Backend::new(sources, events, received, stop, runtime);
            match backend.run() {
                Ok(()) | Err(Halt::Stopped) => Ok(()),
                Err(Halt::Journal(error)) => Err(error),
            }
        })?;
        Ok(Self { requests, worker })
    }

    /// Waits until the backend fails. A closed event channel is not a failure. Cancel safe.
    pub(in super::super) async fn failed(&mut self) -> anyhow::Error {
        match self.worker.ended().await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) => std::future::pending().await,
            Err(panicked) => panicked,
        }
    }

    /// Stops the backend and waits until it has closed its connection to the journal.
    pub(in super::super) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// Why the thread ends.
pub(super) enum Halt {
    /// It was stopped, or the event channel is closed.
    Stopped,
    /// The journal cannot be read.
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The state of the thread.
pub(super) struct Backend {
    /// Whether assets are shown however long they have been quiet.
    shows_all: bool,
    pub(super) follower: Follower,
    pub(super) keys: Arc<TrustedKeys>,
    pub(super) writes: NoteWriter,
    pub(super) studio: StudioAsker,
    pub(super) downloads: Downloads,
    events: mpsc::Sender<BackendEvent>,
    requests: mpsc::Receiver<Request>,
    stop: CancellationToken,
    runtime: Handle,
    /// The assets that the dashboard has.
    pub(super) sent: SentAssets,
    /// Notes that are written; their assets are not sent yet.
    pub(super) written_notes: VecDeque<Request>,
    /// The asset whose deliveries were requested last.
    pub(super) open_asset: Option<String>,
    /// When to check the notes next.
    check_notes_at: Instant,
    /// All notes at the last check, and their version.
    pub(super) notes: (u64, BTreeMap<String, Notes>),
    /// All rows of the refusal log by id. Kept in memory, because the log is short and parsing its
    /// bodies for every request would be slow.
    pub(super) refusals: BTreeMap<u64, Row>,
    /// When to read new commits at the earliest.
    pub(super) not_before: Option<Instant>,
    /// The current search, if any.
    pub(super) search: Option<RunningSearch>,
}

/// What woke the thread.
enum BackendWakeup {
    /// There may be new commits.
    Committed,
    /// The check of the notes is due.
    CheckNotes,
    Request(Request),
    /// A note is on disk, or could not be written.
    Written(Request, Result<(), String>),
    /// The API said where a version is edited, or there is a reason why not.
    Studio(Request, Result<String, String>),
    /// A download has news.
    Download(BackendEvent),
    /// Nothing else to do: continue the search.
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
        let Sources { follower, journal, keys, api, shows_all } = sources;
        Self {
            follower,
            shows_all,
            keys,
            writes: NoteWriter::of(journal),
            downloads: Downloads::start(api.clone(), &runtime),
            studio: StudioAsker::of(api),
            events,
            requests,
            stop,
            runtime,
            sent: SentAssets::default(),
            written_notes: VecDeque::new(),
            open_asset: None,
            check_notes_at: Instant::now() + CHECK_NOTES_EVERY,
            notes: Default::default(),
            refusals: BTreeMap::new(),
            not_before: None,
            search: None,
        }
    }

    /// Returns the reader of the journal.
    pub(super) const fn reader(&self) -> &JournalReader {
        self.follower.reader()
    }

    /// Returns how far commits have been sent.
    pub(super) const fn seen(&self) -> Watermarks {
        self.follower.seen()
    }

    /// Runs until the backend is stopped, the event channel is closed, or the journal cannot be
    /// read.
    fn run(&mut self) -> Result<(), Halt> {
        self.send_initial_state()?;
        loop {
            self.send_written_notes()?;
            match self.wait()? {
                BackendWakeup::Request(request) => self.answer(request)?,
                BackendWakeup::Written(request, result) => self.note_written(request, result)?,
                BackendWakeup::Studio(request, url) => self.go_to_studio(request, url)?,
                BackendWakeup::Download(event) => self.send(event)?,
                BackendWakeup::Idle => self.continue_search()?,
                BackendWakeup::Committed => {
                    self.catch_up()?;
                    self.send_changed_notes()?;
                }
                BackendWakeup::CheckNotes => self.send_changed_notes()?,
            }
        }
    }

    /// Sends the journal's contents. Begins with as much as fills a screen, so that the dashboard
    /// can draw it however long the rest takes.
    fn send_initial_state(&mut self) -> Result<(), Halt> {
        self.notes = (self.reader().notes_version()?, self.reader().all_notes()?);
        let Watermarks { head, pruned, .. } = self.follower.newest()?;
        // Refusals and gaps are sent from the beginning.
        self.follower.go_on_from(Watermarks { head, pruned, ..Watermarks::default() });
        let horizon = Timestamp::now().checked_sub(HORIZON).ok().filter(|_| !self.shows_all);
        let since = horizon.unwrap_or(Timestamp::MIN);
        let mut place = self.send_assets(None, since, FIRST_ASSETS)?;
        self.read_refusals()?;
        // Before the rows, so that the dashboard does not show "no failures" first. Most of these
        // are not among the first rows.
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
        let mut sent = FIRST_ASSETS as usize;
        while let Some(last) = &place
            && sent < MAX_ASSETS
        {
            let last = last.clone();
            place = self.send_assets(Some(&last), since, ASSETS)?;
            sent += ASSETS as usize;
            self.answer_waiting()?;
        }
        self.catch_up()?;
        self.send(BackendEvent::Loaded)
    }

    /// Sends a page of assets. Returns the place of the last one, or `None` if there are no more.
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

    /// Reads a page of assets. Returns them with the place of the last one, or `None` if there are
    /// no more.
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

    /// Returns an asset as the dashboard gets it, and remembers it as sent.
    pub(super) fn view(&mut self, row: AssetRow, notes: Notes) -> AssetView {
        self.sent.insert(row.asset_id.as_str(), row.asset.last_at);
        AssetView::new(row, notes)
    }

    /// Answers all queued requests. Called between pages, so that no request waits for the last
    /// page.
    pub(super) fn answer_waiting(&mut self) -> Result<(), Halt> {
        while let Ok(request) = self.requests.try_recv() {
            self.answer(request)?;
        }
        Ok(())
    }

    /// Sends an event to the dashboard. Waits while the channel is full.
    pub(super) fn send(&self, event: BackendEvent) -> Result<(), Halt> {
        let sent = self.events.send(event);
        match self.runtime.block_on(self.stop.run_until_cancelled(sent)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(Halt::Stopped),
        }
    }

    /// Waits for the next thing to do. Returns `Idle` at once during a search.
    fn wait(&mut self) -> Result<BackendWakeup, Halt> {
        let is_searching = self.search.is_some();
        let Self { follower, writes, studio, downloads, requests, stop, runtime, .. } = self;
        let (check_notes_at, not_before) = (&mut self.check_notes_at, &self.not_before);
        runtime.block_on(async {
            let commits = async {
                // Before `changed`, which would lose a change if it were cancelled during this
                // sleep.
                if let Some(at) = not_before {
                    sleep_until(*at).await;
                }
                tokio::select! {
                    biased;
                    is_open = follower.changed() => {
                        if is_open? { Ok(BackendWakeup::Committed) } else { Err(Halt::Stopped) }
                    }
                    () = sleep_until(*check_notes_at) => {
                        *check_notes_at = Instant::now() + CHECK_NOTES_EVERY;
                        Ok(BackendWakeup::CheckNotes)
                    }
                }
            };
            tokio::select! {
                // Cancellation first: after it the runtime, and its timers, may be gone. Requests
                // come before commits, because the user waits for the answer.
                biased;
                () = stop.cancelled() => Err(Halt::Stopped),
                Some(request) = requests.recv() => Ok(BackendWakeup::Request(request)),
                Some((request, written)) = writes.pending.next() => {
                    Ok(BackendWakeup::Written(request, written))
                }
                Some((request, url)) = studio.pending.next() => {
                    Ok(BackendWakeup::Studio(request, url))
                }
                Some(event) = downloads.events.recv() => Ok(BackendWakeup::Download(event)),
                wakeup = commits => wakeup,
                () = std::future::ready(()), if is_searching => Ok(BackendWakeup::Idle),
            }
        })
    }

    /// Handles the result of writing a note.
    pub(super) fn note_written(
        &mut self,
        request: Request,
        result: Result<(), String>,
    ) -> Result<(), Halt> {
        match result {
            Ok(()) => {
                self.written_notes.push_back(request);
                Ok(())
            }
            Err(why) => self.send(BackendEvent::Unanswered(request, why)),
        }
    }
}
