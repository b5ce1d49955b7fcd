//! Follows a journal without receiving anything: what another process writes, as lines on standard
//! output.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Exit;
use super::reader_gone::reader_gone;
use super::run::in_runtime;
use super::signals::{Signals, at_once};
use crate::config::Config;
use crate::journal::{Follower, JournalError};
use crate::output::{Ended, Face, Format, Notice, Ready, RecordWriter};
use crate::sqlite::{OpenError, has_writer};

/// How often to look whether the process that writes is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long standard output may take to accept the lines of the page that is being written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Notices that may wait. They are few.
const NOTICES: usize = 16;

/// Follows the journal of another process in place of receiving, and says so on standard error.
/// `in_use` is why nothing can be received.
pub(super) fn read_only(
    config: &Config,
    format: Format,
    out: impl Write + Send + 'static,
    in_use: &anyhow::Error,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    let follower = Follower::open(&config.db)?;
    let is_quiet = matches!(format, Format::Quiet);
    let mut face = Face::new(RecordWriter::new(out, format), follower);
    let pid = match in_use.downcast_ref() {
        Some(JournalError::Open(OpenError::InUse { pid: Some(pid), .. })) => {
            format!(" (process {pid})")
        }
        _ => String::new(),
    };
    say(&format!(
        "read-only: another dubwatch{pid} receives into the journal {}; what it writes is shown here, and nothing is received",
        config.db.display()
    ));
    for caution in &config.cautions {
        say(caution);
    }
    let ready = Ready::read_only(config.db.display().to_string());
    // In a text that is all there is to say, and it stands on standard error.
    let announced = face.announce(&ready, "");
    let announced = announced.map_err(anyhow::Error::from).map(|()| None);
    if let Some(exit) = unless_closed(announced)? {
        return Ok(exit);
    }
    let writer = Some(Watched { db: config.db.clone(), say });
    follow_with(face, (!is_quiet).then(reader_gone), writer)
}

/// Writes what a face follows until a signal comes, whoever reads it has seen enough, or the journal
/// cannot be read any more.
pub fn follow<W: Write + Send + 'static>(face: Face<W>) -> anyhow::Result<Exit> {
    follow_with(face, Some(reader_gone()), None)
}

/// A journal whose writer is watched.
struct Watched {
    db: PathBuf,
    say: fn(&str),
}

fn follow_with<W: Write + Send + 'static>(
    face: Face<W>,
    gone: Option<CancellationToken>,
    writer: Option<Watched>,
) -> anyhow::Result<Exit> {
    in_runtime(async {
        let mut signals = Signals::new(false).context("cannot listen for signals")?;
        let (notices, inbox) = mpsc::channel(NOTICES);
        let (ended, mut is_over) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("face".to_owned())
            .spawn(move || {
                let _ = ended.send(face.run(&runtime, inbox));
            })
            .context("cannot start the thread that writes to standard output")?;
        let end = tokio::select! {
            signal = signals.next() => Err(signal),
            ended = &mut is_over => Ok(ended),
            () = pass_on(gone, writer, notices.clone()) => Ok((&mut is_over).await),
        };
        match end {
            Ok(Ok(ended)) => {
                let ended = ended.map_err(anyhow::Error::from).map(|()| Some(Exit::Done));
                Ok(unless_closed(ended)?.unwrap_or(Exit::Done))
            }
            Ok(Err(_)) => Err(anyhow::anyhow!("the thread that writes to standard output ended")),
            Err(signal) => {
                // The page that is being written is the last one.
                drop(notices);
                tokio::select! {
                    _ = tokio::time::timeout(LAST_LINES, &mut is_over) => Ok(Exit::Signal(signal)),
                    signal = signals.again() => at_once(signal),
                }
            }
        }
    })
}

/// Passes on that the reader of standard output has gone, and until then whenever the process that
/// writes the journal has ended or another one has begun.
async fn pass_on(
    gone: Option<CancellationToken>,
    writer: Option<Watched>,
    notices: mpsc::Sender<Notice>,
) {
    let is_gone = async {
        match gone {
            Some(gone) => gone.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let watched = async {
        match writer {
            Some(Watched { db, say }) => watch_writer(&db, say, &notices).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = is_gone => {
            let _ = notices.send(Notice::ReaderGone).await;
        }
        () = watched => {}
    }
}

/// Says whenever the process that writes the journal has ended, or another one has begun.
async fn watch_writer(db: &Path, say: fn(&str), notices: &mpsc::Sender<Notice>) {
    let mut was_there = true;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let looked_at = db.to_owned();
        let Ok(is_there) = tokio::task::spawn_blocking(move || has_writer(&looked_at)).await else {
            continue;
        };
        if is_there == std::mem::replace(&mut was_there, is_there) {
            continue;
        }
        let message = if is_there {
            "a dubwatch receives into this journal again"
        } else {
            "the dubwatch that received into this journal has ended: nothing is received until one \
             is started; this one only follows"
        };
        say(message);
        let warning = Notice::Warning { at: Timestamp::now(), message: message.to_owned() };
        if notices.send(warning).await.is_err() {
            return;
        }
    }
}

/// The end of what only reads: that nobody reads its lines any more is no failure.
fn unless_closed(result: anyhow::Result<Option<Exit>>) -> anyhow::Result<Option<Exit>> {
    match result {
        Err(error) if is_closed_pipe(&error) => Ok(Some(Exit::Done)),
        result => result,
    }
}

/// Whether an error says that the reader of standard output has closed it.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_broken)
            || matches!(cause.downcast_ref(), Some(Ended::Output(error)) if is_broken(error))
    })
}
