//! One connection in paused time; the test plays the relay.

use std::sync::{Mutex, mpsc};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::super::protocol::{
    ClientFrame, CloseCode, Cursor, DEAD_AFTER, DeliveryFrame, EncodedFrame, Epoch, GapFrame,
    GapReason, HEARTBEAT, Hello, InboxIdentity, PingPayload, RelayFrame, Resume, Resumed, WINDOW,
    Welcome, decode_client,
};
use super::counting_stream::CountingStream;
use super::*;
use crate::callback::{Encoding, Headers, SIGNATURE_HEADER};
use crate::intake::Policy;
use crate::journal::{Journal, Location};
use crate::outbound::AnyStream;
use crate::signature::{PrivateKey, TrustedKeys};

const EPOCH: Epoch = Epoch(7);
/// Exceeded only by a test that hangs, because time is paused.
const LIMIT: Duration = Duration::from_secs(3600);

static NOW: Mutex<Option<Timestamp>> = Mutex::new(None);

/// A reader with a journal, and the data for sending to it.
struct Scene {
    client: Client,
    telling: LinkReports,
    journal: Arc<Journal>,
    key: PrivateKey,
    stop: CancellationToken,
}

impl Scene {
    fn new(reader: Option<&str>) -> Self {
        Self::on(&Location::Memory, reader, Timestamp::now)
    }

    fn on(place: &Location, reader: Option<&str>, wall: fn() -> Timestamp) -> Self {
        let journal = Arc::new(Journal::open(place, None).unwrap());
        let key = PrivateKey::generate().unwrap();
        let keys = TrustedKeys::new(key.public("test"));
        let intake = Intake::new(keys, Policy::Required, Arc::clone(&journal), 1).unwrap();
        let settings = ClientSettings {
            address: Address::new("ws://127.0.0.1:1", false).unwrap(),
            token: SubscribeToken::new("dwr_test", "").unwrap(),
            token_place: TokenPlace::Setting("DUBWATCH_RELAY_TOKEN".into()),
            reader: reader.map(|name| name.parse().unwrap()),
            outbound: Outbound::default(),
            max_body: 1 << 20,
        };
        let stop = CancellationToken::new();
        let (client, telling) = Client::with_clock(settings, Arc::new(intake), stop.clone(), wall);
        Self { client, telling, journal, key, stop }
    }

    /// Welcomes the reader; returns once the subscription is on disk and the link is up. Takes no
    /// paused time.
    async fn welcome(&self, relay: &mut Relay, head: u64) {
        let _stopped = StoppedClock::new();
        relay.hello().await;
        relay.say(&welcome(0, head)).await;
        let mut link = self.telling.link.clone();
        link.wait_for(|link| matches!(link.state, LinkState::Up { .. })).await.unwrap();
    }

    /// Returns a signed delivery.
    fn delivery(&self, seq: u64) -> RelayFrame {
        let body = format!(
            r#"{{"event":"version_ready","asset_id":"a{seq}","version_id":"v","version_locale":"es-ES"}}"#
        );
        let signature = hex::encode(self.key.sign(body.as_bytes(), Encoding::Der).unwrap());
        delivery(seq, &signature, body.into_bytes())
    }

    fn kept(&self) -> Vec<String> {
        let page = self.journal.reader().unwrap().deliveries_after(0, 10_000).unwrap();
        page.into_iter().filter_map(|delivery| delivery.callback.asset_id).collect()
    }

    /// Runs one connection with `play` as the relay.
    async fn connection<T>(
        &self,
        play: impl AsyncFnOnce(Relay) -> T,
    ) -> (ConnectionEnd, Duration, T) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let ours = CountingStream::new(AnyStream::new(ours));
        let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let run = session::run(
            &self.client.shared,
            &self.client.reporter,
            ours,
            &self.client.sleep_detector,
        );
        let both = async { tokio::join!(run, play(Relay(theirs))) };
        let ((end, stood), played) = tokio::time::timeout(LIMIT, both).await.unwrap();
        (end, stood, played)
    }
}

/// Stops paused time while it exists. Paused time advances as soon as every task waits, but the
/// journal's thread is not a task.
struct StoppedClock {
    _running: mpsc::SyncSender<()>,
}

impl StoppedClock {
    fn new() -> Self {
        let (running, ended) = mpsc::sync_channel::<()>(0);
        // Tokio does not advance the clock while a blocking task runs.
        tokio::task::spawn_blocking(move || ended.recv());
        Self { _running: running }
    }
}

fn delivery(seq: u64, signature: &str, body: Vec<u8>) -> RelayFrame {
    RelayFrame::Delivery(Box::new(DeliveryFrame {
        cursor: Cursor { epoch: EPOCH, seq },
        head: seq,
        received_at: Timestamp::now(),
        method: "POST".to_owned(),
        tail: String::new(),
        query: None,
        headers: Headers::from_raw([(SIGNATURE_HEADER, signature.as_bytes())]),
        peer: "192.0.2.7:1".to_owned(),
        body,
    }))
}

fn welcome(after: u64, head: u64) -> RelayFrame {
    RelayFrame::Welcome(Welcome {
        protocol: 1,
        inbox: InboxIdentity(7),
        epoch: EPOCH,
        head,
        retained_from: 1,
        after,
        resumed: Resumed::Continued,
        callback_url: "https://relay.example/in/abc".to_owned(),
        window: WINDOW,
        max_body: 1 << 20,
    })
}

/// The relay's end.
struct Relay(WebSocketStream<DuplexStream>);

impl Relay {
    async fn say(&mut self, frame: &RelayFrame) {
        let message = match frame.encode() {
            EncodedFrame::Text(text) => Message::Text(text.into()),
            EncodedFrame::Binary(bytes) => Message::Binary(bytes.into()),
        };
        // A failed send is ignored: the missing answer shows that the reader has left.
        let _ = self.0.send(message).await;
    }

    /// Returns the reader's next frame; `None` at the end.
    async fn hear(&mut self) -> Option<ClientFrame> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(decode_client(Some(&text)).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Returns the code of the final close.
    async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.0.next().await? {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    async fn hello(&mut self) -> Hello {
        match self.hear().await {
            Some(ClientFrame::Hello(hello)) => hello,
            other => panic!("{other:?}"),
        }
    }

    /// Answers pings until an ack arrives.
    async fn ack(&mut self) -> Option<u64> {
        loop {
            match self.hear().await? {
                ClientFrame::Ack(cursor) => return Some(cursor.seq),
                ClientFrame::Ping(beat) => self.say(&RelayFrame::Pong(beat)).await,
                _ => {}
            }
        }
    }

    async fn ack_of(&mut self, seq: u64) {
        while self.ack().await.expect("an ack") < seq {}
    }

    /// Closes. Returns the code of the answering close.
    async fn close(&mut self, code: CloseCode) -> Option<u16> {
        let frame = CloseFrame { code: code.number().into(), reason: "because".into() };
        let _ = self.0.close(Some(frame)).await;
        self.close_code().await
    }
}

#[tokio::test]
async fn what_is_on_disk_is_acked_and_the_next_connection_goes_on_behind_it() {
    let scene = Scene::new(Some("laptop"));
    let (end, _, hello) = scene
        .connection(async |mut relay| {
            let hello = relay.hello().await;
            relay.say(&welcome(0, 3)).await;
            for seq in 1..=3 {
                relay.say(&scene.delivery(seq)).await;
            }
            relay.ack_of(3).await;
            assert_eq!(scene.kept(), ["a1", "a2", "a3"], "acked before it was on disk");
            relay.close(CloseCode::Unavailable).await;
            hello
        })
        .await;
    assert!(
        matches!(&end, ConnectionEnd::Closed(close) if close.code == CloseCode::Unavailable),
        "{end}"
    );
    assert_eq!((hello.reader.unwrap().as_str(), hello.resume), ("laptop", None));
    let (_, _, resume) = scene
        .connection(async |mut relay| {
            let hello = relay.hello().await;
            // The relay has lost the acks.
            relay.say(&welcome(1, 4)).await;
            for seq in 2..=4 {
                relay.say(&scene.delivery(seq)).await;
            }
            relay.ack_of(4).await;
            hello.resume
        })
        .await;
    assert_eq!(resume, Some(Resume { epoch: EPOCH, after: 3 }));
    assert_eq!(scene.kept(), ["a1", "a2", "a3", "a4"], "once each");
}

#[tokio::test]
async fn a_refused_delivery_and_a_gap_hold_up_nothing() {
    let scene = Scene::new(Some("laptop"));
    scene
        .connection(async |mut relay| {
            relay.hello().await;
            relay.say(&welcome(0, 8)).await;
            relay.say(&delivery(1, "3006", b"{}".to_vec())).await;
            relay.say(&delivery(2, "", vec![b'x'; (1 << 20) + 1])).await;
            let gap = GapFrame {
                epoch: EPOCH,
                from: 3,
                to: 6,
                reason: GapReason::Age,
                count: 4,
                at: None,
            };
            relay.say(&RelayFrame::Gap(gap)).await;
            relay.say(&scene.delivery(7)).await;
            relay.ack_of(7).await;
        })
        .await;
    assert_eq!(scene.kept(), ["a7"]);
    assert_eq!(scene.client.shared.intake.counts().refusals(), 2);
    let gaps = scene.journal.reader().unwrap().gaps_after(0, 9).unwrap();
    assert_eq!((gaps[0].gap.from, gaps[0].gap.to, gaps[0].gap.reason.as_str()), (3, 6, "age"));
}

#[tokio::test]
async fn a_reader_without_a_name_never_acks() {
    let scene = Scene::new(None);
    scene
        .connection(async |mut relay| {
            assert_eq!(relay.hello().await.reader, None);
            relay.say(&welcome(0, 300)).await;
            for seq in 1..=300 {
                relay.say(&scene.delivery(seq)).await;
            }
            let told = scene
                .telling
                .link
                .clone()
                .wait_for(|link| matches!(link.state, LinkState::Up { behind: 0, .. }))
                .await
                .is_ok();
            assert!(told);
            scene.stop.cancel();
            assert_eq!(relay.ack().await, None);
        })
        .await;
    assert_eq!(scene.kept().len(), 300);
}

#[tokio::test]
async fn what_is_on_its_way_to_the_disk_when_it_stops_is_still_acked() {
    let scene = Scene::new(Some("laptop"));
    let (end, _, ()) = scene
        .connection(async |mut relay| {
            relay.hello().await;
            relay.say(&welcome(0, 2)).await;
            relay.say(&scene.delivery(1)).await;
            relay.say(&scene.delivery(2)).await;
            relay.ack_of(1).await;
            scene.stop.cancel();
            while relay.hear().await.is_some() {}
        })
        .await;
    assert!(matches!(end, ConnectionEnd::Stopped));
    let place = scene.journal.reader().unwrap().relay_place(&scene.client.shared.subscription);
    assert!(place.unwrap().unwrap().seq >= 1);
}

#[tokio::test]
async fn frames_out_of_order_end_the_connection_with_their_code() {
    for (frames, code) in [
        (vec![delivery(1, "", Vec::new())], CloseCode::OutOfOrder),
        (vec![welcome(0, 1), welcome(0, 1)], CloseCode::OutOfOrder),
        (vec![welcome(0, 1), delivery(2, "", Vec::new())], CloseCode::OutOfOrder),
    ] {
        let scene = Scene::new(Some("laptop"));
        let (end, _, found) = scene
            .connection(async |mut relay| {
                relay.hello().await;
                for frame in &frames {
                    relay.say(frame).await;
                }
                relay.close_code().await
            })
            .await;
        assert!(matches!(&end, ConnectionEnd::Broke(close) if close.code == code), "{end}");
        assert_eq!(found, Some(code.number()));
        assert_eq!(scene.kept(), [""; 0]);
    }
}

#[tokio::test]
async fn a_message_that_is_no_frame_is_answered_with_a_close() {
    for message in [Message::Text("[]".into()), Message::Binary(vec![0xff; 9].into())] {
        let scene = Scene::new(Some("laptop"));
        let (_, _, found) = scene
            .connection(async |mut relay| {
                relay.hello().await;
                relay.0.send(message).await.unwrap();
                relay.close_code().await
            })
            .await;
        assert_eq!(found, Some(CloseCode::Malformed.number()));
    }
}

/// An invalid callback URL is not shown; deliveries are accepted nevertheless.
#[tokio::test]
async fn a_callback_url_that_is_none_is_not_shown_and_costs_no_delivery() {
    let mut scene = Scene::new(Some("laptop"));
    for (said, shown) in [
        ("https://relay.example/in/abc", Some("https://relay.example/in/abc")),
        ("call +1 555 0100 to get your callbacks", None),
    ] {
        let RelayFrame::Welcome(mut welcome) = welcome(0, 1) else { unreachable!() };
        said.clone_into(&mut welcome.callback_url);
        scene
            .connection(async |mut relay| {
                relay.hello().await;
                relay.say(&RelayFrame::Welcome(welcome)).await;
                relay.say(&scene.delivery(1)).await;
                relay.ack_of(1).await;
                relay.close(CloseCode::Unavailable).await;
            })
            .await;
        assert_eq!(scene.telling.link.borrow().callback_url.as_deref(), shown);
    }
    let warning = scene.telling.warnings.recv().await.unwrap();
    assert!(warning.contains("which is no http or https URL"), "{warning}");
}

/// RFC 6455, section 5.5.1.
#[tokio::test]
async fn a_relays_close_is_answered_with_its_own_code() {
    let scene = Scene::new(Some("laptop"));
    let (_, _, found) = scene
        .connection(async |mut relay| {
            relay.hello().await;
            relay.say(&welcome(0, 0)).await;
            relay.close(CloseCode::Forgotten).await
        })
        .await;
    assert_eq!(found, Some(CloseCode::Forgotten.number()));
}

#[tokio::test]
async fn why_a_relay_closes_decides_what_comes_next() {
    let scene = Scene::new(Some("laptop"));
    let ended = async |code: CloseCode, before: Option<RelayFrame>| {
        let (end, ..) = scene
            .connection(async |mut relay| {
                relay.hello().await;
                relay.say(&welcome(0, 0)).await;
                if let Some(frame) = &before {
                    relay.say(frame).await;
                }
                relay.close(code).await;
            })
            .await;
        end
    };
    assert!(matches!(ended(CloseCode::Superseded, None).await, ConnectionEnd::Superseded));
    let draining = super::super::protocol::Draining { retry_after: 9 };
    let end = ended(CloseCode::Draining, Some(RelayFrame::Draining(draining))).await;
    assert!(matches!(end, ConnectionEnd::Draining(after) if after.as_secs() == 9));
    let fault = super::super::protocol::Fault { code: 4009, sentence: "gone\u{1b}".to_owned() };
    let end = ended(CloseCode::Revoked, Some(RelayFrame::Error(fault))).await;
    let ConnectionEnd::Closed(close) = end else { panic!("{end}") };
    assert!(close.sentence.starts_with("gone") && !close.sentence.contains('\u{1b}'));
}

#[tokio::test(start_paused = true)]
async fn it_pings_every_fifteen_seconds_and_gives_up_after_thirty_of_silence() {
    let scene = Scene::new(Some("laptop"));
    let (end, stood, pings) = scene
        .connection(async |mut relay| {
            scene.welcome(&mut relay, 0).await;
            let mut pings = Vec::new();
            let begin = Instant::now();
            while let Some(frame) = relay.hear().await {
                let ClientFrame::Ping(beat) = frame else { panic!("{frame:?}") };
                pings.push(begin.elapsed().as_secs());
                // Two are answered, then none.
                if pings.len() <= 3 {
                    relay.say(&RelayFrame::Pong(beat)).await;
                }
            }
            pings
        })
        .await;
    assert!(matches!(end, ConnectionEnd::Dead), "{end}");
    let beat = HEARTBEAT.as_secs();
    assert_eq!(pings, [0, beat, 2 * beat, 3 * beat]);
    assert_eq!(stood.as_secs(), 2 * beat + DEAD_AFTER.as_secs());
    let link = scene.telling.link.borrow().clone();
    assert!(matches!(link.state, LinkState::Up { rtt: Some(_), .. }), "{link:?}");
}

#[tokio::test(start_paused = true)]
async fn the_relays_pings_are_answered() {
    let scene = Scene::new(Some("laptop"));
    scene
        .connection(async |mut relay| {
            relay.hello().await;
            relay.say(&RelayFrame::Ping(PingPayload { id: 44 })).await;
            assert_eq!(relay.hear().await, Some(ClientFrame::Pong(PingPayload { id: 44 })));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_says_nothing_is_not_waited_for() {
    let scene = Scene::new(Some("laptop"));
    let begin = Instant::now();
    let (end, stood, ()) =
        scene.connection(async |mut relay| while relay.hear().await.is_some() {}).await;
    assert!(matches!(end, ConnectionEnd::Lost(_)), "{end}");
    assert!((10..=15).contains(&begin.elapsed().as_secs()) && stood == Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_dials_again_at_once() {
    fn wall() -> Timestamp {
        NOW.lock().unwrap().unwrap_or(Timestamp::UNIX_EPOCH)
    }
    let scene = Scene::on(&Location::Memory, Some("laptop"), wall);
    let (end, ..) = scene
        .connection(async |mut relay| {
            scene.welcome(&mut relay, 0).await;
            relay.hear().await;
            // An hour passes on the wall clock only.
            *NOW.lock().unwrap() = Some(Timestamp::from_second(3600).unwrap());
            while relay.hear().await.is_some() {}
        })
        .await;
    assert!(matches!(end, ConnectionEnd::Slept), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_ends_the_connection_and_nothing_is_acked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let scene = Scene::on(&Location::File(path.clone()), Some("laptop"), Timestamp::now);
    let (end, _, acked) = scene
        .connection(async |mut relay| {
            scene.welcome(&mut relay, 1).await;
            // The journal's thread waits for this lock.
            let lock = rusqlite::Connection::open(&path).unwrap();
            lock.execute_batch("BEGIN IMMEDIATE").unwrap();
            relay.say(&scene.delivery(1)).await;
            let acked = relay.ack().await;
            drop(lock);
            acked
        })
        .await;
    assert!(matches!(end, ConnectionEnd::WriteFailed(_)), "{end}");
    assert_eq!(acked, None);
}

/// Returns the waits after connections that lasted `stood` and ended with `end`, with maximum
/// jitter.
fn waits(end: &ConnectionEnd, stood: u64) -> Vec<u64> {
    let mut backoff = Backoff::default();
    let mut next = || AfterEnd::after(end, Duration::from_secs(stood), &mut backoff, u64::MAX);
    (0..4)
        .map(|_| match next() {
            Some(AfterEnd::Later { wait, .. }) => {
                u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
            }
            _ => panic!("it is not dialled again"),
        })
        .collect()
}

#[test]
fn no_relay_can_make_us_dial_fast() {
    let longer = |waits: &[u64], first: u64| {
        assert!(waits[0] >= first && waits.windows(2).all(|two| two[1] > two[0]), "{waits:?}");
    };
    longer(&waits(&ConnectionEnd::Draining(Duration::ZERO), 0), 1000);
    longer(&waits(&ConnectionEnd::Draining(Duration::from_secs(9)), 0), 9000);
    {
        let close =
            || ConnectionEnd::Closed(super::super::protocol::Close::new(CloseCode::Dead, ""));
        longer(&waits(&close(), 1), 499);
        longer(&waits(&close(), 59), 499);
        assert_eq!(waits(&close(), 60), [0; 4]);
    }
    longer(&waits(&ConnectionEnd::Dead, 59), 499);
    assert_eq!(waits(&ConnectionEnd::Dead, 60), [0; 4]);
    assert_eq!(waits(&ConnectionEnd::Slept, 0), [0; 4]);
}

#[tokio::test]
async fn an_inbox_is_the_same_at_another_publish_url_and_another_name_of_its_relay() {
    let mut scene = Scene::new(Some("laptop"));
    for (token, callback_url) in [
        ("dwr_old", "https://relay.example/in/abc"),
        ("dwr_new", "http://10.0.0.1:8080/deep/in/def"),
    ] {
        // Another token is another subscription: the relay starts from the beginning.
        scene.client.shared.subscription = token.into();
        scene
            .connection(async |mut relay| {
                relay.hello().await;
                let RelayFrame::Welcome(mut welcome) = welcome(0, 2) else { panic!() };
                welcome.callback_url = callback_url.to_owned();
                relay.say(&RelayFrame::Welcome(welcome)).await;
                relay.say(&scene.delivery(1)).await;
                relay.say(&scene.delivery(2)).await;
                relay.ack_of(2).await;
            })
            .await;
    }
    assert_eq!(scene.kept(), ["a1", "a2"], "once each");
}

#[tokio::test(start_paused = true)]
async fn a_long_body_on_a_slow_line_is_waited_for_as_long_as_it_moves() {
    for (pause, arrives) in [(12, true), (45, false)] {
        let scene = Scene::new(Some("laptop"));
        let (end, _, acked) = scene
            .connection(async |mut relay| {
                scene.welcome(&mut relay, 1).await;
                let EncodedFrame::Binary(bytes) = scene.delivery(1).encode() else { panic!() };
                let mut frame = vec![0x82, 126];
                frame.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
                frame.extend(bytes);
                // A pong cannot overtake it.
                let pieces: Vec<_> = frame.chunks(frame.len().div_ceil(10)).collect();
                let (last, others) = pieces.split_last().unwrap();
                for piece in others {
                    let line = relay.0.get_mut();
                    if line.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                }
                let stopped = StoppedClock::new();
                let _ = relay.0.get_mut().write_all(last).await;
                let acked = relay.ack().await;
                drop(stopped);
                relay.close(CloseCode::Unavailable).await;
                acked
            })
            .await;
        assert_eq!(acked, arrives.then_some(1), "{pause}: {end}");
        assert_eq!(matches!(end, ConnectionEnd::Dead), !arrives, "{pause}: {end}");
    }
}

#[tokio::test]
async fn a_refused_delivery_that_comes_again_is_listed_once() {
    let scene = Scene::new(Some("laptop"));
    for _ in 0..2 {
        scene
            .connection(async |mut relay| {
                relay.hello().await;
                // The relay has lost the acks.
                relay.say(&welcome(0, 3)).await;
                relay.say(&delivery(1, "3006", b"{}".to_vec())).await;
                relay.say(&delivery(2, "", vec![b'x'; (1 << 20) + 1])).await;
                relay.say(&scene.delivery(3)).await;
                relay.ack_of(3).await;
            })
            .await;
        assert_eq!(scene.client.shared.intake.counts().refusals(), 2);
    }
}

#[test]
fn every_reason_of_a_gap_has_a_sentence_of_its_own() {
    let mut sentences = std::collections::HashSet::new();
    for reason in GapReason::ALL {
        for count in [1, 2] {
            let gap = crate::callback::Gap {
                at: Timestamp::UNIX_EPOCH,
                inbox: String::new(),
                epoch: 1,
                from: 1,
                to: 1,
                count,
                reason: reason.name().to_owned(),
            };
            sentences.insert((reason, gap.why()));
        }
    }
    let whys: std::collections::HashSet<_> = sentences.iter().map(|(_, why)| why).collect();
    // Without a known reason a gap counts as one.
    assert_eq!(whys.len(), 2 * GapReason::ALL.len() - 1);
}
