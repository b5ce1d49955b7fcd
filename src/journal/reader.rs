//! Reads the journal: pages of deliveries and refusals, the states of assets and versions, the
//! user's notes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::relayed::{self, RelayPlace};
use super::schema::{self, Meta};
use super::watermarks::Watermarks;
use super::{JournalError, forwards, notes, refusals, rows};
use crate::callback::{Callback, Delivery, DeliverySummary, NotedGap, RefusalEntry};
use crate::filter::{DeliveryFacts, Filter};
use crate::forward::{ForwardAttempt, ForwardMark, KnownAttempts};
use crate::sqlite::Database;
use crate::timeline::{AssetRow, FOLD_VERSION, Notes, VersionRow};

/// A page ends after this many bytes of bodies, whatever its limit, to bound the memory of readers.
const PAGE_BYTES: usize = 8 << 20;

/// Maximum number of attempts to forward a delivery that are returned.
const MAX_FORWARDS: u32 = 200;

/// The deliveries of a page and their order; ?1 is a `seq`, ?2 the limit.
const AFTER: &str = "seq > ?1 ORDER BY seq LIMIT ?2";
const BEFORE: &str = "seq < ?1 ORDER BY seq DESC LIMIT ?2";
const UP_TO: &str = "seq > ?1 AND seq <= ?3 ORDER BY seq LIMIT ?2";
const BEFORE_OF_ASSET: &str = "seq < ?1 AND asset_id = ?3 ORDER BY seq DESC LIMIT ?2";

const SEQ_BEFORE: &str =
    "SELECT seq FROM delivery WHERE seq < ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2";
const ASSETS_AFTER: &str = "SELECT asset_id, last_at, memory FROM asset
    WHERE (last_at, asset_id) > (?1, ?2) ORDER BY last_at, asset_id LIMIT 200";
const ASSETS_BEFORE: &str = "SELECT asset_id, memory FROM asset
    WHERE (last_at, asset_id) < (?1, ?2) AND last_at >= ?3
    ORDER BY last_at DESC, asset_id DESC LIMIT ?4";
const VERSIONS: &str =
    "SELECT version_id, memory FROM version WHERE asset_id = ?1 ORDER BY version_id";

/// Returns the statement that reads a page of deliveries.
fn page_of(columns: &str, which: &str) -> String {
    format!("SELECT {columns} FROM delivery WHERE {which}")
}

/// Returns all statements that read a page, for the test that none of them reads more than that.
#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    let columns = [rows::DELIVERY, rows::SUMMARY];
    let pages = columns
        .iter()
        .flat_map(|columns| [AFTER, BEFORE, BEFORE_OF_ASSET].map(|which| page_of(columns, which)))
        .chain([BEFORE, UP_TO].map(|which| page_of(rows::FACTS, which)));
    let ended = [forwards::AFTER, forwards::OF_DELIVERY].map(forwards::ended);
    let forwards = ended.into_iter().chain([forwards::MARKS.to_owned()]);
    let others = [SEQ_BEFORE, ASSETS_AFTER, ASSETS_BEFORE, VERSIONS].map(str::to_owned);
    pages.chain(others).chain(forwards).collect()
}

/// The position of an asset in the order of activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetPlace {
    /// At the precision of a row.
    last_at: i64,
    asset_id: String,
}

impl AssetPlace {
    /// Returns the position of an asset.
    pub fn of(row: &AssetRow) -> Self {
        Self { last_at: row.asset.last_at.as_microsecond(), asset_id: row.asset_id.clone() }
    }
}

/// The result of a scan of deliveries.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The matching deliveries, in the order of the scan.
    pub hits: Vec<DeliverySummary>,
    /// Number of scanned deliveries.
    pub count: u32,
    /// The last one that was scanned, and when it was received.
    pub last: Option<(u64, Timestamp)>,
}

/// A connection for reading; see [`super::Journal::reader`].
#[derive(Debug)]
pub struct JournalReader {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl JournalReader {
    pub(super) const fn new(connection: Connection, path: PathBuf) -> Self {
        Self { connection, path }
    }

    /// Opens a journal file that another process may be writing.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = Database::open_reader(path, schema::SCHEMA)?;
        let reader = Self::new(connection, path.to_owned());
        match reader.read(Meta::FoldVersion.read(&reader.connection))? {
            Some(version) if version == u64::from(FOLD_VERSION) => Ok(reader),
            _ => Err(JournalError::OtherFold(path.to_owned())),
        }
    }

    /// Returns the `seq` of the newest delivery; 0 if there never was one.
    pub fn head(&self) -> Result<u64, JournalError> {
        self.read(schema::head(&self.connection))
    }

    /// Looks through the whole file. Returns the first damage that SQLite finds (`PRAGMA
    /// quick_check`), or `None`.
    pub fn damage(&self) -> Result<Option<String>, JournalError> {
        let read = || {
            let says: String =
                self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            Ok((says != "ok").then_some(says))
        };
        self.read(read())
    }

    /// Returns how far the journal goes, for use without a [`Feed`](super::Feed), while another
    /// process writes.
    ///
    /// [`Watermarks::refusals`] can decrease, if refusals were pruned and that process was
    /// restarted: then the log of refusals must be read from its beginning.
    pub fn watermarks(&self) -> Result<Watermarks, JournalError> {
        self.read(schema::watermarks(&self.connection))
    }

    /// Returns a number that changes with every commit of another connection, also with notes and
    /// pruning. Cheap enough to call many times a second. Numbers of different readers are not
    /// comparable.
    pub fn data_version(&self) -> Result<u64, JournalError> {
        let version =
            self.connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0));
        self.read(version.map(rows::unsigned))
    }

    /// Returns at most `limit` deliveries above `seq`, oldest first: fewer if bodies are long, none
    /// only at the end.
    pub fn deliveries_after(&self, seq: u64, limit: u32) -> Result<Vec<Delivery>, JournalError> {
        self.deliveries(AFTER, (bound(seq), limit))
    }

    /// Returns at most `limit` deliveries below `seq`, newest first: fewer if bodies are long, none
    /// only at the end.
    pub fn deliveries_before(&self, seq: u64, limit: u32) -> Result<Vec<Delivery>, JournalError> {
        self.deliveries(BEFORE, (bound(seq), limit))
    }

    /// Returns summaries of at most `limit` deliveries above `seq`, oldest first.
    pub fn summaries_after(
        &self,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<DeliverySummary>, JournalError> {
        self.summaries(AFTER, (bound(seq), limit))
    }

    /// Returns summaries of at most `limit` deliveries below `seq`, newest first.
    pub fn summaries_before(
        &self,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<DeliverySummary>, JournalError> {
        self.summaries(BEFORE, (bound(seq), limit))
    }

    /// Returns summaries of at most `limit` deliveries of one asset below `seq`, newest first: also
    /// of its versions, and of unreadable ones with its id.
    pub fn summaries_of(
        &self,
        asset_id: &str,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<DeliverySummary>, JournalError> {
        self.summaries(BEFORE_OF_ASSET, (bound(seq), limit, asset_id))
    }

    /// Scans `limit` deliveries below `seq`, newest first, and returns those that fit. Stops early
    /// after
    /// `hits` of them; else it scans fewer than `limit` only at the end.
    ///
    /// Copies only those that fit: a million deliveries take about a second.
    pub fn scan_before(
        &self,
        seq: u64,
        limit: u32,
        hits: usize,
        fits: impl FnMut(&DeliveryFacts<'_>) -> bool,
    ) -> Result<Scanned, JournalError> {
        self.scan(BEFORE, (bound(seq), limit), hits, fits)
    }

    /// Scans deliveries above `seq` up to `last`, oldest first; see [`JournalReader::scan_before`].
    pub fn scan_after(
        &self,
        seq: u64,
        last: u64,
        limit: u32,
        hits: usize,
        fits: impl FnMut(&DeliveryFacts<'_>) -> bool,
    ) -> Result<Scanned, JournalError> {
        self.scan(UP_TO, (bound(seq), limit, bound(last)), hits, fits)
    }

    fn scan(
        &self,
        which: &str,
        params: impl Params,
        hits: usize,
        mut fits: impl FnMut(&DeliveryFacts<'_>) -> bool,
    ) -> Result<Scanned, JournalError> {
        let read = || {
            let mut scanned = Scanned::default();
            let mut statement = self.connection.prepare_cached(&page_of(rows::FACTS, which))?;
            let mut summary =
                self.connection.prepare_cached(&page_of(rows::SUMMARY, "seq = ?1"))?;
            let mut found = statement.query(params)?;
            while scanned.hits.len() < hits
                && let Some(row) = found.next()?
            {
                let facts = rows::facts(row)?;
                scanned.count += 1;
                scanned.last = Some((facts.seq, facts.received_at));
                if fits(&facts) {
                    // Both statements read the same state of the journal, as the first is open.
                    scanned.hits.push(summary.query_row([bound(facts.seq)], rows::summary)?);
                }
            }
            Ok(scanned)
        };
        self.read(read())
    }

    /// Returns when the first delivery with this `seq` or a higher one was received.
    pub fn received_from(&self, seq: u64) -> Result<Option<Timestamp>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(&page_of("received_at", AFTER))?
                .query_row((bound(seq) - 1, 1), |row| rows::time(row, "received_at"))
                .optional()
        };
        self.read(read())
    }

    /// Returns the `seq` of the `count`th delivery below `seq`, newest first; `None` if there are
    /// not so many.
    pub fn seq_before(&self, seq: u64, count: usize) -> Result<Option<u64>, JournalError> {
        let others = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
        let read = || {
            self.connection
                .prepare_cached(SEQ_BEFORE)?
                .query_row((bound(seq), others), |row| row.get("seq").map(rows::unsigned))
                .optional()
        };
        self.read(read())
    }

    /// Returns a complete delivery; `None` if it does not exist (any more).
    pub fn delivery(&self, seq: u64) -> Result<Option<Delivery>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(&page_of(rows::DELIVERY, "seq = ?1"))?
                .query_row([bound(seq)], rows::delivery)
                .optional()
        };
        self.read(read())
    }

    /// Reads a page of deliveries. It is shorter if bodies or paths are long.
    fn deliveries(&self, which: &str, params: impl Params) -> Result<Vec<Delivery>, JournalError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(&page_of(rows::DELIVERY, which))?;
            let mut page = Vec::new();
            let mut bytes = 0;
            for delivery in statement.query_map(params, rows::delivery)? {
                let delivery = delivery?;
                bytes += delivery.request.body.len() + delivery.request.path.len();
                page.push(delivery);
                if bytes >= PAGE_BYTES {
                    break;
                }
            }
            Ok(page)
        };
        self.read(read())
    }

    /// Reads a page of summaries.
    fn summaries(
        &self,
        which: &str,
        params: impl Params,
    ) -> Result<Vec<DeliverySummary>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(&page_of(rows::SUMMARY, which))?
                .query_map(params, rows::summary)?
                .collect()
        };
        self.read(read())
    }

    /// Returns at most `limit` refusals that were written after change number `change`, in the
    /// order of their changes, and the number of the last change.
    pub fn refusals_after(
        &self,
        change: u64,
        limit: u32,
    ) -> Result<(Vec<RefusalEntry>, u64), JournalError> {
        let columns = rows::REFUSAL;
        let read = || {
            let mut last = change;
            let mut listed = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {columns} FROM refusal WHERE change > ?1 ORDER BY change LIMIT ?2"
                ))?
                .query_map((rows::signed(change), limit), |row| {
                    last = rows::unsigned(row.get("change")?);
                    rows::refusal(row)
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for listed in &mut listed {
                listed.earlier = refusals::earlier(&self.connection, listed.id)?;
            }
            Ok((listed, last))
        };
        self.read(read())
    }

    /// Returns at most `limit` gaps above the number `id`, oldest first. Only the newest are kept.
    pub fn gaps_after(&self, id: u64, limit: u32) -> Result<Vec<NotedGap>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT * FROM gap WHERE id > ?1 ORDER BY id LIMIT ?2")?
                .query_map((bound(id), limit), relayed::gap)?
                .collect()
        };
        self.read(read())
    }

    /// Returns at most `limit` attempts to forward that ended after number `change`, in that order,
    /// and the number of the last one.
    pub fn forwards_after(
        &self,
        change: u64,
        limit: u32,
    ) -> Result<(Vec<ForwardAttempt>, u64), JournalError> {
        let read = || {
            let mut last = change;
            let page = self
                .connection
                .prepare_cached(&forwards::ended(forwards::AFTER))?
                .query_map((bound(change), limit), |row| {
                    last = rows::unsigned(row.get("change")?);
                    forwards::attempt(row)
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok((page, last))
        };
        self.read(read())
    }

    /// Returns the attempts to forward a delivery that have ended, by target.
    pub fn forwards_of(&self, seq: u64) -> Result<Vec<ForwardAttempt>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(&forwards::ended(forwards::OF_DELIVERY))?
                .query_map((bound(seq), MAX_FORWARDS), forwards::attempt)?
                .collect()
        };
        self.read(read())
    }

    /// Returns what became of forwarding a delivery; `None` if no attempt has ended.
    pub fn forward_mark(&self, seq: u64) -> Result<Option<ForwardMark>, JournalError> {
        let read = || {
            let attempts = self
                .connection
                .prepare_cached(forwards::MARKS)?
                .query_map((bound(seq), MAX_FORWARDS), |row| {
                    let status: Option<u16> = row.get("status")?;
                    let is_2xx = status.is_some_and(|status| (200..300).contains(&status));
                    let is_complete: bool = row.get("is_complete")?;
                    Ok((row.get::<_, i64>("target_id")?, status, is_2xx && is_complete))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(ForwardMark::of(seq, &attempts))
        };
        self.read(read())
    }

    /// Returns the number up to which every delivery was forwarded to a target; `None` if there never
    /// was one.
    pub fn forward_place(&self, url: &str) -> Result<Option<u64>, JournalError> {
        self.read(forwards::place(&self.connection, url))
    }

    /// Returns what is known of the deliveries behind the place of a target, by `seq`.
    pub fn known_forwards(&self, url: &str) -> Result<BTreeMap<u64, KnownAttempts>, JournalError> {
        self.read(forwards::known(&self.connection, url))
    }

    /// Returns the `seq` before the first delivery that was received at `time` or later; the newest if
    /// there is none.
    pub fn seq_received_before(&self, time: Timestamp) -> Result<u64, JournalError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT min(seq) FROM delivery WHERE received_at >= ?1")?
                .query_row([rows::not_before(time)], |row| row.get::<_, Option<i64>>(0))
        };
        match self.read(read())? {
            Some(first) => Ok(rows::unsigned(first).saturating_sub(1)),
            None => self.head(),
        }
    }

    /// Returns the position of a subscription to a relay; `None` if there never was one.
    pub fn relay_place(&self, relay: &str) -> Result<Option<RelayPlace>, JournalError> {
        self.read(relayed::place(&self.connection, relay))
    }

    /// Returns an entry of the log of refusals; `None` if it does not exist (any more).
    pub fn refusal(&self, id: u64) -> Result<Option<RefusalEntry>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached(&format!("SELECT {} FROM refusal WHERE id = ?1", rows::REFUSAL))?
                .query_row([bound(id)], rows::refusal)
                .optional()?
                .map(|listed| {
                    let earlier = refusals::earlier(&self.connection, listed.id)?;
                    Ok(RefusalEntry { earlier, ..listed })
                })
                .transpose()
        };
        self.read(read())
    }

    /// Returns the highest id in the log of refusals; 0 if it is empty.
    pub(super) fn highest_refusal_id(&self) -> Result<u64, JournalError> {
        let id = self.connection.query_row("SELECT max(id) FROM refusal", [], |row| row.get(0));
        self.read(id.map(|id: Option<i64>| id.map_or(0, rows::unsigned)))
    }

    /// Calls `each` with every asset, its versions and notes, the most recently active last; stops
    /// at its first error.
    ///
    /// No read is open while `each` runs: one that waits for its output would keep the write-ahead
    /// log from being cleared, and the log would grow for as long as it waits. An asset that
    /// becomes active meanwhile may be passed again, at its new position.
    pub fn each_asset<E: From<JournalError>>(
        &self,
        mut each: impl FnMut(AssetRow, Notes) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut last_at, mut last_id) = (i64::MIN, String::new());
        loop {
            let page = self.read(self.assets_after(last_at, &last_id))?;
            let Some((at, (row, _))) = page.last() else { return Ok(()) };
            (last_at, last_id) = (*at, row.asset_id.clone());
            for (_, (row, notes)) in page {
                each(row, notes)?;
            }
        }
    }

    /// Returns a page of assets after a position in the order of activity, each with the time of
    /// its last activity.
    fn assets_after(
        &self,
        last_at: i64,
        last_id: &str,
    ) -> rusqlite::Result<Vec<(i64, (AssetRow, Notes))>> {
        self.connection
            .prepare_cached(ASSETS_AFTER)?
            .query_map((last_at, last_id), |row| Ok((row.get("last_at")?, self.noted_asset(row)?)))?
            .collect()
    }

    /// Returns at most `limit` assets with their versions and notes, the most recently active
    /// first, after `place` (`None`: from the newest). Leaves out assets that were last active
    /// before `since`. Returns none only at the end.
    ///
    /// An asset that becomes active between two pages moves to the front and is missing in the next
    /// page. So a caller that reads pages must also follow the journal.
    pub fn assets_before(
        &self,
        place: Option<&AssetPlace>,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AssetRow, Notes)>, JournalError> {
        let (last_at, asset_id) =
            place.map_or((i64::MAX, ""), |place| (place.last_at, place.asset_id.as_str()));
        let read = || {
            self.connection
                .prepare_cached(ASSETS_BEFORE)?
                .query_map((last_at, asset_id, since.as_microsecond(), limit), |row| {
                    self.noted_asset(row)
                })?
                .collect()
        };
        self.read(read())
    }

    /// Returns an asset with its versions and notes; `None` if nothing was received of it, even if
    /// it has a name.
    pub fn asset(&self, asset_id: &str) -> Result<Option<(AssetRow, Notes)>, JournalError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT asset_id, memory FROM asset WHERE asset_id = ?1")?
                .query_row([asset_id], |row| self.noted_asset(row))
                .optional()
        };
        self.read(read())
    }

    /// Returns whether an asset is known.
    pub fn has_asset(&self, asset_id: &str) -> Result<bool, JournalError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT 1 FROM asset WHERE asset_id = ?1")?
                .exists([asset_id])
        };
        self.read(read())
    }

    /// Returns the name of an asset to show, even if nothing was received of it: the local one, else
    /// that of the service's API.
    pub fn name(&self, asset_id: &str) -> Result<Option<String>, JournalError> {
        self.read(notes::shown_name_of(&self.connection, asset_id))
    }

    /// Returns the name of the asset that a delivery names; see [`JournalReader::name`].
    pub fn name_of(&self, delivery: &Delivery) -> Result<Option<String>, JournalError> {
        match &delivery.callback.asset_id {
            Some(asset_id) => self.name(asset_id),
            None => Ok(None),
        }
    }

    /// Returns whether a filter matches an entry of the log of refusals, by the claims of its
    /// bodies.
    pub fn refusal_matches(
        &self,
        filter: &Filter,
        listed: &RefusalEntry,
    ) -> Result<bool, JournalError> {
        for claim in listed.claims() {
            let name = self.name_claimed(&claim)?;
            if filter.matches_refusal(&listed.refusal, &claim, name.as_deref()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the name of the asset that a refused body claims; see [`JournalReader::name`].
    pub fn name_claimed(&self, claim: &Callback) -> Result<Option<String>, JournalError> {
        match &claim.asset_id {
            Some(asset_id) => self.name(asset_id),
            None => Ok(None),
        }
    }

    /// Returns a number that changes with every note of the user.
    pub fn notes_version(&self) -> Result<u64, JournalError> {
        Ok(self.read(Meta::Notes.read(&self.connection))?.unwrap_or(0))
    }

    /// Returns all notes of the user by asset, including assets that nothing was received of yet.
    pub fn all_notes(&self) -> Result<BTreeMap<String, Notes>, JournalError> {
        self.read(notes::all(&self.connection))
    }

    /// Returns an asset by its row. The row's statement must still be open, so that versions and
    /// notes are read from the same state of the journal.
    fn noted_asset(&self, row: &Row<'_>) -> rusqlite::Result<(AssetRow, Notes)> {
        let asset_id: String = row.get("asset_id")?;
        let versions = self.versions(&asset_id)?;
        let notes = notes::of(&self.connection, &asset_id)?;
        Ok((AssetRow { asset_id, asset: rows::json(row, "memory")?, versions }, notes))
    }

    fn versions(&self, asset_id: &str) -> rusqlite::Result<Vec<VersionRow>> {
        self.connection
            .prepare_cached(VERSIONS)?
            .query_map([asset_id], |row| {
                Ok(VersionRow {
                    version_id: row.get("version_id")?,
                    version: rows::json(row, "memory")?,
                })
            })?
            .collect()
    }

    /// Names the journal in an error.
    pub(super) fn read<T>(&self, result: rusqlite::Result<T>) -> Result<T, JournalError> {
        result.map_err(|cause| JournalError::Read { path: self.path.clone(), cause })
    }
}

/// Returns a `seq` or id as an SQL integer; one that is too large becomes the maximum.
fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
