//! The configuration file, the settings in force, and those that were passed over.

use std::collections::BTreeMap;

use super::Finding;
use crate::config::{Config, Origin, SETTINGS};

const ABOUT: &str = "settings";

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut by_origin: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for setting in SETTINGS {
        match config.origins.of(setting.key) {
            Origin::Default => {}
            // The flag or variable says which setting it is.
            origin @ (Origin::Flag(_) | Origin::Variable(_)) => {
                by_origin.entry(origin.to_string()).or_default();
            }
            origin @ Origin::File(_) => {
                by_origin.entry(origin.to_string()).or_default().push(setting.name);
            }
        }
    }
    let sources: Vec<String> = by_origin
        .into_iter()
        .map(|(origin, names)| match &names[..] {
            [] => origin,
            names => format!("{} from {origin}", names.join(", ")),
        })
        .collect();
    let what = match &sources[..] {
        [] => "all defaults; `dubwatch config show` lists them".to_owned(),
        sources => format!(
            "{}; the rest are defaults, `dubwatch config show` lists all",
            sources.join("; ")
        ),
    };
    let mut findings = vec![Finding::ok(ABOUT, what)];
    findings.extend(
        config
            .cautions
            .iter()
            .map(|caution| Finding::note(ABOUT, caution.clone(), "correct it, or leave it out")),
    );
    findings
}
