//! The demo that a dashboard starts on request.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{Config, Environment, Flags};
use crate::tui::model::Banner;
use crate::tui::run::{DemoCommand, DemoEvent};

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_starts_and_stops_repeatedly_and_leaves_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::load(Flags::default(), &Environment::below(dir.path())).unwrap();
    let (commands, commanded) = mpsc::channel(1);
    let (reports, mut events) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let demos = tokio::spawn(super::super::demo::run(config, commanded, reports, stop.clone()));
    let next = async |events: &mut mpsc::Receiver<DemoEvent>| {
        tokio::time::timeout(LIMIT, events.recv()).await.unwrap().unwrap()
    };

    for _ in 0..3 {
        // The second has no effect: a demo already runs.
        for _ in 0..2 {
            commands.send(DemoCommand::Start).await.unwrap();
        }
        let DemoEvent::Started(mut run) = next(&mut events).await else { panic!("no start") };
        assert_eq!(run.info.banner, Some(Banner::Demo));
        assert!(!run.info.bell, "a demo rings no bell");
        assert!(run.info.door.starts_with("127.0.0.1:"), "{}", run.info.door);
        let first = tokio::time::timeout(LIMIT, run.events.recv()).await.unwrap();
        assert!(matches!(first, Some(BackendEvent::Assets(_))), "{first:?}");
        commands.send(DemoCommand::Stop).await.unwrap();
        let ended = next(&mut events).await;
        assert!(matches!(ended, DemoEvent::Ended(None)), "{ended:?}");
    }
    stop.cancel();
    tokio::time::timeout(LIMIT, demos).await.unwrap().unwrap();
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 0, "a demo touches nothing of the user's");
}
