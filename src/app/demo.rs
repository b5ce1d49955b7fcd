//! `dubwatch demo`: the same run as `watch` on a journal in memory. A generated story is posted to
//! it, signed by a key that exists only for this run. Reads and writes none of the user's files.

use std::io::Write;

use tokio_util::sync::CancellationToken;

use super::demo_api::DemoApi;
use super::demo_parts::DemoParts;
use super::demo_story::{DemoOptions, settings};
use super::receiver::Receiver;
use super::show::{ShowOptions, receive};
use super::supervisor::in_runtime;
use super::{Exit, Form};
use crate::config::Config;
use crate::tui::model::Banner;

/// Plays a story to a listener of its own and shows the result until the story ends, a signal
/// arrives or a part fails. A dashboard stays open after the end of the story. `print` receives
/// messages for the user; `out` receives the lines of `form`.
pub fn demo(
    config: &Config,
    program: DemoOptions,
    form: Form,
    out: impl Write + Send + 'static,
    print: fn(&str),
) -> anyhow::Result<Exit> {
    let mut config = settings(config);
    let (mut prepared, key) = DemoParts::prepare(&config, program)?;
    let stays = matches!(form, Form::Dashboard(_));
    let story_over = CancellationToken::new();
    let caution = format!(
        "DEMO: a made-up catalogue, sent by this program to itself; nothing is kept (--seed {} shows it again)",
        program.seed
    );
    let options = ShowOptions {
        form,
        banner: Some(Banner::Demo),
        story_over: Some(story_over.clone()),
        caution: Some(caution),
    };
    in_runtime(async {
        let api =
            if program.api { Some(DemoApi::start(&program.first_story()).await?) } else { None };
        if let Some(api) = &api {
            api.announce(&mut prepared);
            api.set_up(&mut config, &mut prepared, program.speed);
        }
        let parts = |receiver: Receiver| {
            DemoParts::start(&config, receiver, api, key, program, story_over, stays)
        };
        receive(&config, prepared, options, out, print, parts).await
    })
}
