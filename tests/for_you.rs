//! What the dashboard says that its user has to do: what failed, what is overdue, what waits for
//! them; and how far the dubs are, whatever is shown and however little room there is.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "what other tests of the dashboard need beside")]
mod stage;

use std::collections::BTreeSet;

use dubwatch::simulate::{Message, Tamper};
use dubwatch::tui::effect::{Effect, Request};
use dubwatch::tui::model::Dashboard;
use dubwatch::tui::model::asset::AssetView;
use dubwatch::tui::model::mode::Pane;
use dubwatch::tui::msg::Told;
use dubwatch::tui::update::next_change;
use dubwatch::tui::view;
use dubwatch::tui::widget::look::Look;
use jiff::{SignedDuration, Timestamp};
use stage::{COLOR, Stage, curtain, facts};

fn at(minute: i64) -> Timestamp {
    curtain() + SignedDuration::from_mins(minute)
}

/// A version's callback.
fn about(asset: &str, version: &str, event: &str) -> Message {
    Message {
        event: format!("version_{event}"),
        asset_id: asset.to_owned(),
        version_id: Some(version.to_owned()),
        version_locale: Some(format!("{}-XX", &version[..2])),
    }
}

/// Lets a callback come; returns what is to be done about it.
fn deliver(stage: &mut Stage, message: &Message, minute: i64) -> Vec<Effect> {
    stage.tick(at(minute));
    let row = stage.delivery(message, at(minute));
    stage.news(vec![row], &BTreeSet::from([message.asset_id.clone()]), false)
}

/// Lets it get this late; returns what is to be done about it.
fn tick(stage: &mut Stage, minute: i64) -> Vec<Effect> {
    stage.tick(at(minute))
}

/// What is called out.
fn calls(effects: &[Effect]) -> Vec<String> {
    let calls = effects.iter().filter_map(|effect| match effect {
        Effect::Call(words) => Some(words.to_string()),
        _ => None,
    });
    calls.collect()
}

/// The frame in this size, a line a row.
fn lines(stage: &mut Stage, size: (u16, u16)) -> Vec<String> {
    lines_in(stage, size, COLOR)
}

fn lines_in(stage: &mut Stage, size: (u16, u16), look: Look) -> Vec<String> {
    let buffer = stage.frame(size, look);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(|y| row(y).trim_end().to_owned()).collect()
}

fn title(stage: &Stage) -> String {
    view::title(stage.dashboard.shown()).to_string()
}

const ALL: Look = Look { color: false, ascii: true, light: false };

/// A dashboard that begins at a minute, on a journal with a version that generates since 0.
fn restarted(minute: i64, marked: bool) -> (Stage, Vec<Effect>) {
    let mut before = Stage::empty();
    deliver(&mut before, &about("ast_a", "es-1", "generating"), 0);
    let asset = before.model().shown().catalogue.get("ast_a").unwrap();
    let mut notes = asset.notes.clone();
    if marked {
        notes.acknowledged.insert(Some("es-1".to_owned()), at(0));
    }
    let asset = AssetView::new(asset.row.clone(), notes);
    let facts = dubwatch::tui::model::Facts { started: at(minute), ..facts(None) };
    let mut stage = Stage::of(Dashboard::new(facts, at(minute), (120, 30)));
    let mut effects = stage.tell(Told::Assets(vec![asset]));
    effects.extend(stage.tell(Told::Loaded));
    (stage, effects)
}

/// What is forecast is right from the first second on: about as long as it takes in the end.
#[test]
fn the_forecasts_of_the_demo_do_not_start_wrong() {
    for second in [0, 1, 5, 20, 60, 120, 200] {
        let mut stage = Stage::story(7, second);
        stage.model().live.learn_usual();
        let usual = stage.model().live.usual.unwrap().as_secs();
        assert!((50..=70).contains(&usual), "{usual} s at second {second}");
    }
}
