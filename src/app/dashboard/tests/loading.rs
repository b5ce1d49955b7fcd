//! The initial state of a dashboard, and older rows.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_screen_is_sent_first_and_everything_is_sent() {
    let (journal, key) = filled().await;
    let mut harness = BackendHarness::open(journal, key, 64);
    let sent = harness.start().await;

    let BackendEvent::Assets(first) = &sent[0] else { panic!("{:?}", sent[0]) };
    assert_eq!(first[0].id(), "a399", "the last active one");
    assert!(first.len() < 100);
    let BackendEvent::News(news) = &sent[1] else { panic!("{:?}", sent[1]) };
    assert!(news.old);
    assert_eq!(news.head, 1_200);
    assert!(news.rows.is_sorted_by_key(Row::at), "oldest first");
    let refusals = news.rows.iter().filter(|row| row.is_refusal()).count();
    assert_eq!((news.rows.len() - refusals, refusals), (500, 5), "the refusals of their time");

    let assets: Vec<&str> = sent
        .iter()
        .filter_map(|event| if let BackendEvent::Assets(page) = event { Some(page) } else { None })
        .flatten()
        .map(crate::tui::model::asset::AssetView::id)
        .collect();
    assert_eq!(assets.len(), 400);
    assert_eq!(assets.iter().collect::<HashSet<_>>().len(), 400);
    harness.backend.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_older_row_is_found_once_down_to_the_first() {
    let (journal, key) = filled().await;
    let mut harness = BackendHarness::open(journal, key, 64);
    let sent = harness.start().await;
    let BackendEvent::News(news) = &sent[1] else { panic!("{:?}", sent[1]) };
    let mut rows = news.rows.clone();
    rows.reverse();
    let oldest = rows.iter().rev().find_map(|row| match row.target() {
        Target::Delivery(seq) => Some(seq),
        Target::Refusal(_) => None,
    });
    rows.extend(harness.found(1, "", SearchStart::Below(oldest.unwrap()), 5_000).await);
    let found = targets(&rows);
    assert_eq!(found.len(), 1_200 + 12);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len());
    rows.reverse();
    assert!(rows.is_sorted_by_key(Row::at));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_before_any_delivery_are_sent() {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    refuse(&journal, 1, "a", 1).await;
    let mut harness = BackendHarness::open(journal, key, 64);
    let sent = harness.start().await;
    let BackendEvent::News(news) = &sent[0] else { panic!("{:?}", sent[0]) };
    assert_eq!(targets(&news.rows), [Target::Refusal(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_stops_although_the_dashboard_reads_nothing() {
    let (journal, key) = filled().await;
    let harness = BackendHarness::open(journal, key, 1);
    tokio::time::timeout(LIMIT, harness.backend.stop()).await.unwrap();
}
