//! Which keys are trusted.

use std::path::PathBuf;

use crate::config::Config;
use crate::signature::{DEV_KEY, KeyError, PrivateKey, PublicKey, TrustedKeys};
use crate::sqlite::create_directory_of;

/// The vendor's key, every `--public-key`, and on a loopback address the development key.
///
/// The development key is made where there is none yet, so that a `dubwatch send` that comes later
/// signs with the key that the listener already trusts.
pub fn trusted_keys(config: &Config) -> Result<TrustedKeys, KeyError> {
    let mut keys = TrustedKeys::new(PublicKey::vendor());
    for path in &config.public_keys {
        keys = keys.and(PublicKey::from_file(path)?);
    }
    if trusts_dev_key(config) {
        keys = keys.and(load_dev_key(config)?.public(DEV_KEY));
    }
    Ok(keys)
}

/// Whether the development key is trusted: on loopback only, where nobody else can reach us.
pub(super) fn trusts_dev_key(config: &Config) -> bool {
    config.dev_key && config.listen.ip().is_loopback()
}

/// The development key, made on first use.
pub fn load_dev_key(config: &Config) -> Result<PrivateKey, KeyError> {
    let path = dev_key_path(config);
    create_directory_of(&path).map_err(|cause| KeyError::Write { path: path.clone(), cause })?;
    PrivateKey::open_or_create(&path)
}

/// Where the development key lives: beside the journal.
pub fn dev_key_path(config: &Config) -> PathBuf {
    config.data_dir().join("dev.pem")
}
