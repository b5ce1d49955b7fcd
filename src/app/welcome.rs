//! The first message to the user: where callbacks go, and a command that posts a test callback.

use std::net::SocketAddr;

use super::keys::{dev_key_path, trusts_dev_key};
use crate::config::{Config, Origin, SettingKey};
use crate::signature::TrustedKeys;
use crate::text::shell_word;

/// Returns the trusted keys, the URL for the sender and a test command, one line each.
pub(super) fn first_steps(config: &Config, bound: &[SocketAddr], keys: &TrustedKeys) -> String {
    let is_loopback = bound.iter().all(|bound| bound.ip().to_canonical().is_loopback());
    let Some(first) = bound.first().copied() else { return String::new() };
    let names: Vec<&str> = keys.iter().map(|key| &**key.name()).collect();
    let mut lines = vec![format!("Trusted keys: {}", names.join(", "))];
    if let Some(url) = config.public_url.clone().or_else(|| url_by_host_name(config, first)) {
        lines.push(format!("Give the sender: {url}"));
    } else if !is_loopback {
        lines.push(
            "Not on loopback: set the URL that the sender calls with --public-url".to_owned(),
        );
    }
    if trusts_dev_key(keys) {
        lines.push(format!("Post a test callback: {}", send_line(config, first)));
    } else if config.dev_key && !is_loopback {
        lines.push(
            "The development key is trusted on loopback only: test with `dubwatch keygen` and --public-key"
                .to_owned(),
        );
    } else if config.public_url.is_some()
        && config.origins.of(SettingKey::NoDevKey) == &Origin::Default
    {
        lines.push(
            "The development key is not trusted behind --public-url: test with `dubwatch keygen` and --public-key, or trust it with --no-dev-key=false"
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// Returns the URL to give the sender, for the addresses of the listener. For a wildcard address
/// the URL contains this machine's name; `None` if that is not known.
pub(super) fn callback_url(config: &Config, bound: &[SocketAddr]) -> Option<String> {
    let url = |bound| config.callback_url(bound).or_else(|| url_by_host_name(config, bound));
    bound.iter().copied().find_map(url)
}

fn url_by_host_name(config: &Config, bound: SocketAddr) -> Option<String> {
    let is_every = bound.ip().to_canonical().is_unspecified();
    let host = if is_every { host_name()? } else { return None };
    Some(format!("http://{host}:{}{}", bound.port(), config.path))
}

/// Returns this machine's host name; `None` if other machines cannot use it.
pub(super) fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    callable(system.nodename().to_str().ok()?)
}

fn callable(name: &str) -> Option<String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_one = !name.is_empty()
        && name.chars().all(is_letter)
        && !["localhost", "localhost.localdomain"].contains(&name);
    is_one.then(|| name.to_owned())
}

/// Returns a `send` command that can be pasted into a shell in any directory.
pub(super) fn send_line(config: &Config, bound: SocketAddr) -> String {
    let is_default = |key| config.origins.of(key) == &Origin::Default;
    let mut line = send_command(config);
    if !is_default(SettingKey::Listen) || !is_default(SettingKey::Path) {
        line.push_str(" --to ");
        line.push_str(&shell_word(&config.local_url(bound)));
    }
    line
}

/// Returns the same command without `--to`.
pub(super) fn send_command(config: &Config) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "dubwatch".into());
    let mut line = shell_word(&program.to_string_lossy());
    line.push_str(" send");
    let is_default = |key| config.origins.of(key) == &Origin::Default;
    if (config.ephemeral || !is_default(SettingKey::Db))
        && let Ok(key) = dev_key_path(config)
    {
        line.push_str(" --key ");
        line.push_str(&shell_word(&key.to_string_lossy()));
    }
    line.push_str(" --event version_generating");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_name_that_others_can_use_is_shown() {
        for name in ["studio", "studio-2.local", "4f3a9c0d11e2"] {
            assert_eq!(callable(name).as_deref(), Some(name));
        }
        for name in ["", "(none)", "localhost", "a b", "\u{1b}[2J"] {
            assert_eq!(callable(name), None, "{name}");
        }
    }
}
