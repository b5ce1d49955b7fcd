//! The headless face: follows the journal and writes what it reads, at its own pace.
//!
//! It runs in a thread of its own, because standard output may block for as long as its reader
//! likes; the feed is only a hint, so that costs nobody anything and loses nothing.

use std::io::{self, Write};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::json::write_line;
use super::ndjson::{
    DeliveryRecord, GapRecord, LinkRecord, Ready, RefusalRecord, Summary, Warning,
};
use super::text::Lines;
use crate::journal::{Feed, JournalError, Marks, Reader};
use crate::vitals::{Counts, Link};

/// Rows read at once: few enough that a memory journal is not locked for long.
const PAGE: u32 = 256;

/// How things are written.
#[derive(Debug, Clone)]
pub enum Format {
    /// Lines for people.
    Text(Lines),
    /// NDJSON.
    Json,
    /// Nothing but what goes wrong.
    Quiet,
}

/// What the face is told beside the feed.
#[derive(Debug)]
pub enum Notice {
    /// Something that a person should know.
    Warning {
        /// When.
        at: Timestamp,
        /// What, as a sentence.
        message: String,
    },
    /// The link to a relay does something else than before.
    Link {
        /// When.
        at: Timestamp,
        /// What it is doing.
        link: Box<Link>,
    },
    /// Nothing more will be committed: write what is left, then the summary, and end.
    Finish(Counts),
}

/// Why a face ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// Standard output takes no more.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Follows a journal and writes what is new in it.
pub struct Face<W: Write> {
    out: W,
    format: Format,
    reader: Reader,
    feed: Feed,
    /// What has been written so far.
    written: Marks,
}

impl<W: Write> Face<W> {
    /// A face that begins with what is committed from now on.
    pub fn new(out: W, format: Format, reader: Reader, mut feed: Feed) -> Self {
        let written = feed.marks();
        Self { out, format, reader, feed, written }
    }

    /// Says that the socket accepts.
    pub fn announce(&mut self, ready: &Ready, sentence: &str) -> Result<(), Ended> {
        match &self.format {
            Format::Json => write_line(&mut self.out, ready)?,
            Format::Text(_) => writeln!(self.out, "{sentence}")?,
            Format::Quiet => {}
        }
        Ok(self.out.flush()?)
    }

    /// Writes until it is told to finish, or cannot.
    pub fn run(
        mut self,
        runtime: &Handle,
        mut notices: mpsc::Receiver<Notice>,
    ) -> Result<(), Ended> {
        // A face that writes nothing would be woken for nothing, and hold up the answers by it.
        let follows = !matches!(self.format, Format::Quiet);
        loop {
            // Biased: rows that are on disk come before the word that nothing more will come.
            let notice = runtime.block_on(async {
                tokio::select! {
                    biased;
                    Some(_) = self.feed.further(), if follows => None,
                    notice = notices.recv() => Some(notice),
                }
            });
            self.catch_up()?;
            match notice {
                None => {}
                Some(Some(Notice::Warning { at, message })) => self.warn(at, &message)?,
                Some(Some(Notice::Link { at, link })) => {
                    // People read it on standard error already.
                    if matches!(self.format, Format::Json) {
                        write_line(&mut self.out, &LinkRecord::new(at, &link))?;
                    }
                }
                Some(Some(Notice::Finish(counts))) => {
                    self.catch_up()?;
                    return self.sum_up(&counts);
                }
                Some(None) => return Ok(()),
            }
            self.out.flush()?;
        }
    }

    /// Writes everything that is on disk and was not written yet.
    fn catch_up(&mut self) -> Result<(), Ended> {
        let marks = self.feed.marks();
        if matches!(self.format, Format::Quiet) {
            self.written = marks;
            return Ok(());
        }
        while self.written.head < marks.head {
            let page = self.reader.deliveries_after(self.written.head, PAGE)?;
            let Some(last) = page.last() else { break };
            self.written.head = last.seq;
            for delivery in &page {
                match &self.format {
                    Format::Json => write_line(&mut self.out, &DeliveryRecord::new(delivery))?,
                    Format::Text(lines) => writeln!(self.out, "{}", lines.delivery(delivery))?,
                    Format::Quiet => {}
                }
            }
        }
        while self.written.refusals < marks.refusals {
            let (page, last) = self.reader.refusals_after(self.written.refusals, PAGE)?;
            if page.is_empty() {
                // The newest of them have been trimmed already.
                self.written.refusals = marks.refusals;
                break;
            }
            self.written.refusals = last;
            for listed in &page {
                match &self.format {
                    Format::Json => write_line(&mut self.out, &RefusalRecord::new(listed))?,
                    Format::Text(lines) => {
                        writeln!(self.out, "{}", lines.refusal(&listed.refusal))?;
                    }
                    Format::Quiet => {}
                }
            }
        }
        self.catch_up_gaps(marks)
    }

    /// The same for the gaps in what a relay passed on.
    fn catch_up_gaps(&mut self, marks: Marks) -> Result<(), Ended> {
        while self.written.gaps < marks.gaps {
            let page = self.reader.gaps_after(self.written.gaps, PAGE)?;
            // The newest of them may have been trimmed already.
            self.written.gaps = page.last().map_or(marks.gaps, |gap| gap.id);
            for noted in &page {
                match &self.format {
                    Format::Json => write_line(&mut self.out, &GapRecord::new(noted))?,
                    Format::Text(lines) => writeln!(self.out, "{}", lines.gap(&noted.gap))?,
                    Format::Quiet => {}
                }
            }
        }
        Ok(())
    }

    fn warn(&mut self, at: Timestamp, message: &str) -> Result<(), Ended> {
        match &self.format {
            Format::Json => write_line(&mut self.out, &Warning::new(at, message))?,
            // People read it on standard error already.
            Format::Text(_) | Format::Quiet => {}
        }
        Ok(())
    }

    fn sum_up(&mut self, counts: &Counts) -> Result<(), Ended> {
        match &self.format {
            Format::Json => write_line(&mut self.out, &Summary::new(counts))?,
            Format::Text(_) => {
                let (kept, refused) = (counts.accepted(), counts.refusals());
                writeln!(self.out, "Stopped: {kept} kept, {refused} refused.")?;
            }
            Format::Quiet => {}
        }
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Duration;

    use super::super::samples::{body, delivery, refusal};
    use super::*;
    use crate::callback::{Accepted, Fingerprint, Listed};
    use crate::journal::{Journal, Place};

    const LIMIT: Duration = Duration::from_secs(30);

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
        let listed = vec![Listed { id, refusal: refusal() }];
        journal.list_refusals(listed).unwrap().blocking_receipt().unwrap();
    }

    fn journal() -> Journal {
        Journal::open(&Place::Memory, None).unwrap()
    }

    fn face(journal: &Journal, format: Format, out: Blocking) -> Face<io::BufWriter<Blocking>> {
        let out = io::BufWriter::new(out);
        Face::new(out, format, journal.reader().unwrap(), journal.feed())
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
        let face = face(&journal, Format::Json, Blocking { gate, out });
        let runtime = runtime();
        let (notices, inbox) = mpsc::channel(4);
        let handle = runtime.handle().clone();
        let thread = std::thread::spawn(move || face.run(&handle, inbox));

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

    /// Runs a face over what `committed` puts in the journal, told to finish at once.
    fn written(format: Format, committed: impl FnOnce(&Journal)) -> String {
        let journal = journal();
        let (open, gate) = sync_channel(1);
        drop(open);
        let (out, written) = sync_channel(1 << 16);
        let face = face(&journal, format, Blocking { gate, out });
        committed(&journal);
        let (notices, inbox) = mpsc::channel(4);
        let at = super::super::samples::at(0);
        let message = "the disk is full".to_owned();
        notices.blocking_send(Notice::Warning { at, message }).unwrap();
        let counts = Counts { valid: 2, ..Counts::default() };
        notices.blocking_send(Notice::Finish(counts)).unwrap();
        face.run(runtime().handle(), inbox).unwrap();
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
        assert_eq!(others, ["refusal", "warning", "summary"]);
        assert!(out.ends_with("\"unlisted\":0}\n"), "{out}");
    }

    #[test]
    fn text_has_no_warnings_and_quiet_has_nothing() {
        let lines = Lines::in_zone(false, jiff::tz::TimeZone::UTC);
        let out = written(Format::Text(lines), |journal| append(journal, 2));
        assert_eq!(out.lines().count(), 3);
        assert!(out.ends_with("\nStopped: 2 kept, 0 refused.\n"), "{out}");
        assert_eq!(written(Format::Quiet, |journal| append(journal, 2)), "");
    }

    #[test]
    fn refusals_that_were_trimmed_meanwhile_do_not_hold_it_up() {
        let out = written(Format::Json, |journal| {
            for id in 1..=crate::journal::MAX_REFUSALS as u64 + 20 {
                let listed = vec![Listed { id, refusal: refusal() }];
                journal.list_refusals(listed).unwrap();
            }
            append(journal, 1);
        });
        let (seqs, others) = summary(out.as_bytes());
        assert_eq!(seqs, [1]);
        assert_eq!(others.iter().filter(|kind| *kind == "refusal").count(), 1000);
        assert_eq!(others.last().unwrap(), "summary");
    }

    #[test]
    fn it_ends_with_an_error_when_nobody_takes_its_lines() {
        let journal = journal();
        let (open, gate) = sync_channel(1);
        drop(open);
        let (out, written) = sync_channel(1);
        drop(written);
        let face = face(&journal, Format::Json, Blocking { gate, out });
        append(&journal, 1);
        let (_notices, inbox) = mpsc::channel(4);
        let ended = face.run(runtime().handle(), inbox).unwrap_err();
        assert!(
            matches!(&ended, Ended::Output(e) if e.kind() == io::ErrorKind::BrokenPipe),
            "{ended}"
        );
    }
}
