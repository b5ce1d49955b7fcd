//! The stand-in for the service's API, over real sockets: what it answers, and that each of its
//! faults does what it says.

mod api;
mod demo;
mod files;
mod replies;

use std::io::{Read, Write};
use std::net::TcpStream;

use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::simulate::service::{
    Faults, NamedBy, Owner, StandIn, World, WorldAsset, WorldVersion,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::common::LIMIT;

/// The key of the tests.
const KEY: &str = "k1";

/// A running stand-in on a runtime of its own; tests block.
struct Service {
    runtime: Runtime,
    stand_in: StandIn,
}

/// A response, read to the end of its connection.
struct Response {
    status: u16,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Service {
    fn new(world: World) -> Self {
        let runtime = Runtime::new().unwrap();
        let stand_in = runtime.block_on(StandIn::start(KEY, world)).unwrap();
        Self { runtime, stand_in }
    }

    /// One with an asset for each kind of answer.
    fn usual() -> Self {
        Self::new(usual())
    }

    fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.stand_in.faults(change);
    }

    fn address(&self) -> String {
        self.stand_in.url().strip_prefix("http://").unwrap().to_owned()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Sends a request with these header lines.
    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = self.connect();
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        Response::read(self.send(method, target, headers))
    }

    /// Asks the API with the right key.
    fn get(&self, target: &str) -> Response {
        self.ask("GET", target, &[("authorization", &self.authorization())])
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.stand_in.key())
    }

    /// Asks the API, and expects JSON with 200.
    fn json(&self, target: &str) -> Value {
        let response = self.get(target);
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"));
        response.json()
    }

    /// The path and query of a version's link.
    fn link(&self, version_id: &str) -> String {
        let version = self.json(&format!("/v1/versions/{version_id}"));
        let url = version["result_url"].as_str().unwrap();
        url.strip_prefix(&self.stand_in.url()).unwrap().to_owned()
    }

    /// Stops it; fails if that takes as long as anything that went wrong.
    fn stop(self) {
        let stopped = async { tokio::time::timeout(LIMIT, self.stand_in.stop()).await };
        self.runtime.block_on(stopped).unwrap();
    }
}

impl Response {
    fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A cut connection may be reset; what came before counts.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes.split_off(end + 4) }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The announced length.
    fn length(&self) -> Option<usize> {
        self.header("content-length").map(|length| length.parse().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Expects an error in the form of the service.
    fn refuses(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(self.json()["detail"].is_string(), "{}", self.text());
    }
}

/// Versions in every status, names in every field, assets of other accounts.
fn usual() -> World {
    let mut world = World::default();
    let version = |id: &str, status| {
        let mut version = WorldVersion::new(id, "es-ES");
        version.video_bytes = 300_000;
        version.set(status);
        version
    };
    let hidden = WorldAsset::new("a5", NamedBy::MediaUrl);
    world.add(
        WorldAsset { owner: Owner::Hidden, ..hidden }.with(version("v5", VersionStatus::Completed)),
    );
    let forbidden = WorldAsset::new("a4", NamedBy::MediaUrl);
    world.add(
        WorldAsset { owner: Owner::Forbidden, ..forbidden }
            .with(version("v4", VersionStatus::Completed)),
    );
    world.add(WorldAsset::new("a/3?x", NamedBy::ExternalId("E-3".to_owned())));
    world.add(
        WorldAsset::new("a2", NamedBy::Title("Two".to_owned()))
            .with(version("v2", VersionStatus::Failed)),
    );
    world.add(
        WorldAsset::new("a1", NamedBy::Name("One".to_owned()))
            .with(version("v1-done", VersionStatus::Completed))
            .with(version("v1-ready", VersionStatus::ReadyToEdit))
            .with(version("v1-runs", VersionStatus::Generating))
            .with(version("v1-not", VersionStatus::NotReady)),
    );
    world
}
