//! Owns the relay client, a source of deliveries: subscribes to an inbox, passes messages to
//! [`crate::intake`], keeps the connection up.
//!
//! Signatures are verified here, on the raw bytes; a relay can delay or drop, never forge. An ack
//! is sent only when everything up to it is on disk, with its position in the same transaction. So
//! a connection, or this program, may end at any moment: the next one continues after the last message on
//! disk.
//!
//! | file | owns |
//! |---|---|
//! | `address`, `token` | the address of the relay; the subscribe token |
//! | `dial`, `counting_stream` | from an address to a websocket; the number of received bytes |
//! | `session` | one connection, from hello to its end |
//! | `incoming`, `pipeline`, `outgoing` | conversion of messages; messages on their way to the disk; frames to send |
//! | `connection_end`, `close_reason` | why a connection ended; the reason that the relay announced before |
//! | this one | when to connect again |

mod address;
mod close_reason;
mod connection_end;
mod counting_stream;
mod dial;
mod incoming;
mod outgoing;
mod pipeline;
mod session;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, STABLE};
use super::protocol::{CloseCode, ReaderName, Redial};
use crate::intake::Intake;
use crate::outbound::{LOOK_EVERY, Outbound, SleepDetector, chance};
use crate::status::{Link, LinkState};
use crate::text::Printable;

pub use address::Address;
pub use token::{SubscribeToken, TokenPlace};

use connection_end::ConnectionEnd;
use dial::DialError;

/// Delay before the next attempt after a relay refused us: its operator may have added us
/// meanwhile.
const REFUSED: Duration = Duration::from_secs(300);
/// Interval meanwhile at which the token's file is read again.
const TOKEN_LOOK: Duration = Duration::from_secs(2);
/// The longest that a relay can ask us to stay away when it stops.
const DRAINING: Duration = Duration::from_secs(60);
/// The shortest that it can ask for: a relay that drains in a loop must not be dialled in one.
const DRAINED: Duration = Duration::from_secs(1);
/// Capacity of the channel of warnings.
const WARNINGS: usize = 16;

/// Settings of the client.
#[derive(Clone)]
pub struct ClientSettings {
    /// The relay.
    pub address: Address,
    /// The token of the inbox.
    pub token: SubscribeToken,
    /// Where the token is stored. It is read again after a relay has refused it.
    pub token_place: TokenPlace,
    /// The name of the durable cursor at the relay; `None` reads without one and never acks.
    pub reader: Option<ReaderName>,
    /// How connections are made.
    pub outbound: Outbound,
    /// Longest accepted body, in bytes.
    pub max_body: usize,
}

impl ClientSettings {
    /// Returns the key of the subscription in the journal.
    fn subscription(&self) -> Arc<str> {
        format!("{}#{}", self.address.subscribe(), self.token.fingerprint()).into()
    }
}

/// The relay client.
pub struct Client {
    shared: ClientShared,
    reporter: Reporter,
    sleep_detector: SleepDetector,
}

/// The reports of a client.
pub struct LinkReports {
    /// The state of the link.
    pub link: watch::Receiver<Link>,
    /// Warnings for the user.
    pub warnings: mpsc::Receiver<String>,
}

/// State shared by all connections.
struct ClientShared {
    settings: ClientSettings,
    intake: Arc<Intake>,
    /// The subscription in the journal: relay and token, the token as a fingerprint.
    subscription: Arc<str>,
    stop: CancellationToken,
}

/// The sending end of [`LinkReports`].
struct Reporter {
    link: watch::Sender<Link>,
    warnings: mpsc::Sender<String>,
}

/// Time limit for closing a connection that was only tried.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Connects to the relay with the token, and closes before anything is taken: another reader keeps its
/// place.
///
/// # Errors
///
/// Returns a sentence that says which step failed.
pub async fn try_out(settings: &ClientSettings) -> Result<(), String> {
    let mut socket = dial::dial(settings).await.map_err(|error| error.to_string())?;
    // It has answered; how it says goodbye does not matter.
    let _ = tokio::time::timeout(CLOSE_LIMIT, socket.close(None)).await;
    Ok(())
}

impl Client {
    /// Creates a client that passes messages to `intake`. It dials when it runs.
    pub fn new(
        settings: ClientSettings,
        intake: Arc<Intake>,
        stop: CancellationToken,
    ) -> (Self, LinkReports) {
        Self::with_clock(settings, intake, stop, Timestamp::now)
    }

    /// Like [`Client::new`], with another wall clock.
    fn with_clock(
        settings: ClientSettings,
        intake: Arc<Intake>,
        stop: CancellationToken,
        wall: fn() -> Timestamp,
    ) -> (Self, LinkReports) {
        let subscription = settings.subscription();
        let (link, seen) = watch::channel(Link::new(settings.address.short()));
        let (warnings, heard) = mpsc::channel(WARNINGS);
        let shared = ClientShared { settings, intake, subscription, stop };
        let client = Self {
            shared,
            reporter: Reporter { link, warnings },
            sleep_detector: SleepDetector::new(wall),
        };
        (client, LinkReports { link: seen, warnings: heard })
    }

    /// Receives until it is stopped. Messages that are being written are still acked.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Some(next) = self.connect(&mut backoff).await else { return };
            if !self.rest(next, &mut backoff).await {
                return;
            }
        }
    }

    /// Connects once and receives. Returns when to dial again; `None` if stopped.
    async fn connect(&self, backoff: &mut Backoff) -> Option<AfterEnd> {
        let stop = &self.shared.stop;
        self.reporter.state(LinkState::Dialling { attempt: backoff.failures() });
        let dialled = stop.run_until_cancelled(dial::dial(&self.shared.settings)).await?;
        let socket = match dialled {
            Ok(socket) => socket,
            Err(error) if error.is_refusal() => {
                let token = matches!(error, DialError::Unauthorized(_));
                return Some(AfterEnd::Refused { why: error.to_string(), token });
            }
            Err(error) => {
                let wait = backoff.wait(Duration::ZERO, chance());
                return Some(AfterEnd::Later { wait, why: error.to_string() });
            }
        };
        let (end, stood) =
            session::run(&self.shared, &self.reporter, socket, &self.sleep_detector).await;
        tracing::info!(relay = %self.shared.settings.address.short(), %end, ?stood, "the link ended");
        let mut next = AfterEnd::after(&end, stood, backoff, chance());
        if let Some(AfterEnd::Refused { why, token: true }) = &mut next {
            why.push_str("; put the one that `dubwatch relay inbox` printed ");
            why.push_str(&self.shared.settings.token_place.to_string());
        }
        next
    }

    /// Waits for the time to dial again; returns `false` if stopped.
    async fn rest(&mut self, next: AfterEnd, backoff: &mut Backoff) -> bool {
        let stop = self.shared.stop.clone();
        let mut refused = None;
        let wait = match next {
            AfterEnd::Never => {
                self.reporter
                    .failed(LinkState::Superseded, "another dubwatch reads under this name");
                let name = self.shared.settings.reader.as_ref().map_or("", ReaderName::as_str);
                self.reporter.warn(format!(
                    "another dubwatch reads the relay as {name:?} and took over; this one receives nothing from it any more (give each its own --relay-name)"
                ));
                stop.cancelled().await;
                return false;
            }
            AfterEnd::Refused { why, token } => {
                self.reporter.refused(&why, token);
                refused = Some(Rereading { token, ..Rereading::default() });
                REFUSED
            }
            AfterEnd::Later { wait, why } => {
                let at = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
                let state =
                    LinkState::Retrying { at, attempt: backoff.failures(), why: why.clone() };
                self.reporter.failed(state, &why);
                wait
            }
        };
        let until = Instant::now() + wait;
        let every = if refused.is_some() { TOKEN_LOOK } else { LOOK_EVERY };
        while Instant::now() < until {
            let look = sleep_until(until.min(Instant::now() + every));
            if stop.run_until_cancelled(look).await.is_none() {
                return false;
            }
            let jumped = self.sleep_detector.has_jumped();
            if jumped {
                backoff.reset();
            }
            let another = match &mut refused {
                Some(rereading) => self.reads_another_token(rereading).await,
                None => false,
            };
            if jumped || another {
                break;
            }
        }
        !stop.is_cancelled()
    }

    /// Reads the token's file again. If it contains another token, uses that and returns `true`.
    async fn reads_another_token(&mut self, rereading: &mut Rereading) -> bool {
        let place = self.shared.settings.token_place.clone();
        let read = tokio::task::spawn_blocking(move || place.read_again()).await;
        match read.ok().flatten() {
            None => false,
            Some(Ok(token)) => {
                rereading.last = None;
                let settings = &mut self.shared.settings;
                if settings.token == token {
                    return false;
                }
                settings.token = token;
                self.shared.subscription = settings.subscription();
                tracing::info!("the relay's token was replaced in its file");
                true
            }
            Some(Err(error)) => {
                // A file that is being written is read completely the next time.
                let why = error.to_string();
                if rereading.last.as_ref() == Some(&why)
                    && rereading.reported.as_ref() != Some(&why)
                {
                    self.reporter.refused(&why, rereading.token);
                    rereading.reported = Some(why.clone());
                }
                rereading.last = Some(why);
                false
            }
        }
    }
}

/// State of reading a refused token's file again.
#[derive(Default)]
struct Rereading {
    /// Whether the relay refused the token.
    token: bool,
    /// Error of the last read.
    last: Option<String>,
    /// The last reported error.
    reported: Option<String>,
}

/// When to dial again.
enum AfterEnd {
    Later { wait: Duration, why: String },
    Refused { why: String, token: bool },
    Never,
}

impl AfterEnd {
    /// Returns when to connect again after a connection that lasted `stood`; `None` if stopped.
    ///
    /// Whatever a relay requests, the client reconnects at once only after a connection that lasted
    /// [`STABLE`], so at most once in that time; otherwise it waits longer each time.
    fn after(
        end: &ConnectionEnd,
        stood: Duration,
        backoff: &mut Backoff,
        chance: u64,
    ) -> Option<Self> {
        let why = end.to_string();
        let at_once = match end {
            ConnectionEnd::Stopped => return None,
            ConnectionEnd::Superseded => return Some(Self::Never),
            ConnectionEnd::Slept => {
                backoff.reset();
                return Some(Self::Later { wait: Duration::ZERO, why });
            }
            ConnectionEnd::Draining(after) => {
                // With a random delay, so that not all clients reconnect to a restarted relay at
                // once.
                let wait = (*after).clamp(DRAINED, DRAINING) + backoff.wait(stood, chance);
                return Some(Self::Later { wait, why });
            }
            ConnectionEnd::Dead => true,
            ConnectionEnd::Closed(close) => match close.code.redial() {
                Redial::AtOnce => true,
                Redial::Later => false,
                Redial::Never => {
                    let token = close.code == CloseCode::Revoked;
                    return Some(Self::Refused { why, token });
                }
            },
            _ => false,
        };
        let wait = if at_once && stood >= STABLE {
            backoff.reset();
            Duration::ZERO
        } else {
            backoff.wait(stood, chance)
        };
        Some(Self::Later { wait, why })
    }
}

impl Reporter {
    fn state(&self, state: LinkState) {
        self.link.send_modify(|link| link.state = state);
    }

    fn failed(&self, state: LinkState, why: &str) {
        tracing::warn!("relay: {why}");
        self.link.send_modify(|link| {
            link.state = state;
            link.last_error = Some((Timestamp::now(), Printable::new(why).as_str().to_owned()));
        });
    }

    /// Reports that the relay refuses us; warns once of each reason.
    fn refused(&self, why: &str, token: bool) {
        let printable = Printable::new(why);
        let told = matches!(self.link.borrow().last_error, Some((_, ref last)) if *last == printable.as_str());
        // First: a run that ends because of the state has printed the reason.
        if !told {
            self.warn(why.to_owned());
        }
        self.failed(LinkState::Refused { why: why.to_owned(), token }, why);
    }

    fn welcomed(&self, callback_url: Option<&Printable>, epoch: String) {
        tracing::info!(%epoch, "the relay welcomed us");
        self.link.send_modify(|link| {
            link.callback_url = callback_url.map(|url| url.as_str().to_owned());
            link.epoch = Some(epoch);
        });
    }

    fn up(&self, since: Timestamp, rtt: Option<Duration>, behind: u64) {
        let state = LinkState::Up { since, rtt, behind };
        self.link.send_if_modified(|link| {
            let changed = link.state != state;
            link.state = state;
            changed
        });
    }

    fn warn(&self, message: String) {
        // If the channel is full, the warning is only in the log file.
        tracing::warn!("{message}");
        let _ = self.warnings.try_send(message);
    }
}
