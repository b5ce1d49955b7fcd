//! The output without a dashboard: follows the journal and writes its entries, at its own pace.
//!
//! Runs in a thread of its own, because standard output may block for as long as its reader likes.
//! The feed is only a hint, so a blocked output delays nothing else and loses nothing.

use std::io::{self, Write};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::json::write_line;
use super::ndjson::{LinkRecord, Ready, Summary, WarningRecord};
use super::records::{Format, RecordWriter};
use crate::callback::{Callback, Delivery, RefusalEntry};
use crate::filter::Filter;
use crate::forward::ForwardAttempt;
use crate::journal::{Follower, JournalBatch, JournalError};
use crate::status::{Counts, Link};
use crate::text::printable_lines;

/// Rows read at once: few enough that a journal in memory is not locked for long, and that a
/// warning does not wait for long.
const PAGE: u32 = 256;

/// A message to the output, apart from the feed.
#[derive(Debug)]
pub enum Notice {
    /// A warning for a person.
    Warning {
        /// When.
        at: Timestamp,
        /// The warning, as a sentence.
        message: String,
    },
    /// The state of the link to a relay has changed.
    Link {
        /// When.
        at: Timestamp,
        /// Its state.
        link: Box<Link>,
    },
    /// The reader of standard output has closed it.
    ReaderGone,
    /// Nothing more will be committed: write the rest, then the summary, and end.
    Finish(Counts),
}

/// Why an output ended.
#[derive(Debug, thiserror::Error)]
pub enum StreamOutputError {
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Which committed entries are written.
#[derive(Debug, Clone, Default)]
pub struct EntrySelection {
    /// The filter for deliveries and refusals.
    pub filter: Filter,
    /// Whether only refusals are written.
    pub only_refusals: bool,
}

/// The event that an output waited for.
enum Woken {
    /// There may be more to write.
    More,
    /// The journal is closed: nothing more will be committed.
    Closed,
    /// A notice; `None` if there will be no further one.
    Notice(Option<Notice>),
}

/// What to do after a notice.
enum AfterNotice {
    GoOn,
    End,
}

/// Follows a journal and writes its new entries.
pub struct StreamOutput<W: Write> {
    records: RecordWriter<W>,
    follower: Follower,
    selection: EntrySelection,
}

impl<W: Write> StreamOutput<W> {
    /// Creates an output that writes the entries of `follower`.
    pub fn new(records: RecordWriter<W>, follower: Follower) -> Self {
        Self { records, follower, selection: EntrySelection::default() }
    }

    /// Restricts it to a part of the committed entries.
    #[must_use]
    pub fn with_selection(mut self, selection: EntrySelection) -> Self {
        self.selection = selection;
        self
    }

    /// Writes that the socket accepts.
    pub fn announce(&mut self, ready: &Ready, sentence: &str) -> Result<(), StreamOutputError> {
        match &self.records.format {
            Format::Json => write_line(&mut self.records.out, ready)?,
            Format::Text(_) if sentence.is_empty() => {}
            Format::Text(_) => {
                writeln!(self.records.out, "{}", printable_lines(sentence))?;
            }
            Format::Quiet => {}
        }
        Ok(self.records.flush()?)
    }

    /// Writes until [`Notice::Finish`] or an error. Also ends, without a summary, when the channel
    /// of notices is closed.
    pub fn run(
        mut self,
        runtime: &Handle,
        mut notices: mpsc::Receiver<Notice>,
    ) -> Result<(), StreamOutputError> {
        // An output that writes nothing need not follow the journal: each wake-up would delay the
        // responses.
        let follows = !matches!(self.records.format, Format::Quiet);
        loop {
            // Notices are written between two pages: while deliveries keep arriving, there is
            // always another page.
            let has_more = follows && self.write_page()?;
            loop {
                match notices.try_recv() {
                    Ok(notice) => {
                        if let AfterNotice::End = self.heed(notice)? {
                            return Ok(());
                        }
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(self.records.flush()?),
                }
            }
            self.records.flush()?;
            if has_more {
                continue;
            }
            let follower = &mut self.follower;
            let woken = runtime.block_on(async {
                tokio::select! {
                    changed = follower.changed(), if follows => {
                        changed.map(|is_open| if is_open { Woken::More } else { Woken::Closed })
                    }
                    notice = notices.recv() => Ok(Woken::Notice(notice)),
                }
            })?;
            let notice = match woken {
                Woken::More => continue,
                Woken::Closed => runtime.block_on(notices.recv()),
                Woken::Notice(notice) => notice,
            };
            let Some(notice) = notice else { return Ok(self.records.flush()?) };
            if let AfterNotice::End = self.heed(notice)? {
                return Ok(());
            }
            self.records.flush()?;
        }
    }

    /// Handles a notice.
    fn heed(&mut self, notice: Notice) -> Result<AfterNotice, StreamOutputError> {
        // In the other formats, people read it on standard error.
        let is_json = matches!(self.records.format, Format::Json);
        match notice {
            Notice::Warning { at, message } if is_json => {
                write_line(&mut self.records.out, &WarningRecord::new(at, &message))?;
            }
            Notice::Link { at, link } if is_json => {
                write_line(&mut self.records.out, &LinkRecord::new(at, &link))?;
            }
            Notice::Warning { .. } | Notice::Link { .. } => {}
            Notice::ReaderGone => return Err(io::Error::from_raw_os_error(BROKEN_PIPE).into()),
            Notice::Finish(counts) => {
                if !matches!(self.records.format, Format::Quiet) {
                    while self.write_page()? {}
                }
                self.sum_up(&counts)?;
                return Ok(AfterNotice::End);
            }
        }
        Ok(AfterNotice::GoOn)
    }

    /// Writes a page of unwritten entries; returns `false` if there are none.
    fn write_page(&mut self) -> Result<bool, StreamOutputError> {
        let Some(batch) = self.follower.next(PAGE)? else { return Ok(false) };
        match batch {
            JournalBatch::Deliveries(page) if !self.selection.only_refusals => {
                page.iter().try_for_each(|delivery| self.delivery(delivery))?;
            }
            JournalBatch::Refusals(page) => {
                page.iter().try_for_each(|listed| self.refusal(listed))?;
            }
            JournalBatch::Gaps(page) if !self.selection.only_refusals => {
                page.iter().try_for_each(|noted| self.records.gap(noted))?;
            }
            JournalBatch::Forwards(page) if !self.selection.only_refusals => {
                page.iter().try_for_each(|attempt| self.forward(attempt))?;
            }
            JournalBatch::Deliveries(_)
            | JournalBatch::Summaries(_)
            | JournalBatch::Forwards(_)
            | JournalBatch::Gaps(_)
            | JournalBatch::Pruned => {}
        }
        Ok(true)
    }

    fn delivery(&mut self, delivery: &Delivery) -> Result<(), StreamOutputError> {
        let name = self.follower.reader().name_of(delivery)?;
        if self.selection.filter.matches_named(delivery, name.as_deref()) {
            self.records.delivery(delivery, name.as_deref())?;
        }
        Ok(())
    }

    /// Writes an attempt to forward a delivery that is written.
    fn forward(&mut self, attempt: &ForwardAttempt) -> Result<(), StreamOutputError> {
        let filter = &self.selection.filter;
        if !filter.is_empty() {
            let reader = self.follower.reader();
            let Some(delivery) = reader.delivery(attempt.seq)? else { return Ok(()) };
            let name = reader.name_of(&delivery)?;
            if !filter.matches_named(&delivery, name.as_deref()) {
                return Ok(());
            }
        }
        Ok(self.records.forward(attempt)?)
    }

    fn refusal(&mut self, listed: &RefusalEntry) -> Result<(), StreamOutputError> {
        let reader = self.follower.reader();
        if reader.refusal_matches(&self.selection.filter, listed)? {
            let claim = Callback::claimed(&listed.refusal.body.bytes);
            let name = reader.name_claimed(&claim)?;
            self.records.refusal(listed, name.as_deref())?;
        }
        Ok(())
    }

    fn sum_up(&mut self, counts: &Counts) -> Result<(), StreamOutputError> {
        match &self.records.format {
            Format::Json => write_line(&mut self.records.out, &Summary::new(counts))?,
            Format::Text(_) => {
                let (kept, refused) = (counts.accepted(), counts.refusals());
                writeln!(self.records.out, "Stopped: {kept} kept, {refused} refused.")?;
            }
            Format::Quiet => {}
        }
        Ok(self.records.flush()?)
    }
}

/// EPIPE, on Linux and macOS.
const BROKEN_PIPE: i32 = 32;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::super::samples::{body, delivery, refusal};
    use super::super::text::Lines;
    use super::*;
    use crate::callback::{Accepted, Fingerprint, RefusalEntry};
    use crate::journal::{Journal, Location};
    use crate::status::LinkState;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Standard output that takes nothing before it is told to, and then everything.
    struct Blocking {
        gate: Receiver<()>,
        out: SyncSender<Vec<u8>>,
    }

    impl Write for Blocking {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Fails at once when the gate was opened for good.
            let _ = self.gate.recv_timeout(LIMIT);
            self.out.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn accepted() -> Accepted {
        let delivery = delivery(&body("version_ready"));
        Accepted {
            request: delivery.request,
            verdict: delivery.verdict,
            callback: delivery.callback,
            fingerprint: Fingerprint::default(),
        }
    }

    fn append(journal: &Journal, count: u64) {
        for _ in 0..count {
            journal.append(accepted()).unwrap().blocking_receipt().unwrap();
        }
    }

    fn refuse(journal: &Journal, id: u64) {
        let listed = vec![RefusalEntry::new(id, refusal())];
        journal.list_refusals(listed).unwrap().blocking_receipt().unwrap();
    }

    fn journal() -> Journal {
        Journal::open(&Location::Memory, None).unwrap()
    }

    fn follower(journal: &Journal) -> Follower {
        Follower::of_feed(journal.reader().unwrap(), journal.feed())
    }

    fn output(
        journal: &Journal,
        format: Format,
        out: Blocking,
    ) -> StreamOutput<io::BufWriter<Blocking>> {
        StreamOutput::new(RecordWriter::new(io::BufWriter::new(out), format), follower(journal))
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    /// The `seq` of each delivery written, and the types of everything else.
    fn summary(out: &[u8]) -> (Vec<u64>, Vec<String>) {
        let (mut seqs, mut others) = (Vec::new(), Vec::new());
        for line in std::str::from_utf8(out).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            match value["seq"].as_u64() {
                Some(seq) => seqs.push(seq),
                None => others.push(value["type"].as_str().unwrap().to_owned()),
            }
        }
        (seqs, others)
    }

    #[test]
    fn a_slow_writer_holds_up_nobody_and_loses_nothing() {
        let journal = journal();
        append(&journal, 3);
        let (open, gate) = sync_channel(1);
        let (out, written) = sync_channel(1 << 16);
        let output = output(&journal, Format::Json, Blocking { gate, out });
        let runtime = runtime();
        let (notices, inbox) = mpsc::channel(4);
        let handle = runtime.handle().clone();
        let thread = std::thread::spawn(move || output.run(&handle, inbox));

        // More than one page, all of it with a receipt while standard output takes nothing.
        append(&journal, 2 * u64::from(PAGE) + 5);
        refuse(&journal, 1);
        assert!(written.try_recv().is_err(), "standard output took something");

        drop(open);
        notices.blocking_send(Notice::Finish(Counts::default())).unwrap();
        thread.join().unwrap().unwrap();
        let (seqs, others) = summary(&written.iter().collect::<Vec<_>>().concat());
        let expected: Vec<u64> = (4..=3 + 2 * u64::from(PAGE) + 5).collect();
        assert_eq!(seqs, expected, "what was there before is not written");
        assert_eq!(others, ["refusal", "summary"]);
    }

    /// Runs an output over what `committed` puts in the journal, told to finish at once.
    fn written(format: Format, committed: impl FnOnce(&Journal)) -> String {
        let journal = journal();
        let (open, gate) = sync_channel(1);
        drop(open);
        let (out, written) = sync_channel(1 << 16);
        let output = output(&journal, format, Blocking { gate, out });
        committed(&journal);
        let (notices, inbox) = mpsc::channel(4);
        let at = super::super::samples::at(0);
        let message = "the disk is full".to_owned();
        notices.blocking_send(Notice::Warning { at, message }).unwrap();
        let counts = Counts { valid: 2, ..Counts::default() };
        notices.blocking_send(Notice::Finish(counts)).unwrap();
        output.run(runtime().handle(), inbox).unwrap();
        String::from_utf8(written.iter().collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn finish_writes_all_that_is_on_disk_then_the_summary() {
        let out = written(Format::Json, |journal| {
            append(journal, 2);
            refuse(journal, 9);
        });
        let (seqs, others) = summary(out.as_bytes());
        assert_eq!(seqs, [1, 2]);
        assert_eq!(others, ["warning", "refusal", "summary"]);
        assert!(out.ends_with("\"unlisted\":0}\n"), "{out}");
    }

    #[test]
    fn text_has_no_warnings_and_quiet_has_nothing() {
        let now = super::super::samples::at(0);
        let lines = Lines::for_screen(false, jiff::tz::TimeZone::UTC, now);
        let out = written(Format::Text(lines), |journal| append(journal, 2));
        assert_eq!(out.lines().count(), 3);
        assert!(out.ends_with("\nStopped: 2 kept, 0 refused.\n"), "{out}");
        assert_eq!(written(Format::Quiet, |journal| append(journal, 2)), "");
    }

    #[test]
    fn refusals_that_were_trimmed_meanwhile_do_not_hold_it_up() {
        let out = written(Format::Json, |journal| {
            for id in 1..=crate::journal::MAX_REFUSALS as u64 + 20 {
                let listed = vec![RefusalEntry::new(id, refusal())];
                journal.list_refusals(listed).unwrap();
            }
            append(journal, 1);
        });
        let (seqs, others) = summary(out.as_bytes());
        assert_eq!(seqs, [1]);
        assert_eq!(others.iter().filter(|kind| *kind == "refusal").count(), 1000);
        assert_eq!(others.last().unwrap(), "summary");
    }

    /// Standard output that has another delivery committed for each line that it takes, so that
    /// there is always one more to be written.
    struct Unending {
        journal: Arc<Journal>,
        lines: SyncSender<String>,
        /// What was taken of the next line.
        begun: Vec<u8>,
    }

    impl Write for Unending {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.extend(bytes);
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                append(&self.journal, 1);
                let line = String::from_utf8(line).unwrap();
                self.lines.send(line).map_err(|_| io::ErrorKind::BrokenPipe)?;
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn link_and_warning_lines_get_through_while_deliveries_never_end() {
        let journal = Arc::new(journal());
        let (lines, written) = sync_channel(1 << 14);
        let out = Unending { journal: Arc::clone(&journal), lines, begun: Vec::new() };
        let output = StreamOutput::new(RecordWriter::new(out, Format::Json), follower(&journal));
        append(&journal, 1);
        let (notices, inbox) = mpsc::channel(4);
        let runtime = runtime();
        let handle = runtime.handle().clone();
        let thread = std::thread::spawn(move || output.run(&handle, inbox));

        let read = |kind: &str| {
            let wanted = format!(r#"{{"v":1,"type":"{kind}""#);
            let mut others = 0;
            while !written.recv_timeout(LIMIT).unwrap().starts_with(&wanted) {
                others += 1;
            }
            others
        };
        assert_eq!(read("delivery"), 0);
        let at = super::super::samples::at(0);
        let message = "the disk is full".to_owned();
        notices.blocking_send(Notice::Warning { at, message }).unwrap();
        // There are deliveries before it and after it.
        read("warning");
        read("delivery");
        let mut link = Link::new("relay.example".to_owned());
        link.state = LinkState::Refused { why: "no".to_owned(), token: false };
        notices.blocking_send(Notice::Link { at, link: Box::new(link) }).unwrap();
        read("link");
        read("delivery");
        drop(written);
        let ended = thread.join().unwrap().unwrap_err();
        assert!(matches!(ended, StreamOutputError::Output(_)), "{ended}");
    }

    #[test]
    fn a_filter_leaves_out_what_does_not_fit() {
        let journal = journal();
        let (open, gate) = sync_channel(1);
        drop(open);
        let (out, written) = sync_channel(1 << 16);
        let now = super::super::samples::at(0);
        let filter = Filter::parse("version_ready trailer", now).unwrap();
        let selection = EntrySelection { filter, only_refusals: false };
        let output =
            output(&journal, Format::Json, Blocking { gate, out }).with_selection(selection);
        append(&journal, 1);
        let named = journal.name("ast_9f3c81".to_owned(), Some("Trailer S2".to_owned()));
        named.unwrap().blocking_receipt().unwrap();
        append(&journal, 1);
        refuse(&journal, 1);
        let (notices, inbox) = mpsc::channel(4);
        notices.blocking_send(Notice::Finish(Counts::default())).unwrap();
        output.run(runtime().handle(), inbox).unwrap();
        let out = written.iter().collect::<Vec<_>>().concat();
        let (seqs, others) = summary(&out);
        assert_eq!(seqs, [1, 2], "the name counts when the line is written");
        assert_eq!(others, ["summary"], "a refusal has no asset that is believed");
        assert!(String::from_utf8(out).unwrap().contains(r#""asset_name":"Trailer S2""#));
    }

    #[test]
    fn it_ends_when_its_reader_has_gone_and_nothing_comes() {
        let journal = journal();
        let (_open, gate) = sync_channel(1);
        let (out, _written) = sync_channel(1);
        let output = output(&journal, Format::Json, Blocking { gate, out });
        let (notices, inbox) = mpsc::channel(4);
        notices.blocking_send(Notice::ReaderGone).unwrap();
        let ended = output.run(runtime().handle(), inbox).unwrap_err();
        assert!(
            matches!(&ended, StreamOutputError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe),
            "{ended}"
        );
    }

    #[test]
    fn it_ends_with_an_error_when_nobody_takes_its_lines() {
        let journal = journal();
        let (open, gate) = sync_channel(1);
        drop(open);
        let (out, written) = sync_channel(1);
        drop(written);
        let output = output(&journal, Format::Json, Blocking { gate, out });
        append(&journal, 1);
        let (_notices, inbox) = mpsc::channel(4);
        let ended = output.run(runtime().handle(), inbox).unwrap_err();
        assert!(
            matches!(&ended, StreamOutputError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe),
            "{ended}"
        );
    }
}
