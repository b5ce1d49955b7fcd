//! What does not change during a run, as the dashboard shows it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use jiff::Timestamp;

use super::super::keys::trusts_dev_key;
use super::super::receiver::Receiver;
use super::super::welcome::{callback_url, send_command, send_line};
use crate::config::{Config, SignaturePolicy, local_zone};
use crate::signature::TrustedKeys;
use crate::tui::model::{Banner, RunInfo};

/// Those of what this process receives; with a banner of its own, or that of its settings.
pub(in super::super) fn of_receiver(
    config: &Config,
    receiver: &Receiver,
    banner: Option<Banner>,
) -> RunInfo {
    let (bound, keys) = (receiver.bound.as_slice(), &receiver.prepared.keys);
    let unchecked = (config.signature == SignaturePolicy::Off).then_some(Banner::Unchecked);
    RunInfo {
        // Where callbacks come by a relay, that is what the sender is to call.
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

/// Returns what is listened on, briefly.
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

/// Those of a journal that another process writes.
pub(in super::super) fn of_file(config: &Config, keys: &TrustedKeys, banner: Banner) -> RunInfo {
    RunInfo { banner: Some(banner), ..of_journal(config, &config.db, keys) }
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
        // Nothing is received by one that only looks.
        confirm_quit: false,
        bell: config.bell,
        overdue: config.overdue,
        started: Timestamp::now(),
        zone: local_zone().zone,
    }
}
