//! Every answer of the HTTP door, without a socket: the router over an intake over a journal. What
//! needs a connection is in `serve.rs`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use dubwatch::internals::callback::{Encoding, RefusalKind, Source, Verdict};
use dubwatch::internals::intake::{Intake, Policy};
use dubwatch::internals::journal::{WriteError, WriterLimits};
use dubwatch::internals::listener::{Listener, ListenerSettings};
use dubwatch::internals::serve::Peer;
use dubwatch::internals::signature::{PrivateKey, TrustedKeys};
use dubwatch::internals::status::Counts;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use rstest::rstest;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use crate::test_store::TestStore;

const BODY: &[u8] =
    br#"{"event":"version_ready","asset_id":"ast","version_id":"ver","version_locale":"es-ES"}"#;
const MAX_BODY: usize = 1 << 20;

/// A door with everything behind it.
struct House {
    router: Router,
    intake: Arc<Intake>,
    store: TestStore,
    key: PrivateKey,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl House {
    fn new() -> Self {
        Self::with(TestStore::in_memory(), Policy::Required, MAX_BODY)
    }

    /// One whose journal can be held up and broken.
    fn on_disk(limits: WriterLimits) -> Self {
        Self::with(TestStore::on_disk(limits), Policy::Required, MAX_BODY)
    }

    fn with(store: TestStore, policy: Policy, max_body: usize) -> Self {
        let key = PrivateKey::generate().unwrap();
        let trusted = TrustedKeys::new(key.public("test"));
        let journal = Arc::clone(&store.journal);
        let intake = Arc::new(Intake::new(trusted, policy, journal, 1).unwrap());
        let settings = ListenerSettings {
            path: "/callback".to_owned(),
            max_body,
            body_timeout: Duration::from_secs(15),
        };
        let router = Listener::new(settings, Arc::clone(&intake)).router();
        Self { router, intake, store, key }
    }

    fn signature(&self, body: &[u8]) -> String {
        hex::encode(self.key.sign(body, Encoding::Der).unwrap())
    }

    /// A callback as the service posts it.
    fn signed(&self, body: &'static [u8]) -> Request<Body> {
        Request::post("/callback")
            .header("X-Signature", self.signature(body))
            .extension(Peer("192.0.2.7:4711".parse().unwrap()))
            .body(Body::from(body))
            .unwrap()
    }

    /// The answer to come; nothing happens before it is polled.
    fn call(&self, request: Request<Body>) -> Pin<Box<impl Future<Output = Answer> + use<>>> {
        let answer = self.router.clone().oneshot(request);
        Box::pin(async move { read(answer.await.unwrap()).await })
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        self.call(request).await
    }

    /// The one refusal that was listed, and what was counted.
    fn only_refusal(&self) -> (dubwatch::internals::callback::Refusal, Counts) {
        self.intake.close();
        let listed = self.store.listed();
        let [listed] = listed.as_slice() else { panic!("one refusal was expected: {listed:?}") };
        (listed.refusal.clone(), self.intake.counts())
    }
}

async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Polls once; what it waits for has to come from the test.
fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A body that the test sends piece by piece, without an announced length.
struct Pieces(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl Pieces {
    fn channel() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, Body) {
        let (sender, receiver) = mpsc::channel(64);
        (sender, Body::new(Self(receiver)))
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// A body that nobody may read.
struct Untouchable;

impl http_body::Body for Untouchable {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        panic!("the body was read")
    }
}

#[tokio::test]
async fn a_valid_callback_is_kept_as_received_and_answered_200() {
    let house = House::new();
    let mut request = house.signed(BODY);
    *request.uri_mut() = "/callback/?a=1&b".parse().unwrap();
    request.headers_mut().insert("authorization", "Bearer s3cret".parse().unwrap());
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    let before = jiff::Timestamp::now().as_microsecond();
    let answer = house.answer(request).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "kept\n"));

    let kept = house.store.kept();
    let [accepted] = kept.as_slice() else { panic!("one delivery was expected") };
    let received = &accepted.request;
    assert_eq!(received.body, BODY);
    assert_eq!(received.path, "/callback/?a=1&b");
    assert_eq!((received.method.as_str(), received.peer.as_str()), ("POST", "192.0.2.7:4711"));
    assert_eq!(received.source, Source::Direct);
    assert!(received.received_at.as_microsecond() >= before);
    let names: Vec<_> = received.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["x-signature", "authorization", "content-type"]);
    assert!(received.headers.all("authorization").all(|value| !value.contains("s3cret")));
    let valid = Verdict::Valid { key: "test".into(), encoding: Encoding::Der };
    assert_eq!(accepted.verdict, valid);
    assert_eq!(accepted.callback.asset_id.as_deref(), Some("ast"));
    assert_eq!(house.intake.counts(), Counts { valid: 1, ..Counts::default() });
}

#[rstest]
#[case::not_json(b"\xff\xfe\x00 hello")]
#[case::empty(b"")]
#[case::unknown_event(br#"{"event":"version_flown","asset_id":"a"}"#)]
#[case::wrong_types(br#"{"event":7,"asset_id":["a"],"version_id":{},"version_locale":true}"#)]
#[case::empty_id(br#"{"event":"asset_failed","asset_id":""}"#)]
#[tokio::test]
async fn an_authentic_delivery_that_cannot_be_read_is_kept(#[case] body: &'static [u8]) {
    let house = House::new();
    assert_eq!(house.answer(house.signed(body)).await.status, StatusCode::OK);
    let kept = house.store.kept();
    assert_eq!(kept[0].request.body, body);
    assert!(kept[0].callback.unreadable.is_some());
}

#[tokio::test]
async fn depth_hurts_nobody() {
    let house = House::new();
    let body: &'static [u8] = "[".repeat(10_000).leak().as_bytes();
    assert_eq!(house.answer(house.signed(body)).await.status, StatusCode::OK);
    assert!(house.store.kept()[0].callback.unreadable.is_some());
}

#[tokio::test]
async fn without_the_check_everything_is_let_in_unchecked() {
    let house = House::with(TestStore::in_memory(), Policy::Off, MAX_BODY);
    let request = Request::post("/callback").body(Body::from(BODY)).unwrap();
    assert_eq!(house.answer(request).await.status, StatusCode::OK);
    assert_eq!(house.store.kept()[0].verdict, Verdict::Unchecked);
    assert_eq!(house.intake.counts(), Counts { unchecked: 1, ..Counts::default() });
}

/// What is done to the headers of a sound callback.
fn spoil(kind: RefusalKind, request: &mut Request<Body>) {
    let headers = request.headers_mut();
    match kind {
        RefusalKind::Missing => drop(headers.remove("x-signature")),
        RefusalKind::Malformed => drop(headers.insert("x-signature", "zz".parse().unwrap())),
        _ => *request.body_mut() = Body::from("another body"),
    }
}

#[rstest]
#[case(RefusalKind::Missing, "there is no X-Signature header")]
#[case(RefusalKind::Malformed, "")]
#[case(RefusalKind::Invalid, "no trusted key made it")]
#[tokio::test]
async fn whatever_is_wrong_with_a_signature_is_answered_401_alike(
    #[case] kind: RefusalKind,
    #[case] why: &str,
) {
    let house = House::new();
    let mut request = house.signed(BODY);
    spoil(kind, &mut request);
    let answer = house.answer(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.text(), "signature not accepted\n");
    let headers: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(headers, ["content-type", "content-length"]);

    let (refusal, counts) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status, refusal.count), (kind, 401, 1));
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert_eq!(refusal.peer, "192.0.2.7:4711");
    assert_eq!((refusal.method.as_str(), refusal.path.as_str()), ("POST", "/callback"));
    assert_eq!((counts.refused[kind as usize], counts.refusals()), (1, 1));
    assert!(house.store.kept().is_empty());
}

#[tokio::test]
async fn two_signature_headers_are_one_too_many() {
    let house = House::new();
    let mut request = house.signed(BODY);
    let twin = request.headers()["x-signature"].clone();
    request.headers_mut().append("x-signature", twin);
    assert_eq!(house.answer(request).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.only_refusal().0.kind, RefusalKind::Malformed);
}

#[rstest]
#[case("POST", "/callbacks", "POST /callbacks: the path is /callback")]
#[case("POST", "/", "POST /: the path is /callback")]
#[case("POST", "/callback//", "POST /callback//: the path is /callback")]
#[case("POST", "/CALLBACK", "POST /CALLBACK: the path is /callback")]
#[case("GET", "/favicon.ico", "GET /favicon.ico: the path is /callback")]
#[case("POST", "/healthz", "POST /healthz: the path is /callback")]
#[tokio::test]
async fn another_path_is_answered_404(#[case] method: &str, #[case] path: &str, #[case] why: &str) {
    let house = House::new();
    let mut request = house.signed(BODY);
    *request.uri_mut() = path.parse().unwrap();
    *request.method_mut() = method.parse().unwrap();
    *request.body_mut() = Body::new(Untouchable);
    let answer = house.answer(request).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, "not the callback path\n"));
    let (refusal, _) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::WrongPath, 404));
    assert_eq!(refusal.why, why);
}

#[rstest]
#[tokio::test]
async fn another_method_is_answered_405_with_allow(
    #[values("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW")] method: &str,
) {
    let house = House::new();
    let mut request = house.signed(BODY);
    *request.method_mut() = method.parse().unwrap();
    let answer = house.answer(request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), Some("POST"));
    let (refusal, _) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::WrongMethod, 405));
    assert_eq!(refusal.why, format!("{method} /callback: callbacks are POST requests"));
}

#[tokio::test(start_paused = true)]
async fn a_body_later_than_15_s_is_answered_408_however_it_trickles() {
    let house = House::new();
    let (sender, body) = Pieces::channel();
    let trickle = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs(1));
        loop {
            pace.tick().await;
            if sender.send(Ok(Bytes::from_static(b"x"))).await.is_err() {
                break;
            }
        }
    });
    let mut request = house.signed(BODY);
    *request.body_mut() = body;
    let begun = tokio::time::Instant::now();
    let answer = house.answer(request).await;
    let took = begun.elapsed();
    assert!((15.0..15.1).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.text(), "the body came too slowly\n");
    trickle.await.unwrap();
    let (refusal, _) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::TooSlow, 408));
    assert!(refusal.why.starts_with("body not complete after 15 s, 1"), "{}", refusal.why);
    assert!(refusal.body.truncated && refusal.body.bytes.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn a_body_announced_too_large_is_answered_413_unread() {
    let house = House::new();
    let mut request = house.signed(BODY);
    request.headers_mut().insert("content-length", "1048577".parse().unwrap());
    *request.body_mut() = Body::new(Untouchable);
    let answer = house.answer(request).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.text(), "the body is too large\n");
    let (refusal, _) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::TooLarge, 413));
    assert_eq!(refusal.why, "body of 1048577 bytes, limit 1048576 (--max-body)");
    assert!(refusal.body.bytes.is_empty() && refusal.body.truncated);
}

#[rstest]
#[case::at_the_limit(MAX_BODY, StatusCode::UNAUTHORIZED)]
#[case::one_over(MAX_BODY + 1, StatusCode::PAYLOAD_TOO_LARGE)]
#[tokio::test]
async fn a_chunked_body_is_read_up_to_the_limit(#[case] size: usize, #[case] status: StatusCode) {
    let house = House::new();
    let (sender, body) = Pieces::channel();
    for chunk in vec![b'x'; size].chunks(100_000) {
        sender.try_send(Ok(Bytes::copy_from_slice(chunk))).unwrap();
    }
    drop(sender);
    let mut request = house.signed(BODY);
    *request.body_mut() = body;
    assert_eq!(house.answer(request).await.status, status);
    let (refusal, _) = house.only_refusal();
    assert_eq!(refusal.status, status.as_u16());
    assert_eq!((refusal.body.bytes.len(), refusal.body.truncated), (4096, true));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_answered_400() {
    let house = House::new();
    let (sender, body) = Pieces::channel();
    sender.try_send(Ok(Bytes::from_static(b"{\"ev"))).unwrap();
    sender.try_send(Err(std::io::Error::other("reset\u{1b}[2J"))).unwrap();
    let mut request = house.signed(BODY);
    *request.body_mut() = body;
    let answer = house.answer(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text(), "the body broke off\n");
    let (refusal, _) = house.only_refusal();
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::Broken, 400));
    assert_eq!(refusal.why, "the body broke off after 4 bytes: reset\\u{1b}[2J");
    assert_eq!(refusal.body.bytes, b"{\"ev");
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.text(), "cannot be kept now, try again\n");
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_kept_is_answered_503_with_retry_after(
    #[values(WriteError::Full, WriteError::Late, WriteError::Failed("no such table".into()), WriteError::Closed)]
    why: WriteError,
) {
    let house = House::on_disk(match why {
        WriteError::Full => WriterLimits { bytes: 1, ..WriterLimits::default() },
        WriteError::Late => WriterLimits { patience: Duration::ZERO, ..WriterLimits::default() },
        WriteError::Failed(_) | WriteError::Closed => WriterLimits::default(),
    });
    let mut _lock = None;
    match why {
        WriteError::Full => {
            // An entry that waits takes all the room.
            _lock = Some(house.store.hold_up());
            house.store.journal.name("ast".to_owned(), None).unwrap();
        }
        WriteError::Late => {}
        WriteError::Failed(_) => house.store.break_down(),
        WriteError::Closed => house.store.close(),
    }
    assert_unavailable(&house.answer(house.signed(BODY)).await);
    let outage = house.intake.outage().await.to_string();
    assert!(outage.contains(&why.to_string()), "{outage}");
    house.intake.close();
    assert!(house.store.listed().is_empty(), "a 503 is no refusal");
    assert_eq!(house.intake.counts(), Counts { unavailable: 1, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_never_answers_is_waited_for_5_s() {
    let house = House::on_disk(WriterLimits::default());
    let lock = house.store.hold_up();
    let begun = tokio::time::Instant::now();
    assert_unavailable(&house.answer(house.signed(BODY)).await);
    let took = begun.elapsed();
    assert!((5.0..5.1).contains(&took.as_secs_f64()), "{took:?}");
    drop(lock);
    house.store.close();
    assert_eq!(house.store.kept().len(), 1, "it may be on disk all the same");
}

#[tokio::test(start_paused = true)]
async fn no_200_goes_out_before_the_receipt() {
    let house = House::on_disk(WriterLimits::default());
    let lock = house.store.hold_up();
    let mut call = house.call(house.signed(BODY));
    assert!(poll_once(&mut call).is_pending());
    tokio::time::advance(Duration::from_millis(4900)).await;
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(house.intake.counts().valid, 0);
    assert!(house.store.kept().is_empty(), "it is not on disk yet");
    drop(lock);
    house.store.close();
    assert_eq!(house.store.kept().len(), 1);
    let Poll::Ready(answer) = poll_once(&mut call) else { panic!("the receipt is there") };
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(house.intake.counts().valid, 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_cancels_nothing() {
    let house = House::on_disk(WriterLimits::default());
    let lock = house.store.hold_up();
    let mut call = house.call(house.signed(BODY));
    assert!(poll_once(&mut call).is_pending());
    drop(call);
    drop(lock);
    house.store.close();
    assert_eq!(house.store.kept()[0].request.body, BODY, "the first poll hands it over");
}

#[tokio::test]
async fn healthz_says_whether_the_journal_can_be_written() {
    let house = House::on_disk(WriterLimits::default());
    let ask = || Request::get("/healthz").body(Body::empty()).unwrap();
    let answer = house.answer(ask()).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "ok\n"));
    house.store.break_down();
    assert_unavailable(&house.answer(house.signed(BODY)).await);
    assert_unavailable(&house.answer(ask()).await);
}

/// What every long body together may take beyond the first 64 KiB of each, in bytes.
const SHARED: usize = 64 << 20;

#[tokio::test]
async fn long_bodies_share_a_budget_and_usual_ones_need_none() {
    let house = House::with(TestStore::in_memory(), Policy::Required, SHARED);
    let stream = |size: usize| {
        let (sender, body) = Pieces::channel();
        sender.try_send(Ok(vec![b'x'; size].into())).unwrap();
        let mut request = house.signed(BODY);
        *request.body_mut() = body;
        (sender, house.call(request))
    };
    // Announced, and nothing of it sent: it takes nothing.
    let mut announced = house.signed(BODY);
    announced.headers_mut().insert("content-length", SHARED.to_string().parse().unwrap());
    let (_nothing, body) = Pieces::channel();
    *announced.body_mut() = body;
    let mut announced = house.call(announced);
    assert!(poll_once(&mut announced).is_pending());

    let (_open, mut first) = stream(40 << 20);
    assert!(poll_once(&mut first).is_pending(), "it has room and waits for the rest");
    let (_open, second) = stream(40 << 20);
    assert_unavailable(&second.await);
    assert_eq!(house.intake.counts().unavailable, 1);
    assert_eq!(house.answer(house.signed(BODY)).await.status, StatusCode::OK);
    let usual: &'static [u8] = vec![b' '; 64 << 10].leak();
    assert_eq!(house.answer(house.signed(usual)).await.status, StatusCode::OK);

    drop(first);
    let (open, third) = stream(40 << 20);
    drop(open);
    assert_eq!(third.await.status, StatusCode::UNAUTHORIZED, "there is room again");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// An answer is one of a few constants, so nothing of a request can be in it.
    #[test]
    fn answers_are_constants(
        method in "POST|GET|[A-Z]{3,9}",
        path in "/callback|/callback\\?[a-z<>=%&]{0,20}|/healthz|/[!-;=-_a-z~]{0,40}",
        name in "[a-z][a-z0-9-]{0,20}",
        value in "[ -~]{0,60}",
        signature in proptest::option::of("[!-~]{0,150}"),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
        let house = House::new();
        let mut request = Request::builder().method(method.as_str()).uri(uri).header(name, value);
        if let Some(signature) = signature {
            request = request.header("x-signature", signature);
        }
        let request = request.body(Body::from(body)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(house.answer(request));
        let (text, expected): (&str, &[(&str, &str)]) = match answer.status.as_u16() {
            200 => ("ok\n", &[]),
            401 => ("signature not accepted\n", &[]),
            404 => ("not the callback path\n", &[]),
            405 => ("callbacks are POST requests\n", &[("allow", "POST")]),
            413 => ("the body is too large\n", &[]),
            other => panic!("{other}"),
        };
        let headers: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|header| *header != ("content-type", "text/plain; charset=utf-8"))
            // The router says how long a constant is.
            .filter(|header| *header != ("content-length", &answer.body.len().to_string()))
            .collect();
        prop_assert_eq!(headers, expected);
        prop_assert_eq!(answer.text(), text);
        prop_assert!(house.store.kept().is_empty());
    }
}
