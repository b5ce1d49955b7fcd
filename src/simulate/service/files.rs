//! The videos, behind signed links: whole or in ranges.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::faults::{Resuming, VideoFaults};
use super::link_signer::LinkFault;
use super::paced_body::PacedBody;
use super::replies::{PAGE, respond, with};
use super::shared::{Shared, file_path};
use super::video::Video;
use crate::callback::VersionStatus;

/// What the path of every video begins with.
pub(super) const FILES: &str = "/files/";
/// The type of a video.
const VIDEO: &str = "video/mp4";
/// The size of the pieces of a video.
const PIECE: usize = 64 << 10;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Whole,
    /// From the first byte to before the last.
    Part(u64, u64),
    /// A range that the file does not have.
    Beyond,
}

/// Answers a request. `number` differs for each.
pub(super) fn answer(shared: &Shared, parts: &Parts, number: u64) -> Response {
    let faults = shared.faults().video;
    if parts.method != Method::GET {
        return error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Use GET");
    }
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    match shared.links.check(path, query) {
        Ok(()) => {}
        Err(LinkFault::Forged) => {
            let message = "The request signature does not match";
            return error(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message);
        }
        Err(LinkFault::Expired) => {
            return error(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired");
        }
    }
    if let Some(status) = faults.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return error(status, "InternalError", "Try again");
    }
    if faults.html {
        return respond(StatusCode::OK, "text/html", Body::from(PAGE));
    }
    let Some(video) = video(path, shared) else {
        return error(StatusCode::NOT_FOUND, "NoSuchKey", "The video does not exist");
    };
    let video = match faults.resuming {
        Resuming::ChangedFile | Resuming::IgnoredCondition => Video::new(number, video.len()),
        Resuming::Ranges | Resuming::NoRanges => video,
    };
    send(video, &parts.headers, faults, shared)
}

/// Returns the video at a path. A version that was revised has none, and a new one has a new path.
fn video(path: &str, shared: &Shared) -> Option<Video> {
    let (id, _) = path.strip_prefix(FILES)?.rsplit_once('/')?;
    let id = percent_decode_str(id).decode_utf8().ok()?;
    let world = shared.world();
    let (_, version) = world.version(&id)?;
    let is_there = version.status == VersionStatus::Completed && file_path(version) == path;
    is_there.then(|| Video::of_version(&version.version_id, version.cycle, version.video_bytes))
}

/// Sends a video, or the part of it that the headers ask for.
fn send(video: Video, headers: &HeaderMap, faults: VideoFaults, shared: &Shared) -> Response {
    let asked = match faults.resuming {
        Resuming::NoRanges => Asked::Whole,
        Resuming::IgnoredCondition => asked(headers, video, false),
        Resuming::Ranges | Resuming::ChangedFile => asked(headers, video, true),
    };
    let (status, from, to) = match asked {
        Asked::Whole => (StatusCode::OK, 0, video.len()),
        Asked::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Asked::Beyond => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let response = error(status, "InvalidRange", "The range is not satisfiable");
            return with(response, CONTENT_RANGE, &format!("bytes */{}", video.len()));
        }
    };
    let body = Body::new(body(video, from, to, faults, shared));
    let response = respond(status, faults.content_type.unwrap_or(VIDEO), body);
    let response = with(response, ETAG, &video.etag());
    if faults.resuming == Resuming::NoRanges {
        return response;
    }
    let response = with(response, ACCEPT_RANGES, "bytes");
    if status == StatusCode::OK {
        return response;
    }
    let last = to.saturating_sub(1);
    with(response, CONTENT_RANGE, &format!("bytes {from}-{last}/{}", video.len()))
}

/// Reads `Range`, and `If-Range` if it counts. Serves one range; several are answered whole, as
/// RFC 9110, section 14.2, allows.
fn asked(headers: &HeaderMap, video: Video, conditional: bool) -> Asked {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if conditional && text(IF_RANGE).is_some_and(|condition| condition != video.etag()) {
        return Asked::Whole;
    }
    let Some((first, last)) =
        text(RANGE).and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return Asked::Whole;
    };
    let length = video.len();
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if first >= length => Asked::Beyond,
        (Ok(first), Err(_)) if last.is_empty() => Asked::Part(first, length),
        (Ok(first), Ok(last)) if first <= last => {
            Asked::Part(first, length.min(last.saturating_add(1)))
        }
        (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => {
            Asked::Part(length.saturating_sub(suffix), length)
        }
        (Err(_), Ok(0)) if first.is_empty() => Asked::Beyond,
        _ => Asked::Whole,
    }
}

/// Returns the body of these bytes, with the faults of bodies.
fn body(video: Video, from: u64, to: u64, faults: VideoFaults, shared: &Shared) -> PacedBody {
    let length = to.saturating_sub(from);
    let is_cut = faults.cut_after.is_some_and(|after| after < length);
    let end = if is_cut { from + faults.cut_after.unwrap_or_default() } else { to };
    let mut at = from;
    let pieces = move || {
        let count = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let piece = video.part(at, count);
        at += piece.len() as u64;
        (!piece.is_empty()).then(|| Bytes::from(piece))
    };
    let mut body = PacedBody::new(&shared.stop, pieces);
    if !faults.unannounced {
        body = body.announcing(length);
    }
    if let Some(rate) = faults.bytes_per_second {
        body = body.pausing(Duration::from_nanos(PIECE as u64 * 1_000_000_000 / rate.max(1)));
    }
    if is_cut { body.cut() } else { body }
}

/// Returns an error as stores of files have it.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>\n"
    );
    respond(status, "application/xml", Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    use http::HeaderValue;
    use rstest::rstest;

    #[rstest]
    #[case("", "", Asked::Whole)]
    #[case("bytes=0-", "", Asked::Part(0, 1000))]
    #[case("bytes=0-0", "", Asked::Part(0, 1))]
    #[case("bytes=10-19", "", Asked::Part(10, 20))]
    #[case("bytes=999-5000", "", Asked::Part(999, 1000))]
    #[case("bytes=-5", "", Asked::Part(995, 1000))]
    #[case("bytes=-5000", "", Asked::Part(0, 1000))]
    #[case("bytes=1000-", "", Asked::Beyond)]
    #[case("bytes=-0", "", Asked::Beyond)]
    #[case("bytes=9-3", "", Asked::Whole)]
    #[case("bytes=0-3,7-9", "", Asked::Whole)]
    #[case("lines=1-2", "", Asked::Whole)]
    #[case("bytes=10-", "\"other\"", Asked::Whole)]
    fn one_range_of_the_same_file_is_served(
        #[case] range: &'static str,
        #[case] condition: &'static str,
        #[case] wanted: Asked,
    ) {
        let video = Video::new(1, 1000);
        let mut headers = HeaderMap::new();
        for (name, value) in [(RANGE, range), (IF_RANGE, condition)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        assert_eq!(asked(&headers, video, true), wanted);
    }
}
