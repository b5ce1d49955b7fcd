//! A demo beside the real run.

use tokio_util::sync::CancellationToken;

use super::aside::Aside;
use super::route::route;
use super::*;
use crate::config::{Config, Flags, Surroundings};
use crate::tui::model::Banner;

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
