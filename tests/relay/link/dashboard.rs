//! The dashboard on a terminal with a relay behind it: its URL, what comes, what was lost, and the
//! link as it breaks and heals.

use rustix::process::Signal;

use crate::common::{Client, Site, request};
use crate::link::laptop::callbacks;
use crate::link::wire::Wire;
use crate::relay_support::{Inbox, Relay, Seeded};
use crate::tui_support::{LIMIT, Pty};

/// A dashboard whose only door is a relay at the end of this line.
fn dashboard(site: &Site, relay: &Relay, inbox: &Inbox, wire: &Wire) -> Pty {
    let place = |name: &str| site.dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(place("sender.pem"), relay.site.key.public_pem()).unwrap();
    let url = format!("ws://{}", wire.address);
    let (db, key) = (place("data/journal.db"), place("sender.pem"));
    let args = ["--db", &db, "--public-key", &key, "--relay", &url, "--relay-name", "laptop"];
    let (home, config, share, state) = (place(""), place("config"), place("share"), place("state"));
    let envs = [
        ("HOME", home.as_str()),
        ("XDG_CONFIG_HOME", &config),
        ("XDG_DATA_HOME", &share),
        ("XDG_STATE_HOME", &state),
        ("LANG", "C.UTF-8"),
        ("DUBWATCH_RELAY_TOKEN", &inbox.token),
    ];
    Pty::spawn(200, 50, args.into_iter().chain(["--no-listen"]), &envs)
}

/// Waits for words in the first row.
#[track_caller]
fn header(pty: &Pty, words: &str) {
    pty.wait_for(LIMIT, |screen| screen.rows(0, 200).next().is_some_and(|row| row.contains(words)));
}

/// Waits for a row with all of these words.
#[track_caller]
fn row(pty: &Pty, words: &[&str]) {
    pty.wait_for(LIMIT, |screen| {
        screen.rows(0, 200).any(|row| words.iter().all(|word| row.contains(word)))
    });
}

#[test]
fn a_dashboard_shows_what_its_relay_is_doing() {
    let mut relay = Relay::start(&["--max-count", "20"]);
    let inbox = relay.inbox("one");
    let wire = Wire::to(relay.address(), Seeded(0));
    let (site, short) = (Site::new(), wire.address.to_string());
    let pty = dashboard(&site, &relay, &inbox, &wire);

    // Up: with its round trip, its URL to give away, and what comes.
    header(&pty, &format!("● {short}  "));
    header(&pty, " ms");
    let url = format!("http://{}{}", wire.address, inbox.path);
    pty.wait_for_text(&url);
    relay.post_all(&inbox, callbacks(0..3));
    header(&pty, "0 of 3 done · 3 for you");
    pty.wait_for_text("FOR YOU 3");
    for asset in ["ast_0", "ast_1", "ast_2"] {
        pty.wait_for_text(asset);
    }
    pty.type_keys("4");
    row(&pty, &["listening", "no: callbacks arrive only through the relay"]);
    row(&pty, &["callback URL", &url]);
    row(&pty, &["relay", &format!("● {short}"), "up for"]);
    assert!(!pty.screen_text().contains(" lost in "));

    // The relay dies: it is said, with the reason.
    relay.kill();
    header(&pty, "✗ relay: retry in");
    row(&pty, &["relay", "retry in", "after ", "failures: "]);

    // While nobody is connected it takes more than it may keep of what it cannot judge.
    wire.lead_to("127.0.0.1:1".parse().unwrap());
    relay.start_again();
    let mut client = Client::new(relay.address()).unwrap();
    for number in 0..10 {
        let body = crate::common::callback(format!("garbage_{number}"));
        client.send(request("POST", &inbox.path, &[], body.as_bytes()));
        assert_eq!(client.answer().status, 200);
    }
    relay.post_all(&inbox, callbacks(3..5));
    // Between two attempts; while it connects, the header says that.
    header(&pty, "✗ relay: retry in");

    // It is found again, and tells what it dropped: at its time, and on Health with the last error.
    wire.lead_to(relay.address());
    header(&pty, &format!("● {short}  "));
    header(&pty, "0 of 5 done · 5 for you");
    row(&pty, &["relay", "up for"]);
    row(&pty, &["last error"]);
    row(&pty, &["gaps", "╳ 8 lost in 1 gap"]);
    row(&pty, &["callback URL", &url]);
    pty.type_keys("1");
    pty.wait_for_text("FOR YOU 5");
    pty.wait_for_text("╳ 8 lost");

    // The token never was on the screen; and the dashboard ends as ever.
    pty.type_keys("q");
    pty.wait_for_text("Callbacks are being received");
    pty.type_keys("q");
    assert_eq!(pty.wait(LIMIT).exit_code(), 0);
    assert!(!pty.wrote(&inbox.token) && !pty.wrote(&inbox.token[20..]));
    assert_eq!(relay.stop().code, Some(128 + Signal::TERM.as_raw()));
}
