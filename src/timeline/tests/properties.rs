//! What holds for every sequence of deliveries.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::version::HISTORY;
use super::super::{Asset, Occurrence, Version, WINDOW, fold};
use super::{epoch, fingerprint};
use crate::callback::{DeliveryEffect, MAX_ID, Outcome, Provenance, State, Subject};

/// One delivery of some sequence; `None` is `asset_failed`.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) state: Option<State>,
    pub(super) at: Timestamp,
    pub(super) signing: u64,
    pub(super) locale: Option<&'static str>,
    pub(super) provenance: Provenance,
}

impl Told {
    /// One that was verified and names no locale.
    const fn of(state: State, at: Timestamp, signing: u64) -> Self {
        let provenance = Provenance::Verified;
        Self { state: Some(state), at, signing, locale: None, provenance }
    }
}

/// An asset with one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) asset: Option<Asset>,
    pub(super) version: Option<Version>,
}

impl Kept {
    pub(super) fn fold(&mut self, told: &Told) -> Outcome {
        let Told { state, at, signing, locale, provenance } = *told;
        let fingerprint = fingerprint(state.unwrap_or(State::Failed), signing);
        let subject = match state {
            Some(state) => Subject::Version { asset_id: "a", version_id: "v", locale, state },
            None => Subject::AssetFailed { asset_id: "a" },
        };
        fold(&subject, at, fingerprint, provenance, &mut self.asset, &mut self.version)
    }

    /// The same after a restart: written to the journal and read again.
    pub(super) fn restarted(&self) -> Self {
        let asset = serde_json::to_string(&self.asset).unwrap();
        let version = serde_json::to_string(&self.version).unwrap();
        Self {
            asset: serde_json::from_str(&asset).unwrap(),
            version: serde_json::from_str(&version).unwrap(),
        }
    }
}

/// Mostly moments of one day, half of them in its first hour, now and then any moment at all.
pub(super) fn any_moment() -> impl Strategy<Value = Timestamp> {
    let day = 24 * 3600_i64;
    let all = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
    prop_oneof![
        12 => (0..3600_i64).prop_map(|second| Timestamp::from_second(epoch().as_second() + second).unwrap()),
        12 => (0..day).prop_map(|second| Timestamp::from_second(epoch().as_second() + second).unwrap()),
        2 => all.prop_map(|nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap()),
        1 => select(vec![Timestamp::MIN, Timestamp::MAX]),
    ]
}

pub(super) fn any_told() -> impl Strategy<Value = Told> {
    let state = prop_oneof![8 => select(&State::ALL[1..]).prop_map(Some), 1 => Just(None)];
    let locale = select(vec![None, Some("es-ES"), Some("pt-BR")]);
    let provenance = any::<bool>().prop_map(Provenance::from);
    (state, any_moment(), 0..3_u64, locale, provenance).prop_map(
        |(state, at, signing, locale, provenance)| Told { state, at, signing, locale, provenance },
    )
}

/// Events of one documented cycle, in any order and with any repeats, and the outcome they lead to.
fn any_order_of_a_cycle() -> impl Strategy<Value = (Vec<State>, State)> {
    use State::{Failed, GenerateFailed, Generated, Generating, Ready};
    let cycles = vec![
        vec![Ready, Generating, Generated],
        vec![Ready, Generating, GenerateFailed],
        vec![Generating, Generated],
        vec![Generating, GenerateFailed],
        vec![Ready, Generated],
        vec![Ready, GenerateFailed],
        vec![Generated],
        vec![GenerateFailed],
        vec![Failed],
    ];
    (select(cycles), vec(any::<Index>(), 0..8)).prop_flat_map(|(cycle, repeats)| {
        let outcome = cycle[cycle.len() - 1];
        let mut events = cycle.clone();
        events.extend(repeats.iter().map(|repeat| *repeat.get(&cycle)));
        (Just(events).prop_shuffle(), Just(outcome))
    })
}

proptest! {
    #[test]
    fn order_and_copies_within_the_window_make_no_difference(
        (events, outcome) in any_order_of_a_cycle(),
        // Not sorted: received_at may go back.
        seconds in vec(0..=WINDOW.as_secs(), 16),
    ) {
        let mut kept = Kept::default();
        for (state, second) in events.into_iter().zip(seconds) {
            kept.fold(&Told::of(state, after(second, 0), 0));
        }
        let version = kept.version.unwrap();
        prop_assert_eq!((version.state(), version.cycle()), (outcome, 1));
    }

    /// While the machine still works, what is signed anew within the window makes no difference.
    #[test]
    fn signing_anew_before_an_outcome_makes_no_difference_to_the_state(
        (events, outcome) in any_order_of_a_cycle(),
        seconds in vec(0..=WINDOW.as_secs(), 16),
        signings in vec(0..3_u64, 16),
    ) {
        let running: Vec<_> = events.into_iter().filter(|state| state.rank() < outcome.rank()).collect();
        let expected = running.iter().copied().max_by_key(|state| state.rank());
        let mut kept = Kept::default();
        for ((state, second), signing) in running.into_iter().zip(seconds).zip(signings) {
            kept.fold(&Told::of(state, after(second, 0), signing));
        }
        let reached = kept.version.map(|version| (version.state(), version.cycle()));
        prop_assert_eq!(reached, expected.map(|state| (state, 1)));
    }

    /// Whatever happened before, a failure that is no copy is what the version shows next.
    #[test]
    fn a_failure_signed_anew_becomes_the_state(
        told in vec(any_told(), 0..40),
        failure in select(vec![State::Failed, State::GenerateFailed]),
        at in any_moment(),
    ) {
        let mut kept = Kept::default();
        for told in &told {
            kept.fold(told);
        }
        kept.fold(&Told::of(failure, at, 99));
        prop_assert_eq!(kept.version.unwrap().state(), failure);
    }

    /// Generated again after any outcome, whenever: the machine works, and its outcome is certain.
    #[test]
    fn every_run_of_the_machine_is_shown(
        runs in vec((any::<bool>(), any::<bool>(), 0..3 * WINDOW.as_secs(), 0..3 * WINDOW.as_secs()), 1..30),
    ) {
        let mut kept = Kept::default();
        let (mut second, mut signing) = (0, 0);
        for (cycle, (generated, retried, working, waiting)) in (1..).zip(runs) {
            let outcome = if generated { State::Generated } else { State::GenerateFailed };
            signing += 1;
            for (state, takes) in [(State::Generating, working), (outcome, waiting)] {
                let told = Told::of(state, after(second, 0), signing);
                kept.fold(&told);
                if retried {
                    kept.fold(&told);
                }
                let version = kept.version.as_ref().unwrap();
                prop_assert_eq!((version.state(), version.cycle()), (state, cycle));
                second += takes;
            }
            prop_assert_eq!(kept.version.as_ref().unwrap().uncertain(), None);
        }
    }

    /// The same where the sender's signatures are deterministic, so that every run has the same
    /// bytes: a run whose outcome differs from the last one's is shown once it is over.
    #[test]
    fn every_other_outcome_of_a_run_with_the_same_bytes_is_shown(
        runs in 1..20_u32,
        working in 1..WINDOW.as_secs() / 3,
        waiting in 1..WINDOW.as_secs() / 3,
    ) {
        let mut kept = Kept::default();
        let mut second = 0;
        for run in 0..runs {
            let outcome = if run % 2 == 0 { State::GenerateFailed } else { State::Generated };
            for (state, takes) in [(State::Generating, working), (outcome, waiting)] {
                second += takes;
                // The outcome's body says which run it is, so that it is no copy of an earlier one.
                let signing = if state == State::Generating { 0 } else { run.into() };
                kept.fold(&Told::of(state, after(second, 0), signing));
            }
            let version = kept.version.as_ref().unwrap();
            prop_assert_eq!(version.state(), outcome);
            if run < 2 {
                prop_assert_eq!((version.cycle(), version.uncertain()), (run + 1, None));
                prop_assert_eq!(version.repeats(), 0);
            }
        }
    }

    #[test]
    fn a_restart_at_any_point_makes_no_difference(told in vec(any_told(), 1..120)) {
        let (mut live, mut restarting) = (Kept::default(), Kept::default());
        for told in &told {
            prop_assert_eq!(live.fold(told), restarting.fold(told));
            restarting = restarting.restarted();
            prop_assert_eq!(&live, &restarting);
        }
    }

    #[test]
    fn nothing_is_dropped(told in vec(any_told(), 1..300)) {
        let mut kept = Kept::default();
        let [mut applied, mut repeats, mut late, mut cycles, mut hindsights] = [0_u64; 5];
        for told in &told {
            let outcome = kept.fold(told);
            let Some(state) = told.state else {
                let failure = kept.asset.as_ref().and_then(|asset| asset.failure.as_ref());
                prop_assert!(failure.is_some_and(|failure| failure.last >= told.at));
                continue;
            };
            match outcome.effect {
                DeliveryEffect::Applied => applied += 1,
                DeliveryEffect::Repeat => repeats += 1,
                DeliveryEffect::Late => late += 1,
                DeliveryEffect::NewCycle => {
                    cycles += 1;
                    let over = state.rank() > State::Generating.rank();
                    hindsights += u64::from(over && outcome.uncertain.is_none());
                }
                DeliveryEffect::None => prop_assert!(false, "a readable delivery has an effect"),
            }

            let version = kept.version.as_ref().unwrap();
            prop_assert_eq!(version.repeats(), repeats - hindsights);
            prop_assert_eq!(version.late(), late);
            prop_assert_eq!(u64::from(version.cycle()), 1 + cycles);
            prop_assert_eq!(
                version.steps().len() as u64 + version.dropped(),
                applied + late + cycles + hindsights
            );
            prop_assert!(version.steps().len() <= HISTORY);
            prop_assert!(
                version.first_seen(state).is_some() || outcome == Outcome::certain(DeliveryEffect::Repeat),
                "every event is seen in its cycle, or a retry of the cycle before"
            );
            prop_assert_eq!(version.first_seen(version.state()), Some(version.since()));
            prop_assert!(version.last() >= version.since());
            if matches!(outcome.effect, DeliveryEffect::Applied | DeliveryEffect::NewCycle) {
                prop_assert_eq!((version.state(), version.since()), (state, told.at));
                prop_assert_eq!(version.uncertain(), outcome.uncertain);
            }
            if state.is_failure() {
                prop_assert_ne!(outcome.effect, DeliveryEffect::Late, "a failure is never swallowed");
            }
        }
    }

    #[test]
    fn spans_never_go_back_and_end_open(told in vec(any_told(), 1..120)) {
        let mut kept = Kept::default();
        for told in &told {
            kept.fold(told);
            let Some(version) = &kept.version else { continue };
            let spans = version.spans();
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from), "contiguous");
                prop_assert!(pair[0].from <= pair[1].from, "never back");
                prop_assert!(pair[0].cycle <= pair[1].cycle);
            }
            let last = spans.last().unwrap();
            prop_assert_eq!((last.state, last.to, last.cycle), (version.state(), None, version.cycle()));
            if version.dropped() == 0 {
                prop_assert_eq!(spans.len(), version.steps().len(), "every step is drawn");
            }
        }
    }

    #[test]
    fn stored_state_stays_small(told in vec(any_told(), 1_000)) {
        let mut kept = Kept::default();
        for told in &told {
            kept.fold(told);
        }
        prop_assert!(serde_json::to_string(&kept.version).unwrap().len() <= 8 * 1024);
        prop_assert!(serde_json::to_string(&kept.asset).unwrap().len() <= 512);
    }
}

/// A moment some whole seconds and a fraction after the epoch.
fn after(seconds: i64, nanoseconds: i32) -> Timestamp {
    Timestamp::new(epoch().as_second() + seconds, nanoseconds).unwrap()
}

/// The longest locale that is read, in the characters that JSON writes longest: 3 KiB by itself.
#[test]
fn stored_state_stays_bounded_with_the_longest_locale() {
    let locale = "\u{1}".repeat(MAX_ID);
    let longest = State::GenerateFailed;
    let occurrence = |hour: i64| Occurrence {
        state: longest,
        at: after(hour * 3600, 123_456_789),
        locale: Some(&locale),
        fingerprint: fingerprint(longest, 0),
        provenance: Provenance::Unchecked,
    };
    let (mut version, _) = Version::begin(&occurrence(0));
    for hour in 1..1_000 {
        assert_eq!(version.apply(&occurrence(hour)).effect, DeliveryEffect::NewCycle);
    }
    let size = serde_json::to_string(&version).unwrap().len();
    assert!(size <= 10 * 1024, "{size}");
}

#[test]
fn a_typical_version_is_stored_in_few_bytes() {
    let mut kept = Kept::default();
    for (state, second) in
        [(State::Ready, 0), (State::Generating, 2_400), (State::Generated, 2_790)]
    {
        let at = after(second, 123_456_000);
        kept.fold(&Told { locale: Some("es-ES"), ..Told::of(state, at, 0) });
    }
    let json = serde_json::to_string(&kept.version).unwrap();
    assert!(json.len() < 800, "{} bytes: {json}", json.len());
}
