//! Converts a relay's messages to the journal's types. Times in the future are cut to now.

use jiff::Timestamp;

use super::super::protocol::{self, DeliveryFrame};
use crate::callback::{BodySample, Gap, Received, Refusal, RefusalKind, Source};

/// Returns a delivery as a received request, as every source does.
pub(super) fn request(delivery: DeliveryFrame) -> Received {
    let path = delivery.path();
    Received {
        received_at: delivery.received_at.min(Timestamp::now()),
        source: Source::Relay,
        peer: delivery.peer,
        method: delivery.method,
        path,
        headers: delivery.headers,
        body: delivery.body,
    }
}

/// Returns a gap as stored in the journal.
pub(super) fn gap(gap: &protocol::GapFrame, inbox: &str) -> Gap {
    let now = Timestamp::now();
    Gap {
        at: gap.at.map_or(now, |at| at.min(now)),
        inbox: inbox.to_owned(),
        epoch: gap.epoch.0,
        from: gap.from,
        to: gap.to,
        count: gap.count,
        reason: gap.reason.name().to_owned(),
    }
}

/// Returns the refusal of a delivery over our own limit, which may be lower than the relay's.
pub(super) fn too_large(request: Received, max_body: usize) -> Refusal {
    Refusal {
        at: request.received_at,
        kind: RefusalKind::TooLarge,
        // The relay has answered.
        status: 200,
        why: format!(
            "body of {} bytes, limit {max_body} (--max-body); the relay took it",
            request.body.len()
        ),
        count: 1,
        method: request.method,
        path: request.path,
        peer: request.peer,
        headers: request.headers,
        body: BodySample::of(&request.body),
    }
}
