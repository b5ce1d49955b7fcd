//! Folds a whole journal again after the rules of the fold have changed.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::rows;
use super::schema::Meta;
use super::state_cache::StateCache;
use crate::callback::{
    Ambiguity, Callback, Fingerprint, Headers, Outcome, Provenance, Source, VersionReport,
};
use crate::signature::fingerprint::fingerprint_of;
use crate::timeline::FOLD_VERSION;

/// Number of deliveries between two writes of the states, to bound the memory.
const STRIDE: usize = 1000;

/// Folds all deliveries from the first, unless the stored states are of the current rules.
///
/// Also computes the digests again from headers and body, because their definition is a rule as
/// well. In one transaction, so that a journal never mixes two versions.
pub(super) fn if_needed(connection: &mut Connection) -> rusqlite::Result<()> {
    let today = u64::from(FOLD_VERSION);
    if Meta::FoldVersion.read(connection)? == Some(today) {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    let folded = from_scratch(&transaction)?;
    Meta::FoldVersion.write(&transaction, today)?;
    transaction.commit()?;
    if folded > 0 {
        tracing::info!(deliveries = folded, version = today, "the journal was folded anew");
    }
    Ok(())
}

/// Replaces all states by the fold of all deliveries. Returns the number of deliveries.
fn from_scratch(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute_batch("DELETE FROM asset; DELETE FROM version")?;
    let mut read = connection.prepare(
        "SELECT seq, received_at, source, headers, verdict, body FROM delivery
         WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut update = connection.prepare(
        "UPDATE delivery SET event = ?2, asset_id = ?3, version_id = ?4, version_locale = ?5,
            unreadable = ?6, effect = ?7, uncertain = ?8, fingerprint_signature = ?9,
            fingerprint_copy = ?10 WHERE seq = ?1",
    )?;
    let mut states = StateCache::default();
    let mut folded = 0;
    let mut last: i64 = 0;
    loop {
        // A page at a time: rows that are being read should not be the rows that are updated.
        let page = read
            .query_map([last, i64::try_from(STRIDE).unwrap_or(i64::MAX)], StoredRow::read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for row in &page {
            let (callback, outcome) = row.fold(connection, &mut states)?;
            update.execute(rusqlite::params![
                row.seq,
                callback.event,
                callback.asset_id,
                callback.version_id,
                callback.version_locale,
                callback.unreadable,
                outcome.effect.name(),
                outcome.uncertain.map(Ambiguity::code),
                rows::signed(row.fingerprint.signature),
                rows::signed(row.fingerprint.copy),
            ])?;
        }
        folded += page.len();
        states.write(connection)?;
        states.trim();
        match page.last() {
            Some(row) => last = row.seq,
            None => return Ok(folded),
        }
    }
}

/// A row of the journal, as far as the fold reads it.
struct StoredRow {
    seq: i64,
    at: Timestamp,
    fingerprint: Fingerprint,
    provenance: Provenance,
    content: Content,
}

enum Content {
    Callback(Callback),
    Answer(VersionReport),
}

impl StoredRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let body = row.get_ref("body")?.as_blob().unwrap_or_default();
        let is_answer = row.get_ref("source")?.as_str() == Ok(Source::Api.name());
        let report = if is_answer { VersionReport::read(body) } else { None };
        let (content, fingerprint) = if let Some(report) = report {
            (Content::Answer(report), Fingerprint::default())
        } else {
            let headers: Headers = rows::json(row, "headers")?;
            (Content::Callback(Callback::read(body)), fingerprint_of(&headers, body))
        };
        Ok(Self {
            seq: row.get("seq")?,
            at: rows::time(row, "received_at")?,
            fingerprint,
            provenance: rows::provenance(row)?,
            content,
        })
    }

    fn fold(
        &self,
        connection: &Connection,
        states: &mut StateCache,
    ) -> rusqlite::Result<(Cow<'_, Callback>, Outcome)> {
        let callback = match &self.content {
            Content::Answer(report) => {
                let folded = states.fold_report(connection, report, self.at)?;
                return Ok((Cow::Owned(report.callback(folded.state)), folded.outcome));
            }
            Content::Callback(callback) => callback,
        };
        let outcome = match callback.subject() {
            Some(subject) => {
                states.fold(connection, &subject, self.at, self.fingerprint, self.provenance)?
            }
            None => Outcome::NONE,
        };
        Ok((Cow::Borrowed(callback), outcome))
    }
}
