//! One attempt: a request, the redirects that it follows, and what it brings.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::timeout;

use super::super::retry_after::retry_after;
use super::error::{DownloadError, shown};
use super::fetch::{FetchError, FileGetter};
use super::head::{FileHead, HeadFault, RangeStart, is_markup};
use super::hosts::AgreedHosts;
use super::job::{DownloadJob, ExistingFile, FinishedDownload};
use super::link::FileLink;
use super::part_file::PartFile;
use super::progress::DownloadProgress;
use super::space;
use super::writer::{FileWriter, WriteFailure};
use super::{HEAD_LIMIT, STALL_LIMIT};
use crate::outbound::ExchangeFailure;
use crate::text::Printable;

/// Maximum number of redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// Why an attempt did not bring the file.
pub(super) enum AttemptError {
    /// The link is refused.
    Expired(StatusCode),
    /// A later attempt may bring more.
    Again {
        why: String,
        pause: Option<Duration>,
    },
    Failed(DownloadError),
}

impl<E: Into<DownloadError>> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One attempt at a download.
pub(super) struct Attempt<'a> {
    pub(super) getter: &'a FileGetter,
    pub(super) hosts: &'a AgreedHosts,
    pub(super) job: &'a DownloadJob,
}

impl Attempt<'_> {
    /// Sends one request and writes what it brings.
    pub(super) async fn run(
        &self,
        link: &FileLink,
        part: &mut PartFile,
        progress: &Arc<DownloadProgress>,
    ) -> Result<FinishedDownload, AttemptError> {
        let (job, resume) = (self.job, part.resume());
        let again = |why: &str| AttemptError::Again { why: why.to_owned(), pause: None };
        let silent = || again("it did not answer within 30 s");
        let (link, response) = timeout(HEAD_LIMIT, self.follow(link, resume.as_ref()))
            .await
            .unwrap_or_else(|_| Err(silent()))?;
        let (host, version) = (link.host(), job.version());
        let (head, body) = response.into_parts();
        match head.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            // Hosts of signed links do not agree on what an expired one is.
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED | StatusCode::GONE => {
                return Err(AttemptError::Expired(head.status));
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                part.restart()?;
                return Err(again("it does not have the rest"));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let why = format!("it answers with {}", status.as_u16());
                return Err(AttemptError::Again {
                    why,
                    pause: retry_after(&head.headers, Timestamp::now()),
                });
            }
            status => return Err(DownloadError::Refused { host, version, status }.into()),
        }
        let read = FileHead::read(head.status, &head.headers, resume.as_ref());
        let file = match read {
            Ok(file) => file,
            Err(HeadFault::Html) => return Err(DownloadError::Markup { host, version }.into()),
            Err(HeadFault::Empty) => return Err(DownloadError::Empty { host, version }.into()),
            Err(HeadFault::Encoded(name)) => {
                let encoding = Printable::new(&name).cut(40);
                return Err(DownloadError::Encoded { host, version, encoding }.into());
            }
            Err(HeadFault::OtherPart) => {
                part.restart()?;
                return Err(again("it sent another part than what was asked for"));
            }
        };
        let path = job.directory.join(format!("{}.{}", job.stem, file.extension));
        if let Some(there) = existing(job, &path, file.total)? {
            return Ok(there);
        }
        let origin = file.etag.as_deref().zip(file.total);
        let writable = part.begin(file.from, origin)?;
        let room = space::room(part.file()).map_err(|cause| DownloadError::disk(&path, cause))?;
        let full = || DownloadError::Full { path: shown(&job.directory), version: version.clone() };
        if file.total.is_some_and(|total| total - file.from > room) {
            return Err(full().into());
        }
        progress.begin(file.from, file.total);
        let writer = FileWriter::start(writable, file.from, Arc::clone(progress));
        let received = receive(body, &writer, &file).await;
        let written = writer.finish().await;
        part.measure()?;
        match written {
            Ok(_) => {}
            Err(WriteFailure::Full) => return Err(full().into()),
            Err(WriteFailure::Disk(cause)) if cause.kind() == io::ErrorKind::StorageFull => {
                return Err(full().into());
            }
            Err(WriteFailure::Disk(cause)) => return Err(DownloadError::disk(&path, cause).into()),
        }
        let have = part.have();
        match received {
            BodyEnd::End => {}
            BodyEnd::Markup => {
                part.restart()?;
                return Err(DownloadError::Markup { host, version }.into());
            }
            BodyEnd::Cut(why) => return Err(AttemptError::Again { why, pause: None }),
        }
        match file.total {
            _ if have == 0 => Err(DownloadError::Empty { host, version }.into()),
            Some(total) if have < total && origin.is_some() => Err(AttemptError::Again {
                why: format!("it ended at {have} of {total} bytes"),
                pause: None,
            }),
            Some(total) if have != total => {
                part.restart()?;
                Err(DownloadError::WrongLength { host, version, have, total }.into())
            }
            _ => Ok(FinishedDownload { path, bytes: have, was_there: false }),
        }
    }

    /// Sends a request and follows redirects. Returns where they ended.
    async fn follow(
        &self,
        link: &FileLink,
        resume: Option<&RangeStart>,
    ) -> Result<(FileLink, Response<Incoming>), AttemptError> {
        let mut link = link.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.getter.get(&link, resume).await {
                Ok(response) => response,
                Err(error) => return Err(not_got(&error, &link)),
            };
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((link, response));
            }
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            let location = String::from_utf8_lossy(location.unwrap_or_default());
            let host = link.host();
            link = link.redirect(&location).map_err(|why| {
                let version = self.job.version();
                DownloadError::Redirect { host, version, why }
            })?;
            self.hosts.check(&link)?;
        }
        Err(DownloadError::Circle { host: link.host(), version: self.job.version() }.into())
    }
}

/// How a body ended.
enum BodyEnd {
    End,
    /// It is no video.
    Markup,
    Cut(String),
}

/// Hands a body to the writer, piece by piece.
async fn receive(mut body: Incoming, writer: &FileWriter, file: &FileHead) -> BodyEnd {
    let mut is_first = file.from == 0;
    loop {
        let frame = match timeout(STALL_LIMIT, body.frame()).await {
            Err(_) => {
                return BodyEnd::Cut(format!("nothing came for {} s", STALL_LIMIT.as_secs()));
            }
            Ok(None) => return BodyEnd::End,
            Ok(Some(Err(error))) => return BodyEnd::Cut(reason(&error)),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers mean nothing here.
        let Ok(piece) = frame.into_data() else { continue };
        if std::mem::take(&mut is_first) && is_markup(&piece) {
            return BodyEnd::Markup;
        }
        if !writer.send(piece).await {
            // The writer has the reason.
            return BodyEnd::End;
        }
    }
}

/// Returns the file that is in the way of a finished one, if that is as good.
fn existing(
    job: &DownloadJob,
    path: &Path,
    total: Option<u64>,
) -> Result<Option<FinishedDownload>, DownloadError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(None) };
    match job.existing {
        ExistingFile::Replace if found.is_file() => Ok(None),
        ExistingFile::KeepIfSame if found.is_file() && total == Some(found.len()) => {
            let path = path.to_owned();
            Ok(Some(FinishedDownload { path, bytes: found.len(), was_there: true }))
        }
        _ => Err(DownloadError::exists(path)),
    }
}

fn not_got(error: &FetchError, link: &FileLink) -> AttemptError {
    match ExchangeFailure::of(error) {
        ExchangeFailure::Connect(error) => {
            DownloadError::Unreachable { why: error.to_string() }.into()
        }
        ExchangeFailure::SpeaksTls => {
            DownloadError::Unreachable { why: format!("{} speaks TLS", link.host()) }.into()
        }
        _ => AttemptError::Again { why: reason(error), pause: None },
    }
}

/// Returns why an exchange broke off.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    match ExchangeFailure::of(error) {
        ExchangeFailure::Other(why) => why.to_string(),
        _ => "it closed the connection early".to_owned(),
    }
}
