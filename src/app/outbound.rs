//! Outgoing connections as the settings say: proxies of the environment, trusted certificates.

use crate::config::{Config, ConfigError};
use crate::outbound::{Destination, Outbound, Proxies, Trust};

/// Returns the way to a target that is trusted by `trust`, or as the settings say. Checks the proxy.
pub(super) fn outbound_trusting(
    config: &Config,
    trust: Option<Trust>,
    target: &Destination,
) -> Result<Outbound, ConfigError> {
    let Some(trust) = trust else { return outbound_to(config, target) };
    let outbound = Outbound::new(Proxies::from_environment(), trust);
    outbound.check(target).map_err(|error| ConfigError::Conflict(error.to_string()))?;
    Ok(outbound)
}

/// Returns the way to a target. Reads a certificate file that the user named and checks the proxy, so
/// that a mistake is an error at the start and not a failed connection later.
pub(super) fn outbound_to(config: &Config, target: &Destination) -> Result<Outbound, ConfigError> {
    let unusable = |why: String| ConfigError::Conflict(why);
    let trust = match &config.cacert {
        Some(path) => Trust::read(Some(path)).map_err(|error| unusable(error.to_string()))?,
        None => Trust::System,
    };
    let outbound = Outbound::new(Proxies::from_environment(), trust);
    outbound.check(target).map_err(|error| unusable(error.to_string()))?;
    Ok(outbound)
}
