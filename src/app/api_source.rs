//! The settings of the service's API: the host, the key, and the way there.

use std::sync::Arc;

use super::outbound::outbound_to;
use crate::api::{ApiAddress, ApiClient, ApiKey, ApiKeyPlace, ApiSettings};
use crate::config::{Config, ConfigError, Origin, SettingKey};

/// Returns the settings of the API; `None` without a key. Checks all of them, so that a mistake is an
/// error at the start.
pub fn api_settings(config: &Config) -> anyhow::Result<Option<ApiSettings>> {
    let unusable = |why: String| ConfigError::Conflict(why);
    let address = ApiAddress::new(&config.api_url).map_err(|error| unusable(error.to_string()))?;
    let is_file_stronger = config.origins.is_stronger(SettingKey::ApiKeyFile, SettingKey::ApiKey);
    let key = match (&config.api_key, &config.api_key_file) {
        (Some(key), file) if file.is_none() || !is_file_stronger => {
            ApiKey::new(key.reveal(), ApiKeyPlace::Setting(key_setting(config).into()))
        }
        (_, Some(file)) => ApiKey::from_file(file),
        (_, None) => return Ok(None),
    };
    let key = key.map_err(|error| unusable(error.to_string()))?;
    let outbound = outbound_to(config, address.target())?;
    Ok(Some(ApiSettings { address, key, outbound }))
}

/// Returns a client for questions that the user asks; `None` without a key.
pub fn api_client(config: &Config) -> anyhow::Result<Option<Arc<ApiClient>>> {
    Ok(api_settings(config)?.map(ApiClient::new).map(Arc::new))
}

/// Returns the name of the setting that holds the key, for messages.
fn key_setting(config: &Config) -> String {
    match config.origins.of(SettingKey::ApiKey) {
        origin @ Origin::File(_) => format!("{} in {origin}", SettingKey::ApiKey.setting().name),
        origin => origin.to_string(),
    }
}
