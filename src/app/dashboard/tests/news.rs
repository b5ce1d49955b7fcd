//! Commits while a dashboard is open, and its requests.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn new_rows_are_sent_with_their_changed_assets() {
    let key = PrivateKey::generate().unwrap();
    let mut harness = BackendHarness::open(memory(), key, 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    let news = harness.news().await;
    assert!(!news.old);
    assert_eq!((targets(&news.rows), news.head), (vec![Target::Delivery(1)], 1));
    assert_eq!(news.assets.len(), 1);
    assert_eq!(news.assets[0].row.versions.len(), 1);

    refuse(&harness.journal, 9, "a", 2).await;
    let news = harness.news().await;
    assert_eq!(targets(&news.rows), [Target::Refusal(9)]);
    assert!(news.assets.is_empty(), "a refusal touches no timeline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_opened_with_the_steps_of_its_check() {
    let key = PrivateKey::generate().unwrap();
    let mut harness = BackendHarness::open(memory(), key, 64);
    harness.start().await;
    append(&harness.journal, &harness.key, "a", 1).await;
    refuse(&harness.journal, 3, "a", 2).await;
    harness.news().await;
    harness.news().await;

    harness.ask(Request::Detail(Target::Delivery(1))).await;
    let BackendEvent::Detail(_, Some(detail)) = harness.next().await else { panic!("no detail") };
    assert_eq!(detail.body, body("a"));
    assert!(detail.verdict.is_valid());
    assert_eq!(detail.steps.last().unwrap().passed, Some(true));
    assert_eq!(detail.request, "POST /callback");

    harness.ask(Request::Detail(Target::Refusal(3))).await;
    let BackendEvent::Detail(_, Some(detail)) = harness.next().await else { panic!("no detail") };
    assert_eq!(detail.steps[0].passed, Some(false), "there is no header");
    assert_eq!(detail.committed_at, None);

    harness.ask(Request::Detail(Target::Delivery(77))).await;
    assert!(matches!(harness.next().await, BackendEvent::Detail(Target::Delivery(77), None)));

    harness.ask(Request::OfAsset("a".to_owned())).await;
    let BackendEvent::OfAsset(_, rows) = harness.next().await else { panic!("no rows") };
    assert_eq!(targets(&rows), [Target::Delivery(1), Target::Refusal(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_event_channel_is_not_a_failure() {
    let mut harness = BackendHarness::open(memory(), PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    harness.received.close();
    append(&harness.journal, &harness.key, "a", 1).await;
    tokio::time::timeout(LIMIT, harness.backend.requests.closed()).await.unwrap();
    let moment = Duration::from_millis(100);
    assert!(tokio::time::timeout(moment, harness.backend.failed()).await.is_err());
}

/// A failed start drops the parts that it has started, and then the runtime.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_dropped_ends() {
    let mut harness = BackendHarness::open(memory(), PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    let requests = harness.backend.requests.clone();
    drop(harness.backend);
    tokio::time::timeout(LIMIT, requests.closed()).await.unwrap();
}
