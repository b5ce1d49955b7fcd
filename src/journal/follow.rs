//! Follows a journal: returns new commits, a page of one kind at a time.
//!
//! If this process writes the journal, its [`Feed`] announces commits. If another process does, the
//! file is polled a few times a second.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Feed, JournalError, JournalReader, Watermarks};
use crate::callback::{Delivery, DeliverySummary, NotedGap, RefusalEntry};
use crate::forward::ForwardAttempt;

/// Polling interval for a journal that another process writes.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// New commits of one kind, oldest first; never empty.
#[derive(Debug)]
pub enum JournalBatch {
    /// Accepted deliveries.
    Deliveries(Vec<Delivery>),
    /// Summaries of accepted deliveries, from [`Follower::of_summaries`].
    Summaries(Vec<DeliverySummary>),
    /// New and changed entries in the log of refusals.
    Refusals(Vec<RefusalEntry>),
    /// Deliveries that a relay accepted and will not send.
    Gaps(Vec<NotedGap>),
    /// Attempts to forward that have ended.
    Forwards(Vec<ForwardAttempt>),
    /// Deliveries were deleted, and assets with them.
    Pruned,
}

/// Follows a journal. A slow follower costs the writer nothing and misses no stored row.
#[derive(Debug)]
pub struct Follower {
    reader: JournalReader,
    source: ChangeSource,
    /// Whether it returns [`JournalBatch::Summaries`] instead of [`JournalBatch::Deliveries`].
    summaries: bool,
    /// Whether it returns nothing but deliveries.
    only_deliveries: bool,
    /// The watermarks up to which rows were returned.
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
    /// Device and inode of the opened file.
    identity: (u64, u64),
    /// [`JournalReader::data_version`] at the last poll.
    version: u64,
    /// When to poll next.
    look_at: Instant,
    /// The interval between two polls.
    look_every: Duration,
}

impl Follower {
    /// Creates a follower of the journal that this process writes. It begins with the next commit.
    pub fn of_feed(reader: JournalReader, mut feed: Feed) -> Self {
        let seen = feed.watermarks();
        Self {
            reader,
            source: ChangeSource::Feed(feed),
            summaries: false,
            only_deliveries: false,
            seen,
        }
    }

    /// Creates a follower of the journal file at `path`, which another process may write. It begins
    /// with the next commit. Returns an error if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let reader = JournalReader::open(path)?;
        let identity = identity(path).ok_or_else(|| JournalError::Replaced(path.to_owned()))?;
        // Before the watermarks, so that a commit between the two is seen at the first poll.
        let version = reader.data_version()?;
        let seen = reader.watermarks()?;
        let look_at = Instant::now();
        let path = path.to_owned();
        let watched = WatchedFile { path, identity, version, look_at, look_every: LOOK_EVERY };
        Ok(Self {
            reader,
            source: ChangeSource::File(watched),
            summaries: false,
            only_deliveries: false,
            seen,
        })
    }

    /// Polls a journal that another process writes at this interval, instead of a few times a second.
    #[must_use]
    pub const fn looking_every(mut self, interval: Duration) -> Self {
        if let ChangeSource::File(watched) = &mut self.source {
            watched.look_every = interval;
        }
        self
    }

    /// Makes it return [`JournalBatch::Summaries`] instead of [`JournalBatch::Deliveries`].
    #[must_use]
    pub fn of_summaries(self) -> Self {
        Self { summaries: true, ..self }
    }

    /// Makes it return nothing but deliveries.
    #[must_use]
    pub fn of_deliveries(self) -> Self {
        Self { only_deliveries: true, ..self }
    }

    /// Returns its watermarks: everything up to them was returned, or existed before.
    pub const fn seen(&self) -> Watermarks {
        self.seen
    }

    /// Returns the journal's watermarks, even if the feed has not announced them yet.
    pub fn newest(&mut self) -> Result<Watermarks, JournalError> {
        if let ChangeSource::Feed(feed) = &mut self.source {
            // Before the read, so that no commit is missed.
            feed.watermarks();
        }
        self.reader.watermarks()
    }

    /// Returns the newest delivery that it knows of.
    pub fn head(&mut self) -> u64 {
        match &mut self.source {
            ChangeSource::Feed(feed) => feed.announced().head,
            ChangeSource::File(_) => self.seen.head,
        }
    }

    /// Moves to the delivery after `seq`.
    #[must_use]
    pub fn behind(mut self, seq: u64) -> Self {
        self.seen.head = seq;
        self
    }

    /// Moves to the watermarks `seen`.
    pub const fn go_on_from(&mut self, seen: Watermarks) {
        self.seen = seen;
    }

    /// Returns the reader, for older rows.
    pub const fn reader(&self) -> &JournalReader {
        &self.reader
    }

    /// Returns the next commits, at most `limit` of one kind; `None` if there are no more for now.
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
        if self.only_deliveries {
            self.seen = Watermarks { head: self.seen.head, ..watermarks };
            return Ok(None);
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
        if self.seen.forwards < watermarks.forwards {
            let (page, last) = self.reader.forwards_after(self.seen.forwards, limit)?;
            // The newest of them may have been deleted already.
            self.seen.forwards = if page.is_empty() { watermarks.forwards } else { last };
            if !page.is_empty() {
                return Ok(Some(JournalBatch::Forwards(page)));
            }
        }
        if self.seen.pruned != watermarks.pruned {
            self.seen.pruned = watermarks.pruned;
            return Ok(Some(JournalBatch::Pruned));
        }
        Ok(None)
    }

    /// Waits until there may be new commits. Returns `false` once the journal is closed, or an
    /// error if its file was removed or replaced.
    ///
    /// Cancel safe.
    pub async fn changed(&mut self) -> Result<bool, JournalError> {
        match &mut self.source {
            ChangeSource::Feed(feed) => Ok(feed.further().await.is_some()),
            ChangeSource::File(watched) => loop {
                sleep_until(watched.look_at).await;
                watched.look_at = Instant::now() + watched.look_every;
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

    /// Lowers the watermarks if numbers are reused, which can happen after pruning and a restart of
    /// the writing process: all current rows were returned, and new ones have higher numbers.
    fn step_back(&mut self, watermarks: Watermarks) {
        if let ChangeSource::Feed(_) = self.source {
            // The rows that were read may be newer than the feed's announcement.
            return;
        }
        self.seen.head = self.seen.head.min(watermarks.head);
        self.seen.refusals = self.seen.refusals.min(watermarks.refusals);
        self.seen.gaps = self.seen.gaps.min(watermarks.gaps);
        self.seen.forwards = self.seen.forwards.min(watermarks.forwards);
    }
}

/// Returns device and inode of a file; `None` if there is no file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
