//! The user's notes, and deleted assets.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_kept_and_sent() {
    let key = PrivateKey::generate().unwrap();
    let mut harness = BackendHarness::open(memory(), key, 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    harness.news().await;

    let name = || Request::Name { asset_id: "a".to_owned(), name: Some("Trailer".to_owned()) };
    harness.ask(name()).await;
    let BackendEvent::Asset(asset) = harness.next().await else { panic!("no asset") };
    assert_eq!(asset.notes.name.as_deref(), Some("Trailer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_is_answered_with_the_reason() {
    let name = || Request::Name { asset_id: "a".to_owned(), name: Some("Trailer".to_owned()) };
    let (_dir, path, journal) = on_disk();
    let mut harness = BackendHarness::read_only(&path, journal, PrivateKey::generate().unwrap());
    harness.start().await;
    harness.ask(name()).await;
    let (request, why) = harness.unanswered().await;
    assert_eq!(request, name());
    assert!(why.starts_with("read-only"), "{why}");

    // A second journal, closed: its writer fails while the follower still reads the first.
    let other = memory();
    other.close();
    let follower = Follower::open(&path).unwrap();
    let (journal, key) = (Arc::clone(&harness.journal), PrivateKey::generate().unwrap());
    let mut harness = BackendHarness::following(follower, Some(Arc::new(other)), journal, key, 64);
    harness.start().await;
    harness.ask(name()).await;
    let (request, why) = harness.unanswered().await;
    assert_eq!(request, name());
    assert!(why.starts_with("not kept: "), "{why}");
}

/// Otherwise the dashboard would know of a failure before its news, and would ring no bell for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_asset_is_sent_after_the_news_of_its_deliveries() {
    let mut harness = BackendHarness::open(memory(), PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    for round in 0..5 {
        // After this news the next one is delayed by the minimum interval.
        append(&harness.journal, &harness.key, "a", 2 * round).await;
        harness.news().await;
        let before = harness.journal.reader().unwrap().head().unwrap();
        flood(&harness.journal, "version_generate_failed", "a", 2 * round + 1, 1).await;
        harness.ask(Request::Name { asset_id: "a".to_owned(), name: None }).await;
        let news = harness.news().await;
        assert_eq!(news.head, before + 1);
        let BackendEvent::Asset(asset) = harness.next().await else { panic!("no asset") };
        assert_eq!(asset.row, news.assets[0].row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_for_a_deleted_asset_is_answered() {
    let (_dir, path, journal) = on_disk();
    let mut harness = BackendHarness::open(journal, PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    harness.news().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DELETE FROM asset; DELETE FROM version; DELETE FROM delivery").unwrap();

    let seen = Request::Acknowledge {
        asset_id: "a".to_owned(),
        version_id: Some("v".to_owned()),
        at: Some(at(1)),
    };
    harness.ask(seen.clone()).await;
    assert!(matches!(harness.next().await, BackendEvent::Gone(asset_id) if asset_id == "a"));
    let (request, why) = harness.unanswered().await;
    assert_eq!((request, &*why), (seen, "that asset is no longer in the journal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_deleted_asset_reports_the_deletion() {
    let (_dir, path, journal) = on_disk();
    let mut harness = BackendHarness::open(journal, PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    harness.news().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DELETE FROM asset; DELETE FROM version; DELETE FROM delivery").unwrap();
    harness.ask(Request::OfAsset("a".to_owned())).await;
    assert!(matches!(harness.next().await, BackendEvent::Gone(asset_id) if asset_id == "a"));
    assert!(matches!(harness.next().await, BackendEvent::OfAsset(_, rows) if rows.is_empty()));
}

/// `names import` writes while the dashboard runs, and the feed does not report that.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_another_process_writes_are_sent() {
    let (_dir, path, journal) = on_disk();
    let mut harness = BackendHarness::open(journal, PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    harness.news().await;
    let asset_id = "a".to_owned();
    let change = crate::journal::NameChange { asset_id, name: Some("Trailer".to_owned()) };
    tokio::task::spawn_blocking(move || Journal::change_names(&path, &[change]))
        .await
        .unwrap()
        .unwrap();
    let BackendEvent::Asset(asset) = harness.next().await else { panic!("no asset") };
    assert_eq!(asset.notes.name.as_deref(), Some("Trailer"));
}
