//! Collects the trusted keys of a run: the vendor's, `--public-key`, and the development key.

use std::path::PathBuf;

use crate::config::{Config, ConfigError};
use crate::signature::{DEV_KEY, KeyError, PrivateKey, PublicKey, TrustedKeys};
use crate::sqlite::create_directory_of;

/// Why the development key is not available.
#[derive(Debug, thiserror::Error)]
pub enum DevKeyError {
    /// No data directory is known, so its path is not known either.
    #[error(transparent)]
    NoPlace(#[from] ConfigError),
    /// It cannot be read or created.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl DevKeyError {
    /// Returns whether the key does not exist and cannot be created: no signature with it can
    /// exist.
    const fn is_absent(&self) -> bool {
        matches!(self, Self::NoPlace(_) | Self::Key(KeyError::Write { .. }))
    }

    /// Returns the error itself: its kind decides the exit code.
    pub fn into_cause(self) -> anyhow::Error {
        match self {
            Self::NoPlace(error) => error.into(),
            Self::Key(error) => error.into(),
        }
    }
}

/// Returns the vendor's key and the keys of every `--public-key`. Writes nothing.
pub(super) fn named_keys(config: &Config) -> Result<TrustedKeys, KeyError> {
    let mut keys = TrustedKeys::new(PublicKey::vendor());
    for path in &config.public_keys {
        keys = keys.and(PublicKey::from_file(path)?);
    }
    Ok(keys)
}

/// Returns the keys that the listener would trust: the named ones and, on a loopback address, the
/// development key, which is created if it does not exist.
pub fn trusted_keys(config: &Config) -> anyhow::Result<TrustedKeys> {
    let keys = named_keys(config)?;
    if !may_trust_dev_key(config) {
        return Ok(keys);
    }
    match load_dev_key(config) {
        Ok(key) => Ok(keys.and(key.public(DEV_KEY))),
        Err(error) if error.is_absent() => Ok(keys),
        Err(error) => Err(error.into_cause()),
    }
}

/// Adds the development key to a listener's keys. Creates it if it does not exist, so that a later
/// `dubwatch send` signs with a key that the listener already trusts.
///
/// A run with `--ephemeral` does not fail if the key cannot be written: it runs without the key,
/// and the returned warning says so.
pub(super) fn with_dev_key(
    config: &Config,
    keys: TrustedKeys,
) -> anyhow::Result<(TrustedKeys, Option<String>)> {
    if !may_trust_dev_key(config) {
        return Ok((keys, None));
    }
    match load_dev_key(config) {
        Ok(key) => Ok((keys.and(key.public(DEV_KEY)), None)),
        // Others can read this key, so its signatures prove nothing. The run works without it.
        Err(DevKeyError::Key(error @ KeyError::NotPrivate { .. })) => {
            Ok((keys, Some(error.to_string())))
        }
        Err(error) if config.ephemeral => {
            let caution = format!(
                "no development key is trusted: {error}. To send test callbacks, make a key with `dubwatch keygen` and trust it with --public-key; --no-dev-key leaves this line out"
            );
            Ok((keys, Some(caution)))
        }
        Err(error) => Err(error.into_cause()),
    }
}

/// Adds the development key for a read-only run, if the key exists. Writes nothing.
pub(super) fn with_present_dev_key(config: &Config, keys: TrustedKeys) -> TrustedKeys {
    let key = may_trust_dev_key(config)
        .then(|| PrivateKey::from_own_file(&dev_key_path(config).ok()?).ok())
        .flatten();
    match key {
        Some(key) => keys.and(key.public(DEV_KEY)),
        None => keys,
    }
}

/// Returns whether the settings allow the development key: only on loopback, which other machines
/// cannot reach.
pub(super) fn may_trust_dev_key(config: &Config) -> bool {
    config.dev_key && config.listen.iter().all(|address| address.is_loopback())
}

/// Returns whether the development key is among `keys`.
pub(super) fn trusts_dev_key(keys: &TrustedKeys) -> bool {
    keys.iter().any(|key| &**key.name() == DEV_KEY)
}

/// Returns the development key. Creates it on first use.
pub fn load_dev_key(config: &Config) -> Result<PrivateKey, DevKeyError> {
    let path = dev_key_path(config)?;
    create_directory_of(&path).map_err(|cause| KeyError::Write { path: path.clone(), cause })?;
    Ok(PrivateKey::open_or_create(&path)?)
}

/// Returns the path of the development key: in the journal's directory.
pub fn dev_key_path(config: &Config) -> Result<PathBuf, ConfigError> {
    let directory = config.data_dir().ok_or(ConfigError::NoHome {
        what: "the development key",
        instead: "name the journal beside which it lives with --db, or another key with --key",
    })?;
    Ok(directory.join("dev.pem"))
}
