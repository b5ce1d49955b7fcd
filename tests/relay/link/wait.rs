//! `dubwatch wait` as a job behind NAT: it takes what it waits for from a relay.

use std::process::{Command, Stdio};

use crate::common::{Heard, LIMIT, Running, Site};
use crate::relay_support::{Inbox, Relay};

/// A job on a machine of its own.
fn job(relay: &Relay, site: &Site, token: &str, more: &[&str]) -> Command {
    std::fs::write(site.dir.path().join("sender.pem"), relay.site.key.public_pem()).unwrap();
    let url = format!("ws://{}", relay.address());
    let mut command = site.bare();
    command.arg("--db").arg(&site.db).args(["wait", "--public-key", "sender.pem", "--relay", &url]);
    command.args(["--relay-name", "ci", "--timeout", "10m", "--json"]).args(more);
    command.env("DUBWATCH_RELAY_TOKEN", token).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How it ends: its status, its lines, and what it says.
fn ended(mut command: Command) -> (Option<i32>, String, String) {
    let mut child = command.spawn().unwrap();
    let out = Heard::from(child.stdout.take().unwrap());
    let err = Heard::from(child.stderr.take().unwrap());
    let mut running = Running(child);
    assert!(out.ends_within(LIMIT) && err.ends_within(LIMIT), "it did not end: {}", err.text());
    (running.0.wait().unwrap().code(), out.text(), err.text())
}

fn post(relay: &Relay, inbox: &Inbox, event: &str, locale: &str) {
    let body = format!(
        r#"{{"event":"{event}","asset_id":"ast_1","version_id":"ver_{locale}","version_locale":"{locale}"}}"#
    );
    assert_eq!(relay.post(inbox, body.as_bytes()).status, 200);
}

#[test]
fn a_job_takes_what_it_waits_for_from_a_relay() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("dubs");
    // Before the job runs, and while it does.
    post(&relay, &inbox, "version_generated", "es-ES");
    let site = Site::new();
    let asset = ["--asset", "ast_1", "--expect", "es-ES,fr-FR"];
    let mut child = job(&relay, &site, &inbox.token, &asset).spawn().unwrap();
    let out = Heard::from(child.stdout.take().unwrap());
    let err = Heard::from(child.stderr.take().unwrap());
    let mut running = Running(child);
    let line = |number| String::from_utf8(out.line(number, LIMIT).expect("a line")).unwrap();
    assert!(line(0).contains(r#""listen":null"#), "it does not listen: {}", line(0));
    assert!(line(1).contains(r#""version_id":"ver_es-ES""#), "{}", line(1));
    post(&relay, &inbox, "version_generating", "fr-FR");
    assert!(line(2).contains(r#""state":"generating""#), "{}", line(2));
    post(&relay, &inbox, "version_generated", "fr-FR");
    assert!(out.ends_within(LIMIT) && err.ends_within(LIMIT), "it did not end: {}", err.text());
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "{}", err.text());
    assert!(err.text().contains("connected to the relay "), "{}", err.text());
    assert_eq!(site.deliveries().len(), 3);

    // The next job goes on from there: what it has already counts.
    let (code, _, err) = ended(job(&relay, &site, &inbox.token, &asset));
    assert_eq!(code, Some(0), "{err}");
    post(&relay, &inbox, "version_failed", "de-DE");
    let (code, _, err) = ended(job(&relay, &site, &inbox.token, &["--version", "ver_de-DE"]));
    assert_eq!(code, Some(3), "{err}");
    assert!(err.ends_with("ver_de-DE (de-DE) of ast_1 is failed\n"), "{err}");
}

#[test]
fn a_token_that_is_refused_ends_the_job() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("dubs");
    let wrong = format!("{}x", &inbox.token[..inbox.token.len() - 1]);
    let (code, _, err) = ended(job(&relay, &Site::new(), &wrong, &["--version", "v"]));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("the relay refused the token"), "{err}");
}
