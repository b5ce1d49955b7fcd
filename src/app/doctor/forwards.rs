//! The apps that deliveries are forwarded to.

use std::time::Duration;

use tokio::time::timeout;

use super::super::forward::forward_settings;
use super::Finding;
use crate::config::Config;
use crate::forward::ForwardSettings;
use crate::outbound::destination;

const ABOUT: &str = "forward";
/// Time limit for a connection.
const LIMIT: Duration = Duration::from_secs(10);

/// Connects to each app, and sends nothing.
pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let targets = match forward_settings(config) {
        Ok(targets) => targets,
        Err(error) => {
            let todo = "correct --forward-to and what belongs to it";
            return vec![Finding::bad(ABOUT, format!("{error:#}"), todo)];
        }
    };
    let mut findings = Vec::new();
    for target in &targets {
        findings.push(reached(&target.client).await);
    }
    findings
}

async fn reached(settings: &ForwardSettings) -> Finding {
    let url = settings.target.url();
    let todo =
        "start the app; until then deliveries wait, or are skipped with --forward-when-down skip";
    let Some(way) = destination(settings.target.uri()) else {
        return Finding::bad(ABOUT, format!("{url} has no host"), "correct --forward-to");
    };
    match timeout(LIMIT, settings.outbound.connect(&way)).await {
        Ok(Ok(_)) => Finding::ok(ABOUT, format!("an app takes connections at {url}")),
        Ok(Err(error)) => Finding::note(ABOUT, format!("{url} cannot be reached: {error}"), todo),
        Err(_) => Finding::note(ABOUT, format!("{url} does not answer"), todo),
    }
}
