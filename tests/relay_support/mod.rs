//! A relay as its users meet it: the real binary, its operator's commands, posts by HTTP, and a
//! reader that speaks protocol 1 over a real websocket.

pub(crate) mod form;
pub(crate) mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use dubwatch::internals::callback::Encoding;
use dubwatch::internals::relay::protocol::{
    ClientFrame, CloseCode, Cursor, DeliveryFrame, Hello, PingPayload, RelayFrame, Resume,
    SUBPROTOCOL, SUBSCRIBE_PATH, Versions, Welcome,
};
use dubwatch::internals::signature::PrivateKey;
use rustix::process::Signal;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use crate::common::{Answer, Client, LIMIT, Site, Watch, request};

/// A relay's place, and the relay while it runs.
pub(crate) struct Relay {
    pub(crate) site: Site,
    flags: Vec<String>,
    running: Option<Watch>,
}

/// What was made for an inbox.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    /// The path that senders post to.
    pub(crate) path: String,
    pub(crate) token: String,
}

impl Relay {
    /// A running relay that trusts the site's key.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::on(Site::new(), flags)
    }

    /// The same on a site of its own.
    pub(crate) fn on(site: Site, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut relay = Self { site, flags, running: None };
        relay.start_again();
        relay
    }

    pub(crate) fn start_again(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let mut arguments = vec!["relay", "--public-key", "sender.pem"];
        arguments.extend(flags);
        let mut command = self.site.command(&arguments);
        command.env("DUBWATCH_LOG", "trace");
        self.running = Some(Watch::new(command.spawn().unwrap()));
    }

    pub(crate) fn watch(&self) -> &Watch {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.watch().address
    }

    /// kill -9. Gives what it said on stderr.
    pub(crate) fn kill(&mut self) -> String {
        self.running.take().unwrap().stop(Signal::KILL).err
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(&mut self) -> crate::common::Ended {
        self.running.take().unwrap().stop(Signal::TERM)
    }

    /// An operator's command.
    pub(crate) fn operate(&self, arguments: &[&str]) -> (bool, String) {
        let all = [&["relay", "inbox"], arguments].concat();
        let mut command = self.site.bare();
        let output = command.arg("--db").arg(&self.site.db).args(all).output().unwrap();
        let words = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), words)
    }

    pub(crate) fn inbox(&self, name: &str) -> Inbox {
        let (done, line) = self.operate(&["create", name, "--json"]);
        assert!(done, "{line}");
        Inbox::from(&line)
    }

    /// Posts to an inbox over a connection of its own.
    pub(crate) fn post(&self, inbox: &Inbox, body: &[u8]) -> Answer {
        let mut client = Client::new(self.address()).unwrap();
        client.send(self.signed(inbox, body));
        client.answer()
    }

    /// A post whose signature holds.
    pub(crate) fn signed(&self, inbox: &Inbox, body: &[u8]) -> Vec<u8> {
        signed(&self.site.key, &inbox.path, body)
    }

    /// Posts many over one connection; all are kept.
    pub(crate) fn post_all(&self, inbox: &Inbox, bodies: impl IntoIterator<Item = String>) {
        let mut client = Client::new(self.address()).unwrap();
        for body in bodies {
            client.send(self.signed(inbox, body.as_bytes()));
            assert_eq!(client.answer().status, 200, "{body}");
        }
    }

    pub(crate) fn connect(&self, inbox: &Inbox) -> Reader {
        Reader::connect(self.address(), &inbox.token).unwrap()
    }

    /// A reader that was welcomed.
    pub(crate) fn reader(
        &self,
        inbox: &Inbox,
        name: Option<&str>,
        resume: Option<Resume>,
    ) -> Reader {
        let mut reader = self.connect(inbox);
        reader.hello(name, resume);
        reader
    }
}

impl Inbox {
    /// From a line of JSON of `create` or `rotate`.
    pub(crate) fn from(line: &str) -> Self {
        let record: Value = serde_json::from_str(line).unwrap();
        let url = record["publish_url"].as_str().unwrap();
        let at = url.find("/in/").unwrap();
        Self { path: url[at..].to_owned(), token: record["token"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn publish_id(&self) -> &str {
        &self.path[4..]
    }
}

/// What a reader hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Frame(RelayFrame),
    /// A close with one of our codes.
    Closed(CloseCode),
    /// A close without, or a broken connection.
    Broken(String),
}

/// A reader by hand.
pub(crate) struct Reader<S: Read + Write = TcpStream> {
    pub(crate) socket: WebSocket<S>,
    /// Whether pings are answered.
    pub(crate) alive: bool,
    pub(crate) welcome: Option<Welcome>,
}

/// A request to subscribe with this value of `Authorization`.
pub(crate) fn subscription(authority: &str, authorization: Option<&str>) -> Request {
    let mut request = format!("ws://{authority}{SUBSCRIBE_PATH}").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    if let Some(value) = authorization {
        headers.insert("authorization", value.parse().unwrap());
    }
    request
}

impl Reader<TcpStream> {
    /// Subscribes; the status and body where that is refused.
    pub(crate) fn connect(address: SocketAddr, token: &str) -> Result<Self, (u16, Vec<u8>)> {
        let request = subscription(&address.to_string(), Some(&format!("Bearer {token}")));
        Self::with(address, request)
    }

    pub(crate) fn with(address: SocketAddr, request: Request) -> Result<Self, (u16, Vec<u8>)> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream, request)
    }
}

impl<S: Read + Write> Reader<S> {
    pub(crate) fn over(stream: S, request: Request) -> Result<Self, (u16, Vec<u8>)> {
        match client(request, stream) {
            Ok((mut socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], SUBPROTOCOL);
                assert!(!response.headers().contains_key("sec-websocket-extensions"));
                socket.set_config(|config: &mut WebSocketConfig| {
                    config.max_message_size = Some(8 << 20);
                });
                Ok(Self { socket, alive: true, welcome: None })
            }
            Err(HandshakeError::Failure(Error::Http(response))) => {
                Err((response.status().as_u16(), response.into_body().unwrap_or_default()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn say(&mut self, frame: &ClientFrame) {
        self.text(&frame.encode());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Says hello and hears the welcome.
    pub(crate) fn hello(&mut self, name: Option<&str>, resume: Option<Resume>) -> Welcome {
        let reader = name.map(|name| name.parse().unwrap());
        let hello =
            Hello { protocol: Versions::OURS, reader, resume, agent: Some("test".to_owned()) };
        self.say(&ClientFrame::Hello(hello));
        match self.next() {
            Heard::Frame(RelayFrame::Welcome(welcome)) => {
                self.welcome = Some(welcome.clone());
                welcome
            }
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub(crate) fn ack(&mut self, cursor: Cursor) {
        self.say(&ClientFrame::Ack(cursor));
    }

    /// The next frame; pings are answered and passed over.
    pub(crate) fn next(&mut self) -> Heard {
        let start = Instant::now();
        loop {
            // Pings alone would keep a test that waits for something else from ever ending.
            if self.alive && start.elapsed() > LIMIT {
                return Heard::Broken("nothing but pings came".to_owned());
            }
            let frame = match self.socket.read() {
                Ok(Message::Text(text)) => RelayFrame::decode_text(&text).unwrap(),
                Ok(Message::Binary(bytes)) => RelayFrame::decode_binary(&bytes).unwrap(),
                Ok(Message::Close(Some(close))) => {
                    return CloseCode::from_number(close.code.into())
                        .map_or_else(|| Heard::Broken(close.to_string()), Heard::Closed);
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                Ok(Message::Close(None)) => return Heard::Broken("closed".to_owned()),
                Err(error) => return Heard::Broken(error.to_string()),
            };
            match frame {
                RelayFrame::Ping(PingPayload { id }) if self.alive => {
                    self.say(&ClientFrame::Pong(PingPayload { id }));
                }
                frame => return Heard::Frame(frame),
            }
        }
    }

    pub(crate) fn delivery(&mut self) -> DeliveryFrame {
        match self.next() {
            Heard::Frame(RelayFrame::Delivery(delivery)) => *delivery,
            other => panic!("no delivery: {other:?}"),
        }
    }

    /// The bodies of the next deliveries, as text.
    pub(crate) fn bodies(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| String::from_utf8(self.delivery().body).unwrap()).collect()
    }

    /// Frames up to the close, and its code.
    pub(crate) fn closed(&mut self) -> (Vec<RelayFrame>, CloseCode) {
        let mut frames = Vec::new();
        loop {
            match self.next() {
                Heard::Frame(frame) => frames.push(frame),
                Heard::Closed(code) => return (frames, code),
                Heard::Broken(why) => panic!("broken: {why}; before: {frames:?}"),
            }
        }
    }

    /// The answer to a ping that was sent by hand.
    pub(crate) fn hears_pong(&mut self, id: u64) {
        assert_eq!(self.next(), Heard::Frame(RelayFrame::Pong(PingPayload { id })));
    }

    /// That nothing about the inbox comes: a ping that is answered before anything else, twice.
    pub(crate) fn hears_nothing(&mut self) {
        for id in [(1 << 53) - 2, (1 << 53) - 1] {
            self.say(&ClientFrame::Ping(PingPayload { id }));
            assert_eq!(self.next(), Heard::Frame(RelayFrame::Pong(PingPayload { id })));
        }
    }
}

/// A post to this path, signed.
pub(crate) fn signed(key: &PrivateKey, path: &str, body: &[u8]) -> Vec<u8> {
    let signature = hex::encode(key.sign(body, Encoding::Der).unwrap());
    request("POST", path, &[("x-signature", &signature)], body)
}

/// The same story every time (splitmix64).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }

    /// The same for a place in a list, or a number of things.
    pub(crate) fn pick(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

/// How often a condition is looked at that nobody reports: the machine is left to those watched.
pub(crate) const LOOK: Duration = Duration::from_millis(2);

/// Waits for `holds`, within the limit.
pub(crate) fn within(mut holds: impl FnMut() -> bool, limit: Duration, what: &str) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "waited in vain for {what}");
        std::thread::park_timeout(LOOK);
    }
}
