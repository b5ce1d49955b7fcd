//! A dashboard that is behind: each row comes once, questions do not wait for all of them, and what
//! is too much is passed over.

use super::*;
use crate::tui::model::search::MAX_ROWS;

/// Keeps a backend from sending: news fills the inbox, an answer has to wait, and whoever gives it.
async fn hold_up(scene: &Scene, second: i64) {
    append(&scene.journal, &scene.key, "first", second).await;
    while scene.events.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    scene.ask(Request::Detail(Target::Delivery(1))).await;
    while scene.backend.requests.capacity() < scene.backend.requests.max_capacity() {
        tokio::task::yield_now().await;
    }
}

/// A backend that is kept from sending, while this many more deliveries come.
async fn held_up(event: &str, count: u64) -> Scene {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    append(&journal, &key, "first", 0).await;
    let mut scene = Scene::open(journal, key, 1);
    scene.start().await;
    hold_up(&scene, 1).await;
    flood(&scene.journal, event, "many", 10, count).await;
    assert_eq!(scene.news().await.head, 2);
    assert!(matches!(scene.next().await, BackendEvent::Detail(..)));
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_committed_and_not_told_comes_as_news_alone() {
    let mut scene = Scene::open(memory(), PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    for round in 0..5 {
        append(&scene.journal, &scene.key, "a", 2 * round).await;
        let first = scene.news().await;
        // News waits for a moment now, and questions do not.
        append(&scene.journal, &scene.key, "a", 2 * round + 1).await;
        scene.ask(Request::OfAsset("a".to_owned())).await;
        scene.search(1, "", SearchStart::Newest, 500).await;
        let (mut answers, mut newer) = (0, None);
        while answers < 2 || newer.is_none() {
            match scene.next().await {
                BackendEvent::News(news) => newer = Some(news.head),
                told @ (BackendEvent::OfAsset(..) | BackendEvent::Rows(..)) => {
                    answers += 1;
                    let rows = match told {
                        BackendEvent::OfAsset(_, rows) => rows,
                        BackendEvent::Rows(page) => page.rows,
                        _ => Vec::new(),
                    };
                    let known = newer.unwrap_or(first.head);
                    let is_told = |target: &Target| match target {
                        Target::Delivery(seq) => *seq <= known,
                        Target::Refusal(_) => true,
                    };
                    assert!(targets(&rows).iter().all(is_told), "{:?}", targets(&rows));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_does_not_wait_for_the_last_page() {
    let mut scene = held_up("version_ready", 3_000).await;
    let mut news = vec![scene.news().await];
    scene.ask(Request::Detail(Target::Delivery(1))).await;
    let mut answered = None;
    while news.last().unwrap().head < 3_002 {
        match scene.next().await {
            BackendEvent::News(more) => news.push(more),
            BackendEvent::Detail(..) => answered = Some(news.len()),
            other => panic!("{other:?}"),
        }
    }
    // One page waits to be taken, and one was read by then.
    assert!(answered.is_some_and(|pages| pages <= 4), "{answered:?} of {} pages", news.len());
    assert!(news.iter().all(|news| !news.old), "all of them fit");
    let seqs = news.iter().flat_map(|news| targets(&news.rows));
    assert!(seqs.eq((3..=3_002).map(Target::Delivery)), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_than_is_held_is_passed_over_and_calls_nobody() {
    let many = MAX_ROWS as u64 + 1_500;
    let mut scene = held_up("version_generate_failed", many).await;
    let head = many + 2;
    let mut news = Vec::<News>::new();
    while news.iter().all(|news| news.rows.is_empty() || news.head < head) {
        news.push(scene.news().await);
    }
    assert!(news.iter().all(|news| news.old));
    // What changed comes before the rows that it came by.
    let assets: Vec<&str> = news[0].assets.iter().map(AssetView::id).collect();
    assert!(news[0].rows.is_empty() && assets.contains(&"many"), "{assets:?}");
    let seqs = news.iter().flat_map(|news| targets(&news.rows));
    let first = head - MAX_ROWS as u64 + 1;
    assert!(seqs.eq((first..=head).map(Target::Delivery)), "the last ones, no hole");

    append(&scene.journal, &scene.key, "next", 99).await;
    let news = scene.news().await;
    assert_eq!((targets(&news.rows), news.old), (vec![Target::Delivery(head + 1)], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deliveries_that_are_open_miss_nothing_that_was_passed_over() {
    let mut scene = held_up("version_ready", 1).await;
    assert_eq!(scene.news().await.head, 3);
    scene.ask(Request::OfAsset("many".to_owned())).await;
    assert!(matches!(scene.next().await, BackendEvent::OfAsset(_, rows) if rows.len() == 1));
    hold_up(&scene, 2).await;
    append(&scene.journal, &scene.key, "many", 3).await;
    flood(&scene.journal, "version_ready", "others", 10, MAX_ROWS as u64 + 10).await;
    let rows = loop {
        if let BackendEvent::OfAsset(_, rows) = scene.next().await {
            break rows;
        }
    };
    assert_eq!(targets(&rows), [3, 5].map(Target::Delivery));
}
