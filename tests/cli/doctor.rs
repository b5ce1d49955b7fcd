//! `dubwatch doctor`: what is found, with what to do, and at which hop a probe is lost or changed.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;

use crate::cli_support::{Home, Ran};

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns the findings that a run printed with `--json`.
fn findings(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.err, "", "{}", ran.out);
    let findings: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for finding in &findings {
        assert_eq!((&finding["v"], &finding["type"]), (&1.into(), &"finding".into()));
        // What is not as it should be says what to do.
        assert_eq!(finding["level"] == "ok", finding["todo"].is_null(), "{finding}");
    }
    let is_bad = findings.iter().any(|finding| finding["level"] == "bad");
    assert_eq!(ran.code, Some(i32::from(is_bad)), "{}", ran.out);
    findings
}

/// Returns the findings about one thing, as `level: what`.
fn about(findings: &[Value], what: &str) -> Vec<String> {
    let own = findings.iter().filter(|finding| finding["about"] == what);
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    own.map(|finding| format!("{}: {}", text(finding, "level"), text(finding, "what"))).collect()
}

/// The address of a listener from its URL.
fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap()
}

#[test]
fn nothing_is_bad_and_nothing_is_made_in_an_empty_home() {
    let home = Home::new();
    let found = findings(&home.run("doctor --listen 0 --json"));
    assert!(found.iter().all(|finding| finding["level"] != "bad"), "{found:?}");
    let [journal] = &about(&found, "journal")[..] else { panic!("{found:?}") };
    assert!(journal.starts_with("ok: ~/data/dubwatch/journal.db does not exist yet"), "{journal}");
    let keys = about(&found, "keys");
    assert!(
        keys[0].starts_with("ok: panjaya is trusted, SHA256:8bc61334f942c40219fa887de7870f8a"),
        "{keys:?}"
    );
    assert!(!home.path("data").exists(), "it changes nothing");
    let text = home.run("doctor --listen 0");
    assert!(text.done().ends_with("\n\nnothing is bad\n"), "{text:?}");
    assert!(text.out.contains("\n✓ ok    listener    127.0.0.1:"), "{text:?}");
    let ascii = home.run("doctor --listen 0 --ascii");
    assert!(ascii.done().is_ascii(), "{ascii:?}");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let home = Home::new();
    let watch = home.watch();
    home.run(&format!("send --to {}", watch.url)).done();
    assert_eq!(watch.stop(), Some(143));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let found = findings(&home.run(&format!("doctor --listen {port} --json")));
    let listener = about(&found, "listener");
    assert!(listener[0].starts_with("bad: cannot listen on 127.0.0.1:"), "{listener:?}");
    let journal = about(&found, "journal");
    assert!(journal[0].contains("journal.db: 1 delivery, "), "{journal:?}");
    assert!(journal[0].ends_with(", intact"), "{journal:?}");
    assert_eq!(journal[1], "ok: it can be written, and no other dubwatch writes it");

    // A key that others can read proves nothing.
    let key = home.path("data/dubwatch/dev.pem");
    home.run("send --to http://127.0.0.1:1/");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let keys = about(&findings(&home.run("doctor --listen 0 --json")), "keys");
    assert!(keys[1].starts_with("bad: "), "{keys:?}");

    // Damage in the middle of the file.
    let mut bytes = std::fs::read(home.journal()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..].fill(0x5a);
    std::fs::write(home.journal(), bytes).unwrap();
    let journal = about(&findings(&home.run("doctor --listen 0 --json")), "journal");
    assert!(journal[0].starts_with("bad: "), "{journal:?}");

    let other = home.write("notes.txt", "no journal");
    let line = format!("doctor --listen 0 --json --db {}", other.display());
    let journal = about(&findings(&home.run(&line)), "journal");
    assert!(journal[0].starts_with("bad: ~/notes.txt is not a journal of dubwatch"), "{journal:?}");
    assert_eq!(std::fs::read(other).unwrap(), b"no journal");

    // An app that is down is no mistake, and a target that cannot be one is.
    let found = findings(&home.run("doctor --listen 0 --json --forward-to 127.0.0.1:1"));
    let forward = about(&found, "forward");
    assert!(forward[0].starts_with("note: http://127.0.0.1:1/ cannot be reached"), "{forward:?}");
    let line = format!("doctor --listen 0 --json --forward-to 127.0.0.1:{port}");
    let forward = about(&findings(&home.run(&line)), "forward");
    assert_eq!(forward, [format!("ok: an app takes connections at http://127.0.0.1:{port}/")]);
    let line = "doctor --listen 0 --json --forward-to 3000 --forward-to 3000";
    let forward = about(&findings(&home.run(line)), "forward");
    assert!(forward[0].starts_with("bad: "), "{forward:?}");

    let line = "doctor --listen 0 --json --relay wss://127.0.0.1:1 --api-key-file key.txt";
    let found = findings(&home.run(line));
    assert!(about(&found, "relay")[0].starts_with("bad: there is no token"), "{found:?}");
    assert!(about(&found, "API")[0].starts_with("bad: there is no file"), "{found:?}");
    assert!(about(&found, "settings")[0].contains("--relay"), "{found:?}");
}

/// What the hop before the listener does to a request.
#[derive(Debug, Clone, Copy)]
enum Hop {
    PassesOn,
    Answers,
    WritesJsonAnew,
    LosesSignature,
    ChangesPath,
}

/// A proxy in front of a listener. Returns its URL.
fn proxy(to: String, hop: Hop) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            pass_on(&stream.unwrap(), &to, hop);
        }
    });
    url
}

fn pass_on(client: &TcpStream, to: &str, hop: Hop) {
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let (mut input, mut output) = (BufReader::new(client), client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
    });
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    input.read_exact(&mut body).unwrap();
    let mut path = "/callback";
    let mut kept: Vec<&str> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    match hop {
        Hop::PassesOn => {}
        Hop::Answers => {
            let answer = "HTTP/1.1 502 Bad\r\nserver: edge-7\r\ncontent-length: 0\r\n\r\n";
            return output.write_all(answer.as_bytes()).unwrap();
        }
        Hop::WritesJsonAnew => {
            body = serde_json::from_slice::<Value>(&body).unwrap().to_string().into_bytes();
        }
        Hop::LosesSignature => kept.retain(|line| !line.to_lowercase().starts_with("x-signature:")),
        Hop::ChangesPath => path = "/api/callback",
    }
    kept.retain(|line| {
        let line = line.to_lowercase();
        !line.starts_with("content-length") && !line.starts_with("connection")
    });
    let mut request = format!("POST {path} HTTP/1.1\r\n");
    for line in kept {
        request.extend([line, "\r\n"]);
    }
    let length = body.len().to_string();
    request.extend([
        "via: 1.1 proxy\r\nconnection: close\r\ncontent-length: ",
        &length,
        "\r\n\r\n",
    ]);
    let mut upstream = TcpStream::connect(to).unwrap();
    upstream.write_all(request.as_bytes()).unwrap();
    upstream.write_all(&body).unwrap();
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).unwrap();
    output.write_all(&answer).unwrap();
}

/// Through a listener of the doctor's own, and through one of a dubwatch that is running: it refuses
/// the probe, so no state changes.
#[test]
fn a_probe_tells_at_which_hop_it_was_lost_or_changed() {
    let cases = [
        (Hop::PassesOn, "ok: ", "leads here; body and signature arrive unchanged"),
        (Hop::Answers, "bad: ", "was answered 502 on its way (edge-7), and did not arrive here"),
        (Hop::WritesJsonAnew, "bad: ", "the body arrives changed"),
        (Hop::LosesSignature, "bad: ", "X-Signature is lost (it passed a proxy that added via)"),
        (
            Hop::ChangesPath,
            "bad: ",
            "it arrives at /api/callback, and callbacks are taken at /call",
        ),
    ];
    let running = Home::new();
    let watch = running.watch();
    for (hop, level, words) in cases {
        let url = proxy(address(&watch.url).to_owned(), hop);
        let listen = address(&watch.url);
        let line = format!("doctor --json --listen {listen} --public-url {url}");
        let found = findings(&running.run(&line));
        assert!(about(&found, "listener")[0].starts_with("ok: the dubwatch that"), "{found:?}");
        let said = &about(&found, "public URL")[0];
        assert!(said.starts_with(level) && said.contains(words), "{hop:?} {said}");

        let home = Home::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = proxy(format!("127.0.0.1:{port}"), hop);
        let line = format!("doctor --json --listen {port} --public-url {url}");
        let found = findings(&home.run(&line));
        let said = &about(&found, "public URL")[0];
        assert!(said.starts_with(level) && said.contains(words), "{hop:?} {said}");
    }
    assert_eq!(watch.stop(), Some(143));
    assert_eq!(running.run("log").done().lines().count(), 0, "nothing was accepted");
}

#[test]
fn an_unreachable_public_url_is_bad() {
    let home = Home::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = format!("doctor --json --listen 0 --public-url http://127.0.0.1:{port}/callback");
    let found = findings(&home.run(&line));
    assert!(about(&found, "public URL")[0].starts_with("bad: cannot reach"), "{found:?}");
}
