//! The relay's tables and their migrations.

use crate::sqlite::{Commands, Schema};

/// `dubr`, in the file's header: distinguishes a relay's store from a journal.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"dubr");

/// Bytes that deleting an inbox or pruning needs on a full disk before it frees space: some slices
/// in the write-ahead log.
const RESERVE: u64 = 1 << 20;

/// Bits of a `place` that are the `seq`: 2⁴⁰ deliveries an inbox, 2²³ inboxes.
pub(super) const SEQ_BITS: u32 = 40;

/// The highest `seq` that a `place` can have.
pub(super) const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;

/// Times are microseconds since 1970-01-01T00:00:00Z.
///
/// Migrations are only ever appended: every existing file is at one of them.
pub(super) const SCHEMA: Schema = Schema {
    what: "relay store",
    commands: Commands {
        make: "`dubwatch relay` and `dubwatch relay inbox create` make one",
        beside: "`dubwatch relay inbox` works beside it",
        read: "",
    },
    application_id: APPLICATION_ID,
    reserve: RESERVE,
    migrations: &[
        "
    CREATE TABLE inbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,          -- the operator's word for it
        publish_id TEXT NOT NULL UNIQUE,
        token_key TEXT NOT NULL UNIQUE,     -- the part of the token that finds the inbox
        token_hash BLOB NOT NULL,           -- SHA-256 of the whole token
        created_at INTEGER NOT NULL,
        rotated_at INTEGER,
        revoked_at INTEGER,
        -- Kept in the transaction of what they count, so that a start reads no history.
        head INTEGER NOT NULL DEFAULT 0,    -- the highest seq ever given out
        count INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        unverified_count INTEGER NOT NULL DEFAULT 0,
        unverified_bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    -- One number is inbox and seq: what an inbox holds lies side by side, in order, and needs no
    -- index beside the table itself.
    CREATE TABLE delivery (
        place INTEGER PRIMARY KEY,          -- inbox << 40 | seq
        received_at INTEGER NOT NULL,
        verified INTEGER NOT NULL,
        size INTEGER NOT NULL,              -- as the caps count it
        method TEXT NOT NULL,
        tail TEXT NOT NULL,
        query TEXT,
        headers TEXT NOT NULL,              -- JSON: [[name, value], …]
        peer TEXT NOT NULL,
        body BLOB NOT NULL                  -- last: a long one spills, the rest stays on its page
    ) STRICT;
    CREATE INDEX delivery_unverified ON delivery (place) WHERE verified = 0;
    CREATE INDEX delivery_by_age ON delivery (received_at);

    -- Which epoch labels an inbox's deliveries from a seq on.
    CREATE TABLE epoch (
        inbox INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        PRIMARY KEY (inbox, first_seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE reader (
        inbox INTEGER NOT NULL,
        name TEXT NOT NULL,
        acked INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (inbox, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reader_by_absence ON reader (seen_at);

    -- Why something is missing. That it is missing is seen from the numbers themselves, so this may
    -- be bounded: what is not found here is announced all the same.
    CREATE TABLE gap (
        inbox INTEGER NOT NULL,
        to_seq INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,
        reason TEXT NOT NULL,
        count INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (inbox, to_seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE probe (id INTEGER PRIMARY KEY, written INTEGER NOT NULL) STRICT;
    ",
        "
    -- What readers tell an inbox by, 128 random bits: it outlives its token and its publish URL.
    ALTER TABLE inbox ADD COLUMN identity BLOB NOT NULL DEFAULT x'';
    UPDATE inbox SET identity = randomblob(16);

    -- Which run of the relay made a label: one run may have several.
    ALTER TABLE epoch ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
    UPDATE epoch SET run = epoch;
    ",
        "
    -- Which epoch labels an inbox's deliveries from a seq on. Several may begin at one seq: the last
    -- of them labels it, the others were told to readers as their place and label nothing.
    CREATE TABLE label (
        inbox INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        run INTEGER NOT NULL,               -- which run of the relay made it: it may have several
        PRIMARY KEY (inbox, first_seq, turn)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO label SELECT inbox, first_seq, 0, epoch, run FROM epoch;
    DROP TABLE epoch;
    ",
        "
    -- Refused and not yet announced: otherwise a relay that is killed would forget them.
    ALTER TABLE inbox ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
    ",
        "
    -- Publish ids that were replaced and are still taken for a while: a sender goes on with the URL
    -- that it was given for an asset.
    CREATE TABLE old_publish_id (
        publish_id TEXT PRIMARY KEY,
        inbox INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX old_publish_id_by_inbox ON old_publish_id (inbox, until);
    ",
        "
    -- Where the relay is reached, as it was last said: for commands that are not told.
    CREATE TABLE reached (id INTEGER PRIMARY KEY CHECK (id = 1), base TEXT NOT NULL) STRICT;
    ",
    ],
};

/// Returns the `place` of a delivery.
pub(super) fn place(inbox: i64, seq: u64) -> i64 {
    inbox << SEQ_BITS | signed(seq)
}

/// Returns the `seq` of a `place`.
pub(super) fn seq_of(place: i64) -> u64 {
    unsigned(place & signed(MAX_SEQ))
}

/// Returns a non-negative number from the database, or an error.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Returns a number for the database. Larger ones do not occur: sizes are bounded, and a `seq` has
/// 40 bits.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
