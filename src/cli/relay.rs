//! `dubwatch relay`: runs a relay, and makes, lists, rotates and revokes its inboxes, forgets
//! readers.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ArgMatches;
use jiff::SignedDuration;

use super::confirm::confirmed;
use super::prune::counted;
use super::{Usage, done_unless, logging, say, uses};
use crate::app::{self, Exit, Relay};
use crate::config::{Config, ConfigError, Layer, ListenAddress, Output, parse_size, parse_span};
use crate::output::write_line;
use crate::relay::admin::{Command as Admin, Reply, Row};
use crate::relay::protocol::{PUBLISH_PREFIX, ReaderName};
use crate::relay::server::{Rate, Settings};
use crate::relay::store::{Caps, InboxName};
use crate::serve::TrustedProxies;
use crate::text::Printable;

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
    /// Make, list, rotate and revoke inboxes and forget readers, also beside a running relay
    #[command(subcommand)]
    Inbox(Inbox),
}

#[derive(Debug, clap::Subcommand)]
enum Inbox {
    /// Make an inbox; prints its publish URL and its token, the token only this once
    Create {
        /// What you call it: letters, digits, . _ -
        name: InboxName,
        /// Write the token to this new file (0600) instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// List inboxes and how far their readers are
    List,
    /// Replace an inbox's token: the old one opens nothing any more
    Rotate {
        /// The inbox
        name: InboxName,
        /// Replace the publish URL as well
        #[arg(long)]
        url: bool,
        /// How long the old publish URL is still taken, for dubs that run: 7d unless given, 0 for not
        /// at all
        #[arg(long, value_name = "SPAN", requires = "url", value_parser = parse_grace)]
        grace: Option<SignedDuration>,
        /// Write the token to this new file (0600) instead of standard output
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
    /// Close an inbox for good, and delete what it holds
    Revoke {
        /// The inbox
        name: InboxName,
        /// Do not ask first; only a terminal is asked
        #[arg(long)]
        yes: bool,
    },
    /// Forget a reader that will not come back: it holds nothing back any more. One that is connected
    /// is sent away, and noted anew if it comes again
    Forget {
        /// The inbox
        name: InboxName,
        /// The reader, as `list` shows it
        reader: ReaderName,
    },
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
        Some(Command::Inbox(command)) => inbox(&relay, config, command),
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
        && url.contains('?')
    {
        return Err(Usage("--public-url: a relay's has no query".to_owned()).into());
    }
    let proxies = flags.trust_forwarded_for.clone().unwrap_or_default();
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

fn inbox(relay: &Relay, config: &Config, command: Inbox) -> anyhow::Result<Exit> {
    let json = config.output == Some(Output::Json);
    if let Inbox::Revoke { name, yes: false } = &command
        && !may_revoke(relay, name.as_str())?
    {
        say("nothing was deleted");
        return Ok(Exit::Failed);
    }
    let revoked =
        if let Inbox::Revoke { name, .. } = &command { name.to_string() } else { String::new() };
    let (command, token_file) = match command {
        Inbox::Create { name, token_file } => (Admin::Create { name }, token_file),
        Inbox::Rotate { name, url, grace, token_file } => {
            let grace = url.then(|| grace.unwrap_or(GRACE).as_secs().unsigned_abs());
            (Admin::Rotate { name, grace }, token_file)
        }
        Inbox::Revoke { name, .. } => (Admin::Revoke { name }, None),
        Inbox::Forget { name, reader } => (Admin::Forget { name, reader }, None),
        Inbox::List => (Admin::List, None),
    };
    // Before anything is made: a token that cannot be written down would be lost.
    let file = token_file.map(TokenFile::create).transpose()?;
    match app::relay_admin(relay, command)? {
        Reply::Issued { name, publish_url, token, old_url_until } => {
            let place = file.map(|file| file.keep(&token)).transpose()?;
            let token = match &place {
                Some(place) => Token::In(place),
                None => Token::Shown(&token),
            };
            done_unless(issued(json, &name, &publish_url, &token, old_url_until.as_deref()))
        }
        Reply::Listed { inboxes } => done_unless(list(json, &inboxes)),
        Reply::Revoked { deliveries, bytes, readers } => {
            done_unless(tell_revoked(json, &revoked, deliveries, bytes, &readers))
        }
        Reply::Forgotten => Ok(Exit::Done),
        Reply::Failed { why } => Err(anyhow::anyhow!(why)),
    }
}

/// Asks whether an inbox is to be closed, where there is one and somebody to ask.
fn may_revoke(relay: &Relay, name: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    let Reply::Listed { inboxes } = app::relay_admin(relay, Admin::List)? else { return Ok(true) };
    let Some(row) = inboxes.into_iter().find(|row| row.name == name) else { return Ok(true) };
    let readers = row.readers.into_iter().map(|reader| reader.name).collect::<Vec<_>>();
    let held = held(row.count, row.bytes, &readers);
    confirmed(&format!("Close the inbox {name} and delete what it holds for good: {held}?"))
}

/// What an inbox holds.
fn held(deliveries: u64, bytes: u64, readers: &[String]) -> String {
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let deliveries = counted(count(deliveries), "delivery", "deliveries");
    let bytes = counted(count(bytes), "byte", "bytes");
    let names = match readers {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    };
    let readers = counted(readers.len(), "reader", "readers");
    format!("{deliveries}, {bytes}, {readers}{names}")
}

fn tell_revoked(
    json: bool,
    name: &str,
    deliveries: u64,
    bytes: u64,
    readers: &[String],
) -> anyhow::Result<()> {
    if json {
        let line = serde_json::json!({
            "v": 1, "type": "revoked", "name": name, "deliveries": deliveries, "bytes": bytes,
            "readers": readers,
        });
        write_line(&mut io::stdout(), &line)?;
    } else {
        let held = held(deliveries, bytes, readers);
        writeln!(io::stdout(), "Closed the inbox {name} and deleted what it held: {held}.")?;
    }
    Ok(())
}

/// A file for a token, made before the token; taken away again unless it gets one.
struct TokenFile {
    path: PathBuf,
    file: fs::File,
    kept: bool,
}

impl TokenFile {
    fn create(path: PathBuf) -> anyhow::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot make the token file {}", path.display()))?;
        Ok(Self { path, file, kept: false })
    }

    fn keep(mut self, token: &str) -> anyhow::Result<PathBuf> {
        // Whatever fails from here on, the token exists: what is written of it stays.
        self.kept = true;
        writeln!(self.file, "{token}").and_then(|()| self.file.sync_all()).with_context(|| {
            format!("cannot write {}: rotate the inbox for another token", self.path.display())
        })?;
        Ok(self.path.clone())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where a new token is told.
enum Token<'a> {
    Shown(&'a str),
    In(&'a Path),
}

/// How long a publish URL that is replaced is still taken, unless `--grace` says otherwise.
const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Reads a span of time that may be none.
fn parse_grace(text: &str) -> Result<SignedDuration, String> {
    if text == "0" { Ok(SignedDuration::ZERO) } else { parse_span(text) }
}

fn issued(
    json: bool,
    name: &str,
    publish_url: &str,
    token: &Token<'_>,
    old_url_until: Option<&str>,
) -> anyhow::Result<()> {
    let mut out = io::stdout();
    if json {
        let mut line = serde_json::json!({
            "v": 1, "type": "inbox", "name": name, "publish_url": publish_url,
        });
        let (token, place) = match token {
            Token::Shown(token) => (Some(*token), None),
            Token::In(path) => (None, Some(path.display().to_string())),
        };
        line["token"] = token.into();
        line["token_file"] = place.into();
        if let Some(until) = old_url_until {
            line["old_url_until"] = until.into();
        }
        write_line(&mut out, &line)?;
        return Ok(());
    }
    let token = match token {
        Token::Shown(token) => format!("{token}  (shown this once; whoever has it can read)"),
        Token::In(path) => format!("in {}", Printable::new(&path.to_string_lossy())),
    };
    let publish_url = Printable::new(publish_url);
    writeln!(
        out,
        "Inbox:       {name}\nPublish URL: {publish_url}  (what the sender calls)\nToken:       {token}"
    )?;
    if let Some(until) = old_url_until {
        writeln!(out, "Old URL:     still taken until {until}")?;
    }
    if let Some(relay) = subscribe_url(publish_url.as_str()) {
        writeln!(
            out,
            "Watch with:  dubwatch --relay {relay} --no-listen  (the token in DUBWATCH_RELAY_TOKEN)"
        )?;
    }
    Ok(())
}

/// What `--relay` has to be for an inbox with this publish URL.
fn subscribe_url(publish_url: &str) -> Option<String> {
    let (base, _) = publish_url.rsplit_once(PUBLISH_PREFIX)?;
    let (scheme, rest) = base.split_once("://")?;
    let scheme = if scheme == "https" { "wss" } else { "ws" };
    Some(format!("{scheme}://{rest}"))
}

fn list(json: bool, inboxes: &[Row]) -> anyhow::Result<()> {
    let mut out = io::stdout();
    for row in inboxes {
        if json {
            let mut line = serde_json::to_value(row)?;
            line["v"] = 1.into();
            line["type"] = "inbox".into();
            write_line(&mut out, &line)?;
            continue;
        }
        let Row { name, publish_url, count, bytes, head, .. } = row;
        let publish_url = Printable::new(publish_url);
        writeln!(out, "{name}  {publish_url}\n  {count} kept, {bytes} bytes, newest {head}")?;
        for old in &row.old_urls {
            let url = Printable::new(&old.publish_url);
            writeln!(out, "  also taken until {}: {url}", old.until)?;
        }
        for reader in &row.readers {
            let behind = head.saturating_sub(reader.acked);
            let (name, seen_at) = (&reader.name, &reader.seen_at);
            writeln!(out, "  reader {name}: {behind} behind, last here {seen_at}")?;
        }
    }
    if inboxes.is_empty() && !json {
        writeln!(out, "No inbox yet; make one with `dubwatch relay inbox create NAME`.")?;
    }
    Ok(())
}
