//! What deletes for good asks first on a terminal, and says what it deleted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crate::cli_support::{Home, body, start};
use crate::tui_support::{LIMIT, Pty};

/// Runs a command on a terminal, answers its question if it asks one, and returns its status and all
/// that it showed.
fn on_terminal(home: &Home, line: &str, question: &str, answer: &str) -> (u32, String) {
    let root = home.path("").to_str().unwrap().to_owned();
    let data = format!("{root}data");
    let envs = [("HOME", root.as_str()), ("XDG_DATA_HOME", data.as_str())];
    let pty = Pty::spawn(160, 24, line.split(' '), &envs);
    if !question.is_empty() {
        pty.wait_for_text(question);
        pty.type_keys(answer);
    }
    let exit = pty.wait(LIMIT);
    (exit.exit_code(), pty.screen_text())
}

fn old() -> Home {
    let home = Home::new();
    home.fill([
        (24 * 100, body("version_ready", "old", "v1")),
        (24 * 2, body("version_ready", "new", "v1")),
    ]);
    home
}

fn kept(home: &Home) -> usize {
    home.run("log --json").done().lines().count()
}

#[test]
fn prune_asks_on_a_terminal_and_takes_only_yes_for_yes() {
    let home = old();
    let question = "Delete 1 delivery of 1 asset, and 0 refusals, from ";
    for answer in ["\n", "n\n", "yet\n", "\u{4}"] {
        let (code, shown) = on_terminal(&home, "prune --older-than 90d", question, answer);
        assert_eq!(code, 1, "{answer:?}: {shown}");
        assert!(shown.contains("nothing was deleted"), "{answer:?}: {shown}");
        assert_eq!(kept(&home), 2, "{answer:?}");
    }
    let (code, shown) = on_terminal(&home, "prune --older-than 90d", question, "Y\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Deleted 1 delivery of 1 asset"), "{shown}");
    assert_eq!(kept(&home), 1);
}

#[test]
fn prune_asks_nothing_where_the_answer_was_given_or_there_is_nothing_to_delete() {
    for line in ["prune --older-than 90d --yes", "prune --older-than 90d --dry-run"] {
        let home = old();
        let (code, shown) = on_terminal(&home, line, "", "");
        assert_eq!(code, 0, "{line}: {shown}");
        assert!(!shown.contains("[y/N]") && shown.contains("1 delivery"), "{line}: {shown}");
    }
    let (code, shown) = on_terminal(&old(), "prune --older-than 365d", "", "");
    assert!(code == 0 && shown.contains("Deleted 0 deliveries"), "{shown}");
}

#[test]
fn deleting_an_asset_asks_on_a_terminal() {
    let home = old();
    let line = "journal delete --asset old";
    let question = "Delete 1 delivery, 1 version and 0 kinds of refusals of the asset old, from ";
    for answer in ["\n", "n\n", "\u{4}"] {
        let (code, shown) = on_terminal(&home, line, question, answer);
        assert_eq!(code, 1, "{answer:?}: {shown}");
        assert!(shown.contains("nothing was deleted"), "{answer:?}: {shown}");
        assert_eq!(kept(&home), 2, "{answer:?}");
    }
    let (code, shown) = on_terminal(&home, line, question, "y\n");
    assert!(code == 0 && shown.contains("Deleted 1 delivery, 1 version and "), "{shown}");
    assert_eq!(kept(&home), 1);
    let (code, shown) = on_terminal(&home, "journal delete --yes --asset new", "", "");
    assert!(code == 0 && !shown.contains("[y/N]"), "{shown}");
    assert_eq!(kept(&home), 0);
    // Without a terminal a script has decided.
    home.run("journal delete --asset gone").complaint(1);
}

/// An inbox of a relay that runs, with one delivery, or of one that has ended.
struct Inboxes {
    home: Home,
    relay: Option<std::process::Child>,
}

impl Inboxes {
    fn new() -> Self {
        let home = Home::new();
        let mut relay = start(&mut home.command(["relay", "--listen", "0"]));
        let mut ready = String::new();
        BufReader::new(relay.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let inboxes = Self { home, relay: Some(relay) };
        let created = inboxes.home.run("relay inbox create studio --json").done().to_owned();
        let created: serde_json::Value = serde_json::from_str(&created).unwrap();
        let url = created["publish_url"].as_str().unwrap();
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut post = TcpStream::connect(host).unwrap();
        write!(post, "POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
        let mut status = String::new();
        BufReader::new(post).read_line(&mut status).unwrap();
        assert!(status.contains("200"), "{status}");
        inboxes
    }

    fn end_relay(&mut self) {
        let Some(mut relay) = self.relay.take() else { return };
        let pid = rustix::process::Pid::from_child(&relay);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        relay.wait().unwrap();
    }

    fn listed(&self) -> String {
        self.home.run("relay inbox list").done().to_owned()
    }
}

impl Drop for Inboxes {
    fn drop(&mut self) {
        if let Some(relay) = &mut self.relay {
            let _ = relay.kill();
            let _ = relay.wait();
        }
    }
}

#[test]
fn revoke_asks_on_a_terminal_and_says_what_it_deleted() {
    for running in [true, false] {
        let mut inboxes = Inboxes::new();
        if !running {
            inboxes.end_relay();
        }
        let question = "Close the inbox studio and delete what it holds for good: 1 delivery, ";
        let (code, shown) =
            on_terminal(&inboxes.home, "relay inbox revoke studio", question, "no\n");
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("nothing was deleted"), "{shown}");
        assert!(inboxes.listed().contains("studio"));
        let (code, shown) =
            on_terminal(&inboxes.home, "relay inbox revoke studio", question, "yes\n");
        assert_eq!(code, 0, "{shown}");
        assert!(shown.contains("deleted what it held: 1 delivery, "), "{shown}");
        assert!(inboxes.listed().contains("No inbox yet"));
        // There is nothing to ask about.
        let (code, shown) = on_terminal(&inboxes.home, "relay inbox revoke studio", "", "");
        assert!(code == 1 && shown.contains("no such inbox"), "{shown}");
    }
}

#[test]
fn revoke_asks_no_script() {
    let inboxes = Inboxes::new();
    let line = inboxes.home.run("relay inbox revoke studio --json").done().to_owned();
    let revoked: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(revoked["type"], "revoked");
    assert_eq!((&revoked["name"], &revoked["deliveries"]), (&"studio".into(), &1.into()));
    assert!(revoked["bytes"].as_u64().unwrap() > 0, "{revoked}");
    assert_eq!(revoked["readers"], serde_json::json!([]));

    let inboxes = Inboxes::new();
    let (code, shown) = on_terminal(&inboxes.home, "relay inbox revoke studio --yes", "", "");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Closed the inbox studio") && !shown.contains("[y/N]"), "{shown}");
}
