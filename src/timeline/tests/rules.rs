//! Rules 1 to 10, each by a table whose cases bear its number.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::super::{Asset, Timeline, fold};
use super::{at, checked, event, fingerprint, outcome, play, sum};
use crate::callback::{Callback, DeliveryEffect, Fingerprint, Outcome, Provenance, State, Subject};

const VERIFIED: Provenance = Provenance::Verified;

#[rstest]
// 2: the first event is the state.
#[case::rule_2_ready("0s ready applied", "ready 1")]
#[case::rule_2_failed("0s failed applied", "failed 1")]
#[case::rule_2_generating("0s generating applied", "generating 1")]
#[case::rule_2_generated("0s generated applied", "generated 1")]
#[case::rule_2_generate_failed("0s generate_failed applied", "generate_failed 1")]
// 3: a higher rank applies, whenever it comes.
#[case::rule_3_documented_cycle(
    "0s ready applied; 2h generating applied; 5h generated applied",
    "generated 1"
)]
#[case::rule_3_at_once("0s ready applied; 0s generate_failed applied", "generate_failed 1")]
#[case::rule_3_skipped_step("0s ready applied; 1h generated applied", "generated 1")]
#[case::rule_3_after_failed("0s failed applied; 1h generating applied", "generating 1")]
#[case::rule_3_clears_a_doubt(
    "0s ready applied; 1m failed applied?order_unknown; 2m generating applied",
    "generating 1"
)]
#[case::rule_3_though_the_clock_went_back(
    "0s ready applied; -3h generating applied",
    "generating 1"
)]
// 4: the current state again.
#[case::rule_4_at_once("0s ready applied; 0s ready repeat", "ready 1")]
#[case::rule_4_at_the_end_of_the_window("0s ready applied; 15m ready repeat", "ready 1")]
#[case::rule_4_after_the_window(
    "0s ready applied; 15m1s ready new_cycle?same_event_later",
    "ready 2?same_event_later"
)]
#[case::rule_4_the_window_slides(
    "0s generated applied; 15m generated repeat; 30m generated repeat; 45m generated repeat",
    "generated 1"
)]
#[case::rule_4_signed_anew_is_no_doubt_here("0s ready applied; 5m ready/2 repeat", "ready 1")]
#[case::rule_4_before_its_first_arrival("0s ready applied; -5h ready repeat", "ready 1")]
#[case::rule_4_an_older_copy_does_not_shorten_the_window(
    "0s ready applied; -5h ready repeat; 15m ready repeat",
    "ready 1"
)]
#[case::rule_4_a_repeat_leaves_a_doubt(
    "0s ready applied; 1m failed applied?order_unknown; 2m failed repeat",
    "failed 1?order_unknown"
)]
// 5: seen in this cycle, not the current state.
#[case::rule_5_within_both(
    "0s ready applied; 1m generating applied; 15m ready repeat",
    "generating 1"
)]
#[case::rule_5_within_its_first_arrival(
    "0s generated applied; 14m ready late; 29m ready repeat; 29m1s ready/2 new_cycle",
    "ready 2"
)]
#[case::rule_5_within_the_current_state(
    "0s ready applied; 2h generating applied; 2h15m ready repeat",
    "generating 1"
)]
#[case::rule_5_signed_anew(
    "0s ready applied; 1m generating applied; 2m ready/2 repeat?signed_anew",
    "generating 1?signed_anew"
)]
#[case::rule_5_signed_anew_after_a_failure(
    "0s generating applied; 1m generate_failed applied; 2m generating/2 new_cycle?taken_for_new_run",
    "generating 2?taken_for_new_run"
)]
#[case::rule_5_signed_anew_after_the_outcome(
    "0s generating applied; 1m generated applied; 2m generating/2 new_cycle?taken_for_new_run",
    "generating 2?taken_for_new_run"
)]
#[case::rule_5_revised_within_the_window(
    "0s ready applied; 1m generating applied; 2m generated applied; \
     3m ready/2 new_cycle?taken_for_new_run",
    "ready 2?taken_for_new_run"
)]
#[case::rule_5_dubbed_again_after_failed(
    "0s ready applied; 1m failed applied?order_unknown; 2m ready/2 new_cycle?taken_for_new_run",
    "ready 2?taken_for_new_run"
)]
#[case::rule_5_what_follows_clears_the_doubt(
    "0s generating applied; 1m generate_failed applied; \
     2m generating/2 new_cycle?taken_for_new_run; 3m generated applied",
    "generated 2"
)]
#[case::rule_5_each_run_of_an_evening(
    "0s ready applied; 1m generating applied; 2m generate_failed applied; \
     3m generating/2 new_cycle?taken_for_new_run; 4m generate_failed/2 applied; \
     5m generating/3 new_cycle?taken_for_new_run; 6m generated applied; \
     7m generating/4 new_cycle?taken_for_new_run; 8m generated/2 applied",
    "generated 4"
)]
#[case::rule_5_signed_anew_at_the_end_of_the_window(
    "0s generating applied; 1m generate_failed applied; 16m generating/2 new_cycle?taken_for_new_run",
    "generating 2?taken_for_new_run"
)]
#[case::rule_5_signed_anew_after_the_window(
    "0s generating applied; 1m generate_failed applied; 16m1s generating/2 new_cycle",
    "generating 2"
)]
#[case::rule_5_a_failure_signed_anew_is_never_swallowed(
    "0s failed applied; 1m generating applied; 2m failed/2 new_cycle?taken_for_new_run",
    "failed 2?taken_for_new_run"
)]
#[case::rule_5_a_failure_signed_anew_is_never_swallowed_while_ready(
    "0s failed applied; 1m ready applied?order_unknown; 2m failed/2 new_cycle?taken_for_new_run",
    "failed 2?taken_for_new_run"
)]
#[case::rule_5_a_copy_after_the_outcome(
    "0s ready applied; 1m generating applied; 2m generate_failed applied; \
     3m generating repeat; 4m ready repeat",
    "generate_failed 1"
)]
#[case::rule_5_a_late_step_signed_anew(
    "0s generated applied; 1m generating late; 2m generating/2 new_cycle?taken_for_new_run",
    "generating 2?taken_for_new_run"
)]
#[case::rule_5_retries_of_the_run_before_a_new_one(
    "0s generating applied; 1m generate_failed applied; \
     2m generating/2 new_cycle?taken_for_new_run; 3m generate_failed repeat; 4m generating repeat",
    "generating 2?taken_for_new_run"
)]
#[case::rule_5_compares_with_the_last_copy(
    "0s ready applied; 1m ready/2 repeat; 2m generating applied; 3m ready/2 repeat",
    "generating 1"
)]
#[case::rule_5_a_certain_repeat_leaves_a_doubt(
    "0s ready applied; 1m generating applied; 2m ready/2 repeat?signed_anew; 3m ready/2 repeat",
    "generating 1?signed_anew"
)]
#[case::rule_5_a_late_step_was_seen(
    "0s generated applied; 1m ready late; 2m ready repeat",
    "generated 1"
)]
#[case::rule_5_the_current_state_does_not_slide(
    "0s ready applied; 1m generated applied; 15m generated repeat; 17m ready/2 new_cycle",
    "ready 2"
)]
#[case::rule_5_otherwise_rule_8(
    "0s ready applied; 1m generating applied; 2m generated applied; 3h ready/2 new_cycle",
    "ready 2"
)]
#[case::rule_5_otherwise_rule_8_at_the_same_rank(
    "0s ready applied; 1h failed applied; 3h ready/2 new_cycle",
    "ready 2"
)]
#[case::rule_5_a_retry_of_the_cycle_before_undoes_no_failure(
    "0s generated applied; 1m failed new_cycle?failure_out_of_order; 2m generated repeat",
    "failed 2?failure_out_of_order"
)]
#[case::rule_5_retried_outcomes_in_turn_open_one_cycle(
    "0s generated applied; 1m generate_failed new_cycle?second_outcome; 2m generated repeat; \
     3m generate_failed repeat; 4m generated repeat",
    "generate_failed 2?second_outcome"
)]
#[case::rule_3_the_very_same_bytes_are_doubted(
    "0s generated applied; 2h ready new_cycle; 3h generated applied?same_bytes_later",
    "generated 2?same_bytes_later"
)]
#[case::rule_5_failure_told_again(
    "0s failed applied; 1m generating applied; 2m failed repeat",
    "generating 1"
)]
// 6: the other event of the same rank.
#[case::rule_6_failed_after_ready(
    "0s ready applied; 15m failed applied?order_unknown",
    "failed 1?order_unknown"
)]
#[case::rule_6_ready_after_failed(
    "0s failed applied; 1m ready applied?order_unknown",
    "ready 1?order_unknown"
)]
#[case::rule_6_certain_after_the_window("0s ready applied; 15m1s failed applied", "failed 1")]
#[case::rule_6_counts_from_the_first_arrival(
    "0s ready applied; 10m ready repeat; 20m failed applied",
    "failed 1"
)]
#[case::rule_6_second_outcome(
    "0s generated applied; 1m generate_failed new_cycle?second_outcome",
    "generate_failed 2?second_outcome"
)]
#[case::rule_6_second_outcome_later(
    "0s generate_failed applied; 9h generated new_cycle?second_outcome",
    "generated 2?second_outcome"
)]
#[case::rule_6_hindsight(
    "0s generating applied; 1m generate_failed applied; 2m generating repeat; 3m generated new_cycle",
    "generated 2"
)]
#[case::rule_6_hindsight_clears_a_doubt(
    "0s generated applied; 1m generate_failed new_cycle?second_outcome; 2m generating late; \
     3m generating repeat; 4m generated/2 new_cycle",
    "generated 3"
)]
#[case::rule_6_hindsight_after_a_retry_of_the_cycle_before(
    "0s generating applied; 1m generated applied; 2m generate_failed new_cycle?second_outcome; \
     3m generating repeat; 4m generated/2 new_cycle",
    "generated 3"
)]
#[case::rule_6_hindsight_counts_once(
    "0s generating applied; 1m generate_failed applied; 2m generating repeat; \
     3m generated new_cycle; 4m generate_failed/2 new_cycle?second_outcome",
    "generate_failed 3?second_outcome"
)]
#[case::rule_6_a_copy_before_the_outcome_shows_nothing(
    "0s generating applied; 1m generating repeat; 2m generate_failed applied; \
     3m generated new_cycle?second_outcome",
    "generated 2?second_outcome"
)]
#[case::rule_6_a_copy_received_before_the_outcome_shows_nothing(
    "0s generating applied; 10m generate_failed applied; 5m generating repeat; \
     11m generated new_cycle?second_outcome",
    "generated 2?second_outcome"
)]
#[case::rule_6_a_copy_of_another_event_shows_nothing(
    "0s ready applied; 1m generating applied; 2m generate_failed applied; 3m ready repeat; \
     4m generated new_cycle?second_outcome",
    "generated 2?second_outcome"
)]
#[case::rule_6_the_copies_of_an_outcome_show_nothing(
    "0s generating applied; 1m generate_failed applied; 2m generating repeat; \
     3m generate_failed repeat",
    "generate_failed 1"
)]
// 7: lower rank, not seen, close.
#[case::rule_7_ready_after_generating("0s generating applied; 15m ready late", "generating 1")]
#[case::rule_7_both_after_generated(
    "0s generated applied; 1m generating late; 2m ready late",
    "generated 1"
)]
#[case::rule_7_received_before("0s generated applied; -9h ready late", "generated 1")]
#[case::rule_7_leaves_a_doubt(
    "0s generated applied; 1m generate_failed new_cycle?second_outcome; 2m generating late",
    "generate_failed 2?second_outcome"
)]
#[case::rule_7_a_failure_is_never_swallowed(
    "0s generating applied; 1m failed new_cycle?failure_out_of_order",
    "failed 2?failure_out_of_order"
)]
#[case::rule_7_a_failure_is_never_swallowed_after_the_outcome(
    "0s generated applied; -2h failed new_cycle?failure_out_of_order",
    "failed 2?failure_out_of_order"
)]
// 8: lower rank, long after.
#[case::rule_8_revised("0s generated applied; 15m1s ready new_cycle", "ready 2")]
#[case::rule_8_regenerated("0s generated applied; 2h generating new_cycle", "generating 2")]
#[case::rule_8_failed_after_the_outcome(
    "0s generate_failed applied; 2h failed new_cycle",
    "failed 2"
)]
#[case::rule_8_ready_while_generating(
    "0s generating applied; 2h ready new_cycle?undocumented_step",
    "ready 2?undocumented_step"
)]
#[case::rule_8_failed_while_generating(
    "0s generating applied; 2h failed new_cycle?undocumented_step",
    "failed 2?undocumented_step"
)]
#[case::rule_8_the_same_bytes(
    "0s ready applied; 1m generated applied; 2h ready new_cycle?same_bytes_later",
    "ready 2?same_bytes_later"
)]
#[case::rule_8_the_same_bytes_as_in_an_earlier_cycle(
    "0s generating applied; 1m generated applied; 2h ready new_cycle; \
     3h generated/2 applied; 5h generating new_cycle?same_bytes_later",
    "generating 3?same_bytes_later"
)]
#[case::rule_8_the_same_bytes_explain_an_undocumented_step(
    "0s ready applied; 1m generating applied; 2h ready new_cycle?same_bytes_later",
    "ready 2?same_bytes_later"
)]
#[case::rule_8_only_the_last_copy_counts(
    "0s ready applied; 1m ready/2 repeat; 2m generated applied; 2h ready new_cycle",
    "ready 2"
)]
#[case::rule_8_begins_with_nothing_seen(
    "0s ready applied; 1m generating applied; 2m generated applied; \
     2h ready/2 new_cycle; 3h generating/2 applied; 4h generated/2 applied",
    "generated 2"
)]
fn says(#[case] script: &str, #[case] end: &str) {
    assert_eq!(sum(&play(script)), end);
}

#[test]
fn rule_6_in_hindsight_the_first_copy_is_no_repeat_and_the_lane_begins_with_it() {
    let before = "0s generating applied; 1m generate_failed applied; \
                  2m generating repeat; 3m generating repeat";
    let version = play(before);
    assert_eq!((version.repeats(), version.cycle()), (2, 1));
    assert!(version.steps().all(|step| !step.hindsight));
    assert_eq!(version.hindsight(State::GenerateFailed, at("1m")), None);

    let version = play(&format!("{before}; 4m generated new_cycle"));
    assert_eq!((version.repeats(), version.cycle()), (1, 2));
    assert_eq!(version.first_seen(State::Generating), Some(at("2m")));
    assert_eq!(version.hindsight(State::Generated, at("4m")), Some(at("2m")));
    assert_eq!(version.hindsight(State::GenerateFailed, at("1m")), None);
    let steps: Vec<_> = version.steps().map(|s| (s.state, s.at, s.cycle, s.hindsight)).collect();
    assert_eq!(
        steps,
        [
            (State::Generating, at("0s"), 1, false),
            (State::GenerateFailed, at("1m"), 1, false),
            (State::Generating, at("2m"), 2, true),
            (State::Generated, at("4m"), 2, false),
        ]
    );
}

#[rstest]
#[case::unknown_event(br#"{"event":"version_archived","asset_id":"a","version_id":"v"}"#.as_slice())]
#[case::missing_id(br#"{"event":"version_ready","asset_id":"a"}"#.as_slice())]
#[case::odd_type(br#"{"event":"version_ready","asset_id":"a","version_id":7}"#.as_slice())]
fn rule_1_unreadable_changes_nothing(#[case] body: &[u8]) {
    let mut timeline = Timeline::default();
    let ready = br#"{"event":"version_ready","asset_id":"a","version_id":"v"}"#;
    timeline.apply(&Callback::read(ready), at("0s"), Fingerprint::default(), VERIFIED);
    let before = timeline.clone();

    let found = timeline.apply(&Callback::read(body), at("1h"), Fingerprint::default(), VERIFIED);
    assert_eq!(found, Outcome::NONE);
    assert_eq!(timeline, before);
}

/// Folds lines of `offset asset_failed[/signing]|event effect` into one asset.
pub(super) fn play_asset(script: &str) -> Asset {
    let (mut asset, mut version) = (None, None);
    for line in script.split(';') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [offset, told, expected] = words[..] else { panic!("three words in {line:?}") };
        let (told, provenance) = checked(told);
        let (subject, fingerprint) = if let Some(signing) = told.strip_prefix("asset_failed") {
            let signing: u64 = signing.strip_prefix('/').unwrap_or("1").parse().unwrap();
            (Subject::AssetFailed { asset_id: "a" }, fingerprint(State::Failed, 90 + signing))
        } else {
            let (state, fingerprint) = event(told);
            let subject = Subject::Version { asset_id: "a", version_id: "v", locale: None, state };
            (subject, fingerprint)
        };
        let before = version.clone();
        let found = fold(&subject, at(offset), fingerprint, provenance, &mut asset, &mut version);
        assert_eq!(found, outcome(expected), "{line:?} of {script:?}");
        if matches!(subject, Subject::AssetFailed { .. }) {
            assert_eq!(version, before, "asset_failed touches no version");
        }
    }
    asset.unwrap()
}

#[rstest]
#[case::marks("0s asset_failed applied", "0s", "0s", 0)]
#[case::after_a_version("0s ready applied; 1h asset_failed applied", "1h", "1h", 0)]
#[case::stays_and_counts(
    "0s asset_failed applied; 1m ready applied; 2m ready repeat; 3h generated applied",
    "0s",
    "0s",
    3
)]
#[case::repeat("0s asset_failed applied; 15m asset_failed/2 repeat", "0s", "15m", 0)]
#[case::repeat_slides(
    "0s asset_failed applied; 1m ready applied; 15m asset_failed repeat; 30m asset_failed repeat",
    "0s",
    "30m",
    1
)]
#[case::an_older_copy_does_not_shorten_the_window(
    "0s asset_failed applied; -9h asset_failed repeat; 15m asset_failed repeat",
    "0s",
    "15m",
    0
)]
#[case::later_renews(
    "0s asset_failed applied; 1m ready applied; 1h asset_failed/2 applied",
    "1h",
    "1h",
    0
)]
#[case::later_with_the_same_bytes(
    "0s asset_failed applied; 15m1s asset_failed applied?same_bytes_later",
    "15m1s",
    "15m1s",
    0
)]
#[case::later_than_the_last_copy(
    "0s asset_failed applied; 1m asset_failed/2 repeat; 1h asset_failed applied",
    "1h",
    "1h",
    0
)]
fn rule_9_marks_the_asset(
    #[case] script: &str,
    #[case] marked: &str,
    #[case] last: &str,
    #[case] events_since: u32,
) {
    let failure = play_asset(script).failure.unwrap();
    assert_eq!((failure.at, failure.last), (at(marked), at(last)));
    assert_eq!(failure.events_since, events_since);
}

#[test]
fn an_asset_is_active_from_its_earliest_to_its_latest_delivery() {
    let asset = play_asset(
        "0s ready applied; -1h ready repeat; 2h asset_failed applied; 1h generated applied",
    );
    assert_eq!((asset.first_at, asset.last_at), (at("-1h"), at("2h")));
}

#[rstest]
#[case::at_the_limit("generating", "3h", false)]
#[case::past_the_limit("generating", "3h1s", true)]
#[case::before_it_came("generating", "-9h", false)]
#[case::not_generating("ready", "99h", false)]
#[case::finished("generated", "99h", false)]
fn rule_10_overdue(#[case] state: &str, #[case] now: &str, #[case] overdue: bool) {
    let version = play(&format!("0s {state} applied; 10m {state} repeat"));
    assert_eq!(version.overdue(at(now), SignedDuration::from_hours(3)), overdue);
}

#[test]
fn rule_10_holds_at_the_ends_of_time() {
    let version = play("0s generating applied");
    assert!(version.overdue(Timestamp::MAX, SignedDuration::from_hours(3)));
    assert!(!version.overdue(Timestamp::MIN, SignedDuration::ZERO));
    assert!(!version.overdue(Timestamp::MAX, SignedDuration::MAX));
}

#[test]
fn the_last_locale_that_is_not_null_wins_also_from_a_repeat() {
    let mut timeline = Timeline::default();
    let mut tell = |event: &str, locale: &str, offset| {
        let body = format!(
            r#"{{"event":"{event}","asset_id":"a","version_id":"v","version_locale":{locale}}}"#
        );
        timeline.apply(
            &Callback::read(body.as_bytes()),
            at(offset),
            Fingerprint::default(),
            VERIFIED,
        );
        timeline.version("a", "v").unwrap().locale().map(str::to_owned)
    };
    assert_eq!(tell("version_ready", "null", "0s"), None);
    assert_eq!(tell("version_ready", "\"es-ES\"", "1m").as_deref(), Some("es-ES"));
    assert_eq!(tell("version_generated", "null", "2m").as_deref(), Some("es-ES"));
    assert_eq!(tell("version_generating", "\"es-MX\"", "3m").as_deref(), Some("es-MX"));
}

#[test]
fn a_version_is_keyed_by_both_ids() {
    let mut timeline = Timeline::default();
    for (asset_id, version_id) in [("a", "v"), ("a", "w"), ("b", "v")] {
        let body = format!(
            r#"{{"event":"version_ready","asset_id":"{asset_id}","version_id":"{version_id}"}}"#
        );
        let callback = Callback::read(body.as_bytes());
        let found = timeline.apply(&callback, at("0s"), Fingerprint::default(), VERIFIED);
        assert_eq!(found, Outcome::certain(DeliveryEffect::Applied));
    }
    let failed = br#"{"event":"asset_failed","asset_id":"c","version_id":"v"}"#;
    timeline.apply(&Callback::read(failed), at("0s"), Fingerprint::default(), VERIFIED);

    assert_eq!(timeline.assets().map(|(id, _)| id).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(timeline.versions("a").map(|(id, _)| id).collect::<Vec<_>>(), ["v", "w"]);
    assert_eq!(timeline.versions("c").count(), 0);
    assert!(timeline.asset("c").unwrap().failure.is_some());
    assert!(timeline.asset("a").unwrap().failure.is_none());
    assert!(timeline.asset("d").is_none());
}
