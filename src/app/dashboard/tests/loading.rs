//! What is there when a dashboard begins, and the rows before that.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_fills_a_screen_comes_first_and_everything_comes() {
    let (journal, key) = filled().await;
    let mut scene = Scene::open(journal, key, 64);
    let told = scene.start().await;

    let BackendEvent::Assets(first) = &told[0] else { panic!("{:?}", told[0]) };
    assert_eq!(first[0].id(), "a399", "the latest active one");
    assert!(first.len() < 100);
    let BackendEvent::News(news) = &told[1] else { panic!("{:?}", told[1]) };
    assert!(news.old);
    assert_eq!(news.head, 1_200);
    assert!(news.rows.is_sorted_by_key(Row::at), "oldest first");
    let refusals = news.rows.iter().filter(|row| row.is_refusal()).count();
    assert_eq!((news.rows.len() - refusals, refusals), (500, 5), "the refusals of their time");

    let assets: Vec<&str> = told
        .iter()
        .filter_map(|told| if let BackendEvent::Assets(page) = told { Some(page) } else { None })
        .flatten()
        .map(crate::tui::model::asset::AssetView::id)
        .collect();
    assert_eq!(assets.len(), 400);
    assert_eq!(assets.iter().collect::<HashSet<_>>().len(), 400);
    scene.backend.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_rows_come_once_each_down_to_the_first() {
    let (journal, key) = filled().await;
    let mut scene = Scene::open(journal, key, 64);
    let told = scene.start().await;
    let BackendEvent::News(news) = &told[1] else { panic!("{:?}", told[1]) };
    let mut rows = news.rows.clone();
    rows.reverse();
    let oldest = rows.iter().rev().find_map(|row| match row.target() {
        Target::Delivery(seq) => Some(seq),
        Target::Refusal(_) => None,
    });
    rows.extend(scene.found(1, "", SearchStart::Below(oldest.unwrap()), 5_000).await);
    let found = targets(&rows);
    assert_eq!(found.len(), 1_200 + 12);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len());
    rows.reverse();
    assert!(rows.is_sorted_by_key(Row::at));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_before_any_delivery_are_told() {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    refuse(&journal, 1, "a", 1).await;
    let mut scene = Scene::open(journal, key, 64);
    let told = scene.start().await;
    let BackendEvent::News(news) = &told[0] else { panic!("{:?}", told[0]) };
    assert_eq!(targets(&news.rows), [Target::Refusal(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_takes_nothing_does_not_keep_the_journal() {
    let (journal, key) = filled().await;
    let scene = Scene::open(journal, key, 1);
    tokio::time::timeout(LIMIT, scene.backend.stop()).await.unwrap();
}
