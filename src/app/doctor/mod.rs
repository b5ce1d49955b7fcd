//! Looks at everything that a run depends on, changes nothing, and says what to do.
//!
//! | file | looks at |
//! |---|---|
//! | `finding` | what is found, how bad it is, and what to do |
//! | `settings` | the configuration file, the settings in force, and those that were passed over |
//! | `machine` | the clock, the time zone, the terminal |
//! | `journal` | the journal: readable, writable, intact, its size, the room on its disk |
//! | `keys` | the trusted keys |
//! | `listener` | the addresses to listen on |
//! | `remote` | the relay and the service's API |
//! | `probe` | the public URL: posts a signed request to it |
//! | `forwards` | the apps that deliveries are forwarded to |
//! | `arrival` | where a probe arrives: at a listener of our own, or in the journal of a running dubwatch |
//! | `way` | what happened to a probe on its way (pure) |

mod arrival;
mod finding;
mod forwards;
mod journal;
mod keys;
mod listener;
mod machine;
mod probe;
mod remote;
mod settings;
mod way;

pub use finding::{Finding, FindingLevel};

use crate::config::Config;

/// Looks at everything, and hands over each finding as soon as there is one. `is_ascii` is whether the
/// terminal has no other characters. Must be called inside a Tokio runtime.
pub async fn doctor(config: &Config, is_ascii: bool, mut found: impl FnMut(Finding)) {
    let mut all = |findings: Vec<Finding>| findings.into_iter().for_each(&mut found);
    all(settings::check(config));
    all(machine::check(config, is_ascii));
    all(journal::check(config));
    all(keys::check(config));
    let (findings, doors) = listener::check(config).await;
    all(findings);
    all(probe::check(config, doors).await);
    all(forwards::check(config).await);
    all(remote::relay(config).await.into_iter().collect());
    all(vec![remote::api(config).await]);
}
