//! Converts rows of the journal's tables to the types of the contract, and back.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::callback::RefusalEntry;
use crate::callback::{
    Accepted, Ambiguity, BodySample, Callback, Delivery, DeliveryEffect, DeliverySummary, Encoding,
    Headers, Outcome, Provenance, Received, Refusal, RefusalKind, Source, Verdict,
};
use crate::filter::DeliveryFacts;

/// Returns a number as SQLite's signed integer, with the same bits: counts stay far below the sign
/// bit, digests use it.
pub(super) const fn signed(value: u64) -> i64 {
    value.cast_signed()
}

/// Returns SQLite's signed integer as a number, with the same bits.
pub(super) const fn unsigned(value: i64) -> u64 {
    value.cast_unsigned()
}

/// Returns a time at the precision of a row.
pub(super) fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// Returns the first time at the precision of a row that is not before `time`, in microseconds.
pub(super) fn not_before(time: Timestamp) -> i64 {
    let microsecond = time.as_microsecond();
    let cut = Timestamp::from_microsecond(microsecond).is_ok_and(|stored| stored < time);
    microsecond.saturating_add(i64::from(cut))
}

/// Reads a time from a row.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|error| bad(Type::Integer, error))
}

/// Reads a JSON text from a row.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(|error| bad(Type::Text, error))?;
    serde_json::from_str(text).map_err(|error| bad(Type::Text, error))
}

/// Returns a value as JSON text, which cannot fail for our own types.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn bad(
    found: Type,
    error: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, found, error.into())
}

/// Reads a word from a row and converts it with `known`, or returns an error for an unknown word.
fn word<T>(row: &Row<'_>, column: &str, known: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(|error| bad(Type::Text, error))?;
    known(text).ok_or_else(|| bad(Type::Text, format!("unknown {column} {text:?}")))
}

pub(super) const DELIVERY: &str = "seq, received_at, committed_at, source, peer, method, path, headers, \
    verdict, verdict_key, verdict_encoding, event, asset_id, version_id, version_locale, unreadable, \
    effect, uncertain, body";

/// The columns of a summary, without the long ones of a delivery.
pub(super) const SUMMARY: &str = "seq, received_at, committed_at, source, peer, verdict, verdict_key, \
    verdict_encoding, event, asset_id, version_id, version_locale, unreadable, effect, uncertain";

/// The columns that a filter can use, in the order in which [`facts`] reads them.
pub(super) const FACTS: &str = "seq, received_at, source, peer, verdict, event, asset_id, version_id, \
    version_locale, unreadable IS NOT NULL, effect, uncertain IS NOT NULL";

/// Returns the facts that a filter can use, borrowed from a row. Reads columns by index, because
/// looking up their names would take longer than the rest.
pub(super) fn facts<'a>(row: &'a Row<'_>) -> rusqlite::Result<DeliveryFacts<'a>> {
    let text = |column| {
        let value = row.get_ref(column)?;
        value.as_str_or_null().map_err(|error| bad(Type::Text, error))
    };
    let word = |column| Ok::<_, rusqlite::Error>(text(column)?.unwrap_or_default());
    let received_at = Timestamp::from_microsecond(row.get(1)?);
    Ok(DeliveryFacts {
        seq: unsigned(row.get(0)?),
        received_at: received_at.map_err(|error| bad(Type::Integer, error))?,
        source: word(2)?,
        peer: word(3)?,
        verdict: word(4)?,
        event: text(5)?,
        asset_id: text(6)?,
        version_id: text(7)?,
        version_locale: text(8)?,
        is_unreadable: row.get(9)?,
        effect: word(10)?,
        is_uncertain: row.get(11)?,
    })
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let summary = summary(row)?;
    Ok(Delivery {
        seq: summary.seq,
        committed_at: summary.committed_at,
        request: Received {
            received_at: summary.received_at,
            source: summary.source,
            peer: summary.peer,
            method: row.get("method")?,
            path: row.get("path")?,
            headers: json(row, "headers")?,
            body: row.get("body")?,
        },
        verdict: summary.verdict,
        callback: summary.callback,
        outcome: summary.outcome,
    })
}

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<DeliverySummary> {
    let uncertain =
        match row.get_ref("uncertain")?.as_str_or_null().map_err(|e| bad(Type::Text, e))? {
            None => None,
            Some(_) => Some(word(row, "uncertain", Ambiguity::from_code)?),
        };
    Ok(DeliverySummary {
        seq: unsigned(row.get("seq")?),
        received_at: time(row, "received_at")?,
        committed_at: time(row, "committed_at")?,
        source: word(row, "source", Source::from_name)?,
        peer: row.get("peer")?,
        verdict: verdict(row)?,
        callback: Callback {
            event: row.get("event")?,
            asset_id: row.get("asset_id")?,
            version_id: row.get("version_id")?,
            version_locale: row.get("version_locale")?,
            unreadable: row.get("unreadable")?,
        },
        outcome: Outcome { effect: word(row, "effect", DeliveryEffect::from_name)?, uncertain },
    })
}

/// Reads the verdict. The journal only contains accepted deliveries: valid ones, unchecked ones if
/// the user has switched the check off, and answers of the API.
fn verdict(row: &Row<'_>) -> rusqlite::Result<Verdict> {
    match row.get_ref("verdict")?.as_str().map_err(|error| bad(Type::Text, error))? {
        "valid" => Ok(Verdict::Valid {
            key: row.get::<_, String>("verdict_key")?.into(),
            encoding: word(row, "verdict_encoding", |name| {
                [Encoding::Der, Encoding::Raw].into_iter().find(|encoding| encoding.name() == name)
            })?,
        }),
        "unchecked" => Ok(Verdict::Unchecked),
        "api" => Ok(Verdict::Api),
        other => Err(bad(Type::Text, format!("unknown verdict {other:?}"))),
    }
}

/// Returns the provenance that the verdict implies.
pub(super) fn provenance(row: &Row<'_>) -> rusqlite::Result<Provenance> {
    word(row, "verdict", |name| match name {
        "valid" | "api" => Some(Provenance::Verified),
        "unchecked" => Some(Provenance::Unchecked),
        _ => None,
    })
}

pub(super) fn insert_delivery(
    connection: &Connection,
    seq: u64,
    committed_at: Timestamp,
    accepted: &Accepted,
    outcome: Outcome,
) -> rusqlite::Result<()> {
    let Accepted { request, verdict, callback, fingerprint } = accepted;
    let (key, encoding) = match verdict {
        Verdict::Valid { key, encoding } => (Some(key.as_ref()), Some(encoding.name())),
        _ => (None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO delivery (seq, received_at, committed_at, source, peer, method, path, headers,
                verdict, verdict_key, verdict_encoding, event, asset_id, version_id, version_locale,
                unreadable, fingerprint_signature, fingerprint_copy, effect, uncertain, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                ?19, ?20, ?21)",
        )?
        .execute(rusqlite::params![
            signed(seq),
            request.received_at.as_microsecond(),
            committed_at.as_microsecond(),
            request.source.name(),
            request.peer,
            request.method,
            request.path,
            to_json(&request.headers)?,
            verdict.name(),
            key,
            encoding,
            callback.event,
            callback.asset_id,
            callback.version_id,
            callback.version_locale,
            callback.unreadable,
            signed(fingerprint.signature),
            signed(fingerprint.copy),
            outcome.effect.name(),
            outcome.uncertain.map(Ambiguity::code),
            request.body,
        ])
        .map(drop)
}

pub(super) const REFUSAL: &str =
    "id, change, at, kind, status, why, count, method, path, peer, headers, truncated, body";

pub(super) fn refusal(row: &Row<'_>) -> rusqlite::Result<RefusalEntry> {
    let headers: Headers = json(row, "headers")?;
    Ok(RefusalEntry {
        id: unsigned(row.get("id")?),
        // They are rows of their own.
        earlier: Vec::new(),
        refusal: Refusal {
            at: time(row, "at")?,
            kind: word(row, "kind", RefusalKind::from_name)?,
            status: row.get("status")?,
            why: row.get("why")?,
            count: unsigned(row.get("count")?),
            method: row.get("method")?,
            path: row.get("path")?,
            peer: row.get("peer")?,
            headers,
            body: BodySample { bytes: row.get("body")?, truncated: row.get("truncated")? },
        },
    })
}
