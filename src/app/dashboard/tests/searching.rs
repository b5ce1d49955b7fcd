//! Searches through a whole journal: their results in both directions, and that they block neither
//! news nor requests.

use std::cell::{Cell, RefCell};

use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::filter::Filter;
use crate::tui::model::search::RowsPage;

async fn page(harness: &mut BackendHarness) -> RowsPage {
    loop {
        if let BackendEvent::Rows(page) = harness.next().await {
            return *page;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_its_rows_in_the_whole_journal_in_both_directions() {
    let (journal, key) = filled().await;
    let reader = journal.reader().unwrap();
    let mut harness = BackendHarness::open(journal, key, 64);
    harness.start().await;
    let all: Vec<Row> = {
        let mut rows = harness.found(1, "", SearchStart::Newest, 5_000).await;
        rows.reverse();
        rows
    };
    assert_eq!(all.len(), 1_212);
    assert_eq!(reader.deliveries_after(0, 2_000).unwrap().len(), 1_200);
    for (id, text) in (2..).step_by(2).zip([
        "asset:a7",
        "!asset:a7",
        "refused",
        "!refused",
        "seq:3..40",
        "seq:..40 a1",
        "seq:1150..",
        "missing seq:2",
        "valid",
        "nothing-has-this-in-it",
        "until:1970-01-01T00:00:00Z",
    ]) {
        let filter = Filter::parse(text, Timestamp::now()).unwrap();
        let wanted: Vec<Target> =
            all.iter().filter(|row| row.fits(&filter, None)).map(Row::target).collect();
        let mut down = targets(&harness.found(id, text, SearchStart::Newest, 5_000).await);
        down.reverse();
        assert_eq!(down, wanted, "{text}");
        let up = targets(&harness.found(id + 1, text, SearchStart::Oldest, 5_000).await);
        assert_eq!(up, wanted, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consecutive_pages_have_no_gap() {
    let (journal, key) = filled().await;
    let mut harness = BackendHarness::open(journal, key, 64);
    harness.start().await;
    let all = targets(&harness.found(1, "", SearchStart::Newest, 5_000).await);
    for (start, towards) in [(SearchStart::Newest, "older"), (SearchStart::Oldest, "newer")] {
        let (mut found, mut start) = (Vec::new(), start);
        for id in 10.. {
            harness.search(id, "", start, 70).await;
            let mut reached;
            let is_end = loop {
                let page = page(&mut harness).await;
                reached = page.reached;
                found.extend(page.rows.iter().map(Row::target));
                if !page.goes_on {
                    break page.is_end;
                }
            };
            if is_end {
                break;
            }
            start = if towards == "older" {
                SearchStart::Below(reached)
            } else {
                SearchStart::From(reached)
            };
        }
        if towards == "newer" {
            found.reverse();
        }
        assert_eq!(found, all, "{towards}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_found_with_its_neighbours() {
    let (journal, key) = filled().await;
    let mut harness = BackendHarness::open(journal, key, 64);
    harness.start().await;
    for (id, seq, first) in [(1, 600, 350), (2, 3, 1), (3, 1_200, 950)] {
        let rows = harness.found(id, "", SearchStart::Around(seq), 500).await;
        let seqs: Vec<u64> = rows
            .iter()
            .filter_map(|row| match row.target() {
                Target::Delivery(seq) => Some(seq),
                Target::Refusal(_) => None,
            })
            .collect();
        assert_eq!(seqs.first(), Some(&first));
        assert!(seqs.contains(&seq) && seqs.is_sorted(), "{seqs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_sent_and_the_last_page_says_so() {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    append(&journal, &key, "needle", 0).await;
    flood(&journal, "version_ready", "hay", 1, 10_000).await;
    let mut harness = BackendHarness::open(journal, key, 64);
    harness.start().await;
    harness.search(1, "asset:needle", SearchStart::Newest, 5_000).await;
    let first = page(&mut harness).await;
    assert!(first.is_first && first.goes_on && first.rows.is_empty(), "{first:?}");
    assert!(first.searched > 0 && first.searched < first.total, "{first:?}");
    assert_eq!(first.total, 10_001);
    let last = loop {
        let page = page(&mut harness).await;
        if !page.goes_on {
            break page;
        }
    };
    assert_eq!((targets(&last.rows), last.searched), (vec![Target::Delivery(1)], 10_001));
    assert!(last.is_end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_search_replaces_the_old_one_and_blocks_nothing() {
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    flood(&journal, "version_ready", "hay", 1, 40_000).await;
    // Room for one event: the backend has to wait for each to be received.
    let mut harness = BackendHarness::open(journal, key, 1);
    harness.start().await;
    harness.search(1, "nothing-has-this", SearchStart::Newest, 5_000).await;
    assert_eq!(page(&mut harness).await.id, 1);
    append(&harness.journal, &harness.key, "new", 100).await;
    harness.ask(Request::Detail(Target::Delivery(1))).await;
    harness.search(2, "asset:hay", SearchStart::Newest, 10).await;
    let (mut is_opened, mut has_news, mut found) = (false, false, Vec::new());
    while !is_opened || !has_news || found.is_empty() {
        match harness.next().await {
            BackendEvent::Detail(..) => is_opened = true,
            BackendEvent::News(news) => has_news |= news.head == 40_001,
            BackendEvent::Rows(page) if page.id == 2 => found = page.rows,
            // A page of the first search that was queued already.
            BackendEvent::Rows(page) => {
                assert!(page.goes_on && found.is_empty(), "{page:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found.len(), 10);
    // Ended without a new search: no more pages are sent.
    harness.search(3, "nothing-has-this", SearchStart::Newest, 5_000).await;
    harness.ask(Request::EndSearch).await;
    harness.ask(Request::Detail(Target::Delivery(2))).await;
    while !matches!(harness.next().await, BackendEvent::Detail(Target::Delivery(2), _)) {}
    append(&harness.journal, &harness.key, "last", 101).await;
    loop {
        match harness.next().await {
            BackendEvent::News(news) if news.head == 40_002 => break,
            BackendEvent::News(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_match_like_ids_and_a_snapshot_limits_the_search() {
    let (journal, key) = filled().await;
    journal.name("a7".to_owned(), Some("Trailer".to_owned())).unwrap().receipt().await.unwrap();
    let mut harness = BackendHarness::open(journal, key, 64);
    harness.start().await;
    let found = harness.found(1, "trailer", SearchStart::Newest, 5_000).await;
    assert_eq!(found.iter().filter(|row| !row.is_refusal()).count(), 3);
    let until = Some((500, at(499)));
    for (id, start) in [(2, SearchStart::Newest), (3, SearchStart::Oldest)] {
        let search = Search { until, ..search(id, "", start, 5_000) };
        harness.ask(Request::Rows(Box::new(search))).await;
        let mut rows = Vec::new();
        loop {
            let page = page(&mut harness).await;
            rows.extend(page.rows);
            if !page.goes_on {
                break;
            }
        }
        assert_eq!(rows.len(), 505, "{start:?}");
        assert!(rows.iter().all(|row| row.at() <= at(499)));
    }
}

/// For any filter, a search returns the rows that the filter matches.
#[test]
fn searching_and_matching_agree() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (journal, key) = (memory(), PrivateKey::generate().unwrap());
    let events = ["version_ready", "version_failed", "asset_failed", "version_flown", "x"];
    runtime.block_on(async {
        for (number, event) in (0..).zip(events.iter().cycle().take(60)) {
            flood(&journal, event, &format!("Ast_{}", number % 7), number * 10, 1).await;
            if number % 9 == 0 {
                refuse(&journal, u64::try_from(number).unwrap() + 1, "Ast_3", number * 10 + 5)
                    .await;
            }
        }
    });
    let mut harness = runtime.block_on(async { BackendHarness::open(journal, key, 64) });
    runtime.block_on(harness.start());
    let mut all = runtime.block_on(harness.found(1, "", SearchStart::Newest, 5_000));
    all.reverse();
    let (harness, id) = (RefCell::new(harness), Cell::new(1));
    let term = "(!)?(valid|unchecked|failed|ready|applied|repeat|none|uncertain|unreadable|refused|\
        missing|asset:(ast_3|AST|_)|version:v|event:fl|locale:es|source:direct|seq:[1-5]?[0-9]|\
        seq:[1-3]?[0-9]\\.\\.|seq:\\.\\.[3-6][0-9]|peer:127|ast_5|x)";
    let terms = proptest::collection::vec(proptest::string::string_regex(term).unwrap(), 0..4);
    TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() })
        .run(&terms, |terms| {
            let text = terms.join(" ");
            let filter = Filter::parse(&text, Timestamp::now()).unwrap();
            let wanted: Vec<Target> =
                all.iter().filter(|row| row.fits(&filter, None)).map(Row::target).collect();
            for start in [SearchStart::Newest, SearchStart::Oldest] {
                id.set(id.get() + 1);
                let mut harness = harness.borrow_mut();
                let rows = runtime.block_on(harness.found(id.get(), &text, start, 5_000));
                let mut found = targets(&rows);
                if start == SearchStart::Newest {
                    found.reverse();
                }
                proptest::prop_assert_eq!(&found, &wanted, "{} {:?}", text, start);
            }
            Ok(())
        })
        .unwrap();
}
