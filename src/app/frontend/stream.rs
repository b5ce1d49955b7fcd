//! Shows a run as lines on standard output, with words for people on standard error.

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
use crate::output::{self, Format, Notice, Ready, StreamOutputError};
use crate::status::{Counts, Link, LinkState, Status};

/// How long standard output may take to accept the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);
/// The same for the page that is being written, where nothing is received.
const LAST_PAGE: Duration = Duration::from_secs(1);
/// Notices that may wait. They are few.
const NOTICES: usize = 64;

/// Lines that are written by a thread of their own: standard output blocks for as long as its reader
/// likes.
pub(in super::super) struct StreamFrontend {
    /// `None` once nothing more is to be written.
    notices: Option<mpsc::Sender<Notice>>,
    writer: Worker<Result<(), StreamOutputError>>,
    reports: Worker<Reported>,
    print: fn(&str),
    lines: LineSource,
}

/// What the lines are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineSource {
    /// What this process receives; whether what is not written is lost.
    Received { ephemeral: bool },
    /// A journal that is only followed.
    Followed,
}

/// Why nothing is reported any more.
enum Reported {
    /// The relay refused the token before it ever let us in.
    TokenRefused,
    /// It was stopped, or nothing is written any more.
    Over,
}

impl StreamFrontend {
    /// Starts to write what `receiver` receives, which accepts by then. `print` takes sentences for
    /// people.
    pub(in super::super) fn of_receiver<W: Write + Send + 'static>(
        mut face: output::StreamOutput<W>,
        format: &Format,
        config: &Config,
        receiver: &Receiver,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        announce(&mut face, format, config, receiver, print)?;
        let lines = LineSource::Received { ephemeral: config.ephemeral };
        let is_read = !matches!(format, Format::Quiet);
        Self::start(face, is_read, Some(receiver.status.clone()), lines, print)
    }

    /// Starts to write what `face` follows. Its end is no failure: nobody reads any more. `status`
    /// says whether the process that writes the journal is there; `is_read` whether somebody waits
    /// for the lines, whose leaving ends it.
    pub(in super::super) fn following<W: Write + Send + 'static>(
        face: output::StreamOutput<W>,
        is_read: bool,
        status: Option<watch::Receiver<Status>>,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        Self::start(face, is_read, status, LineSource::Followed, print)
    }

    fn start<W: Write + Send + 'static>(
        face: output::StreamOutput<W>,
        is_read: bool,
        status: Option<watch::Receiver<Status>>,
        lines: LineSource,
        print: fn(&str),
    ) -> anyhow::Result<Self> {
        let (notices, inbox) = mpsc::channel(NOTICES);
        let runtime = Handle::current();
        // It ends by its last notice.
        let writer = Worker::thread("writer", move |_| face.run(&runtime, inbox))?;
        let gone = is_read.then(reader_gone);
        let sender = notices.clone();
        let reports = Worker::task("reports", |stop| async move {
            let reporting = report(status, gone, sender, print);
            stop.run_until_cancelled(reporting).await.unwrap_or(Reported::Over)
        });
        Ok(Self { notices: Some(notices), writer, reports, print, lines })
    }
}

impl Frontend for StreamFrontend {
    fn warn(&self, message: String) {
        (self.print)(&message);
        // When the writer is that far behind, the words on standard error have to do.
        if let Some(notices) = &self.notices {
            let _ = notices.try_send(Notice::Warning { at: Timestamp::now(), message });
        }
    }

    async fn ended(&mut self) -> anyhow::Result<Exit> {
        let reported = async {
            match self.reports.ended().await {
                // Without a person at it nobody would see that nothing can come.
                Ok(Reported::TokenRefused) => {
                    anyhow::anyhow!("ended, because the relay refused the token at the first try")
                }
                Ok(Reported::Over) => std::future::pending().await,
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

/// What a person should know of the zone that times are shown in.
pub(in super::super) fn zone_caution(format: &Format) -> Option<String> {
    if matches!(format, Format::Text(_)) { local_zone().caution } else { None }
}

/// Says what there is to say before the first line.
fn announce<W: Write>(
    face: &mut output::StreamOutput<W>,
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
    Ok(face.announce(&ready, &sentence)?)
}

/// Reports the status whenever it says something else, and that the reader of standard output has
/// gone.
async fn report(
    status: Option<watch::Receiver<Status>>,
    gone: Option<CancellationToken>,
    notices: mpsc::Sender<Notice>,
    print: fn(&str),
) -> Reported {
    let status = status.map(|status| report_status(status, &notices, print));
    tokio::select! {
        reported = or_never(status) => reported,
        () = or_never(gone.as_ref().map(CancellationToken::cancelled)) => {
            let _ = notices.send(Notice::ReaderGone).await;
            Reported::Over
        }
    }
}

async fn report_status(
    mut status: watch::Receiver<Status>,
    notices: &mpsc::Sender<Notice>,
    print: fn(&str),
) -> Reported {
    let (mut link, mut was_gone) = (None, false);
    loop {
        let now = status.borrow_and_update().clone();
        if now.writer_gone != std::mem::replace(&mut was_gone, now.writer_gone) {
            let message = if now.writer_gone { WRITER_GONE } else { WRITER_BACK };
            print(message);
            let warning = Notice::Warning { at: Timestamp::now(), message: message.to_owned() };
            if notices.send(warning).await.is_err() {
                return Reported::Over;
            }
        }
        if let Some(now) = now.link
            && is_another(link.as_ref(), &now)
        {
            if let Some(sentence) =
                link_sentence(&now, link.as_ref().map(|link: &Link| &link.state))
            {
                print(&sentence);
            }
            // A relay that let us in said its epoch.
            let is_refused =
                now.epoch.is_none() && matches!(now.state, LinkState::Refused { token: true, .. });
            let notice = Notice::Link { at: Timestamp::now(), link: Box::new(now.clone()) };
            if notices.send(notice).await.is_err() {
                return Reported::Over;
            }
            if is_refused {
                return Reported::TokenRefused;
            }
            link = Some(now);
        }
        if status.changed().await.is_err() {
            return Reported::Over;
        }
    }
}

const WRITER_GONE: &str = "the dubwatch that received into this journal has ended: nothing is received until one \
     is started; this one only follows";
const WRITER_BACK: &str = "a dubwatch receives into this journal again";

/// Whether a link does something else than it did before.
fn is_another(before: Option<&Link>, now: &Link) -> bool {
    before.is_none_or(|before| {
        before.state.name() != now.state.name()
            || (before.state.is_up(), &before.epoch) != (now.state.is_up(), &now.epoch)
            || before.last_error != now.last_error
    })
}

/// What a person should know of the link.
fn link_sentence(link: &Link, before: Option<&LinkState>) -> Option<String> {
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
        // The first of several failures: what follows is the same, and in the log.
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

/// Whether an error says that the reader of standard output has closed it.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_broken)
            || matches!(cause.downcast_ref(), Some(StreamOutputError::Output(error)) if is_broken(error))
    })
}
