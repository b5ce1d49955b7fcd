//! `dubwatch relay`: runs a relay.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::ArgMatches;
use jiff::SignedDuration;

use super::inbox::{self, Inbox, PruneArgs};
use super::{Usage, logging, say, uses};
use crate::app::{self, Exit, Relay};
use crate::config::{Config, ConfigError, Layer, ListenAddress, parse_size, parse_span};
use crate::relay::protocol::callback_url;
use crate::relay::server::{Rate, Settings};
use crate::relay::store::Caps;
use crate::serve::TrustedProxies;

/// Where a relay listens unless it is told otherwise.
pub(super) const LISTEN: ListenAddress =
    ListenAddress::Socket(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3830));

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// PEM file of the certificate chain, to speak TLS; needs --tls-key
    #[arg(long, value_name = "PEM", requires = "tls_key", env = "DUBWATCH_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, value_name = "PEM", requires = "tls_cert", env = "DUBWATCH_TLS_KEY")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    caps: CapFlags,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Caps")]
#[expect(clippy::struct_field_names, reason = "each is the flag that it is called after")]
struct CapFlags {
    /// Deliveries that an inbox keeps [default: 100000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(10..))]
    max_count: Option<u64>,
    /// Bytes that an inbox keeps, like 256MiB [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Bytes that all inboxes keep together [default: 8GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_total: Option<u64>,
    /// How long a delivery is kept [default: 7d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_age: Option<SignedDuration>,
    /// How long a reader may be away before its cursor is forgotten [default: 30d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_absence: Option<SignedDuration>,
    /// Requests a second that an inbox takes in the long run; those that no known key signed have a
    /// tenth of it for themselves, and take nothing of the rest [default: 1000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_rate: Option<u32>,
    /// Inboxes [default: 10000]
    #[arg(long, value_name = "COUNT")]
    max_inboxes: Option<usize>,
    /// Connections that read, together [default: 8192]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    max_readers: Option<u16>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make, list, rotate, prune and revoke inboxes and forget readers, also beside a running relay
    #[command(subcommand)]
    Inbox(Inbox),
    /// The same as `relay inbox prune`
    #[command(hide = true)]
    Prune(PruneArgs),
}

/// `flags` are those of the command line alone: the watcher's variables and file speak of its own
/// listener and journal. `matches` are those of the whole command line.
pub(super) fn run(
    config: &Config,
    flags: &Layer,
    args: Args,
    matches: &ArgMatches,
) -> anyhow::Result<Exit> {
    let relay = Relay {
        listen: flags.listen.clone().unwrap_or_else(|| vec![LISTEN]),
        placed_by: placed_by(flags, matches),
        db: store(config, flags)?,
        caps: caps(&args.caps),
        server: settings(config, flags, &args)?,
        tls: args.tls_cert.zip(args.tls_key),
        public_keys: config.public_keys.clone(),
    };
    match args.command {
        None => {
            logging::to_stderr();
            app::relay(&relay, say)
        }
        Some(Command::Inbox(command)) => inbox::run(&relay, config, command),
        Some(Command::Prune(args)) => inbox::run(&relay, config, Inbox::Prune(args)),
    }
}

/// The flags that say where the relay listens and how. The variables of the certificate are set for
/// the relay's own run as well.
fn placed_by(flags: &Layer, matches: &ArgMatches) -> Vec<&'static str> {
    let matches = matches.subcommand_matches("relay");
    let is_given = |id| matches.is_some_and(|matches| uses::is_given(matches, id));
    [
        ("--listen", flags.listen.is_some()),
        ("--tls-cert", is_given("tls_cert")),
        ("--tls-key", is_given("tls_key")),
    ]
    .into_iter()
    .filter_map(|(flag, is_given)| is_given.then_some(flag))
    .collect()
}

/// The store's file: not beside a journal that the settings name, which is the watcher's.
fn store(config: &Config, flags: &Layer) -> Result<PathBuf, ConfigError> {
    let default = || config.own_data_dir().map(|directory| directory.join("relay.db"));
    flags.db.clone().or_else(default).ok_or(ConfigError::NoHome {
        what: "the relay's store",
        instead: "name its file with --db",
    })
}

fn caps(flags: &CapFlags) -> Caps {
    let default = Caps::default();
    Caps {
        count: flags.max_count.unwrap_or(default.count),
        bytes: flags.max_bytes.unwrap_or(default.bytes),
        relay_bytes: flags.max_total.unwrap_or(default.relay_bytes),
        age: flags.max_age.unwrap_or(default.age),
        absence: flags.max_absence.unwrap_or(default.absence),
        inboxes: flags.max_inboxes.unwrap_or(default.inboxes),
        ..default
    }
}

fn settings(config: &Config, flags: &Layer, args: &Args) -> anyhow::Result<Settings> {
    let default = Settings::default();
    let rate = args.caps.max_rate.map_or(default.rate, |per_second| {
        let per_second = f64::from(per_second);
        Rate { per_second, burst: 5.0 * per_second }
    });
    if let Some(url) = &flags.public_url
        && callback_url(&Settings::callback_url(url.trim_end_matches('/'), "0")).is_none()
    {
        // Readers would not show it: it may mean something to a shell.
        let why =
            "a relay's is https://HOST[:PORT][/PATH] of letters, digits and - . _ ~ % : + , =";
        return Err(Usage(format!("--public-url: {why}")).into());
    }
    let proxies = flags.proxies.clone().unwrap_or_default();
    Ok(Settings {
        max_body: flags.max_body.unwrap_or(config.max_body),
        rate,
        connections: args.caps.max_readers.map_or(default.connections, usize::from),
        proxies: TrustedProxies::new(proxies.networks().iter().copied()),
        public_url: flags.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        tls: args.tls_cert.is_some(),
        ..default
    })
}
