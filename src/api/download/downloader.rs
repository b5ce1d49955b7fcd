//! One download: attempts until the file is complete.

use std::sync::Arc;

use tokio::time::sleep;

use super::super::{ApiClient, ReadStatus, VersionAnswer};
use super::attempt::{Attempt, AttemptError};
use super::error::DownloadError;
use super::fetch::FileGetter;
use super::hosts::AgreedHosts;
use super::job::{DownloadJob, ExistingFile, FinishedDownload};
use super::link::FileLink;
use super::part_file::PartFile;
use super::progress::DownloadProgress;
use super::{FIRST_PAUSE, MAX_FRUITLESS, MAX_PAUSE};
use crate::callback::VersionStatus;
use crate::text::Printable;

/// Downloads videos.
pub struct Downloader {
    api: Arc<ApiClient>,
    getter: FileGetter,
    hosts: AgreedHosts,
}

impl Downloader {
    /// Creates one that asks `api` for links, and follows them through the same proxies. If the API is
    /// on this machine, its links may lead to private networks too.
    pub fn new(api: Arc<ApiClient>) -> Self {
        let outbound = api.outbound().clone();
        let outbound = if api.address().is_loopback() { outbound } else { outbound.public_only() };
        Self { api, getter: FileGetter::new(outbound), hosts: AgreedHosts::default() }
    }

    /// Returns the client of the API.
    pub fn api(&self) -> &ApiClient {
        &self.api
    }

    /// Allows downloads from a host.
    pub fn agree(&mut self, host: &Printable) {
        self.hosts.add(host);
    }

    /// Allows downloads from every host.
    pub const fn agree_to_all(&mut self) {
        self.hosts.add_all();
    }

    /// Returns the link in an answer to *Get Version*.
    pub fn link_in(&self, id: &str, answer: &VersionAnswer) -> Result<FileLink, DownloadError> {
        let version = Printable::new(id).cut(80);
        let api = self.api.address().host();
        match &answer.status {
            Some(ReadStatus::Known(status)) if *status != VersionStatus::Completed => {
                let status = Printable::new(status.name());
                return Err(DownloadError::NotGenerated { version, status });
            }
            Some(ReadStatus::Unknown(status)) if answer.result_url.is_none() => {
                let status = Printable::new(status).cut(40);
                return Err(DownloadError::NotGenerated { version, status });
            }
            _ => {}
        }
        let Some(link) = &answer.result_url else {
            return Err(DownloadError::NoLink { api, version });
        };
        FileLink::new(link.reveal(), self.api.address()).map_err(|why| DownloadError::Link {
            api,
            version,
            why,
        })
    }

    /// Downloads a version. `link` is from a fresh answer of the API; the API is asked for another one
    /// if the host refuses it. Returns [`DownloadError::NewHost`] before anything is asked of a host
    /// that the user has not agreed to.
    ///
    /// May be dropped at any time: what has arrived is kept, and the next download goes on from it.
    pub async fn run(
        &self,
        job: &DownloadJob,
        mut link: FileLink,
        progress: &Arc<DownloadProgress>,
    ) -> Result<FinishedDownload, DownloadError> {
        self.hosts.check(&link)?;
        let mut part = PartFile::open(&job.directory, &job.stem, &job.version_id)?;
        progress.begin(part.have(), None);
        let attempt = Attempt { getter: &self.getter, hosts: &self.hosts, job };
        let mut best = part.have();
        let (mut fruitless, mut has_progressed, mut is_fresh) = (0, false, false);
        loop {
            let result = attempt.run(&link, &mut part, progress).await;
            let have = part.have();
            if have > best {
                (best, fruitless, has_progressed, is_fresh) = (have, 0, true, false);
            }
            let (why, pause) = match result {
                Ok(finish) if finish.was_there => return Ok(finish),
                Ok(finish) => {
                    part.finish(&finish.path, job.existing == ExistingFile::Replace)?;
                    return Ok(finish);
                }
                Err(AttemptError::Expired(_)) if !is_fresh => {
                    is_fresh = true;
                    link = self.fresh(&job.version_id).await?;
                    continue;
                }
                Err(AttemptError::Expired(status)) => {
                    let (host, version) = (link.host(), job.version());
                    return Err(DownloadError::Expired { host, version, status });
                }
                Err(AttemptError::Failed(DownloadError::Unreachable { why })) if has_progressed => {
                    (why, None)
                }
                Err(AttemptError::Failed(error)) => return Err(error),
                Err(AttemptError::Again { why, pause }) => (why, pause),
            };
            fruitless += 1;
            if fruitless >= MAX_FRUITLESS {
                let (host, version) = (link.host(), job.version());
                return Err(DownloadError::Cut { host, version, times: fruitless, have, why });
            }
            let usual = FIRST_PAUSE * 2_u32.saturating_pow(fruitless - 1);
            sleep(pause.unwrap_or(usual).clamp(usual, MAX_PAUSE)).await;
        }
    }

    /// Asks the API for a link.
    async fn fresh(&self, version_id: &str) -> Result<FileLink, DownloadError> {
        let answer = self.api.get_version(version_id).await?;
        let link = self.link_in(version_id, &answer)?;
        self.hosts.check(&link)?;
        Ok(link)
    }
}
