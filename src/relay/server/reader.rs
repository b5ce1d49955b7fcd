//! Owns one subscription from hello to close: reads its frames, sends the contents of its inbox.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::ServerShared;
use super::close::{
    SubscriptionEnd, answer, broken, finish, message, stalled, superseded, unavailable,
};
use super::pages::{LoadedPage, PAGE_ITEMS, within};
use super::reader_registry::Registration;
use super::socket_writer::{BatchSlot, MessageBatch, SocketWriter};
use crate::relay::protocol::{
    Close, CloseCode, DEAD_AFTER, Due, FrameFault, GapReason, HELLO_TIMEOUT, Heartbeat, ReaderName,
    RelayFrame, Resume, Session, SessionAction, WINDOW, Welcome, decode_client,
};
use crate::relay::store::{Inbox, InboxState, Item, LogError, LogFuture};
use crate::serve::WriteProgress;
use crate::text::Printable;

/// Interval at which a reader's acks are stored. The reader's own cursor is authoritative.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Time limit for looking up a reader's position, because the disk may hang.
const ATTACH_PATIENCE: Duration = Duration::from_secs(6);

/// The subscriber.
pub(super) struct Subscriber {
    pub(super) inbox: Arc<Inbox>,
    pub(super) state: watch::Receiver<InboxState>,
    /// The token's number when it was checked.
    pub(super) token: Option<u64>,
    pub(super) peer: String,
    /// The state of its socket, if known.
    pub(super) uptake: Option<WriteProgress>,
    pub(super) callback_url: String,
}

/// Serves a subscription until it ends.
pub(super) async fn run(
    shared: &ServerShared,
    socket: WebSocket,
    subscriber: Subscriber,
    registration: Registration<'_>,
) {
    let (sink, stream) = socket.split();
    let inbox = Arc::clone(&subscriber.inbox);
    let peer = subscriber.peer.clone();
    let forgotten = subscriber.state.borrow().forgotten;
    shared.metrics.subscribed();
    let mut reader = ReaderConnection {
        shared,
        subscriber,
        registration,
        stream,
        socket_writer: SocketWriter::start(sink),
        session: Session::default(),
        begun: Instant::now(),
        heart: Heartbeat::new(Duration::ZERO),
        name: None,
        touch_every: Duration::MAX,
        touch_at: None,
        forgotten,
        after: 0,
        superseded: CancellationToken::new(),
        unsaved: None,
        exhausted: None,
    };
    let end = reader.converse().await;
    let ReaderConnection { stream, socket_writer, name, unsaved, registration, .. } = reader;
    // The cursor of a newer connection must not be overwritten.
    if let (Some(reader), Some(seq)) = (name, unsaved)
        && let Some(saving) = registration.begin(shared.log.ack(inbox.id, reader, seq))
    {
        let _ = timeout(Close::PATIENCE, saving).await;
    }
    // Unregistered before the close, which may take long.
    drop(registration);
    match end {
        SubscriptionEnd::Close(close) => {
            let (code, why) = (close.code.number(), &close.sentence);
            tracing::info!(inbox = inbox.name, peer, code, why, "closed a subscription");
            finish(shared, socket_writer, stream, &close).await;
        }
        SubscriptionEnd::Left => {
            tracing::info!(inbox = inbox.name, peer, "a reader closed its subscription");
            answer(socket_writer, stream).await;
        }
        SubscriptionEnd::Gone => {
            tracing::info!(inbox = inbox.name, peer, "a subscription ended");
            socket_writer.end(Vec::new(), Close::PATIENCE).await;
        }
    }
}

struct ReaderConnection<'a> {
    shared: &'a ServerShared,
    subscriber: Subscriber,
    registration: Registration<'a>,
    stream: SplitStream<WebSocket>,
    socket_writer: SocketWriter,
    session: Session,
    begun: Instant,
    heart: Heartbeat,
    name: Option<ReaderName>,
    /// Interval and next time for storing the reader as present; `None` without a name.
    touch_every: Duration,
    touch_at: Option<Instant>,
    /// Number of forgotten readers of this inbox at the last check.
    forgotten: u64,
    /// The last sent `seq`.
    after: u64,
    superseded: CancellationToken,
    /// Acked, but not stored yet.
    unsaved: Option<u64>,
    /// The head at which a read returned nothing, so that it is not repeated.
    exhausted: Option<u64>,
}

impl ReaderConnection<'_> {
    async fn converse(&mut self) -> SubscriptionEnd {
        let shared = self.shared;
        let log = &*shared.log;
        let inbox = self.subscriber.inbox.id;
        let mut page: Option<LogFuture<'_, PendingPage>> = None;
        let mut saving: Option<LogFuture<'_, ()>> = None;
        let mut save_at: Option<Instant> = None;
        loop {
            let now = self.begun.elapsed();
            let wake = match self.due(now) {
                Ok(wake) => self.begun + wake,
                Err(end) => return end,
            };
            if self.unsaved.is_some() && saving.is_none() && save_at.is_none() {
                save_at = Some(Instant::now() + SAVE_EVERY);
            }
            if page.is_none() && self.has_more() {
                page = Some(self.next());
            }
            let happened = tokio::select! {
                // First the end, then the reader's frames, because acks make room.
                biased;
                () = shared.stop.cancelled() => {
                    return Close::new(CloseCode::Draining, "the relay stops").into();
                }
                () = self.superseded.cancelled() => {
                    return superseded();
                }
                changed = self.subscriber.state.changed() => match changed {
                    Ok(()) => self.changed(),
                    Err(_) => Err(Close::new(CloseCode::Revoked, "the inbox is closed").into()),
                },
                heard = self.stream.next() => match heard {
                    Some(Ok(heard)) => self.heard(heard).await,
                    Some(Err(error)) => Err(broken(error)),
                    None => Err(SubscriptionEnd::Gone),
                },
                () = sleep_until(wake) => Ok(()),
                saved = some(&mut saving) => {
                    saving = None;
                    match saved {
                        Err(LogError::NoReader) => {
                            let why = "its place was forgotten: by the operator, or after a long absence";
                            Err(Close::new(CloseCode::Forgotten, why).into())
                        }
                        // The reader has its own cursor: only ours is late, no delivery is lost.
                        Err(error) => {
                            tracing::debug!(%error, "a cursor was not written");
                            Ok(())
                        }
                        Ok(()) => Ok(()),
                    }
                }
                () = at(save_at) => {
                    save_at = None;
                    if let (Some(name), Some(seq)) = (&self.name, self.unsaved.take()) {
                        saving = self.registration.begin(log.ack(inbox, name.clone(), seq));
                        self.touch_at = Some(Instant::now() + self.touch_every);
                    }
                    Ok(())
                }
                () = at(self.touch_at), if saving.is_none() => {
                    self.touch_at = self.name.as_ref().map(|name| {
                        saving = Some(log.touch(inbox, name.clone()));
                        Instant::now() + self.touch_every
                    });
                    Ok(())
                }
                next = some(&mut page) => {
                    page = None;
                    match next {
                        Ok(next) => self.send(next),
                        Err(error) => Err(unavailable(&error).into()),
                    }
                }
            };
            if let Err(end) = happened {
                return end;
            }
        }
    }

    /// Returns whether the inbox has items that may be sent now.
    fn has_more(&self) -> bool {
        let head = self.subscriber.state.borrow().head;
        self.session.room() > 0 && head > self.after && self.exhausted != Some(head)
    }

    /// Reads the next page once there is a slot for it: deliveries to a slow reader stay on disk.
    fn next<'a>(&self) -> LogFuture<'a, PendingPage>
    where
        Self: 'a,
    {
        let (shared, inbox, after) = (self.shared, self.subscriber.inbox.id, self.after);
        let items = self.session.room().min(PAGE_ITEMS);
        let head = self.subscriber.state.borrow().head;
        let slot = self.socket_writer.slot();
        Box::pin(async move {
            let Some(slot) = slot.await else { return Ok(None) };
            let read = |items, bytes| shared.log.read(inbox, after, items, bytes);
            let page = shared.read_budget.page(inbox, items, read).await?;
            Ok(Some((slot, page, head)))
        })
    }

    /// Handles everything that is due by time. Returns the time of the next check.
    fn due(&mut self, now: Duration) -> Result<Duration, SubscriptionEnd> {
        if !self.session.is_reading() && now >= HELLO_TIMEOUT {
            return Err(Close::new(CloseCode::NoHello, "no hello came").into());
        }
        let made_room = self.subscriber.uptake.as_ref().and_then(WriteProgress::last);
        if let Some(at) = made_room {
            // A long body on a slow line takes minutes, and delays every ping behind it.
            self.heart.heard(at.saturating_duration_since(self.begun));
        }
        let stuck = self.socket_writer.stuck_for(made_room).unwrap_or_default();
        if stuck >= DEAD_AFTER {
            return Err(stalled());
        }
        // A write that has just begun cannot be overdue earlier.
        let late = now + DEAD_AFTER.saturating_sub(stuck);
        match self.heart.due(now) {
            Due::Dead => Err(Close::new(CloseCode::Dead, "nothing was heard for 30 s").into()),
            Due::Ping(beat) => {
                self.beat(&RelayFrame::Ping(beat));
                Ok(now)
            }
            Due::Wait(until) if self.session.is_reading() => Ok(until.min(late)),
            Due::Wait(until) => Ok(until.min(HELLO_TIMEOUT)),
        }
    }

    /// Sends a ping or a pong, unless many are queued already.
    fn beat(&self, frame: &RelayFrame) {
        let _full = self.socket_writer.send_small(message(frame));
    }

    /// Handles a change of the inbox: new deliveries, a replaced token, a forgotten reader.
    fn changed(&mut self) -> Result<(), SubscriptionEnd> {
        let state = *self.subscriber.state.borrow_and_update();
        if state.token.is_none() {
            return Err(Close::new(CloseCode::Revoked, "the inbox is closed").into());
        }
        if state.token != self.subscriber.token {
            return Err(Close::new(CloseCode::Revoked, "the token was replaced").into());
        }
        if std::mem::replace(&mut self.forgotten, state.forgotten) != state.forgotten {
            // It may be this reader: `touch` returns that.
            self.touch_at = self.touch_at.map(|_| Instant::now());
        }
        Ok(())
    }

    async fn heard(&mut self, heard: Message) -> Result<(), SubscriptionEnd> {
        let now = self.begun.elapsed();
        self.heart.heard(now);
        let frame = match &heard {
            Message::Text(text) => decode_client(Some(text.as_str())),
            Message::Binary(_) => decode_client(None),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(SubscriptionEnd::Left),
        };
        let frame = frame.map_err(|fault: FrameFault| Close::from(fault))?;
        match self.session.heard(frame)? {
            SessionAction::Nothing => Ok(()),
            SessionAction::Pong(beat) => {
                self.beat(&RelayFrame::Pong(beat));
                Ok(())
            }
            SessionAction::Beat(beat) => {
                if let Some(trip) = self.heart.pong(beat, now) {
                    tracing::trace!(peer = self.subscriber.peer, ?trip, "round trip");
                }
                Ok(())
            }
            SessionAction::Acked(cursor) => {
                self.shared.metrics.acked();
                self.unsaved = Some(cursor.seq);
                Ok(())
            }
            SessionAction::Begin { protocol, reader, resume, agent } => {
                self.begin(protocol, reader, resume, agent).await
            }
        }
    }

    async fn begin(
        &mut self,
        protocol: u32,
        reader: Option<ReaderName>,
        resume: Option<Resume>,
        agent: Option<String>,
    ) -> Result<(), SubscriptionEnd> {
        if let Some(name) = &reader {
            self.superseded = self.registration.take(name);
            if self.superseded.is_cancelled() {
                // Before the cursor is stored: it may belong to a newer connection.
                return Err(superseded());
            }
        }
        let inbox = &self.subscriber.inbox;
        let attaching = self.shared.log.attach(inbox.id, reader.clone(), resume);
        let start = within(ATTACH_PATIENCE, attaching).await;
        let start = start.map_err(|error| match error {
            LogError::TooManyReaders(_) => Close::new(CloseCode::NoName, error.to_string()),
            LogError::NoInbox => Close::new(CloseCode::Revoked, "the inbox is closed"),
            error => unavailable(&error),
        })?;
        self.after = start.after;
        self.session.begins_after(start.after);
        let agent = Printable::new(agent.as_deref().unwrap_or("")).cut(80);
        let name = reader.as_ref().map_or("", ReaderName::as_str);
        let (called, peer) = (&inbox.name, &self.subscriber.peer);
        let (after, head) = (start.after, start.head);
        tracing::info!(inbox = called, peer, reader = name, %agent, after, head, "a reader subscribed");
        self.touch_every = start.touch_every;
        self.touch_at = reader.is_some().then(|| Instant::now() + start.touch_every);
        self.name = reader;
        let welcome = RelayFrame::Welcome(Welcome {
            protocol,
            inbox: inbox.identity,
            epoch: start.epoch,
            head: start.head,
            retained_from: start.retained_from,
            after: start.after,
            resumed: start.resumed,
            callback_url: self.subscriber.callback_url.clone(),
            window: WINDOW,
            max_body: self.shared.settings.max_body,
        });
        if self.socket_writer.send_small(message(&welcome)) { Ok(()) } else { Err(stalled()) }
    }

    /// Converts a page to frames and queues them.
    fn send(&mut self, next: PendingPage) -> Result<(), SubscriptionEnd> {
        let Some((slot, LoadedPage { items, permit }, head)) = next else {
            return Err(SubscriptionEnd::Gone);
        };
        if items.is_empty() {
            self.exhausted = Some(head);
        }
        let (mut messages, mut deliveries) = (Vec::with_capacity(items.len()), 0);
        for item in items {
            let (frame, cursor) = match item {
                Item::Delivery(delivery) => {
                    deliveries += 1;
                    let cursor = delivery.cursor;
                    (RelayFrame::Delivery(delivery), cursor)
                }
                Item::Gap(gap) => {
                    if gap.reason == GapReason::Damaged {
                        self.shared.metrics.damaged(gap.count);
                    }
                    (RelayFrame::Gap(gap), gap.cursor())
                }
            };
            messages.push(message(&frame));
            self.session.sent(cursor);
            self.after = cursor.seq;
        }
        if !messages.is_empty() {
            self.shared.metrics.sent(deliveries, messages.len() - deliveries);
            slot.send(MessageBatch { messages, permit });
        }
        Ok(())
    }
}

/// A page with its slot, and the head for which it was read; `None` if the connection is broken.
type PendingPage = Option<(BatchSlot, LoadedPage, u64)>;

/// Waits for a future. Waits forever if there is none.
async fn some<T>(answer: &mut Option<LogFuture<'_, T>>) -> Result<T, LogError> {
    match answer {
        Some(answer) => Pin::new(answer).await,
        None => pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}
