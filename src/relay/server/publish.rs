//! Owns `POST /in/{publish id}`: answers 200 when the request is on disk, not before.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use http::{Method, header};
use jiff::Timestamp;

use super::unverified_quota::QuotaPermit;
use super::{ServerShared, answer};
use crate::callback::{Headers, SIGNATURE_HEADER};
use crate::relay::protocol::PUBLISH_PREFIX;
use crate::relay::store::{Arrival, InboxId, LogError};
use crate::serve::{BodyError, Peer, read_body};

/// Time limit for the disk.
const PATIENCE: Duration = Duration::from_secs(6);

/// The start of the rates' clock.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) async fn post(shared: &ServerShared, request: Request) -> Response {
    let received_at = Timestamp::now();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(PUBLISH_PREFIX).unwrap_or_default();
    let (publish_id, tail) = match path.find('/') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let Some(inbox) = shared.log.by_publish_id(publish_id) else { return answer::not_found() };
    if parts.method != Method::POST {
        return answer::method_not_allowed("POST");
    }
    if !inbox.is_published_as(publish_id) {
        shared.metrics.by_old_url();
        if inbox.may_warn_of_old_url() {
            tracing::warn!(
                inbox = inbox.name,
                "a sender uses a publish URL that was replaced; `dubwatch relay inbox list` says until when it works"
            );
        }
    }
    let settings = &shared.settings;
    let announced = content_length(&parts);
    let read =
        read_body(body, announced, settings.max_body, settings.body_timeout, &shared.budget).await;
    let (body, _permit) = match read {
        Ok(read) => read,
        // Every rejection from here on is announced to the inbox's readers.
        Err(unread) => {
            shared.log.refused(inbox.id);
            return match unread {
                BodyError::TooLarge { .. } => answer::too_large(),
                BodyError::TooSlow { .. } => answer::too_slow(),
                BodyError::Broken { .. } => answer::broken(),
                BodyError::NoRoom => answer::unavailable(),
            };
        }
    };
    let raw = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let headers = Headers::from_raw(raw);
    let signatures: Vec<_> = headers.all(SIGNATURE_HEADER).collect();
    // Every post is verified, however many there were before, see `rate`. The work is bounded: more
    // than one header is invalid (`signature::header::parse`), and only the operator adds keys.
    let is_signed = shared.keys.check(&signatures, &body).is_valid();
    let first = if is_signed { shared.copies.first(inbox.id, &headers, &body) } else { None };
    // A copy counts as unverified.
    let verified = first.is_some();
    if !shared.rates.admits(inbox.id, verified, body.len(), START.elapsed()) {
        shared.log.refused(inbox.id);
        return answer::too_often();
    }
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let socket = parts.extensions.get::<Peer>().map_or(unknown, |peer| peer.0);
    let arrival = Arrival {
        received_at,
        verified,
        method: parts.method.to_string(),
        tail: tail.to_owned(),
        query: parts.uri.query().map(str::to_owned),
        peer: settings.proxies.client(socket, &parts.headers),
        headers,
        body,
    };
    let permit = if verified { None } else { shared.unverified.take(&arrival) };
    if permit.is_none() && !verified {
        tracing::debug!(
            inbox = inbox.name,
            "what does not count was answered 503: its part is full"
        );
        shared.log.refused(inbox.id);
        return answer::unavailable();
    }
    match tokio::time::timeout(PATIENCE, keep(shared, inbox.id, arrival, permit)).await {
        Ok(Ok(_)) => {
            if let Some(first) = first {
                first.keep();
            }
            shared.metrics.kept(verified);
            answer::kept()
        }
        Ok(Err(LogError::Full)) => {
            shared.metrics.full();
            answer::full()
        }
        Ok(Err(LogError::NoInbox)) => answer::not_found(),
        // It may be on disk nevertheless: then it is delivered, and again if the sender repeats it.
        Ok(Err(error)) => {
            tracing::warn!(inbox = inbox.name, %error, "a delivery was answered 503");
            shared.log.refused(inbox.id);
            answer::unavailable()
        }
        Err(_) => {
            tracing::warn!(inbox = inbox.name, "a delivery was answered 503: the disk is late");
            shared.log.refused(inbox.id);
            answer::unavailable()
        }
    }
}

/// Appends an arrival to the log and holds its permit until that is done, even if the sender
/// disconnects, because the arrival stays in the queue.
async fn keep(
    shared: &ServerShared,
    inbox: InboxId,
    arrival: Arrival,
    permit: Option<QuotaPermit>,
) -> Result<u64, LogError> {
    let Some(permit) = permit else { return shared.log.append(inbox, arrival).await };
    let log = Arc::clone(&shared.log);
    // Bounded: each of these tasks has a permit.
    let kept = tokio::spawn(async move {
        let kept = log.append(inbox, arrival).await;
        drop(permit);
        kept
    });
    kept.await.unwrap_or_else(|error| Err(LogError::Read(error.to_string().into())))
}

fn content_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
