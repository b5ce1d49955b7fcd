//! The relay door: subscribes to an inbox and hands what comes to [`crate::intake`]; keeps the
//! connection up, and shows nothing.
//!
//! What a relay passes on is verified here, on the raw bytes; a relay can delay or drop, never forge.
//! An ack goes out only when everything up to it is on our disk, where its place stands in the same
//! transaction. So a connection may end at any moment, and so may this program: the next one goes on
//! behind what is on disk.
//!
//! | file | owns |
//! |---|---|
//! | `address`, `token` | where to, by which right; which way is [`crate::outbound`]'s |
//! | `dial`, `counted` | from an address to a websocket; the bytes that come on it, counted |
//! | `session` | one connection, from hello to its end |
//! | `incoming`, `pipeline`, `outgoing` | what comes, in our words; what is on its way to the disk; what goes out |
//! | `end`, `parting` | why a connection ended; what the relay said of that before |
//! | `clock` | whether the machine slept |
//! | this one | when to dial again |

mod address;
mod clock;
mod counted;
mod dial;
mod end;
mod incoming;
mod outgoing;
mod parting;
mod pipeline;
mod session;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, STABLE};
use super::protocol::{CloseCode, ReaderName, Redial};
use crate::intake::Intake;
use crate::outbound::Outbound;
use crate::text::Printable;
use crate::vitals::{Link, LinkState};

pub use address::{Address, AddressError};
pub use token::{Token, TokenError, TokenPlace};

use clock::{Clock, LOOK_EVERY};
use dial::DialError;
use end::End;

/// How long a relay that refused us is left alone: it may have been told of us meanwhile.
const REFUSED: Duration = Duration::from_secs(300);
/// How often it is looked meanwhile whether the token's file holds another one.
const TOKEN_LOOK: Duration = Duration::from_secs(2);
/// The longest that a relay can ask us to stay away when it stops.
const DRAINING: Duration = Duration::from_secs(60);
/// The shortest that it can ask for: a relay that drains in a loop must not be dialled in one.
const DRAINED: Duration = Duration::from_secs(1);
/// Words that may wait to be passed on.
const WORDS: usize = 16;

/// What the client is told by the settings.
#[derive(Clone)]
pub struct Settings {
    /// The relay.
    pub address: Address,
    /// What opens the inbox.
    pub token: Token,
    /// Where that is written. It is read again there after a relay has refused it.
    pub token_place: TokenPlace,
    /// The name of the durable cursor at the relay; `None` reads without one and never acks.
    pub reader: Option<ReaderName>,
    /// How connections are made.
    pub outbound: Outbound,
    /// The longest body that is let in, in bytes.
    pub max_body: usize,
}

impl Settings {
    /// What the journal knows the subscription by.
    fn subscription(&self) -> Arc<str> {
        format!("{}#{}", self.address.subscribe(), self.token.fingerprint()).into()
    }
}

/// The door.
pub struct Client {
    door: Door,
    tell: Tell,
    clock: Clock,
}

/// What a client tells.
pub struct Telling {
    /// The state of the link, and every change of it.
    pub link: watch::Receiver<Link>,
    /// Sentences that a person should know.
    pub warnings: mpsc::Receiver<String>,
}

/// What every connection shares.
struct Door {
    settings: Settings,
    intake: Arc<Intake>,
    /// The subscription in the journal: relay and token, told apart without telling the token.
    subscription: Arc<str>,
    stop: CancellationToken,
}

/// The telling end.
struct Tell {
    link: watch::Sender<Link>,
    warnings: mpsc::Sender<String>,
}

impl Client {
    /// A door to `intake`. It dials when it runs.
    pub fn new(
        settings: Settings,
        intake: Arc<Intake>,
        stop: CancellationToken,
    ) -> (Self, Telling) {
        Self::with_clock(settings, intake, stop, Timestamp::now)
    }

    /// The same with another wall clock.
    fn with_clock(
        settings: Settings,
        intake: Arc<Intake>,
        stop: CancellationToken,
        wall: fn() -> Timestamp,
    ) -> (Self, Telling) {
        let subscription = settings.subscription();
        let (link, seen) = watch::channel(Link::new(settings.address.short()));
        let (warnings, heard) = mpsc::channel(WORDS);
        let door = Door { settings, intake, subscription, stop };
        let client = Self { door, tell: Tell { link, warnings }, clock: Clock::new(wall) };
        (client, Telling { link: seen, warnings: heard })
    }

    /// Receives until it is stopped; what is on its way to the disk then is still acked.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Some(next) = self.connect(&mut backoff).await else { return };
            if !self.rest(next, &mut backoff).await {
                return;
            }
        }
    }

    /// Connects once and receives. Says when to dial again; `None`: stopped.
    async fn connect(&self, backoff: &mut Backoff) -> Option<Next> {
        let stop = &self.door.stop;
        self.tell.state(LinkState::Dialling { attempt: backoff.failures() });
        let dialled = stop.run_until_cancelled(dial::dial(&self.door.settings)).await?;
        let socket = match dialled {
            Ok(socket) => socket,
            Err(error) if error.is_refusal() => {
                let token = matches!(error, DialError::Unauthorized(_));
                return Some(Next::Refused { why: error.to_string(), token });
            }
            Err(error) => {
                let wait = backoff.wait(Duration::ZERO, chance());
                return Some(Next::Later { wait, why: error.to_string() });
            }
        };
        let (end, stood) = session::run(&self.door, &self.tell, socket, &self.clock).await;
        tracing::info!(relay = %self.door.settings.address.short(), %end, ?stood, "the link ended");
        let mut next = Next::after(&end, stood, backoff, chance());
        if let Some(Next::Refused { why, token: true }) = &mut next {
            why.push_str("; put the one that `dubwatch relay inbox` printed ");
            why.push_str(&self.door.settings.token_place.to_string());
        }
        next
    }

    /// Waits for the time to dial again; whether it comes.
    async fn rest(&mut self, next: Next, backoff: &mut Backoff) -> bool {
        let stop = self.door.stop.clone();
        let mut refused = None;
        let wait = match next {
            Next::Never => {
                self.tell.failed(LinkState::Superseded, "another dubwatch reads under this name");
                let name = self.door.settings.reader.as_ref().map_or("", ReaderName::as_str);
                self.tell.warn(format!(
                    "another dubwatch reads the relay as {name:?} and took over; this one receives nothing from it any more (give each its own --relay-name)"
                ));
                stop.cancelled().await;
                return false;
            }
            Next::Refused { why, token } => {
                self.tell.refused(&why, token);
                refused = Some(Rereading { token, ..Rereading::default() });
                REFUSED
            }
            Next::Later { wait, why } => {
                let at = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
                let state =
                    LinkState::Retrying { at, attempt: backoff.failures(), why: why.clone() };
                self.tell.failed(state, &why);
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
            let jumped = self.clock.has_jumped();
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

    /// Reads the token's file again. Whether it holds another token; that is the one from now on.
    async fn reads_another_token(&mut self, rereading: &mut Rereading) -> bool {
        let place = self.door.settings.token_place.clone();
        let read = tokio::task::spawn_blocking(move || place.read_again()).await;
        match read.ok().flatten() {
            None => false,
            Some(Ok(token)) => {
                rereading.last = None;
                let settings = &mut self.door.settings;
                if settings.token == token {
                    return false;
                }
                settings.token = token;
                self.door.subscription = settings.subscription();
                tracing::info!("the relay's token was replaced in its file");
                true
            }
            Some(Err(error)) => {
                // A file that is just being written is read whole at the next look.
                let why = error.to_string();
                if rereading.last.as_ref() == Some(&why) && rereading.told.as_ref() != Some(&why) {
                    self.tell.refused(&why, rereading.token);
                    rereading.told = Some(why.clone());
                }
                rereading.last = Some(why);
                false
            }
        }
    }
}

/// What came of reading a refused token's file again and again.
#[derive(Default)]
struct Rereading {
    /// Whether it is the token that was refused.
    token: bool,
    /// What was wrong with the file at the last look.
    last: Option<String>,
    /// What was told of that.
    told: Option<String>,
}

/// When to dial again.
enum Next {
    Later { wait: Duration, why: String },
    Refused { why: String, token: bool },
    Never,
}

impl Next {
    /// What comes after a connection that `stood` this long; `None`: nothing, we were stopped.
    ///
    /// Whatever a relay says or does, it is dialled at once only after a connection that stood for
    /// [`STABLE`], so not more than once in that time; else it waits longer each time.
    fn after(end: &End, stood: Duration, backoff: &mut Backoff, chance: u64) -> Option<Self> {
        let why = end.to_string();
        let at_once = match end {
            End::Stopped => return None,
            End::Superseded => return Some(Self::Never),
            End::Slept => {
                backoff.reset();
                return Some(Self::Later { wait: Duration::ZERO, why });
            }
            End::Draining(after) => {
                // Spread out, so that a relay that comes back is not met by all at once.
                let wait = (*after).clamp(DRAINED, DRAINING) + backoff.wait(stood, chance);
                return Some(Self::Later { wait, why });
            }
            End::Dead => true,
            End::Closed(close) => match close.code.redial() {
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

impl Tell {
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

    /// The relay refuses us; a person is told once of each reason.
    fn refused(&self, why: &str, token: bool) {
        let printable = Printable::new(why);
        let told = matches!(self.link.borrow().last_error, Some((_, ref last)) if *last == printable.as_str());
        // First: whoever ends because of the state has heard why.
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
        // More than can wait are in the log file.
        tracing::warn!("{message}");
        let _ = self.warnings.try_send(message);
    }
}

/// Any number; the same one where the system has no chance, which does no harm.
fn chance() -> u64 {
    let mut bytes = [0; 8];
    let _ = SystemRandom::new().fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
