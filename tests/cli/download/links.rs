//! Which links are followed: only one that the API's own answer holds, and never to this machine or a
//! private network, unless the API is on this machine too.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::Studio;
use crate::cli_support::{Home, Ran};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");
const LIMIT: Duration = Duration::from_secs(60);

/// The heads of requests that came.
type Heads = Arc<Mutex<Vec<String>>>;

/// Reads the head of a request; empty at the end of a connection.
fn head(stream: &mut impl std::io::Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A server that hands each connection to `serve`, on a thread of its own.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A server that answers every request alike, and closes. Returns the heads that it got.
fn answering(answer: Vec<u8>) -> (SocketAddr, Heads) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let address = server(move |mut stream| {
        seen.lock().unwrap().push(head(&mut stream));
        // A client that has read enough closes the connection.
        let _ = stream.write_all(&answer);
    });
    (address, heads)
}

fn ok(lines: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes(), body].concat()
}

/// Lets the API give the link of another host, which answers with these lines and this body. Returns
/// the complaint, and the names of files.
pub(super) fn served(lines: &str, body: &[u8]) -> (String, Vec<String>) {
    let lines = if lines.contains("length") {
        lines.to_owned()
    } else {
        format!("{lines}content-length: {}\r\n", body.len())
    };
    let (host, heads) = answering(ok(&lines, body));
    let studio = Studio::usual();
    let link = format!("http://{host}/s3cret?Signature=s3cret");
    studio.faults(|faults| faults.result_url = Some(link));
    let ran = studio.download(&["--version", "v", "--yes"]);
    let said = ran.complaint(1).to_owned();
    assert!(!said.contains("s3cret"), "{said}");
    for head in heads.lock().unwrap().iter().map(|head| head.to_lowercase()) {
        assert!(head.starts_with("get /s3cret?signature=s3cret http/1.1\r\n"), "{head}");
        assert!(!head.contains("authorization") && !head.contains("panjaya"), "no key: {head}");
    }
    (said, studio.names())
}

#[test]
fn links_that_are_none_are_not_followed() {
    let studio = Studio::usual();
    for link in [
        "s3cret",
        "/s3cret",
        "//cdn.example/s3cret",
        "ftp://cdn.example/s3cret",
        "file:///etc/s3cret",
        "http://cdn.example/s3cret",
        "http://10.0.0.1/s3cret",
        "http://169.254.169.254/s3cret",
        "http://localhost.example/s3cret",
        "https://user:s3cret@cdn.example/s3cret",
        "https://cdn.example/s3cret \u{1b}[2J",
        "https://",
        "javascript:s3cret",
    ] {
        studio.faults(|faults| faults.result_url = Some(link.to_owned()));
        let said = studio.download(&["--version", "v", "--yes"]).complaint(1).to_owned();
        assert!(said.contains("gives for version v is not followed: it "), "{link}: {said}");
        assert!(!said.contains("s3cret") && !said.contains('\u{1b}'), "{link}: {said}");
    }
    assert_eq!(studio.names(), [""; 0]);
}

#[test]
fn redirects_are_followed_within_bounds() {
    let studio = Studio::usual();
    let redirecting = |to: &str| {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let (host, heads) = answering(answer.into());
        studio.faults(|faults| faults.result_url = Some(format!("http://{host}/s3cret")));
        (host, heads)
    };
    for (to, words) in [
        ("/s3cret/again", "in a circle"),
        ("http://10.0.0.1/s3cret", "it leads to 10.0.0.1 without https"),
        ("http://cdn.example/s3cret", "it leads to cdn.example without https"),
        ("https://u:s3cret@cdn.example/", "it holds a user name"),
        ("//cdn.example/s3cret", "it is no URL that can be followed"),
        ("file:///s3cret", "it is no URL that can be followed"),
    ] {
        let (_, heads) = redirecting(to);
        let said = studio.download(&["--version", "v", "--yes"]).complaint(1).to_owned();
        assert!(said.contains(words) && !said.contains("s3cret"), "{to}: {said}");
        assert!((1..=4).contains(&heads.lock().unwrap().len()), "{to}");
    }
    // Another host is asked about as well.
    let (video, _) = answering(ok("content-type: video/webm\r\ncontent-length: 5\r\n", b"video"));
    let (host, _) = redirecting(&format!("http://{video}/v"));
    let root = studio.home.path("").to_str().unwrap().to_owned();
    let (url, key) = (studio.stand_in.url(), studio.stand_in.key());
    let to = format!("{root}out");
    let args = ["download", "--version", "v", "--to", &to, "--api-url", &url];
    let envs = [("HOME", root.as_str()), ("PANJAYA_API_KEY", key.as_str())];
    let pty = crate::tui_support::Pty::spawn(160, 24, args, &envs);
    for host in [host, video] {
        pty.wait_for_text(&format!("Download from {host}? [y/N]"));
        pty.type_keys("y\n");
    }
    assert_eq!(pty.wait(LIMIT).exit_code(), 0, "{}", pty.screen_text());
    assert_eq!(studio.read("The film.es-ES.webm"), b"video");
}

/// An API elsewhere: https under the name relay.test, behind a proxy. The version `redirect` has a
/// link to the API's own host that redirects; others have the link itself.
struct Elsewhere {
    home: Home,
    proxy: SocketAddr,
    connects: Heads,
}

impl Elsewhere {
    fn new(link: &str) -> Self {
        let link = link.to_owned();
        let certificates =
            CertificateDer::pem_file_iter(format!("{FIXTURES}/proxied.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/proxied.key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates.collect::<Result<_, _>>().unwrap(), key)
            .unwrap();
        let config = Arc::new(config);
        let connects = Heads::default();
        let heard = Arc::clone(&connects);
        let proxy = server(move |mut stream| {
            heard.lock().unwrap().push(head(&mut stream));
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(tls, stream);
            loop {
                let head = head(&mut tls);
                let answer = match head.split(' ').nth(1) {
                    None => return,
                    Some("/file") => {
                        ok("content-type: video/mp4\r\ncontent-length: 5\r\n", b"video")
                    }
                    Some("/redirect") => {
                        format!("HTTP/1.1 307 Go\r\nlocation: {link}\r\ncontent-length: 0\r\n\r\n")
                            .into()
                    }
                    Some(path) if path.starts_with("/v1/versions/") => {
                        let id = path.rsplit('/').next().unwrap();
                        let link =
                            if id == "redirect" { "https://relay.test/redirect" } else { &link };
                        let body = json!({"id": id, "status": "Completed", "result_url": link});
                        let body = body.to_string();
                        ok(&format!("content-length: {}\r\n", body.len()), body.as_bytes())
                    }
                    Some(_) => b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".into(),
                };
                if tls.write_all(&answer).and_then(|()| tls.flush()).is_err() {
                    return;
                }
            }
        });
        Self { home: Home::new(), proxy, connects }
    }

    fn download(&self, version_id: &str) -> Ran {
        let ca = format!("{FIXTURES}/proxied_ca.pem");
        let mut command =
            self.home.command(["download", "--yes", "--to", ".", "--version", version_id]);
        command.args(["--api-url", "https://relay.test", "--cacert", &ca]);
        command.env("PANJAYA_API_KEY", "k").env("HTTPS_PROXY", format!("http://{}", self.proxy));
        self.home.ran(&mut command)
    }
}

#[test]
fn a_public_host_is_reached_through_the_proxy() {
    let elsewhere = Elsewhere::new("https://relay.test/file");
    for version_id in ["v", "redirect"] {
        let ran = elsewhere.download(version_id);
        assert_eq!(ran.done(), format!("./{version_id}.mp4\n"));
        let file = std::fs::read(elsewhere.home.path(&format!("{version_id}.mp4"))).unwrap();
        assert_eq!(file, b"video");
    }
}

/// The trap is on this machine: no connection to it is made, whatever its address is called, and
/// whether the API's answer or a redirect leads there.
#[test]
fn no_link_of_an_api_elsewhere_leads_to_this_machine_or_a_private_network() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = trap.local_addr().unwrap().port();
    trap.set_nonblocking(true).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "a.localhost",
        "LOCALHOST.",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "[fd00::1]",
        "[fe80::1]",
    ] {
        let elsewhere = Elsewhere::new(&format!("https://{host}:{port}/s3cret?sig=s3cret"));
        for version_id in ["v", "redirect"] {
            let said = elsewhere.download(version_id).complaint(1).to_owned();
            // A resolver need not know every name of this machine.
            let refuses = said.contains("its address is not on the public internet")
                || host.len() > "localhost".len() && said.contains("failed to lookup address");
            assert!(refuses && !said.contains("s3cret"), "{host}, {version_id}: {said}");
        }
        let connects = elsewhere.connects.lock().unwrap().clone();
        assert!(
            connects.iter().all(|head| head.starts_with("CONNECT relay.test:443 ")),
            "{connects:?}"
        );
        assert!(trap.accept().is_err(), "{host} was connected to");
    }
    // http is refused before any name is looked at.
    let elsewhere = Elsewhere::new(&format!("http://127.0.0.1:{port}/s3cret"));
    for version_id in ["v", "redirect"] {
        let said = elsewhere.download(version_id).complaint(1).to_owned();
        assert!(said.contains("leads to 127.0.0.1") && said.contains("without https"), "{said}");
    }
    assert!(trap.accept().is_err());
}
