//! `dubwatch demo`: the same run as `watch` on a journal in memory. A generated story is posted to
//! it, signed by a key that exists only for this run. Reads and writes none of the user's files.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::demo_story::{DemoOptions, perform, seed, sender, settings, trusted};
use super::parts::{PartEvent, Parts};
use super::receiver::{PreparedReceiver, Receiver};
use super::show::{ShowOptions, receive};
use super::supervisor::in_runtime;
use super::worker::{Worker, or_never};
use super::{Exit, Form};
use crate::config::Config;
use crate::signature::PrivateKey;
use crate::status::Counts;
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
    let config = settings(config);
    let key = PrivateKey::generate()?;
    let prepared = PreparedReceiver::open(&config, trusted(&key))?;
    seed(&prepared.journal, &key, program, Timestamp::now())?;
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
        let parts = |receiver: Receiver| {
            let bound = *receiver.bound.first().context("a demo without a listener")?;
            let sender = sender(&config, bound, key)?;
            let journal = Arc::clone(&receiver.prepared.journal);
            let story = Worker::task("demo's sender", |stop| async move {
                perform(program, &sender, &journal, &stop).await?;
                story_over.cancel();
                if stays {
                    stop.cancelled().await;
                }
                Ok(())
            });
            Ok(Demo { receiver, story: Some(story) })
        };
        receive(&config, prepared, options, out, print, parts).await
    })
}

/// The parts of a demo: a receiver and the task that posts to it.
struct Demo {
    receiver: Receiver,
    /// `None` once it has been stopped.
    story: Option<Worker<anyhow::Result<()>>>,
}

impl Parts for Demo {
    async fn next(&mut self) -> PartEvent {
        let Self { receiver, story } = self;
        let story_ended = async { or_never(story.as_mut().map(Worker::ended)).await.flatten() };
        tokio::select! {
            event = receiver.next() => event,
            ended = story_ended => PartEvent::Over(ended),
        }
    }

    async fn stop(&mut self) {
        // The sender stops before the listener.
        if let Some(story) = self.story.take() {
            story.stop().await;
        }
        self.receiver.stop().await;
    }

    fn counts(&self) -> Option<Counts> {
        self.receiver.counts()
    }

    async fn close(self) {
        self.receiver.close().await;
    }
}
