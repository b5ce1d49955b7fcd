//! What the user notes of assets, and assets that are there no more.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_kept_and_sent() {
    let key = PrivateKey::generate().unwrap();
    let mut scene = Scene::open(memory(), key, 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    scene.news().await;

    let name = || Request::Name { asset_id: "a".to_owned(), name: Some("Trailer".to_owned()) };
    scene.ask(name()).await;
    let BackendEvent::Asset(asset) = scene.next().await else { panic!("no asset") };
    assert_eq!(asset.notes.name.as_deref(), Some("Trailer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_cannot_be_kept_are_answered_with_the_reason() {
    let name = || Request::Name { asset_id: "a".to_owned(), name: Some("Trailer".to_owned()) };
    let (_dir, path, journal) = on_disk();
    let mut scene = Scene::beside(&path, journal, PrivateKey::generate().unwrap());
    scene.start().await;
    scene.ask(name()).await;
    let (request, why) = scene.unanswered().await;
    assert_eq!(request, name());
    assert!(why.starts_with("read-only"), "{why}");

    // A second writer, so that the follower goes on when the first has ended.
    let other = memory();
    other.close();
    let follower = Follower::open(&path).unwrap();
    let (journal, key) = (Arc::clone(&scene.journal), PrivateKey::generate().unwrap());
    let mut scene = Scene::following(follower, Some(Arc::new(other)), journal, key, 64);
    scene.start().await;
    scene.ask(name()).await;
    let (request, why) = scene.unanswered().await;
    assert_eq!(request, name());
    assert!(why.starts_with("not kept: "), "{why}");
}

/// Otherwise what failed would be known already when it is told, and nobody called for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_asset_is_told_after_the_news_that_made_it_what_it_is() {
    let mut scene = Scene::open(memory(), PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    for round in 0..5 {
        // The news before it lets the next one wait for a moment.
        append(&scene.journal, &scene.key, "a", 2 * round).await;
        scene.news().await;
        let before = scene.journal.reader().unwrap().head().unwrap();
        flood(&scene.journal, "version_generate_failed", "a", 2 * round + 1, 1).await;
        scene.ask(Request::Name { asset_id: "a".to_owned(), name: None }).await;
        let news = scene.news().await;
        assert_eq!(news.head, before + 1);
        let BackendEvent::Asset(asset) = scene.next().await else { panic!("no asset") };
        assert_eq!(asset.row, news.assets[0].row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_noted_of_an_asset_that_is_gone_comes_to_something() {
    let (_dir, path, journal) = on_disk();
    let mut scene = Scene::open(journal, PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    scene.news().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DELETE FROM asset; DELETE FROM version; DELETE FROM delivery").unwrap();

    let seen = Request::Acknowledge {
        asset_id: "a".to_owned(),
        version_id: Some("v".to_owned()),
        at: Some(at(1)),
    };
    scene.ask(seen.clone()).await;
    assert!(matches!(scene.next().await, BackendEvent::Gone(asset_id) if asset_id == "a"));
    let (request, why) = scene.unanswered().await;
    assert_eq!((request, &*why), (seen, "that asset is no longer in the journal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_is_looked_at_and_gone_is_told_to_be() {
    let (_dir, path, journal) = on_disk();
    let mut scene = Scene::open(journal, PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    scene.news().await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("DELETE FROM asset; DELETE FROM version; DELETE FROM delivery").unwrap();
    scene.ask(Request::OfAsset("a".to_owned())).await;
    assert!(matches!(scene.next().await, BackendEvent::Gone(asset_id) if asset_id == "a"));
    assert!(matches!(scene.next().await, BackendEvent::OfAsset(_, rows) if rows.is_empty()));
}

/// `names import` writes beside the dashboard that receives, and its feed says nothing of that.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_another_process_gives_are_told() {
    let (_dir, path, journal) = on_disk();
    let mut scene = Scene::open(journal, PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    scene.news().await;
    let asset_id = "a".to_owned();
    let change = crate::journal::NameChange { asset_id, name: Some("Trailer".to_owned()) };
    tokio::task::spawn_blocking(move || Journal::change_names(&path, &[change]))
        .await
        .unwrap()
        .unwrap();
    let BackendEvent::Asset(asset) = scene.next().await else { panic!("no asset") };
    assert_eq!(asset.notes.name.as_deref(), Some("Trailer"));
}
