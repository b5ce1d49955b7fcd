//! The demo: the same run as `watch`, on a journal in memory, with a story that is posted to it and
//! one key, made for the run, that is trusted; touches nothing of the user's.

use std::io::Write;
use std::net::Ipv4Addr;

use anyhow::Context as _;
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Exit, Run};
use crate::callback::{Accepted, Callback, Encoding, Headers, Received, Source};
use crate::config::{Config, SignaturePolicy};
use crate::intake::SIGNATURE_HEADER;
use crate::journal::Journal;
use crate::output::Format;
use crate::signature::{PrivateKey, TrustedKeys, fingerprint};
use crate::simulate::{Past, Sender, Speed, Story, play, sign};

/// The name of the run's key in verdicts.
const KEY: &str = "demo";

/// How long an asset of an earlier round stays: what bounds the memory of a demo that loops.
const KEEP: SignedDuration = SignedDuration::from_hours(1);

/// What is played, and how.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Which story.
    pub seed: u64,
    /// How fast.
    pub speed: Speed,
    /// Whether another story follows, again and again.
    pub endless: bool,
}

/// Plays a story to a listener of its own and shows what comes of it, until it ends, a signal comes
/// or something breaks. `say` takes sentences for people; `out` takes what `format` asks for.
pub fn demo(
    config: &Config,
    program: Program,
    format: Format,
    out: impl Write + Send + 'static,
    say: fn(&str),
) -> anyhow::Result<Exit> {
    let config = settings(config);
    let key = PrivateKey::generate()?;
    let run = Run::new(&config, trusted(&key), say)?;
    let story = Story::new(program.seed);
    seed(&run.journal, &key, story.history(Timestamp::now()))?;
    let caution = format!(
        "DEMO: a made-up catalogue, sent by this program to itself; nothing is kept (--seed {} shows it again)",
        program.seed
    );
    let path = config.path.clone();
    let run = Run { caution: Some(caution), ..run };
    run.until_the_end(format, out, move |bound, quit| async move {
        let to: Uri = format!("http://{bound}{path}").parse().context("--path is no path")?;
        perform(program, &Sender::new(to, key, Encoding::Der)?, &quit).await
    })
}

/// The user's settings, except what would let somebody else in or touch something that lasts.
fn settings(config: &Config) -> Config {
    let mut config = config.clone();
    config.listen = (Ipv4Addr::LOCALHOST, 0).into();
    config.public_url = None;
    config.public_keys.clear();
    config.dev_key = false;
    config.signature = SignaturePolicy::Required;
    config.ephemeral = true;
    config.keep = Some(KEEP);
    config
}

fn trusted(key: &PrivateKey) -> TrustedKeys {
    TrustedKeys::new(key.public(KEY))
}

async fn perform(
    program: Program,
    sender: &Sender,
    quit: &CancellationToken,
) -> anyhow::Result<()> {
    let rounds = if program.endless { usize::MAX } else { 1 };
    let stories = Story::rounds(program.seed).take(rounds);
    let played = play(stories, sender, program.speed, quit).await.context("the demo broke off")?;
    anyhow::ensure!(
        played.astonishing == 0,
        "{} of the demo's {} requests were not answered as they should be; the log file has them",
        played.astonishing,
        played.posted
    );
    Ok(())
}

/// Puts what went before the story into the demo's journal, signed by the run's key, checked like
/// everything else, and marked as imported: it came through no door.
fn seed(
    journal: &Journal,
    key: &PrivateKey,
    history: impl Iterator<Item = Past>,
) -> anyhow::Result<()> {
    let keys = trusted(key);
    for past in history {
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
