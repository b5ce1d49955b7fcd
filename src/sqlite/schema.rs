//! Checks that a file has exactly the schema of our migrations, without triggers or the like.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The most characters of a foreign name that a message repeats.
const MAX_NAME: usize = 40;

/// What a database is for, and how it came to its present shape.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What it is called in messages: "journal".
    pub what: &'static str,
    /// Which commands there are around such a database.
    pub commands: Commands,
    /// Marks the file as ours (`PRAGMA application_id`).
    pub application_id: i32,
    /// Bytes of the disk that are kept for when it is full, so that room can be made; 0 for none.
    pub reserve: u64,
    /// SQL that leads from version *n* to *n + 1* (`PRAGMA user_version`). Only ever appended to.
    pub migrations: &'static [&'static str],
}

/// The commands of the program that make and read a kind of database, as clauses of messages.
#[derive(Debug, Clone, Copy)]
pub struct Commands {
    /// What makes one: "`dubwatch` makes one when it starts to watch".
    pub make: &'static str,
    /// What works beside the one writer: "`dubwatch log` works beside it".
    pub beside: &'static str,
    /// What can read one that cannot be written, with a blank and in brackets; empty where nothing
    /// can.
    pub read: &'static str,
}

/// Has SQLite run nothing that only the file asks for, and write nothing of its own tables.
pub(super) fn harden(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(setting, on)?;
    }
    Ok(())
}

/// The schema of a database: the SQL of each object by kind and name.
type Things = BTreeMap<(String, String), String>;

/// Returns the first object that differs from the schema after `version` migrations, as a clause;
/// `None` if there is no difference.
pub(super) fn difference(
    connection: &Connection,
    schema: &Schema,
    version: usize,
) -> rusqlite::Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    for step in schema.migrations.iter().take(version) {
        model.execute_batch(step)?;
    }
    let (ours, found) = (things(&model)?, things(connection)?);
    let names = |(kind, name): &(String, String)| {
        // Escaped: a foreign name can contain terminal control characters.
        let name: String = name.chars().take(MAX_NAME).collect();
        format!("{kind} {name:?}")
    };
    let foreign = found.iter().find_map(|(thing, sql)| match ours.get(thing) {
        Some(known) if known == sql => None,
        Some(_) => Some(format!("its {} is not the one that dubwatch makes", names(thing))),
        None => Some(format!("it holds the {}, which is not of dubwatch", names(thing))),
    });
    let missing = || ours.keys().find(|thing| !found.contains_key(*thing));
    Ok(foreign.or_else(|| missing().map(|thing| format!("its {} is missing", names(thing)))))
}

fn things(connection: &Connection) -> rusqlite::Result<Things> {
    // SQLite's own objects have no SQL or are statistics, and others cannot create them.
    let mut statement = connection.prepare(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema
         WHERE substr(name, 1, 7) <> 'sqlite_' ORDER BY type, name",
    )?;
    let rows = statement.query_map([], |row| {
        let sql: String = row.get(2)?;
        // The layout of a migration may change, but not its meaning.
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(((row.get(0)?, row.get(1)?), sql))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Commands, Database, Location, OpenError};

    const SCHEMA: Schema = Schema {
        what: "journal",
        commands: Commands { make: "start one", beside: "read beside it", read: "" },
        application_id: 0x6475_6277,
        reserve: 0,
        migrations: &["CREATE TABLE one (x INTEGER) STRICT", "ALTER TABLE one ADD COLUMN y TEXT"],
    };

    #[test]
    fn a_file_with_anything_that_is_not_ours_is_refused_and_left() {
        for (change, why) in [
            (
                "CREATE TRIGGER t AFTER INSERT ON one BEGIN DELETE FROM one; END",
                r#"it holds the trigger "t", which is not of dubwatch"#,
            ),
            (
                "CREATE VIEW v AS WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
                r#"it holds the view "v", which is not of dubwatch"#,
            ),
            (
                "DROP TABLE one; CREATE VIEW one AS SELECT 1 AS x, 2 AS y",
                r#"it holds the view "one", which is not of dubwatch"#,
            ),
            (
                "DROP TABLE one; CREATE TABLE one (x INTEGER, y TEXT AS (x || x)) STRICT",
                r#"its table "one" is not the one that dubwatch makes"#,
            ),
            ("DROP TABLE one", r#"its table "one" is missing"#),
            (
                "CREATE UNIQUE INDEX i ON one (x)",
                r#"it holds the index "i", which is not of dubwatch"#,
            ),
            (
                "CREATE TABLE \"\u{1b}[2J\u{202e}\" (x)",
                r#"it holds the table "\u{1b}[2J\u{202e}", which is not of dubwatch"#,
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("journal.db");
            let location = Location::File(path.clone());
            Database::open(&location, SCHEMA).unwrap().1.close().unwrap();
            Connection::open(&path).unwrap().execute_batch(change).unwrap();
            let before = std::fs::read(&path).unwrap();
            for error in [
                Database::open(&location, SCHEMA).unwrap_err(),
                Database::open_reader(&path, SCHEMA).unwrap_err(),
                Database::open_beside(&path, SCHEMA).unwrap_err(),
            ] {
                assert!(matches!(&error, OpenError::Changed { .. }), "{error}");
                assert!(error.to_string().contains(why), "{error}");
            }
            assert_eq!(std::fs::read(&path).unwrap(), before, "{change}");
        }
    }

    #[test]
    fn what_is_planted_later_does_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (_, connection) = Database::open(&Location::File(path.clone()), SCHEMA).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "CREATE TRIGGER t AFTER INSERT ON one BEGIN DELETE FROM one; END;
                 CREATE VIEW v AS SELECT * FROM one",
            )
            .unwrap();
        connection.execute("INSERT INTO one VALUES (1, 'y')", []).unwrap();
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(count("one").unwrap(), 1);
        assert!(count("v").is_err(), "no view is read");
        connection.pragma_update(None, "writable_schema", true).unwrap();
        assert!(connection.execute("DELETE FROM sqlite_schema", []).is_err());
    }
}
