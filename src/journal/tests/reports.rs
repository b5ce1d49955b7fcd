//! Answers of the service's API in the journal.

use super::*;
use crate::callback::{AssetReport, Basis, Delivery, ReportedName, VersionReport, VersionStatus};
use crate::timeline::AssetListing;

/// What the API said about `ast` at a second: versions with their status.
fn report(second: i64, versions: &[(&str, VersionStatus)]) -> AssetReport {
    let version = |(id, status): &(&str, VersionStatus)| VersionReport {
        asset_id: "ast".to_owned(),
        version_id: (*id).to_owned(),
        locale: Some("es-ES".to_owned()),
        status: *status,
    };
    AssetReport {
        asset_id: "ast".to_owned(),
        asked_at: at(second),
        host: "api.example".to_owned(),
        path: "/v1/assets/ast".to_owned(),
        name: None,
        is_complete: true,
        versions: versions.iter().map(version).collect(),
    }
}

fn commit(journal: &Journal, report: AssetReport) -> bool {
    journal.report(report).unwrap().blocking_receipt().unwrap().has_changed
}

fn foreign(journal: &Journal, asset_id: &str, is_foreign: bool) -> bool {
    let pending = journal.set_foreign(asset_id.to_owned(), is_foreign).unwrap();
    pending.blocking_receipt().unwrap().has_changed
}

#[test]
fn an_answer_has_a_row_for_each_version_that_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Generating, "ast", "v1"), 0, 1));
    let answer = [
        ("v1", VersionStatus::Completed),
        ("v2", VersionStatus::NotReady),
        ("v3", VersionStatus::Failed),
    ];
    assert!(commit(&journal, report(60, &answer)));
    assert!(!commit(&journal, report(61, &answer)), "asked again, it says nothing new");
    assert!(!commit(&journal, report(-60, &[("v1", VersionStatus::NotReady)])), "older");

    let reader = journal.reader().unwrap();
    let rows = reader.deliveries_after(1, 10).unwrap();
    let row = |row: &Delivery| {
        let Delivery { request, callback, verdict, .. } = row;
        assert_eq!(
            (request.source, verdict.name(), request.method.as_str()),
            (Source::Api, "api", "GET")
        );
        assert_eq!((request.peer.as_str(), request.received_at), ("api.example", at(60)));
        (callback.event.clone().unwrap(), callback.version_id.clone().unwrap())
    };
    let found: Vec<_> = rows.iter().map(row).collect();
    let expected =
        [("version_generated", "v1"), ("version_not_ready", "v2"), ("version_failed", "v3")];
    assert_eq!(found, expected.map(|(event, id)| (event.to_owned(), id.to_owned())));
    let (asset, notes) = reader.asset("ast").unwrap().unwrap();
    let states: Vec<_> =
        asset.versions.iter().map(|row| (row.version.state(), row.version.basis())).collect();
    assert_eq!(
        states,
        [
            (State::Generated, Basis::Api),
            (State::NotReady, Basis::Api),
            (State::Failed, Basis::Api)
        ]
    );
    assert!(notes.listing.is_complete);

    // The callback that was late.
    append(&journal, accepted(&event(State::Generated, "ast", "v1"), 62, 1));
    let (asset, _) = reader.asset("ast").unwrap().unwrap();
    assert_eq!(asset.versions[0].version.basis(), Basis::Both);
}

#[test]
fn answers_survive_a_restart_and_are_folded_anew() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    append(&journal, accepted(&event(State::Generating, "ast", "v1"), 0, 1));
    commit(&journal, report(60, &[("v1", VersionStatus::Failed), ("v2", VersionStatus::NotReady)]));
    append(&journal, accepted(&event(State::Failed, "ast", "v1"), 61, 1));
    commit(&journal, report(90, &[("v1", VersionStatus::ReadyToEdit)]));
    let before = shown(&journal.reader().unwrap());
    let rows = journal.reader().unwrap().deliveries_after(0, 10).unwrap();
    journal.close();

    let spoil = rusqlite::Connection::open(dir.path().join("journal.db")).unwrap();
    spoil
        .execute_batch("UPDATE meta SET value = 0 WHERE key = 'fold_version'; DELETE FROM version")
        .unwrap();
    spoil.close().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    assert_eq!(shown(&reader), before);
    assert_eq!(reader.deliveries_after(0, 10).unwrap(), rows);
}

#[test]
fn the_users_name_wins_and_each_answer_adds_to_the_listing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let reader = journal.reader().unwrap();
    let name = ReportedName { text: "Trailer".to_owned(), field: "title".to_owned() };
    let named =
        AssetReport { name: Some(name.clone()), ..report(0, &[("v", VersionStatus::NotReady)]) };
    assert!(commit(&journal, named.clone()));
    assert_eq!(reader.name("ast").unwrap().as_deref(), Some("Trailer"));
    assert!(!commit(&journal, AssetReport { name: None, is_complete: false, ..named.clone() }));
    let listing = || reader.asset("ast").unwrap().unwrap().1.listing;
    let expected = AssetListing { name: Some(name), is_complete: true, is_foreign: false };
    assert_eq!(listing(), expected);

    journal
        .name("ast".to_owned(), Some("Trailer S2".to_owned()))
        .unwrap()
        .blocking_receipt()
        .unwrap();
    assert_eq!(reader.name("ast").unwrap().as_deref(), Some("Trailer S2"));
    journal.name("ast".to_owned(), None).unwrap().blocking_receipt().unwrap();
    assert_eq!(reader.name("ast").unwrap().as_deref(), Some("Trailer"));

    let version = reader.notes_version().unwrap();
    assert!(foreign(&journal, "ast", true));
    assert!(!foreign(&journal, "ast", true));
    assert!(listing().is_foreign);
    assert_ne!(reader.notes_version().unwrap(), version, "dashboards show it");
    assert!(commit(&journal, named), "an asset that is listed is not foreign");
    assert!(!listing().is_foreign);
}

#[test]
fn a_deleted_asset_leaves_no_listing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    commit(&journal, report(0, &[("v", VersionStatus::Completed)]));
    journal.close();
    let path = dir.path().join("journal.db");
    Journal::prune(&path, at(3600)).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let left: u32 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM listing) + (SELECT count(*) FROM delivery)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}
