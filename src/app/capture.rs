//! `dubwatch open`: a capture in a read-only dashboard. It is read into a journal in memory, which
//! ends with the program.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;

use super::Exit;
use super::dashboard::backend::Sources;
use super::dashboard::reporter::Reports;
use super::dashboard::run_info;
use super::frontend::tui::{DashboardSource, ExitOutput, TuiFrontend};
use super::keys::{named_keys, with_present_dev_key};
use super::parts::{PartEvent, Parts};
use super::signals::Signals;
use super::supervisor::{self, in_runtime, warn};
use crate::callback::{Accepted, Callback, ImportedDelivery, SIGNATURE_HEADER, Source, Verdict};
use crate::config::Config;
use crate::export::{CaptureEntry, CaptureReader, CapturedDelivery};
use crate::files;
use crate::journal::{Follower, Journal, Location, PendingCommit};
use crate::signature::{TrustedKeys, fingerprint_of};
use crate::status::Status;
use crate::text::{Printable, count_in_words};
use crate::tui::widget::theme::Theme;

/// Entries between two waits for the journal's writer, and the bytes of their bodies.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 16 << 20;

/// Shows the capture at `path` until the user quits or a signal arrives.
pub fn open_capture(config: &Config, path: &Path, theme: Theme) -> anyhow::Result<Exit> {
    let keys = with_present_dev_key(config, named_keys(config)?);
    let journal = Journal::open(&Location::Memory, None)?;
    let mut import = CaptureImport::new(&journal, &keys);
    import.read(path)?;
    let cautions = import.cautions();
    let run_info = run_info::of_capture(config, &keys, path);
    let follower = Follower::of_feed(journal.reader()?, journal.feed()).of_summaries();
    in_runtime(async {
        let signals = Signals::new(true).context("cannot listen for signals")?;
        let source = DashboardSource {
            run_info,
            sources: Sources {
                follower,
                journal: None,
                keys: Arc::new(keys),
                api: None,
                shows_all: true,
            },
            reports: Reports { status: watch::channel(Status::default()).1, story_over: None },
        };
        let exit_output = ExitOutput { out: Box::new(std::io::sink()), print: |_| {} };
        let tui = TuiFrontend::start(config, theme, source, exit_output)?;
        for caution in config.cautions.iter().cloned().chain(cautions) {
            warn(&tui, caution);
        }
        supervisor::run(signals, OpenCapture { journal }, tui).await
    })
}

/// The parts of the run: the journal, which nothing writes any more.
struct OpenCapture {
    journal: Journal,
}

impl Parts for OpenCapture {
    async fn next(&mut self) -> PartEvent {
        std::future::pending().await
    }

    async fn stop(&mut self) {}

    async fn close(self) {
        let journal = self.journal;
        let _ = tokio::task::spawn_blocking(move || journal.close()).await;
    }
}

/// Reads a capture into a journal, with verdicts of this side's keys.
struct CaptureImport<'a> {
    journal: &'a Journal,
    keys: &'a TrustedKeys,
    pending: Vec<PendingCommit<u64>>,
    pending_bytes: usize,
    /// The names that were set, by asset.
    names: HashMap<String, String>,
    deliveries: u64,
    /// Deliveries whose signature does not hold here.
    unsound: u64,
    /// The first of them: its number, and why.
    first_unsound: Option<(u64, String)>,
    is_redacted: bool,
}

impl<'a> CaptureImport<'a> {
    fn new(journal: &'a Journal, keys: &'a TrustedKeys) -> Self {
        Self {
            journal,
            keys,
            pending: Vec::new(),
            pending_bytes: 0,
            names: HashMap::new(),
            deliveries: 0,
            unsound: 0,
            first_unsound: None,
            is_redacted: false,
        }
    }

    fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        let (file, _) =
            files::open(path).with_context(|| format!("cannot read the capture {shown}"))?;
        let input = BufReader::with_capacity(1 << 16, file);
        let unusable = |error| anyhow::anyhow!("{shown}, {error}; nothing was opened");
        let mut reader = CaptureReader::new(input).map_err(unusable)?;
        self.is_redacted = reader.is_redacted();
        while let Some(entry) = reader.next_entry().map_err(unusable)? {
            self.entry(entry)
                .with_context(|| format!("cannot hold the capture {shown} in memory"))?;
        }
        self.settle()
    }

    fn entry(&mut self, entry: CaptureEntry) -> anyhow::Result<()> {
        let pending = match entry {
            CaptureEntry::Delivery(delivery) => {
                self.name(&delivery)?;
                self.pending_bytes += delivery.request.body.len();
                self.journal.import(self.judged(*delivery))?
            }
            CaptureEntry::Refusal(listed) => self.journal.list_refusals(vec![*listed])?,
            CaptureEntry::Gap(noted) => self.journal.import_gap(noted.gap)?,
        };
        self.pending.push(pending);
        if self.pending.len() >= BATCH || self.pending_bytes >= BATCH_BYTES {
            self.settle()?;
        }
        Ok(())
    }

    /// Sets the name that an asset had.
    fn name(&mut self, delivery: &CapturedDelivery) -> anyhow::Result<()> {
        let Some(name) = &delivery.asset_name else { return Ok(()) };
        let Some(asset_id) = Callback::read(&delivery.request.body).asset_id else { return Ok(()) };
        if self.names.get(&asset_id) != Some(name) {
            self.names.insert(asset_id.clone(), name.clone());
            self.pending.push(self.journal.name(asset_id, Some(name.clone()))?);
        }
        Ok(())
    }

    /// Returns a delivery with the verdict of this side's keys. One whose signature does not hold is
    /// unchecked, so that it is drawn as such.
    fn judged(&mut self, delivery: CapturedDelivery) -> ImportedDelivery {
        let CapturedDelivery { seq, committed_at, request, was_unchecked, .. } = delivery;
        self.deliveries += 1;
        let verdict = if request.source == Source::Api {
            Verdict::Api
        } else if self.is_redacted {
            Verdict::Unchecked
        } else {
            let headers: Vec<&str> = request.headers.all(SIGNATURE_HEADER).collect();
            match self.keys.check(&headers, &request.body) {
                valid @ Verdict::Valid { .. } => valid,
                other => {
                    if !was_unchecked {
                        self.unsound += 1;
                        let why = other.why().unwrap_or("there is no signature").to_owned();
                        self.first_unsound.get_or_insert((seq, why));
                    }
                    Verdict::Unchecked
                }
            }
        };
        let accepted = Accepted {
            callback: Callback::read(&request.body),
            fingerprint: fingerprint_of(&request.headers, &request.body),
            verdict,
            request,
        };
        ImportedDelivery { seq, committed_at, accepted }
    }

    /// Waits until everything is written.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.pending_bytes = 0;
        for pending in self.pending.drain(..) {
            pending.blocking_receipt()?;
        }
        Ok(())
    }

    /// Returns what the user has to know of the verdicts.
    fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        if self.is_redacted {
            cautions.push(
                "the capture is redacted: ids are aliases, and no signature can be checked"
                    .to_owned(),
            );
        }
        if let Some((seq, why)) = &self.first_unsound {
            let count = count_in_words(self.deliveries, "delivery", "deliveries");
            let why = Printable::new(why);
            cautions.push(format!(
                "{} of {count} in the capture have no signature of a key that is trusted here, and are shown as unchecked; the first is number {seq}: {why}",
                self.unsound
            ));
        }
        cautions
    }
}
