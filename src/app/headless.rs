//! Shows a run as lines on standard output, with words for people on standard error.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::Exit;
use super::reader_gone::reader_gone;
use super::run::{Doors, Face, Run, Shown};
use super::welcome::{callback_url, first_steps};
use crate::config::{SignaturePolicy, local_zone};
use crate::journal::{Follower, Journal};
use crate::output::{self, Ended, Format, Notice, Ready, RecordWriter};
use crate::vitals::{Counts, Link, LinkState, Store};

/// How long standard output may take to accept the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Lines that are to be written.
pub(super) struct Headless<W: Write> {
    face: output::Face<W>,
    format: Format,
    say: fn(&str),
    /// What has to be known before anything that is shown is believed.
    caution: Option<String>,
}

impl<W: Write + Send + 'static> Headless<W> {
    /// Lines for all that is committed from now on. `say` takes sentences for people.
    pub(super) fn new(
        journal: &Journal,
        format: Format,
        out: W,
        say: fn(&str),
    ) -> anyhow::Result<Self> {
        let follower = Follower::of_feed(journal.reader()?, journal.feed());
        let records = RecordWriter::new(out, format.clone());
        let face = output::Face::new(records, follower);
        Ok(Self { face, format, say, caution: None })
    }

    /// The same with a warning at its beginning.
    pub(super) fn with_caution(self, caution: String) -> Self {
        Self { caution: Some(caution), ..self }
    }

    /// Says what there is to say before the first line.
    fn announce(&mut self, run: &Run<'_>, bound: &[SocketAddr]) -> anyhow::Result<()> {
        let config = run.config;
        let journal = run.engine.journal.path().display().to_string();
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
        if matches!(self.format, Format::Quiet) {
            (self.say)(&sentence);
        }
        if config.signature == SignaturePolicy::Off {
            (self.say)(
                "signatures are NOT checked (--signature off): anyone who reaches the listener can put anything in the journal",
            );
        }
        if matches!(self.format, Format::Text(_)) && !bound.is_empty() {
            sentence.push('\n');
            sentence.push_str(&first_steps(config, bound, &run.engine.keys));
        }
        let url = callback_url(config, bound);
        let ready = Ready::new(bound, url, journal);
        Ok(self.face.announce(&ready, &sentence)?)
    }
}

impl<W: Write + Send + 'static> Face for Headless<W> {
    type Shown = Lines;
    const ON_TERMINAL: bool = false;

    fn start(mut self, run: &Run<'_>, doors: Doors) -> anyhow::Result<Lines> {
        self.announce(run, &doors.bound)?;
        let (notices, inbox) = mpsc::channel(64);
        let (ended, is_over) = oneshot::channel();
        let runtime = Handle::current();
        let face = self.face;
        std::thread::Builder::new()
            .name("face".to_owned())
            .spawn(move || {
                let _ = ended.send(face.run(&runtime, inbox));
            })
            .context("cannot start the thread that writes to standard output")?;
        // Without a link it is dropped here: nobody is refused.
        let (refused, is_refused) = oneshot::channel();
        if let Some(link) = doors.link {
            tokio::spawn(tell_link(link, notices.clone(), refused, self.say));
        }
        if !matches!(self.format, Format::Quiet) {
            let (gone, notices) = (reader_gone(), notices.clone());
            tokio::spawn(async move {
                gone.cancelled().await;
                let _ = notices.send(Notice::ReaderGone).await;
            });
        }
        let lines = Lines {
            notices,
            ended: Some(is_over),
            refused: Some(is_refused),
            say: self.say,
            ephemeral: run.config.ephemeral,
        };
        if let Some(caution) = self.caution {
            tracing::warn!("{caution}");
            lines.warn(caution);
        }
        if matches!(self.format, Format::Text(_))
            && let Some(caution) = local_zone().caution
        {
            tracing::warn!("{caution}");
            lines.warn(caution);
        }
        Ok(lines)
    }
}

/// Tells of the link, whenever it does something else than before; and of its token, where the relay
/// refuses that before it ever let us in.
async fn tell_link(
    mut link: watch::Receiver<Link>,
    notices: mpsc::Sender<Notice>,
    refused: oneshot::Sender<()>,
    say: fn(&str),
) {
    let mut told: Option<Link> = None;
    let mut refused = Some(refused);
    loop {
        let now = link.borrow_and_update().clone();
        let is_other = told.as_ref().is_none_or(|told| {
            told.state.name() != now.state.name()
                || (now.state.is_up(), &told.epoch) != (told.state.is_up(), &now.epoch)
                || told.last_error != now.last_error
        });
        if is_other {
            let before = told.as_ref().map(|told| &told.state);
            if let Some(sentence) = sentence(&now, before) {
                say(&sentence);
            }
            // A relay that let us in said its epoch.
            let ends =
                now.epoch.is_none() && matches!(now.state, LinkState::Refused { token: true, .. });
            told = Some(now.clone());
            if notices
                .send(Notice::Link { at: Timestamp::now(), link: Box::new(now) })
                .await
                .is_err()
            {
                return;
            }
            if ends && let Some(refused) = refused.take() {
                let _ = refused.send(());
            }
        }
        if link.changed().await.is_err() {
            return;
        }
    }
}

/// What a person should know of the link.
fn sentence(link: &Link, before: Option<&LinkState>) -> Option<String> {
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

/// Waits for what is told once; `None` where it never will be. For ever once it was told.
async fn told<T>(told: &mut Option<oneshot::Receiver<T>>) -> Option<T> {
    let Some(receiver) = told else { std::future::pending().await };
    let value = receiver.await;
    *told = None;
    value.ok()
}

/// Waits until the token is refused; for ever where it is not.
async fn refused(refused: &mut Option<oneshot::Receiver<()>>) {
    if told(refused).await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Lines that are being written, by a thread of their own.
pub(super) struct Lines {
    notices: mpsc::Sender<Notice>,
    /// `None` once it was told.
    ended: Option<oneshot::Receiver<Result<(), Ended>>>,
    /// Whether the relay refused the token before it ever let us in. `None` once that was told, or
    /// cannot be any more.
    refused: Option<oneshot::Receiver<()>>,
    say: fn(&str),
    /// Whether what is not written is lost.
    ephemeral: bool,
}

impl Shown for Lines {
    fn warn(&self, message: String) {
        (self.say)(&message);
        // When the face is that far behind, the words on standard error have to do.
        let _ = self.notices.try_send(Notice::Warning { at: Timestamp::now(), message });
    }

    fn store(&self, _: Store) {}

    async fn over(&mut self) -> anyhow::Result<Exit> {
        tokio::select! {
            ended = told(&mut self.ended) => match ended {
                Some(Err(error)) => Err(anyhow::Error::from(error).context("stopped receiving")),
                Some(Ok(())) | None => {
                    Err(anyhow::anyhow!("the thread that writes to standard output ended"))
                }
            },
            // Without a person at it nobody would see that nothing can come.
            () = refused(&mut self.refused) => {
                Err(anyhow::anyhow!("ended, because the relay refused the token at the first try"))
            }
        }
    }

    async fn leave(&mut self) {}

    async fn finish(self, counts: Counts) {
        let finish = async {
            if self.notices.send(Notice::Finish(counts)).await.is_ok()
                && let Some(ended) = self.ended
            {
                let _ = ended.await;
            }
        };
        if tokio::time::timeout(LAST_LINES, finish).await.is_err() {
            (self.say)(if self.ephemeral {
                "standard output did not take the last lines; they are lost with the journal in memory"
            } else {
                "standard output did not take the last lines; they are in the journal"
            });
        }
    }
}
