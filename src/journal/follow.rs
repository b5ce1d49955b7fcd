//! Follows a journal: returns what was committed since the last time, a page of one kind at a time.
//!
//! The journal is written by this process, which has a [`Feed`], or by another one, whose file is
//! looked at a few times a second.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Feed, JournalError, JournalReader, Watermarks};
use crate::callback::{Delivery, DeliverySummary, NotedGap, RefusalEntry};

/// The time between two looks at a journal that another process writes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What was committed, all of one kind and oldest first; never empty.
#[derive(Debug)]
pub enum JournalBatch {
    /// Accepted deliveries.
    Deliveries(Vec<Delivery>),
    /// Summaries of accepted deliveries, from [`Follower::of_summaries`].
    Summaries(Vec<DeliverySummary>),
    /// New and changed entries in the log of refusals.
    Refusals(Vec<RefusalEntry>),
    /// Deliveries that a relay took and will never pass on.
    Gaps(Vec<NotedGap>),
    /// Deliveries were deleted, and assets with them.
    Pruned,
}

/// Follows a journal. A slow one costs the writer nothing, and loses nothing that is kept.
#[derive(Debug)]
pub struct Follower {
    reader: JournalReader,
    source: ChangeSource,
    /// Whether it returns [`JournalBatch::Summaries`] in place of [`JournalBatch::Deliveries`].
    summaries: bool,
    /// What was returned.
    seen: Watermarks,
}

#[derive(Debug)]
enum ChangeSource {
    /// This process writes.
    Feed(Feed),
    /// Another process writes.
    File(WatchedFile),
}

/// A journal's file that another process writes.
#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    /// The device and the number of the file that was opened.
    identity: (u64, u64),
    /// [`JournalReader::data_version`] at the last look.
    version: u64,
    /// When to look again.
    look_at: Instant,
}

impl Follower {
    /// Creates a follower of the journal that this process writes. It begins with what is committed
    /// from now on.
    pub fn of_feed(reader: JournalReader, mut feed: Feed) -> Self {
        let seen = feed.watermarks();
        Self { reader, source: ChangeSource::Feed(feed), summaries: false, seen }
    }

    /// Creates a follower of the journal file at `path`, which another process may write. It begins
    /// with what is committed from now on.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let reader = JournalReader::open(path)?;
        let identity = identity(path).ok_or_else(|| JournalError::Replaced(path.to_owned()))?;
        // Before the watermarks, so that what is committed between the two is seen at the first look.
        let version = reader.data_version()?;
        let seen = reader.watermarks()?;
        let look_at = Instant::now();
        let watched = WatchedFile { path: path.to_owned(), identity, version, look_at };
        Ok(Self { reader, source: ChangeSource::File(watched), summaries: false, seen })
    }

    /// Makes it return [`JournalBatch::Summaries`] in place of [`JournalBatch::Deliveries`].
    #[must_use]
    pub fn of_summaries(self) -> Self {
        Self { summaries: true, ..self }
    }

    /// Returns how far it has come: what lies behind was returned, or was there before.
    pub const fn seen(&self) -> Watermarks {
        self.seen
    }

    /// Returns how far the journal goes, also where its feed has not said so yet.
    pub fn newest(&mut self) -> Result<Watermarks, JournalError> {
        if let ChangeSource::Feed(feed) = &mut self.source {
            // Before it is read, so that nothing is missed.
            feed.watermarks();
        }
        self.reader.watermarks()
    }

    /// Goes on behind `seq`, in place of where it was, as far as deliveries are concerned.
    #[must_use]
    pub fn behind(mut self, seq: u64) -> Self {
        self.seen.head = seq;
        self
    }

    /// Goes on from `seen`, in place of where it was.
    pub const fn go_on_from(&mut self, seen: Watermarks) {
        self.seen = seen;
    }

    /// Returns the reader, for everything that is not new.
    pub const fn reader(&self) -> &JournalReader {
        &self.reader
    }

    /// Returns what was committed and not returned yet, at most `limit` of one kind; `None` where
    /// there is no more for now.
    pub fn next(&mut self, limit: u32) -> Result<Option<JournalBatch>, JournalError> {
        let watermarks = self.watermarks()?;
        self.step_back(watermarks);
        if self.seen.head < watermarks.head {
            let (last, batch) = if self.summaries {
                let page = self.reader.summaries_after(self.seen.head, limit)?;
                (page.last().map(|last| last.seq), JournalBatch::Summaries(page))
            } else {
                let page = self.reader.deliveries_after(self.seen.head, limit)?;
                (page.last().map(|last| last.seq), JournalBatch::Deliveries(page))
            };
            // The newest of them may have been deleted already.
            self.seen.head = last.unwrap_or(watermarks.head);
            if last.is_some() {
                return Ok(Some(batch));
            }
        }
        if self.seen.refusals < watermarks.refusals {
            let (page, last) = self.reader.refusals_after(self.seen.refusals, limit)?;
            // The newest of them may have been trimmed already.
            self.seen.refusals = if page.is_empty() { watermarks.refusals } else { last };
            if !page.is_empty() {
                return Ok(Some(JournalBatch::Refusals(page)));
            }
        }
        if self.seen.gaps < watermarks.gaps {
            let page = self.reader.gaps_after(self.seen.gaps, limit)?;
            // The newest of them may have been trimmed already.
            self.seen.gaps = page.last().map_or(watermarks.gaps, |gap| gap.id);
            if !page.is_empty() {
                return Ok(Some(JournalBatch::Gaps(page)));
            }
        }
        if self.seen.pruned != watermarks.pruned {
            self.seen.pruned = watermarks.pruned;
            return Ok(Some(JournalBatch::Pruned));
        }
        Ok(None)
    }

    /// Waits until there may be more. Returns `false` once the journal is closed, so that nothing
    /// more will come; an error where its file was removed or another one stands in its place.
    ///
    /// It can be given up and called again; nothing is lost by that.
    pub async fn changed(&mut self) -> Result<bool, JournalError> {
        match &mut self.source {
            ChangeSource::Feed(feed) => Ok(feed.further().await.is_some()),
            ChangeSource::File(watched) => loop {
                sleep_until(watched.look_at).await;
                watched.look_at = Instant::now() + LOOK_EVERY;
                if identity(&watched.path) != Some(watched.identity) {
                    return Err(JournalError::Replaced(watched.path.clone()));
                }
                let found = self.reader.data_version()?;
                if found != watched.version {
                    watched.version = found;
                    return Ok(true);
                }
            },
        }
    }

    fn watermarks(&mut self) -> Result<Watermarks, JournalError> {
        match &mut self.source {
            ChangeSource::Feed(feed) => Ok(feed.watermarks()),
            ChangeSource::File(_) => self.reader.watermarks(),
        }
    }

    /// Numbers can be given out again after a pruning and a new start of the process that writes: then
    /// what is there now was returned, and what comes next has a number above it.
    fn step_back(&mut self, watermarks: Watermarks) {
        if let ChangeSource::Feed(_) = self.source {
            // What was read may be newer than what the feed has said.
            return;
        }
        self.seen.head = self.seen.head.min(watermarks.head);
        self.seen.refusals = self.seen.refusals.min(watermarks.refusals);
        self.seen.gaps = self.seen.gaps.min(watermarks.gaps);
    }
}

/// Returns what tells a file from another one with the same name; `None` where there is none.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
