//! What does not change during a run, as the dashboard shows it.

use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::engine::Engine;
use super::super::keys::trusts_dev_key;
use super::super::welcome::send_line;
use crate::config::{Config, SignaturePolicy};
use crate::signature::TrustedKeys;
use crate::tui::model::{Banner, Facts};

/// Those of a run that listens on `bound`; with a banner of its own, or that of its settings.
pub(super) fn of_engine(
    config: &Config,
    engine: &Engine,
    bound: SocketAddr,
    banner: Option<Banner>,
) -> Facts {
    let unchecked = (config.signature == SignaturePolicy::Off).then_some(Banner::Unchecked);
    Facts {
        callback_url: config.callback_url(bound),
        door: format!("{bound}{}", config.path),
        send_line: if trusts_dev_key(config) { send_line(config, bound) } else { String::new() },
        banner: banner.or(unchecked),
        ..of_journal(config, engine.journal.path(), &engine.keys)
    }
}

/// Those of a journal that another process writes.
pub(super) fn of_file(config: &Config, keys: &TrustedKeys) -> Facts {
    Facts { banner: Some(Banner::ReadOnly), ..of_journal(config, &config.db, keys) }
}

fn of_journal(config: &Config, journal: &Path, keys: &TrustedKeys) -> Facts {
    Facts {
        callback_url: String::new(),
        door: String::new(),
        send_line: String::new(),
        journal: journal.display().to_string(),
        keys: keys.iter().map(|key| key.name().to_string()).collect(),
        banner: None,
        bell: config.bell,
        overdue: config.overdue,
        started: Timestamp::now(),
        zone: TimeZone::system(),
    }
}
