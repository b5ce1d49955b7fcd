//! The line frontend: writes a run as lines to standard output, with messages on standard error.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::super::Exit;
use super::super::reader_gone::reader_gone;
use super::super::receiver::Receiver;
use super::super::welcome::{callback_url, first_steps};
use super::super::worker::{Worker, or_never};
use super::Frontend;
use crate::config::{Config, SignaturePolicy, local_zone};
use crate::forward::ForwardTarget;
use crate::output::{self, Format, Notice, Ready, StreamOutputError};
use crate::status::{Counts, Link, LinkState, Status};

/// Time limit for writing the last lines at the end of a run.
const LAST_LINES: Duration = Duration::from_secs(5);
/// The same for the current page of a read-only run.
const LAST_PAGE: Duration = Duration::from_secs(1);
/// Maximum number of queued notices. They are few.
const NOTICES: usize = 64;

/// Writes lines in a thread of its own, because standard output blocks while its reader is slow.
pub(in super::super) struct StreamFrontend {
    /// `None` once the end has begun.
    notices: Option<mpsc::Sender<Notice>>,
    writer: Worker<Result<(), StreamOutputError>>,
    reports: Worker<ReportEnd>,
    print: fn(&str),
    lines: LineSource,
}

/// Where the lines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineSource {
    /// This process receives them. `ephemeral`: lines that are not written are lost.
    Received { ephemeral: bool },
    /// Another process receives them.
    Followed,
}

/// Why the reports have ended.
pub(in super::super) enum ReportEnd {
    /// The relay refused the token at the first connection.
    TokenRefused,
    /// They were stopped, or the writer has ended.
    Over,
}

impl StreamFrontend {
    /// Starts a frontend for a started receiver. `print` receives messages for the user. Returns an
    /// error if the first lines cannot be written or a thread cannot be started.
    pub(in super::super) fn of_receiver<W: Write + Send + 'static>(
        mut stream_output: output::StreamOutput<W>,
        format: &Format,
        config: &Config,
        receiver: &Receiver,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        announce(&mut stream_output, format, config, receiver, print)?;
        let lines = LineSource::Received { ephemeral: config.ephemeral };
        let is_read = !matches!(format, Format::Quiet);
        Self::start(stream_output, is_read, Some(receiver.status.clone()), lines, print)
    }

    /// Starts a frontend for a journal that another process writes. If its reader closes standard
    /// output, the run ends without an error; `is_read` is whether to watch for that. `status` says
    /// whether the writing process still runs.
    pub(in super::super) fn following<W: Write + Send + 'static>(
        stream_output: output::StreamOutput<W>,
        is_read: bool,
        status: Option<watch::Receiver<Status>>,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        Self::start(stream_output, is_read, status, LineSource::Followed, print)
    }

    fn start<W: Write + Send + 'static>(
        stream_output: output::StreamOutput<W>,
        is_read: bool,
        status: Option<watch::Receiver<Status>>,
        lines: LineSource,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        let (notices, inbox) = mpsc::channel(NOTICES);
        let runtime = Handle::current();
        // The thread ends when the notices' channel is closed.
        let writer = Worker::thread("writer", move |_| stream_output.run(&runtime, inbox))?;
        let gone = is_read.then(reader_gone);
        let sender = notices.clone();
        let reports = Worker::task("reports", |stop| async move {
            let reporting = report(status, gone, sender, print);
            stop.run_until_cancelled(reporting).await.unwrap_or(ReportEnd::Over)
        });
        Ok(Self { notices: Some(notices), writer, reports, print, lines })
    }
}

impl Frontend for StreamFrontend {
    fn warn(&self, message: String) {
        (self.print)(&message);
        // If the channel is full, the message on standard error must suffice.
        if let Some(notices) = &self.notices {
            let _ = notices.try_send(Notice::Warning { at: Timestamp::now(), message });
        }
    }

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        let reported = async {
            match self.reports.ended().await {
                // A script would otherwise wait for lines that cannot arrive.
                Ok(ReportEnd::TokenRefused) => {
                    anyhow::anyhow!("ended, because the relay refused the token at the first try")
                }
                Ok(ReportEnd::Over) => std::future::pending().await,
                Err(error) => error,
            }
        };
        tokio::select! {
            ended = self.writer.ended() => match (ended, self.lines) {
                (Ok(Ok(())), LineSource::Followed) => Ok(Exit::Done),
                (Ok(Err(error)), LineSource::Followed) => {
                    let error = anyhow::Error::from(error);
                    if is_closed_pipe(&error) { Ok(Exit::Done) } else { Err(error) }
                }
                (Ok(Err(error)), LineSource::Received { .. }) => {
                    Err(anyhow::Error::from(error).context("stopped receiving"))
                }
                (Ok(Ok(())), LineSource::Received { .. }) | (Err(_), _) => {
                    Err(anyhow::anyhow!("the thread that writes to standard output ended"))
                }
            },
            error = reported => Err(error),
        }
    }

    async fn leave(&mut self) {}

    async fn finish(mut self, counts: Option<Counts>) {
        self.reports.stop().await;
        let notices = self.notices.take();
        let finish = async {
            if let (Some(counts), Some(notices)) = (counts, &notices) {
                let _ = notices.send(Notice::Finish(counts)).await;
            }
            drop(notices);
            self.writer.stop().await;
        };
        let limit = if self.lines == LineSource::Followed { LAST_PAGE } else { LAST_LINES };
        if tokio::time::timeout(limit, finish).await.is_err()
            && let LineSource::Received { ephemeral } = self.lines
        {
            (self.print)(if ephemeral {
                "standard output did not take the last lines; they are lost with the journal in memory"
            } else {
                "standard output did not take the last lines; they are in the journal"
            });
        }
    }
}

/// Returns a warning about the local time zone, if text output uses it and it could not be
/// determined.
pub(in super::super) fn zone_caution(format: &Format) -> Option<String> {
    if matches!(format, Format::Text(_)) { local_zone().caution } else { None }
}

/// Writes the announcement before the first line, and warns if signatures are not checked.
fn announce<W: Write>(
    stream_output: &mut output::StreamOutput<W>,
    format: &Format,
    config: &Config,
    receiver: &Receiver,
    print: fn(&str),
) -> anyhow::Result<()> {
    let bound = receiver.bound.as_slice();
    let journal = receiver.prepared.journal.path().display().to_string();
    let relay = config.relay.as_deref();
    let urls: Vec<String> = bound.iter().map(|bound| config.local_url(*bound)).collect();
    let mut sentence = match (urls.join(" and "), relay) {
        (urls, relay) if urls.is_empty() => {
            format!("Listening to the relay {}", relay.unwrap_or_default())
        }
        (urls, None) => format!("Listening on {urls}"),
        (urls, Some(relay)) => format!("Listening on {urls} and to the relay {relay}"),
    };
    let targets: Vec<&str> = config.forward_to.iter().map(ForwardTarget::url).collect();
    if !targets.is_empty() {
        sentence.push_str(", forwarding to ");
        sentence.push_str(&targets.join(" and "));
    }
    sentence.push_str(", journal ");
    sentence.push_str(&journal);
    if matches!(format, Format::Quiet) {
        print(&sentence);
    }
    if config.signature == SignaturePolicy::Off {
        print(
            "signatures are NOT checked (--signature off): anyone who reaches the listener can put anything in the journal",
        );
    }
    if matches!(format, Format::Text(_)) && !bound.is_empty() {
        sentence.push('\n');
        sentence.push_str(&first_steps(config, bound, &receiver.prepared.keys));
    }
    let ready = Ready::new(bound, callback_url(config, bound), journal);
    Ok(stream_output.announce(&ready, &sentence)?)
}

/// Sends a notice for each change of the status, and one when the reader closes standard output.
async fn report(
    status: Option<watch::Receiver<Status>>,
    gone: Option<CancellationToken>,
    notices: mpsc::Sender<Notice>,
    print: fn(&str),
) -> ReportEnd {
    let status = status.map(|status| report_status(status, &notices, print));
    tokio::select! {
        reported = or_never(status) => reported,
        () = or_never(gone.as_ref().map(CancellationToken::cancelled)) => {
            let _ = notices.send(Notice::ReaderGone).await;
            ReportEnd::Over
        }
    }
}

/// Sends a notice for each change of the status, and tells the user of it.
pub(in super::super) async fn report_status(
    mut status: watch::Receiver<Status>,
    notices: &mpsc::Sender<Notice>,
    print: fn(&str),
) -> ReportEnd {
    let (mut link, mut was_gone) = (None, false);
    loop {
        let now = status.borrow_and_update().clone();
        if now.writer_gone != std::mem::replace(&mut was_gone, now.writer_gone) {
            let message = if now.writer_gone { WRITER_GONE } else { WRITER_BACK };
            print(message);
            let warning = Notice::Warning { at: Timestamp::now(), message: message.to_owned() };
            if notices.send(warning).await.is_err() {
                return ReportEnd::Over;
            }
        }
        if let Some(now) = now.link
            && has_changed(link.as_ref(), &now)
        {
            if let Some(message) = link_message(&now, link.as_ref().map(|link: &Link| &link.state))
            {
                print(&message);
            }
            // A relay sends its epoch when it accepts the connection.
            let is_refused =
                now.epoch.is_none() && matches!(now.state, LinkState::Refused { token: true, .. });
            let notice = Notice::Link { at: Timestamp::now(), link: Box::new(now.clone()) };
            if notices.send(notice).await.is_err() {
                return ReportEnd::Over;
            }
            if is_refused {
                return ReportEnd::TokenRefused;
            }
            link = Some(now);
        }
        if status.changed().await.is_err() {
            return ReportEnd::Over;
        }
    }
}

const WRITER_GONE: &str = "the dubwatch that received into this journal has ended: nothing is received until one \
     is started; this one only follows";
const WRITER_BACK: &str = "a dubwatch receives into this journal again";

/// Returns whether a change of the link is worth a notice.
fn has_changed(before: Option<&Link>, now: &Link) -> bool {
    before.is_none_or(|before| {
        before.state.name() != now.state.name()
            || (before.state.is_up(), &before.epoch) != (now.state.is_up(), &now.epoch)
            || before.last_error != now.last_error
    })
}

/// Returns a message about the link for the user; `None` if the change needs none.
fn link_message(link: &Link, before: Option<&LinkState>) -> Option<String> {
    let relay = &link.relay;
    match &link.state {
        LinkState::Up { behind, .. } => {
            let url = link.callback_url.as_ref().map(|url| format!("; give the sender: {url}"));
            let url = url.unwrap_or_default();
            let behind = match behind {
                0 => String::new(),
                behind => format!(", {behind} behind, catching up"),
            };
            Some(format!("connected to the relay {relay}{behind}{url}"))
        }
        // Only the first of several failures; the log has the others.
        LinkState::Retrying { why, .. }
            if before.is_none_or(
                |state| !matches!(state, LinkState::Dialling { attempt } if *attempt > 0),
            ) =>
        {
            Some(format!("the relay {relay}: {why}; trying again"))
        }
        _ => None,
    }
}

/// Returns whether the error is that the reader has closed standard output.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_broken)
            || matches!(cause.downcast_ref(), Some(StreamOutputError::Output(error)) if is_broken(error))
    })
}
