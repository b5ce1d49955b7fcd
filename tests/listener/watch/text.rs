//! Text from outside, in every place that a stranger can write to: no byte of any output is one
//! that a terminal acts on.

use rustix::process::Signal;

use crate::common::{Site, Watch, body, post, request};

/// Colour, title, clipboard, cursor, line ends, C1, bidi, invisible and over-long text.
const HOSTILE: &str = "\u{1b}[35m\u{1b}]0;owned\u{7}\u{1b}]52;c;cm0=\u{1b}\\\u{9b}2J\u{9d}0;x\u{9c}\r\n\t\u{8}\u{0}\u{7f}\u{202e}gpj\u{2066}\u{2069}\u{200e}\u{61c}\u{2028}\u{2029}\u{feff}e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}";

/// Bytes that a request's head may hold and a terminal should not: C1 as UTF-8 and bare, bidi.
const HOSTILE_HEADER: &[u8] = b"\xc2\x9b2J\xe2\x80\xaegpj\t\x9b31m\xff";

fn posts(watch: &Watch, site: &Site) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for field in ["event", "event_type", "asset_id", "version_id", "version_locale", "other"] {
        let mut fields = serde_json::json!({
            "event": "version_ready", "asset_id": "a", "version_id": "v", "version_locale": "es-ES",
        });
        if field == "event_type" {
            fields.as_object_mut().unwrap().remove("event");
        }
        fields[field] = HOSTILE.into();
        bodies.push(fields.to_string().into_bytes());
    }
    bodies.push(serde_json::json!({ HOSTILE: HOSTILE }).to_string().into_bytes());
    bodies.push(HOSTILE.as_bytes().to_vec());
    for sent in &bodies {
        let mut whole = b"POST /callback HTTP/1.1\r\nhost: x\r\nx-hostile: ".to_vec();
        whole.extend(HOSTILE_HEADER);
        whole.extend(b"\r\n");
        let rest = post(&[("x-signature", &site.signature(sent))], sent);
        whole.extend(&rest[b"POST /callback HTTP/1.1\r\nhost: x\r\n".len()..]);
        assert_eq!(watch.ask(whole).status, 200);
    }
    bodies
}

/// Everything that is refused, with hostile bytes wherever the parser lets them through.
fn forgeries(watch: &Watch) {
    let hostile = String::from_utf8(HOSTILE_HEADER[..HOSTILE_HEADER.len() - 5].to_vec()).unwrap();
    let headers = [("x-signature", hostile.as_str()), ("x-hostile", &hostile)];
    assert_eq!(watch.ask(post(&headers, HOSTILE.as_bytes())).status, 401);
    // A path of such bytes is no HTTP, or one of ours; never a 2xx.
    for path in ["/\u{9b}2J", "/\u{202e}gpj", "/%1b[2J", "/callback?\u{202e}\u{9b}"] {
        let status = watch.ask(request("POST", path, &[], HOSTILE.as_bytes())).status;
        assert!((400..500).contains(&status), "{path:?}: {status}");
    }
    // Nor is a head with bare control characters.
    for head in ["GET /\u{1b}[2J HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nx: \u{1b}[2J\r\n\r\n"] {
        assert_eq!(watch.ask(head).status, 400, "{head:?}");
    }
}

fn shows_no_mischief(out: &str) {
    for line in out.lines() {
        let acts = line.chars().find(|c| {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2066}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(acts, None, "{line:?}");
    }
}

#[test]
fn ndjson_holds_nothing_that_a_terminal_acts_on() {
    let site = Site::new();
    let watch = site.watch();
    let bodies = posts(&watch, &site);
    forgeries(&watch);
    let ended = watch.stop(Signal::TERM);
    shows_no_mischief(&ended.out);
    shows_no_mischief(&ended.err);
    let records = ended.records();
    let of = |kind: &str| records.iter().filter(|r| r["type"] == kind).cloned().collect::<Vec<_>>();
    let deliveries = of("delivery");
    assert_eq!(deliveries.iter().map(body).collect::<Vec<_>>(), bodies, "byte for byte");
    // What the escapes stand for is what was sent.
    assert_eq!(deliveries[0]["event"], HOSTILE);
    assert_eq!(deliveries[2]["asset_id"], HOSTILE);
    let told = of("refusal");
    assert!(told.iter().any(|r| body(r) == HOSTILE.as_bytes()), "{told:?}");
}

#[test]
fn lines_for_people_hold_nothing_that_a_terminal_acts_on() {
    let site = Site::new();
    for color in ["never", "always"] {
        let watch =
            site.watch_with(&["--public-key", "sender.pem", "--output", "text", "--color", color]);
        assert!(watch.ready.as_str().unwrap().starts_with("Listening on http://127.0.0.1:"));
        let bodies = posts(&watch, &site);
        forgeries(&watch);
        let ended = watch.stop(Signal::TERM);
        // The program's own colours, and nothing else after an escape.
        let plain =
            ended.out.split('\u{1b}').enumerate().fold(String::new(), |mut out, (n, part)| {
                let colour = part.strip_prefix('[').and_then(|part| {
                    let (code, rest) = part.split_once('m')?;
                    code.bytes().all(|b| b.is_ascii_digit() || b == b';').then_some(rest)
                });
                out.push_str(if n == 0 {
                    part
                } else {
                    colour.expect("an escape that is no colour")
                });
                out
            });
        shows_no_mischief(&plain);
        shows_no_mischief(&ended.err);
        // The stranger's colour is written out, not obeyed.
        assert!(!ended.out.contains("\u{1b}[35m"));
        assert!(color == "always" || plain == ended.out);
        // Ready, a line each, refusals coalesced, and the end.
        assert!(plain.lines().count() > bodies.len() + 2, "{plain}");
        assert!(plain.ends_with("refused.\n"), "{plain}");
    }
}

#[test]
fn a_quiet_one_says_where_it_listens_and_nothing_on_stdout() {
    let site = Site::new();
    let mut child = site.command(&["--output", "quiet"]).spawn().unwrap();
    let err = crate::common::Heard::from(child.stderr.take().unwrap());
    let out = crate::common::Heard::from(child.stdout.take().unwrap());
    let mut child = crate::common::Running(child);
    let sentence = err.line(0, crate::common::LIMIT).unwrap();
    assert!(sentence.starts_with(b"dubwatch: Listening on http://127.0.0.1:"));
    child.0.kill().unwrap();
    assert!(out.ends_within(crate::common::LIMIT));
    assert_eq!(out.text(), "");
}
