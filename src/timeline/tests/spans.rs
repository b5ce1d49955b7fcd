//! The lanes that histories are drawn as.

use rstest::rstest;

use super::super::Span;
use super::super::version::HISTORY;
use super::{at, epoch, play, star};

/// A span in minutes from the epoch: `1 ready 0..60`, or `1 ready* 0..60` of an unchecked one.
pub(super) fn written(span: &Span) -> String {
    let minutes = |t: jiff::Timestamp| t.duration_since(epoch()).as_mins();
    let to = span.to.map_or(String::new(), |to| minutes(to).to_string());
    let star = star(span.provenance);
    format!("{} {}{star} {}..{to}", span.cycle, span.state.name(), minutes(span.from))
}

#[rstest]
#[case::documented(
    "0s ready applied; 60m generating applied; 70m generated applied; 71m generated repeat",
    &["1 ready 0..60", "1 generating 60..70", "1 generated 70.."]
)]
#[case::revised(
    "0s generated applied; 60m ready new_cycle; 70m generated/2 applied",
    &["1 generated 0..60", "2 ready 60..70", "2 generated 70.."]
)]
#[case::hindsight(
    "0s generating applied; 10m generate_failed applied; 20m generating repeat; \
     25m generating repeat; 30m generated new_cycle",
    &["1 generating 0..10", "1 generate_failed 10..20", "2 generating 20..30", "2 generated 30.."]
)]
#[case::late_without_a_length(
    "0s generated applied; 1m ready late; 2m generating late",
    &["1 ready 0..0", "1 generating 0..0", "1 generated 0.."]
)]
#[case::late_through_a_relay(
    "0s generated applied; -10m generating late; -70m ready late",
    &["1 ready -70..-10", "1 generating -10..0", "1 generated 0.."]
)]
#[case::late_ones_that_cross(
    "0s generated applied; -70m generating late; -10m ready late",
    &["1 ready -70..-70", "1 generating -70..0", "1 generated 0.."]
)]
#[case::late_between(
    "0s ready applied; 60m generated applied; 50m generating late",
    &["1 ready 0..50", "1 generating 50..60", "1 generated 60.."]
)]
#[case::late_in_a_later_cycle_stays_in_it(
    "0s generated applied; 60m generating new_cycle; -30m ready late",
    &["1 generated 0..0", "2 ready 0..60", "2 generating 60.."]
)]
#[case::the_clock_went_back(
    "60m ready applied; 0s generating applied; 70m generated applied",
    &["1 ready 60..60", "1 generating 60..70", "1 generated 70.."]
)]
#[case::the_clock_went_back_after_a_late_step(
    "0s generated applied; -10m ready late; -300m generate_failed new_cycle?second_outcome",
    &["1 ready -10..0", "1 generated 0..0", "2 generate_failed 0.."]
)]
fn draws(#[case] script: &str, #[case] lane: &[&str]) {
    let version = play(script);
    assert_eq!(version.spans().iter().map(written).collect::<Vec<_>>(), lane);
}

/// A late step whose later step was forgotten is not drawn as if it had been the state.
#[test]
fn a_late_step_leaves_with_the_step_it_belongs_before() {
    let mut lines = vec!["0s generated applied".to_owned(), "1m ready late".to_owned()];
    lines.extend((1..HISTORY).map(|cycle| {
        let hour = cycle * 2;
        format!("{hour}h generated/{hour} new_cycle?same_event_later")
    }));
    let version = play(&lines.join(";"));
    assert_eq!(version.dropped(), 1);
    assert!(version.steps().next().unwrap().late);

    let spans = version.spans();
    assert_eq!(spans.len(), HISTORY - 1);
    assert_eq!(spans[0].from, at("2h"));
}
