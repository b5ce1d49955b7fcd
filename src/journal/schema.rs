//! The journal's tables and their migrations.

use rusqlite::{Connection, OptionalExtension};

use super::watermarks::Watermarks;
use crate::sqlite::{Commands, Schema};

/// `dubw`, in the file's header: identifies the database for SQLite and `file`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"dubw");

/// Times are microseconds since 1970-01-01T00:00:00Z. Words are those of NDJSON.
///
/// Migrations are only ever appended: every existing file is at one of them.
pub(super) const SCHEMA: Schema = Schema {
    what: "journal",
    commands: Commands {
        make: "`dubwatch` makes one when it starts to watch",
        beside: "`dubwatch status` and `dubwatch log` work beside it",
        read: " (`dubwatch status` and `dubwatch log` may still read it)",
    },
    application_id: APPLICATION_ID,
    reserve: 0,
    migrations: &[
        "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE delivery (
        seq INTEGER PRIMARY KEY,
        received_at INTEGER NOT NULL,
        committed_at INTEGER NOT NULL,
        source TEXT NOT NULL,
        peer TEXT NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        headers TEXT NOT NULL,              -- JSON: [[name, value], …]
        verdict TEXT NOT NULL,
        verdict_key TEXT,
        verdict_encoding TEXT,
        event TEXT,
        asset_id TEXT,
        version_id TEXT,
        version_locale TEXT,
        unreadable TEXT,
        fingerprint_signature INTEGER NOT NULL,
        fingerprint_copy INTEGER NOT NULL,
        effect TEXT NOT NULL,
        uncertain TEXT,                     -- the code of a doubt
        body BLOB NOT NULL                  -- last: a long one spills, the rest stays on its page
    ) STRICT;
    CREATE INDEX delivery_by_asset ON delivery (asset_id) WHERE asset_id IS NOT NULL;
    CREATE INDEX delivery_without_effect ON delivery (received_at) WHERE effect = 'none';

    -- What the fold knows, kept in the transaction of each delivery, so that nobody has to read
    -- history to know the present.
    CREATE TABLE asset (
        asset_id TEXT PRIMARY KEY,
        last_at INTEGER NOT NULL,
        memory TEXT NOT NULL                -- JSON of timeline::Asset
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX asset_by_activity ON asset (last_at);

    CREATE TABLE version (
        asset_id TEXT NOT NULL,
        version_id TEXT NOT NULL,
        memory TEXT NOT NULL,               -- JSON of timeline::Version
        PRIMARY KEY (asset_id, version_id)
    ) STRICT, WITHOUT ROWID;

    -- Bounded: at most the newest 1,000, bodies cut.
    CREATE TABLE refusal (
        id INTEGER PRIMARY KEY,
        change INTEGER NOT NULL UNIQUE,     -- goes up with every write, for readers that follow
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        status INTEGER NOT NULL,
        why TEXT NOT NULL,
        count INTEGER NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        peer TEXT NOT NULL,
        headers TEXT NOT NULL,
        truncated INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    ",
        "
    -- What the user said of an asset. It stands apart from what the fold knows, so that folding
    -- anew keeps it, and an asset can have a name before anything was heard of it.
    CREATE TABLE asset_name (
        asset_id TEXT PRIMARY KEY,
        name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE acknowledgement (
        asset_id TEXT NOT NULL,
        version_id TEXT NOT NULL,           -- '': the asset as a whole; no id is empty
        at INTEGER NOT NULL,                -- when the failure had come
        PRIMARY KEY (asset_id, version_id)
    ) STRICT, WITHOUT ROWID;
    ",
        "
    -- How far the inboxes of relays were taken over. A place belongs to a subscription, because it
    -- has to be known before the relay says which inbox that reads; a number that was passed by
    -- belongs to the inbox, whoever reads it.
    CREATE TABLE relay_place (
        relay TEXT PRIMARY KEY,
        epoch INTEGER,
        seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE relay_cursor (
        inbox TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,               -- the highest of its epoch
        PRIMARY KEY (inbox, epoch)
    ) STRICT, WITHOUT ROWID;

    -- What relays dropped. Bounded: the newest 1,000.
    CREATE TABLE gap (
        id INTEGER PRIMARY KEY,             -- goes up, for readers that follow
        at INTEGER NOT NULL,
        inbox TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,
        to_seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    ",
        "
    -- Bodies that were refused before the last one of their entry. Bounded: the newest 19 of an entry,
    -- 8 MiB together.
    CREATE TABLE refusal_body (
        id INTEGER PRIMARY KEY,
        refusal_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        peer TEXT NOT NULL,
        truncated INTEGER NOT NULL,
        size INTEGER NOT NULL,              -- of the body, in bytes
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX refusal_body_by_refusal ON refusal_body (refusal_id, id, size);
    ",
        "
    -- What the user expects of an asset: locales separated by commas, or a number of versions.
    CREATE TABLE asset_expectation (
        asset_id TEXT PRIMARY KEY,
        expected TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ",
        "
    -- What the service's API lists about an asset, beside the status of its versions, which are rows
    -- of `delivery`.
    CREATE TABLE listing (
        asset_id TEXT PRIMARY KEY,
        name TEXT,
        name_field TEXT,                    -- the field of the answer that the name is from
        is_complete INTEGER NOT NULL,       -- all versions of the asset were listed
        is_foreign INTEGER NOT NULL         -- not an asset of the account
    ) STRICT, WITHOUT ROWID;
    ",
        "
    -- How far forwarding to each target is.
    CREATE TABLE forward_target (
        id INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        place INTEGER NOT NULL              -- every delivery up to this one is done
    ) STRICT;

    -- The attempts to forward deliveries. A row is written before its attempt is sent, so that none
    -- is sent that nothing tells of.
    CREATE TABLE forward (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        target_id INTEGER NOT NULL,
        attempt INTEGER NOT NULL,           -- from 1
        change INTEGER UNIQUE,              -- goes up with every end, for readers that follow; NULL before
        at INTEGER NOT NULL,                -- when it was sent
        is_last INTEGER NOT NULL,           -- the delivery is done with it
        status INTEGER,
        took INTEGER,                       -- in microseconds
        error TEXT,
        headers TEXT,
        truncated INTEGER,
        body BLOB,                          -- the beginning of the answer's
        UNIQUE (seq, target_id, attempt)
    ) STRICT;
    ",
    ],
};

/// Numbers about the journal as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meta {
    /// The version of the rules by which the stored states were folded.
    FoldVersion,
    /// The highest `seq` ever assigned, even if its delivery has been pruned.
    Head,
    /// Total number of deleted deliveries.
    Pruned,
    /// Incremented with every note of the user.
    Notes,
    /// Written to test whether writing works.
    Probe,
}

impl Meta {
    const fn key(self) -> &'static str {
        match self {
            Self::FoldVersion => "fold_version",
            Self::Head => "head",
            Self::Pruned => "pruned",
            Self::Notes => "notes",
            Self::Probe => "probe",
        }
    }

    pub(super) fn read(self, connection: &Connection) -> rusqlite::Result<Option<u64>> {
        connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [self.key()], |row| row.get(0))
            .optional()
            .map(|value: Option<i64>| value.map(super::rows::unsigned))
    }

    /// Adds to it.
    pub(super) fn add(self, connection: &Connection, more: u64) -> rusqlite::Result<()> {
        let value = self.read(connection)?.unwrap_or(0);
        self.write(connection, value.saturating_add(more))
    }

    pub(super) fn write(self, connection: &Connection, value: u64) -> rusqlite::Result<()> {
        let value = super::rows::signed(value);
        connection
            .execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (self.key(), value))
            .map(drop)
    }
}

/// Returns the highest `seq` ever assigned.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<u64> {
    let newest: Option<i64> =
        connection.query_row("SELECT max(seq) FROM delivery", [], |row| row.get(0))?;
    let kept = Meta::Head.read(connection)?.unwrap_or(0);
    Ok(kept.max(newest.map_or(0, super::rows::unsigned)))
}

/// Returns the watermarks of the journal.
pub(super) fn watermarks(connection: &Connection) -> rusqlite::Result<Watermarks> {
    Ok(Watermarks {
        gaps: super::relayed::last_gap(connection)?,
        head: head(connection)?,
        refusals: last_change(connection)?,
        pruned: Meta::Pruned.read(connection)?.unwrap_or(0),
        forwards: super::forwards::last_change(connection)?,
    })
}

/// Returns the number of the newest change in the refusal log.
fn last_change(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.query_row("SELECT max(change) FROM refusal", [], |row| row.get(0))?;
    Ok(last.map_or(0, super::rows::unsigned))
}
