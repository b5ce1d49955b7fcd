//! Following a journal: every commit is returned once and in order, whichever process writes.

use std::time::Duration;

use super::*;

/// Exceeded only by a test that hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn ready(second: i64) -> Accepted {
    accepted(&event(State::Ready, "ast", "ver"), second, u64::try_from(second).unwrap())
}

/// Returns the `seq` of each new delivery.
fn drain(follower: &mut Follower, limit: u32) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(batch) = follower.next(limit).unwrap() {
        let JournalBatch::Deliveries(page) = batch else { panic!("{batch:?}") };
        assert!(page.len() <= limit as usize);
        seqs.extend(page.iter().map(|delivery| delivery.seq));
    }
    seqs
}

async fn changed(follower: &mut Follower) -> Result<bool, JournalError> {
    tokio::time::timeout(LIMIT, follower.changed()).await.expect("a change")
}

#[tokio::test]
async fn what_is_committed_comes_once_whoever_writes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    journal.append(ready(0)).unwrap().receipt().await.unwrap();
    let path = dir.path().join("journal.db");
    let own = || Follower::of_feed(journal.reader().unwrap(), journal.feed());
    let beside = || Follower::open(&path).unwrap();
    for open in [&own as &dyn Fn() -> Follower, &beside] {
        let mut follower = open();
        assert_eq!(drain(&mut follower, 2), [0; 0], "what was there before is not handed out");
        let before = follower.seen().head;
        for second in 1..=5 {
            journal.append(ready(second)).unwrap().receipt().await.unwrap();
        }
        assert!(changed(&mut follower).await.unwrap());
        let expected: Vec<u64> = (before + 1..=before + 5).collect();
        assert_eq!(drain(&mut follower, 2), expected);
        assert_eq!(drain(&mut follower, 2), [0; 0]);
        let mut again = follower.behind(before + 3);
        assert_eq!(drain(&mut again, 2), expected[3..]);
    }
}

#[tokio::test]
async fn the_end_of_the_journal_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(&file(&dir), None).unwrap();
    let mut own = Follower::of_feed(journal.reader().unwrap(), journal.feed());
    tokio::task::spawn_blocking(move || {
        journal.close();
    })
    .await
    .unwrap();
    assert!(!changed(&mut own).await.unwrap(), "nothing more will come");
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    Journal::open(&file(&dir), None).unwrap().close();
    let mut removed = Follower::open(&path).unwrap();
    let mut replaced = Follower::open(&path).unwrap();
    std::fs::rename(&path, dir.path().join("aside.db")).unwrap();
    let error = changed(&mut removed).await.unwrap_err();
    assert!(matches!(&error, JournalError::Replaced(gone) if *gone == path), "{error}");
    std::fs::write(&path, "something else").unwrap();
    let error = changed(&mut replaced).await.unwrap_err();
    assert!(matches!(&error, JournalError::Replaced(_)), "{error}");
}
