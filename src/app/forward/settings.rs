//! What the settings say about each target of a forward.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::outbound::outbound_trusting;
use crate::config::{Config, ConfigError, HeaderSource, Origin, SettingKey, WhenDown};
use crate::filter::Filter;
use crate::forward::{ForwardSettings, ForwardTarget, RetryPolicy};
use crate::outbound::{Trust, destination};

/// What a forwarder needs to know about its target.
#[derive(Debug, Clone)]
pub(in super::super) struct TargetSettings {
    pub(in super::super) client: ForwardSettings,
    /// Which deliveries are forwarded.
    pub(super) filter: Filter,
    pub(super) policy: RetryPolicy,
    /// Maximum number of deliveries at once.
    pub(super) at_once: usize,
    /// How far back a first start reaches.
    pub(super) since: Option<SignedDuration>,
    /// Whether the user asked for a beginning, which a later start does not heed.
    pub(super) is_since_set: bool,
}

impl TargetSettings {
    /// Returns the target's URL.
    pub(super) fn url(&self) -> &str {
        self.client.target.url()
    }
}

/// Returns the settings of each target. Checks all of them, so that a mistake is an error at the
/// start.
pub(in super::super) fn forward_settings(config: &Config) -> anyhow::Result<Vec<TargetSettings>> {
    let unusable = |why: String| ConfigError::Conflict(why);
    let filters = filters(config)?;
    if let Some(twice) = first_repeated(config) {
        return Err(unusable(format!("--forward-to names {twice} twice: leave one out")).into());
    }
    let mut headers = Vec::new();
    for source in &config.forward_headers {
        headers.extend(HeaderSource::headers(source).map_err(unusable)?);
    }
    let settings = config.forward_to.iter().zip(filters);
    let settings: anyhow::Result<Vec<_>> = settings
        .map(|(target, filter)| {
            let way = destination(target.uri())
                .ok_or_else(|| unusable(format!("{target} is neither http:// nor https://")))?;
            let trust = if config.forward_insecure {
                Some(Trust::any().map_err(|error| unusable(error.to_string()))?)
            } else {
                None
            };
            Ok(TargetSettings {
                client: ForwardSettings {
                    target: target.clone(),
                    headers: headers.clone(),
                    limit: Duration::try_from(config.forward_timeout).unwrap_or(Duration::MAX),
                    outbound: outbound_trusting(config, trust, &way)?,
                    is_insecure: config.forward_insecure,
                },
                filter,
                policy: RetryPolicy {
                    retries: config.forward_retries,
                    waits: config.forward_when_down == WhenDown::Wait,
                },
                at_once: config.forward_concurrency,
                since: config.forward_since,
                is_since_set: *config.origins.of(SettingKey::ForwardSince) != Origin::Default,
            })
        })
        .collect();
    let settings = settings?;
    if config.listens {
        let listen: Vec<_> = config.listen.iter().map(|address| address.reachable()).collect();
        refuse_circles(&settings, &listen)?;
    }
    Ok(settings)
}

/// Returns the filter of each target: one for all, or one for each.
fn filters(config: &Config) -> Result<Vec<Filter>, ConfigError> {
    let targets = config.forward_to.len();
    let texts: Vec<&str> = match config.forward_filters.as_slice() {
        [] => vec![""; targets],
        [one] => vec![one; targets],
        several if several.len() == targets => several.iter().map(String::as_str).collect(),
        several => {
            return Err(ConfigError::Conflict(format!(
                "there are {} filters for {targets} targets: give one --forward-filter for all, or one for each --forward-to, '' for everything",
                several.len()
            )));
        }
    };
    let now = Timestamp::now();
    let parsed = texts.into_iter().map(|text| Filter::parse(text, now));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError::Conflict(format!("--forward-filter: {error}")))
}

fn first_repeated(config: &Config) -> Option<&str> {
    let urls: Vec<_> = config.forward_to.iter().map(ForwardTarget::url).collect();
    (1..urls.len()).find(|at| urls[..*at].contains(&urls[*at])).map(|at| urls[at])
}

/// Fails if a target is our own listener: each delivery would come back, and be forwarded again.
pub(super) fn refuse_circles(
    settings: &[TargetSettings],
    bound: &[SocketAddr],
) -> Result<(), ConfigError> {
    let circle = settings.iter().find(|settings| {
        let way = destination(settings.client.target.uri());
        way.is_some_and(|way| {
            way.is_this_machine() && bound.iter().any(|own| own.port() == way.port && is_local(own))
        })
    });
    match circle {
        None => Ok(()),
        Some(settings) => Err(ConfigError::Conflict(format!(
            "--forward-to {} is where dubwatch itself listens: each callback would come back again and again; name the app's port",
            settings.url()
        ))),
    }
}

/// Returns whether a listener at this address is reached by this machine's own names.
fn is_local(bound: &SocketAddr) -> bool {
    let ip = bound.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}
