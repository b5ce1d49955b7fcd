//! A token that the relay does not accept: what is said, what ends, and what goes on by itself when
//! the token's file holds another one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Heard, Running, Site, Watch, until};
use crate::link::laptop::{Laptop, callbacks, link};
use crate::relay_support::{Inbox, Relay};
use crate::tui_support::{LIMIT, Pty};

/// Writes a file that is never readable for others, also while it is made.
fn write_private(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

fn default_file(site: &Site) -> PathBuf {
    site.db.with_file_name("relay.token")
}

/// The same reader with its token in the default file.
fn from_file(laptop: &Laptop, arguments: &[&str]) -> Command {
    let mut command = laptop.command(arguments);
    command.env_remove("DUBWATCH_RELAY_TOKEN");
    command
}

/// Replaces the inbox's token; gives the new one.
fn rotate(relay: &Relay, name: &str) -> Inbox {
    let (done, line) = relay.operate(&["rotate", name, "--json"]);
    assert!(done, "{line}");
    Inbox::from(&line)
}

/// Runs one that ends because of its token; gives what it said on stderr and on stdout.
fn ends_with_1(command: &mut Command) -> (String, String) {
    let mut child = Running(command.spawn().unwrap());
    let out = Heard::from(child.0.stdout.take().unwrap());
    let err = Heard::from(child.0.stderr.take().unwrap());
    assert!(err.ends_within(LIMIT) && out.ends_within(LIMIT), "it goes on: {}", err.text());
    assert_eq!(child.0.wait().unwrap().code(), Some(1), "{}", err.text());
    assert!(err.text().contains("ended, because the relay refused the token"), "{}", err.text());
    (err.text(), out.text())
}

#[test]
fn a_headless_run_whose_token_is_refused_at_the_first_try_says_what_to_do_and_ends() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut laptop = Laptop::of(&relay, &inbox);
    laptop.token = "dwr_wrong".to_owned();

    // By the variable, with a listener beside it and without.
    for more in [&["--json"][..], &["--json", "--no-listen"], &["--output", "quiet"]] {
        let (said, out) = ends_with_1(&mut laptop.command(more));
        assert!(said.contains("(401)") && said.contains("into DUBWATCH_RELAY_TOKEN"), "{said}");
        assert!(said.contains("start dubwatch again") && !said.contains("relay.token"), "{said}");
        assert!(!said.contains("dwr_wrong") && !out.contains("dwr_wrong"));
        if more.contains(&"--json") {
            let records: Vec<Value> =
                out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let link = records.iter().rfind(|record| record["type"] == "link").unwrap();
            assert_eq!(link["state"], "refused", "{out}");
            let warning = records.iter().find(|record| record["type"] == "warning").unwrap();
            assert!(warning["message"].as_str().unwrap().contains("(401)"), "{out}");
        }
    }

    // By its file, as text, and by the configuration file.
    let file = default_file(&laptop.site);
    write_private(&file, "dwr_wrong");
    let (said, _) = ends_with_1(&mut from_file(&laptop, &["--output", "text"]));
    assert!(said.contains("(401)") && said.contains(file.to_str().unwrap()), "{said}");
    assert!(!said.contains("DUBWATCH_RELAY_TOKEN"), "{said}");
    let config = laptop.site.dir.path().join("config.toml");
    write_private(&config, "relay-token = \"dwr_wrong\"");
    let (said, _) = ends_with_1(&mut from_file(&laptop, &["--config", config.to_str().unwrap()]));
    assert!(said.contains(&format!("into relay-token in {}, and", config.display())), "{said}");

    // The right one is let in by the same file.
    write_private(&file, &inbox.token);
    let mut watch = Watch::new(from_file(&laptop, &["--json"]).spawn().unwrap());
    link(&mut watch, "up");
    watch.stop(Signal::TERM);
}

#[test]
fn a_reader_whose_token_was_replaced_goes_on_with_what_its_file_holds_then() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let file = default_file(&laptop.site);
    write_private(&file, &inbox.token);
    let mut watch = Watch::new(from_file(&laptop, &["--json"]).spawn().unwrap());
    link(&mut watch, "up");
    relay.post_all(&inbox, callbacks(0..5));
    laptop.has_each_once(5);

    let rotated = rotate(&relay, "one");
    let refused = link(&mut watch, "refused");
    let why = refused["why"].as_str().unwrap();
    assert!(why.contains("replaced") && why.contains(file.to_str().unwrap()), "{why}");
    relay.post_all(&rotated, callbacks(5..8));

    // A file that others can read is not used, and that is said; nor does a line that is no token
    // end anything.
    fs::write(&file, "no token\n").unwrap();
    until(|| watch.err.text().contains("holds no relay token"), "what is wrong with the file");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, format!("{}\n", rotated.token)).unwrap();
    until(|| watch.err.text().contains("chmod 600"), "what is wrong with its mode");
    assert_eq!(laptop.head(), 5, "it was used all the same");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    link(&mut watch, "up");
    relay.post_all(&rotated, callbacks(8..10));
    laptop.has_each_once(10);
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    assert!(!ended.err.contains(&rotated.token) && !ended.out.contains(&rotated.token));
}

#[test]
fn a_token_that_was_a_variable_is_not_read_again_and_that_is_said() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    link(&mut watch, "up");
    let rotated = rotate(&relay, "one");
    // A file that is not what the token was taken from changes nothing.
    write_private(&default_file(&laptop.site), &rotated.token);
    let refused = link(&mut watch, "refused");
    let why = refused["why"].as_str().unwrap();
    assert!(why.contains("into DUBWATCH_RELAY_TOKEN, and start dubwatch again"), "{why}");
    // It was let in before, so it stays: what posts to its listener is still taken.
    let body = crate::common::callback("direct");
    let signature = hex::encode(
        relay.site.key.sign(body.as_bytes(), dubwatch::internals::callback::Encoding::Der).unwrap(),
    );
    let posted = crate::common::post(&[("x-signature", &signature)], body.as_bytes());
    assert_eq!(watch.ask(posted).status, 200);
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}

#[test]
fn a_dashboard_whose_token_is_refused_says_so_and_goes_on_with_the_next() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let site = Site::new();
    let place = |name: &str| site.dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(place("sender.pem"), relay.site.key.public_pem()).unwrap();
    let file = default_file(&site);
    write_private(&file, "dwr_wrong");
    let url = format!("ws://{}", relay.address());
    let (db, key) = (place("data/journal.db"), place("sender.pem"));
    let args = ["--db", &db, "--public-key", &key, "--relay", &url, "--no-listen"];
    let (home, config, share, state) = (place(""), place("config"), place("share"), place("state"));
    let envs = [
        ("HOME", home.as_str()),
        ("XDG_CONFIG_HOME", &config),
        ("XDG_DATA_HOME", &share),
        ("XDG_STATE_HOME", &state),
        ("LANG", "C.UTF-8"),
    ];
    let pty = Pty::spawn(200, 50, args, &envs);
    pty.wait_for_text("refused");
    pty.type_keys("4");
    pty.wait_for_text("the relay does not accept the token (401)");
    write_private(&file, &inbox.token);
    pty.wait_for(LIMIT, |screen| screen.rows(0, 200).any(|row| row.contains("up for")));
    relay.post_all(&inbox, callbacks(0..2));
    pty.wait_for_text("2 deliveries");
    pty.kill(Signal::TERM);
    assert_eq!(pty.wait(LIMIT).exit_code(), 143);
}
