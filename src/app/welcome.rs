//! The first words to a person: where callbacks go, and a line that posts one when it is pasted.

use std::net::SocketAddr;

use super::keys::{dev_key_path, trusts_dev_key};
use crate::config::{Config, Key, Origin};
use crate::signature::TrustedKeys;
use crate::text::shell_word;

/// Which keys are trusted, what the sender has to call, and how to post a test callback.
pub(super) fn first_steps(config: &Config, bound: SocketAddr, keys: &TrustedKeys) -> String {
    let names: Vec<&str> = keys.iter().map(|key| &**key.name()).collect();
    let mut lines = vec![format!("Trusted keys: {}", names.join(", "))];
    if config.public_url.is_some() {
        lines.push(format!("Give the sender: {}", config.callback_url(bound)));
    } else if !bound.ip().is_loopback() {
        lines.push("Not on loopback: tell the sender's way here with --public-url".to_owned());
    }
    if trusts_dev_key(config) {
        lines.push(format!("Post a test callback: {}", send_line(config, bound)));
    } else if config.dev_key && !bound.ip().is_loopback() {
        lines.push(
            "The development key is trusted on loopback only: test with `dubwatch keygen` and --public-key"
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// A `send` command that works from any directory when it is pasted into a shell.
pub(super) fn send_line(config: &Config, bound: SocketAddr) -> String {
    let is_default = |key| config.origins.of(key) == &Origin::Default;
    let mut line = send_command(config);
    if !is_default(Key::Listen) || !is_default(Key::Path) {
        line.push_str(" --to ");
        line.push_str(&shell_word(&format!("http://{bound}{}", config.path)));
    }
    line
}

/// The same without where to.
pub(super) fn send_command(config: &Config) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "dubwatch".into());
    let mut line = shell_word(&program.to_string_lossy());
    line.push_str(" send");
    let is_default = |key| config.origins.of(key) == &Origin::Default;
    if config.ephemeral || !is_default(Key::Db) {
        line.push_str(" --key ");
        line.push_str(&shell_word(&dev_key_path(config).to_string_lossy()));
    }
    line.push_str(" --event version_generating");
    line
}
