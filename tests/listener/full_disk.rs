//! A full disk: callbacks are turned away while nothing can be kept, and kept again as soon as there
//! is room, without a restart and without a loss.

use std::fs::{self, File};
use std::io::Write;
use std::iter;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dubwatch::internals::relay::protocol::{Resume, Resumed};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Answer, Client, Site, callback, get, until};
use crate::relay_support::Relay;
use crate::tui_support::{LIMIT, Pty};

/// There is one disk, and each test has to fill it.
static DISK: Mutex<()> = Mutex::new(());

/// How soon it has to keep again once there is room.
const BACK: Duration = Duration::from_secs(10);

/// A directory on the small disk.
fn room() -> TempDir {
    let tmpfs = std::env::var_os("DUBWATCH_TEST_TMPFS")
        .expect("DUBWATCH_TEST_TMPFS names a directory on a tmpfs of about 4 MiB");
    tempfile::tempdir_in(tmpfs).unwrap()
}

/// Takes all the room that there is, to the last byte.
fn fill(path: &Path) {
    let mut ballast = File::create(path).unwrap();
    for size in [64 << 10, 4096, 1] {
        while ballast.write_all(&vec![0; size]).is_ok() {}
    }
}

fn is_turned_away(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.head.contains("\r\nretry-after: "), "{}", answer.head);
}

/// The bodies of what was answered 200, each sent once.
struct Sender<'a> {
    site: &'a Site,
    sent: u32,
    kept: Vec<String>,
}

impl Sender<'_> {
    fn post(&mut self, watch: &crate::common::Watch) -> Answer {
        self.sent += 1;
        let body = callback(self.sent);
        let answer = watch.ask(self.site.signed(&body));
        if answer.status == 200 {
            self.kept.push(body);
        }
        answer
    }
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn a_full_disk_turns_callbacks_away_until_there_is_room() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let mut site = Site::new();
    site.db = room.path().join("journal.db");
    let mut watch = site.watch();
    let mut sender = Sender { site: &site, sent: 0, kept: Vec::new() };

    for lap in 0..3 {
        for _ in 0..20 {
            assert_eq!(sender.post(&watch).status, 200, "lap {lap}");
        }
        fill(&ballast);
        // What was set aside for the log before takes a few more.
        until(|| sender.post(&watch).status == 503, "the disk to be full");
        let warning = watch.next_of("warning");
        let message = warning["message"].as_str().unwrap();
        assert!(message.contains("the journal cannot be written"), "{message}");
        assert!(message.contains("full"), "{message}");
        for _ in 0..10 {
            is_turned_away(&sender.post(&watch));
        }
        is_turned_away(&watch.ask(get("/healthz")));
        // Forgeries are told apart all the same.
        assert_eq!(watch.ask(crate::common::post(&[], b"{}")).status, 401);

        fs::remove_file(&ballast).unwrap();
        let emptied = Instant::now();
        if lap % 2 == 0 {
            // It finds out by itself.
            until(|| watch.ask(get("/healthz")).status == 200, "health without a callback");
        } else {
            until(|| sender.post(&watch).status == 200, "a callback to be kept");
        }
        assert!(emptied.elapsed() < BACK, "back only after {:?}", emptied.elapsed());
        assert_eq!(sender.post(&watch).status, 200);
        let message = watch.next_of("warning")["message"].clone();
        assert_eq!(message, "the journal can be written again");
    }

    // Once more, and killed while it is full.
    fill(&ballast);
    until(|| sender.post(&watch).status == 503, "the disk to be full");
    watch.stop(Signal::KILL);
    fs::remove_file(&ballast).unwrap();
    let watch = site.watch();
    assert_eq!(sender.post(&watch).status, 200);

    let stored: Vec<Vec<u8>> = site.deliveries().into_iter().map(|d| d.request.body).collect();
    for body in &sender.kept {
        let copies = stored.iter().filter(|stored| *stored == body.as_bytes()).count();
        assert_eq!(copies, 1, "{body} was answered 200");
    }
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn a_start_on_a_full_disk_is_one_sentence() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let mut site = Site::new();
    site.db = room.path().join("journal.db");
    fill(&ballast);
    let (code, said) = site.fails(&["--no-dev-key"]);
    assert_eq!(code, 1);
    assert_eq!(said.lines().count(), 1, "{said}");
    fs::remove_file(&ballast).unwrap();
    let mut watch = site.watch();
    assert_eq!(watch.ask(site.signed(callback(1))).status, 200);
    assert_eq!(watch.delivery()["seq"], 1);
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn the_dashboard_says_on_every_screen_that_the_disk_is_full() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let site = Site::new();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (db, key) =
        (path(&room.path().join("journal.db")), path(&site.dir.path().join("sender.pem")));
    let args = ["--listen", "127.0.0.1:0", "--db", &db, "--public-key", &key];
    let home = path(site.dir.path());
    let pty = Pty::spawn(120, 30, args, &[("HOME", &home), ("LANG", "C.UTF-8")]);
    pty.wait_for_text("http://127.0.0.1:");
    let text = pty.screen_text();
    let (_, url) = text.split_once("http://").unwrap();
    let address = url.split('/').next().unwrap().parse().unwrap();
    let post = |id: u32| {
        let mut client = Client::new(address).unwrap();
        client.send(site.signed(callback(id)));
        client.answer().status
    };
    assert_eq!(post(0), 200);
    fill(&ballast);
    let mut sent = 0;
    until(
        || {
            sent += 1;
            post(sent) == 503
        },
        "the disk to be full",
    );
    for screen in ["1", "2", "3", "4"] {
        pty.type_keys(screen);
        pty.wait_for_text("✗ THE JOURNAL CANNOT BE WRITTEN  database or disk is full");
    }
    pty.wait_for_text("✗ FAILING, callbacks are answered 503");
    pty.wait_for_text("503, the journal was not writable");
    assert!(!pty.screen_text().contains("✓ writing"), "{}", pty.screen_text());

    fs::remove_file(&ballast).unwrap();
    pty.wait_for_text("✓ writing");
    pty.wait_for_text("the journal can be written again");
    pty.wait_for(LIMIT, |screen| !screen.contents().contains("CANNOT BE WRITTEN"));
    assert_eq!(post(sent + 1), 200);
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn a_relay_on_a_full_disk_still_gives_what_it_has() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let mut site = Site::new();
    site.db = room.path().join("relay.db");
    let relay = Relay::on(site, &[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (1..=5).map(|n| n.to_string()));
    let all = ["1", "2", "3", "4", "5"];
    let mut laptop = relay.reader(&inbox, Some("laptop"), None);
    let second = [laptop.delivery(), laptop.delivery()].map(|delivery| delivery.cursor)[1];
    laptop.ack(second);
    laptop.socket.close(None).unwrap();

    fill(&ballast);
    let mut more = Vec::new();
    until(
        || {
            let body = (6 + more.len()).to_string();
            let status = relay.post(&inbox, body.as_bytes()).status;
            if status == 200 {
                more.push(body);
            }
            status == 503
        },
        "the disk to be full",
    );
    let there: Vec<&str> = all.into_iter().chain(more.iter().map(String::as_str)).collect();
    // One that is known, one whose name is new, one without a name.
    let mut known = relay.connect(&inbox);
    let welcome = known.hello(Some("laptop"), Some(Resume::from(second)));
    assert_eq!((welcome.resumed, welcome.after), (Resumed::Continued, 2));
    assert_eq!(known.bodies(there.len() - 2), there[2..]);
    for name in [Some("desk"), None] {
        let mut reader = relay.reader(&inbox, name, None);
        assert_eq!(reader.bodies(there.len()), there, "{name:?}");
    }

    fs::remove_file(&ballast).unwrap();
    until(|| relay.post(&inbox, b"last").status == 200, "a post to be kept");
    assert_eq!(known.bodies(1), ["last"], "it goes on where it was");
}

/// Posts bodies of some KiB until the relay turns one away for want of room; returns what it took.
fn post_until_full(
    relay: &Relay,
    inbox: &crate::relay_support::Inbox,
    ballast: &Path,
) -> Vec<String> {
    fill(ballast);
    let mut kept = Vec::new();
    until(
        || {
            let body = format!("{}{}", kept.len(), "x".repeat(2_000));
            let status = relay.post(inbox, body.as_bytes()).status;
            if status == 200 {
                kept.push(body);
            }
            status == 503
        },
        "the disk to be full",
    );
    kept
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn an_operator_makes_room_on_a_full_disk() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let mut site = Site::new();
    site.db = room.path().join("relay.db");
    let mut relay = Relay::on(site, &[]);
    let [one, two, three] = ["one", "two", "three"].map(|name| relay.inbox(name));
    for inbox in [&one, &two, &three] {
        relay.post_all(inbox, (0..20).map(|n| format!("{n}{}", "x".repeat(2_000))));
    }
    let listed = |relay: &Relay| {
        let (done, words) = relay.operate(&["list", "--json"]);
        assert!(done, "{words}");
        serde_json::from_str::<Value>(words.lines().find(|line| line.contains("\"one\"")).unwrap())
            .unwrap()
    };
    for (runs, unread) in [(true, 5), (false, 1)] {
        // One that has most of it, and one that came and has nothing.
        let mut quick = relay.reader(&one, Some("quick"), None);
        drop(relay.reader(&one, Some("slow"), None));
        let head = quick.welcome.as_ref().unwrap().head;
        let cursor =
            iter::repeat_with(|| quick.delivery().cursor).find(|at| at.seq + unread == head);
        quick.ack(cursor.unwrap());
        until(|| listed(&relay)["readers"][0]["acked"] == head - unread, "the ack to be noted");
        drop(quick);
        post_until_full(&relay, &three, &ballast);
        if !runs {
            relay.stop();
            // What ending gave back.
            fill(&room.path().join("more"));
        }
        let (done, words) = relay.operate(&["prune", "one"]);
        assert!(done && words.starts_with("Deleted 0 deliveries"), "{words}");
        assert_eq!(listed(&relay)["readers"][1]["name"], "slow");
        let (done, words) = relay.operate(&["forget", "one", "slow"]);
        assert!(done, "{words}");
        let (done, words) = relay.operate(&["prune", "one"]);
        assert!(done, "{words}");
        let row = listed(&relay);
        assert_eq!((&row["count"], &row["readers"][1]), (&unread.into(), &Value::Null), "{row}");
        if !runs {
            relay.start_again();
        }
        until(|| relay.post(&one, b"again").status == 200, "room");
        fs::remove_file(&ballast).unwrap();
        let _ = fs::remove_file(room.path().join("more"));
    }

    for inbox in ["one", "two"] {
        post_until_full(&relay, &three, &ballast);
        let (done, words) = relay.operate(&["revoke", inbox]);
        assert!(done, "{words}");
        until(|| relay.post(&three, b"again").status == 200, "room after revoking");
    }
}

#[test]
#[ignore = "mounts nothing itself: .ci/run gives it a small tmpfs"]
fn a_relay_starts_on_a_full_disk_and_gives_what_it_has() {
    let _alone = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let room = room();
    let ballast = room.path().join("ballast");
    let mut site = Site::new();
    site.db = room.path().join("relay.db");
    let mut relay = Relay::on(site, &[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (1..=5).map(|n| n.to_string()));
    let mut kept = 5;
    for kill in [false, true] {
        let more = post_until_full(&relay, &inbox, &ballast).len();
        if kill {
            relay.kill();
        } else {
            relay.stop();
        }
        fill(&room.path().join("more ballast"));
        relay.start_again();
        for name in [Some("new"), None] {
            let mut reader = relay.reader(&inbox, name, None);
            reader.bodies(kept + more);
        }
        fs::remove_file(&ballast).unwrap();
        fs::remove_file(room.path().join("more ballast")).unwrap();
        until(|| relay.post(&inbox, b"again").status == 200, "room");
        kept += more + 1;
    }
}
