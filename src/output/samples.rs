//! Deliveries, refusals and states for the tests of this module; each as a moment in a made-up day.

use std::time::Duration;

use jiff::Timestamp;

use crate::callback::{
    BodySample, Callback, Delivery, DeliveryEffect, Encoding, Fingerprint, Headers, Outcome,
    Provenance, Received, Refusal, RefusalKind, Source, State, Subject, Verdict,
};
use crate::forward::{ForwardAnswer, ForwardAttempt};
use crate::timeline::{Asset, AssetRow, Version, VersionRow, fold};

/// Seconds after nine in the evening.
pub(super) fn at(second: i64) -> Timestamp {
    let nine: Timestamp = "2026-11-23T21:00:00.123456Z".parse().unwrap();
    nine + jiff::SignedDuration::from_secs(second)
}

/// Returns the body of a callback about a version.
pub(super) fn body(event: &str) -> String {
    format!(
        r#"{{"event":"{event}","asset_id":"ast_9f3c81","version_id":"ver_03","version_locale":"es-ES"}}"#
    )
}

/// Returns a valid delivery of `body`, applied.
pub(super) fn delivery(body: &str) -> Delivery {
    Delivery {
        seq: 7,
        committed_at: at(1),
        request: Received {
            received_at: at(0),
            source: Source::Direct,
            peer: "127.0.0.1:50312".to_owned(),
            method: "POST".to_owned(),
            path: "/callback".to_owned(),
            headers: Headers::from_raw([("X-Signature", b"3045".as_slice())]),
            body: body.as_bytes().to_vec(),
        },
        verdict: Verdict::Valid { key: "panjaya".into(), encoding: Encoding::Der },
        callback: Callback::read(body.as_bytes()),
        outcome: Outcome::certain(DeliveryEffect::Applied),
    }
}

/// Returns an attempt that was answered.
pub(super) fn forward() -> ForwardAttempt {
    ForwardAttempt {
        seq: 7,
        target: "http://localhost:3000/".into(),
        attempt: 1,
        at: at(2),
        is_last: true,
        answer: ForwardAnswer {
            status: Some(200),
            took: Duration::from_micros(3142),
            ..ForwardAnswer::default()
        },
    }
}

/// Returns a refused forgery.
pub(super) fn refusal() -> Refusal {
    Refusal {
        at: at(0),
        kind: RefusalKind::Invalid,
        status: 401,
        why: "no trusted key made it (1 tried)".to_owned(),
        count: 1,
        method: "POST".to_owned(),
        path: "/callback".to_owned(),
        peer: "192.0.2.7:4711".to_owned(),
        headers: Headers::from_raw([("X-Signature", b"3045".as_slice())]),
        body: BodySample { bytes: b"{}".to_vec(), truncated: false },
    }
}

/// Returns the asset that these events lead to, in seconds; `None` is the failure of the asset.
pub(super) fn asset(events: &[(i64, &str, Option<State>)]) -> AssetRow {
    asset_of(events, Provenance::Verified)
}

/// Returns the same where nothing was verified.
pub(super) fn unchecked_asset(events: &[(i64, &str, Option<State>)]) -> AssetRow {
    asset_of(events, Provenance::Unchecked)
}

fn asset_of(events: &[(i64, &str, Option<State>)], provenance: Provenance) -> AssetRow {
    let asset_id = "ast_9f3c81";
    let mut asset: Option<Asset> = None;
    let mut versions: Vec<VersionRow> = Vec::new();
    for (copy, (second, version_id, state)) in (1..).zip(events) {
        let fingerprint = Fingerprint { signature: copy, copy };
        let Some(state) = *state else {
            let failed = Subject::AssetFailed { asset_id };
            fold(&failed, at(*second), fingerprint, provenance, &mut asset, &mut None);
            continue;
        };
        let subject = Subject::Version { asset_id, version_id, locale: Some("es-ES"), state };
        let place = versions.iter().position(|row| row.version_id == *version_id);
        let mut version: Option<Version> = place.map(|place| versions.remove(place).version);
        fold(&subject, at(*second), fingerprint, provenance, &mut asset, &mut version);
        let (version_id, version) = ((*version_id).to_owned(), version.unwrap());
        versions.push(VersionRow { version_id, version });
    }
    versions.sort_by(|a, b| a.version_id.cmp(&b.version_id));
    AssetRow { asset_id: asset_id.to_owned(), asset: asset.unwrap(), versions }
}
