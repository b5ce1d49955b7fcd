//! Reads what is committed: pages of deliveries and refusals, the states of assets and versions.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::JournalError;
use super::rows;
use super::schema::{self, Meta};
use crate::callback::Delivery;
use crate::callback::Listed;
use crate::sqlite::Database;
use crate::timeline::{AssetRow, FOLD_VERSION, VersionRow};

/// A page ends after this many bytes of bodies, whatever its limit: what reads is also what receives.
const PAGE_BYTES: usize = 8 << 20;

/// A connection for reading; see [`super::Journal::reader`].
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    pub(super) const fn new(connection: Connection, path: PathBuf) -> Self {
        Self { connection, path }
    }

    /// Opens a journal file beside whoever writes it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = Database::open_reader(path, schema::SCHEMA)?;
        let reader = Self::new(connection, path.to_owned());
        match reader.read(Meta::FoldVersion.read(&reader.connection))? {
            Some(version) if version == u64::from(FOLD_VERSION) => Ok(reader),
            _ => Err(JournalError::OtherFold(path.to_owned())),
        }
    }

    /// The `seq` of the newest delivery; 0 when there never was one.
    pub fn head(&self) -> Result<u64, JournalError> {
        self.read(schema::head(&self.connection))
    }

    /// At most `limit` deliveries above `seq`, oldest first; fewer where bodies are long, none only at
    /// the end.
    pub fn deliveries_after(&self, seq: u64, limit: u32) -> Result<Vec<Delivery>, JournalError> {
        self.deliveries("seq > ?1 ORDER BY seq LIMIT ?2", seq, limit)
    }

    /// At most `limit` deliveries below `seq`, newest first; fewer where bodies are long, none only at
    /// the end.
    pub fn deliveries_before(&self, seq: u64, limit: u32) -> Result<Vec<Delivery>, JournalError> {
        self.deliveries("seq < ?1 ORDER BY seq DESC LIMIT ?2", seq, limit)
    }

    fn deliveries(&self, which: &str, seq: u64, limit: u32) -> Result<Vec<Delivery>, JournalError> {
        let columns = rows::DELIVERY;
        let read = || {
            let mut statement = self
                .connection
                .prepare_cached(&format!("SELECT {columns} FROM delivery WHERE {which}"))?;
            let seq = rows::signed(seq.min(i64::MAX.cast_unsigned()));
            let mut page = Vec::new();
            let mut bytes = 0;
            for delivery in statement.query_map((seq, limit), rows::delivery)? {
                let delivery = delivery?;
                bytes += delivery.request.body.len();
                page.push(delivery);
                if bytes >= PAGE_BYTES {
                    break;
                }
            }
            Ok(page)
        };
        self.read(read())
    }

    /// At most `limit` refusals that were written after change number `change`, in the order of
    /// their changes, and the number of the last of those.
    pub fn refusals_after(
        &self,
        change: u64,
        limit: u32,
    ) -> Result<(Vec<Listed>, u64), JournalError> {
        let columns = rows::REFUSAL;
        let read = || {
            let mut last = change;
            let listed = self
                .connection
                .prepare_cached(&format!(
                    "SELECT {columns} FROM refusal WHERE change > ?1 ORDER BY change LIMIT ?2"
                ))?
                .query_map((rows::signed(change), limit), |row| {
                    last = rows::unsigned(row.get("change")?);
                    rows::refusal(row)
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((listed, last))
        };
        self.read(read())
    }

    /// The highest id in the log of refusals; 0 when it is empty.
    pub(super) fn highest_refusal_id(&self) -> Result<u64, JournalError> {
        let id = self.connection.query_row("SELECT max(id) FROM refusal", [], |row| row.get(0));
        self.read(id.map(|id: Option<i64>| id.map_or(0, rows::unsigned)))
    }

    /// Hands every asset with its versions to `each`, the most recently active last; stops at its
    /// first error.
    ///
    /// No read is open while `each` runs: one that waits for its output would keep the write-ahead
    /// log from being cleared, and the log would grow for as long as it waits. An asset that becomes
    /// active meanwhile may come once more, at its new place.
    pub fn each_asset<E: From<JournalError>>(
        &self,
        mut each: impl FnMut(AssetRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut last_at, mut last_id) = (i64::MIN, String::new());
        loop {
            let page = self.read(self.assets_after(last_at, &last_id))?;
            let Some((at, row)) = page.last() else { return Ok(()) };
            (last_at, last_id) = (*at, row.asset_id.clone());
            for (_, row) in page {
                each(row)?;
            }
        }
    }

    /// A page of assets behind a place in the order of activity, each with when it was last active.
    fn assets_after(&self, last_at: i64, last_id: &str) -> rusqlite::Result<Vec<(i64, AssetRow)>> {
        self.connection
            .prepare_cached(
                "SELECT asset_id, last_at, memory FROM asset WHERE (last_at, asset_id) > (?1, ?2)
                 ORDER BY last_at, asset_id LIMIT 200",
            )?
            .query_map((last_at, last_id), |row| {
                let asset_id: String = row.get("asset_id")?;
                let versions = self.versions(&asset_id)?;
                let asset = rows::json(row, "memory")?;
                Ok((row.get("last_at")?, AssetRow { asset_id, asset, versions }))
            })?
            .collect()
    }

    fn versions(&self, asset_id: &str) -> rusqlite::Result<Vec<VersionRow>> {
        self.connection
            .prepare_cached(
                "SELECT version_id, memory FROM version WHERE asset_id = ?1 ORDER BY version_id",
            )?
            .query_map([asset_id], |row| {
                Ok(VersionRow {
                    version_id: row.get("version_id")?,
                    version: rows::json(row, "memory")?,
                })
            })?
            .collect()
    }

    fn read<T>(&self, result: rusqlite::Result<T>) -> Result<T, JournalError> {
        result.map_err(|cause| JournalError::Read { path: self.path.clone(), cause })
    }
}
