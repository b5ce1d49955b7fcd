//! A journal that another process writes: its rows, its user's notes, what it deletes.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_another_one_writes_is_followed() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;

    let mut scene = Scene::beside(&path, journal, key);
    assert_eq!(scene.start().await.len(), 2);

    append(&scene.journal, &scene.key, "b", 2).await;
    let news = scene.news().await;
    assert_eq!((targets(&news.rows), news.old), (vec![Target::Delivery(2)], false));
    let pending = scene.journal.name("b".to_owned(), Some("B side".to_owned()));
    pending.unwrap().receipt().await.unwrap();
    let named = loop {
        let BackendEvent::Asset(asset) = scene.next().await else { panic!("no asset") };
        if asset.id() == "b" {
            break asset;
        }
    };
    assert_eq!(named.notes.name.as_deref(), Some("B side"));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_come_with_rows_are_told_as_well() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut scene = Scene::beside(&path, journal, key);
    scene.start().await;
    for round in 0..4 {
        // Within one look, mostly.
        let pending = scene.journal.name("a".to_owned(), Some(format!("take {round}"))).unwrap();
        append(&scene.journal, &scene.key, "b", 2 + round).await;
        pending.receipt().await.unwrap();
        loop {
            let BackendEvent::Asset(asset) = scene.next().await else { continue };
            if asset.notes.name == Some(format!("take {round}")) {
                break;
            }
        }
    }
    let marked = scene.journal.acknowledge("a".to_owned(), None, Some(at(9))).unwrap();
    append(&scene.journal, &scene.key, "b", 9).await;
    marked.receipt().await.unwrap();
    loop {
        let BackendEvent::Asset(asset) = scene.next().await else { continue };
        if asset.notes.acknowledged.contains_key(&None) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_do_not_put_off_the_next_look() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut scene = Scene::beside(&path, journal, key);
    scene.start().await;
    append(&scene.journal, &scene.key, "b", 2).await;
    let asked = std::time::Instant::now();
    loop {
        scene.ask(Request::Detail(Target::Delivery(1))).await;
        match scene.next().await {
            BackendEvent::News(_) => break,
            _ => assert!(asked.elapsed() < LIMIT, "no news while somebody asks"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_that_were_deleted_are_told_to_be_gone() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    for (asset, second) in [("old", 1), ("older", 0), ("busy", 200)] {
        append(&journal, &key, asset, second).await;
    }
    journal.close();
    let mut scene = Scene::beside(&path, journal, key);
    scene.start().await;
    Journal::prune(&path, at(100)).unwrap();
    let mut gone = HashSet::new();
    while gone.len() < 2 {
        let BackendEvent::Gone(asset_id) = scene.next().await else {
            panic!("nothing else is told")
        };
        gone.insert(asset_id);
    }
    assert_eq!(gone, HashSet::from(["old".to_owned(), "older".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_and_the_request_given_back() {
    let (_dir, path, journal) = on_disk();
    let key = PrivateKey::generate().unwrap();
    append(&journal, &key, "a", 1).await;
    let mut scene = Scene::beside(&path, journal, key);
    scene.start().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE delivery SET effect = 'nonsense'", []).unwrap();
    let search = super::search(1, "", SearchStart::Newest, 500);
    for request in [
        Request::Detail(Target::Delivery(1)),
        Request::Rows(Box::new(search)),
        Request::OfAsset("a".to_owned()),
    ] {
        scene.ask(request.clone()).await;
        let (unanswered, why) = scene.unanswered().await;
        assert_eq!(unanswered, request);
        assert!(why.contains("nonsense"), "{why}");
    }
}
