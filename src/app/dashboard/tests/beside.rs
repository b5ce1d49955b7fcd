//! What is told beside the journal: a demo, counts, whether the journal can be written.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_beside_begins_with_what_it_is_and_nothing_comes_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::load(Flags::default(), &Surroundings::below(dir.path())).unwrap();
    let (inbox, mut told) = mpsc::channel(1024);
    let (real, _unasked) = mpsc::channel(1);
    let (requests, asked) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let routing = tokio::spawn(route(asked, real, Aside::new(&config, inbox), stop.clone()));
    let next = async |told: &mut mpsc::Receiver<Msg>| {
        tokio::time::timeout(LIMIT, told.recv()).await.unwrap().unwrap()
    };

    for _ in 0..3 {
        requests.send((Stage::Real, Request::StartDemo)).await.unwrap();
        let facts = loop {
            match next(&mut told).await {
                Msg::DemoBegan(facts) => break facts,
                // The last words of the one before, which are in nobody's way.
                Msg::Told(Stage::Demo, _) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(facts.banner, Some(Banner::Demo));
        assert!(!facts.bell, "nobody has to come for what is made up");
        assert!(facts.door.starts_with("127.0.0.1:"), "{}", facts.door);
        let first = next(&mut told).await;
        assert!(matches!(first, Msg::Told(Stage::Demo, Told::Assets(_))), "{first:?}");
        requests.send((Stage::Demo, Request::StopDemo)).await.unwrap();
        loop {
            match next(&mut told).await {
                Msg::DemoEnded(why) => break assert_eq!(why, None),
                Msg::Told(Stage::Demo, _) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    stop.cancel();
    tokio::time::timeout(LIMIT, routing).await.unwrap().unwrap();
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 0, "a demo touches nothing of the user's");
}

#[tokio::test(start_paused = true)]
async fn counts_are_told_when_they_change_and_not_too_often() {
    let key = PrivateKey::generate().unwrap();
    let journal = Arc::new(memory());
    let intake =
        Intake::new(trusted(&key), crate::intake::Policy::Required, Arc::clone(&journal) as _, 1);
    let intake = Arc::new(intake.unwrap());
    let (inbox, mut told) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let task = until(&stop, tell_counts(Stage::Real, Arc::clone(&intake), inbox));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(told.try_recv().is_err(), "nothing changed");
    for _ in 0..100 {
        intake.turn_away();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(COUNT_EVERY).await;
    let mut counts = Vec::new();
    while let Ok(Msg::Told(_, Told::Counts(found))) = told.try_recv() {
        counts.push(found.unavailable);
    }
    assert_eq!((counts[0], counts.last()), (1, Some(&100)), "at once, and to the last");
    assert!((4..=6).contains(&counts.len()), "{counts:?}");
    stop.cancel();
    task.await.unwrap();
    intake.close();
}

#[tokio::test]
async fn that_the_journal_can_be_written_again_is_told_however_much_waits() {
    let (inbox, mut told) = mpsc::channel(1);
    let (store, states) = watch::channel(Store::Writing);
    let stop = CancellationToken::new();
    let task = until(&stop, tell_store(states, inbox.clone()));
    inbox.send(Msg::Word("in the way".to_owned())).await.unwrap();
    for number in 0..1_000 {
        store.send_replace(Store::Failing { why: format!("full, {number} times") });
        tokio::task::yield_now().await;
    }
    store.send_replace(Store::Writing);
    loop {
        match tokio::time::timeout(LIMIT, told.recv()).await.unwrap() {
            Some(Msg::Told(Stage::Real, Told::Store(Store::Writing))) => break,
            Some(Msg::Word(_) | Msg::Told(Stage::Real, Told::Store(_))) => {}
            other => panic!("{other:?}"),
        }
    }
    stop.cancel();
    task.await.unwrap();
}
