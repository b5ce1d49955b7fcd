//! The demo: the same run as `watch`, on a journal in memory, with a story that is posted to it and
//! one key, made for the run, that is trusted; touches nothing of the user's.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::receiver::{PreparedReceiver, Receiver};
use super::supervisor::{PartEvent, Parts, in_runtime};
use super::watch::{ShowOptions, receive};
use super::worker::{Worker, or_never};
use super::{Exit, Form};
use crate::callback::{Accepted, Callback, Encoding, Headers, Received, SIGNATURE_HEADER, Source};
use crate::config::{Config, ProxyNetworks, SignaturePolicy};
use crate::journal::Journal;
use crate::outbound::Outbound;
use crate::signature::{PrivateKey, TrustedKeys, fingerprint};
use crate::simulate::{Sender, Speed, Story, play, sign};
use crate::status::Counts;
use crate::tui::model::Banner;

/// The name of the run's key in verdicts.
const KEY: &str = "demo";

/// How long an asset of an earlier round stays quiet before it goes, at the journal's next hourly
/// look: what bounds the memory of a demo that loops, the dashboard's too.
const KEEP: SignedDuration = SignedDuration::from_hours(1);

/// What is played, and how.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Which story.
    pub seed: u64,
    /// How fast.
    pub speed: Speed,
    /// Whether another story follows, again and again.
    pub endless: bool,
}

/// A short number, so that it can be read out and typed again.
pub fn any_seed() -> u64 {
    Timestamp::now().subsec_nanosecond().unsigned_abs().into()
}

/// Plays a story to a listener of its own and shows what comes of it, until it ends, a signal comes
/// or something breaks. The dashboard stays when it ended. `print` takes sentences for people; `out`
/// takes what `form` asks for.
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

/// A receiver and what posts to it.
struct Demo {
    receiver: Receiver,
    /// `None` once it was stopped.
    story: Option<Worker<anyhow::Result<()>>>,
}

impl Parts for Demo {
    async fn next(&mut self) -> PartEvent {
        let Self { receiver, story } = self;
        let told = async { or_never(story.as_mut().map(Worker::ended)).await.flatten() };
        tokio::select! {
            event = receiver.next() => event,
            ended = told => PartEvent::Over(ended),
        }
    }

    async fn stop(&mut self) {
        // What posts to the listener stops before it does.
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

/// The user's settings, except what would let somebody else in or touch something that lasts.
pub(super) fn settings(config: &Config) -> Config {
    let mut config = config.clone();
    config.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()];
    config.proxies = ProxyNetworks::default();
    config.public_url = None;
    config.public_keys.clear();
    config.dev_key = false;
    config.signature = SignaturePolicy::Required;
    config.ephemeral = true;
    config.keep = Some(KEEP);
    config.relay = None;
    config.listens = true;
    config
}

pub(super) fn trusted(key: &PrivateKey) -> TrustedKeys {
    TrustedKeys::new(key.public(KEY))
}

/// Posts to the listener of a demo.
pub(super) fn sender(
    config: &Config,
    bound: SocketAddr,
    key: PrivateKey,
) -> anyhow::Result<Sender> {
    let to: Uri = format!("http://{bound}{}", config.path).parse().context("--path is no path")?;
    Ok(Sender::new(to, key, Encoding::Der, Outbound::default()))
}

/// Plays the stories of a program; their assets get their names before they are heard of.
pub(super) async fn perform(
    program: DemoOptions,
    sender: &Sender,
    journal: &Journal,
    quit: &CancellationToken,
) -> anyhow::Result<()> {
    let rounds = if program.endless { usize::MAX } else { 1 };
    let stories = Story::rounds(program.seed).take(rounds).inspect(|story| name(journal, story));
    let played = play(stories, sender, program.speed, quit).await.context("the demo broke off")?;
    anyhow::ensure!(
        played.astonishing == 0,
        "{} of the demo's {} requests were not answered as they should be; the log file has them",
        played.astonishing,
        played.posted
    );
    Ok(())
}

/// Names the assets of a story in the demo's journal, because callbacks carry only ids.
fn name(journal: &Journal, story: &Story) {
    for (asset_id, name) in story.names() {
        // Nobody waits for it: without its name an asset is shown by its id.
        let _ = journal.name(asset_id.clone(), Some((*name).to_owned()));
    }
}

/// Puts what went before the story into the demo's journal, signed by the run's key, checked like
/// everything else, and marked as imported: it came through no door.
pub(super) fn seed(
    journal: &Journal,
    key: &PrivateKey,
    program: DemoOptions,
    now: Timestamp,
) -> anyhow::Result<()> {
    let story = Story::new(program.seed);
    name(journal, &story);
    let keys = trusted(key);
    for past in story.history(now, program.speed) {
        let signed = sign(key, Encoding::Der, past.message.body(), None)?;
        let headers =
            Headers::from_raw(signed.headers().map(|(name, value)| (name, value.as_bytes())));
        let signatures: Vec<&str> = headers.all(SIGNATURE_HEADER).collect();
        let verdict = keys.check(&signatures, &signed.body);
        anyhow::ensure!(verdict.is_valid(), "the demo's own key did not make its own signature");
        let accepted = Accepted {
            fingerprint: fingerprint(&signatures.join(","), &signed.body),
            callback: Callback::read(&signed.body),
            verdict,
            request: Received {
                received_at: past.at,
                source: Source::Imported,
                peer: "127.0.0.1:0".to_owned(),
                method: "POST".to_owned(),
                path: "/callback".to_owned(),
                headers,
                body: signed.body,
            },
        };
        journal.append(accepted)?.blocking_receipt()?;
    }
    Ok(())
}
