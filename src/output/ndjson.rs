//! The lines of NDJSON: one object each, `"v":1` in front, fields in a fixed order.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::callback::{Ambiguity, Callback, Delivery, Headers, NotedGap, RefusalEntry, Verdict};
use crate::forward::ForwardAttempt;
use crate::status::{Counts, Link, LinkState};
use crate::timeline::{AssetExpectation, AssetRow, Span, VersionRow};

/// The socket accepts: the first line.
#[derive(Debug, Serialize)]
pub struct Ready {
    v: u8,
    r#type: &'static str,
    /// The first bound address; `null` if there is no listener.
    listen: Option<String>,
    /// The other bound addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_listen: Vec<String>,
    /// `null` if only the relay knows it: then the `link` records have it.
    callback_url: Option<String>,
    journal: String,
    /// Whether another process receives, and this one only follows its journal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
}

impl Ready {
    /// Creates the record. `bound` are the bound addresses, `journal` is the file or `memory`.
    pub fn new(bound: &[SocketAddr], callback_url: Option<String>, journal: String) -> Self {
        let mut addresses = bound.iter().map(ToString::to_string);
        Self {
            v: 1,
            r#type: "ready",
            listen: addresses.next(),
            also_listen: addresses.collect(),
            callback_url,
            journal,
            read_only: false,
        }
    }

    /// Returns the record of a run that follows a journal which another process writes.
    pub fn read_only(journal: String) -> Self {
        Self { read_only: true, ..Self::new(&[], None, journal) }
    }
}

/// A delivery that is on disk.
#[derive(Debug, Serialize)]
pub struct DeliveryRecord<'a> {
    v: u8,
    r#type: &'static str,
    seq: u64,
    #[serde(serialize_with = "microseconds")]
    received_at: Timestamp,
    #[serde(serialize_with = "microseconds")]
    committed_at: Timestamp,
    source: &'static str,
    peer: &'a str,
    verdict: &'static str,
    verdict_detail: Option<VerdictDetail<'a>>,
    event: Option<&'a str>,
    asset_id: Option<&'a str>,
    /// The local name that the user gave the asset, else its name in the API; never from a request.
    asset_name: Option<&'a str>,
    version_id: Option<&'a str>,
    version_locale: Option<&'a str>,
    unreadable: Option<&'a str>,
    effect: &'static str,
    uncertain: Option<&'static str>,
    method: &'a str,
    path: &'a str,
    #[serde(serialize_with = "pairs")]
    headers: &'a Headers,
    /// Indices of the values that are not UTF-8: each of their characters is one byte.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers_latin1: Vec<usize>,
    #[serde(serialize_with = "base64")]
    body_b64: &'a [u8],
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum VerdictDetail<'a> {
    Valid { encoding: &'static str, key: &'a str },
    Why { why: &'a str },
}

impl<'a> DeliveryRecord<'a> {
    /// Creates the record of a delivery, with the local name of its asset, if it has one.
    pub fn new(delivery: &'a Delivery, asset_name: Option<&'a str>) -> Self {
        let Delivery { request, callback, .. } = delivery;
        let verdict_detail = match &delivery.verdict {
            Verdict::Valid { key, encoding } => {
                Some(VerdictDetail::Valid { encoding: encoding.name(), key })
            }
            other => other.why().map(|why| VerdictDetail::Why { why }),
        };
        Self {
            v: 1,
            r#type: "delivery",
            seq: delivery.seq,
            received_at: request.received_at,
            committed_at: delivery.committed_at,
            source: request.source.name(),
            peer: &request.peer,
            verdict: delivery.verdict.name(),
            verdict_detail,
            event: callback.event.as_deref(),
            asset_id: callback.asset_id.as_deref(),
            asset_name,
            version_id: callback.version_id.as_deref(),
            version_locale: callback.version_locale.as_deref(),
            unreadable: callback.unreadable.as_deref(),
            effect: delivery.outcome.effect.name(),
            uncertain: delivery.outcome.uncertain.map(Ambiguity::sentence),
            method: &request.method,
            path: &request.path,
            headers: &request.headers,
            headers_latin1: request.headers.latin1(),
            body_b64: &request.body,
        }
    }
}

/// Refused requests of one kind from one peer. A later line with the same `id` replaces it: `count`
/// is the number so far.
#[derive(Debug, Serialize)]
pub struct RefusalRecord<'a> {
    v: u8,
    r#type: &'static str,
    id: u64,
    #[serde(serialize_with = "microseconds")]
    at: Timestamp,
    status: u16,
    kind: &'static str,
    why: &'a str,
    verdict: Option<&'static str>,
    count: u64,
    method: &'a str,
    path: &'a str,
    peer: &'a str,
    #[serde(serialize_with = "pairs")]
    headers: &'a Headers,
    /// Indices of the values that are not UTF-8: each of their characters is one byte.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers_latin1: Vec<usize>,
    #[serde(serialize_with = "base64")]
    body_b64: &'a [u8],
    body_truncated: bool,
    /// `null` if the body names nothing.
    claims: Option<Claims<'a>>,
    /// The bodies before that, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<Vec<EarlierRecord<'a>>>,
}

/// A body that was refused before the last one of its entry.
#[derive(Debug, Serialize)]
struct EarlierRecord<'a> {
    #[serde(serialize_with = "microseconds")]
    at: Timestamp,
    peer: &'a str,
    #[serde(serialize_with = "base64")]
    body_b64: &'a [u8],
    body_truncated: bool,
    claims: Option<Claims<'a>>,
}

/// What a refused body claims to be about. Not verified.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    event: Option<String>,
    asset_id: Option<String>,
    /// The local name that the user gave the asset; never from a request.
    asset_name: Option<&'a str>,
    version_id: Option<String>,
    version_locale: Option<String>,
}

impl<'a> Claims<'a> {
    fn of(claim: Callback, asset_name: Option<&'a str>) -> Option<Self> {
        (!claim.is_blank()).then_some(Self {
            event: claim.event,
            asset_id: claim.asset_id,
            asset_name,
            version_id: claim.version_id,
            version_locale: claim.version_locale,
        })
    }
}

impl<'a> RefusalRecord<'a> {
    /// Creates the record of an entry in the log of refusals, with the local name of the asset that
    /// its body claims.
    pub fn new(
        RefusalEntry { id, refusal, .. }: &'a RefusalEntry,
        asset_name: Option<&'a str>,
    ) -> Self {
        Self {
            v: 1,
            r#type: "refusal",
            id: *id,
            at: refusal.at,
            status: refusal.status,
            kind: refusal.kind.name(),
            why: &refusal.why,
            verdict: refusal.kind.verdict(),
            count: refusal.count,
            method: &refusal.method,
            path: &refusal.path,
            peer: &refusal.peer,
            headers: &refusal.headers,
            headers_latin1: refusal.headers.latin1(),
            body_b64: &refusal.body.bytes,
            body_truncated: refusal.body.truncated,
            claims: Claims::of(Callback::claimed(&refusal.body.bytes), asset_name),
            earlier: None,
        }
    }

    /// Adds the entry's bodies before the last one.
    #[must_use]
    pub fn with_bodies(mut self, listed: &'a RefusalEntry) -> Self {
        let last = self.claims.as_ref();
        let asset_id = last.and_then(|claims| claims.asset_id.clone());
        let asset_name = last.and_then(|claims| claims.asset_name);
        let earlier = listed.earlier.iter().map(|earlier| EarlierRecord {
            at: earlier.at,
            peer: &earlier.peer,
            body_b64: &earlier.body.bytes,
            body_truncated: earlier.body.truncated,
            claims: Claims::of(
                earlier.claim.clone(),
                asset_name.filter(|_| earlier.claim.asset_id == asset_id),
            ),
        });
        self.earlier = Some(earlier.collect());
        self
    }
}

/// A warning for a person.
#[derive(Debug, Serialize)]
pub struct WarningRecord<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(serialize_with = "microseconds")]
    at: Timestamp,
    message: &'a str,
}

impl<'a> WarningRecord<'a> {
    /// Creates a warning of the moment `at`.
    pub const fn new(at: Timestamp, message: &'a str) -> Self {
        Self { v: 1, r#type: "warning", at, message }
    }
}

/// The state of the link to a relay, whenever it changes.
#[derive(Debug, Serialize)]
pub struct LinkRecord<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(serialize_with = "microseconds")]
    at: Timestamp,
    relay: &'a str,
    /// `dialling`, `up`, `retrying`, `refused` or `superseded`.
    state: &'static str,
    /// What the sender must call; `null` before the relay has sent it.
    callback_url: Option<&'a str>,
    /// The relay's current epoch.
    epoch: Option<&'a str>,
    /// While it is up: deliveries at the relay that are not on our disk yet.
    behind: Option<u64>,
    /// While it is up: the last round trip.
    rtt_ms: Option<f64>,
    /// While it waits: when it connects again.
    #[serde(serialize_with = "optional_microseconds")]
    retry_at: Option<Timestamp>,
    /// What is wrong.
    why: Option<&'a str>,
}

impl<'a> LinkRecord<'a> {
    /// Creates the record of a link at the moment `at`.
    pub fn new(at: Timestamp, link: &'a Link) -> Self {
        let mut record = Self {
            v: 1,
            r#type: "link",
            at,
            relay: &link.relay,
            state: link.state.name(),
            callback_url: link.callback_url.as_deref(),
            epoch: link.epoch.as_deref(),
            behind: None,
            rtt_ms: None,
            retry_at: None,
            why: None,
        };
        match &link.state {
            LinkState::Dialling { .. } | LinkState::Superseded => {}
            LinkState::Up { rtt, behind, .. } => {
                record.behind = Some(*behind);
                record.rtt_ms = rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3);
            }
            LinkState::Retrying { at, why, .. } => {
                record.retry_at = Some(*at);
                record.why = Some(why);
            }
            LinkState::Refused { why, .. } => record.why = Some(why),
        }
        record
    }
}

/// Deliveries that a relay took and will never pass on.
#[derive(Debug, Serialize)]
pub struct GapRecord<'a> {
    v: u8,
    r#type: &'static str,
    id: u64,
    #[serde(serialize_with = "microseconds")]
    at: Timestamp,
    /// What the sender called.
    callback_url: &'a str,
    epoch: String,
    from: u64,
    to: u64,
    /// How many requests that was.
    count: u64,
    /// The reason, a word of the relay protocol.
    reason: &'a str,
    why: &'static str,
}

impl<'a> GapRecord<'a> {
    /// Creates the record of a gap.
    pub fn new(NotedGap { id, gap }: &'a NotedGap) -> Self {
        Self {
            v: 1,
            r#type: "gap",
            id: *id,
            at: gap.at,
            callback_url: &gap.inbox,
            epoch: format!("{:016x}", gap.epoch),
            from: gap.from,
            to: gap.to,
            count: gap.count,
            reason: &gap.reason,
            why: gap.why(),
        }
    }
}

/// An attempt to forward a delivery that has ended.
#[derive(Debug, Serialize)]
pub struct ForwardRecord<'a> {
    v: u8,
    r#type: &'static str,
    seq: u64,
    target: &'a str,
    attempt: u32,
    /// `null` without an answer.
    status: Option<u16>,
    /// From the beginning of the attempt to its end.
    ms: f64,
    /// What went wrong; `null` for a complete answer, whatever its status.
    error: Option<&'a str>,
}

impl<'a> ForwardRecord<'a> {
    /// Creates the record of an attempt.
    pub fn new(attempt: &'a ForwardAttempt) -> Self {
        let ForwardAttempt { seq, target, attempt, answer, .. } = attempt;
        Self {
            v: 1,
            r#type: "forward",
            seq: *seq,
            target,
            attempt: *attempt,
            status: answer.status,
            ms: (answer.took.as_secs_f64() * 1e4).round() / 10.0,
            error: answer.error.as_deref(),
        }
    }
}

/// The counts of the requests since the start: the last line.
#[derive(Debug, Serialize)]
pub struct Summary {
    v: u8,
    r#type: &'static str,
    accepted: u64,
    valid: u64,
    unchecked: u64,
    refused: u64,
    unavailable: u64,
    unlisted: u64,
}

impl Summary {
    /// Creates the summary of these counts.
    pub fn new(counts: &Counts) -> Self {
        Self {
            v: 1,
            r#type: "summary",
            accepted: counts.accepted(),
            valid: counts.valid,
            unchecked: counts.unchecked,
            refused: counts.refusals(),
            unavailable: counts.unavailable,
            unlisted: counts.unlisted,
        }
    }
}

/// The folded state of an asset, for `status --json`.
#[derive(Debug, Serialize)]
pub struct AssetRecord<'a> {
    v: u8,
    r#type: &'static str,
    asset_id: &'a str,
    asset_name: Option<&'a str>,
    /// `failed` if the asset as a whole or one of its versions failed, otherwise `ok`.
    state: &'static str,
    /// When the asset as a whole failed.
    #[serde(serialize_with = "optional_microseconds")]
    failed_at: Option<Timestamp>,
    /// Whether that failure is from an unchecked delivery.
    failed_unchecked: bool,
    #[serde(serialize_with = "microseconds")]
    last_at: Timestamp,
    /// The number of versions in each state; states without versions are left out.
    versions: std::collections::BTreeMap<&'static str, usize>,
    /// Left out if nothing is known of what is expected of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ExpectedRecord<'a>>,
}

/// What is expected of an asset, and how much of that is done.
#[derive(Debug, Serialize)]
struct ExpectedRecord<'a> {
    /// The expectation as it was written.
    versions: String,
    /// `by_hand`, `api` or `setting`.
    from: &'static str,
    /// How many versions that is.
    count: usize,
    /// How many of them are done.
    done: usize,
    complete: bool,
    /// How many of them nothing was received of.
    waiting: usize,
    /// The locales of those, if locales are expected.
    missing: &'a [String],
    /// How many versions there are beyond the expected ones.
    unexpected: usize,
}

impl<'a> AssetRecord<'a> {
    /// Adds what is expected of the asset.
    #[must_use]
    pub fn expecting(mut self, expected: Option<&'a AssetExpectation>) -> Self {
        self.expected =
            expected.map(|AssetExpectation { expectation, source, progress }| ExpectedRecord {
                versions: expectation.to_string(),
                from: source.name(),
                count: progress.expected,
                done: progress.done,
                complete: progress.is_complete(),
                waiting: progress.waiting,
                missing: &progress.missing,
                unexpected: progress.unexpected,
            });
        self
    }

    /// Creates the record of an asset and its versions.
    pub fn new(row: &'a AssetRow, asset_name: Option<&'a str>) -> Self {
        let mut versions = std::collections::BTreeMap::new();
        for version in &row.versions {
            *versions.entry(version.version.state().name()).or_default() += 1;
        }
        let has_failed = row.asset.failure.is_some()
            || row.versions.iter().any(|row| row.version.state().is_failure());
        let failure = row.asset.failure.as_ref();
        Self {
            v: 1,
            r#type: "asset",
            asset_id: &row.asset_id,
            asset_name,
            state: if has_failed { "failed" } else { "ok" },
            failed_at: failure.map(|failure| failure.at),
            failed_unchecked: row.asset.provenance().is_unchecked(),
            last_at: row.asset.last_at,
            versions,
            expected: None,
        }
    }
}

/// The folded state of a version, for `status --json`.
#[derive(Debug, Serialize)]
pub struct VersionRecord<'a> {
    v: u8,
    r#type: &'static str,
    asset_id: &'a str,
    asset_name: Option<&'a str>,
    version_id: &'a str,
    version_locale: Option<&'a str>,
    state: &'static str,
    /// Whether the state is from an unchecked delivery.
    unchecked: bool,
    /// What the state rests on: a callback, the API, or both.
    basis: &'static str,
    cycle: u32,
    uncertain: Option<&'static str>,
    repeats: u64,
    late: u64,
    #[serde(serialize_with = "microseconds")]
    since: Timestamp,
    overdue: bool,
    /// The history of the version, oldest first: the newest `timeline::version::HISTORY`
    /// steps.
    steps: Vec<StepRecord>,
}

/// A stretch of time that a version spent in one state.
#[derive(Debug, Serialize)]
struct StepRecord {
    /// Which run of the version it belongs to, from 1.
    cycle: u32,
    state: &'static str,
    /// Whether it is from an unchecked delivery.
    unchecked: bool,
    /// What it rests on: a callback, the API, or both.
    basis: &'static str,
    #[serde(serialize_with = "microseconds")]
    from: Timestamp,
    /// `null` for the state that the version is in.
    #[serde(serialize_with = "optional_microseconds")]
    to: Option<Timestamp>,
    /// How long it took; `null` if it still lasts, or if its time is not known because its callback
    /// arrived after that of a later step.
    seconds: Option<f64>,
}

impl StepRecord {
    fn new(span: &Span) -> Self {
        let took = span.to.map(|to| to.duration_since(span.from));
        Self {
            cycle: span.cycle,
            state: span.state.name(),
            unchecked: span.provenance.is_unchecked(),
            basis: span.basis.name(),
            from: span.from,
            to: span.to,
            seconds: took
                .filter(|took| !took.is_zero())
                // Less than a thousandth is noise of the transport.
                .map(|took| (took.as_secs_f64() * 1e3).round() / 1e3),
        }
    }
}

impl<'a> VersionRecord<'a> {
    /// Creates the record of a version; it is overdue when it has been generating for longer than
    /// `limit`.
    pub fn new(
        asset_id: &'a str,
        asset_name: Option<&'a str>,
        row: &'a VersionRow,
        now: Timestamp,
        limit: jiff::SignedDuration,
    ) -> Self {
        let version = &row.version;
        Self {
            v: 1,
            r#type: "version",
            asset_id,
            asset_name,
            version_id: &row.version_id,
            version_locale: version.locale(),
            state: version.state().name(),
            unchecked: version.provenance().is_unchecked(),
            basis: version.basis().name(),
            cycle: version.cycle(),
            uncertain: version.uncertain().map(Ambiguity::sentence),
            repeats: version.repeats(),
            late: version.late(),
            since: version.since(),
            overdue: version.overdue(now, limit),
            steps: version.spans().iter().map(StepRecord::new).collect(),
        }
    }
}

/// A local name, for `names list --json`.
#[derive(Debug, Serialize)]
pub struct NameRecord<'a> {
    v: u8,
    r#type: &'static str,
    asset_id: &'a str,
    asset_name: &'a str,
}

impl<'a> NameRecord<'a> {
    /// Creates the record of an asset's name.
    pub const fn new(asset_id: &'a str, asset_name: &'a str) -> Self {
        Self { v: 1, r#type: "name", asset_id, asset_name }
    }
}

fn microseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn optional_microseconds<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => microseconds(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Serialises names and values as pairs, whatever their bytes are.
fn pairs<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(headers.iter())
}

fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::json::write_line;
    use super::super::samples::{asset, at, body, delivery, refusal, unchecked_asset};
    use super::*;
    use crate::callback::{BodySample, Gap, Outcome, RefusalKind, State};

    const HOURS: jiff::SignedDuration = jiff::SignedDuration::from_hours(3);

    fn line(record: &impl Serialize) -> String {
        let mut out = Vec::new();
        write_line(&mut out, record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ready() {
        let record = Ready::new(
            &["127.0.0.1:3829".parse().unwrap()],
            Some("http://127.0.0.1:3829/callback".to_owned()),
            "/data/journal.db".to_owned(),
        );
        insta::assert_snapshot!(line(&record), @r#"{"v":1,"type":"ready","listen":"127.0.0.1:3829","callback_url":"http://127.0.0.1:3829/callback","journal":"/data/journal.db"}"#);
    }

    #[test]
    fn a_delivery() {
        let delivery = delivery(&body("version_generated"));
        insta::assert_snapshot!(line(&DeliveryRecord::new(&delivery, None)), @r#"{"v":1,"type":"delivery","seq":7,"received_at":"2026-11-23T21:00:00.123456Z","committed_at":"2026-11-23T21:00:01.123456Z","source":"direct","peer":"127.0.0.1:50312","verdict":"valid","verdict_detail":{"encoding":"der","key":"panjaya"},"event":"version_generated","asset_id":"ast_9f3c81","asset_name":null,"version_id":"ver_03","version_locale":"es-ES","unreadable":null,"effect":"applied","uncertain":null,"method":"POST","path":"/callback","headers":[["x-signature","3045"]],"body_b64":"eyJldmVudCI6InZlcnNpb25fZ2VuZXJhdGVkIiwiYXNzZXRfaWQiOiJhc3RfOWYzYzgxIiwidmVyc2lvbl9pZCI6InZlcl8wMyIsInZlcnNpb25fbG9jYWxlIjoiZXMtRVMifQ=="}"#);
    }

    #[test]
    fn a_delivery_that_is_unchecked_and_unreadable() {
        let mut delivery = delivery("hello");
        delivery.verdict = Verdict::Unchecked;
        delivery.outcome = Outcome { uncertain: Some(Ambiguity::SignedAnew), ..Outcome::NONE };
        insta::assert_snapshot!(line(&DeliveryRecord::new(&delivery, None)), @r#"{"v":1,"type":"delivery","seq":7,"received_at":"2026-11-23T21:00:00.123456Z","committed_at":"2026-11-23T21:00:01.123456Z","source":"direct","peer":"127.0.0.1:50312","verdict":"unchecked","verdict_detail":null,"event":null,"asset_id":null,"asset_name":null,"version_id":null,"version_locale":null,"unreadable":"the body is not a JSON object: expected value at line 1 column 1","effect":"none","uncertain":"taken for a repeat, but its signature differs from the earlier copy's","method":"POST","path":"/callback","headers":[["x-signature","3045"]],"body_b64":"aGVsbG8="}"#);
    }

    #[test]
    fn a_refusal() {
        let listed = RefusalEntry::new(3, refusal());
        insta::assert_snapshot!(line(&RefusalRecord::new(&listed, Some("Launch film"))), @r#"{"v":1,"type":"refusal","id":3,"at":"2026-11-23T21:00:00.123456Z","status":401,"kind":"invalid","why":"no trusted key made it (1 tried)","verdict":"invalid","count":1,"method":"POST","path":"/callback","peer":"192.0.2.7:4711","headers":[["x-signature","3045"]],"body_b64":"e30=","body_truncated":false,"claims":null}"#);
    }

    #[test]
    fn a_refusal_that_claims_something() {
        let mut refusal = refusal();
        refusal.body = BodySample::of(br#"{"event":"asset_failed","asset_id":"ast_9f3c81"} "#);
        let record = line(&RefusalRecord::new(&RefusalEntry::new(3, refusal), Some("Launch film")));
        let claims = r#""claims":{"event":"asset_failed","asset_id":"ast_9f3c81","asset_name":"Launch film","version_id":null,"version_locale":null}}"#;
        assert!(record.trim_end().ends_with(claims), "{record}");
    }

    #[test]
    fn a_refusal_whose_signature_nobody_looked_at() {
        let mut refusal = refusal();
        refusal.kind = RefusalKind::TooLarge;
        refusal.status = 413;
        refusal.body = BodySample { bytes: Vec::new(), truncated: true };
        let record = line(&RefusalRecord::new(&RefusalEntry::new(4, refusal), None));
        assert!(record.contains(r#""verdict":null,"count":1"#), "{record}");
        assert!(record.contains(r#""body_b64":"","body_truncated":true"#), "{record}");
    }

    #[test]
    fn a_warning_and_the_summary() {
        let counts = Counts { valid: 5, unchecked: 1, unavailable: 2, ..Counts::default() };
        let warning = line(&WarningRecord::new(at(0), "the journal cannot be written"));
        insta::assert_snapshot!(warning + &line(&Summary::new(&counts)), @r#"
        {"v":1,"type":"warning","at":"2026-11-23T21:00:00.123456Z","message":"the journal cannot be written"}
        {"v":1,"type":"summary","accepted":6,"valid":5,"unchecked":1,"refused":0,"unavailable":2,"unlisted":0}
        "#);
    }

    #[test]
    fn a_link_and_a_gap() {
        let mut link = Link::new("relay.example".to_owned());
        let mut lines = line(&LinkRecord::new(at(0), &link));
        link.callback_url = Some("https://relay.example/in/abc".to_owned());
        link.epoch = Some("00000000000000ff".to_owned());
        let rtt = Some(std::time::Duration::from_micros(12_345));
        link.state = LinkState::Up { since: at(1), rtt, behind: 38 };
        lines += &line(&LinkRecord::new(at(1), &link));
        link.state = LinkState::Retrying { at: at(9), attempt: 2, why: "no way".to_owned() };
        lines += &line(&LinkRecord::new(at(2), &link));
        let gap = Gap {
            at: at(3),
            inbox: "https://relay.example/in/abc".to_owned(),
            epoch: 255,
            from: 7,
            to: 18,
            count: 12,
            reason: "age".to_owned(),
        };
        lines += &line(&GapRecord::new(&NotedGap { id: 1, gap }));
        insta::assert_snapshot!(lines, @r#"
        {"v":1,"type":"link","at":"2026-11-23T21:00:00.123456Z","relay":"relay.example","state":"dialling","callback_url":null,"epoch":null,"behind":null,"rtt_ms":null,"retry_at":null,"why":null}
        {"v":1,"type":"link","at":"2026-11-23T21:00:01.123456Z","relay":"relay.example","state":"up","callback_url":"https://relay.example/in/abc","epoch":"00000000000000ff","behind":38,"rtt_ms":12.345,"retry_at":null,"why":null}
        {"v":1,"type":"link","at":"2026-11-23T21:00:02.123456Z","relay":"relay.example","state":"retrying","callback_url":"https://relay.example/in/abc","epoch":"00000000000000ff","behind":null,"rtt_ms":null,"retry_at":"2026-11-23T21:00:09.123456Z","why":"no way"}
        {"v":1,"type":"gap","id":1,"at":"2026-11-23T21:00:03.123456Z","callback_url":"https://relay.example/in/abc","epoch":"00000000000000ff","from":7,"to":18,"count":12,"reason":"age","why":"they were older than the relay keeps"}
        "#);
    }

    #[test]
    fn an_asset_and_its_versions() {
        let row = asset(&[
            (0, "ver_01", Some(State::Ready)),
            (1, "ver_01", Some(State::Generating)),
            (2, "ver_02", Some(State::Failed)),
            (3, "ver_02", Some(State::Ready)),
            (4, "-", None),
        ]);
        let overdue = jiff::SignedDuration::from_hours(3);
        let mut lines = line(&AssetRecord::new(&row, Some("Trailer S2")));
        for version in &row.versions {
            lines += &line(&VersionRecord::new(
                &row.asset_id,
                Some("Trailer S2"),
                version,
                at(20_000),
                overdue,
            ));
        }
        insta::assert_snapshot!(lines, @r#"
        {"v":1,"type":"asset","asset_id":"ast_9f3c81","asset_name":"Trailer S2","state":"failed","failed_at":"2026-11-23T21:00:04.123456Z","failed_unchecked":false,"last_at":"2026-11-23T21:00:04.123456Z","versions":{"generating":1,"ready":1}}
        {"v":1,"type":"version","asset_id":"ast_9f3c81","asset_name":"Trailer S2","version_id":"ver_01","version_locale":"es-ES","state":"generating","unchecked":false,"basis":"callback","cycle":1,"uncertain":null,"repeats":0,"late":0,"since":"2026-11-23T21:00:01.123456Z","overdue":true,"steps":[{"cycle":1,"state":"ready","unchecked":false,"basis":"callback","from":"2026-11-23T21:00:00.123456Z","to":"2026-11-23T21:00:01.123456Z","seconds":1.0},{"cycle":1,"state":"generating","unchecked":false,"basis":"callback","from":"2026-11-23T21:00:01.123456Z","to":null,"seconds":null}]}
        {"v":1,"type":"version","asset_id":"ast_9f3c81","asset_name":"Trailer S2","version_id":"ver_02","version_locale":"es-ES","state":"ready","unchecked":false,"basis":"callback","cycle":1,"uncertain":"two events of one rank close together: the later to arrive was taken for the later to happen","repeats":0,"late":0,"since":"2026-11-23T21:00:03.123456Z","overdue":false,"steps":[{"cycle":1,"state":"failed","unchecked":false,"basis":"callback","from":"2026-11-23T21:00:02.123456Z","to":"2026-11-23T21:00:03.123456Z","seconds":1.0},{"cycle":1,"state":"ready","unchecked":false,"basis":"callback","from":"2026-11-23T21:00:03.123456Z","to":null,"seconds":null}]}
        "#);
        let sound = asset(&[(0, "ver_01", Some(State::Ready))]);
        let record = line(&AssetRecord::new(&sound, None));
        assert!(record.contains(r#""asset_name":null,"state":"ok","failed_at":null"#), "{record}");
        for state in [State::Failed, State::GenerateFailed] {
            let failed = asset(&[(0, "ver_01", Some(State::Ready)), (1, "ver_02", Some(state))]);
            let record = line(&AssetRecord::new(&failed, None));
            assert!(record.contains(r#""state":"failed","failed_at":null"#), "{record}");
        }
    }

    #[test]
    fn unchecked_states() {
        let row = unchecked_asset(&[(0, "ver_01", Some(State::Ready)), (1, "-", None)]);
        let asset = line(&AssetRecord::new(&row, None));
        assert!(asset.contains(r#""failed_unchecked":true"#), "{asset}");
        let version = line(&VersionRecord::new("a", None, &row.versions[0], at(9), HOURS));
        assert_eq!(version.matches(r#""state":"ready","unchecked":true"#).count(), 2, "{version}");
    }

    /// What somebody measures who wants to know how long dubs take.
    #[test]
    fn steps_have_their_durations_in_each_cycle() {
        let row = asset(&[
            (0, "ver_01", Some(State::Ready)),
            (90, "ver_01", Some(State::Generating)),
            (600, "ver_01", Some(State::Generated)),
            // The next cycle, whatever the rules call it.
            (9_000, "ver_01", Some(State::Generating)),
        ]);
        let record = VersionRecord::new("a", None, &row.versions[0], at(9_100), HOURS);
        let written: serde_json::Value = serde_json::from_str(&line(&record)).unwrap();
        let steps = written["steps"].as_array().unwrap();
        let told: Vec<_> = steps
            .iter()
            .map(|step| (step["cycle"].as_u64(), step["state"].as_str(), step["seconds"].as_f64()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(1), Some("ready"), Some(90.0)),
                (Some(1), Some("generating"), Some(510.0)),
                (Some(1), Some("generated"), Some(8_400.0)),
                (Some(2), Some("generating"), None),
            ]
        );
        assert_eq!(steps[2]["to"], steps[3]["from"]);
        assert!(steps[3]["to"].is_null(), "it still lasts");
    }

    #[test]
    fn names_and_followers_have_their_records() {
        insta::assert_snapshot!(line(&NameRecord::new("ast_1", "Trailer S2")), @r#"{"v":1,"type":"name","asset_id":"ast_1","asset_name":"Trailer S2"}"#);
        let ready = line(&Ready::read_only("/data/journal.db".to_owned()));
        insta::assert_snapshot!(ready, @r#"{"v":1,"type":"ready","listen":null,"callback_url":null,"journal":"/data/journal.db","read_only":true}"#);
        let delivery = delivery(&body("version_ready"));
        let named = line(&DeliveryRecord::new(&delivery, Some("Trailer S2")));
        assert!(named.contains(r#""asset_id":"ast_9f3c81","asset_name":"Trailer S2""#), "{named}");
    }

    #[test]
    fn times_have_microseconds_even_at_a_whole_second() {
        let whole: Timestamp = "2026-11-23T21:04:05Z".parse().unwrap();
        let record = line(&WarningRecord::new(whole, ""));
        assert!(record.contains(r#""at":"2026-11-23T21:04:05.000000Z""#), "{record}");
    }
}
