//! Where a forwarder begins: at the place on disk, or where the settings say.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::error::ForwardError;
use super::forwarder::Forwarder;
use super::report::ForwardReporter;
use super::settings::TargetSettings;
use crate::forward::{ForwardClient, ForwardQueue};
use crate::journal::{Follower, Journal, JournalError};

/// The reason of an attempt whose end nothing is known of.
const KILLED: &str = "dubwatch ended before there was an answer; it may have arrived";

impl Forwarder {
    /// Creates a forwarder that begins where forwarding to the target was, or where the settings say.
    pub(super) fn new(
        settings: TargetSettings,
        journal: Arc<Journal>,
        follower: Follower,
        reporter: ForwardReporter,
    ) -> Result<Self, JournalError> {
        let target: Arc<str> = Arc::from(settings.url());
        let reader = follower.reader();
        let kept = reader.forward_place(&target)?;
        let place = match (kept, settings.since) {
            (Some(place), _) => place,
            (None, None) => reader.head()?,
            (None, Some(span)) => {
                let since = Timestamp::now().checked_sub(span).unwrap_or(Timestamp::MIN);
                reader.seq_received_before(since)?
            }
        };
        let known = reader.known_forwards(&target)?;
        if kept.is_some() && settings.is_since_set {
            reporter.warn(format!(
                "{target} was forwarded to before: it goes on after delivery {place}, and --forward-since is for a new target"
            ));
        }
        let mut forwarder = Self {
            client: Arc::new(ForwardClient::new(settings.client.clone())),
            settings,
            target,
            journal,
            follower: follower.of_summaries().of_deliveries().behind(place),
            reporter,
            queue: ForwardQueue::new(place),
            attempts: HashMap::new(),
            done_before: HashSet::new(),
            begun: Vec::new(),
            withdrawn: Vec::new(),
            ended: Vec::new(),
            starting: Vec::new(),
            sending: JoinSet::new(),
            in_flight: HashMap::new(),
            delayed: BTreeSet::new(),
            down: None,
            written_place: place,
        };
        for (seq, known) in known {
            if known.is_done {
                forwarder.done_before.insert(seq);
            } else {
                forwarder.attempts.insert(seq, known.attempts);
            }
            if let Some(open) = known.open {
                forwarder.cut_short(open, KILLED);
            }
        }
        Ok(forwarder)
    }

    /// Writes where it begins, and which attempts an earlier run left open.
    pub(super) async fn begin(&mut self) -> Result<(), ForwardError> {
        let batch = Arc::new(self.batch());
        let pending = self.journal.forward(batch).map_err(ForwardError::Write)?;
        pending.receipt().await.map_err(ForwardError::Write)?;
        Ok(())
    }
}
