//! Answers the dashboard's requests from the journal.

use super::backend::{Backend, Halt, ROWS};
use super::browser;
use super::rows::merged;
use crate::api::{file_stem, file_stems};
use crate::callback::{Headers, SIGNATURE_HEADER, Verdict};
use crate::journal::JournalError;
use crate::signature::{StepResult, TrustedKeys, steps};
use crate::tui::effect::{Request, StudioUse};
use crate::tui::event::BackendEvent;
use crate::tui::model::detail::{Detail, StepView};
use crate::tui::model::download::DownloadTarget;
use crate::tui::model::row::Row;
use crate::tui::model::target::Target;

impl Backend {
    /// Answers a request. A read error is sent to the dashboard and does not end the backend,
    /// because the next request may succeed.
    pub(super) fn answer(&mut self, request: Request) -> Result<(), Halt> {
        match self.answer_request(&request) {
            Err(Halt::Journal(error)) => {
                self.send(BackendEvent::Unanswered(request, error.to_string()))
            }
            answered => answered,
        }
    }

    fn answer_request(&mut self, request: &Request) -> Result<(), Halt> {
        match request {
            &Request::Detail(target) => {
                let detail = self.detail(target)?.map(Box::new);
                self.send(BackendEvent::Detail(target, detail))
            }
            Request::Rows(search) => self.start_search((**search).clone()),
            Request::EndSearch => {
                self.end_search();
                Ok(())
            }
            Request::OfAsset(asset_id) => {
                self.open_asset = Some(asset_id.clone());
                self.send_rows_of_asset(asset_id.clone())
            }
            Request::Studio { version_id, .. } => {
                self.studio.submit(request.clone(), version_id.clone());
                Ok(())
            }
            Request::DownloadDirectory(target) => match self.downloads.directory() {
                Ok(directory) => {
                    self.send(BackendEvent::DownloadDirectory(target.clone(), directory))
                }
                Err(why) => self.send(BackendEvent::Unanswered(request.clone(), why)),
            },
            Request::Download(order) => {
                let stem = self.file_stem_of(&order.target)?;
                match self.downloads.begin(order.clone(), stem) {
                    Ok(()) => Ok(()),
                    Err(why) => self.send(BackendEvent::Unanswered(request.clone(), why)),
                }
            }
            Request::StopDownload { version_id } => {
                self.downloads.stop(version_id.clone());
                Ok(())
            }
            Request::Name { .. } | Request::Expect { .. } | Request::Acknowledge { .. } => {
                self.writes.submit(request.clone());
                Ok(())
            }
        }
    }

    /// Returns the name of the file of a version: by the asset's name and the locale, as
    /// `dubwatch download` does.
    fn file_stem_of(&self, target: &DownloadTarget) -> Result<String, Halt> {
        let DownloadTarget { asset_id, version_id } = target;
        let Some((row, notes)) = self.reader().asset(asset_id)? else {
            return Ok(file_stem(asset_id, None, Some(version_id)));
        };
        let name = notes.shown_name().unwrap_or(asset_id);
        let versions: Vec<_> = row
            .versions
            .iter()
            .map(|row| (row.version_id.clone(), row.version.locale().map(str::to_owned)))
            .collect();
        let mut stems = versions.iter().zip(file_stems(name, &versions));
        let stem = stems.find(|((id, _), _)| id == version_id).map(|(_, stem)| stem);
        Ok(stem.unwrap_or_else(|| file_stem(name, None, Some(version_id))))
    }

    /// Sends where a version is edited; then opens it if that was requested.
    pub(super) fn go_to_studio(
        &mut self,
        request: Request,
        url: Result<String, String>,
    ) -> Result<(), Halt> {
        let Request::Studio { then, .. } = request else { return Ok(()) };
        let url = match url {
            Ok(url) => url,
            Err(why) => return self.send(BackendEvent::Unanswered(request, why)),
        };
        // The user sees first where it leads.
        self.send(BackendEvent::Studio(then, url.clone()))?;
        if then == StudioUse::Open
            && let Err(why) = browser::open(&url)
        {
            self.send(BackendEvent::Unanswered(request, why))?;
        }
        Ok(())
    }

    /// Sends the rows of an asset, up to the last delivery that was sent; newer ones follow as
    /// news.
    pub(super) fn send_rows_of_asset(&mut self, asset_id: String) -> Result<(), Halt> {
        let page = self.reader().summaries_of(&asset_id, self.seen().head + 1, ROWS)?;
        if page.is_empty() && !self.reader().has_asset(&asset_id)? {
            self.send_gone(&asset_id)?;
        }
        let deliveries = page.into_iter().rev().map(Row::delivery).collect();
        let claims = self.refusals.values().filter(|row| row.is_of(&asset_id)).cloned();
        let rows = merged(deliveries, claims.collect());
        self.send_marks_of(&rows)?;
        self.send(BackendEvent::OfAsset(asset_id, rows))
    }

    /// Returns a page of rows before the delivery `seq`, newest first: deliveries and the refusals
    /// between them. A page with the journal's first delivery includes all earlier refusals.
    pub(super) fn rows_before(&self, seq: u64) -> Result<Vec<Row>, Halt> {
        // Newer deliveries follow as news.
        let seq = seq.min(self.seen().head + 1);
        let deliveries = self.reader().summaries_before(seq, ROWS)?;
        let is_end = match deliveries.last() {
            Some(last) => self.reader().summaries_before(last.seq, 1)?.is_empty(),
            // Earlier refusals were sent with the first delivery, unless there is no delivery at
            // all.
            None if seq > self.seen().head => true,
            None => return Ok(Vec::new()),
        };
        let from = deliveries.last().map(|last| last.received_at).filter(|_| !is_end);
        // Up to the first row that was sent before.
        let to =
            self.reader().summaries_after(seq.saturating_sub(1), 1)?.first().map(|d| d.received_at);
        let refusals = self
            .refusals
            .values()
            .filter(|row| from.is_none_or(|from| row.at() >= from))
            .filter(|row| seq > self.seen().head || to.is_none_or(|to| row.at() < to))
            .cloned()
            .collect();
        let deliveries = deliveries.into_iter().rev().map(Row::delivery).collect();
        let mut rows = merged(deliveries, refusals);
        rows.reverse();
        Ok(rows)
    }

    /// Returns a delivery or refusal in full, verified again with the keys of this run; `None` if
    /// the journal does not hold it.
    fn detail(&self, target: Target) -> Result<Option<Detail>, JournalError> {
        Ok(match target {
            Target::Delivery(seq) => {
                let Some(delivery) = self.reader().delivery(seq)? else { return Ok(None) };
                let request = &delivery.request;
                let (headers, body) = (request.headers.clone(), request.body.clone());
                // An answer of the API has no signature to check.
                let (verdict, steps) = if delivery.verdict == Verdict::Api {
                    (Verdict::Api, Vec::new())
                } else {
                    check(&self.keys, &headers, &body)
                };
                Some(Detail {
                    request: format!("{} {}", request.method, request.path),
                    committed_at: Some(delivery.committed_at),
                    headers,
                    body,
                    truncated: false,
                    earlier: Vec::new(),
                    verdict,
                    steps,
                    forwards: self.reader().forwards_of(seq)?,
                    row: Row::delivery(delivery),
                })
            }
            Target::Refusal(id) => self.reader().refusal(id)?.map(|listed| {
                let earlier = listed.earlier.clone();
                let refusal = &listed.refusal;
                let (headers, body) = (refusal.headers.clone(), refusal.body.clone());
                let (verdict, steps) = check(&self.keys, &headers, &body.bytes);
                Detail {
                    request: format!("{} {}", refusal.method, refusal.path),
                    committed_at: None,
                    headers,
                    truncated: body.truncated,
                    earlier,
                    body: body.bytes,
                    verdict,
                    steps,
                    forwards: Vec::new(),
                    row: Row::refusal(listed),
                }
            }),
        })
    }
}

fn check(keys: &TrustedKeys, headers: &Headers, body: &[u8]) -> (Verdict, Vec<StepView>) {
    let signatures: Vec<&str> = headers.all(SIGNATURE_HEADER).collect();
    let steps = steps(keys, &signatures, body).into_iter().map(|step| StepView {
        name: step.name,
        passed: match step.result {
            StepResult::Passed => Some(true),
            StepResult::Failed => Some(false),
            StepResult::Skipped => None,
        },
        note: step.note,
    });
    (keys.check(&signatures, body), steps.collect())
}
