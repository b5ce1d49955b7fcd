//! The trusted keys.

use super::super::keys::{dev_key_path, may_trust_dev_key, named_keys};
use super::Finding;
use crate::config::{Config, SignaturePolicy};
use crate::signature::{DEV_KEY, KeyError, PrivateKey, PublicKey};

const ABOUT: &str = "keys";

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.signature == SignaturePolicy::Off {
        findings.push(Finding::note(
            ABOUT,
            "signatures are not checked: anyone who can reach the listener can send anything",
            "leave out --signature off as soon as you can",
        ));
    }
    match named_keys(config) {
        Ok(keys) => findings.extend(keys.iter().map(trusted)),
        Err(error) => findings.push(Finding::bad(
            ABOUT,
            error.to_string(),
            "name a PEM file with one P-256 public key with --public-key",
        )),
    }
    findings.extend(dev_key(config));
    findings
}

fn trusted(key: &PublicKey) -> Finding {
    Finding::ok(ABOUT, format!("{} is trusted, {}", key.name(), key.digest()))
}

/// The development key: trusted where only this machine can reach the listener.
fn dev_key(config: &Config) -> Option<Finding> {
    if !may_trust_dev_key(config) {
        return Some(Finding::ok(
            ABOUT,
            "the development key is not trusted: other machines may reach the listener, or --no-dev-key is set",
        ));
    }
    let path = dev_key_path(config).ok()?;
    Some(match PrivateKey::from_own_file(&path) {
        Ok(key) => trusted(&key.public(DEV_KEY)),
        Err(_) if !path.exists() => {
            Finding::ok(ABOUT, "there is no development key yet; the first run makes it")
        }
        Err(error @ KeyError::NotPrivate { .. }) => {
            let todo = format!("delete it, and `dubwatch` makes another one: {}", path.display());
            Finding::bad(ABOUT, error.to_string(), todo)
        }
        Err(error) => {
            Finding::bad(ABOUT, error.to_string(), "delete it, and `dubwatch` makes another one")
        }
    })
}
