//! The plan played against a service that answers, refuses or fails; time is an argument.

use proptest::prelude::*;

use super::*;

/// Plays a plan against a service that answers at once. Returns what was asked, with the seconds.
struct Played {
    plan: Plan,
    begin: Instant,
    now: Instant,
    asked: Vec<(u64, Question)>,
}

impl Played {
    fn new() -> Self {
        let now = Instant::now();
        Self { plan: Plan::new(now), begin: now, now, asked: Vec::new() }
    }

    fn seconds(&self) -> u64 {
        (self.now - self.begin).as_secs()
    }

    /// Goes on until a time in seconds; each question is answered by `answer`.
    fn until(&mut self, seconds: u64, mut answer: impl FnMut(&mut Plan, &Question, Instant)) {
        while self.seconds() < seconds {
            match self.plan.next(self.now) {
                NextStep::Ask(question) => {
                    self.asked.push((self.seconds(), question.clone()));
                    answer(&mut self.plan, &question, self.now);
                }
                NextStep::WaitUntil(until) => {
                    assert!(until > self.now, "it waits for what is over");
                    self.now = until.min(self.begin + Duration::from_secs(seconds));
                }
            }
        }
    }

    fn all_answered(&mut self, seconds: u64) {
        self.until(seconds, |plan, question, now| plan.answered(question, None, now, MIDDLE));
    }

    fn count(&self, fits: impl Fn(&Question) -> bool) -> usize {
        self.asked.iter().filter(|(_, question)| fits(question)).count()
    }
}

/// A chance that leaves every wait as it is.
const MIDDLE: u64 = 2 << 32;

fn asset(id: &str) -> Question {
    Question::Asset(id.to_owned())
}

fn is_page(question: &Question) -> bool {
    matches!(question, Question::Page(_))
}

#[test]
fn the_list_comes_first_then_assets_then_all_is_quiet() {
    let mut played = Played::new();
    let now = played.now;
    played.plan.note("open", Need::Open, now);
    played.plan.note("urgent", Need::Urgent, now);
    played.plan.note("settled", Need::Settled, now);
    played.all_answered(60);
    let asked: Vec<_> = played.asked.iter().map(|(_, question)| question.clone()).collect();
    assert_eq!(asked, [Question::Page(None), asset("urgent"), asset("open")]);
    assert_eq!(
        played.asked.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        [0, 1, 2],
        "one a second"
    );
    played.all_answered(3600);
    // A quiet hour: the list twice, the open asset every 10 minutes, the urgent one every 5.
    assert_eq!(played.count(is_page), 2);
    assert_eq!(played.count(|question| *question == asset("open")), 6);
    assert_eq!(played.count(|question| *question == asset("urgent")), 12);
    assert_eq!(played.count(|question| *question == asset("settled")), 0);
}

#[test]
fn urgent_assets_do_not_hold_up_the_list() {
    let mut played = Played::new();
    let now = played.now;
    for n in 0..10 {
        played.plan.note(&format!("a{n}"), Need::Urgent, now);
    }
    let next = NextPage::with("page", "2").unwrap();
    played.until(8, |plan, question, now| {
        plan.answered(question, is_page(question).then(|| next.clone()), now, MIDDLE);
    });
    assert_eq!(played.count(is_page), 4, "every other question: {:?}", played.asked);
}

#[test]
fn versions_without_a_status_are_asked_for_by_themselves() {
    let mut played = Played::new();
    played.plan.ask_versions("a", ["v1", "v2"].map(str::to_owned).into_iter());
    played.all_answered(10);
    let version = |id: &str| Question::Version { asset_id: "a".into(), version_id: id.into() };
    let asked: Vec<_> = played.asked.iter().map(|(_, question)| question.clone()).collect();
    assert_eq!(asked, [Question::Page(None), version("v1"), version("v2")]);
}

#[test]
fn pauses_double_to_a_quarter_of_an_hour_and_end_with_an_answer() {
    let mut played = Played::new();
    let service = Failure::OfService { retry_after: None };
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let NextStep::Ask(question) = played.plan.next(played.now) else { panic!("a question") };
        assert!(is_page(&question));
        assert_eq!(played.plan.failed(question, service, played.now, MIDDLE), Meaning::Later);
        let NextStep::WaitUntil(until) = played.plan.next(played.now) else { panic!("a pause") };
        assert_eq!(played.plan.paused_until(), Some(until));
        pauses.push((until - played.now).as_secs());
        played.now = until;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    let NextStep::Ask(question) = played.plan.next(played.now) else { panic!("a question") };
    played.plan.answered(&question, None, played.now, MIDDLE);
    assert_eq!(played.plan.paused_until(), None);
}

#[test]
fn the_service_says_how_long_to_wait_and_waking_asks_at_once() {
    let mut played = Played::new();
    let NextStep::Ask(question) = played.plan.next(played.now) else { panic!("a question") };
    let failure = Failure::OfService { retry_after: Some(Duration::from_secs(600)) };
    played.plan.failed(question, failure, played.now, MIDDLE);
    let wait = NextStep::WaitUntil(played.now + Duration::from_secs(600));
    assert_eq!(played.plan.next(played.now), wait);
    played.plan.look_over(played.now);
    assert_eq!(played.plan.next(played.now), NextStep::Ask(Question::Page(None)));
}

#[test]
fn an_asset_is_refused_only_if_others_are_answered() {
    let forbidden = Failure::Forbidden { retry_after: None };
    // Everything is refused for a while: a limit of the account.
    let mut played = Played::new();
    let now = played.now;
    played.all_answered(2);
    played.plan.note("a", Need::Open, now);
    let mut meanings = Vec::new();
    played.until(600, |plan, question, now| {
        meanings.push(plan.failed(question.clone(), forbidden, now, MIDDLE));
    });
    assert!(meanings.len() > 3, "{:?}", played.asked);
    assert!(
        meanings.iter().all(|meaning| *meaning == Meaning::Later),
        "{meanings:?} {:?}",
        played.asked
    );

    // The list is answered, and only the asset is refused.
    let mut played = Played::new();
    played.all_answered(2);
    let now = played.now;
    played.plan.note("a", Need::Open, now);
    let mut meanings = Vec::new();
    played.until(120, |plan, question, now| {
        if is_page(question) {
            plan.answered(question, None, now, MIDDLE);
        } else {
            let meaning = plan.failed(question.clone(), forbidden, now, MIDDLE);
            if meaning == Meaning::Refused {
                plan.note("a", Need::Settled, now);
            }
            meanings.push(meaning);
        }
    });
    assert_eq!(meanings, [Meaning::Later, Meaning::Refused]);
}

#[test]
fn what_is_not_known_is_not_asked_for_again() {
    let mut played = Played::new();
    let now = played.now;
    played.plan.note("a", Need::Open, now);
    played.until(60, |plan, question, now| {
        if *question == asset("a") {
            let meaning = plan.failed(question.clone(), Failure::OfQuestion, now, MIDDLE);
            assert_eq!(meaning, Meaning::Refused);
            plan.note("a", Need::Settled, now);
        } else {
            plan.answered(question, None, now, MIDDLE);
        }
    });
    assert_eq!(played.count(|question| *question == asset("a")), 1);
}

#[test]
fn many_open_assets_are_asked_for_one_after_another() {
    let mut played = Played::new();
    let now = played.now;
    for n in 0..10_000 {
        played.plan.note(&format!("a{n:05}"), Need::Open, now);
    }
    // A question a second is the budget: 10,000 assets, and the list every half hour.
    played.all_answered(10_020);
    let assets = |question: &Question| matches!(question, Question::Asset(_));
    assert_eq!(played.count(assets), 10_000, "each once, then every open one at a slow pace");
    assert!((6..=12).contains(&played.count(is_page)), "{}", played.count(is_page));
    played.all_answered(10_020 + 3600);
    // Open assets at one each 10 seconds: no more than 360 questions an hour.
    let later = played.asked.iter().filter(|(at, question)| *at >= 10_020 && assets(question));
    assert!(later.count() <= 370, "{:?}", played.asked.len());
}

/// What happens to a plan.
#[derive(Debug, Clone)]
enum Happening {
    Note(u8, Need),
    Forget(u8),
    LookOver,
    Versions(u8),
    Wait(u64),
    Answer(bool, u64),
    Fail(Failure, u64),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let need = prop_oneof![Just(Need::Urgent), Just(Need::Open), Just(Need::Settled)];
    let retry = proptest::option::of((0..4000_u64).prop_map(Duration::from_secs));
    let failure = prop_oneof![
        Just(Failure::OfQuestion),
        Just(Failure::OfSettings),
        retry.clone().prop_map(|retry_after| Failure::Forbidden { retry_after }),
        retry.prop_map(|retry_after| Failure::OfService { retry_after }),
    ];
    prop_oneof![
        3 => (0..5_u8, need).prop_map(|(id, need)| Happening::Note(id, need)),
        1 => (0..5_u8).prop_map(Happening::Forget),
        1 => Just(Happening::LookOver),
        1 => (0..5_u8).prop_map(Happening::Versions),
        3 => (0..2000_u64).prop_map(Happening::Wait),
        6 => (any::<bool>(), any::<u64>()).prop_map(|(next, chance)| Happening::Answer(next, chance)),
        2 => (failure, any::<u64>()).prop_map(|(failure, chance)| Happening::Fail(failure, chance)),
    ]
}

proptest! {
    /// Whatever happens: there is always a next step, waits are bounded, and no two questions come
    /// closer than three quarters of the pace.
    #[test]
    fn there_is_always_a_next_step(happenings in proptest::collection::vec(any_happening(), 1..60)) {
        let begin = Instant::now();
        let mut plan = Plan::new(begin);
        let (mut now, mut last) = (begin, None::<Instant>);
        for happening in happenings {
            match happening {
                Happening::Note(id, need) => plan.note(&format!("a{id}"), need, now),
                Happening::Forget(id) => plan.forget(&format!("a{id}")),
                Happening::LookOver => {
                    plan.look_over(now);
                    last = None;
                }
                Happening::Versions(id) => {
                    plan.ask_versions(&format!("a{id}"), ["v".to_owned()].into_iter());
                }
                Happening::Wait(seconds) => now += Duration::from_secs(seconds),
                Happening::Answer(_, _) | Happening::Fail(_, _) => {
                    let question = match plan.next(now) {
                        NextStep::Ask(question) => question,
                        NextStep::WaitUntil(until) => {
                            prop_assert!(until > now);
                            prop_assert!(until - now <= Duration::from_secs(2 * 3600));
                            continue;
                        }
                    };
                    if let Some(last) = last {
                        prop_assert!(now - last >= PACE * 3 / 4, "{:?}", now - last);
                    }
                    last = Some(now);
                    match happening {
                        Happening::Answer(next, chance) => {
                            let next = (next && is_page(&question)).then(|| NextPage::with("page", "2").unwrap());
                            plan.answered(&question, next, now, chance);
                        }
                        Happening::Fail(failure, chance) => {
                            plan.failed(question, failure, now, chance);
                        }
                        _ => {}
                    }
                }
            }
            let planned = plan.checks.values().filter(|check| check.due.is_some()).count();
            prop_assert_eq!(planned, plan.urgent.len() + plan.open.len(), "each asset once");
        }
    }
}
