//! Builds the dashboard's `RunInfo`: the facts that do not change during a run.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::keys::trusts_dev_key;
use super::super::receiver::Receiver;
use super::super::welcome::{callback_url, send_command, send_line};
use crate::config::{Config, SignaturePolicy, local_zone};
use crate::signature::TrustedKeys;
use crate::tui::model::{Banner, RunInfo};

/// Returns the info of a receiver. `banner` takes precedence over the banner that follows from the
/// settings.
pub(in super::super) fn of_receiver(
    config: &Config,
    receiver: &Receiver,
    banner: Option<Banner>,
) -> RunInfo {
    let (bound, keys) = (receiver.bound.as_slice(), &receiver.prepared.keys);
    let unchecked = (config.signature == SignaturePolicy::Off).then_some(Banner::Unchecked);
    RunInfo {
        // With a relay the sender calls the relay's URL, which the link reports.
        callback_url: match (&config.relay, bound.first()) {
            (None, Some(first)) => {
                callback_url(config, bound).unwrap_or_else(|| config.local_url(*first))
            }
            _ => config.public_url.clone().unwrap_or_default(),
        },
        door: door(bound, &config.path),
        send_line: match bound.first() {
            Some(bound) if trusts_dev_key(keys) => send_line(config, *bound),
            _ => String::new(),
        },
        send_by_relay: if config.relay.is_some() && trusts_dev_key(keys) {
            send_command(config)
        } else {
            String::new()
        },
        confirm_quit: config.confirm_quit && banner != Some(Banner::Demo),
        banner: banner.or(unchecked),
        ..of_journal(config, receiver.prepared.journal.path(), keys)
    }
}

/// Returns a short description of the listener's addresses.
fn door(bound: &[SocketAddr], path: &str) -> String {
    match bound {
        [] => String::new(),
        [one] => format!("{one}{path}"),
        [first, second]
            if first.port() == second.port()
                && first.ip() == Ipv4Addr::LOCALHOST
                && second.ip() == Ipv6Addr::LOCALHOST =>
        {
            format!("localhost:{}{path}", first.port())
        }
        [first, rest @ ..] => format!("{first}{path} and {} more", rest.len()),
    }
}

/// Returns the info of a read-only run.
pub(in super::super) fn of_file(config: &Config, keys: &TrustedKeys, banner: Banner) -> RunInfo {
    RunInfo { banner: Some(banner), ..of_journal(config, &config.db, keys) }
}

/// Returns the info of a run that shows the capture at `path`.
pub(in super::super) fn of_capture(config: &Config, keys: &TrustedKeys, path: &Path) -> RunInfo {
    RunInfo { banner: Some(Banner::Capture), ..of_journal(config, path, keys) }
}

fn of_journal(config: &Config, journal: &Path, keys: &TrustedKeys) -> RunInfo {
    RunInfo {
        callback_url: String::new(),
        door: String::new(),
        send_line: String::new(),
        send_by_relay: String::new(),
        journal: journal.display().to_string(),
        keys: keys.iter().map(|key| key.name().to_string()).collect(),
        banner: None,
        // Quitting a read-only run stops no receiver.
        confirm_quit: false,
        bell: config.bell,
        overdue: config.overdue,
        expected: config.expect.clone().map(Arc::new),
        started: Timestamp::now(),
        zone: local_zone().zone,
    }
}
