//! A slow dashboard: each row is sent once, requests are answered between pages, and rows that
//! exceed its capacity are skipped.

use super::*;
use crate::tui::model::search::MAX_ROWS;

/// Blocks the backend: news fills the channel, then an answer waits for room.
async fn hold_up(harness: &BackendHarness, second: i64) {
    append(&harness.journal, &harness.key, "first", second).await;
    while harness.events.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    harness.ask(Request::Detail(Target::Delivery(1))).await;
    while harness.backend.requests.capacity() < harness.backend.requests.max_capacity() {
        tokio::task::yield_now().await;
    }
}

/// Returns a backend that was blocked while `count` deliveries were committed.
async fn held_up(event: &str, count: u64) -> BackendHarness {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    append(&journal, &key, "first", 0).await;
    let mut harness = BackendHarness::open(journal, key, 1);
    harness.start().await;
    hold_up(&harness, 1).await;
    flood(&harness.journal, event, "many", 10, count).await;
    assert_eq!(harness.news().await.head, 2);
    assert!(matches!(harness.next().await, BackendEvent::Detail(..)));
    harness
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_contain_no_row_that_is_not_sent_as_news_yet() {
    let mut harness = BackendHarness::open(memory(), PrivateKey::generate().unwrap(), 64);
    harness.start().await;
    for round in 0..5 {
        append(&harness.journal, &harness.key, "a", 2 * round).await;
        let first = harness.news().await;
        // The next news is delayed by the minimum interval; requests are not.
        append(&harness.journal, &harness.key, "a", 2 * round + 1).await;
        harness.ask(Request::OfAsset("a".to_owned())).await;
        harness.search(1, "", SearchStart::Newest, 500).await;
        let (mut answers, mut newer) = (0, None);
        while answers < 2 || newer.is_none() {
            match harness.next().await {
                BackendEvent::News(news) => newer = Some(news.head),
                answer @ (BackendEvent::OfAsset(..) | BackendEvent::Rows(..)) => {
                    answers += 1;
                    let rows = match answer {
                        BackendEvent::OfAsset(_, rows) => rows,
                        BackendEvent::Rows(page) => page.rows,
                        _ => Vec::new(),
                    };
                    let known = newer.unwrap_or(first.head);
                    let is_known = |target: &Target| match target {
                        Target::Delivery(seq) => *seq <= known,
                        Target::Refusal(_) => true,
                    };
                    assert!(targets(&rows).iter().all(is_known), "{:?}", targets(&rows));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_before_the_last_page() {
    let mut harness = held_up("version_ready", 3_000).await;
    let mut news = vec![harness.news().await];
    harness.ask(Request::Detail(Target::Delivery(1))).await;
    let mut answered = None;
    while news.last().unwrap().head < 3_002 {
        match harness.next().await {
            BackendEvent::News(more) => news.push(more),
            BackendEvent::Detail(..) => answered = Some(news.len()),
            other => panic!("{other:?}"),
        }
    }
    // One page is in the channel, and one has been read already.
    assert!(answered.is_some_and(|pages| pages <= 4), "{answered:?} of {} pages", news.len());
    assert!(news.iter().all(|news| !news.old), "all of them fit");
    let seqs = news.iter().flat_map(|news| targets(&news.rows));
    assert!(seqs.eq((3..=3_002).map(Target::Delivery)), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_exceed_the_capacity_are_skipped_and_ring_no_bell() {
    let many = MAX_ROWS as u64 + 1_500;
    let mut harness = held_up("version_generate_failed", many).await;
    let head = many + 2;
    let mut news = Vec::<News>::new();
    while news.iter().all(|news| news.rows.is_empty() || news.head < head) {
        news.push(harness.news().await);
    }
    assert!(news.iter().all(|news| news.old));
    // Changed assets are sent before the rows.
    let assets: Vec<&str> = news[0].assets.iter().map(AssetView::id).collect();
    assert!(news[0].rows.is_empty() && assets.contains(&"many"), "{assets:?}");
    let seqs = news.iter().flat_map(|news| targets(&news.rows));
    let first = head - MAX_ROWS as u64 + 1;
    assert!(seqs.eq((first..=head).map(Target::Delivery)), "the last ones, without a gap");

    append(&harness.journal, &harness.key, "next", 99).await;
    let news = harness.news().await;
    assert_eq!((targets(&news.rows), news.old), (vec![Target::Delivery(head + 1)], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_asset_gets_its_skipped_deliveries() {
    let mut harness = held_up("version_ready", 1).await;
    assert_eq!(harness.news().await.head, 3);
    harness.ask(Request::OfAsset("many".to_owned())).await;
    assert!(matches!(harness.next().await, BackendEvent::OfAsset(_, rows) if rows.len() == 1));
    hold_up(&harness, 2).await;
    append(&harness.journal, &harness.key, "many", 3).await;
    flood(&harness.journal, "version_ready", "others", 10, MAX_ROWS as u64 + 10).await;
    let rows = loop {
        if let BackendEvent::OfAsset(_, rows) = harness.next().await {
            break rows;
        }
    };
    assert_eq!(targets(&rows), [3, 5].map(Target::Delivery));
}
