//! `dubwatch relay inbox`: makes, lists, rotates, prunes and revokes a relay's inboxes, forgets readers.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::SignedDuration;

use super::confirm::confirmed;
use super::prune::counted;
use super::{done_unless, say};
use crate::app::{self, Exit, RelayOptions};
use crate::config::{Config, Output, parse_span};
use crate::output::write_line;
use crate::relay::admin::{AdminCommand as Admin, AdminReply, InboxRow};
use crate::relay::protocol::{PUBLISH_PREFIX, ReaderName};
use crate::relay::store::InboxName;
use crate::text::Printable;

#[derive(Debug, clap::Subcommand)]
pub(super) enum InboxCommand {
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
    /// Delete what every named reader of an inbox has acked, also on a full disk
    Prune(InboxPruneArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct InboxPruneArgs {
    /// The inbox
    name: InboxName,
    /// Delete as well what came longer ago than this, like 2d or 12h, read or not; its readers are
    /// told
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    older_than: Option<SignedDuration>,
    /// Say how much would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask first; only a terminal is asked, and only about what is unread
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn run(
    relay: &RelayOptions,
    config: &Config,
    command: InboxCommand,
) -> anyhow::Result<Exit> {
    let json = config.output == Some(Output::Json);
    let may = match &command {
        InboxCommand::Revoke { name, yes: false } => may_revoke(relay, name.as_str())?,
        InboxCommand::Prune(InboxPruneArgs {
            name,
            older_than: Some(span),
            dry_run: false,
            yes: false,
        }) => may_prune(relay, name, *span)?,
        _ => true,
    };
    if !may {
        say("nothing was deleted");
        return Ok(Exit::Failed);
    }
    let (about, dry_run) = match &command {
        InboxCommand::Revoke { name, .. } => (name.to_string(), false),
        InboxCommand::Prune(InboxPruneArgs { name, dry_run, .. }) => (name.to_string(), *dry_run),
        _ => (String::new(), false),
    };
    let (command, token_file) = match command {
        InboxCommand::Create { name, token_file } => (Admin::Create { name }, token_file),
        InboxCommand::Rotate { name, url, grace, token_file } => {
            let grace = url.then(|| grace.unwrap_or(GRACE).as_secs().unsigned_abs());
            (Admin::Rotate { name, grace }, token_file)
        }
        InboxCommand::Revoke { name, .. } => (Admin::Revoke { name }, None),
        InboxCommand::Forget { name, reader } => (Admin::Forget { name, reader }, None),
        InboxCommand::Prune(InboxPruneArgs { name, older_than, dry_run, .. }) => {
            (prune(name, older_than, dry_run), None)
        }
        InboxCommand::List => (Admin::List, None),
    };
    // Before the inbox is changed: a token that cannot be written would be lost.
    let file = token_file.map(TokenFile::create).transpose()?;
    match app::relay_admin(relay, command)? {
        AdminReply::Issued { name, publish_url, token, old_url_until } => {
            let place = file.map(|file| file.keep(&token)).transpose()?;
            let token = match &place {
                Some(place) => TokenOutput::In(place),
                None => TokenOutput::Shown(&token),
            };
            done_unless(issued(json, &name, &publish_url, &token, old_url_until.as_deref()))
        }
        AdminReply::Listed { inboxes } => done_unless(list(json, &inboxes)),
        AdminReply::Revoked { deliveries, bytes, readers } => {
            done_unless(tell_revoked(json, &about, deliveries, bytes, &readers))
        }
        AdminReply::Forgotten => Ok(Exit::Done),
        AdminReply::Pruned { deliveries, unread, bytes } => {
            done_unless(tell_pruned(json, &about, dry_run, (deliveries, unread, bytes)))
        }
        AdminReply::Failed { why } => Err(anyhow::anyhow!(why)),
    }
}

/// Asks whether to close an inbox, if it exists and there is a terminal.
fn may_revoke(relay: &RelayOptions, name: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    let AdminReply::Listed { inboxes } = app::relay_admin(relay, Admin::List)? else {
        return Ok(true);
    };
    let Some(row) = inboxes.into_iter().find(|row| row.name == name) else { return Ok(true) };
    let readers = row.readers.into_iter().map(|reader| reader.name).collect::<Vec<_>>();
    let held = held(row.count, row.bytes, &readers);
    confirmed(&format!("Close the inbox {name} and delete what it holds for good: {held}?"))
}

fn prune(name: InboxName, older_than: Option<SignedDuration>, dry_run: bool) -> Admin {
    let older_than = older_than.map(|span| span.as_secs().unsigned_abs());
    Admin::Prune { name, older_than, dry_run }
}

/// Asks whether to delete unread deliveries, if there are any and there is a terminal.
fn may_prune(relay: &RelayOptions, name: &InboxName, span: SignedDuration) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    match app::relay_admin(relay, prune(name.clone(), Some(span), true))? {
        AdminReply::Pruned { deliveries, unread, bytes } if unread > 0 => {
            let what = pruned(deliveries, unread, bytes);
            confirmed(&format!("Delete {what}, from the inbox {name} for good?"))
        }
        _ => Ok(true),
    }
}

/// Describes deleted deliveries.
fn pruned(deliveries: u64, unread: u64, bytes: u64) -> String {
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let deliveries = counted(count(deliveries), "delivery", "deliveries");
    let bytes = counted(count(bytes), "byte", "bytes");
    format!("{deliveries} ({unread} unread), {bytes}")
}

fn tell_pruned(
    json: bool,
    name: &str,
    dry_run: bool,
    (deliveries, unread, bytes): (u64, u64, u64),
) -> anyhow::Result<()> {
    if json {
        let line = serde_json::json!({
            "v": 1, "type": "pruned", "name": name, "dry_run": dry_run, "deliveries": deliveries,
            "unread": unread, "bytes": bytes,
        });
        write_line(&mut io::stdout(), &line)?;
    } else {
        let did = if dry_run { "Would delete" } else { "Deleted" };
        let what = pruned(deliveries, unread, bytes);
        writeln!(io::stdout(), "{did} {what}, from the inbox {name}.")?;
    }
    Ok(())
}

/// Describes the contents of an inbox.
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

/// A file for a token, created before the token; removed again if no token is written.
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
        // From here on the token exists: even if writing fails, the file stays.
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

/// Where a new token is shown.
enum TokenOutput<'a> {
    Shown(&'a str),
    In(&'a Path),
}

/// How long a replaced publish URL is still accepted, unless `--grace` is given.
const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Parses a span of time that may be zero.
fn parse_grace(text: &str) -> Result<SignedDuration, String> {
    if text == "0" { Ok(SignedDuration::ZERO) } else { parse_span(text) }
}

fn issued(
    json: bool,
    name: &str,
    publish_url: &str,
    token: &TokenOutput<'_>,
    old_url_until: Option<&str>,
) -> anyhow::Result<()> {
    let mut out = io::stdout();
    if json {
        let mut line = serde_json::json!({
            "v": 1, "type": "inbox", "name": name, "publish_url": publish_url,
        });
        let (token, place) = match token {
            TokenOutput::Shown(token) => (Some(*token), None),
            TokenOutput::In(path) => (None, Some(path.display().to_string())),
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
        TokenOutput::Shown(token) => format!("{token}  (shown this once; whoever has it can read)"),
        TokenOutput::In(path) => format!("in {}", Printable::new(&path.to_string_lossy())),
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

/// Returns the `--relay` for an inbox with this publish URL.
fn subscribe_url(publish_url: &str) -> Option<String> {
    let (base, _) = publish_url.rsplit_once(PUBLISH_PREFIX)?;
    let (scheme, rest) = base.split_once("://")?;
    let scheme = if scheme == "https" { "wss" } else { "ws" };
    Some(format!("{scheme}://{rest}"))
}

fn list(json: bool, inboxes: &[InboxRow]) -> anyhow::Result<()> {
    let mut out = io::stdout();
    for row in inboxes {
        if json {
            let mut line = serde_json::to_value(row)?;
            line["v"] = 1.into();
            line["type"] = "inbox".into();
            write_line(&mut out, &line)?;
            continue;
        }
        let InboxRow { name, publish_url, count, bytes, head, .. } = row;
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
