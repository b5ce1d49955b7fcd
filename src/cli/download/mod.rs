//! `dubwatch download`: downloads finished dubs, one after the other.

mod announce;
mod ask;
mod bar;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueHint;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::interval;

use super::progress::EVERY;
use super::{UsageError, done_unless, say};
use crate::api::{
    ApiClient, ApiError, ApiSettings, DownloadError, DownloadJob, DownloadProgress, Downloader,
    ExistingFile, FinishedDownload, QuestionPause, ReadStatus, VersionAnswer, file_stem,
    file_stems,
};
use crate::app::{Exit, api_settings, is_closed_pipe};
use crate::callback::VersionStatus;
use crate::config::{Config, ConfigError};
use crate::text::{Printable, bytes_in_words};
use announce::announce;
use bar::Bar;
use names::FileNames;

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct DownloadArgs {
    /// The version to download
    #[arg(long, value_name = "ID", required_unless_present = "asset", conflicts_with = "asset")]
    version: Option<String>,
    /// The asset of which to download every generated version
    #[arg(long, value_name = "ID")]
    asset: Option<String>,
    /// The directory to download to; it must exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    to: PathBuf,
    /// Do not ask before a first download from a host
    #[arg(long)]
    yes: bool,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

fn after_help() -> &'static str {
    "The API is asked for the link of each video anew, because links expire, and the link is shown \
     and stored nowhere. A file is called by the asset's name and the locale. Until it is complete it \
     is called NAME.part; the same command goes on from there, where the host allows it. The paths of \
     finished files go to standard output. Exit status: 0 when every file is there, 1 when not, 2 used \
     wrongly, no key, or a host that nobody can be asked about."
}

pub(super) fn run(config: &Config, args: &DownloadArgs) -> anyhow::Result<Exit> {
    let settings = api_settings(config)?.ok_or_else(|| {
        ConfigError::Conflict(
            "there is no API key: set PANJAYA_API_KEY, or name a file (chmod 600) that holds it with --api-key-file"
                .to_owned(),
        )
    })?;
    check_directory(&args.to)?;
    let names = FileNames::open(&config.db);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    // The runtime waits at its end until what has arrived is on the disk.
    runtime.block_on(until_signal(settings, args, names))
}

fn check_directory(directory: &Path) -> Result<(), UsageError> {
    let shown = Printable::new(&directory.to_string_lossy());
    match std::fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(UsageError(format!("{shown} is no directory; --to needs one"))),
        Err(error) => Err(UsageError(format!("cannot use {shown} (--to): {error}; make it first"))),
    }
}

/// Downloads until everything is done or a signal arrives.
async fn until_signal(
    settings: ApiSettings,
    args: &DownloadArgs,
    names: FileNames,
) -> anyhow::Result<Exit> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut interrupt, mut terminate): (Signal, Signal) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    // Created inside the runtime, in which the connection's tasks run.
    let mut downloader = Downloader::new(Arc::new(ApiClient::new(settings)));
    if args.yes {
        downloader.agree_to_all();
    }
    let mut run =
        DownloadRun { downloader, args, names, pause: QuestionPause::default(), now: None };
    let number = tokio::select! {
        ended = run.all() => return ended,
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    };
    let begun = run.now.as_ref().filter(|(_, progress)| progress.have() > 0);
    if let Some((name, progress)) = begun {
        say(&format!(
            "stopped; {} of {name} is kept in {name}.part, and the same command goes on from there",
            bytes_in_words(progress.have())
        ));
    }
    Ok(Exit::Signal(number))
}

/// The downloads of one run.
struct DownloadRun<'a> {
    downloader: Downloader,
    args: &'a DownloadArgs,
    names: FileNames,
    pause: QuestionPause,
    /// The download that is running.
    now: Option<(Printable, Arc<DownloadProgress>)>,
}

impl DownloadRun<'_> {
    async fn all(&mut self) -> anyhow::Result<Exit> {
        let (args, existing) = (self.args, self.existing());
        if let Some(version_id) = &args.version {
            let finished = self.version(version_id, None, existing).await.map_err(usage)?;
            return done_unless(announce(&finished));
        }
        let asset_id = args.asset.as_deref().unwrap_or_default();
        let versions = self.versions_of(asset_id).await.map_err(usage)?;
        let mut failed = 0;
        for (version_id, stem) in &versions {
            let finished = match self.version(version_id, Some(stem), existing).await {
                Ok(finished) => finished,
                Err(error) if goes_on(&error) => {
                    say(&format!("{error:#}"));
                    failed += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match announce(&finished) {
                Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
                announced => announced?,
            }
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
    }

    const fn existing(&self) -> ExistingFile {
        match (self.args.overwrite, &self.args.asset) {
            (true, _) => ExistingFile::Replace,
            // The rest of an asset is downloaded by the same command again.
            (false, Some(_)) => ExistingFile::KeepIfSame,
            (false, None) => ExistingFile::Refuse,
        }
    }

    /// Returns the versions of an asset that may be generated, and the names of their files.
    async fn versions_of(&mut self, asset_id: &str) -> anyhow::Result<Vec<(String, String)>> {
        self.pause.over().await;
        let asset = self.downloader.api().get_asset(asset_id).await?;
        let shown = Printable::new(asset_id).cut(80);
        asset.cautions.iter().for_each(|caution| say(caution));
        let Some(versions) = asset.versions else {
            anyhow::bail!(
                "the service lists no versions of asset {shown}: name each with --version"
            );
        };
        let name = asset.name.map(|name| name.text);
        let name = self.names.of(asset_id).or(name).unwrap_or_else(|| asset_id.to_owned());
        let count = versions.len();
        let generated = versions.into_iter().filter_map(|version| {
            let may_be = match &version.status {
                Some(ReadStatus::Known(status)) => *status == VersionStatus::Completed,
                Some(ReadStatus::Unknown(_)) | None => true,
            };
            Some((version.version_id.filter(|_| may_be)?, version.locale))
        });
        let generated: Vec<_> = generated.collect();
        if generated.is_empty() {
            anyhow::bail!("no version of asset {shown} is generated yet, of {count}");
        }
        let stems = file_stems(&name, &generated);
        let versions = generated.into_iter().zip(stems);
        Ok(versions.map(|((id, _), stem)| (id, stem)).collect())
    }

    /// Downloads one version to a file with the name `stem`, or with one that the answer gives.
    async fn version(
        &mut self,
        version_id: &str,
        stem: Option<&str>,
        existing: ExistingFile,
    ) -> anyhow::Result<FinishedDownload> {
        loop {
            // Anew for each host that is asked about: the link may expire meanwhile.
            self.pause.over().await;
            let answer = self.downloader.api().get_version(version_id).await?;
            let link = self.downloader.link_in(version_id, &answer)?;
            let stem = match stem {
                Some(stem) => stem.to_owned(),
                None => self.stem(version_id, &answer).await,
            };
            let job = DownloadJob {
                version_id: version_id.to_owned(),
                directory: self.args.to.clone(),
                stem,
                existing,
            };
            let mut bar = Bar::new(&job.stem);
            let progress = Arc::new(DownloadProgress::default());
            self.now = Some((Printable::new(&job.stem), Arc::clone(&progress)));
            let mut ticks = interval(EVERY);
            let result = {
                let mut running = std::pin::pin!(self.downloader.run(&job, link, &progress));
                loop {
                    tokio::select! {
                        result = &mut running => break result,
                        _ = ticks.tick() => bar.show(&progress),
                    }
                }
            };
            if result.is_ok() {
                bar.complete(&progress);
            }
            drop(bar);
            self.now = None;
            match result {
                Err(DownloadError::NewHost { host }) => {
                    ask::agreed(&host).await?;
                    self.downloader.agree(&host);
                }
                result => return Ok(result?),
            }
        }
    }

    /// Returns the name of the file of a version that was asked for alone.
    async fn stem(&mut self, version_id: &str, answer: &VersionAnswer) -> String {
        let mut name = None;
        if let Some(asset_id) = &answer.asset_id {
            name = self.names.of(asset_id);
            if name.is_none() {
                self.pause.over().await;
                // Without an answer the id is the name.
                let asset = self.downloader.api().get_asset(asset_id).await;
                name = asset.ok().and_then(|asset| asset.name).map(|name| name.text);
                self.names.remember(asset_id, name.as_deref().unwrap_or(asset_id));
            }
        }
        let name = name.or_else(|| answer.asset_id.clone());
        let name = name.unwrap_or_else(|| version_id.to_owned());
        file_stem(&name, answer.locale.as_deref(), None)
    }
}

/// Returns whether further versions can be downloaded after an error.
fn goes_on(error: &anyhow::Error) -> bool {
    match (error.downcast_ref::<DownloadError>(), error.downcast_ref::<ApiError>()) {
        (Some(error), _) => error.is_about_the_version(),
        (_, Some(error)) => error.is_about_the_question(),
        _ => false,
    }
}

/// Makes an id that cannot be asked for a usage error.
fn usage(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(ApiError::NoId { .. }) => UsageError(error.to_string()).into(),
        _ => error,
    }
}
