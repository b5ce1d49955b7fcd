//! The dashboard of a run: gives it what it is told, and carries out what it asks for.

mod answer;
mod aside;
mod backend;
mod catch_up;
mod console;
mod facts;
mod read_only;
mod route;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod told_assets;
mod writes;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::keys::{named_keys, with_present_dev_key};
use super::run::{Doors, Face, Run, Shown};
use super::{Exit, is_in_use, is_unwritable};
use crate::config::{Config, Theme, local_zone};
use crate::intake::Intake;
use crate::journal::Follower;
use crate::tui::model::Banner;
use crate::tui::msg::{Msg, Stage, Told};
use crate::tui::widget::look::Look;
use crate::vitals::{Counts, Link, Store};
use aside::Aside;
use backend::{BackendWorker, Sources};
use console::Playing;
use route::route;

/// Messages that may wait for the dashboard. Whoever has one more waits until there is room.
const INBOX: usize = 64;
/// Requests of the dashboard that may wait.
const REQUESTS: usize = 64;
/// The time between two reports of counts.
const COUNT_EVERY: Duration = Duration::from_millis(250);
/// How long the last of it may take.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Receives callbacks and shows them in the dashboard; only shows them, where another process
/// receives.
pub(super) fn watch(
    config: &Config,
    look: Look,
    out: impl Write + Send + 'static,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    let run = match Run::new(config, named_keys(config)?) {
        Ok(run) => run,
        Err(error) if is_in_use(&error) => {
            let keys = with_present_dev_key(config, named_keys(config)?);
            return read_only::watch(config, Arc::new(keys), look, Banner::ReadOnly);
        }
        Err(error) if is_unwritable(&error) && config.db.exists() => {
            tracing::warn!("{error:#}");
            let keys = with_present_dev_key(config, named_keys(config)?);
            return read_only::watch(config, Arc::new(keys), look, Banner::Unwritable);
        }
        Err(error) => return Err(error),
    };
    run.until_the_end(
        Dashboard { look, banner: None, story: None, out, say },
        |_, quit| async move {
            quit.cancelled().await;
            Ok(())
        },
    )
}

/// A dashboard that is to show a run.
pub(super) struct Dashboard<W> {
    pub(super) look: Look,
    /// What stays on the screen, where that is not said by the settings.
    pub(super) banner: Option<Banner>,
    /// Cancelled when the story of a demo has come to its end.
    pub(super) story: Option<CancellationToken>,
    /// Takes the last words, when the terminal was given back.
    pub(super) out: W,
    /// Takes sentences for people, once they do not disturb the dashboard.
    pub(super) say: fn(&str),
}

impl<W: Write + Send + 'static> Face for Dashboard<W> {
    type Shown = Watching<W>;
    const ON_TERMINAL: bool = true;

    fn start(self, run: &Run<'_>, doors: Doors) -> anyhow::Result<Watching<W>> {
        let engine = &run.engine;
        let facts = facts::of_engine(run.config, engine, &doors.bound, self.banner);
        let (inbox, told) = mpsc::channel(INBOX);
        let sources = sources_of(engine, Stage::Real)?;
        let (requests, asked) = mpsc::channel(REQUESTS);
        let backend = BackendWorker::start(sources, inbox.clone())?;
        // Of what can fail the last: who has the terminal is not to be given up halfway.
        let playing =
            Playing::start(facts, self.look, run.config.theme == Theme::Auto, told, requests)?;
        let stop = CancellationToken::new();
        let counting = tell_counts(Stage::Real, Arc::clone(&engine.intake), inbox.clone());
        let counting = until(&stop, counting);
        let (notices, waiting) = mpsc::channel(INBOX);
        let passing = until(&stop, pass_on(waiting, inbox.clone()));
        let (store, states) = watch::channel(Store::Writing);
        let minding = until(&stop, tell_store(states, inbox.clone()));
        let mut tasks = vec![counting, passing, minding];
        if let Some(story) = self.story {
            let inbox = inbox.clone();
            tasks.push(until(&stop, async move {
                story.cancelled().await;
                let _ = inbox.send(Msg::Told(Stage::Real, Told::StoryOver)).await;
            }));
        }
        let real = backend.requests.clone();
        let told_to = inbox.clone();
        let aside = Aside::new(run.config, inbox);
        let routing = tokio::spawn(route(asked, real, aside, stop.clone()));
        if let Some(link) = doors.link {
            tasks.push(until(&stop, tell_link(link, told_to)));
        }
        tasks.push(routing);
        let (out, say) = (self.out, self.say);
        let watching =
            Watching { playing, backend, notices, store, stop, tasks, out, say, has_left: false };
        if let Some(caution) = local_zone().caution {
            watching.warn(caution);
        }
        Ok(watching)
    }
}

/// What the backend of an engine's journal works with.
fn sources_of(engine: &Engine, stage: Stage) -> anyhow::Result<Sources> {
    let journal = Arc::clone(&engine.journal);
    let follower = Follower::of_feed(journal.reader()?, journal.feed()).of_summaries();
    Ok(Sources { stage, follower, journal: Some(journal), keys: Arc::clone(&engine.keys) })
}

/// Runs until it ends or is stopped.
fn until(
    stop: &CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let stop = stop.clone();
    tokio::spawn(async move {
        stop.run_until_cancelled(task).await;
    })
}

/// Tells what became of the requests, whenever that changed and not too often.
async fn tell_counts(stage: Stage, intake: Arc<Intake>, inbox: mpsc::Sender<Msg>) {
    loop {
        intake.counted().await;
        let counts = Told::Counts(intake.counts());
        if inbox.send(Msg::Told(stage, counts)).await.is_err() {
            return;
        }
        tokio::time::sleep(COUNT_EVERY).await;
    }
}

/// Something that a person should know, and since when.
type Warning = (Timestamp, String);

/// Tells what the link to the relay is doing, whenever that changed and not too often.
async fn tell_link(mut link: watch::Receiver<Link>, inbox: mpsc::Sender<Msg>) {
    loop {
        let told = Told::Link(Box::new(link.borrow_and_update().clone()));
        if inbox.send(Msg::Told(Stage::Real, told)).await.is_err() {
            return;
        }
        tokio::time::sleep(COUNT_EVERY).await;
        if link.changed().await.is_err() {
            return;
        }
    }
}

/// Passes on what the run has to say, in its order.
async fn pass_on(mut notices: mpsc::Receiver<Warning>, inbox: mpsc::Sender<Msg>) {
    while let Some((at, message)) = notices.recv().await {
        if inbox.send(Msg::Told(Stage::Real, Told::Warning(at, message))).await.is_err() {
            return;
        }
    }
}

/// Tells whether the journal can be written: not every change of it, but always the last.
async fn tell_store(mut states: watch::Receiver<Store>, inbox: mpsc::Sender<Msg>) {
    while states.changed().await.is_ok() {
        let store = states.borrow_and_update().clone();
        if inbox.send(Msg::Told(Stage::Real, Told::Store(store))).await.is_err() {
            return;
        }
    }
}

/// A dashboard that shows a run.
pub(super) struct Watching<W> {
    playing: Playing,
    backend: BackendWorker,
    notices: mpsc::Sender<Warning>,
    store: watch::Sender<Store>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    out: W,
    say: fn(&str),
    has_left: bool,
}

impl<W: Write + Send + 'static> Shown for Watching<W> {
    fn warn(&self, message: String) {
        if self.has_left {
            (self.say)(&message);
            return;
        }
        // Standard error is most likely the terminal that is drawn on. More than can wait are in the
        // log file.
        let _ = self.notices.try_send((Timestamp::now(), message));
    }

    fn store(&self, store: Store) {
        self.store.send_replace(store);
    }

    async fn over(&mut self) -> anyhow::Result<Exit> {
        tokio::select! {
            over = self.playing.over() => over,
            error = self.backend.failed() => Err(error.context("stopped receiving")),
        }
    }

    async fn leave(&mut self) {
        self.playing.leave().await;
        self.has_left = true;
    }

    async fn finish(mut self, counts: Counts) {
        self.stop.cancel();
        let finish = async {
            for task in self.tasks {
                let _ = task.await;
            }
            self.backend.stop().await;
        };
        if tokio::time::timeout(LAST_LINES, finish).await.is_err() {
            tracing::warn!("what reads for the dashboard did not end in time");
        }
        // Nobody to tell is no failure: the terminal may be gone.
        let (kept, refused) = (counts.accepted(), counts.refusals());
        let _ = writeln!(self.out, "Stopped: {kept} kept, {refused} refused.");
        let _ = self.out.flush();
    }
}
