//! Which form of the tests runs: the short one, the same story every time, or the long one in the
//! promised numbers, another story every time. Decides nothing else.
//!
//! `DUBWATCH_RELAY_LONG=1` asks for the long form. Its seed is printed; `DUBWATCH_RELAY_SEED=N`
//! tells that story again, in either form.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use super::Seeded;
use crate::common::LIMIT;

/// Whether what takes long is to run as well.
pub(crate) fn is_long() -> bool {
    std::env::var_os("DUBWATCH_RELAY_LONG").is_some_and(|value| value == "1")
}

/// The number of the form that runs.
pub(crate) fn of<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// How long nothing may happen before something is wrong. After many faults in a row a reader
/// stays away for up to half a minute, several times.
pub(crate) fn patience() -> Duration {
    of(LIMIT, Duration::from_secs(150))
}

/// The story of a test; `fixed` is the short form's.
#[expect(
    clippy::disallowed_macros,
    clippy::print_stderr,
    reason = "the test harness shows it with a failure"
)]
pub(crate) fn seeded(fixed: u64) -> Seeded {
    let given = std::env::var("DUBWATCH_RELAY_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("DUBWATCH_RELAY_SEED is a number"));
    let chance = || RandomState::new().build_hasher().finish();
    let seed = given.unwrap_or_else(|| if is_long() { chance() } else { fixed });
    eprintln!("repeat with DUBWATCH_RELAY_SEED={seed}");
    Seeded(seed)
}
