//! What `dubwatch send` posts: events, the bytes of a file, or what a delivery of the journal has.

use std::path::Path;

use anyhow::Context as _;

use super::super::UsageError;
use super::super::prune::counted;
use super::super::verify::read as read_body;
use super::SendArgs;
use crate::callback::{Callback, Event, Source, State};
use crate::config::Config;
use crate::journal::JournalReader;
use crate::simulate::{Message, body_like};

/// A body to post, and its label on the line about the response.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    pub(super) label: String,
    pub(super) body: Vec<u8>,
}

impl Payload {
    pub(super) fn of_message(message: &Message) -> Self {
        let version = message.version_id.as_deref().unwrap_or("-");
        let label = format!("{}  {}  {version}", message.event, message.asset_id);
        Self { label, body: message.body() }
    }

    /// Returns the body of a delivery with the fields that the command line names.
    pub(super) fn like(original: &[u8], args: &SendArgs, n: u64) -> anyhow::Result<Self> {
        let fields = [
            ("event", &args.event),
            ("asset_id", &args.asset),
            ("version_id", &args.version),
            ("version_locale", &args.locale),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let filled: Vec<(&str, String)> =
            given.map(|(name, value)| (name, fill(value, n))).collect();
        let changes: Vec<(&str, &str)> =
            filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = body_like(original, &changes).map_err(|why| {
            anyhow::anyhow!("delivery {} cannot be changed: {why}", args.like.unwrap_or_default())
        })?;
        let Callback { event, asset_id, version_id, .. } = Callback::read(&body);
        let shown =
            [event, asset_id, version_id].map(|text| text.unwrap_or_else(|| "-".to_owned()));
        Ok(Self { label: shown.join("  "), body })
    }

    pub(super) fn of_file(path: &Path) -> anyhow::Result<Self> {
        let body = read_body(path).map_err(|error| UsageError(format!("{error:#}")))?;
        let name = if path.as_os_str() == "-" {
            "standard input".into()
        } else {
            path.display().to_string()
        };
        Ok(Self { label: format!("{name}  {}", counted(body.len(), "byte", "bytes")), body })
    }
}

/// Returns the callbacks of one number: one event, or a whole run of a version.
pub(super) fn messages(args: &SendArgs, n: u64) -> Vec<Message> {
    let outcome = if args.fail { State::GenerateFailed } else { State::Generated };
    let run = [State::Ready, State::Generating, outcome];
    let events: Vec<&str> = if args.lifecycle {
        run.iter().map(|state| Event::Version(*state).name()).collect()
    } else {
        vec![args.event.as_deref().unwrap_or("version_ready")]
    };
    let id = |given: &Option<String>, default| fill(given.as_deref().unwrap_or(default), n);
    let message = |event: &str| {
        let of_version = event != "asset_failed";
        Message {
            event: event.to_owned(),
            asset_id: id(&args.asset, "ast_demo"),
            version_id: of_version.then(|| id(&args.version, "ver_demo")),
            version_locale: of_version
                .then(|| args.locale.clone().unwrap_or_else(|| "es-ES".to_owned())),
        }
    };
    events.into_iter().map(message).collect()
}

/// Puts the number of the callback into an id.
fn fill(id: &str, n: u64) -> String {
    id.replace("{n}", &n.to_string())
}

/// Returns the body of a delivery in the journal.
pub(super) fn original(config: &Config, seq: u64) -> anyhow::Result<Vec<u8>> {
    config.needs_journal()?;
    let delivery = JournalReader::open(&config.db)?.delivery(seq)?.with_context(|| {
        format!(
            "there is no delivery {seq} in {}; `dubwatch log --json` has the numbers as seq",
            config.db.display()
        )
    })?;
    anyhow::ensure!(
        delivery.request.source != Source::Api,
        "delivery {seq} is an answer of the service's API and was no request; name another"
    );
    Ok(delivery.request.body)
}
