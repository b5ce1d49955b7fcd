//! The status of a run: a task that updates one value, which the frontend watches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::worker::Worker;
use crate::intake::Intake;
use crate::journal::{Health, Journal};
use crate::sqlite::has_writer;
use crate::status::{ApiStatus, ForwardStatus, JournalHealth, Link, Status};

/// Minimum interval between two changes of the counts.
const EVERY: Duration = Duration::from_millis(250);
/// Interval between two checks for the process that writes the journal.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// The parts of a receiver that have a status of their own, where there are any.
#[derive(Default)]
pub(super) struct StatusSources {
    pub(super) link: Option<watch::Receiver<Link>>,
    pub(super) api: Option<watch::Receiver<ApiStatus>>,
    pub(super) forwards: Option<watch::Receiver<Vec<ForwardStatus>>>,
}

/// Starts the status task of a receiver. Returns the status and the task.
pub(super) fn of_receiver(
    journal: &Journal,
    intake: Arc<Intake>,
    sources: StatusSources,
) -> (watch::Receiver<Status>, Worker<()>) {
    let StatusSources { link, api, forwards } = &sources;
    let first = Status {
        link: link.as_ref().map(|link| link.borrow().clone()),
        api: api.as_ref().map(|api| api.borrow().clone()),
        forwards: forwards.as_ref().map(|all| all.borrow().clone()).unwrap_or_default(),
        ..Status::default()
    };
    let (status, watched) = watch::channel(first);
    let health = journal.health();
    let worker = Worker::task("status", |stop| async move {
        stop.run_until_cancelled(watch_receiver(status, intake, health, sources)).await;
    });
    (watched, worker)
}

async fn watch_receiver(
    status: watch::Sender<Status>,
    intake: Arc<Intake>,
    mut health: watch::Receiver<Health>,
    sources: StatusSources,
) {
    let StatusSources { mut link, mut api, mut forwards } = sources;
    let mut is_open = true;
    let mut count_at = Instant::now();
    loop {
        tokio::select! {
            () = async { sleep_until(count_at).await; intake.counted().await } => {
                status.send_modify(|status| status.counts = intake.counts());
                count_at = Instant::now() + EVERY;
            }
            changed = health.changed(), if is_open => {
                // If the journal's thread has ended, the supervisor ends the run.
                is_open = changed.is_ok();
                let store = match &*health.borrow_and_update() {
                    Health::Writing => JournalHealth::Writing,
                    Health::Failing { why } => JournalHealth::Failing { why: (**why).to_owned() },
                };
                status.send_modify(|status| status.store = store);
            }
            now = next_of(&mut link) => {
                status.send_modify(|status| status.link = Some(now));
            }
            now = next_of(&mut api) => {
                status.send_modify(|status| status.api = Some(now));
            }
            now = next_of(&mut forwards) => {
                status.send_modify(|status| status.forwards = now);
            }
        }
    }
}

/// Waits for the next change. Waits forever if there is nothing to watch or its sender is gone.
async fn next_of<T: Clone>(watched: &mut Option<watch::Receiver<T>>) -> T {
    let Some(watched) = watched else { return std::future::pending().await };
    if watched.changed().await.is_err() {
        return std::future::pending().await;
    }
    watched.borrow_and_update().clone()
}

/// Starts the status task of a read-only run: it checks whether a process writes the journal at
/// `db`. Returns the status and the task.
pub(super) fn of_writer(db: PathBuf) -> (watch::Receiver<Status>, Worker<()>) {
    let (status, watched) = watch::channel(Status::default());
    let worker = Worker::task("status", |stop| watch_writer(db, status, stop));
    (watched, worker)
}

async fn watch_writer(db: PathBuf, status: watch::Sender<Status>, stop: CancellationToken) {
    let checks = async {
        loop {
            let path = db.clone();
            let checked = tokio::task::spawn_blocking(move || !has_writer(&path)).await;
            if let Ok(is_gone) = checked {
                status.send_if_modified(|status| {
                    std::mem::replace(&mut status.writer_gone, is_gone) != is_gone
                });
            }
            sleep(CHECK_EVERY).await;
        }
    };
    stop.run_until_cancelled(checks).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::Policy;
    use crate::journal::Location;
    use crate::signature::{PublicKey, TrustedKeys};

    #[tokio::test(start_paused = true)]
    async fn the_first_count_is_sent_at_once_then_a_few_and_always_the_last() {
        let journal = Arc::new(Journal::open(&Location::Memory, None).unwrap());
        let keys = Arc::new(TrustedKeys::new(PublicKey::vendor()));
        let intake = Intake::new(keys, Policy::Required, Arc::clone(&journal), 1).unwrap();
        let intake = Arc::new(intake);
        let (mut status, worker) =
            of_receiver(&journal, Arc::clone(&intake), StatusSources::default());
        sleep(Duration::from_secs(60)).await;
        assert!(!status.has_changed().unwrap(), "nothing changed");
        let mut seen = Vec::new();
        for _ in 0..100 {
            intake.turn_away();
            sleep(Duration::from_millis(10)).await;
            if status.has_changed().unwrap() {
                seen.push(status.borrow_and_update().counts.unavailable);
            }
        }
        sleep(EVERY).await;
        seen.push(status.borrow_and_update().counts.unavailable);
        assert_eq!((seen[0], seen.last()), (1, Some(&100)), "the first at once, and the last");
        assert!((4..=6).contains(&seen.len()), "{seen:?}");
        worker.stop().await;
        intake.close();
    }
}
