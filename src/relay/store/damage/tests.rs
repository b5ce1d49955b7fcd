//! Maintenance, dropping and batches around unreadable pages. `tests/relay/damage.rs` tests what
//! readers and operators see.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::{Arrival, Caps, Item, Location, Log as _, Store};
use super::*;
use crate::callback::Headers;
use crate::relay::protocol::ReaderName;

const PAGE: usize = 4096;
const LEAF: u8 = 0x0d;

fn caps() -> Caps {
    Caps { count: 1000, ..Caps::default() }
}

fn arrival(word: &str, verified: bool) -> Arrival {
    Arrival {
        received_at: Timestamp::now(),
        verified,
        method: "POST".to_owned(),
        tail: String::new(),
        query: None,
        headers: Headers::default(),
        peer: String::new(),
        body: word.repeat(100).into_bytes(),
    }
}

fn word(inbox: i64, n: usize) -> String {
    format!("<{inbox}:{n:04}>")
}

/// Returns a closed store with `deliveries` in each inbox, in turns.
async fn filled(path: &Path, caps: Caps, counts: &[usize], verified: bool) -> Vec<InboxId> {
    let store = Store::open(&Location::File(path.to_owned()), caps).unwrap();
    let mut ids = Vec::new();
    for inbox in 0..counts.len() {
        let issued = store.create(format!("inbox{inbox}").parse().unwrap()).await.unwrap();
        ids.push(store.by_publish_id(&issued.publish_id).unwrap().id);
    }
    for (id, count) in ids.iter().zip(counts) {
        for n in 1..=*count {
            store.append(*id, arrival(&word(*id, n), verified)).await.unwrap();
        }
    }
    store.close();
    ids
}

/// Overwrites the leaf that contains a word. Returns which deliveries of an inbox were on it.
fn damage(path: &Path, inbox: InboxId, n: usize) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let has = |page: &[u8], n| {
        let word = word(inbox, n);
        page.windows(word.len()).any(|piece| piece == word.as_bytes())
    };
    let (at, page) =
        bytes.chunks(PAGE).enumerate().find(|(_, page)| page[0] == LEAF && has(page, n)).unwrap();
    let lost = (1..=1000).filter(|n| has(page, *n)).map(|n| n as u64).collect();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; PAGE], (at * PAGE) as u64).unwrap();
    lost
}

/// Overwrites the root page of a table.
fn damage_root(path: &Path, table: &str) {
    let connection = Connection::open(path).unwrap();
    let root: i64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
        .unwrap();
    drop(connection);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; PAGE], (unsigned(root) - 1) * PAGE as u64).unwrap();
}

fn open(path: &Path, caps: Caps) -> Arc<Store> {
    Arc::new(Store::open(&Location::File(path.to_owned()), caps).unwrap())
}

/// Maximum number of deliveries that cannot be deleted because SQLite would merge their pages with
/// the damaged one.
const NEIGHBOURS: usize = 12;

/// Returns the number of remaining deliveries.
fn left(told: &[String]) -> usize {
    told.iter().filter(|told| !told.contains('-')).count()
}

async fn told(store: &Store, inbox: InboxId) -> Vec<String> {
    let items = store.read(inbox, 0, 10_000, 1 << 30).await.unwrap();
    let told = items.iter().map(|item| match item {
        Item::Delivery(delivery) => delivery.cursor.seq.to_string(),
        Item::Gap(gap) => format!("{}-{} {}", gap.from, gap.to, gap.reason.name()),
    });
    told.collect()
}

#[tokio::test]
async fn what_is_too_old_goes_around_a_damaged_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let one = filled(&path, caps(), &[60], true).await[0];
    let lost = damage(&path, one, 20);
    let store = open(&path, Caps { age: SignedDuration::from_millis(1), ..caps() });
    let waiting = async {
        while left(&told(&store, one).await) > NEIGHBOURS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    let told = told(&store, one).await;
    let gap = format!("{}-{} damaged", lost[0], lost[lost.len() - 1]);
    assert!(told.contains(&gap), "{told:?}");
    assert!(store.is_damaged() && store.is_writing());
    assert_eq!(store.append(one, arrival("new", true)).await, Ok(61));
}

#[tokio::test]
async fn a_full_inbox_makes_room_behind_a_damaged_page() {
    for verified in [true, false] {
        let caps = Caps { count: if verified { 60 } else { 600 }, ..caps() };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        let one = filled(&path, caps.clone(), &[60], verified).await[0];
        let lost = damage(&path, one, 1);
        let store = open(&path, caps);
        if verified {
            let reader: ReaderName = "a".parse().unwrap();
            store.attach(one, Some(reader.clone()), None).await.unwrap();
            store.ack(one, reader, 60).await.unwrap();
        }
        for n in 61..70 {
            assert_eq!(store.append(one, arrival("new", verified)).await, Ok(n), "{verified}");
        }
        let told = told(&store, one).await;
        assert_eq!(told[0], format!("1-{} damaged", lost[lost.len() - 1]));
        // One was dropped for each new one.
        assert_eq!(left(&told), 60 - lost.len(), "{told:?}");
    }
}

#[tokio::test]
async fn a_closed_inbox_goes_although_some_of_it_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let ids = filled(&path, caps(), &[60, 10], true).await;
    damage(&path, ids[0], 20);
    let store = open(&path, caps());
    store.revoke("inbox0").await.unwrap();
    let gone = async {
        while store.list().await.unwrap().len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    assert!(store.is_damaged() && store.is_writing());
    assert_eq!(store.append(ids[1], arrival("new", true)).await, Ok(11));
}

#[tokio::test]
async fn an_inbox_that_cannot_be_written_costs_no_other_its_posts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let ids = filled(&path, caps(), &[60, 60], true).await;
    // The next delivery would be written there.
    damage(&path, ids[1], 60);
    let store = open(&path, caps());
    for round in 0..20 {
        let posts = (0..10).map(|n| store.append(ids[n % 2], arrival("new", true)));
        let answers = futures_util::future::join_all(posts).await;
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.is_ok(), n % 2 == 0, "{round}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_a_gap_and_not_an_empty_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let one = filled(&path, caps(), &[5], true).await[0];
    let connection = Connection::open(&path).unwrap();
    for (n, change) in [
        (2, "headers = '[[\"x\"'"),
        (3, "headers = cast(x'ff' AS TEXT)"),
        (5, "received_at = 1 << 62"),
    ] {
        let sql = format!("UPDATE delivery SET {change} WHERE place = ?1");
        assert_eq!(connection.execute(&sql, [place(one, n)]).unwrap(), 1);
    }
    drop(connection);
    let store = open(&path, caps());
    assert_eq!(told(&store, one).await, ["1", "2-3 damaged", "4", "5-5 damaged"]);
    assert!(store.is_damaged());
}

#[tokio::test]
async fn a_table_of_which_nothing_can_be_read_is_an_error_and_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let one = filled(&path, caps(), &[60], true).await[0];
    damage_root(&path, "delivery");
    let store = open(&path, caps());
    let error = store.read(one, 0, 10, 1 << 20).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read the relay store: "), "{error}");
    assert!(store.is_damaged());
}

#[tokio::test]
async fn the_table_of_reasons_may_be_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let small = Caps { count: 100, ..caps() };
    let one = filled(&path, small.clone(), &[30], false).await[0];
    damage_root(&path, "gap");
    let store = open(&path, small);
    let mut expected = vec!["1-20 unknown".to_owned()];
    expected.extend((21..=30).map(|n: u64| n.to_string()));
    assert_eq!(told(&store, one).await, expected);
    // Deliveries are dropped even if the reason cannot be stored.
    assert_eq!(store.append(one, arrival("new", false)).await, Ok(31));
    assert_eq!(told(&store, one).await[0], "1-21 unknown");
    assert!(store.is_damaged());
}

#[test]
fn an_inbox_is_warned_of_once_a_minute() {
    let (damage, begun) = (Damage::default(), Instant::now());
    assert!(damage.is_due("a", begun) && damage.is_due("b", begun));
    assert!(!damage.is_due("a", begun + WARN_EVERY / 2));
    assert!(damage.is_due("a", begun + WARN_EVERY));
}
