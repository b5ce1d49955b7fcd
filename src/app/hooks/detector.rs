//! Finds in the journal what programs run for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::super::worker::or_never;
use super::overdue::OverdueWatch;
use crate::callback::{Callback, Delivery, Event, Headers, NotedGap, RefusalEntry, State};
use crate::hook::{Happening, HookFields, HookRunner, Trigger};
use crate::journal::{Follower, JournalBatch, JournalError};
use crate::output::{AssetRecord, Format, RecordWriter, VersionRecord, write_line};
use crate::timeline::{AssetExpectation, AssetRow, Expectation, Notes, Progress, VersionRow};

/// Rows read at once.
const PAGE: u32 = 64;
/// Longest sleep until a version is overdue: a clock that is set, or a machine that slept, is noticed.
const LONGEST: Duration = Duration::from_secs(30);

/// Follows the journal and notes what happened.
pub(super) struct Detector {
    follower: Follower,
    runners: Vec<Arc<HookRunner>>,
    /// What is expected of every asset.
    expected: Option<Arc<Expectation>>,
    limit: SignedDuration,
    overdue: OverdueWatch,
}

impl Detector {
    pub(super) fn new(
        follower: Follower,
        runners: Vec<Arc<HookRunner>>,
        expected: Option<Arc<Expectation>>,
        limit: SignedDuration,
    ) -> Self {
        Self { follower, runners, expected, limit, overdue: OverdueWatch::new(limit) }
    }

    /// Follows until `stop` is cancelled or the journal is closed; then notes what came last.
    pub(super) fn run(
        &mut self,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> Result<(), JournalError> {
        if self.is_for(Trigger::Overdue) {
            self.overdue.begin(self.follower.reader(), Timestamp::now())?;
        }
        loop {
            while self.page()? {}
            self.note_overdue()?;
            if stop.is_cancelled() {
                return Ok(());
            }
            let due = self.overdue.next_in(Timestamp::now()).map(|due| due.min(LONGEST));
            let follower = &mut self.follower;
            let is_open = runtime.block_on(async {
                tokio::select! {
                    changed = follower.changed() => changed,
                    () = or_never(due.map(tokio::time::sleep)) => Ok(true),
                    () = stop.cancelled() => Ok(true),
                }
            })?;
            if !is_open {
                while self.page()? {}
                return Ok(());
            }
        }
    }

    fn is_for(&self, trigger: Trigger) -> bool {
        self.runners.iter().any(|runner| runner.is_for(trigger))
    }

    fn note(&self, happening: &Happening) {
        for runner in self.runners.iter().filter(|runner| runner.is_for(happening.trigger)) {
            runner.note(happening.clone());
        }
    }

    /// Notes a page of new entries; returns `false` if there are none.
    fn page(&mut self) -> Result<bool, JournalError> {
        let Some(batch) = self.follower.next(PAGE)? else { return Ok(false) };
        match batch {
            JournalBatch::Deliveries(page) => {
                for delivery in &page {
                    self.delivery(delivery)?;
                }
            }
            JournalBatch::Refusals(page) if self.is_for(Trigger::Refused) => {
                for listed in &page {
                    let happening = self.refused(listed)?;
                    self.note(&happening);
                }
            }
            JournalBatch::Gaps(page) if self.is_for(Trigger::Gap) => {
                for noted in &page {
                    self.note(&gap(noted));
                }
            }
            JournalBatch::Refusals(_)
            | JournalBatch::Gaps(_)
            | JournalBatch::Summaries(_)
            | JournalBatch::Forwards(_)
            | JournalBatch::Pruned => {}
        }
        Ok(true)
    }

    fn delivery(&mut self, delivery: &Delivery) -> Result<(), JournalError> {
        if self.is_for(Trigger::Overdue) {
            self.overdue.note(delivery);
        }
        let trigger = Trigger::of(&delivery.callback, delivery.outcome);
        let Some(trigger) = trigger else { return Ok(()) };
        if self.is_for(trigger) {
            let name = self.follower.reader().name_of(delivery)?;
            self.note(&of_delivery(trigger, delivery, name.as_deref()));
        }
        if trigger == Trigger::Generated
            && self.is_for(Trigger::Complete)
            && let Some(happening) = self.completed(delivery)?
        {
            self.note(&happening);
        }
        Ok(())
    }

    /// Returns that an asset is complete by this delivery.
    fn completed(&self, delivery: &Delivery) -> Result<Option<Happening>, JournalError> {
        let callback = &delivery.callback;
        let Some(asset_id) = &callback.asset_id else { return Ok(None) };
        let Some((row, notes)) = self.follower.reader().asset(asset_id)? else { return Ok(None) };
        let expected = AssetExpectation::of(&row, &notes, self.expected.as_ref());
        let expected = expected.filter(|expected| expected.progress.is_complete());
        let Some(expected) = expected else { return Ok(None) };
        // One beyond the expected versions completes nothing.
        let is_other =
            |version: &&VersionRow| Some(&version.version_id) != callback.version_id.as_ref();
        let others: Vec<VersionRow> = row.versions.iter().filter(is_other).cloned().collect();
        if Progress::of(&others, &expected.expectation).is_complete() {
            return Ok(None);
        }
        let name = notes.shown_name();
        let mut line = Vec::new();
        let record = AssetRecord::new(&row, name).expecting(Some(&expected));
        let _ = write_line(&mut line, &record);
        let fields = HookFields {
            seq: delivery.seq.to_string(),
            at: delivery.request.received_at.to_string(),
            asset_id: asset_id.clone(),
            asset_name: name.unwrap_or_default().to_owned(),
            ..HookFields::default()
        };
        let trigger = Trigger::Complete;
        Ok(Some(Happening { trigger, line, fields, payload: None, headers: None }))
    }

    fn refused(&self, listed: &RefusalEntry) -> Result<Happening, JournalError> {
        let refusal = &listed.refusal;
        let claim = Callback::claimed(&refusal.body.bytes);
        let name = self.follower.reader().name_claimed(&claim)?;
        let line = line(|records| records.refusal(listed, name.as_deref()));
        let fields = HookFields {
            at: refusal.at.to_string(),
            why: refusal.why.clone(),
            ..of_callback(&claim, name.as_deref())
        };
        let (payload, headers) = (refusal.body.bytes.clone(), text_of(&refusal.headers));
        let trigger = Trigger::Refused;
        Ok(Happening { trigger, line, fields, payload: Some(payload), headers: Some(headers) })
    }

    /// Notes the versions that have become overdue.
    fn note_overdue(&mut self) -> Result<(), JournalError> {
        let now = Timestamp::now();
        while let Some((asset_id, version_id)) = self.overdue.due(now) {
            let found = self.follower.reader().asset(&asset_id)?;
            let Some((row, notes)) = found else { continue };
            let version = row.versions.iter().find(|version| version.version_id == version_id);
            if let Some(version) = version.filter(|row| row.version.overdue(now, self.limit)) {
                self.note(&overdue(&row, &notes, version, now, self.limit));
            }
        }
        Ok(())
    }
}

fn of_delivery(trigger: Trigger, delivery: &Delivery, name: Option<&str>) -> Happening {
    let fields = HookFields {
        seq: delivery.seq.to_string(),
        at: delivery.request.received_at.to_string(),
        ..of_callback(&delivery.callback, name)
    };
    Happening {
        trigger,
        line: line(|records| records.delivery(delivery, name)),
        fields,
        payload: Some(delivery.request.body.clone()),
        headers: Some(text_of(&delivery.request.headers)),
    }
}

fn gap(noted: &NotedGap) -> Happening {
    let fields = HookFields {
        at: noted.gap.at.to_string(),
        why: noted.gap.why().to_owned(),
        ..HookFields::default()
    };
    let line = line(|records| records.gap(noted));
    Happening { trigger: Trigger::Gap, line, fields, payload: None, headers: None }
}

fn overdue(
    row: &AssetRow,
    notes: &Notes,
    version: &VersionRow,
    now: Timestamp,
    limit: SignedDuration,
) -> Happening {
    let name = notes.shown_name();
    let mut line = Vec::new();
    let record = VersionRecord::new(&row.asset_id, name, version, now, limit);
    let _ = write_line(&mut line, &record);
    let fields = HookFields {
        at: version.version.since().to_string(),
        event: Event::Version(State::Generating).name().to_owned(),
        asset_id: row.asset_id.clone(),
        asset_name: name.unwrap_or_default().to_owned(),
        version_id: version.version_id.clone(),
        version_locale: version.version.locale().unwrap_or_default().to_owned(),
        ..HookFields::default()
    };
    Happening { trigger: Trigger::Overdue, line, fields, payload: None, headers: None }
}

fn of_callback(callback: &Callback, name: Option<&str>) -> HookFields {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    HookFields {
        event: text(&callback.event),
        asset_id: text(&callback.asset_id),
        asset_name: name.unwrap_or_default().to_owned(),
        version_id: text(&callback.version_id),
        version_locale: text(&callback.version_locale),
        ..HookFields::default()
    }
}

/// Returns an entry as a line of NDJSON.
fn line(write: impl FnOnce(&mut RecordWriter<&mut Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
    let mut line = Vec::new();
    // Writing to memory cannot fail.
    let _ = write(&mut RecordWriter::new(&mut line, Format::Json));
    line
}

/// Returns headers as lines, values byte for byte.
fn text_of(headers: &Headers) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in headers.raw() {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(&value);
        text.push(b'\n');
    }
    text
}
