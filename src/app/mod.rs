//! The composition root: wires doors, intake, journal and faces, and takes them down in order.

mod demo;
mod keys;
mod signals;
mod welcome;

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SignaturePolicy};
use crate::intake::{Intake, Policy};
use crate::journal::{Health, Journal, Place, Unwritten};
use crate::listener::{self, Listener};
use crate::output::{Ended, Face, Format, Notice, Ready};
use crate::serve::{self, serve};
use crate::signature::TrustedKeys;

pub use demo::{Program, demo};
pub use keys::{dev_key_path, load_dev_key, trusted_keys};
use signals::Signals;
use welcome::first_steps;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long standard output may take to accept the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done,
    /// It failed; a sentence on standard error says how.
    Failed,
    /// A signal with this number ended it, after draining.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Signal(number) => Self::from(128 + number),
        }
    }
}

/// Receives callbacks until a signal comes or something breaks. `say` takes sentences for people;
/// `out` takes what `format` asks for.
pub fn watch(
    config: &Config,
    format: Format,
    out: impl Write + Send + 'static,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    let run = Run::new(config, trusted_keys(config)?, say)?;
    run.until_the_end(format, out, |_, quit| async move {
        quit.cancelled().await;
        Ok(())
    })
}

/// One run of the listener.
struct Run<'a> {
    config: &'a Config,
    journal: Arc<Journal>,
    intake: Arc<Intake>,
    say: fn(&str),
    /// What has to be known before anything that is shown is believed.
    caution: Option<String>,
}

impl<'a> Run<'a> {
    /// Opens the journal and the way into it.
    fn new(config: &'a Config, keys: TrustedKeys, say: fn(&str)) -> anyhow::Result<Self> {
        // Before the listener counts how many connections it may have.
        serve::raise_open_files();
        let place = if config.ephemeral { Place::Memory } else { Place::File(config.db.clone()) };
        let journal = Arc::new(Journal::open(&place, config.keep)?);
        let policy = match config.signature {
            SignaturePolicy::Required => Policy::Required,
            SignaturePolicy::Off => Policy::Off,
        };
        let first_refusal = journal.next_refusal_id()?;
        let intake = Intake::new(keys, policy, Arc::clone(&journal) as _, first_refusal)
            .context("cannot start the refusals thread")?;
        Ok(Self { config, journal, intake: Arc::new(intake), say, caution: None })
    }

    /// Receives until a signal comes, something breaks or `beside` is done.
    ///
    /// `beside` is told the address that was bound and runs from then on. It has to end soon once
    /// its token is cancelled.
    fn until_the_end<B: Future<Output = anyhow::Result<()>> + Send + 'static>(
        self,
        format: Format,
        out: impl Write + Send + 'static,
        beside: impl FnOnce(SocketAddr, CancellationToken) -> B,
    ) -> anyhow::Result<Exit> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let exit = runtime.block_on(self.receive(format, out, beside));
        // A thread that hangs in a write to standard output must not keep the process.
        runtime.shutdown_timeout(Duration::from_millis(100));
        exit
    }

    async fn receive<B: Future<Output = anyhow::Result<()>> + Send + 'static>(
        self,
        format: Format,
        out: impl Write + Send + 'static,
        beside: impl FnOnce(SocketAddr, CancellationToken) -> B,
    ) -> anyhow::Result<Exit> {
        // Before anything is announced: a signal that comes at once has to drain as well.
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let socket = bind(self.config.listen).await?;
        let bound = socket.local_addr().context("cannot tell the address that was bound")?;

        let door = Listener::new(
            listener::Settings {
                path: self.config.path.clone(),
                max_body: self.config.max_body,
                body_timeout: BODY_TIMEOUT,
            },
            Arc::clone(&self.intake),
        );
        // The face takes its place before the first callback can come: it shows all that come later.
        let face = Face::new(out, format.clone(), self.journal.reader()?, self.journal.feed());
        let stop = CancellationToken::new();
        let router = door.router();
        let limits = serve::Limits::default();
        let broken = move |broken| door.broken(&broken);
        let mut serving = tokio::spawn(serve(socket, router, limits, stop.clone(), broken));

        let (notices, inbox) = mpsc::channel(64);
        let mut face_ended = self.start_face(face, &format, bound, inbox)?;
        if let Some(caution) = &self.caution {
            self.warn(&notices, caution.clone());
        }
        let mut health = self.journal.health();
        let quit = CancellationToken::new();
        let mut beside = tokio::spawn(beside(bound, quit.clone()));

        let exit = loop {
            tokio::select! {
                signal = signals.next() => break Ok(Exit::Signal(signal)),
                ended = &mut face_ended => break face_failure(ended),
                changed = health.changed() => match changed {
                    Ok(()) => self.tell_health(&mut health, &notices),
                    Err(_) => break Err(anyhow::anyhow!("the journal's thread ended unexpectedly")),
                },
                trouble = self.intake.trouble() => self.tell_trouble(&trouble, &notices),
                ended = &mut beside => break ended
                    .map_err(anyhow::Error::from)
                    .flatten()
                    .map(|()| Exit::Done),
                ended = &mut serving => {
                    let why = ended.err().map_or_else(String::new, |error| format!(": {error}"));
                    break Err(anyhow::anyhow!("the listener ended unexpectedly{why}"));
                }
            }
        };
        let graceful = async {
            // Whoever posts to the listener stops before it does.
            quit.cancel();
            if !beside.is_finished() {
                let _ = beside.await;
            }
            stop.cancel();
            if !serving.is_finished() {
                let _ = serving.await;
            }
            self.wind_down(&notices, face_ended).await;
        };
        tokio::select! {
            () = graceful => exit,
            signal = signals.next() => at_once(signal),
        }
    }

    /// Announces the listener and starts the thread that follows the journal.
    fn start_face(
        &self,
        mut face: Face<impl Write + Send + 'static>,
        format: &Format,
        bound: SocketAddr,
        inbox: mpsc::Receiver<Notice>,
    ) -> anyhow::Result<oneshot::Receiver<Result<(), Ended>>> {
        let callback_url = self.config.callback_url(bound);
        let journal = self.journal.path().display().to_string();
        let local = format!("http://{bound}{}", self.config.path);
        let mut sentence = format!("Listening on {local}, journal {journal}");
        if matches!(format, Format::Quiet) {
            (self.say)(&sentence);
        }
        if self.config.signature == SignaturePolicy::Off {
            (self.say)(
                "signatures are NOT checked (--signature off): anyone who reaches the listener can put anything in the journal",
            );
        }
        if matches!(format, Format::Text(_)) {
            sentence.push('\n');
            sentence.push_str(&first_steps(self.config, bound, self.intake.keys()));
        }
        face.announce(&Ready::new(bound.to_string(), callback_url, journal), &sentence)?;
        let (ended, face_ended) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("face".to_owned())
            .spawn(move || {
                let _ = ended.send(face.run(&runtime, inbox));
            })
            .context("cannot start the thread that writes to standard output")?;
        Ok(face_ended)
    }

    fn tell_health(&self, health: &mut watch::Receiver<Health>, notices: &mpsc::Sender<Notice>) {
        let message = match &*health.borrow_and_update() {
            Health::Writing => "the journal can be written again".to_owned(),
            Health::Failing { why } => {
                format!(
                    "the journal cannot be written ({why}); callbacks are answered 503 until it can"
                )
            }
        };
        self.warn(notices, message);
    }

    /// A disk that hangs reports no error: all that shows is that callbacks are turned away.
    fn tell_trouble(&self, trouble: &Unwritten, notices: &mpsc::Sender<Notice>) {
        if *self.journal.health().borrow() == Health::Writing {
            self.warn(notices, format!("callbacks are answered 503: {trouble}"));
        }
    }

    fn warn(&self, notices: &mpsc::Sender<Notice>, message: String) {
        tracing::warn!("{message}");
        (self.say)(&message);
        // When the face is that far behind, the words on standard error have to do.
        let _ = notices.try_send(Notice::Warning { at: Timestamp::now(), message });
    }

    /// Writes what is left to be written, in the order in which it depends on each other.
    async fn wind_down(
        self,
        notices: &mpsc::Sender<Notice>,
        face_ended: oneshot::Receiver<Result<(), Ended>>,
    ) {
        let (intake, journal) = (self.intake, self.journal);
        let closing = Arc::clone(&intake);
        let _ = tokio::task::spawn_blocking(move || closing.close()).await;
        // The face lets go of its reader before the journal closes: the last one to close an
        // SQLite file has to be the writer, so that no write-ahead log is left behind.
        let finish = async {
            if notices.send(Notice::Finish(intake.counts())).await.is_ok() {
                let _ = face_ended.await;
            }
        };
        if tokio::time::timeout(LAST_LINES, finish).await.is_err() {
            (self.say)(if self.config.ephemeral {
                "standard output did not take the last lines; they are lost with the journal in memory"
            } else {
                "standard output did not take the last lines; they are in the journal"
            });
        }
        let _ = tokio::task::spawn_blocking(move || journal.close()).await;
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen, port 0 takes a free one")
    })
}

fn face_failure(
    ended: Result<Result<(), Ended>, oneshot::error::RecvError>,
) -> anyhow::Result<Exit> {
    match ended {
        Ok(Err(error)) => Err(anyhow::Error::from(error).context("stopped receiving")),
        Ok(Ok(())) | Err(_) => {
            Err(anyhow::anyhow!("the thread that writes to standard output ended"))
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user asked twice: whatever still runs is to be cut off, the journal survives that"
)]
fn at_once(signal: u8) -> ! {
    std::process::exit(128 + i32::from(signal))
}
