//! A dashboard on a journal that another process writes, or that cannot be written: no door, no
//! notes, only looking.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::Exit;
use super::super::run::in_runtime;
use super::super::signals::{Signals, at_once};
use super::aside::Aside;
use super::backend::{BackendWorker, Sources};
use super::console::Playing;
use super::route::route;
use super::{INBOX, REQUESTS, facts, until};
use crate::config::{Config, Theme, local_zone};
use crate::journal::Follower;
use crate::signature::TrustedKeys;
use crate::sqlite::has_writer;
use crate::tui::model::Banner;
use crate::tui::msg::{Msg, Stage, Told};
use crate::tui::widget::look::Look;

/// How often it is looked whether the other process is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Shows the journal until the user quits or a signal comes.
pub(super) fn watch(
    config: &Config,
    keys: Arc<TrustedKeys>,
    look: Look,
    banner: Banner,
) -> anyhow::Result<Exit> {
    let follower = Follower::open(&config.db)?.of_summaries();
    in_runtime(look_on(config, keys, look, follower, banner))
}

async fn look_on(
    config: &Config,
    keys: Arc<TrustedKeys>,
    look: Look,
    follower: Follower,
    banner: Banner,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new(true).context("cannot listen for signals")?;
    let facts = facts::of_file(config, &keys, banner);
    let (inbox, told) = mpsc::channel(INBOX);
    let sources = Sources { stage: Stage::Real, follower, journal: None, keys };
    let (requests, asked) = mpsc::channel(REQUESTS);
    let mut backend = BackendWorker::start(sources, inbox.clone())?;
    let mut playing = Playing::start(facts, look, config.theme == Theme::Auto, told, requests)?;
    let stop = CancellationToken::new();
    let real = backend.requests.clone();
    for caution in config.cautions.iter().cloned().chain(local_zone().caution) {
        let warning = Told::Warning(Timestamp::now(), caution);
        let _ = inbox.send(Msg::Told(Stage::Real, warning)).await;
    }
    let (db, told_to) = (config.db.clone(), inbox.clone());
    let looking = until(&stop, async move {
        // Where nothing can be written, nobody is waited for.
        if banner == Banner::ReadOnly {
            tell_the_end(db, told_to).await;
        }
    });
    let routing = tokio::spawn(route(asked, real, Aside::new(config, inbox), stop.clone()));
    let exit = tokio::select! {
        signal = signals.next() => Ok(Exit::Signal(signal)),
        over = playing.over() => over,
        error = backend.failed() => Err(error),
    };
    let graceful = async {
        playing.leave().await;
        stop.cancel();
        let _ = tokio::join!(routing, looking);
        backend.stop().await;
    };
    tokio::select! {
        () = graceful => exit,
        signal = signals.again() => at_once(signal),
    }
}

/// Tells whenever the process that writes the journal has ended, or another one began.
async fn tell_the_end(db: PathBuf, inbox: mpsc::Sender<Msg>) {
    let mut told = false;
    loop {
        let looked_at = db.clone();
        let looked = tokio::task::spawn_blocking(move || !has_writer(&looked_at)).await;
        if let Ok(orphaned) = looked
            && std::mem::replace(&mut told, orphaned) != orphaned
            && inbox.send(Msg::Told(Stage::Real, Told::Orphaned(orphaned))).await.is_err()
        {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
