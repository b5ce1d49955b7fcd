//! Forwards events to the dashboard that do not come from the journal: the status, warnings, the
//! end of a demo's story.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::worker::or_never;
use crate::status::Status;
use crate::tui::event::BackendEvent;

/// Minimum interval between two status events.
const EVERY: Duration = Duration::from_millis(250);

/// A warning and its time.
pub(in super::super) type TimedWarning = (Timestamp, String);

/// The sources of forwarded events.
pub(in super::super) struct Reports {
    pub(in super::super) status: watch::Receiver<Status>,
    /// Cancelled at the end of a demo's story.
    pub(in super::super) story_over: Option<CancellationToken>,
}

/// Forwards events until the dashboard's channel is closed. Sends the status at most every 250 ms,
/// and always its last change.
pub(in super::super) async fn run(
    reports: Reports,
    mut warnings: Option<mpsc::Receiver<TimedWarning>>,
    events: mpsc::Sender<BackendEvent>,
) {
    let Reports { mut status, mut story_over } = reports;
    let mut sent = Status::default();
    let (mut not_before, mut is_open) = (Instant::now(), true);
    loop {
        let now = status.borrow_and_update().clone();
        for event in changes(&sent, &now) {
            if events.send(event).await.is_err() {
                return;
            }
            not_before = Instant::now() + EVERY;
        }
        sent = now;
        let event = tokio::select! {
            changed = async { sleep_until(not_before).await; status.changed().await }, if is_open => {
                is_open = changed.is_ok();
                continue;
            }
            Some((at, message)) = or_never(warnings.as_mut().map(mpsc::Receiver::recv)) => {
                BackendEvent::Warning(at, message)
            }
            () = or_never(story_over.as_ref().map(CancellationToken::cancelled)) => {
                // Sent only once.
                story_over = None;
                BackendEvent::StoryOver
            }
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

fn changes(sent: &Status, now: &Status) -> Vec<BackendEvent> {
    let mut changes = Vec::new();
    if sent.counts != now.counts {
        changes.push(BackendEvent::Counts(now.counts));
    }
    if sent.store != now.store {
        changes.push(BackendEvent::Store(now.store.clone()));
    }
    if sent.writer_gone != now.writer_gone {
        changes.push(BackendEvent::Orphaned(now.writer_gone));
    }
    if sent.link != now.link
        && let Some(link) = &now.link
    {
        changes.push(BackendEvent::Link(Box::new(link.clone())));
    }
    if sent.api != now.api
        && let Some(api) = &now.api
    {
        changes.push(BackendEvent::Api(Box::new(api.clone())));
    }
    if sent.forwards != now.forwards {
        changes.push(BackendEvent::ForwardTargets(now.forwards.clone()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::JournalHealth;

    #[tokio::test(start_paused = true)]
    async fn frequent_status_changes_delay_no_warning_and_the_last_one_is_sent() {
        let (status, watched) = watch::channel(Status::default());
        let (events, mut messages) = mpsc::channel(1);
        let (warnings, waiting) = mpsc::channel(64);
        let reports = Reports { status: watched, story_over: None };
        tokio::spawn(run(reports, Some(waiting), events));
        let flood = tokio::spawn(async move {
            for number in 0..10_000_u64 {
                status.send_modify(|status| {
                    status.counts.valid = number;
                    status.store = JournalHealth::Failing { why: format!("full, {number} times") };
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            status.send_modify(|status| status.store = JournalHealth::Writing);
            status
        });
        for number in 0..50 {
            warnings.send((Timestamp::UNIX_EPOCH, format!("{number}"))).await.unwrap();
        }
        let (mut seen, mut last, mut reported) = (0, JournalHealth::Writing, 0);
        while !(flood.is_finished() && last == JournalHealth::Writing) {
            match messages.recv().await.unwrap() {
                BackendEvent::Warning(_, message) => {
                    assert_eq!(message, seen.to_string(), "in order");
                    seen += 1;
                }
                BackendEvent::Store(store) => {
                    last = store;
                    reported += 1;
                }
                BackendEvent::Counts(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, 50);
        assert!(reported <= 50, "{reported} reports in 10 s");
    }
}
