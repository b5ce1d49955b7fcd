//! The parts of a demo, of `dubwatch demo` and of the demo that a dashboard starts.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::demo_api::DemoApi;
use super::demo_story::{DemoOptions, perform, seed, sender, trusted};
use super::parts::{PartEvent, Parts};
use super::receiver::{PreparedReceiver, Receiver};
use super::worker::{Worker, or_never};
use crate::config::Config;
use crate::signature::PrivateKey;
use crate::status::Counts;

/// The parts of a demo: a receiver, the task that posts to it, and perhaps an API that it can ask.
pub(super) struct DemoParts {
    receiver: Receiver,
    api: Option<Arc<DemoApi>>,
    /// `None` once it has been stopped.
    story: Option<Worker<anyhow::Result<()>>>,
}

impl DemoParts {
    /// Opens a journal in memory with the history before the story, and returns it with the key
    /// that signs the story. Blocks.
    pub(super) fn prepare(
        config: &Config,
        program: DemoOptions,
    ) -> anyhow::Result<(PreparedReceiver, PrivateKey)> {
        let key = PrivateKey::generate()?;
        let prepared = PreparedReceiver::open(config, trusted(&key))?;
        seed(&prepared.journal, &key, program, Timestamp::now())?;
        Ok((prepared, key))
    }

    /// Starts the task that posts the story to a started receiver, and moves `api` along. Cancels `story_over` at the end
    /// of the story, which ends the run unless the demo `stays`.
    pub(super) fn start(
        config: &Config,
        receiver: Receiver,
        api: Option<DemoApi>,
        key: PrivateKey,
        program: DemoOptions,
        story_over: CancellationToken,
        stays: bool,
    ) -> anyhow::Result<Self> {
        let bound = *receiver.bound.first().context("a demo without a listener")?;
        let sender = sender(config, bound, key)?;
        let journal = Arc::clone(&receiver.prepared.journal);
        let api = api.map(Arc::new);
        let moved = api.clone();
        let story = Worker::task("demo's sender", |stop| async move {
            perform(program, &sender, &journal, moved.as_deref(), &stop).await?;
            story_over.cancel();
            if stays {
                stop.cancelled().await;
            }
            Ok(())
        });
        Ok(Self { receiver, api, story: Some(story) })
    }
}

impl Parts for DemoParts {
    async fn next(&mut self) -> PartEvent {
        let Self { receiver, story, .. } = self;
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
        // The receiver asks the API until it is stopped.
        if let Some(api) = self.api.take() {
            api.stop().await;
        }
    }

    fn counts(&self) -> Option<Counts> {
        self.receiver.counts()
    }

    async fn close(self) {
        self.receiver.close().await;
    }
}
