//! `dubwatch send`: posts signed test callbacks, sound or spoiled.

mod payload;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::PossibleValue;
use http::{StatusCode, Uri};
use jiff::SignedDuration;
use tokio::time::MissedTickBehavior;

use super::UsageError;
use super::characters::text_out;
use super::prune::counted;
use crate::app::{DevKeyError, Exit, load_dev_key, reader_gone};
use crate::callback::{Encoding, Event};
use crate::config::{Config, ConfigError, Origin, SettingKey, parse_span};
use crate::outbound::{Outbound, Proxies, Trust};
use crate::signature::PrivateKey;
use crate::simulate::{Answer, Sender, Tamper};
use crate::text::Printable;
use payload::{Payload, messages, original};

/// Default pause between two callbacks of a lifecycle.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct SendArgs {
    /// Where to post [default: the listener's own callback URL, from --listen and --path]
    #[arg(long, value_name = "URL")]
    to: Option<Uri>,
    #[arg(long, help = event_help())]
    event: Option<String>,
    #[arg(long, value_name = "ID", help = "The asset's id [default: ast_demo]")]
    asset: Option<String>,
    #[arg(long, value_name = "ID", help = "The version's id [default: ver_demo]")]
    version: Option<String>,
    /// The version's locale [default: es-ES]
    #[arg(long)]
    locale: Option<String>,
    /// Send what the delivery with this number in the journal has, signed anew; --event, --asset,
    /// --version and --locale change its fields, and everything else stays
    #[arg(long, value_name = "SEQ", conflicts_with_all = ["body", "lifecycle"])]
    like: Option<u64>,
    /// Private key to sign with [default: the development key, dev.pem beside the journal]
    #[arg(long, value_name = "PEM")]
    key: Option<PathBuf>,
    /// How the signature is encoded
    #[arg(long, value_enum, default_value = "der")]
    encoding: SignatureEncoding,
    /// Spoil the callback: what a proxy, a wrong key or a forger would do
    #[arg(long, value_enum)]
    tamper: Option<Tamper>,
    /// Send this file's bytes as they are, signed, in place of an event; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event", "asset", "version", "locale"])]
    body: Option<PathBuf>,
    /// Send a whole run of a version: ready, generating, generated
    #[arg(long, conflicts_with_all = ["event", "body"])]
    lifecycle: bool,
    /// Let the run of --lifecycle end in a failure
    #[arg(long, requires = "lifecycle")]
    fail: bool,
    /// How long to wait between the callbacks of --lifecycle, like 500ms or 2m [default: 1s]
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "lifecycle", conflicts_with = "rate")]
    pause: Option<SignedDuration>,
    /// How many to send; with --lifecycle, how many runs
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    /// How many to send in a second, at most [default: one as soon as the last is answered]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
}

fn after_help() -> String {
    // Bold, because `clap` replaces a bare `{n}` by a line end.
    let bold = anstyle::Style::new().bold();
    format!(
        "`{{{bold}n{bold:#}}}` in an id stands for the number of the callback: \
         --count 100 --asset 'ast_{{{bold}n{bold:#}}}'. Exit status: 0 when every callback was \
         answered as it should be (2xx; with --tamper, 4xx), 1 when one was not, 2 used wrongly."
    )
}

fn event_help() -> String {
    let known = Event::ALL.map(Event::name).join(", ");
    format!(
        "The event type: {known}; or any other text, to see what a receiver makes of it [default: version_ready]"
    )
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SignatureEncoding {
    /// ASN.1 DER, what the vendor sends
    Der,
    /// 64 bytes, r then s: what JOSE calls ES256
    Raw,
}

impl clap::ValueEnum for Tamper {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.what()))
    }
}

pub(super) fn run(config: &Config, args: &SendArgs) -> anyhow::Result<Exit> {
    let to = destination(config, args)?;
    let like = args.like.map(|seq| original(config, seq)).transpose()?;
    let key = match &args.key {
        Some(path) => PrivateKey::from_file(path)?,
        None => load_dev_key(config).map_err(DevKeyError::into_cause)?,
    };
    let encoding = match args.encoding {
        SignatureEncoding::Der => Encoding::Der,
        SignatureEncoding::Raw => Encoding::Raw,
    };
    let outbound = outbound(config, &to)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        // Created inside the runtime, in which the connection's tasks run.
        let sender = Sender::new(to, key, encoding, outbound);
        send_all(&sender, args, like, text_out(config)).await
    })
}

fn destination(config: &Config, args: &SendArgs) -> anyhow::Result<Uri> {
    let listen = config.listen.first().copied().context("--listen names no address")?;
    let given = |key| matches!(config.origins.of(key), Origin::Flag(_));
    if config.listen.len() > 1 && given(SettingKey::Listen) {
        let why = "callbacks are posted to one address: give --listen once, or --to URL";
        return Err(UsageError(why.to_owned()).into());
    }
    let to = match &args.to {
        Some(_) if given(SettingKey::Listen) || given(SettingKey::Path) => {
            return Err(UsageError(
                "--to says where to post, and so do --listen and --path: leave one out".to_owned(),
            )
            .into());
        }
        Some(to) => to.clone(),
        None if listen.port() == 0 => {
            return Err(UsageError(
                "--listen has port 0; say where to post with --to URL".to_owned(),
            )
            .into());
        }
        None => format!("http://{}{}", listen.reachable(), config.path)
            .parse()
            .context("the callback URL is no URL")?,
    };
    if !matches!(to.scheme_str(), Some("http" | "https")) || to.host().is_none() {
        return Err(UsageError(format!(
            "--to {to}: a URL like http://127.0.0.1:3829/callback was expected"
        ))
        .into());
    }
    Ok(to)
}

/// Returns how to connect to the receiver. Only reads certificates if they are needed or named: a
/// machine without any can still post to itself.
pub(super) fn outbound(config: &Config, to: &Uri) -> anyhow::Result<Outbound> {
    let trust = match &config.cacert {
        None if to.scheme_str() != Some("https") => Trust::System,
        file => Trust::read(file.as_deref())
            .map_err(|error| ConfigError::Conflict(error.to_string()))?,
    };
    Ok(Outbound::new(Proxies::from_environment(), trust))
}

async fn send_all(
    sender: &Sender,
    args: &SendArgs,
    like: Option<Vec<u8>>,
    mut out: impl Write,
) -> anyhow::Result<Exit> {
    let body = args.body.as_deref().map(Payload::of_file).transpose()?;
    let mut pace = args.rate.map(|rate| {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
        // Missed ticks are caught up, to keep the average rate.
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        pace
    });
    let pause = match args.pause {
        Some(pause) => Some(Duration::try_from(pause).context("--pause is out of range")?),
        None => (args.lifecycle && args.rate.is_none()).then_some(PAUSE),
    };
    let gone = reader_gone();
    let mut as_it_should_be = true;
    let mut sent = 0;
    for n in 1..=args.count {
        let payloads = match (&body, &like) {
            (Some(body), _) => vec![body.clone()],
            (None, Some(original)) => vec![Payload::like(original, args, n)?],
            (None, None) => messages(args, n).iter().map(Payload::of_message).collect(),
        };
        for Payload { label, body } in payloads {
            let its_time = async {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                if let Some(pause) = pause.filter(|_| sent > 0) {
                    tokio::time::sleep(pause).await;
                }
            };
            tokio::select! {
                biased;
                // Waits for the response to the current request first.
                () = gone.cancelled(), if sent > 0 => anyhow::bail!(
                    "stopped after {}: nobody reads standard output any more",
                    counted(sent, "callback", "callbacks")
                ),
                () = its_time => {}
            }
            sent += 1;
            let answer = sender.send_body(body, args.tamper).await?;
            as_it_should_be &= if args.tamper.is_some() {
                answer.status.is_client_error()
            } else {
                answer.status.is_success()
            };
            tell(args, &label, &answer, &mut out)?;
        }
    }
    Ok(if as_it_should_be { Exit::Done } else { Exit::Failed })
}

fn tell(args: &SendArgs, label: &str, answer: &Answer, out: &mut impl Write) -> anyhow::Result<()> {
    let body = Printable::new(answer.body.trim_end()).cut(60);
    let label = Printable::new(label);
    let line = format!(
        "{} {body}  {label}  {:.1} ms",
        answer.status.as_u16(),
        answer.took.as_secs_f64() * 1e3,
    );
    let line = match args.tamper {
        Some(tamper) if answer.status.is_client_error() => {
            format!(
                "{line}  as it should be: {}; `dubwatch log --refused` has the reason",
                tamper.name()
            )
        }
        None if answer.status == StatusCode::UNAUTHORIZED && args.key.is_none() => {
            format!(
                "{line}\n(signed with the development key: a listener on loopback with the same --db and without --public-url trusts it)"
            )
        }
        _ => line,
    };
    writeln!(out, "{line}").or_else(|error| match error.kind() {
        // The last callback was sent; this is noticed before the next.
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}
