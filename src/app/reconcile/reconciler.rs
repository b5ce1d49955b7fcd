//! The loop that asks the API: notes what changed in the journal, asks the next question, and writes
//! the answer.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use super::known::{is_over, is_signed, need};
use super::report::{self, AnswerOrigin, ReadReport};
use super::silence::Silence;
use crate::api::{
    ApiClient, ApiError, AssetAnswer, AssetPage, Endpoint, Failure, Meaning, Need, NextPage,
    NextStep, PageWalk, Plan, Question, VersionAnswer, WalkStep,
};
use crate::callback::{AssetReport, VersionReport};
use crate::journal::{Follower, Journal, JournalBatch, JournalError, WriteError};
use crate::outbound::{LOOK_EVERY, SleepDetector, chance};
use crate::status::{ApiState, ApiStatus};
use crate::timeline::{AssetRow, Notes};

/// Minimum time between two reads of the journal, so that a flood of callbacks costs little here.
const READ_EVERY: Duration = Duration::from_secs(1);
/// Number of deliveries per read.
const PAGE: u32 = 256;
/// Pause between the assets of a page, so that callbacks are written in between and not after all of
/// them.
const BETWEEN_ASSETS: Duration = Duration::from_millis(15);
/// The same during a flood of callbacks: so few of their commits are together with an asset that
/// their answers take no longer than without the API.
const BETWEEN_ASSETS_IN_FLOOD: Duration = Duration::from_millis(500);
/// As many callbacks within the short pause are a flood: about 300 a second.
const FLOOD: u64 = 5;
/// Maximum number of deliveries that are looked at in one go; beyond it they are skipped, and all
/// states are read once there are fewer again.
const MAX_BEHIND: u64 = 5_000;
/// Maximum number of sentences about answers that are remembered, so that each is said once.
const MAX_SAID: usize = 1_000;

/// What the reconciler is told about its run.
pub(super) struct ReconcilerSettings {
    /// How long a version may be generating before it is overdue.
    pub(super) overdue: SignedDuration,
    /// Whether quiet assets are kept: otherwise one that the journal does not hold may have been
    /// deleted.
    pub(super) keeps_all: bool,
    /// The URL that callbacks come to.
    pub(super) callback_url: Option<String>,
    /// Time between two passes over the list, where the usual one is too long.
    pub(super) list_every: Option<Duration>,
}

/// Asks the API and writes its answers to the journal.
pub(super) struct Reconciler {
    client: ApiClient,
    journal: Arc<Journal>,
    follower: Follower,
    settings: ReconcilerSettings,
    status: watch::Sender<ApiStatus>,
    warnings: mpsc::Sender<String>,
    plan: Plan,
    walk: PageWalk,
    silence: Silence,
    sleep_detector: SleepDetector,
    said: HashSet<String>,
    read_at: Option<Instant>,
    /// Whether deliveries were skipped because there were too many.
    has_skipped: bool,
    /// When the last pass over the list was asked for.
    listed_at: Instant,
}

/// The answer to a question.
enum Answered {
    Page(AssetPage),
    Asset(AssetAnswer),
    Version(VersionAnswer),
}

impl Reconciler {
    pub(super) fn new(
        client: ApiClient,
        journal: Arc<Journal>,
        follower: Follower,
        settings: ReconcilerSettings,
        status: watch::Sender<ApiStatus>,
        warnings: mpsc::Sender<String>,
    ) -> Self {
        Self {
            client,
            journal,
            follower,
            settings,
            status,
            warnings,
            plan: Plan::new(Instant::now()),
            walk: PageWalk::default(),
            silence: Silence::default(),
            sleep_detector: SleepDetector::new(Timestamp::now),
            said: HashSet::new(),
            read_at: None,
            has_skipped: false,
            listed_at: Instant::now(),
        }
    }

    /// Runs until the journal cannot be read; the run as a whole goes on without the API then.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.work().await {
            self.say(format!("the API is no longer asked: {error}"));
        }
        // The status must not look as if it still asked.
        self.status.send_modify(|status| status.state = ApiState::Ended);
        std::future::pending::<()>().await;
    }

    async fn work(&mut self) -> Result<(), JournalError> {
        self.load()?;
        loop {
            if self.sleep_detector.has_jumped() {
                self.plan.look_over(Instant::now());
            }
            if self.next_list().is_some_and(|due| due <= Instant::now()) {
                self.listed_at = Instant::now();
                self.plan.look_over(self.listed_at);
            }
            if self.read_at.is_none_or(|read| read.elapsed() >= READ_EVERY) {
                self.read_changes()?;
            }
            self.warn_of_silence()?;
            match self.plan.next(Instant::now()) {
                NextStep::Ask(question) => self.ask(question).await?,
                NextStep::WaitUntil(until) => {
                    self.show_waiting(until);
                    self.wait(until).await?;
                }
            }
        }
    }

    /// Returns when the next pass over the list begins, where it is not left to the plan.
    fn next_list(&self) -> Option<Instant> {
        Some(self.listed_at + self.settings.list_every?)
    }

    /// Waits until a time, or a change of the journal, or the next look at the clocks.
    async fn wait(&mut self, until: Instant) -> Result<(), JournalError> {
        let now = Instant::now();
        let until = until.min(now + LOOK_EVERY);
        let until = self.silence.due().map_or(until, |due| until.min(due));
        let until = self.next_list().map_or(until, |due| until.min(due));
        let readable = self.read_at.map_or(now, |read| read + READ_EVERY);
        let changed = async {
            tokio::time::sleep_until(readable.into()).await;
            self.follower.changed().await
        };
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => Ok(()),
            changed = changed => match changed {
                Ok(true) => Ok(()),
                // The journal is closed: the run ends.
                Ok(false) => std::future::pending().await,
                Err(error) => Err(error),
            },
        }
    }

    /// Plans the checks of all assets in the journal.
    fn load(&mut self) -> Result<(), JournalError> {
        let (now, clock, overdue) = (Timestamp::now(), Instant::now(), self.settings.overdue);
        let (mut foreign, plan) = (0, &mut self.plan);
        self.follower.reader().each_asset::<JournalError>(|row, notes| {
            foreign += usize::from(notes.listing.is_foreign);
            plan.note(&row.asset_id, need(&row, &notes, now, overdue), clock);
            Ok(())
        })?;
        self.status.send_modify(|status| status.foreign = foreign);
        Ok(())
    }

    /// Plans the checks of the assets that changed since the last read.
    fn read_changes(&mut self) -> Result<(), JournalError> {
        self.read_at = Some(Instant::now());
        let newest = self.follower.newest()?;
        if newest.head.saturating_sub(self.follower.seen().head) > MAX_BEHIND {
            self.follower.go_on_from(newest);
            self.has_skipped = true;
            return Ok(());
        }
        if std::mem::take(&mut self.has_skipped) {
            // The flood is over: what changed in it is in the states.
            self.load()?;
        }
        let mut changed = BTreeSet::new();
        while self.follower.seen().is_behind(newest)
            && let Some(batch) = self.follower.next(PAGE)?
        {
            match batch {
                JournalBatch::Summaries(page) => {
                    changed.extend(page.into_iter().filter_map(|row| row.callback.asset_id));
                }
                JournalBatch::Gaps(_) | JournalBatch::Pruned => {
                    self.plan.look_over(Instant::now());
                }
                JournalBatch::Deliveries(_)
                | JournalBatch::Refusals(_)
                | JournalBatch::Forwards(_) => {}
            }
        }
        for asset_id in changed {
            self.note(&asset_id)?;
        }
        Ok(())
    }

    /// Plans the next check of an asset.
    fn note(&mut self, asset_id: &str) -> Result<(), JournalError> {
        match self.follower.reader().asset(asset_id)? {
            Some((row, notes)) => {
                let need = need(&row, &notes, Timestamp::now(), self.settings.overdue);
                self.plan.note(asset_id, need, Instant::now());
            }
            None => self.plan.forget(asset_id),
        }
        Ok(())
    }

    async fn ask(&mut self, question: Question) -> Result<(), JournalError> {
        self.status.send_modify(|status| {
            status.state = ApiState::Asking;
            status.asked += 1;
        });
        let asked_at = Timestamp::now();
        match self.answer(&question).await {
            Ok(answer) => {
                self.status.send_modify(|status| status.last_answer = Some(Timestamp::now()));
                let taken = self.take(&question, answer, asked_at).await?;
                let now = Instant::now();
                match taken {
                    Ok(next) => self.plan.answered(&question, next, now, chance()),
                    // The journal cannot be written now: the answer is asked for again.
                    Err(error) => {
                        tracing::warn!("an answer of the API was not written: {error}");
                        let failure = Failure::OfService { retry_after: None };
                        self.plan.failed(question, failure, now, chance());
                    }
                }
            }
            Err(error) => self.failed(question, &error).await?,
        }
        self.show_waiting(Instant::now());
        Ok(())
    }

    async fn answer(&self, question: &Question) -> Result<Answered, ApiError> {
        Ok(match question {
            Question::Page(page) => Answered::Page(self.client.list_assets(page.as_ref()).await?),
            Question::Asset(asset_id) => Answered::Asset(self.client.get_asset(asset_id).await?),
            Question::Version { version_id, .. } => {
                Answered::Version(self.client.get_version(version_id).await?)
            }
        })
    }

    /// Writes an answer to the journal. Returns the next page of the list, if there is one.
    async fn take(
        &mut self,
        question: &Question,
        answer: Answered,
        asked_at: Timestamp,
    ) -> Result<Result<Option<NextPage>, WriteError>, JournalError> {
        match (question, answer) {
            (Question::Page(page), Answered::Page(answer)) => {
                let step = self.walk.take(&answer);
                let path = Endpoint::Assets(page.as_ref());
                for caution in answer.cautions {
                    self.say_once(caution);
                }
                for asset in answer.assets {
                    let Some(asset_id) = asset.asset_id.clone() else { continue };
                    let origin = self.origin(&path, asked_at, false);
                    let read = report::of_asset(asset_id, asset, origin);
                    if let Err(error) = self.listed(read).await? {
                        // The page is asked for again, which is no repetition.
                        self.walk = PageWalk::default();
                        return Ok(Err(error));
                    }
                    self.let_callbacks_through().await?;
                }
                Ok(Ok(self.next_page(step)))
            }
            (Question::Asset(asset_id), Answered::Asset(asset)) => {
                let origin = self.origin(&Endpoint::Asset(asset_id), asked_at, true);
                let read = report::of_asset(asset_id.clone(), asset, origin);
                let untold = read.untold.clone();
                let written = self.write(read).await?;
                self.plan.ask_versions(asset_id, untold.into_iter());
                Ok(written.map(|()| None))
            }
            (Question::Version { asset_id, version_id }, Answered::Version(version)) => {
                let mut cautions = Vec::new();
                let read = report::of_version(asset_id, version_id.clone(), version, &mut cautions);
                let endpoint = Endpoint::Version(version_id);
                let AnswerOrigin { host, path, .. } = self.origin(&endpoint, asked_at, false);
                let versions: Vec<VersionReport> = read.into_iter().collect();
                let report = AssetReport {
                    asset_id: asset_id.clone(),
                    asked_at,
                    host,
                    path,
                    name: None,
                    is_complete: false,
                    versions,
                };
                let read = ReadReport { report, untold: Vec::new(), cautions };
                Ok(self.write(read).await?.map(|()| None))
            }
            // Each question is answered by its own kind.
            _ => Ok(Ok(None)),
        }
    }

    fn origin(&self, endpoint: &Endpoint<'_>, asked_at: Timestamp, is_whole: bool) -> AnswerOrigin {
        AnswerOrigin {
            host: self.client.address().host().to_string(),
            // Without the query of a page, which means nothing later.
            path: endpoint
                .path()
                .unwrap_or_default()
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
            asked_at,
            is_whole,
        }
    }

    fn next_page(&mut self, step: WalkStep) -> Option<NextPage> {
        match step {
            WalkStep::Next(next) => return Some(next),
            WalkStep::End => {}
            WalkStep::Cut(why) => self.say_once(format!("the API: {why}")),
        }
        self.walk = PageWalk::default();
        self.status.send_modify(|status| status.looked_over = Some(Timestamp::now()));
        None
    }

    /// Pauses after an asset of a page, longer while many callbacks arrive.
    async fn let_callbacks_through(&self) -> Result<(), JournalError> {
        let reader = self.follower.reader();
        let before = reader.head()?;
        tokio::time::sleep(BETWEEN_ASSETS).await;
        if reader.head()? - before >= FLOOD {
            tokio::time::sleep(BETWEEN_ASSETS_IN_FLOOD).await;
        }
        Ok(())
    }

    /// Takes an asset from a page of the list.
    async fn listed(&mut self, read: ReadReport) -> Result<Result<(), WriteError>, JournalError> {
        let asset_id = read.report.asset_id.clone();
        let is_known = self.follower.reader().has_asset(&asset_id)?;
        if !is_known {
            let mut states = read.report.versions.iter().map(|report| report.status.state(None));
            let has_states = states.len() > 0;
            // It may have been deleted because it was quiet, and is not brought back for that.
            if !self.settings.keeps_all && has_states && is_over(&mut states) {
                return Ok(Ok(()));
            }
            self.plan.note(&asset_id, Need::Open, Instant::now());
        }
        self.write(read).await
    }

    /// Writes a report, and notes what it changed.
    async fn write(&mut self, read: ReadReport) -> Result<Result<(), WriteError>, JournalError> {
        let ReadReport { report, cautions, .. } = read;
        for caution in cautions {
            self.say_once(caution);
        }
        let asset_id = report.asset_id.clone();
        let before = self.follower.reader().asset(&asset_id)?;
        let receipt = match self.journal.report(report) {
            Ok(pending) => pending.receipt().await,
            Err(error) => Err(error),
        };
        match receipt {
            Ok(receipt) if receipt.has_changed => {}
            Ok(_) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        if let Some((after, notes)) = self.follower.reader().asset(&asset_id)? {
            let need = need(&after, &notes, Timestamp::now(), self.settings.overdue);
            self.plan.note(&asset_id, need, Instant::now());
            if let Some((before, notes)) = &before {
                self.silence.note(before, &after, Instant::now());
                if notes.listing.is_foreign {
                    self.status.send_modify(|status| {
                        status.foreign = status.foreign.saturating_sub(1);
                    });
                }
            }
        }
        Ok(Ok(()))
    }

    /// Notes a failure: marks an asset that the API does not know, or pauses.
    async fn failed(&mut self, question: Question, error: &ApiError) -> Result<(), JournalError> {
        let failure = match error {
            ApiError::Forbidden { .. } => Failure::Forbidden { retry_after: error.retry_after() },
            error if error.is_about_the_question() => Failure::OfQuestion,
            error if error.is_retryable() => {
                Failure::OfService { retry_after: error.retry_after() }
            }
            _ => Failure::OfSettings,
        };
        let asset_id = match &question {
            Question::Asset(asset_id) => Some(asset_id.clone()),
            _ => None,
        };
        let is_unknown = matches!(error, ApiError::NotFound { .. } | ApiError::Forbidden { .. });
        if let Question::Page(_) = &question {
            self.walk = PageWalk::default();
        }
        let meaning = self.plan.failed(question, failure, Instant::now(), chance());
        tracing::warn!("the API: {error}");
        if failure == Failure::OfSettings {
            self.say_once(error.to_string());
        }
        self.status.send_modify(|status| {
            status.last_error = Some((Timestamp::now(), error.to_string()));
        });
        if meaning == Meaning::Refused
            && is_unknown
            && let Some(asset_id) = asset_id
        {
            self.mark_foreign(asset_id).await?;
        }
        Ok(())
    }

    /// Marks an asset as not of this account, if its callbacks are signed all the same.
    async fn mark_foreign(&mut self, asset_id: String) -> Result<(), JournalError> {
        if !self.asset(&asset_id)?.is_some_and(|(row, _)| is_signed(&row)) {
            self.plan.note(&asset_id, Need::Settled, Instant::now());
            return Ok(());
        }
        let written = match self.journal.set_foreign(asset_id.clone(), true) {
            Ok(pending) => pending.receipt().await,
            Err(error) => Err(error),
        };
        match written {
            Ok(receipt) if receipt.has_changed => {
                self.status.send_modify(|status| status.foreign += 1);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!("an answer of the API was not written: {error}"),
        }
        self.note(&asset_id)
    }

    /// Warns about results whose callbacks did not follow.
    fn warn_of_silence(&mut self) -> Result<(), JournalError> {
        for asset_id in self.silence.take_due(Instant::now()) {
            let Some((row, notes)) = self.asset(&asset_id)? else { continue };
            let url = self.settings.callback_url.as_deref();
            if let Some(warning) = self.silence.warning(&row, &notes, url) {
                self.say(warning);
            }
        }
        Ok(())
    }

    fn asset(&self, asset_id: &str) -> Result<Option<(AssetRow, Notes)>, JournalError> {
        self.follower.reader().asset(asset_id)
    }

    fn show_waiting(&self, until: Instant) {
        let now = Instant::now();
        let waiting = self.plan.waiting(now);
        let paused = self.plan.paused_until();
        self.status.send_if_modified(|status| {
            let state = match (paused, &status.last_error) {
                (Some(paused), Some((_, why))) => ApiState::Paused {
                    until: moment(paused.max(until.min(paused)), now),
                    why: why.clone(),
                },
                _ => ApiState::Waiting,
            };
            let is_new = (&status.state, status.waiting) != (&state, waiting);
            (status.state, status.waiting) = (state, waiting);
            is_new
        });
    }

    fn say(&self, warning: String) {
        tracing::warn!("{warning}");
        // If the channel is full, the log has it.
        let _ = self.warnings.try_send(warning);
    }

    /// Says a sentence unless it was said before.
    fn say_once(&mut self, sentence: String) {
        if self.said.len() < MAX_SAID && self.said.insert(sentence.clone()) {
            self.say(sentence);
        }
    }
}

/// Returns the wall clock's time of a moment, to the second, so that it is the same each time.
fn moment(at: Instant, now: Instant) -> Timestamp {
    let wait = SignedDuration::try_from(at.saturating_duration_since(now)).unwrap_or_default();
    let at = Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX);
    at.round(jiff::Unit::Second).unwrap_or(at)
}
