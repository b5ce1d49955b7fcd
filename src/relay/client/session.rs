//! Owns one connection to a relay, from hello to its end: passes messages to intake, and acks in
//! order those that are on disk.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::super::protocol::{
    self, ClientFrame, Close, CloseCode, Cursor, DeliveryFrame, Due, Epoch, Expected, FrameFault,
    Heartbeat, Hello, PingPayload, RelayFrame, Resume, Resumed, Versions, Welcome, callback_url,
};
use super::close_reason::CloseReason;
use super::connection_end::{ConnectionEnd, lost};
use super::counting_stream::ByteCount;
use super::dial::RelaySocket;
use super::incoming;
use super::outgoing::{OutgoingFrame, write};
use super::pipeline::{IncomingMessage, OnDisk, Pipeline, Verification};
use super::{ClientShared, Reporter};
use crate::callback::MessagePosition;
use crate::intake::{Verified, WriteError};
use crate::outbound::{LOOK_EVERY, SleepDetector};
use crate::text::Printable;

/// Time limit for the welcome after the upgrade.
const WELCOME: Duration = Duration::from_secs(10);
/// Number of stored messages after which an ack is sent even if more are being written.
const ACK_EVERY: usize = 128;
/// Time limit at the end for messages that are being written.
const LAST_ACKS: Duration = Duration::from_secs(3);
/// The id of the ping after the welcome. The heartbeat's ids begin at 1.
const FIRST_PING: PingPayload = PingPayload { id: 0 };
/// Maximum number of queued frames, besides acks.
const FRAMES: usize = 16;

/// Receives until the connection ends. Returns the end, and the time since the welcome.
pub(super) async fn run(
    shared: &ClientShared,
    reporter: &Reporter,
    socket: RelaySocket,
    sleep_detector: &SleepDetector,
) -> (ConnectionEnd, Duration) {
    let byte_count = socket.get_ref().byte_count();
    let (sink, mut stream) = socket.split();
    let (frames, queued) = mpsc::channel(FRAMES);
    let (acks, acked) = watch::channel(None);
    let mut writing = pin!(write(sink, queued, acked).fuse());
    let mut session = ClientSession {
        shared,
        reporter,
        sleep_detector,
        frames,
        acks,
        heart: Heartbeat::new(Duration::ZERO),
        seen: byte_count.bytes(),
        byte_count,
        began: Instant::now(),
        look_at: Instant::now() + LOOK_EVERY,
        welcomed: None,
        pipeline: Pipeline::new(Arc::clone(&shared.intake)),
        unacked: 0,
        close_reason: CloseReason::default(),
        first_ping: None,
    };
    let end = {
        let mut reading = pin!(session.read(&mut stream));
        tokio::select! {
            end = &mut reading => end,
            // Read the relay's last frames, for a short time, because they may have the reason.
            written = &mut writing => match timeout(Close::PATIENCE, reading).await {
                Ok(end) => end,
                Err(_) => lost(&written.err().map_or_else(String::new, |error| error.to_string())),
            },
        }
    };
    let we_close = matches!(end, ConnectionEnd::Stopped | ConnectionEnd::Broke(_));
    if we_close {
        let close = if let ConnectionEnd::Broke(close) = &end { Some(close.clone()) } else { None };
        let last = async {
            if close.is_none() {
                let _ = timeout(LAST_ACKS, session.settle_all()).await;
            }
            let _ = session.frames.send(OutgoingFrame::Close(close)).await;
        };
        let both = async { tokio::join!(last, &mut writing) };
        let _ = timeout(LAST_ACKS + Close::PATIENCE, both).await;
    }
    if we_close || session.close_reason.is_closed() {
        // The closing handshake (RFC 6455, section 5.5.1): further reads send our answer, or return
        // the relay's.
        let _ = timeout(Close::PATIENCE, async { while let Some(Ok(_)) = stream.next().await {} })
            .await;
    }
    let stood = session.welcomed.as_ref().map_or(Duration::ZERO, |welcomed| welcomed.at.elapsed());
    (end, stood)
}

/// A subscription after its welcome.
struct Welcomed {
    at: Instant,
    since: Timestamp,
    /// The URL that senders post to, if the relay sent it.
    callback_url: Option<Printable>,
    /// The identity of the inbox in the journal.
    inbox: Arc<str>,
    expected: Expected,
    /// The newest `seq` at the relay, as far as it was received.
    head: u64,
    /// The `seq` up to which everything is on our disk.
    on_disk: u64,
    rtt: Option<Duration>,
}

struct ClientSession<'a> {
    shared: &'a ClientShared,
    reporter: &'a Reporter,
    sleep_detector: &'a SleepDetector,
    frames: mpsc::Sender<OutgoingFrame>,
    acks: watch::Sender<Option<Cursor>>,
    heart: Heartbeat,
    byte_count: ByteCount,
    /// The byte count at the heartbeat's last sign of life.
    seen: u64,
    began: Instant,
    /// Time of the next check, however many messages arrive.
    look_at: Instant,
    /// `None` before the welcome.
    welcomed: Option<Welcomed>,
    pipeline: Pipeline,
    /// Number of messages on disk that are not acked.
    unacked: usize,
    close_reason: CloseReason,
    /// When the first ping was sent, until its pong arrives.
    first_ping: Option<Instant>,
}

impl ClientSession<'_> {
    async fn read(
        &mut self,
        mut stream: impl Stream<Item = Result<Message, Error>> + Unpin,
    ) -> ConnectionEnd {
        if let Err(end) = self.greet().await {
            return end;
        }
        loop {
            match self.step(&mut stream).await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// Sends hello with the reader's name and position.
    async fn greet(&mut self) -> Result<(), ConnectionEnd> {
        let place = self.shared.intake.relay_place(Arc::clone(&self.shared.subscription)).await;
        let place = place.map_err(ConnectionEnd::ReadFailed)?;
        let resume =
            place.and_then(|place| Some(Resume { epoch: Epoch(place.epoch?), after: place.seq }));
        self.say(ClientFrame::Hello(Hello {
            protocol: Versions::OURS,
            reader: self.shared.settings.reader.clone(),
            resume,
            agent: Some(concat!("dubwatch/", env!("CARGO_PKG_VERSION")).to_owned()),
        }));
        Ok(())
    }

    /// Waits for one event and handles it.
    async fn step(
        &mut self,
        stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
    ) -> Result<(), ConnectionEnd> {
        // A long body on a slow line delays every pong behind it, so bytes count as a sign of life
        // before they are a whole message.
        let came = self.byte_count.bytes();
        if came != std::mem::replace(&mut self.seen, came) {
            self.heart.heard(self.began.elapsed());
        }
        let rest = loop {
            match self.heart.due(self.began.elapsed()) {
                Due::Ping(beat) => self.say(ClientFrame::Ping(beat)),
                Due::Dead => return Err(ConnectionEnd::Dead),
                Due::Wait(until) => break self.began + until,
            }
        };
        if self.look_at <= Instant::now() {
            self.look_at = Instant::now() + LOOK_EVERY;
            self.look()?;
        }
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => Err(ConnectionEnd::Stopped),
            // Before incoming messages: an ack makes room at the relay.
            progress = self.pipeline.progress() => {
                if let Some(on_disk) = progress? {
                    self.ack(&on_disk);
                    self.show();
                }
                Ok(())
            }
            message = stream.next(), if self.pipeline.has_room() => {
                self.heard(message).await?;
                // Handle all messages that have arrived already.
                while self.pipeline.wants_more()
                    && let Some(message) = stream.next().now_or_never()
                {
                    if let Err(end) = self.heard(message).await {
                        // Messages that arrived before the end are valid.
                        self.pipeline.check()?;
                        return Err(end);
                    }
                }
                self.pipeline.check()
            }
            () = sleep_until(rest.min(self.look_at)) => Ok(()),
        }
    }

    /// Checks the clock, the welcome and the disk.
    fn look(&mut self) -> Result<(), ConnectionEnd> {
        if self.sleep_detector.has_jumped() {
            return Err(ConnectionEnd::Slept);
        }
        if self.welcomed.is_none() && self.began.elapsed() >= WELCOME {
            return Err(lost("no welcome came"));
        }
        if self.pipeline.is_stuck() {
            self.shared.intake.complain(WriteError::Late);
            return Err(ConnectionEnd::WriteFailed(WriteError::Late));
        }
        Ok(())
    }

    async fn heard(
        &mut self,
        message: Option<Result<Message, Error>>,
    ) -> Result<(), ConnectionEnd> {
        self.heart.heard(self.began.elapsed());
        let frame = match message {
            Some(Ok(Message::Text(text))) => RelayFrame::decode_text(&text),
            Some(Ok(Message::Binary(bytes))) => RelayFrame::decode_binary(&bytes),
            Some(Ok(Message::Close(frame))) => return Err(self.close_reason.closed(frame)),
            // Websocket control frames; tungstenite answers them.
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(self.close_reason.broken(&error)),
            None => return Err(self.close_reason.cut()),
        };
        let frame = frame.map_err(|fault: FrameFault| ConnectionEnd::Broke(fault.into()))?;
        self.take(frame).await
    }

    async fn take(&mut self, frame: RelayFrame) -> Result<(), ConnectionEnd> {
        match frame {
            RelayFrame::Welcome(welcome) => return self.begin(welcome).await,
            RelayFrame::Delivery(delivery) => return self.delivery(*delivery),
            RelayFrame::Gap(gap) => return self.gap(gap),
            RelayFrame::Draining(draining) => self.close_reason.draining(draining),
            RelayFrame::Superseded => self.close_reason.superseded(),
            RelayFrame::Error(fault) => self.close_reason.error(&fault),
            RelayFrame::Ping(beat) => self.say(ClientFrame::Pong(beat)),
            RelayFrame::Pong(beat) => self.pong(beat),
            RelayFrame::Unknown => {}
        }
        Ok(())
    }

    fn pong(&mut self, beat: PingPayload) {
        let now = self.began.elapsed();
        let rtt = if beat == FIRST_PING {
            self.first_ping.take().map(|sent| sent.elapsed())
        } else {
            self.heart.pong(beat, now)
        };
        if let Some(rtt) = rtt
            && let Some(welcomed) = &mut self.welcomed
        {
            welcomed.rtt = Some(rtt);
            self.show();
        }
    }

    async fn begin(&mut self, welcome: Welcome) -> Result<(), ConnectionEnd> {
        let wrong =
            |sentence: &str| ConnectionEnd::Broke(Close::new(CloseCode::OutOfOrder, sentence));
        if self.welcomed.is_some() {
            return Err(wrong("a second welcome"));
        }
        if Versions::OURS
            .common(Versions { min: welcome.protocol, max: welcome.protocol })
            .is_none()
        {
            let sentence = "a protocol version that was not offered";
            return Err(ConnectionEnd::Broke(Close::new(CloseCode::Version, sentence)));
        }
        // Before any message: the first one must follow this position directly.
        let subscription = Arc::clone(&self.shared.subscription);
        let anew = (welcome.resumed != Resumed::Continued).then_some(welcome.epoch.0);
        let noted = self.shared.intake.subscribed(subscription, welcome.after, anew).await;
        noted.map_err(ConnectionEnd::WriteFailed)?;
        let callback_url = callback_url(&welcome.callback_url);
        if callback_url.is_none() {
            let shown = Printable::new(&welcome.callback_url).cut(80);
            self.reporter.warn(format!(
                "the relay says that senders post to {shown}, which is no http or https URL: ask who runs the relay for the right one"
            ));
        }
        self.reporter.welcomed(callback_url.as_ref(), welcome.epoch.to_string());
        if welcome.resumed == Resumed::RolledBack {
            self.reporter.warn(
                "the relay does not know where we were: its store was lost or is an older copy, so what it had taken and not passed on may be lost".to_owned(),
            );
        }
        self.welcomed = Some(Welcomed {
            at: Instant::now(),
            since: Timestamp::now(),
            inbox: welcome.inbox.to_string().into(),
            callback_url,
            expected: Expected::after(&welcome),
            head: welcome.head,
            on_disk: welcome.after,
            rtt: None,
        });
        self.show();
        // To show the round trip at once and not after the first heartbeat.
        self.first_ping = Some(Instant::now());
        self.say(ClientFrame::Ping(FIRST_PING));
        Ok(())
    }

    fn delivery(&mut self, delivery: DeliveryFrame) -> Result<(), ConnectionEnd> {
        let Some(welcomed) = &mut self.welcomed else {
            return Err(ConnectionEnd::Broke(Close::new(
                CloseCode::OutOfOrder,
                "a delivery before welcome",
            )));
        };
        let cursor = welcomed
            .expected
            .delivery(&delivery)
            .map_err(|hole| ConnectionEnd::Broke(hole.into()))?;
        welcomed.head = welcomed.head.max(delivery.head).max(cursor.seq);
        let position = self.position(cursor, cursor.seq)?;
        let bytes = delivery.body.len();
        let request = incoming::request(delivery);
        let max_body = self.shared.settings.max_body;
        let verification = if bytes > max_body {
            Verification::Ready(Verified::refused(incoming::too_large(request, max_body)))
        } else {
            Verification::Check(Box::new(request))
        };
        self.pipeline.put(IncomingMessage { cursor, position, bytes, verification });
        Ok(())
    }

    fn gap(&mut self, gap: protocol::GapFrame) -> Result<(), ConnectionEnd> {
        let Some(welcomed) = &mut self.welcomed else {
            return Err(ConnectionEnd::Broke(Close::new(
                CloseCode::OutOfOrder,
                "a gap before welcome",
            )));
        };
        let cursor =
            welcomed.expected.gap(&gap).map_err(|hole| ConnectionEnd::Broke(hole.into()))?;
        welcomed.head = welcomed.head.max(gap.to);
        let callback_url = welcomed.callback_url.as_ref().map_or("", Printable::as_str);
        let noted = incoming::gap(&gap, callback_url);
        let position = self.position(cursor, gap.from)?;
        self.pipeline.put(IncomingMessage {
            cursor,
            position,
            bytes: 0,
            verification: Verification::Ready(Verified::gap(noted)),
        });
        Ok(())
    }

    fn position(&self, cursor: Cursor, from: u64) -> Result<MessagePosition, ConnectionEnd> {
        let Some(welcomed) = &self.welcomed else { return Err(lost("no welcome came")) };
        Ok(MessagePosition {
            relay: Arc::clone(&self.shared.subscription),
            inbox: Arc::clone(&welcomed.inbox),
            epoch: cursor.epoch.0,
            from,
            to: cursor.seq,
        })
    }

    /// Sends an ack if enough messages are on disk, or no more are being written.
    fn ack(&mut self, on_disk: &OnDisk) {
        if let Some(welcomed) = &mut self.welcomed {
            welcomed.on_disk = on_disk.upto.seq;
        }
        self.unacked += on_disk.count;
        if self.shared.settings.reader.is_some()
            && (self.unacked >= ACK_EVERY || self.pipeline.is_empty())
        {
            self.unacked = 0;
            self.acks.send_replace(Some(on_disk.upto));
        }
    }

    /// Waits for all messages that are being written.
    async fn settle_all(&mut self) {
        while !self.pipeline.is_empty() {
            match self.pipeline.progress().await {
                Ok(Some(on_disk)) => self.ack(&on_disk),
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    /// Queues a frame if there is room. If not, the relay does not read and will soon be found
    /// dead.
    fn say(&self, frame: ClientFrame) {
        let _ = self.frames.try_send(OutgoingFrame::Frame(frame));
    }

    fn show(&self) {
        if let Some(welcomed) = &self.welcomed {
            let behind = welcomed.head.saturating_sub(welcomed.on_disk);
            self.reporter.up(welcomed.since, welcomed.rtt, behind);
        }
    }
}
