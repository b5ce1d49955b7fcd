//! What to ask the API next: pages of its list, then assets, then versions, one question at a time
//! and about one a second. Owns the order and the pace; asks nothing itself, and time and chance are
//! arguments.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::NextPage;

/// Average time between the ends of two questions.
const PACE: Duration = Duration::from_secs(1);
/// Time between two passes over the list, when nothing calls for one earlier.
const LIST_EVERY: Duration = Duration::from_secs(30 * 60);
/// Time between two checks of an asset that is not finished.
const ROUND_EVERY: Duration = Duration::from_secs(10 * 60);
/// Minimum time between the checks of two such assets, however many there are: the list tells most of
/// it in fewer questions.
const ROUND_SPACING: Duration = Duration::from_secs(10);
/// Time between two checks of an asset with an overdue or uncertain version.
const URGENT_EVERY: Duration = Duration::from_secs(5 * 60);
/// Time before an asset that was refused is asked for again, so that another question comes between.
const SECOND_TRY: Duration = Duration::from_secs(10);
/// First and longest pause after a failure of the service.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Maximum number of assets whose checks are planned; of more, only the list tells.
const MAX_ASSETS: usize = 20_000;
/// Maximum number of versions that wait for a question of their own.
const MAX_VERSIONS: usize = 20_000;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A page of the list, the first one without an argument.
    Page(Option<NextPage>),
    /// An asset with its versions.
    Asset(String),
    /// A version, where the answer about its asset has no status for it.
    Version {
        /// Its asset.
        asset_id: String,
        /// The version.
        version_id: String,
    },
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Ask this.
    Ask(Question),
    /// Ask nothing until then, unless something changes.
    WaitUntil(Instant),
}

/// How much the API has to say about an asset, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A version is overdue or its state is a guess.
    Urgent,
    /// Not all of its versions are known, or one of them is not finished.
    Open,
    /// Everything is known, and nothing more is expected by itself.
    Settled,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The reason lies in the thing that was asked for: others are answered.
    OfQuestion,
    /// The service refused (403): either this thing, or everything for now.
    Forbidden {
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service cannot answer now.
    OfService {
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Nothing is answered until somebody changes a setting.
    OfSettings,
}

/// What a failure means for the asset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It is asked for again later.
    Later,
    /// It was refused while other questions were answered.
    Refused,
}

/// The order and the pace of questions.
#[derive(Debug)]
pub struct Plan {
    list: ListPass,
    checks: HashMap<String, Check>,
    urgent: BTreeSet<(Instant, String)>,
    open: BTreeSet<(Instant, String)>,
    versions: VecDeque<(String, String)>,
    /// No question before this time.
    not_before: Instant,
    /// Failures of the service in a row.
    failures: u32,
    /// Number of answers so far, to tell whether others were answered since a refusal.
    answers: u64,
    /// Whether the list is next if it is due as well as an urgent asset: they take turns, the list
    /// first, because one page tells about many.
    is_list_next: bool,
}

/// The pass over the list.
#[derive(Debug)]
enum ListPass {
    /// The next one begins then.
    Due(Instant),
    /// This page is next.
    At(Option<NextPage>),
}

#[derive(Debug)]
struct Check {
    need: Need,
    due: Option<Instant>,
    asked: Option<Instant>,
    /// [`Plan::answers`] at its first refusal.
    refused_at: Option<u64>,
}

impl Plan {
    /// Creates a plan that begins with the list.
    pub fn new(now: Instant) -> Self {
        Self {
            list: ListPass::Due(now),
            checks: HashMap::new(),
            urgent: BTreeSet::new(),
            open: BTreeSet::new(),
            versions: VecDeque::new(),
            not_before: now,
            failures: 0,
            answers: 0,
            is_list_next: true,
        }
    }

    /// Notes how much the API has to say about an asset, from the journal's state of it.
    pub fn note(&mut self, asset_id: &str, need: Need, now: Instant) {
        let check = match self.checks.get(asset_id) {
            Some(check) if check.need == need && check.due.is_some() == (need != Need::Settled) => {
                return;
            }
            Some(check) => (check.asked, check.refused_at),
            None if self.checks.len() >= MAX_ASSETS => return,
            None => (None, None),
        };
        self.unplan(asset_id);
        let (asked, refused_at) = check;
        let after = |asked: Option<Instant>, every| asked.map_or(now, |asked| asked + every);
        let due = match need {
            Need::Urgent => Some(after(asked, URGENT_EVERY)),
            Need::Open => Some(after(asked, self.round())),
            Need::Settled => None,
        };
        if let Some(due) = due {
            self.queue(need).insert((due, asset_id.to_owned()));
        }
        self.checks.insert(asset_id.to_owned(), Check { need, due, asked, refused_at });
    }

    /// Forgets an asset that the journal no longer holds.
    pub fn forget(&mut self, asset_id: &str) {
        self.unplan(asset_id);
        self.checks.remove(asset_id);
    }

    /// Begins a pass over the list: at the start, on waking, after a gap. Continues one that runs.
    pub fn look_over(&mut self, now: Instant) {
        self.list_now(now);
        if self.failures > 0 {
            // The network may be back.
            self.failures = 0;
            self.not_before = now;
        }
    }

    /// Queues questions about versions for which the answer about their asset has no status.
    pub fn ask_versions(&mut self, asset_id: &str, version_ids: impl Iterator<Item = String>) {
        for version_id in version_ids {
            if self.versions.len() < MAX_VERSIONS {
                self.versions.push_back((asset_id.to_owned(), version_id));
            }
        }
    }

    /// Returns what to do now. A question must be followed by [`Plan::answered`] or
    /// [`Plan::failed`].
    pub fn next(&mut self, now: Instant) -> NextStep {
        if now < self.not_before {
            return NextStep::WaitUntil(self.not_before);
        }
        let due = |queue: &BTreeSet<(Instant, String)>| {
            queue.first().filter(|(due, _)| *due <= now).map(|(_, id)| id.clone())
        };
        let is_listing = match &self.list {
            ListPass::Due(due) => *due <= now,
            ListPass::At(_) => true,
        };
        if let Some(asset_id) = due(&self.urgent)
            && !(is_listing && self.is_list_next)
        {
            self.is_list_next = true;
            return NextStep::Ask(Question::Asset(asset_id));
        }
        if is_listing {
            self.is_list_next = false;
            let page = match &self.list {
                ListPass::Due(_) => None,
                ListPass::At(page) => page.clone(),
            };
            self.list = ListPass::At(page.clone());
            return NextStep::Ask(Question::Page(page));
        }
        if let Some((asset_id, version_id)) = self.versions.pop_front() {
            return NextStep::Ask(Question::Version { asset_id, version_id });
        }
        if let Some(asset_id) = due(&self.open) {
            return NextStep::Ask(Question::Asset(asset_id));
        }
        let list = match self.list {
            ListPass::Due(due) => due,
            ListPass::At(_) => now,
        };
        let first = |queue: &BTreeSet<(Instant, String)>| queue.first().map(|(due, _)| *due);
        let earliest = [first(&self.urgent), first(&self.open)].into_iter().flatten().min();
        NextStep::WaitUntil(earliest.map_or(list, |earliest| earliest.min(list)))
    }

    /// Notes the answer to a question. `next` is the page after it, if it was a page and there is
    /// one. `chance` is any random number.
    pub fn answered(
        &mut self,
        question: &Question,
        next: Option<NextPage>,
        now: Instant,
        chance: u64,
    ) {
        self.failures = 0;
        self.answers = self.answers.saturating_add(1);
        self.not_before = now + around(PACE, chance);
        match (question, next) {
            (Question::Page(_), Some(next)) => self.list = ListPass::At(Some(next)),
            (Question::Page(_), None) => {
                self.list = ListPass::Due(now + around(LIST_EVERY, chance));
            }
            (Question::Asset(asset_id), _) => self.checked(asset_id, now, chance),
            (Question::Version { .. }, _) => {}
        }
    }

    /// Notes that a question got no answer. Returns what that means for the asset.
    pub fn failed(
        &mut self,
        question: Question,
        failure: Failure,
        now: Instant,
        chance: u64,
    ) -> Meaning {
        let (asset_id, is_about_asset) = match &question {
            Question::Page(_) => (None, false),
            Question::Asset(asset_id) => (Some(asset_id.clone()), true),
            Question::Version { asset_id, .. } => (Some(asset_id.clone()), false),
        };
        let retry_after = match failure {
            Failure::OfQuestion => {
                // The service answered, so its pace is as usual.
                self.answered(&question, None, now, chance);
                return if is_about_asset { Meaning::Refused } else { Meaning::Later };
            }
            Failure::Forbidden { retry_after } => {
                if let Some(asset_id) = &asset_id
                    && self.is_refused_again(asset_id, now)
                {
                    self.answered(&question, None, now, chance);
                    return Meaning::Refused;
                }
                retry_after
            }
            Failure::OfService { retry_after } => retry_after,
            Failure::OfSettings => Some(LONGEST_PAUSE),
        };
        let pause =
            FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let pause = around(pause.min(LONGEST_PAUSE), chance).max(retry_after.unwrap_or_default());
        self.not_before = now + pause;
        if let Question::Version { asset_id, version_id } = question {
            self.versions.push_front((asset_id, version_id));
        }
        Meaning::Later
    }

    /// Returns until when nothing is asked because the service failed; `None` if it did not.
    pub const fn paused_until(&self) -> Option<Instant> {
        if self.failures > 0 { Some(self.not_before) } else { None }
    }

    /// Returns how many questions are due, the pages of the list not counted.
    pub fn waiting(&self, now: Instant) -> usize {
        let due = |queue: &BTreeSet<(Instant, String)>| {
            queue.iter().take_while(|(due, _)| *due <= now).count()
        };
        due(&self.urgent) + due(&self.open) + self.versions.len()
    }

    /// Returns how long one round over the open assets takes.
    fn round(&self) -> Duration {
        let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        ROUND_EVERY.max(ROUND_SPACING.saturating_mul(open))
    }

    /// Plans the next check of an asset that was asked for.
    fn checked(&mut self, asset_id: &str, now: Instant, chance: u64) {
        self.unplan(asset_id);
        let Some(check) = self.checks.get_mut(asset_id) else { return };
        check.asked = Some(now);
        check.refused_at = None;
        let need = check.need;
        let every = match need {
            Need::Urgent => URGENT_EVERY,
            Need::Open => self.round(),
            Need::Settled => return,
        };
        let due = now + around(every, chance);
        if let Some(check) = self.checks.get_mut(asset_id) {
            check.due = Some(due);
        }
        self.queue(need).insert((due, asset_id.to_owned()));
    }

    /// Notes a refusal of an asset. Returns whether it was refused before, and another question was
    /// answered since.
    fn is_refused_again(&mut self, asset_id: &str, now: Instant) -> bool {
        let answers = self.answers;
        let Some(check) = self.checks.get_mut(asset_id) else { return false };
        if check.refused_at.is_some_and(|before| answers > before) {
            return true;
        }
        check.refused_at.get_or_insert(answers);
        let need = check.need;
        let asset_id = asset_id.to_owned();
        self.unplan(&asset_id);
        if let Some(check) = self.checks.get_mut(&asset_id) {
            check.due = Some(now + SECOND_TRY);
        }
        self.queue(need).insert((now + SECOND_TRY, asset_id));
        // The list is the question that an account can always ask.
        self.list_now(now);
        false
    }

    /// Makes the list due, unless a pass runs.
    fn list_now(&mut self, now: Instant) {
        if let ListPass::Due(due) = &mut self.list {
            *due = now;
        }
    }

    fn unplan(&mut self, asset_id: &str) {
        let Some(check) = self.checks.get_mut(asset_id) else { return };
        if let Some(due) = check.due.take() {
            let need = check.need;
            self.queue(need).remove(&(due, asset_id.to_owned()));
        }
    }

    const fn queue(&mut self, need: Need) -> &mut BTreeSet<(Instant, String)> {
        match need {
            Need::Urgent => &mut self.urgent,
            Need::Open | Need::Settled => &mut self.open,
        }
    }
}

/// Returns a duration between three quarters and five quarters of `of`, so that several programs do
/// not ask in step.
fn around(of: Duration, chance: u64) -> Duration {
    let eighths = 6 + (chance >> 32) % 5;
    of / 8 * u32::try_from(eighths).unwrap_or(8)
}

#[cfg(test)]
mod tests;
