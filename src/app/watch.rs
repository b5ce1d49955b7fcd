//! `dubwatch` and `dubwatch watch`: receives callbacks and shows them.

use std::io::Write;
use std::sync::Arc;

use super::api_source::api_settings;
use super::forward::forward_settings;
use super::hooks::hooks;
use super::keys::{named_keys, with_present_dev_key};
use super::receiver::PreparedReceiver;
use super::show::{ShowOptions, receive};
use super::supervisor::in_runtime;
use super::{Exit, Form, is_in_use, is_unwritable, read_only};
use crate::config::Config;
use crate::tui::model::Banner;

/// Receives callbacks until a signal arrives, the user quits or a part fails. `print` receives
/// messages for the user. `out` receives the lines of `form`, or the last line after a dashboard.
///
/// If another process writes the journal, follows it read-only and receives nothing.
pub fn watch(
    config: &Config,
    form: Form,
    out: impl Write + Send + 'static,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    config.check_sources()?;
    // A mistake in the key or the URL is an error at the start.
    api_settings(config)?;
    forward_settings(config)?;
    let hooks = hooks(config)?;
    let has_hooks = !hooks.is_empty();
    if !config.ephemeral {
        config.needs_journal()?;
    }
    let prepared = match (PreparedReceiver::open(config, named_keys(config)?), &form) {
        (Ok(prepared), _) => prepared.running(hooks)?,
        (Err(error), Form::Lines(format)) if is_in_use(&error) => {
            let config = only_reading(config, has_hooks);
            return read_only::lines(&config, format.clone(), out, &error, print);
        }
        (Err(error), Form::Dashboard(theme)) if is_in_use(&error) => {
            let keys = with_present_dev_key(config, named_keys(config)?);
            let config = only_reading(config, has_hooks);
            return read_only::dashboard(&config, Arc::new(keys), *theme, Banner::ReadOnly);
        }
        (Err(error), Form::Dashboard(theme)) if is_unwritable(&error) && config.db.exists() => {
            tracing::warn!("{error:#}");
            let keys = with_present_dev_key(config, named_keys(config)?);
            let config = only_reading(config, has_hooks);
            return read_only::dashboard(&config, Arc::new(keys), *theme, Banner::Unwritable);
        }
        (Err(error), _) => return Err(error),
    };
    let options = ShowOptions { form, banner: None, story_over: None, caution: None };
    in_runtime(receive(config, prepared, options, out, print, Ok))
}

/// Returns the settings of a run that only reads, with a warning about what only the process that
/// receives does: it forwards deliveries and runs programs.
fn only_reading(config: &Config, has_hooks: bool) -> Config {
    let mut config = config.clone();
    if !config.forward_to.is_empty() {
        config.cautions.push(
            "nothing is forwarded from here (--forward-to): start the dubwatch that receives with it"
                .to_owned(),
        );
    }
    if has_hooks {
        config.cautions.push(
            "nothing is received here, so the programs of --exec are not run; the dubwatch that receives runs its own"
                .to_owned(),
        );
    }
    config
}
