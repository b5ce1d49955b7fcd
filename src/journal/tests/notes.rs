//! The user's notes: they stay until they are removed or their asset is deleted.

use super::*;
use crate::timeline::{Expectation, Notes};

fn name(journal: &Journal, asset: &str, name: Option<&str>) {
    let named = journal.name(asset.to_owned(), name.map(str::to_owned)).unwrap();
    named.blocking_receipt().unwrap();
}

fn acknowledge(journal: &Journal, asset: &str, version: Option<&str>, at: Option<Timestamp>) {
    let seen = journal.acknowledge(asset.to_owned(), version.map(str::to_owned), at).unwrap();
    seen.blocking_receipt().unwrap();
}

fn expectation(text: &str) -> Expectation {
    Expectation::parse(text).unwrap()
}

fn expect(journal: &Journal, asset: &str, expected: Option<&str>) {
    let set = journal.expect(asset.to_owned(), expected.map(expectation)).unwrap();
    set.blocking_receipt().unwrap();
}

/// Returns the notes of an asset; empty if the asset is unknown.
fn notes(reader: &JournalReader, asset: &str) -> Option<Notes> {
    reader.asset(asset).unwrap().map(|(_, notes)| notes)
}

/// Creates an asset with a failed version, and notes of both.
fn noted(journal: &Journal) -> Notes {
    append(journal, accepted(&event(State::Failed, "ast", "ver"), 0, 1));
    append(journal, accepted(r#"{"event":"asset_failed","asset_id":"ast"}"#, 1, 2));
    name(journal, "ast", Some("Trailer S2"));
    expect(journal, "ast", Some("es-ES,fr-FR"));
    acknowledge(journal, "ast", Some("ver"), Some(at(0)));
    acknowledge(journal, "ast", None, Some(at(1)));
    Notes {
        name: Some("Trailer S2".to_owned()),
        expected: Some(expectation("es-ES,fr-FR").into()),
        acknowledged: [(Some("ver".to_owned()), at(0)), (None, at(1))].into(),
        ..Notes::default()
    }
}

/// Returns the number of rows in all tables of notes.
fn rows_left(dir: &tempfile::TempDir) -> u32 {
    let connection = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    let count = "SELECT (SELECT count(*) FROM asset_name) + (SELECT count(*) FROM acknowledgement)
        + (SELECT count(*) FROM asset_expectation)";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn notes_are_kept_over_a_restart_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let said = noted(&journal);
    journal.close();

    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(notes(&reader, "ast"), Some(said.clone()));
    assert_eq!(reader.all_notes().unwrap(), [("ast".to_owned(), said)].into());
    let version = reader.notes_version().unwrap();

    name(&journal, "ast", None);
    expect(&journal, "ast", Some("12"));
    acknowledge(&journal, "ast", None, None);
    let expected = notes(&reader, "ast").unwrap().expected;
    assert_eq!(expected.as_deref(), Some(&expectation("12")), "in place of the earlier one");
    expect(&journal, "ast", None);
    let none = Notes::default();
    let left = Notes { acknowledged: [(Some("ver".to_owned()), at(0))].into(), ..none };
    assert_eq!(notes(&reader, "ast"), Some(left));
    assert_ne!(reader.notes_version().unwrap(), version);

    acknowledge(&journal, "ast", Some("ver"), Some(at(7)));
    let none = Notes::default();
    let left = Notes { acknowledged: [(Some("ver".to_owned()), at(7))].into(), ..none };
    assert_eq!(notes(&reader, "ast"), Some(left), "a newer failure in place of the older one");
    acknowledge(&journal, "ast", Some("ver"), None);
    assert_eq!(notes(&reader, "ast"), Some(Notes::default()));
    drop(reader);
    journal.close();
    assert_eq!(rows_left(&dir), 0);
}

#[test]
fn a_name_comes_before_the_asset_and_is_tidied() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    let reader = journal.reader().unwrap();
    name(&journal, "ast", Some("Launch film"));
    assert_eq!(reader.asset("ast").unwrap(), None, "nothing was heard of it");
    append(&journal, accepted(&event(State::Ready, "ast", "ver"), 0, 1));
    let found = || notes(&reader, "ast").and_then(|notes| notes.name);
    assert_eq!(found().as_deref(), Some("Launch film"));

    let long = "é".repeat(300);
    name(&journal, "ast", Some(&format!("  {long}")));
    assert_eq!(found(), Some("é".repeat(MAX_NAME)));
    name(&journal, "ast", Some(" \t"));
    assert_eq!(found(), None, "a blank name is none");
}

#[test]
fn an_acknowledged_failure_is_never_newer_than_what_was_noted() {
    let journal = Journal::open(&Location::Memory, None).unwrap();
    let mut failed = accepted(&event(State::Failed, "ast", "ver"), 0, 1);
    failed.request.received_at += SignedDuration::from_nanos(123_456_789);
    let between = failed.request.received_at;
    append(&journal, failed);
    let reader = journal.reader().unwrap();
    let (row, _) = reader.asset("ast").unwrap().unwrap();
    let shown = row.versions[0].version.since();
    for at in [shown, between] {
        acknowledge(&journal, "ast", Some("ver"), Some(at));
        let seen = notes(&reader, "ast").unwrap().acknowledged[&Some("ver".to_owned())];
        assert!(seen >= at && seen.duration_since(at) < SignedDuration::from_micros(1), "{seen}");
    }
}

#[test]
fn notes_go_with_their_asset_and_names_of_unknown_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    noted(&journal);
    append(&journal, accepted(&event(State::Failed, "busy", "ver"), 200, 3));
    name(&journal, "busy", Some("Episode 1"));
    acknowledge(&journal, "busy", Some("ver"), Some(at(200)));
    expect(&journal, "busy", Some("3"));
    name(&journal, "later", Some("Episode 2"));
    journal.close();
    Journal::prune(&dir.path().join("journal.db"), at(100)).unwrap();
    assert_eq!(rows_left(&dir), 4);

    let journal = Journal::open(&file(&dir), None).unwrap();
    acknowledge(&journal, "ast", None, Some(at(1)));
    expect(&journal, "ast", Some("12"));
    append(&journal, accepted(&event(State::Failed, "ast", "ver"), 300, 4));
    append(&journal, accepted(&event(State::Ready, "later", "ver"), 300, 5));
    let reader = journal.reader().unwrap();
    assert_eq!(
        notes(&reader, "ast"),
        Some(Notes::default()),
        "of its earlier life nothing is left"
    );
    let busy = notes(&reader, "busy").unwrap();
    assert_eq!((busy.name.as_deref(), busy.acknowledged.len()), (Some("Episode 1"), 1));
    assert_eq!(notes(&reader, "later").unwrap().name.as_deref(), Some("Episode 2"));
}

#[test]
fn notes_stay_when_states_are_folded_anew() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let said = noted(&journal);
    let kept = shown(&journal.reader().unwrap());
    journal.close();
    let spoil = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    spoil
        .execute_batch("UPDATE meta SET value = 0 WHERE key = 'fold_version'; DELETE FROM asset")
        .unwrap();
    spoil.close().unwrap();

    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(shown(&reader), kept);
    assert_eq!(notes(&reader, "ast"), Some(said));
}

#[test]
fn an_expectation_that_cannot_be_read_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "ast", "ver"), 0, 1));
    expect(&journal, "ast", Some("2"));
    journal.close();
    let spoil = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    spoil.execute("UPDATE asset_expectation SET expected = 'many'||char(0)", []).unwrap();
    spoil.close().unwrap();

    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(notes(&reader, "ast"), Some(Notes::default()));
    assert_eq!(reader.all_notes().unwrap(), [].into());
    expect(&journal, "ast", Some("3"));
    assert_eq!(notes(&reader, "ast").unwrap().expected.as_deref(), Some(&expectation("3")));
}

#[test]
fn a_journal_from_before_there_were_notes_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let first =
        crate::sqlite::Schema { migrations: &schema::SCHEMA.migrations[..1], ..schema::SCHEMA };
    let (_, mut connection) = Database::open(&file(&dir), first).unwrap();
    let sent = accepted(&event(State::Failed, "ast", "ver"), 0, 1);
    rows::insert_delivery(&connection, 1, at(0), &sent, Outcome::NONE).unwrap();
    refold::if_needed(&mut connection).unwrap();
    connection.close().unwrap();
    let refused = JournalReader::open(&path).unwrap_err().to_string();
    assert!(refused.contains("start `dubwatch` once to bring it up to date"), "{refused}");

    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(reader.deliveries_after(0, 9).unwrap()[0].request, sent.request);
    assert_eq!(notes(&reader, "ast"), Some(Notes::default()));
    name(&journal, "ast", Some("Trailer S2"));
    acknowledge(&journal, "ast", Some("ver"), Some(at(0)));
    expect(&journal, "ast", Some("es-ES"));
    journal.close();
    let reader = JournalReader::open(&path).unwrap();
    let said = notes(&reader, "ast").unwrap();
    assert_eq!((said.name.as_deref(), said.acknowledged.len()), (Some("Trailer S2"), 1));
    assert_eq!(said.expected.as_deref(), Some(&expectation("es-ES")));
}

/// Like `names import` while a dashboard receives.
#[test]
fn many_names_are_changed_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let change = |asset_id: &str, name: &str| NameChange {
        asset_id: asset_id.to_owned(),
        name: (!name.is_empty()).then(|| name.to_owned()),
    };
    let first = Journal::change_names(&path, &[change("ast", "One"), change("other", "")]);
    let none = NamingCounts::default();
    assert_eq!(first.unwrap(), NamingCounts { named: 1, unchanged: 1, unknown: 1, ..none });

    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Ready, "ast", "ver"), 0, 1));
    let reader = journal.reader().unwrap();
    assert_eq!(reader.name("ast").unwrap().as_deref(), Some("One"));
    let version = reader.notes_version().unwrap();
    for round in 0..20 {
        // Alternates with the writer.
        let pending = journal.append(accepted(&event(State::Ready, "ast", "ver"), round, 2));
        let changes = [change("ast", &format!("Name {round}")), change("other", "Other")];
        Journal::change_names(&path, &changes).unwrap();
        pending.unwrap().blocking_receipt().unwrap();
    }
    assert_eq!(reader.name("ast").unwrap().as_deref(), Some("Name 19"));
    assert_ne!(reader.notes_version().unwrap(), version);
    let last = Journal::change_names(&path, &[change("ast", ""), change("other", "Other")]);
    assert_eq!(last.unwrap(), NamingCounts { removed: 1, unchanged: 1, unknown: 1, ..none });
    assert_eq!(reader.name("ast").unwrap(), None);
}
