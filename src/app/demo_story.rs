//! A demo's settings, keys and story: shared by `dubwatch demo` and the demo of a dashboard.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::demo_api::DemoApi;
use crate::callback::{Accepted, Callback, Encoding, Headers, Received, SIGNATURE_HEADER, Source};
use crate::config::{Config, ProxyNetworks, SignaturePolicy};
use crate::journal::Journal;
use crate::outbound::Outbound;
use crate::signature::{PrivateKey, TrustedKeys, fingerprint};
use crate::simulate::{Scene, Sender, Speed, Story, play, sign};

/// Name of the demo's key in verdicts.
const KEY: &str = "demo";

/// Age at which quiet assets are pruned, which the journal does hourly. Bounds the memory of an
/// endless demo and of its dashboard.
const KEEP: SignedDuration = SignedDuration::from_hours(1);

/// Which story to play, and how.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Seed of the story.
    pub seed: u64,
    /// Speed of the story.
    pub speed: Speed,
    /// Whether to play one story after another until the run ends.
    pub endless: bool,
    /// Whether there is a stand-in for the service's API, and a story that needs it.
    pub api: bool,
}

impl DemoOptions {
    /// Returns the function that makes a story from its seed.
    const fn create(self) -> fn(u64) -> Story {
        if self.api { Story::with_api } else { Story::new }
    }

    /// Returns the first story, the only one with a history.
    pub(super) fn first_story(self) -> Story {
        self.create()(self.seed)
    }
}

/// Returns a random seed, short enough to type again.
pub fn any_seed() -> u64 {
    Timestamp::now().subsec_nanosecond().unsigned_abs().into()
}

/// Returns the user's settings, changed so that only this process can post to the demo and nothing
/// is written to disk.
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
    // An app of the user gets nothing that is made up.
    config.forward_to.clear();
    config.forward_filters.clear();
    // A demo asks its own stand-in or nothing, whatever key the user has.
    config.ask_no_api();
    config.cacert = None;
    config.listens = true;
    config
}

pub(super) fn trusted(key: &PrivateKey) -> TrustedKeys {
    TrustedKeys::new(key.public(KEY))
}

/// Returns a sender that posts to the demo's listener at `bound`.
pub(super) fn sender(
    config: &Config,
    bound: SocketAddr,
    key: PrivateKey,
) -> anyhow::Result<Sender> {
    let to: Uri = format!("http://{bound}{}", config.path).parse().context("--path is no path")?;
    Ok(Sender::new(to, key, Encoding::Der, Outbound::default()))
}

/// Plays one story, or all of an endless demo. Names the assets of each story first, unless the API
/// knows their names. Returns an error if the sender fails or a request gets an unexpected answer.
pub(super) async fn perform(
    program: DemoOptions,
    sender: &Sender,
    journal: &Journal,
    api: Option<&DemoApi>,
    quit: &CancellationToken,
) -> anyhow::Result<()> {
    let rounds = if program.endless { usize::MAX } else { 1 };
    let stories = Story::rounds_of(program.seed, program.create()).take(rounds).enumerate();
    let stories = stories.map(|(round, story)| {
        match api {
            None => name(journal, &story),
            // The API has the first story from its start on.
            Some(api) if round > 0 => api.begin(&story),
            Some(_) => {}
        }
        story
    });
    let advance = |scene: &Scene| {
        if let Some(api) = api {
            api.advance(scene);
        }
    };
    let played = play(stories, sender, program.speed, quit, advance)
        .await
        .context("the demo stopped early")?;
    anyhow::ensure!(
        played.astonishing == 0,
        "{} of the demo's {} requests got an unexpected answer; the log file lists them",
        played.astonishing,
        played.posted
    );
    Ok(())
}

/// Names the assets of a story in the demo's journal, because callbacks carry only ids.
fn name(journal: &Journal, story: &Story) {
    for (asset_id, name) in story.names() {
        // The result is not needed: an asset without a name is shown by its id.
        let _ = journal.name(asset_id.clone(), Some((*name).to_owned()));
    }
}

/// Writes the history before the story into the demo's journal, and the names of its assets unless
/// the API knows them: signed by the demo's key, verified
/// like every delivery, and marked as imported, because no source received it.
pub(super) fn seed(
    journal: &Journal,
    key: &PrivateKey,
    program: DemoOptions,
    now: Timestamp,
) -> anyhow::Result<()> {
    let story = program.first_story();
    if !program.api {
        name(journal, &story);
    }
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
