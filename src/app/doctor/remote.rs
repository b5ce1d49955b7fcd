//! The relay and the service's API.

use std::time::Duration;

use tokio::time::timeout;

use super::super::api_source::api_settings;
use super::super::relay_source;
use super::Finding;
use crate::api::ApiClient;
use crate::config::Config;
use crate::relay::client;

/// Time limit for an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Connects to the relay as a reader does, and goes before it takes anything.
pub(super) async fn relay(config: &Config) -> Option<Finding> {
    const ABOUT: &str = "relay";
    let settings = match relay_source::settings(config) {
        Ok(settings) => settings?,
        Err(error) => {
            let todo = "correct --relay and its token; `dubwatch relay inbox create` on the relay prints both";
            return Some(Finding::bad(ABOUT, format!("{error:#}"), todo));
        }
    };
    let host = settings.address.short();
    Some(match client::try_out(&settings).await {
        Ok(()) => Finding::ok(ABOUT, format!("{host} answers, and takes the token")),
        Err(why) => Finding::bad(
            ABOUT,
            format!("{host}: {why}"),
            format!("look at the relay ({host}/healthz), at the token, and at the proxy between"),
        ),
    })
}

/// Asks the API for the first page of assets.
pub(super) async fn api(config: &Config) -> Finding {
    const ABOUT: &str = "API";
    let settings = match api_settings(config) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            let what =
                "no API key is set: names, lost callbacks and downloads need one (PANJAYA_API_KEY)";
            return Finding::ok(ABOUT, what);
        }
        Err(error) => {
            let todo = "correct the key or --api-url; `dubwatch api list` tries both";
            return Finding::bad(ABOUT, format!("{error:#}"), todo);
        }
    };
    let client = ApiClient::new(settings);
    let host = client.address().host();
    let todo = "correct the key or --api-url; `dubwatch api list` tries both";
    match timeout(LIMIT, client.list_assets(None)).await {
        Ok(Ok(page)) => {
            let count = page.assets.len();
            let assets = if count == 1 { "asset" } else { "assets" };
            Finding::ok(
                ABOUT,
                format!("{host} takes the key; its first page lists {count} {assets}"),
            )
        }
        Ok(Err(error)) => Finding::bad(ABOUT, error.to_string(), todo),
        Err(_) => Finding::bad(ABOUT, format!("{host} does not answer"), todo),
    }
}
