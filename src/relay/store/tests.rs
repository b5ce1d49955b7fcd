//! The store through its public interface: order, restarts, caps, gaps, epochs, isolation.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::callback::Headers;
use crate::relay::protocol::{GapReason, Resumed};

fn caps() -> Caps {
    Caps { count: 100, bytes: 1 << 20, ..Caps::default() }
}

struct Fixture {
    dir: tempfile::TempDir,
    store: Arc<Store>,
}

impl Fixture {
    fn new(caps: Caps) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::File(dir.path().join("relay.db")), caps).unwrap();
        Self { dir, store: Arc::new(store) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("relay.db")
    }

    fn reopened(self, caps: Caps) -> Self {
        let Self { dir, store } = self;
        store.close();
        drop(store);
        let store = Store::open(&Location::File(dir.path().join("relay.db")), caps).unwrap();
        Self { dir, store: Arc::new(store) }
    }

    async fn inbox(&self, name: &str) -> InboxId {
        let issued = self.store.create(name.parse().unwrap()).await.unwrap();
        self.store.by_publish_id(&issued.publish_id).unwrap().id
    }

    async fn append(&self, inbox: InboxId, verified: bool, body: &str) -> Result<u64, LogError> {
        self.store.append(inbox, arrival(verified, body)).await
    }

    async fn all(&self, inbox: InboxId, after: u64) -> Vec<Item> {
        self.store.read(inbox, after, 10_000, 1 << 30).await.unwrap()
    }

    async fn told(&self, inbox: InboxId, after: u64) -> Vec<String> {
        self.all(inbox, after).await.iter().map(told).collect()
    }
}

fn arrival(verified: bool, body: &str) -> Arrival {
    Arrival {
        received_at: Timestamp::now(),
        verified,
        method: "POST".to_owned(),
        tail: "/t".to_owned(),
        query: Some("q".to_owned()),
        headers: Headers::from_raw([("x-signature", b"30".as_slice())]),
        peer: "192.0.2.1:7".to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

fn told(item: &Item) -> String {
    match item {
        Item::Delivery(d) => format!("{} {}", d.cursor.seq, String::from_utf8_lossy(&d.body)),
        Item::Gap(g) => format!("{}-{} {} {}", g.from, g.to, g.reason.name(), g.count),
    }
}

fn reader(name: &str) -> Option<ReaderName> {
    name.parse().ok()
}

#[tokio::test]
async fn what_is_appended_is_read_back_in_order_by_inbox_alone() {
    let f = Fixture::new(caps());
    let (one, two) = (f.inbox("one").await, f.inbox("two").await);
    assert_eq!(f.append(one, true, "a").await, Ok(1));
    assert_eq!(f.append(two, true, "b").await, Ok(1));
    assert_eq!(f.append(one, true, "c").await, Ok(2));
    assert_eq!(f.told(one, 0).await, ["1 a", "2 c"]);
    assert_eq!(f.told(one, 1).await, ["2 c"]);
    assert_eq!(f.told(two, 0).await, ["1 b"]);
    assert_eq!(f.told(two, 1).await, [""; 0]);
    let Item::Delivery(delivery) = &f.all(one, 1).await[0] else { panic!("a delivery") };
    assert_eq!((delivery.path().as_str(), delivery.head), ("/t?q", 2));
    let state = f.store.inboxes().into_iter().find(|inbox| inbox.id == one).unwrap().state();
    assert_eq!(state.borrow().head, 2);
}

#[tokio::test]
async fn pages_are_bounded_by_items_and_bytes() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for _ in 0..5 {
        f.append(inbox, true, &"x".repeat(100)).await.unwrap();
    }
    assert_eq!(f.store.read(inbox, 0, 3, 1 << 20).await.unwrap().len(), 3);
    // Heads count as well.
    let size = arrival(true, &"x".repeat(100)).size();
    assert!(size > 300);
    assert_eq!(f.store.read(inbox, 0, 10, 2 * size).await.unwrap().len(), 2);
    assert_eq!(f.store.read(inbox, 0, 10, 2 * size - 1).await.unwrap().len(), 1);
    assert_eq!(f.store.read(inbox, 0, 10, size - 1).await.unwrap().len(), 0);
    assert_eq!(f.store.read(inbox, 5, 10, 0).await.unwrap().len(), 0);
}

#[tokio::test]
async fn garbage_has_a_tenth_and_cannot_push_out_what_counts() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.append(inbox, true, "good").await.unwrap();
    for n in 0..50 {
        f.append(inbox, false, &format!("bad{n}")).await.unwrap();
    }
    let told = f.told(inbox, 0).await;
    assert_eq!(told[..3], ["1 good", "2-41 unverified 40", "42 bad40"]);
    assert_eq!(told.len(), 12);
    // Full of verified deliveries: unverified ones are dropped first, then new ones are rejected.
    for n in 0..99 {
        f.append(inbox, true, &format!("good{n}")).await.unwrap();
    }
    assert_eq!(f.append(inbox, true, "one more").await, Err(LogError::Full));
    assert_eq!(f.append(inbox, false, "bad").await, Err(LogError::Full));
    let told = f.told(inbox, 0).await;
    assert_eq!(told[..3], ["1 good", "2-51 unverified 50", "52 good0"]);
    // The first refusal is announced at once.
    assert_eq!(told.last().unwrap(), "151-151 refused 1");
    assert_eq!(told.len(), 102);
}

#[tokio::test]
async fn what_all_readers_have_makes_room() {
    let f = Fixture::new(Caps { count: 10, ..caps() });
    let inbox = f.inbox("one").await;
    let start = f.store.attach(inbox, reader("a"), None).await.unwrap();
    f.store.attach(inbox, reader("b"), None).await.unwrap();
    assert_eq!((start.head, start.after, start.retained_from), (0, 0, 1));
    for _ in 0..10 {
        f.append(inbox, true, "x").await.unwrap();
    }
    f.store.ack(inbox, "a".parse().unwrap(), 9).await.unwrap();
    assert_eq!(f.append(inbox, true, "x").await, Err(LogError::Full));
    f.store.ack(inbox, "b".parse().unwrap(), 2).await.unwrap();
    for _ in 0..2 {
        f.append(inbox, true, "y").await.unwrap();
    }
    assert_eq!(f.append(inbox, true, "z").await, Err(LogError::Full));
    let told = f.told(inbox, 0).await;
    assert_eq!(told[0], "1-2 read 2");
    // A new reader begins behind it.
    let start = f.store.attach(inbox, None, None).await.unwrap();
    assert_eq!((start.after, start.resumed), (2, Resumed::Start));
}

#[tokio::test]
async fn bytes_count_as_well_for_one_inbox_and_for_all() {
    let f = Fixture::new(Caps { bytes: 10_000, relay_bytes: 15_000, ..caps() });
    let (one, two) = (f.inbox("one").await, f.inbox("two").await);
    let long = "x".repeat(4000);
    f.append(one, true, &long).await.unwrap();
    f.append(one, true, &long).await.unwrap();
    assert_eq!(f.append(one, true, &long).await, Err(LogError::Full));
    f.append(two, true, &long).await.unwrap();
    assert_eq!(f.append(two, true, &long).await, Err(LogError::Full));
    assert_eq!(f.append(one, false, &long).await, Err(LogError::Full), "over a tenth");
}

#[tokio::test]
async fn what_can_never_fit_pushes_nothing_out() {
    let f = Fixture::new(Caps { bytes: 20_000, relay_bytes: 22_000, ..caps() });
    let (one, two) = (f.inbox("one").await, f.inbox("two").await);
    f.append(one, false, "bad").await.unwrap();
    f.append(one, true, "good").await.unwrap();
    f.store.attach(one, reader("a"), None).await.unwrap();
    f.store.ack(one, "a".parse().unwrap(), 2).await.unwrap();
    assert_eq!(f.append(one, true, &"x".repeat(20_000)).await, Err(LogError::Full));
    assert_eq!(f.append(one, false, &"x".repeat(2000)).await, Err(LogError::Full));
    // Another inbox takes up the space.
    f.append(two, true, &"x".repeat(15_000)).await.unwrap();
    assert_eq!(f.append(one, true, &"x".repeat(8000)).await, Err(LogError::Full));
    assert_eq!(f.told(one, 0).await[..2], ["1 bad", "2 good"]);
}

#[tokio::test]
async fn what_the_door_refused_is_announced() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for _ in 0..3 {
        f.store.refused(inbox);
    }
    // Maintenance may have run in between, so they may be in two announcements.
    let f = f.reopened(caps());
    let refused = |item: &Item| match item {
        Item::Gap(gap) if gap.reason == GapReason::Refused => gap.count,
        _ => panic!("no refusal: {item:?}"),
    };
    assert_eq!(f.all(inbox, 0).await.iter().map(refused).sum::<u64>(), 3);
}

/// A killed relay announces nothing; the next run announces what was on disk.
#[tokio::test]
async fn a_kill_forgets_no_refusal_that_was_written() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.store.refused(inbox);
    let mut state = f.store.inboxes()[0].state();
    state.wait_for(|state| state.head == 1).await.unwrap();
    for _ in 0..299 {
        f.store.refused(inbox);
    }
    let written = "SELECT refused FROM inbox";
    while f
        .store
        .reading(move |c| c.query_row(written, [], |row| row.get::<_, i64>(0)))
        .await
        .unwrap()
        < 299
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let copy = tempfile::tempdir().unwrap();
    for file in ["relay.db", "relay.db-wal"] {
        std::fs::copy(f.dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let store = Store::open(&Location::File(copy.path().join("relay.db")), caps()).unwrap();
    let mut state = store.inboxes()[0].state();
    state.wait_for(|state| state.head > 1).await.unwrap();
    let items = store.read(inbox, 0, 10, 1 << 20).await.unwrap();
    assert_eq!(items.iter().map(told).collect::<Vec<_>>(), ["1-1 refused 1", "2-2 refused 299"]);
    // They are not counted twice.
    store.close();
    drop(store);
    let store = Store::open(&Location::File(copy.path().join("relay.db")), caps()).unwrap();
    store.close();
    let store = Store::open(&Location::File(copy.path().join("relay.db")), caps()).unwrap();
    assert_eq!(store.read(inbox, 0, 10, 1 << 20).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_stop_announces_every_refusal_and_none_is_counted_twice() {
    let f = Fixture::new(Caps { count: 10, ..caps() });
    let inbox = f.inbox("one").await;
    for _ in 0..10 {
        f.append(inbox, true, "x").await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(f.append(inbox, true, "y").await, Err(LogError::Full));
    }
    // The first is announced at once, the others only after a while.
    assert_eq!(f.told(inbox, 10).await, ["11-11 refused 1"]);
    let f = f.reopened(Caps { count: 10, ..caps() });
    assert_eq!(f.told(inbox, 10).await, ["11-11 refused 1", "12-12 refused 2"]);
    assert_eq!(f.told(inbox, 11).await, ["12-12 refused 2"]);
}

#[tokio::test]
async fn a_restart_keeps_everything_and_labels_what_comes_anew() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    let first = f.store.attach(inbox, reader("a"), None).await.unwrap().epoch;
    f.append(inbox, true, "a").await.unwrap();
    f.append(inbox, false, "b").await.unwrap();
    let f = f.reopened(caps()).reopened(caps());
    f.append(inbox, true, "c").await.unwrap();
    let epochs: Vec<_> = f
        .all(inbox, 0)
        .await
        .into_iter()
        .map(|item| match item {
            Item::Delivery(d) => (d.cursor.seq, d.cursor.epoch),
            Item::Gap(_) => panic!("no gap"),
        })
        .collect();
    let second = epochs[2].1;
    assert_ne!(first, second);
    assert_eq!(epochs, [(1, first), (2, first), (3, second)]);
    let resume = Some(Resume { epoch: first, after: 2 });
    let start = f.store.attach(inbox, reader("a"), resume).await.unwrap();
    assert_eq!((start.after, start.resumed, start.epoch), (2, Resumed::Continued, second));
}

#[tokio::test]
async fn a_store_put_back_never_gives_a_cursor_twice() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.append(inbox, true, "a").await.unwrap();
    let epoch = f.store.attach(inbox, None, None).await.unwrap().epoch;
    f.store.close();
    let copy = std::fs::read(f.path()).unwrap();
    let f = f.reopened(caps());
    f.append(inbox, true, "lost").await.unwrap();
    let lost = f.store.attach(inbox, None, None).await.unwrap().epoch;
    f.store.close();
    std::fs::write(f.path(), copy).unwrap();
    let f = f.reopened(caps());
    f.append(inbox, true, "new").await.unwrap();

    let start = f.store.attach(inbox, None, Some(Resume { epoch: lost, after: 2 })).await.unwrap();
    assert_eq!((start.after, start.resumed), (0, Resumed::RolledBack));
    let items = f.all(inbox, start.after).await;
    let Item::Delivery(old) = &items[0] else { panic!("a delivery") };
    let Item::Delivery(new) = &items[1] else { panic!("a delivery") };
    // Earlier deliveries keep their cursors; new ones have cursors of their own.
    assert_eq!(old.cursor.epoch, epoch);
    assert!(new.cursor.epoch != epoch && new.cursor.epoch != lost);
}

/// Returns the epochs of the deliveries after a `seq`.
async fn labels(f: &Fixture, inbox: InboxId, after: u64) -> Vec<(u64, Epoch)> {
    let items = f.all(inbox, after).await;
    let cursors = items.iter().map(|item| match item {
        Item::Delivery(delivery) => delivery.cursor,
        Item::Gap(gap) => gap.cursor(),
    });
    cursors.map(|cursor| (cursor.seq, cursor.epoch)).collect()
}

#[tokio::test]
async fn after_a_resume_from_beyond_the_head_what_comes_has_a_new_label() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.append(inbox, true, "a").await.unwrap();
    let before = f.store.attach(inbox, None, None).await.unwrap().epoch;
    let attach = async |epoch, after| {
        f.store.attach(inbox, None, Some(Resume { epoch, after })).await.unwrap()
    };
    let start = attach(before, 100).await;
    let anew = start.epoch;
    assert_ne!(anew, before);
    assert_eq!((start.after, start.resumed), (1, Resumed::RolledBack));
    f.append(inbox, true, "b").await.unwrap();
    // Earlier deliveries keep their epoch, for all readers.
    assert_eq!(labels(&f, inbox, 0).await, [(1, before), (2, anew)]);
    for (epoch, after) in [(anew, 1), (anew, 2), (before, 1)] {
        let again = attach(epoch, after).await;
        assert_eq!((again.after, again.resumed, again.epoch), (after, Resumed::Continued, anew));
    }
}

#[tokio::test]
async fn a_resume_from_nowhere_gets_everything_under_the_labels_that_it_has() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.append(inbox, true, "a").await.unwrap();
    let before = f.store.attach(inbox, None, None).await.unwrap().epoch;
    let nowhere = Some(Resume { epoch: Epoch(1), after: 5 });
    let start = f.store.attach(inbox, None, nowhere).await.unwrap();
    assert_eq!((start.after, start.resumed), (0, Resumed::RolledBack));
    assert_ne!(start.epoch, before);
    f.append(inbox, true, "b").await.unwrap();
    assert_eq!(labels(&f, inbox, start.after).await, [(1, before), (2, start.epoch)]);
}

/// The reader got the epoch of each run, and the next run began before any delivery.
#[tokio::test]
async fn a_label_that_a_reader_was_told_outlives_runs_that_took_nothing() {
    let mut f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    let mut place = None;
    let mut seen = Vec::new();
    for (n, posts) in [0, 3, 0, 0, 2, 0].into_iter().enumerate() {
        let start = f.store.attach(inbox, reader("a"), place).await.unwrap();
        let expected = if n == 0 { Resumed::Start } else { Resumed::Continued };
        assert_eq!(start.resumed, expected, "run {n}");
        seen.extend(labels(&f, inbox, start.after).await);
        place = seen.last().map(|(after, epoch)| Resume { epoch: *epoch, after: *after });
        place = place.or(Some(Resume { epoch: start.epoch, after: start.after }));
        f = f.reopened(caps());
        for post in 0..posts {
            f.append(inbox, true, &format!("{n} {post}")).await.unwrap();
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(labels(&f, inbox, 0).await, seen, "no label changed");
}

#[tokio::test]
async fn no_reader_can_make_labels_without_end() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for _ in 0..50 {
        let epoch = f.store.attach(inbox, None, None).await.unwrap().epoch;
        let beyond = Some(Resume { epoch, after: 1000 });
        let start = f.store.attach(inbox, None, beyond).await.unwrap();
        assert_eq!(start.resumed, Resumed::RolledBack);
        f.append(inbox, true, "a").await.unwrap();
    }
    f.store.close();
    let connection = rusqlite::Connection::open(f.path()).unwrap();
    let count: i64 =
        connection.query_row("SELECT count(*) FROM label", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 16);
}

#[tokio::test]
async fn a_known_reader_that_remembers_nothing_is_told_what_it_missed() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for body in ["a", "b", "c"] {
        f.append(inbox, true, body).await.unwrap();
    }
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    f.store.ack(inbox, "a".parse().unwrap(), 1).await.unwrap();
    let f = f.reopened(Caps { age: SignedDuration::from_millis(1), ..caps() });
    let gone = async {
        while f.told(inbox, 0).await != ["1-3 age 3"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
    // It connects with another token, so without a position.
    let known = f.store.attach(inbox, reader("a"), None).await.unwrap();
    assert_eq!((known.after, known.resumed), (1, Resumed::Start));
    assert_eq!(f.told(inbox, known.after).await, ["2-3 age 2"]);
    let new = f.store.attach(inbox, reader("b"), None).await.unwrap();
    assert_eq!((new.after, new.retained_from), (3, 4));
}

#[tokio::test]
async fn an_identity_is_the_inboxs_own_and_stays() {
    let f = Fixture::new(caps());
    let (one, two) = (f.inbox("one").await, f.inbox("two").await);
    let identity = |f: &Fixture, id| f.store.registry.by_id(id).unwrap().identity;
    let (first, second) = (identity(&f, one), identity(&f, two));
    assert_ne!(first, second);
    let rotated = f.store.rotate("one", Some(SignedDuration::ZERO)).await.unwrap().0;
    assert_eq!((rotated.identity, identity(&f, one)), (first, first));
    let f = f.reopened(caps());
    assert_eq!((identity(&f, one), identity(&f, two)), (first, second));
}

#[tokio::test]
async fn a_store_of_the_first_version_gets_identities() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let application_id = schema::SCHEMA.application_id;
    connection.execute_batch(schema::SCHEMA.migrations[0]).unwrap();
    connection
        .execute_batch(&format!(
            "INSERT INTO inbox (id, name, publish_id, token_key, token_hash, created_at)
             VALUES (1, 'one', 'p1', 't1', zeroblob(32), 0), (2, 'two', 'p2', 't2', zeroblob(32), 0);
             INSERT INTO epoch VALUES (1, 1, 7), (1, 4, 8);
             PRAGMA application_id = {application_id}; PRAGMA user_version = 1;"
        ))
        .unwrap();
    drop(connection);
    let store = Store::open(&Location::File(path), caps()).unwrap();
    let f = Fixture { dir, store: Arc::new(store) };
    for (epoch, after) in [(7, 0), (8, 0)] {
        let resume = Some(Resume { epoch: Epoch(epoch), after });
        let start = f.store.attach(1, None, resume).await.unwrap();
        assert_eq!(start.resumed, Resumed::Continued, "its labels stay");
    }
    let identities: Vec<_> = f.store.inboxes().iter().map(|inbox| inbox.identity.0).collect();
    assert!(
        identities[0] != identities[1] && identities.iter().all(|one| *one > u128::from(u32::MAX))
    );
}

#[tokio::test]
async fn old_deliveries_and_absent_readers_go() {
    let none = SignedDuration::from_millis(1);
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for body in ["a", "b", "c"] {
        f.append(inbox, true, body).await.unwrap();
    }
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    let f = f.reopened(Caps { age: none, absence: none, ..caps() });
    let upkeep = async {
        while f.told(inbox, 0).await != ["1-3 age 3"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), upkeep).await.unwrap();
    assert_eq!(f.store.list().await.unwrap()[0].readers, []);
}

#[tokio::test]
async fn an_ack_or_a_touch_brings_no_forgotten_reader_back() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    let (a, b): (ReaderName, ReaderName) = ("a".parse().unwrap(), "b".parse().unwrap());
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    f.append(inbox, true, "x").await.unwrap();
    let before = f.store.list().await.unwrap().remove(0).readers;
    f.store.touch(inbox, a.clone()).await.unwrap();
    assert_eq!(f.store.touch(inbox, b.clone()).await, Err(LogError::NoReader));
    assert_eq!(f.store.ack(inbox, b, 1).await, Err(LogError::NoReader));
    let after = f.store.list().await.unwrap().remove(0).readers;
    assert_eq!((after.len(), after[0].1), (1, 0));
    assert!(after[0].2 > before[0].2);
    f.store.ack(inbox, a, 1).await.unwrap();
    assert_eq!(f.store.list().await.unwrap()[0].readers[0].1, 1);
}

#[tokio::test]
async fn a_reader_that_an_operator_forgets_holds_nothing_back_and_its_name_is_free() {
    let f = Fixture::new(Caps { count: 10, readers: 2, ..caps() });
    let inbox = f.inbox("one").await;
    let (a, b): (ReaderName, ReaderName) = ("a".parse().unwrap(), "b".parse().unwrap());
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    f.store.attach(inbox, reader("b"), None).await.unwrap();
    for _ in 0..10 {
        f.append(inbox, true, "x").await.unwrap();
    }
    f.store.ack(inbox, a.clone(), 10).await.unwrap();
    assert_eq!(f.append(inbox, true, "y").await, Err(LogError::Full));
    let why = f.store.attach(inbox, reader("c"), None).await.unwrap_err().to_string();
    assert!(why.contains("relay inbox forget"), "{why}");
    let state = f.store.inboxes()[0].state();
    f.store.forget("one", b.clone()).await.unwrap();
    assert_eq!(state.borrow().forgotten, 1);
    f.append(inbox, true, "y").await.unwrap();
    f.store.attach(inbox, reader("c"), None).await.unwrap();
    assert_eq!(f.store.forget("one", b).await, Err(LogError::NoReader));
    assert_eq!(f.store.forget("two", a).await, Err(LogError::NoInbox));
}

#[tokio::test]
async fn a_store_opened_without_expiry_deletes_nothing() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    f.append(inbox, true, "a").await.unwrap();
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    let none = SignedDuration::from_millis(1);
    let f = f.reopened(Caps { age: none, absence: none, ..caps() }.without_expiry());
    // Maintenance is due after the first entry, so it is done when the second is answered.
    f.inbox("two").await;
    f.inbox("three").await;
    assert_eq!(f.told(inbox, 0).await, ["1 a"]);
    let listed = f.store.list().await.unwrap();
    let one = listed.iter().find(|inbox| inbox.name == "one").unwrap();
    assert_eq!(one.readers.len(), 1);
}

#[tokio::test]
async fn a_gap_without_a_reason_is_announced_all_the_same() {
    let f = Fixture::new(caps());
    let inbox = f.inbox("one").await;
    for body in ["a", "b", "c", "d"] {
        f.append(inbox, true, body).await.unwrap();
    }
    f.store.close();
    let connection = rusqlite::Connection::open(f.path()).unwrap();
    connection
        .execute(
            "DELETE FROM delivery WHERE place IN (?1, ?2, ?3)",
            [schema::place(inbox, 1), schema::place(inbox, 2), schema::place(inbox, 4)],
        )
        .unwrap();
    drop(connection);
    let f = f.reopened(caps());
    assert_eq!(f.told(inbox, 0).await, ["1-2 unknown 2", "3 c", "4-4 unknown 1"]);
    let page = f.store.read(inbox, 0, 1, 1000).await.unwrap();
    assert_eq!(page.iter().map(told).collect::<Vec<_>>(), ["1-2 unknown 2"]);
}

#[tokio::test]
async fn tokens_open_their_own_inbox_until_they_are_replaced() {
    let f = Fixture::new(caps());
    let one = f.store.create("one".parse().unwrap()).await.unwrap();
    let two = f.store.create("two".parse().unwrap()).await.unwrap();
    let taken = f.store.create("one".parse().unwrap()).await;
    assert_eq!(taken, Err(LogError::NameTaken("one".to_owned())));
    let opens = |token: &str| f.store.by_token(token).map(|inbox| inbox.name.clone());
    assert_eq!(opens(one.token.reveal()).as_deref(), Some("one"));
    assert_eq!(opens(two.token.reveal()).as_deref(), Some("two"));
    // The key of one with the secret of the other.
    let mixed = format!("{}{}", &one.token.reveal()[..20], &two.token.reveal()[20..]);
    for wrong in ["", "x", &one.token.reveal()[..83], &one.publish_id, &mixed] {
        assert_eq!(opens(wrong), None, "{wrong:?}");
    }
    let state = f.store.by_token(one.token.reveal()).unwrap().state();
    let new = f.store.rotate("one", None).await.unwrap().0;
    assert_eq!(opens(one.token.reveal()), None);
    assert_eq!(opens(new.token.reveal()).as_deref(), Some("one"));
    assert_eq!(new.publish_id, one.publish_id);
    assert_eq!(state.borrow().token, Some(1));
    let moved = f.store.rotate("one", Some(SignedDuration::ZERO)).await.unwrap().0;
    assert!(f.store.by_publish_id(&one.publish_id).is_none());
    assert!(f.store.by_publish_id(&moved.publish_id).is_some());

    f.store.revoke("one").await.unwrap();
    assert_eq!(opens(moved.token.reveal()), None);
    assert!(f.store.by_publish_id(&moved.publish_id).is_none());
    assert_eq!(state.borrow().token, None);
    assert_eq!(f.store.revoke("one").await, Err(LogError::NoInbox));
    // Its name is free again, and the file contains no secret.
    f.store.create("one".parse().unwrap()).await.unwrap();
    f.store.close();
    let file = std::fs::read(f.path()).unwrap();
    let secret = &two.token.reveal().as_bytes()[20..];
    assert!(!file.windows(secret.len()).any(|window| window == secret));
}

#[tokio::test]
async fn a_closed_inbox_is_gone_with_all_it_held() {
    let f = Fixture::new(caps());
    let (one, two) = (f.inbox("one").await, f.inbox("two").await);
    for _ in 0..3 {
        f.append(one, true, "a").await.unwrap();
        f.append(two, true, "b").await.unwrap();
    }
    f.store.attach(one, reader("a"), None).await.unwrap();
    f.store.revoke("one").await.unwrap();
    assert_eq!(f.append(one, true, "a").await, Err(LogError::NoInbox));
    assert_eq!(f.told(one, 0).await, [""; 0]);
    let f = f.reopened(caps());
    f.append(two, true, "b").await.unwrap();
    f.store.close();
    let connection = rusqlite::Connection::open(f.path()).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM delivery"), 4);
    assert_eq!(count("SELECT count(*) FROM reader"), 0);
}

#[tokio::test]
async fn named_readers_and_inboxes_are_bounded() {
    let f = Fixture::new(Caps { readers: 2, inboxes: 1, ..caps() });
    let inbox = f.inbox("one").await;
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    f.store.attach(inbox, reader("b"), None).await.unwrap();
    f.store.attach(inbox, reader("a"), None).await.unwrap();
    let third = f.store.attach(inbox, reader("c"), None).await;
    assert_eq!(third, Err(LogError::TooManyReaders(2)));
    f.store.attach(inbox, None, None).await.unwrap();
    let second = f.store.create("two".parse().unwrap()).await;
    assert_eq!(second, Err(LogError::TooManyInboxes(1)));
}

#[tokio::test]
async fn gaps_are_bounded_and_still_no_hole_is_silent() {
    let f = Fixture::new(Caps { count: 10_000, ..caps() });
    let inbox = f.inbox("one").await;
    let mut appends = tokio::task::JoinSet::new();
    for n in 0..3000 {
        let store = Arc::clone(&f.store);
        appends.spawn(async move { store.append(inbox, arrival(n % 2 == 0, "x")).await });
    }
    assert!(appends.join_all().await.iter().all(Result::is_ok));
    let mut after = 0;
    for item in f.all(inbox, 0).await {
        let (from, to) = match item {
            Item::Delivery(d) => (d.cursor.seq, d.cursor.seq),
            Item::Gap(g) => {
                assert!(matches!(g.reason, GapReason::Unverified | GapReason::Unknown));
                (g.from, g.to)
            }
        };
        assert_eq!(from, after + 1);
        after = to;
    }
    assert_eq!(after, 3000);
}

#[test]
fn every_question_that_is_asked_often_goes_by_an_index() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for step in schema::SCHEMA.migrations {
        connection.execute_batch(step).unwrap();
    }
    for sql in [
        page::DELIVERIES,
        page::GAPS,
        page::EPOCHS,
        queries::OLDEST,
        queries::OLDEST_UNVERIFIED,
        queries::OLDER_THAN,
        damage::GAP_AT,
        damage::LAST_UP_TO,
        queries::SLOWEST,
        queries::ABSENT,
    ] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = plan.parameter_count();
        let rows: Vec<String> = plan
            .query_map(rusqlite::params_from_iter(vec![1; parameters]), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for row in &rows {
            assert!(!row.contains("SCAN") && !row.contains("TEMP B-TREE"), "{sql}: {rows:?}");
        }
    }
}
