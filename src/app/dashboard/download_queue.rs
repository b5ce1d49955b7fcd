//! Downloads one version after the other, on a task of its own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::{
    ApiClient, DownloadError, DownloadJob, DownloadProgress, Downloader, ExistingFile,
    FinishedDownload, Pace, QuestionPause,
};
use crate::text::Printable;
use crate::tui::event::BackendEvent;
use crate::tui::model::download::{DownloadEnd, DownloadOrder, RunningDownload};

/// Maximum number of downloads that wait.
const MAX_WAITING: usize = 100;
/// How often the dashboard hears of a running download.
const EVERY: Duration = Duration::from_millis(500);

/// A download that waits or runs.
#[derive(Debug)]
pub(super) struct QueuedDownload {
    pub(super) order: DownloadOrder,
    /// The name of the file without its extension.
    pub(super) stem: String,
    /// The directory, which exists.
    pub(super) directory: PathBuf,
}

/// What the queue is told.
#[derive(Debug)]
pub(super) enum QueueCommand {
    Download(QueuedDownload),
    /// Stop the download of a version, or do not begin it.
    Stop(String),
}

/// The queue. Ends when no commands can come any more.
pub(super) struct DownloadQueue {
    downloader: Downloader,
    pause: QuestionPause,
    waiting: VecDeque<QueuedDownload>,
    commands: mpsc::Receiver<QueueCommand>,
    events: mpsc::Sender<BackendEvent>,
}

/// How a download came to its end.
enum QueueStep {
    Ended(Result<FinishedDownload, DownloadError>),
    /// The user stopped it.
    Stopped,
    /// The dashboard has ended.
    Over,
}

impl DownloadQueue {
    pub(super) fn new(
        client: Arc<ApiClient>,
        commands: mpsc::Receiver<QueueCommand>,
        events: mpsc::Sender<BackendEvent>,
    ) -> Self {
        let (pause, waiting) = (QuestionPause::default(), VecDeque::new());
        Self { downloader: Downloader::new(client), pause, waiting, commands, events }
    }

    pub(super) async fn run(mut self) {
        loop {
            let queued = match self.waiting.pop_front() {
                Some(queued) => queued,
                None => match self.commands.recv().await {
                    Some(QueueCommand::Download(queued)) => queued,
                    Some(QueueCommand::Stop(_)) => continue,
                    None => return,
                },
            };
            if let Some(host) = &queued.order.host {
                self.downloader.agree(host);
            }
            let step = self.download(&queued).await;
            if matches!(step, QueueStep::Over) || self.tell(queued, step).await.is_err() {
                return;
            }
        }
    }

    /// Downloads a version, and takes commands meanwhile.
    async fn download(&mut self, queued: &QueuedDownload) -> QueueStep {
        let Self { downloader, pause, waiting, commands, events } = self;
        let version_id = &queued.order.target.version_id;
        let job = DownloadJob {
            version_id: version_id.clone(),
            directory: queued.directory.clone(),
            stem: queued.stem.clone(),
            existing: ExistingFile::KeepIfSame,
        };
        let progress = Arc::new(DownloadProgress::default());
        let download = async {
            pause.over().await;
            // Anew each time, because links expire.
            let answer = downloader.api().get_version(version_id).await?;
            let link = downloader.link_in(version_id, &answer)?;
            downloader.run(&job, link, &progress).await
        };
        let mut download = std::pin::pin!(download);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pace = Pace::default();
        loop {
            tokio::select! {
                biased;
                result = &mut download => return QueueStep::Ended(result),
                command = commands.recv() => match command {
                    None => return QueueStep::Over,
                    Some(QueueCommand::Stop(id)) if id == *version_id => return QueueStep::Stopped,
                    Some(QueueCommand::Stop(id)) => {
                        waiting.retain(|other| other.order.target.version_id != id);
                    }
                    Some(QueueCommand::Download(next)) if waiting.len() < MAX_WAITING => {
                        waiting.push_back(next);
                    }
                    Some(QueueCommand::Download(_)) => {
                        let why = "too many downloads wait; try again when one has ended";
                        let end = DownloadEnd::Failed(why.to_owned());
                        let _ = events.try_send(BackendEvent::DownloadEnded(Box::new(end)));
                    }
                },
                _ = ticks.tick() => {}
            }
            let have = progress.have();
            let running = RunningDownload {
                version_id: version_id.clone(),
                name: Printable::new(&queued.stem),
                have,
                total: progress.total(),
                rate: pace.note(Instant::now(), have),
                waiting: waiting.iter().map(|next| next.order.target.version_id.clone()).collect(),
            };
            // A dashboard that is behind gets the next one.
            let _ = events.try_send(BackendEvent::Download(Some(Box::new(running))));
        }
    }

    /// Tells the dashboard how a download ended. Returns an error if there is no dashboard any more.
    async fn tell(
        &self,
        queued: QueuedDownload,
        step: QueueStep,
    ) -> Result<(), mpsc::error::SendError<BackendEvent>> {
        self.events.send(BackendEvent::Download(None)).await?;
        let end = match step {
            QueueStep::Ended(Ok(FinishedDownload { path, bytes, was_there })) => {
                let path = Printable::new(&path.to_string_lossy());
                DownloadEnd::Done { path, bytes, was_there }
            }
            QueueStep::Ended(Err(DownloadError::NewHost { host })) => {
                return self.events.send(BackendEvent::DownloadHost(queued.order, host)).await;
            }
            QueueStep::Ended(Err(DownloadError::Exists { path })) => {
                let why = format!("{path} exists and was left as it is; d: name another directory");
                DownloadEnd::Failed(why)
            }
            QueueStep::Ended(Err(error)) => DownloadEnd::Failed(error.to_string()),
            QueueStep::Stopped => {
                DownloadEnd::Stopped(Printable::new(&format!("{}.part", queued.stem)))
            }
            QueueStep::Over => return Ok(()),
        };
        self.events.send(BackendEvent::DownloadEnded(Box::new(end))).await
    }
}
