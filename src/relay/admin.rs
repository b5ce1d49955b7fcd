//! The operator's commands: create, list, rotate, prune and revoke inboxes, forget readers. Also
//! works while a relay runs, over a local socket.
//!
//! A store has one writer. While a relay runs, it is that writer: commands are then sent to it as
//! lines of JSON over a socket next to the store, which only its owner may open.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::protocol::{PUBLISH_PREFIX, ReaderName};
use super::store::{InboxName, InboxPruneCounts, InboxSummary, LogError, Store};

/// Maximum length of a line, in bytes.
const MAX_LINE: u64 = 64 << 20;
/// Time limit for a command.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time limit for receiving a command's line, and for a running command when the relay stops.
const BRIEF: Duration = Duration::from_secs(2);
/// Pause after a failed accept, because the next one would fail as well.
const REST: Duration = Duration::from_millis(50);
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16;

/// A command of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum AdminCommand {
    /// Create an inbox.
    Create {
        /// Its name.
        name: InboxName,
    },
    /// List all inboxes.
    List,
    /// Replace the token and, if `grace` is given, the publish URL.
    Rotate {
        /// Its name.
        name: InboxName,
        /// How long the old publish URL stays valid, in seconds; 0: not at all.
        grace: Option<u64>,
    },
    /// Close an inbox and delete its deliveries.
    Revoke {
        /// Its name.
        name: InboxName,
    },
    /// Forget a named reader of an inbox.
    Forget {
        /// The inbox's name.
        name: InboxName,
        /// The reader's name.
        reader: ReaderName,
    },
    /// Delete the deliveries that every named reader of an inbox has acked, and old ones.
    Prune {
        /// The inbox's name.
        name: InboxName,
        /// Age from which all deliveries are deleted, in seconds.
        older_than: Option<u64>,
        /// Whether only to count.
        #[serde(default)]
        dry_run: bool,
    },
}

/// The reply to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AdminReply {
    /// An inbox's keys; the only time that its token is shown.
    Issued {
        /// Its name.
        name: String,
        /// Where senders post to.
        publish_url: String,
        /// The subscribe token.
        token: String,
        /// Until when the previous URL stays valid, RFC 3339, if it was replaced.
        old_url_until: Option<String>,
    },
    /// All open inboxes.
    Listed {
        /// Ordered by name.
        inboxes: Vec<InboxRow>,
    },
    /// The inbox is closed and its deliveries are deleted.
    Revoked {
        /// Number of its deliveries.
        deliveries: u64,
        /// Their bytes.
        bytes: u64,
        /// Its named readers.
        readers: Vec<String>,
    },
    /// The reader is forgotten.
    Forgotten,
    /// Deliveries were deleted, or would be.
    Pruned {
        /// Deliveries.
        deliveries: u64,
        /// Those of them that at least one named reader had not acked.
        unread: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The command failed.
    Failed {
        /// The error message.
        why: String,
    },
}

impl AdminReply {
    /// Returns the reply with URLs that begin with `base`, because the relay may not know its own
    /// URL.
    #[must_use]
    pub fn reached_at(mut self, base: &str) -> Self {
        let urls: Vec<&mut String> = match &mut self {
            Self::Issued { publish_url, .. } => vec![publish_url],
            Self::Listed { inboxes } => {
                let mut urls = Vec::new();
                for row in inboxes {
                    urls.extend(row.old_urls.iter_mut().map(|old| &mut old.publish_url));
                    urls.push(&mut row.publish_url);
                }
                urls
            }
            Self::Revoked { .. } | Self::Forgotten | Self::Pruned { .. } | Self::Failed { .. } => {
                Vec::new()
            }
        };
        for url in urls {
            if let Some((_, publish_id)) = url.rsplit_once(PUBLISH_PREFIX) {
                *url = publish_url(base, publish_id);
            }
        }
        self
    }
}

/// An inbox in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRow {
    /// Its name.
    pub name: String,
    /// Where senders post to.
    pub publish_url: String,
    /// Older publish URLs that are still valid.
    #[serde(default)]
    pub old_urls: Vec<OldUrl>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When its token was last replaced.
    pub rotated_at: Option<String>,
    /// Number of stored deliveries.
    pub count: u64,
    /// Number of stored bytes.
    pub bytes: u64,
    /// The newest `seq`.
    pub head: u64,
    /// Its named readers.
    pub readers: Vec<ReaderRow>,
}

/// A replaced publish URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldUrl {
    /// The URL.
    pub publish_url: String,
    /// Until when it stays valid, RFC 3339.
    pub until: String,
}

/// A reader in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderRow {
    /// Its name.
    pub name: String,
    /// The last acked `seq`.
    pub acked: u64,
    /// When it was last connected, RFC 3339.
    pub seen_at: String,
}

impl InboxRow {
    fn new(listed: InboxSummary, base: &str) -> Self {
        Self {
            publish_url: publish_url(base, &listed.publish_id),
            name: listed.name,
            old_urls: listed
                .old
                .into_iter()
                .map(|(publish_id, until)| OldUrl {
                    publish_url: publish_url(base, &publish_id),
                    until: until.to_string(),
                })
                .collect(),
            created_at: listed.created_at.to_string(),
            rotated_at: listed.rotated_at.map(|at| at.to_string()),
            count: listed.count,
            bytes: listed.bytes,
            head: listed.head,
            readers: listed
                .readers
                .into_iter()
                .map(|(name, acked, seen_at)| ReaderRow {
                    name,
                    acked,
                    seen_at: seen_at.to_string(),
                })
                .collect(),
        }
    }
}

fn publish_url(base: &str, publish_id: &str) -> String {
    format!("{}{}{publish_id}", base.trim_end_matches('/'), PUBLISH_PREFIX)
}

/// Executes a command on the store. `base` is the URL of the relay.
pub async fn carry_out(store: &Store, base: &str, command: AdminCommand) -> AdminReply {
    let done = match command {
        AdminCommand::Create { name } => {
            store.create(name).await.map(|issued| AdminReply::Issued {
                name: issued.name,
                publish_url: publish_url(base, &issued.publish_id),
                token: issued.token.reveal().to_owned(),
                old_url_until: None,
            })
        }
        AdminCommand::Rotate { name, grace } => {
            let grace =
                grace.map(|s| SignedDuration::from_secs(i64::try_from(s).unwrap_or(i64::MAX)));
            let rotated = store.rotate(name.as_str(), grace).await;
            rotated.map(|(issued, old_until)| AdminReply::Issued {
                name: issued.name,
                publish_url: publish_url(base, &issued.publish_id),
                token: issued.token.reveal().to_owned(),
                old_url_until: old_until.map(|until| until.to_string()),
            })
        }
        AdminCommand::Revoke { name } => revoke(store, name.as_str()).await,
        AdminCommand::Forget { name, reader } => {
            store.forget(name.as_str(), reader).await.map(|()| AdminReply::Forgotten)
        }
        AdminCommand::Prune { name, older_than, dry_run } => {
            prune(store, name.as_str(), older_than, dry_run).await
        }
        AdminCommand::List => store.list().await.map(|listed| AdminReply::Listed {
            inboxes: listed
                .into_iter()
                .filter(|inbox| inbox.revoked_at.is_none())
                .map(|inbox| InboxRow::new(inbox, base))
                .collect(),
        }),
    };
    done.unwrap_or_else(|error: LogError| AdminReply::Failed { why: error.to_string() })
}

/// Closes an inbox. Returns what it contained.
async fn revoke(store: &Store, name: &str) -> Result<AdminReply, LogError> {
    let held = store.list().await?.into_iter().find(|inbox| inbox.name == name);
    store.revoke(name).await?;
    let (deliveries, bytes, readers) =
        held.map_or_else(Default::default, |held| (held.count, held.bytes, held.readers));
    let readers = readers.into_iter().map(|(name, _, _)| name).collect();
    Ok(AdminReply::Revoked { deliveries, bytes, readers })
}

async fn prune(
    store: &Store,
    name: &str,
    older_than: Option<u64>,
    dry_run: bool,
) -> Result<AdminReply, LogError> {
    let before = older_than.map(|seconds| {
        let span = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        Timestamp::now().checked_sub(span).unwrap_or(Timestamp::MIN)
    });
    let InboxPruneCounts { deliveries, unread, bytes } = if dry_run {
        store.prunable(name, before).await?
    } else {
        store.prune(name, before).await?
    };
    Ok(AdminReply::Pruned { deliveries, unread, bytes })
}

/// Returns the path of the operator's socket: next to the store.
pub fn socket_path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".admin");
    PathBuf::from(name)
}

/// Creates the operator's socket of the relay with the store at `store`.
///
/// The caller must hold the store's lock, because the socket of a killed relay is replaced.
pub fn listen(store: &Path) -> io::Result<UnixListener> {
    let path = socket_path(store);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(&path)?;
    // Before `listen`: until then no client can connect, whatever permissions the umask left.
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)
}

/// Executes the commands that arrive at `listener`, one after the other, until `stop`.
pub async fn serve(
    listener: UnixListener,
    store: Arc<Store>,
    base: String,
    stop: CancellationToken,
) {
    let path = socket_path(store.path());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "an operator's connection was not accepted");
                sleep(REST).await;
                continue;
            }
        };
        let conversation = timeout(PATIENCE, converse(stream, &store, &base, &stop));
        let stopped = async {
            stop.cancelled().await;
            sleep(BRIEF).await;
        };
        tokio::select! {
            ended = conversation => if let Ok(Err(error)) = ended {
                tracing::debug!(%error, "an operator's command broke off");
            },
            () = stopped => {}
        }
    }
    let _ = fs::remove_file(path);
}

async fn converse(
    mut stream: UnixStream,
    store: &Store,
    base: &str,
    stop: &CancellationToken,
) -> io::Result<()> {
    let mut line = String::new();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read.take(4096));
    tokio::select! {
        // A client that has not sent a command yet loses nothing.
        () = stop.cancelled() => return Ok(()),
        read = timeout(BRIEF, read.read_line(&mut line)) => {
            read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        }
    }
    let reply = match serde_json::from_str(&line) {
        Ok(command) => carry_out(store, base, command).await,
        Err(error) => AdminReply::Failed { why: format!("not a command: {error}") },
    };
    let mut line = serde_json::to_vec(&reply)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.shutdown().await
}

/// Sends a command to the relay that runs on the store at `store`. Returns its reply.
pub async fn ask(store: &Path, command: &AdminCommand) -> io::Result<AdminReply> {
    let ask = async {
        let mut stream = UnixStream::connect(socket_path(store)).await?;
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut reply = String::new();
        BufReader::new(stream.take(MAX_LINE)).read_line(&mut reply).await?;
        Ok(serde_json::from_str(&reply)?)
    };
    timeout(PATIENCE, ask).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::store::Caps;
    use crate::sqlite::Location;

    #[tokio::test]
    async fn a_silent_connection_holds_no_stop_up() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("relay.db");
        let store = Arc::new(Store::open(&Location::File(db.clone()), Caps::default()).unwrap());
        let listener = listen(&db).unwrap();
        let mode = fs::metadata(socket_path(&db)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, store, String::new(), stop.clone()));
        // This one is accepted first: the next is answered only after its time limit.
        let silent = UnixStream::connect(socket_path(&db)).await.unwrap();
        let reply = ask(&db, &AdminCommand::List).await.unwrap();
        assert_eq!(reply, AdminReply::Listed { inboxes: Vec::new() });
        drop(silent);
        let _silent = UnixStream::connect(socket_path(&db)).await.unwrap();
        tokio::task::yield_now().await;
        stop.cancel();
        timeout(Duration::from_secs(1), serving).await.unwrap().unwrap();
        assert!(!socket_path(&db).exists());
    }
}
