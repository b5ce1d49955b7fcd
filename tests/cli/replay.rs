//! `dubwatch replay`: what the receiver gets, in which order and when, and how it ends.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::cli_support::{Home, Posted, Ran, Target, body, start};
use crate::tui_support::Pty;

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn replay(home: &Home, target: &Target, more: &str) -> Ran {
    home.run(&format!("replay {} {more}", target.url()))
}

/// A journal of real callbacks: odd bytes, and two versions.
fn received(home: &Home) -> String {
    let watch = home.watch();
    let odd = home.write("odd.json", b"{ \"event\":\"version_ready\",\r\n \"asset_id\":\"ast_1\",\"version_id\":\"ver_1\",\"x\":1.50}\n");
    let url = watch.url.clone();
    home.run(&format!("send --to {url} --body {}", odd.display())).done();
    for event in ["version_generating", "version_generated"] {
        for asset in ["ast_1", "ast_2"] {
            home.run(&format!("send --to {url} --event {event} --asset {asset} --version ver_1"))
                .done();
        }
    }
    assert_eq!(watch.stop(), Some(15 + 128));
    url
}

fn event(posted: &Posted) -> (String, String) {
    let of = |name: &str| posted.json()[name].as_str().unwrap().to_owned();
    (of("asset_id"), of("event"))
}

#[test]
fn what_was_received_is_sent_again_byte_for_byte() {
    let home = Home::new();
    received(&home);
    let log = home.run("log --json");
    let kept: Vec<serde_json::Value> =
        log.done().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let target = Target::new(|_| (204, ""));
    let ran = replay(&home, &target, "");
    assert!(ran.done().starts_with("Sent 5 of 5 deliveries in "), "{ran:?}");
    assert!(ran.out.contains("       5  answered 204\n"), "{ran:?}");
    let posted = target.posted();
    assert_eq!(posted.len(), 5);
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    for record in &kept {
        let signature = record["headers"].as_array().unwrap().iter();
        let mut signature = signature.filter(|pair| pair[0] == "x-signature");
        let signature = signature.next().unwrap()[1].as_str().unwrap();
        let same = posted.iter().find(|posted| posted.headers("x-signature") == [signature]);
        let same = same.expect("its signature came over");
        let kept_body = decode(record["body_b64"].as_str().unwrap());
        assert_eq!(same.body, kept_body);
        assert!(same.head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{}", same.head);
        assert_eq!(same.headers("host").len(), 1);
        assert!(target.url().contains(same.headers("host")[0]), "{}", same.head);
        assert_eq!(same.headers("content-length"), [kept_body.len().to_string()]);
    }
    for asset in ["ast_1", "ast_2"] {
        let mut events: Vec<_> = posted.iter().map(event).filter(|(a, _)| a == asset).collect();
        events.retain(|(_, event)| event != "version_ready");
        let events: Vec<_> = events.iter().map(|(_, event)| event.as_str()).collect();
        assert_eq!(events, ["version_generating", "version_generated"], "in order");
    }
}

#[test]
fn a_receiver_that_checks_signatures_takes_them() {
    let home = Home::new();
    received(&home);
    let watch = home.watch();
    let ran = home.run(&format!("replay {}", watch.url));
    assert!(ran.done().contains("       5  answered 200\n"), "{ran:?}");
    // Its own journal grew meanwhile: what was there at the start is sent, and nothing else.
    let log = home.run("log --json");
    assert_eq!(log.done().lines().count(), 10);
    assert_eq!(log.out.matches(r#""effect":"repeat""#).count(), 5, "{}", log.out);
}

#[test]
fn filters_say_what_is_sent_and_a_dry_run_sends_nothing() {
    let home = Home::new();
    home.fill([
        (5, body("version_ready", "ast_1", "ver_1")),
        (4, body("version_ready", "ast_2", "ver_1")),
        (1, body("version_generated", "ast_2", "ver_1")),
    ]);
    let target = Target::new(|_| (200, ""));
    for (flags, sent) in [
        ("--filter asset:ast_2", 2),
        ("--filter ready", 2),
        ("--since 2h", 1),
        ("--filter seq:2..2", 1),
        ("--filter asset:ast_9", 0),
        ("--filter refused", 0),
    ] {
        let before = target.posted().len();
        let would = replay(&home, &target, &format!("--dry-run {flags}"));
        assert_eq!(target.posted().len(), before, "{flags}");
        let ran = replay(&home, &target, flags);
        assert_eq!(target.posted().len() - before, sent, "{flags}: {ran:?}");
        if sent == 0 {
            assert_eq!(
                (would.done(), ran.done()),
                (would.out.as_str(), "Nothing fits: there is nothing to send.\n")
            );
        } else {
            assert!(would.done().starts_with(&format!("Would send {sent} deliver")), "{would:?}");
        }
    }
    let would = replay(&home, &target, "--dry-run --speed 1");
    assert!(would.done().ends_with("over 4:00:00; they came over 4:00:00.\n"), "{would:?}");
}

#[test]
fn the_recorded_pace_is_kept_or_multiplied() {
    let home = Home::new();
    home.fill([
        (3, body("version_ready", "ast_1", "ver_1")),
        (1, body("version_generated", "ast_2", "ver_1")),
    ]);
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let target = Target::new(move |_| {
        noted.lock().unwrap().push(Instant::now());
        (200, "")
    });
    // Two hours in two seconds: never sooner.
    replay(&home, &target, "--speed 3600").done();
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 2);
    assert!(times[1] - times[0] > Duration::from_millis(1800), "{:?}", times[1] - times[0]);
}

#[test]
fn an_answer_that_is_no_success_is_a_failure() {
    let home = Home::new();
    home.fill([
        (3, body("version_ready", "ast_1", "ver_1")),
        (2, body("version_generating", "ast_1", "ver_1")),
        (1, body("version_generated", "ast_1", "ver_1")),
    ]);
    let target = Target::new(|number| if number == 2 { (500, "no") } else { (302, "") });
    let ran = replay(&home, &target, "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("  2  answered 302\n         1  answered 500\n"), "{ran:?}");
    assert!(ran.out.ends_with("Not answered 2xx: seq 1, 2, 3\n"), "{ran:?}");
    assert_eq!(target.posted().len(), 3, "no redirect was followed");
}

#[test]
fn a_receiver_that_closes_in_the_middle_loses_one() {
    let home = Home::new();
    home.fill([
        (2, body("version_ready", "ast_1", "ver_1")),
        (1, body("version_generated", "ast_1", "ver_1")),
    ]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for (number, stream) in (1..).zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            if number > 1 {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    let ran = home.run(&format!("replay {url}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("       1  it closed the connection\n"), "{ran:?}");
    assert!(ran.out.ends_with("Not answered 2xx: seq 1\n"), "{ran:?}");
}

#[test]
fn a_receiver_that_is_not_there_ends_it() {
    let home = Home::new();
    home.fill((0..40).map(|n| (1, body("version_ready", &format!("ast_{n}"), "ver_1"))));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = home.run(&format!("replay {free}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.starts_with("Sent 0 of 40 deliveries"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(ran.err.contains("cannot reach http://127.0.0.1:"), "{ran:?}");
    assert!(ran.err.ends_with("; `--filter seq:1..` goes on from there\n"), "{ran:?}");
}

#[test]
fn a_slow_answer_holds_up_its_own_version_alone() {
    let home = Home::new();
    home.fill([
        (3, body("version_ready", "ast_1", "ver_1")),
        (2, body("version_generated", "ast_1", "ver_1")),
        (1, body("version_ready", "ast_2", "ver_2")),
    ]);
    // The first is answered when another one has come.
    let came = Arc::new((Mutex::new(0), Condvar::new()));
    let seen = Arc::clone(&came);
    let in_time = Arc::new(AtomicBool::new(false));
    let was_in_time = Arc::clone(&in_time);
    let target = Target::new(move |number| {
        let (count, changed) = &*seen;
        let mut count = count.lock().unwrap();
        *count += 1;
        changed.notify_all();
        if number == 1 {
            let waited = changed.wait_timeout_while(count, LIMIT, |count| *count < 2).unwrap();
            was_in_time.store(!waited.1.timed_out(), Ordering::Relaxed);
        }
        (200, "")
    });
    replay(&home, &target, "").done();
    assert!(in_time.load(Ordering::Relaxed), "another version was sent meanwhile");
    let events: Vec<_> = target.posted().iter().map(event).filter(|(a, _)| a == "ast_1").collect();
    assert_eq!(events[0].1, "version_ready");
}

#[test]
fn a_terminal_shows_a_bar() {
    let home = Home::new();
    home.fill((0..3).map(|n| (1, body("version_ready", "ast_1", &format!("ver_{n}")))));
    // Slow enough to be drawn in between.
    let target = Target::new(|_| {
        std::thread::park_timeout(Duration::from_millis(500));
        (200, "")
    });
    let (root, db, url) = (home.path(""), home.journal(), target.url());
    let args = ["replay", url.as_str(), "--db", db.to_str().unwrap()];
    let pty = Pty::spawn(120, 24, args, &[("HOME", root.to_str().unwrap())]);
    assert_eq!(pty.wait(LIMIT).exit_code(), 0, "{}", pty.screen_text());
    let shown = pty.screen_text();
    assert!(shown.contains("[====================] 3 of 3 deliveries sent, "), "{shown}");
    assert!(shown.contains("Sent 3 of 3 deliveries in "), "{shown}");
}

#[test]
fn a_signal_ends_it_with_a_summary() {
    let home = Home::new();
    home.fill([
        (9, body("version_ready", "ast_1", "ver_1")),
        (1, body("version_ready", "ast_2", "v")),
    ]);
    let target = Target::new(|_| (200, ""));
    let url = target.url();
    let child = start(&mut home.command(["replay", url.as_str(), "--speed", "1"]));
    let begun = Instant::now();
    while target.posted().is_empty() {
        assert!(begun.elapsed() < LIMIT, "the first is sent at once");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = home.ended(child);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.out.contains(" of 2 deliveries in "), "{ran:?}");
}

#[test]
fn a_callback_like_an_old_one_differs_in_what_is_said() {
    let home = Home::new();
    received(&home);
    let target = Target::new(|_| (200, ""));
    let to = target.url();
    let ran = home.run(&format!(
        "send --to {to} --like 1 --event version_failed --asset ast_{{n}} --count 2"
    ));
    assert!(ran.done().contains("version_failed  ast_2  ver_1"), "{ran:?}");
    let posted = target.posted();
    assert_eq!(
        String::from_utf8(posted[1].body.clone()).unwrap(),
        "{ \"event\":\"version_failed\",\r\n \"asset_id\":\"ast_2\",\"version_id\":\"ver_1\",\"x\":1.50}\n"
    );
    // A watch that trusts the development key takes it.
    let watch = home.watch();
    let ran = home.run(&format!("send --to {} --like 1 --locale fr-FR", watch.url));
    assert!(ran.done().starts_with("200 "), "{ran:?}");
    watch.line("delivery");
    assert!(home.run("send --like 99").complaint(1).contains("there is no delivery 99 in "));
    assert!(!home.run("send --like 1 --lifecycle").complaint(2).is_empty());
}

#[test]
fn what_cannot_be_sent_is_said() {
    let home = Home::new();
    for line in ["", "ftp://a/", "3000 --speed fast", "3000 --filter vrsion:1", "3000 --since soon"]
    {
        let ran = home.run(&format!("replay {line}"));
        assert!(!ran.complaint(2).is_empty(), "{line}: {ran:?}");
    }
    assert!(home.run("replay 3000").complaint(1).contains("there is no journal at "));
    home.write("else.db", "no journal at all, but long enough to be read");
    assert!(home.run("replay 3000 --db else.db").complaint(1).contains("is not a journal"));
}
