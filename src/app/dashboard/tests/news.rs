//! What is committed while a dashboard looks, each row once and in its order, and what it asks for.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_told_with_what_it_made_of_its_assets() {
    let key = PrivateKey::generate().unwrap();
    let mut scene = Scene::open(memory(), key, 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    let news = scene.news().await;
    assert!(!news.old);
    assert_eq!((targets(&news.rows), news.head), (vec![Target::Delivery(1)], 1));
    assert_eq!(news.assets.len(), 1);
    assert_eq!(news.assets[0].row.versions.len(), 1);

    refuse(&scene.journal, 9, "a", 2).await;
    let news = scene.news().await;
    assert_eq!(targets(&news.rows), [Target::Refusal(9)]);
    assert!(news.assets.is_empty(), "a refusal touches no timeline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_opened_with_the_steps_of_its_check() {
    let key = PrivateKey::generate().unwrap();
    let mut scene = Scene::open(memory(), key, 64);
    scene.start().await;
    append(&scene.journal, &scene.key, "a", 1).await;
    refuse(&scene.journal, 3, "a", 2).await;
    scene.news().await;
    scene.news().await;

    scene.ask(Request::Detail(Target::Delivery(1))).await;
    let BackendEvent::Detail(_, Some(detail)) = scene.next().await else { panic!("no detail") };
    assert_eq!(detail.body, body("a"));
    assert!(detail.verdict.is_valid());
    assert_eq!(detail.steps.last().unwrap().passed, Some(true));
    assert_eq!(detail.request, "POST /callback");

    scene.ask(Request::Detail(Target::Refusal(3))).await;
    let BackendEvent::Detail(_, Some(detail)) = scene.next().await else { panic!("no detail") };
    assert_eq!(detail.steps[0].passed, Some(false), "there is no header");
    assert_eq!(detail.committed_at, None);

    scene.ask(Request::Detail(Target::Delivery(77))).await;
    assert!(matches!(scene.next().await, BackendEvent::Detail(Target::Delivery(77), None)));

    scene.ask(Request::OfAsset("a".to_owned())).await;
    let BackendEvent::OfAsset(_, rows) = scene.next().await else { panic!("no rows") };
    assert_eq!(targets(&rows), [Target::Delivery(1), Target::Refusal(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nobody_listens_any_more_is_nothing_wrong() {
    let mut scene = Scene::open(memory(), PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    scene.received.close();
    append(&scene.journal, &scene.key, "a", 1).await;
    tokio::time::timeout(LIMIT, scene.backend.requests.closed()).await.unwrap();
    let moment = Duration::from_millis(100);
    assert!(tokio::time::timeout(moment, scene.backend.failed()).await.is_err());
}

/// A start that fails drops what it has begun, and the runtime after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_dropped_ends() {
    let mut scene = Scene::open(memory(), PrivateKey::generate().unwrap(), 64);
    scene.start().await;
    let requests = scene.backend.requests.clone();
    drop(scene.backend);
    tokio::time::timeout(LIMIT, requests.closed()).await.unwrap();
}
