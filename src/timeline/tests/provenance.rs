//! Rule 11: which states are from unchecked deliveries, by tables and by properties.

use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;

use super::super::Version;
use super::properties::{Kept, Told, any_told};
use super::rules::play_asset;
use super::spans::written;
use super::{play, sum};
use crate::callback::{DeliveryEffect, Provenance};

/// In the scripts a `*` ends what was not checked.
#[rstest]
#[case::verified("0s ready applied", "ready 1", &["1 ready 0.."])]
#[case::unchecked("0s ready* applied", "ready* 1", &["1 ready* 0.."])]
#[case::the_next_step_has_its_own(
    "0s ready* applied; 1m generating applied",
    "generating 1",
    &["1 ready* 0..1", "1 generating 1.."]
)]
#[case::an_unchecked_step_after_a_verified_one(
    "0s ready applied; 1m generating* applied",
    "generating* 1",
    &["1 ready 0..1", "1 generating* 1.."]
)]
#[case::a_verified_copy_proves_it(
    "0s ready* applied; 1m ready repeat",
    "ready 1",
    &["1 ready 0.."]
)]
#[case::signed_anew_it_does_too(
    "0s ready* applied; 1m ready/2 repeat",
    "ready 1",
    &["1 ready 0.."]
)]
#[case::an_unchecked_copy_changes_nothing(
    "0s ready applied; 1m ready* repeat; 2m ready/2* repeat",
    "ready 1",
    &["1 ready 0.."]
)]
#[case::what_is_proven_stays_proven(
    "0s ready* applied; 1m ready repeat; 2m ready* repeat",
    "ready 1",
    &["1 ready 0.."]
)]
#[case::a_repeat_proves_its_own_step_alone(
    "0s ready* applied; 1m generating* applied; 2m ready repeat",
    "generating* 1",
    &["1 ready 0..1", "1 generating* 1.."]
)]
#[case::a_new_cycle_has_its_own(
    "0s ready applied; 1h ready* new_cycle?same_event_later",
    "ready* 2?same_event_later",
    &["1 ready 0..60", "2 ready* 60.."]
)]
#[case::a_repeat_proves_the_last_cycle(
    "0s ready* applied; 1h ready* new_cycle?same_event_later; 61m ready repeat",
    "ready 2?same_event_later",
    &["1 ready* 0..60", "2 ready 60.."]
)]
#[case::a_retry_of_the_cycle_before_proves_that_one(
    "0s ready* applied; 10m generated* applied; 24m generated* repeat; 26m ready/2* new_cycle; \
     27m generated repeat; 30m generated/2* applied",
    "generated* 2",
    &["1 ready* 0..10", "1 generated 10..26", "2 ready* 26..30", "2 generated* 30.."]
)]
#[case::a_late_step(
    "0s generated applied; 1m ready* late",
    "generated 1",
    &["1 ready* 0..0", "1 generated 0.."]
)]
#[case::a_late_step_is_proven(
    "0s generated* applied; 1m ready* late; 2m ready repeat",
    "generated* 1",
    &["1 ready 0..0", "1 generated* 0.."]
)]
#[case::hindsight(
    "0s generating applied; 10m generate_failed applied; 20m generating* repeat; \
     30m generated new_cycle",
    "generated 2",
    &["1 generating 0..10", "1 generate_failed 10..20", "2 generating* 20..30", "2 generated 30.."]
)]
#[case::hindsight_that_was_proven(
    "0s generating* applied; 10m generate_failed* applied; 20m generating* repeat; \
     25m generating repeat; 30m generated* new_cycle",
    "generated* 2",
    &["1 generating 0..10", "1 generate_failed* 10..20", "2 generating 20..30", "2 generated* 30.."]
)]
fn rule_11_of_versions(#[case] script: &str, #[case] state: &str, #[case] lane: &[&str]) {
    let version = play(script);
    assert_eq!(sum(&version), state);
    assert_eq!(version.spans().iter().map(written).collect::<Vec<_>>(), lane);
}

#[rstest]
#[case::verified("0s asset_failed applied", false)]
#[case::unchecked("0s asset_failed* applied", true)]
#[case::proven("0s asset_failed* applied; 1m asset_failed repeat", false)]
#[case::not_doubted("0s asset_failed applied; 1m asset_failed* repeat", false)]
#[case::renewed("0s asset_failed applied; 1h asset_failed/2* applied", true)]
#[case::renewed_by_a_verified_one("0s asset_failed* applied; 1h asset_failed/2 applied", false)]
#[case::its_versions_prove_nothing("0s asset_failed* applied; 1m ready applied", true)]
#[case::nor_take_away("0s asset_failed applied; 1m ready* applied", false)]
fn rule_11_of_assets(#[case] script: &str, #[case] unchecked: bool) {
    assert_eq!(play_asset(script).failure.unwrap().provenance.is_unchecked(), unchecked);
}

/// A version but for its provenance.
fn without(version: &Version) -> impl PartialEq + std::fmt::Debug + use<> {
    let steps: Vec<_> = version
        .steps()
        .map(|step| (step.state, step.at, step.cycle, step.late, step.uncertain, step.hindsight))
        .collect();
    let counts = (version.repeats(), version.late(), version.dropped());
    let state = (version.state(), version.since(), version.last(), version.cycle());
    (state, version.uncertain(), version.locale().map(str::to_owned), counts, steps)
}

proptest! {
    /// Whether a delivery was checked changes neither its effect nor the state.
    #[test]
    fn provenance_changes_nothing_else(told in vec(any_told(), 1..120)) {
        let (mut mixed, mut verified) = (Kept::default(), Kept::default());
        for told in told {
            let sound = Told { provenance: Provenance::Verified, ..told.clone() };
            prop_assert_eq!(mixed.fold(&told), verified.fold(&sound));
            prop_assert_eq!(mixed.version.as_ref().map(without), verified.version.as_ref().map(without));
            let mut asset = mixed.asset.clone();
            if let Some(failure) = asset.as_mut().and_then(|asset| asset.failure.as_mut()) {
                failure.provenance = Provenance::Verified;
            }
            prop_assert_eq!(&asset, &verified.asset);
        }
    }

    /// The provenance is that of the delivery that made the state or the mark, until a verified
    /// repeat of it.
    #[test]
    fn provenance_is_that_of_the_source(told in vec(any_told(), 1..120)) {
        let mut kept = Kept::default();
        let (mut version, mut asset) = (None, None);
        for told in &told {
            let before = kept.version.as_ref().map(Version::state);
            let outcome = kept.fold(told);
            let source = if told.state.is_some() { &mut version } else { &mut asset };
            match outcome.effect {
                DeliveryEffect::Applied | DeliveryEffect::NewCycle => *source = Some(told.provenance),
                DeliveryEffect::Repeat if told.provenance.is_verified()
                    && (told.state.is_none() || told.state == before) =>
                {
                    *source = Some(Provenance::Verified);
                }
                _ => {}
            }
            let failure = kept.asset.as_ref().and_then(|asset| asset.failure.as_ref());
            prop_assert_eq!(kept.version.as_ref().map(Version::provenance), version);
            prop_assert_eq!(failure.map(|failure| failure.provenance), asset);
        }
    }

    /// Unchecked deliveries alone prove nothing; verified ones alone leave no mark.
    #[test]
    fn all_of_one_kind_is_of_that_kind(told in vec(any_told(), 1..120), unchecked in any::<bool>()) {
        let provenance = Provenance::from(unchecked);
        let mut kept = Kept::default();
        for told in told {
            kept.fold(&Told { provenance, ..told });
            if let Some(version) = &kept.version {
                prop_assert!(version.steps().all(|step| step.provenance == provenance));
                prop_assert!(version.spans().iter().all(|span| span.provenance == provenance));
            }
        }
    }
}
