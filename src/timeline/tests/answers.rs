//! Rules 12 to 19, each by a table whose cases bear its number, and what holds for every sequence of
//! deliveries and answers.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use super::properties::{Kept, Told, any_moment, any_told};
use super::{play, sum};
use crate::callback::{
    Ambiguity, Basis, DeliveryEffect, Outcome, Provenance, State, VersionReport, VersionStatus,
};
use crate::timeline::{Version, WINDOW, fold_report};
use jiff::Timestamp;

#[rstest]
// 12: what a status stands for.
#[case::rule_12_not_ready("0s api:NotReady applied", "not_ready 1 api")]
#[case::rule_12_ready("0s api:ReadyToEdit applied", "ready 1 api")]
#[case::rule_12_generating("0s api:Generating applied", "generating 1 api")]
#[case::rule_12_completed("0s api:Completed applied", "generated 1 api")]
#[case::rule_12_failed_of_nothing(
    "0s api:Failed applied?failure_resolved",
    "failed 1?failure_resolved api"
)]
#[case::rule_12_failed_while_dubbing(
    "0s api:NotReady applied; 1h api:Failed applied?failure_resolved",
    "failed 1?failure_resolved api"
)]
#[case::rule_12_failed_while_ready(
    "0s ready applied; 1h api:Failed applied?failure_resolved",
    "failed 1?failure_resolved api"
)]
#[case::rule_12_failed_while_generating(
    "0s generating applied; 1h api:Failed applied?failure_resolved",
    "generate_failed 1?failure_resolved api"
)]
#[case::rule_12_failed_after_the_outcome(
    "0s generated applied; 1h api:Failed new_cycle?failure_resolved",
    "generate_failed 2?failure_resolved api"
)]
// 13: older than the last callback of the current state.
#[case::rule_13_older(
    "0s generating applied; 1m generated applied; 59s api:Generating late",
    "generated 1"
)]
#[case::rule_13_older_and_the_same("0s generated applied; -1s api:Completed late", "generated 1")]
#[case::rule_13_older_than_a_repeat(
    "0s ready applied; 2m ready repeat; 1m api:Generating late",
    "ready 1"
)]
#[case::rule_13_at_the_same_time("0s ready applied; 0s api:ReadyToEdit repeat", "ready 1 both")]
// 15: the current state again.
#[case::rule_15_confirms("0s ready applied; 1h api:ReadyToEdit repeat", "ready 1 both")]
#[case::rule_15_is_no_news(
    "0s api:Generating applied; 1h api:Generating repeat; 9h api:Generating repeat",
    "generating 1 api"
)]
#[case::rule_15_clears_a_doubt(
    "0s ready applied; 1m failed applied?order_unknown; 2m api:Failed repeat",
    "failed 1 both"
)]
#[case::rule_15_proves("0s ready* applied; 1m api:ReadyToEdit repeat", "ready 1 both")]
#[case::rule_15_a_vague_failure_stays_one(
    "0s generating applied; 1h api:Failed applied?failure_resolved; 2h api:Failed repeat",
    "generate_failed 1?failure_resolved api"
)]
#[case::rule_15_a_failure_whose_step_is_known(
    "0s generate_failed applied; 1h api:Failed repeat",
    "generate_failed 1 both"
)]
// 16: further along, and ready or failed for the other.
#[case::rule_16_a_lost_callback(
    "0s generating applied; 1h api:Completed applied",
    "generated 1 api"
)]
#[case::rule_16_several_lost(
    "0s api:NotReady applied; 1h api:Completed applied",
    "generated 1 api"
)]
#[case::rule_16_clears_a_doubt(
    "0s ready applied; 1m failed applied?order_unknown; 2m api:Generating applied",
    "generating 1 api"
)]
#[case::rule_16_dubbed_after_all("0s failed applied; 1m api:ReadyToEdit applied", "ready 1 api")]
// 17: anything else.
#[case::rule_17_revised("0s generated applied; 1m api:ReadyToEdit new_cycle", "ready 2 api")]
#[case::rule_17_generating_again(
    "0s generate_failed applied; 1m api:Generating new_cycle",
    "generating 2 api"
)]
#[case::rule_17_generated_after_all(
    "0s generate_failed applied; 1m api:Completed new_cycle",
    "generated 2 api"
)]
#[case::rule_17_not_ready_again(
    "0s ready applied; 1m api:NotReady new_cycle?restarted_elsewhere",
    "not_ready 2?restarted_elsewhere api"
)]
#[case::rule_17_not_ready_after_a_result(
    "0s api:Completed applied; 9h api:NotReady new_cycle?restarted_elsewhere; 10h ready applied",
    "ready 2"
)]
// 18: the callback of a step that only the API has reported.
#[case::rule_18_the_current_state(
    "0s api:Completed applied; 5s generated applied",
    "generated 1 both"
)]
#[case::rule_18_received_before_it(
    "0s api:Completed applied; -5s generated applied",
    "generated 1 both"
)]
#[case::rule_18_a_copy_of_it_is_a_repeat(
    "0s api:Completed applied; 5s generated applied; 6s generated repeat",
    "generated 1 both"
)]
#[case::rule_18_an_earlier_step(
    "0s api:Generating applied; 5m api:Completed applied; 6m generating late; 7m generated applied",
    "generated 1 both"
)]
#[case::rule_18_after_the_window(
    "0s api:Completed applied; 15m1s generated new_cycle?same_event_later",
    "generated 2?same_event_later"
)]
#[case::rule_18_unchecked_takes_nothing_away(
    "0s api:Completed applied; 5s generated* applied",
    "generated 1 both"
)]
// 19: the callback says which failure it was.
#[case::rule_19_the_same(
    "0s generating applied; 1h api:Failed applied?failure_resolved; 61m generate_failed applied",
    "generate_failed 1 both"
)]
#[case::rule_19_the_other(
    "0s generating applied; 1h api:Failed applied?failure_resolved; 61m failed applied",
    "failed 1 both"
)]
#[case::rule_19_after_the_window(
    "0s api:Failed applied?failure_resolved; 16m generate_failed applied",
    "generate_failed 1"
)]
fn answers_are_folded_by_the_rules(#[case] script: &str, #[case] becomes: &str) {
    assert_eq!(sum(&play(script)), becomes, "{script}");
}

#[test]
fn confirmations_are_not_counted_as_repeats() {
    let version = play(
        "0s ready applied; 1m api:ReadyToEdit repeat; 2m api:ReadyToEdit repeat; 3m ready repeat",
    );
    assert_eq!((version.repeats(), version.late()), (1, 0));
    let bases: Vec<Basis> =
        play("0s ready applied; 1m api:Completed applied; 2m generated applied")
            .steps()
            .map(|step| step.basis)
            .collect();
    assert_eq!(bases, [Basis::Callback, Basis::Both]);
}

/// A delivery, or an answer of the API.
#[derive(Debug, Clone)]
enum News {
    Told(Told),
    Answered(VersionReport, Timestamp),
}

fn any_news() -> impl Strategy<Value = News> {
    let status = select(&VersionStatus::ALL[..]);
    let locale = select(vec![None, Some("es-ES"), Some("pt-BR")]);
    let answer = (status, any_moment(), locale).prop_map(|(status, at, locale)| {
        let locale = locale.map(str::to_owned);
        let (asset_id, version_id) = ("a".to_owned(), "v".to_owned());
        News::Answered(VersionReport { asset_id, version_id, locale, status }, at)
    });
    prop_oneof![any_told().prop_map(News::Told), answer]
}

fn fold_answer(kept: &mut Kept, report: &VersionReport, at: Timestamp) -> (Outcome, bool) {
    fold_report(report, at, &mut kept.asset, &mut kept.version)
}

fn kept_of(news: &[News]) -> Kept {
    let mut kept = Kept::default();
    for news in news {
        match news {
            News::Told(told) => drop(kept.fold(told)),
            News::Answered(report, at) => drop(fold_answer(&mut kept, report, *at)),
        }
    }
    kept
}

fn last(kept: &Kept) -> Option<Timestamp> {
    kept.version.as_ref().map(Version::last)
}

proptest! {
    #[test]
    fn an_answer_older_than_the_last_callback_changes_nothing(
        news in vec(any_news(), 1..12), status in select(&VersionStatus::ALL[..]), at in any_moment(),
    ) {
        let mut kept = kept_of(&news);
        prop_assume!(last(&kept).is_some_and(|last| at < last));
        let before = kept.clone();
        let report = VersionReport {
            asset_id: "a".into(), version_id: "v".into(), locale: Some("xx-XX".into()), status,
        };
        let (outcome, has_changed) = fold_answer(&mut kept, &report, at);
        prop_assert_eq!(outcome, Outcome::certain(DeliveryEffect::Late));
        prop_assert!(!has_changed);
        prop_assert_eq!(kept, before);
    }

    #[test]
    fn a_newer_answer_is_the_state_and_leaves_only_its_own_doubts(
        news in vec(any_news(), 0..12), status in select(&VersionStatus::ALL[..]), at in any_moment(),
    ) {
        let mut kept = kept_of(&news);
        prop_assume!(last(&kept).is_none_or(|last| at >= last));
        let known = kept.version.as_ref().map(Version::state);
        let report = VersionReport { asset_id: "a".into(), version_id: "v".into(), locale: None, status };
        fold_answer(&mut kept, &report, at);
        let version = kept.version.clone().unwrap();
        match status {
            VersionStatus::Failed => prop_assert!(version.state().is_failure()),
            status => prop_assert_eq!(version.state(), status.state(known)),
        }
        prop_assert_ne!(version.basis(), Basis::Callback);
        prop_assert!(version.provenance().is_verified());
        prop_assert!(matches!(
            version.uncertain(),
            None | Some(Ambiguity::FailureResolved | Ambiguity::RestartedElsewhere)
        ));
        // Asked again, it says nothing new.
        let before = kept.clone();
        let (outcome, has_changed) = fold_answer(&mut kept, &report, at);
        prop_assert_eq!(outcome.effect, DeliveryEffect::Repeat);
        if version.uncertain() != Some(Ambiguity::RestartedElsewhere) {
            prop_assert!(!has_changed);
            prop_assert_eq!(kept, before);
        }
    }

    #[test]
    fn the_history_stays_in_order_and_survives_a_restart(news in vec(any_news(), 1..40)) {
        let kept = kept_of(&news);
        prop_assert_eq!(&kept.restarted(), &kept);
        if let Some(version) = &kept.version {
            let steps: Vec<_> = version.steps().collect();
            prop_assert!(steps.windows(2).all(|pair| pair[0].cycle <= pair[1].cycle));
            let current = steps.iter().rev().find(|step| !step.late).map(|step| step.state);
            prop_assert_eq!(current, Some(version.state()));
            let spans = version.spans();
            prop_assert!(spans.windows(2).all(|pair| pair[0].to == Some(pair[1].from)));
        }
    }

    /// A callback that follows the API's word within W is the same step, whatever was before.
    #[test]
    fn a_callback_after_its_answer_begins_nothing(
        news in vec(any_news(), 0..8), state in select(&State::ALL[1..]), after in 0..=900_i64,
    ) {
        let status = match state {
            State::Ready => VersionStatus::ReadyToEdit,
            State::Generating => VersionStatus::Generating,
            State::Generated => VersionStatus::Completed,
            _ => return Ok(()),
        };
        let mut kept = kept_of(&news);
        let asked_at = last(&kept).map_or(super::epoch(), |last| last.max(super::epoch()));
        prop_assume!(asked_at < Timestamp::MAX - WINDOW);
        let report = VersionReport { asset_id: "a".into(), version_id: "v".into(), locale: None, status };
        fold_answer(&mut kept, &report, asked_at);
        prop_assume!(kept.version.as_ref().is_some_and(|version| version.basis() == Basis::Api));
        let cycle = kept.version.as_ref().map(Version::cycle);
        let since = kept.version.as_ref().map(Version::since).unwrap();
        prop_assume!(since == asked_at);
        let at = asked_at + jiff::SignedDuration::from_secs(after);
        let told = Told { state: Some(state), at, signing: 9, locale: None, provenance: Provenance::default() };
        let outcome = kept.fold(&told);
        prop_assert_eq!(outcome, Outcome::certain(DeliveryEffect::Applied));
        let version = kept.version.unwrap();
        prop_assert_eq!((version.basis(), Some(version.cycle()), version.since()), (Basis::Both, cycle, since));
    }
}
