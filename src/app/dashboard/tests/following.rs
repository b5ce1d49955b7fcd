//! A journal that another process writes: its rows, notes and deletions.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_another_process_is_followed() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;

    let mut harness = BackendHarness::read_only(&path, journal, key);
    assert_eq!(harness.start().await.len(), 2);

    append(&harness.journal, &harness.key, "b", 2).await;
    let news = harness.news().await;
    assert_eq!((targets(&news.rows), news.old), (vec![Target::Delivery(2)], false));
    let pending = harness.journal.name("b".to_owned(), Some("B side".to_owned()));
    pending.unwrap().receipt().await.unwrap();
    let named = loop {
        let BackendEvent::Asset(asset) = harness.next().await else { panic!("no asset") };
        if asset.id() == "b" {
            break asset;
        }
    };
    assert_eq!(named.notes.name.as_deref(), Some("B side"));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_change_together_with_rows_are_sent() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut harness = BackendHarness::read_only(&path, journal, key);
    harness.start().await;
    for round in 0..4 {
        // Usually both are seen at the same check.
        let pending = harness.journal.name("a".to_owned(), Some(format!("take {round}"))).unwrap();
        append(&harness.journal, &harness.key, "b", 2 + round).await;
        pending.receipt().await.unwrap();
        loop {
            let BackendEvent::Asset(asset) = harness.next().await else { continue };
            if asset.notes.name == Some(format!("take {round}")) {
                break;
            }
        }
    }
    let marked = harness.journal.acknowledge("a".to_owned(), None, Some(at(9))).unwrap();
    append(&harness.journal, &harness.key, "b", 9).await;
    marked.receipt().await.unwrap();
    loop {
        let BackendEvent::Asset(asset) = harness.next().await else { continue };
        if asset.notes.acknowledged.contains_key(&None) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_do_not_delay_news() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut harness = BackendHarness::read_only(&path, journal, key);
    harness.start().await;
    append(&harness.journal, &harness.key, "b", 2).await;
    let asked = std::time::Instant::now();
    loop {
        harness.ask(Request::Detail(Target::Delivery(1))).await;
        match harness.next().await {
            BackendEvent::News(_) => break,
            _ => assert!(asked.elapsed() < LIMIT, "no news between the answers"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_assets_are_reported() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    for (asset, second) in [("old", 1), ("older", 0), ("busy", 200)] {
        append(&journal, &key, asset, second).await;
    }
    journal.close();
    let mut harness = BackendHarness::read_only(&path, journal, key);
    harness.start().await;
    Journal::prune(&path, at(100)).unwrap();
    let mut gone = HashSet::new();
    while gone.len() < 2 {
        let BackendEvent::Gone(asset_id) = harness.next().await else {
            panic!("nothing else is sent")
        };
        gone.insert(asset_id);
    }
    assert_eq!(gone, HashSet::from(["old".to_owned(), "older".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_error_is_reported_with_its_request() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut harness = BackendHarness::read_only(&path, journal, key);
    harness.start().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE delivery SET effect = 'nonsense'", []).unwrap();
    let search = super::search(1, "", SearchStart::Newest, 500);
    for request in [
        Request::Detail(Target::Delivery(1)),
        Request::Rows(Box::new(search)),
        Request::OfAsset("a".to_owned()),
    ] {
        harness.ask(request.clone()).await;
        let (unanswered, why) = harness.unanswered().await;
        assert_eq!(unanswered, request);
        assert!(why.contains("nonsense"), "{why}");
    }
}
