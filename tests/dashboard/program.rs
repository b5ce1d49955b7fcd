//! The dashboard of the real binary on a terminal of its own: start, data, keys, end.

use std::process::{Command, Stdio};
use std::time::Duration;

use portable_pty::ExitStatus;
use rustix::process::Signal;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::cli_support::Home;
use crate::tui_support::{LIMIT, Pty};

/// A running dashboard.
struct Watch {
    pty: Pty,
}

fn envs(home: &Home) -> Vec<(&'static str, String)> {
    let path = |name: &str| home.path(name).to_str().unwrap().to_owned();
    vec![
        ("HOME", path("")),
        ("XDG_CONFIG_HOME", path("config")),
        ("XDG_DATA_HOME", path("data")),
        ("XDG_STATE_HOME", path("state")),
        ("LANG", "C.UTF-8".to_owned()),
    ]
}

impl Watch {
    fn open(home: &Home, args: &str) -> Self {
        Self::with(home, args, &[])
    }

    fn with(home: &Home, args: &str, more: &[(&str, &str)]) -> Self {
        Self::sized(120, home, args, more)
    }

    fn sized(columns: u16, home: &Home, args: &str, more: &[(&str, &str)]) -> Self {
        let envs = envs(home);
        let mut envs: Vec<(&str, &str)> = envs.iter().map(|(name, v)| (*name, &**v)).collect();
        envs.extend(more);
        // Words are separated by spaces.
        Self { pty: Pty::spawn(columns, 30, args.split_whitespace(), &envs) }
    }

    /// Returns the text after a word on the screen, up to the next blank.
    fn after(&self, word: &str) -> String {
        self.pty.wait_for_text(word);
        let text = self.pty.screen_text();
        let (_, rest) = text.split_once(word).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// Ends a receiving dashboard with `q`, which asks for confirmation.
    fn quit(&self) {
        self.pty.type_keys("q");
        self.pty.wait_for_text("Callbacks are being received");
        self.pty.type_keys("q");
    }

    /// Waits for the program to end and asserts that its terminal is restored.
    #[track_caller]
    fn ended(&self) -> (ExitStatus, String) {
        let exit = self.pty.wait(LIMIT);
        self.pty.assert_restored();
        (exit, self.pty.screen_text())
    }
}

fn send(home: &Home, url: &str, rest: &str) {
    let sent = home.run(&format!("send --to {url} {rest}"));
    assert!(sent.out.contains("kept"), "{}{}", sent.out, sent.err);
}

#[test]
fn it_explains_how_to_begin_shows_callbacks_and_quits_with_q() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_generate_failed --asset ast_9f3c81 --locale de-DE");
    watch.pty.wait_for_text("FAILED 1");
    watch.pty.wait_for_text("0 of 1 done · 1 failed");
    assert!(watch.pty.events().bells >= 1, "a failure rings");
    watch.quit();
    let (exit, text) = watch.ended();
    assert_eq!(exit.exit_code(), 0);
    assert_eq!(text.trim(), "Stopped: 1 kept, 0 refused.");
    assert!(home.run("status").done().contains("ast_9f3c81"));
}

/// The command on the empty screen works when pasted into another terminal.
#[test]
fn the_command_shown_posts_a_callback() {
    let home = Home::new();
    let odd = home.path("my dir/it's.db");
    for more in [&[][..], &[("DUBWATCH_DB", odd.to_str().unwrap())]] {
        let watch = Watch::sized(80, &home, "--listen 0", more);
        watch.pty.wait_for_text("from another terminal:");
        watch.pty.wait_for_text("copy the command");
        let rows: Vec<String> = watch.pty.screen(|screen| screen.rows(0, 80).collect());
        let above = rows.iter().position(|row| row.contains("from another terminal:")).unwrap();
        let shown = rows[above + 1..].iter().take_while(|row| !row.trim().is_empty());
        // As copied with a mouse: each row is a line.
        let line = shown.map(|row| row.trim()).collect::<Vec<_>>().join("\n");
        assert!(line.contains('\n'), "more than a row: {line}");

        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env_clear().envs(envs(&home)).stdin(Stdio::null());
        let sent = home.ran(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
        assert!(sent.out.contains("kept"), "{line}: {}{}", sent.out, sent.err);
        watch.pty.wait_for_text("RUNNING 1");
        watch.pty.key("ctrl-c");
        watch.ended();
    }
}

#[test]
fn a_lane_moves_with_every_callback() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    for (event, words, bar) in [
        ("version_ready", "○ de-DE    ready", '─'),
        ("version_generating", "◐ de-DE    generating", '█'),
        ("version_generate_failed", "✗ de-DE    FAILED", '✗'),
    ] {
        let what = "--asset ast_1 --version ver_1 --locale de-DE";
        send(&home, &url, &format!("--event {event} {what}"));
        watch.pty.wait_for(LIMIT, |screen| {
            let is_lane =
                |row: String| row.split_once(words).is_some_and(|(_, bars)| bars.contains(bar));
            screen.rows(0, 120).any(is_lane)
        });
    }
}

/// A version becomes overdue as time passes: no callback and no key is needed.
#[test]
fn an_overdue_version_rings_once_and_not_after_a_restart() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0 --overdue 2s");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_generating --asset ast_1 --version ver_1 --locale de-DE");
    watch.pty.wait_for_text("1 OVERDUE");
    watch.pty.wait_for_text("FOR YOU 1");
    watch.pty.wait_for_text("▲ de-DE    OVERDUE");
    watch.pty.wait_for_text("1 for you (▲ 1 overdue)");
    watch.pty.wait_for_title("dubwatch 0/1 ✓ 1 ▲ 1 for you");
    watch.pty.settle();
    assert_eq!(watch.pty.events().bells, 1);
    watch.quit();
    watch.ended();

    let watch = Watch::open(&home, "--listen 0 --overdue 2s");
    watch.pty.wait_for_text("1 OVERDUE");
    watch.pty.wait_for_text("0 of 1 done · 1 for you (▲ 1 overdue)");
    // Marked, it stays in its group and is quiet.
    watch.pty.type_keys("nx");
    watch.pty.wait_for_text("1 overdue, marked as seen");
    watch.pty.wait_for_text("FOR YOU 1");
    assert_eq!(watch.pty.events().bells, 0, "it was known before the start");
    watch.pty.type_keys("q");
    watch.pty.key("ctrl-c");
    watch.ended();
}

#[test]
fn what_is_expected_of_an_asset_is_typed_kept_and_compared_with_the_callbacks() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0 --expect 12");
    let url = watch.after("callback_url:");
    let post = |url: &str, event: &str, locale: &str| {
        let what = format!("--asset ast_1 --version ver_{locale} --locale {locale}");
        send(&home, url, &format!("--event version_{event} {what}"));
    };
    post(&url, "generated", "de-DE");
    watch.pty.wait_for_text("1 of 12 done · 11 expected");
    watch.pty.type_keys("E");
    watch.pty.type_keys("de-DE,fr_FR");
    watch.pty.wait_for_text("fr_FR is no locale; expected at most 35 letters, digits and -");
    watch.pty.key("ctrl-u");
    watch.pty.type_keys("de-DE,fr-FR");
    watch.pty.key("enter");
    watch.pty.wait_for_text("1 of 2 done · 1 expected");
    watch.pty.wait_for_text("╌ fr-FR    expected");
    watch.pty.wait_for_text("still expected: fr-FR (set by hand)");
    watch.quit();
    watch.ended();

    let watch = Watch::open(&home, "--listen 0 --expect 12");
    watch.pty.wait_for_text("1 of 2 done · 1 expected");
    // The header may cut the path.
    let door = watch.after("● ");
    let url = format!("http://{}/callback", door.split('/').next().unwrap());
    post(&url, "generated", "fr-FR");
    watch.pty.wait_for_text("2 of 2 done");
    watch.pty.wait_for_text("DONE 1");
    watch.pty.settle();
    assert_eq!(watch.pty.events().bells, 1, "complete");
    // Nothing at all removes it, and `--expect` applies again.
    watch.pty.type_keys("E");
    watch.pty.key("ctrl-u");
    watch.pty.key("enter");
    watch.pty.wait_for_text("2 of 12 done · 10 expected");
    watch.quit();
    watch.ended();
    let status = home.run("status --json --expect de-DE,x-1");
    assert!(status.done().contains(r#""missing":["x-1"]"#), "{}", status.out);
}

#[test]
fn a_ready_version_rings_and_a_refused_failure_is_shown() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    let what = "--asset ast_1 --version ver_1 --locale de-DE";
    send(&home, &url, &format!("--event version_ready {what}"));
    watch.pty.wait_for_text("FOR YOU 1");
    watch.pty.wait_for_text("nothing has failed");
    watch.pty.settle();
    assert_eq!(watch.pty.events().bells, 1);
    home.run(&format!("send --to {url} --event version_generate_failed {what} --tamper key"));
    watch.pty.wait_for_text("1 refused request claims a failure");
    assert!(!watch.pty.screen_text().contains("nothing has failed"));
    watch.quit();
    watch.ended();
    // Refusals are in the log, so they are still known.
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("0 of 1 done · 1 for you");
    watch.pty.wait_for_text("1 refused request claims a failure");
    watch.pty.type_keys("n");
    watch.pty.wait_for_text("claims a failure (3: show)");
    watch.pty.key("ctrl-c");
    watch.ended();
}

#[test]
fn the_earlier_bodies_of_a_refusal_are_below_the_last_one() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    for version in ["ver_one", "ver_two", "ver_three"] {
        let tampered = "--event version_generated --asset ast_1 --tamper newline --version";
        home.run(&format!("send --to {url} {tampered} {version}"));
    }
    watch.pty.type_keys("3");
    watch.pty.wait_for_text("×3");
    watch.pty.key("enter");
    watch.pty.wait_for_text("key panjaya");
    watch.pty.key("tab");
    for body in ["ver_three", "earlier, from 127.0.0.1", "ver_two", "ver_one"] {
        watch.pty.wait_for_text(body);
    }
    watch.pty.key("ctrl-c");
    watch.ended();
}

#[test]
fn a_filter_searches_the_whole_journal_and_g_goes_to_its_first_row() {
    const ROWS: usize = 10_000;
    let home = Home::new();
    let bodies: Vec<String> = (1..=ROWS)
        .map(|seq| {
            let asset = match seq {
                1 => "ast_first",
                3 | 50 | 4_000 | 4_001 | 9_999 => "ast_needle",
                _ => "ast_hay",
            };
            crate::cli_support::body("version_ready", asset, &format!("ver_{seq}"))
        })
        .collect();
    for bodies in bodies.chunks(1_000) {
        home.fill(bodies.iter().map(|body| (1, body.clone())));
    }
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("FOR YOU 3");
    watch.pty.type_keys("3");
    watch.pty.wait_for_text("the newest 500 of 10,000");
    assert!(!watch.pty.screen_text().contains("ast_first"));
    watch.pty.type_keys("g");
    watch.pty.wait_for_text("ast_first");
    watch.pty.wait_for_text("the oldest");
    watch.pty.type_keys("G");
    watch.pty.wait_for_text("ver_10000");

    watch.pty.type_keys("/asset:needle\n");
    watch.pty.wait_for_text("─ 5 of 10,000 ─");
    watch.pty.type_keys("g");
    watch.pty.wait_for_text("#3 · ast_needle");
    assert!(!watch.pty.wrote("No match"), "it is said before the end was reached");
    watch.pty.type_keys("/");
    watch.pty.key("ctrl-u");
    watch.pty.type_keys("asset:first\n");
    watch.pty.wait_for_text("─ 1 of 10,000 ─");
    assert!(!watch.pty.wrote("No match"), "it is said before the end was reached");
    watch.pty.type_keys("/");
    watch.pty.key("ctrl-u");
    watch.pty.type_keys("asset:chaff\n");
    watch.pty.wait_for_text("No match in 10,000 rows.");
    assert!(watch.pty.wrote("No match"));
}

#[test]
fn keys_work_and_q_quits_under_load() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    let line = format!("send --to {url} --event version_ready --count 100000 --rate 1000");
    let mut sending = home.command(line.split_whitespace());
    let mut sending =
        crate::cli_support::start(sending.stdout(Stdio::null()).stderr(Stdio::null()));
    watch.pty.wait_for_text("FOR YOU 1");
    watch.pty.type_keys("?");
    watch.pty.wait_for_text("─ Keys ─");
    // Leaves the help, asks to quit, and confirms.
    watch.pty.type_keys("qqq");
    let (exit, text) = watch.ended();
    // It may have failed already, because nothing is listening any more.
    let _ = sending.kill();
    sending.wait().unwrap();
    assert_eq!(exit.exit_code(), 0, "{text}");
    assert!(text.starts_with("Stopped: "), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
}

#[test]
fn the_dashboard_needs_a_terminal() {
    let home = Home::new();
    let envs = envs(&home);
    let mut envs: Vec<(&str, &str)> = envs.iter().map(|(name, v)| (*name, &**v)).collect();
    let program = env!("CARGO_BIN_EXE_dubwatch");
    envs.push(("DUBWATCH_LISTEN", "0"));
    let script = format!("{program} </dev/null");
    let pty = Pty::start(120, 30, ["sh", "-c", &script], &envs);
    pty.wait_for_text("Listening on http://127.0.0.1:");
    assert!(!pty.screen(vt100::Screen::alternate_screen));
    drop(pty);

    let script = format!("{program} --output tui </dev/null");
    let pty = Pty::start(120, 30, ["sh", "-c", &script], &envs);
    assert_eq!(pty.wait(LIMIT).exit_code(), 1);
    assert!(
        pty.screen_text().contains("standard input is not a terminal"),
        "{}",
        pty.screen_text()
    );
    for run in ["", "demo", "--ephemeral"] {
        let script = format!("{program} {run} --output tui </dev/null");
        let pty = Pty::start(200, 30, ["sh", "-c", &script], &envs);
        assert_eq!(pty.wait(LIMIT).exit_code(), 1);
        // All of the output: the way out must not fail either.
        let message = "dubwatch: standard input is not a terminal, so there is nothing to draw on; use --output text or json";
        assert_eq!(pty.screen_text().trim(), message, "{run}");
    }

    let watch = Watch::open(&home, "--listen 0 --output text");
    watch.pty.wait_for_text("Listening on http://127.0.0.1:");
    assert!(!watch.pty.screen(vt100::Screen::alternate_screen));
}

/// Emacs' shell and some CI consoles would show the escape sequences themselves.
#[test]
fn a_dumb_terminal_gets_text() {
    let home = Home::new();
    let why = [("dumb", "TERM=dumb cannot show the dashboard"), ("", "TERM is not set")];
    for (term, why) in why {
        for run in ["--listen 0", "demo --speed 1000"] {
            let watch = Watch::sized(200, &home, run, &[("TERM", term)]);
            let first = if run.starts_with("demo") { "DEMO" } else { "Listening on http://" };
            // Written, not on the screen: a fast demo scrolls it away at once.
            watch.pty.wait_for_bytes(first);
            watch.pty.kill(Signal::TERM);
            let exit = watch.pty.wait(LIMIT);
            assert_eq!(exit.exit_code(), 143);
            let log = String::from_utf8(watch.pty.log()).unwrap();
            // The harness writes one sequence itself, to know when everything has been read.
            let log = log.split("\u{1b}]7770;").next().unwrap();
            assert!(!log.contains('\u{1b}'), "{log:?}");
            let message = log.matches(": text instead of the dashboard").count();
            assert!(message == 1 && log.contains(why), "{log}");
        }
        let watch = Watch::sized(200, &home, "--listen 0 --output tui", &[("TERM", term)]);
        let (exit, text) = watch.ended();
        assert_eq!(exit.exit_code(), 1);
        assert!(text.contains(why) && text.contains("use --output text or json"), "{text}");
        assert!(!watch.pty.wrote("\u{1b}[?1049h"));
    }
}

#[test]
fn every_signal_sets_the_exit_code_and_restores_the_terminal() {
    let signals = [
        (Signal::INT, 130),
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::QUIT, 131),
        (Signal::ABORT, 134),
        (Signal::USR1, 128 + Signal::USR1.as_raw().cast_unsigned()),
        (Signal::USR2, 128 + Signal::USR2.as_raw().cast_unsigned()),
        (Signal::ALARM, 142),
        (Signal::VTALARM, 154),
        (Signal::PROF, 155),
        (Signal::XCPU, 152),
        (Signal::XFSZ, 153),
    ];
    for (signal, code) in signals {
        let home = Home::new();
        let watch = Watch::open(&home, "--listen 0");
        watch.pty.wait_for_text("Waiting for the first callback");
        watch.pty.kill(signal);
        let (exit, text) = watch.ended();
        assert_eq!(exit.exit_code(), code);
        assert_eq!(text.trim(), "Stopped: 0 kept, 0 refused.");
        let left = home.path("data/dubwatch/journal.db-wal");
        assert!(!left.exists(), "the journal was closed");
    }
}

#[test]
fn a_dead_terminal_ends_it() {
    let home = Home::new();
    let mut watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    watch.pty.close();
    watch.pty.wait(Duration::from_secs(10));
    assert!(!home.path("data/dubwatch/journal.db-wal").exists(), "the journal was closed");
}

#[test]
fn a_failed_start_prints_one_sentence_and_no_dashboard() {
    let home = Home::new();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = socket.local_addr().unwrap();
    let watch = Watch::open(&home, &format!("--listen {taken}"));
    let (exit, text) = watch.ended();
    assert_eq!(exit.exit_code(), 1);
    assert!(text.contains(&format!("cannot listen on {taken}")), "{text}");
    assert!(!watch.pty.wrote("\u{1b}[?1049h"));
}

#[test]
fn a_journal_in_use_is_opened_read_only_and_followed() {
    let home = Home::new();
    let first = Watch::open(&home, "--listen 0");
    let url = first.after("callback_url:");
    let second = Watch::open(&home, "--listen 0");
    second.pty.wait_for_text("READ ONLY");
    assert!(!second.pty.screen_text().contains("callback_url"), "nothing listens there");
    send(&home, &url, "--event version_ready --asset ast_77aa02 --locale de-DE");
    second.pty.wait_for_text("FOR YOU 1");
    // A name given in the first one appears in the second.
    first.pty.wait_for_text("FOR YOU 1");
    first.pty.type_keys("L");
    first.pty.type_keys("Interview\r");
    first.pty.wait_for_text("Interview  ast_77aa02");
    second.pty.wait_for_text("Interview  ast_77aa02");
    second.pty.type_keys("L");
    second.pty.wait_for_text("another dubwatch writes this journal");
    first.pty.key("ctrl-c");
    assert_eq!(first.ended().0.exit_code(), 0);
    second.pty.wait_for_text("NOT RECEIVING");
    // A new writer is detected as well.
    let third = Watch::open(&home, "--listen 0");
    second.pty.wait_for_text("READ ONLY");
    third.pty.key("ctrl-c");
    assert_eq!(third.ended().0.exit_code(), 0);
    second.pty.key("ctrl-c");
    assert_eq!(second.ended().0.exit_code(), 0);
    assert!(home.run("status").done().contains("Interview"));
}

#[test]
fn a_name_imported_meanwhile_is_shown_and_used_in_notifications() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_generating --asset ast_77aa02 --version ver_1");
    watch.pty.wait_for_text("ast_77aa02");
    let names = home.write("names.csv", "id,name\nast_77aa02,Trailer S2\n");
    assert_eq!(home.run(&format!("names import {}", names.display())).done(), "Named 1 asset.\n");
    watch.pty.wait_for_text("Trailer S2");
    send(&home, &url, "--event version_generate_failed --asset ast_77aa02 --version ver_1");
    watch.pty.wait_for_text("FAILED");
    assert!(watch.pty.wrote("\u{1b}]9;dubwatch: Trailer S2: "), "the name, not the id");
    watch.pty.key("ctrl-c");
    assert_eq!(watch.ended().0.exit_code(), 0);
}

#[test]
fn an_unknown_time_zone_is_reported() {
    // Bound, because its directory is deleted when it is dropped.
    let home = Home::new();
    let watch = Watch::with(&home, "--listen 0", &[("TZ", "Europe/Berln")]);
    watch.pty.wait_for_text("Waiting for the first callback");
    watch.pty.type_keys("4");
    watch.pty.wait_for_text("TZ=Europe/Berln names no time zone");
    watch.pty.key("ctrl-c");
    assert_eq!(watch.ended().0.exit_code(), 0);
}

#[test]
fn a_demo_starts_and_ends_while_receiving_continues() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    watch.pty.type_keys("d");
    watch.pty.wait_for_text("DEMO");
    watch.pty.wait_for_text("FOR YOU");
    send(&home, &url, "--event version_ready --asset ast_real --locale de-DE");
    watch.pty.wait_for_text("1 real request received meanwhile");
    watch.pty.key("esc");
    watch.pty.wait_for_text("FOR YOU 1");
    assert!(!watch.pty.screen_text().contains("DEMO"));
    watch.quit();
    let (exit, text) = watch.ended();
    assert_eq!((exit.exit_code(), text.trim()), (0, "Stopped: 1 kept, 0 refused."));
}

#[test]
fn a_finished_demo_stays_on_the_screen() {
    let home = Home::new();
    let watch = Watch::open(&home, "demo --speed 1000 --seed 7");
    watch.pty.wait_for_text("DEMO");
    // The result of its last scene.
    watch.pty.wait_for_text("DONE 6");
    watch.pty.wait_for_text("the demo is over");
    watch.pty.type_keys("4");
    watch.pty.wait_for_text("memory");
    watch.pty.type_keys("1");
    watch.pty.wait_for_text("DONE 6");
    watch.pty.type_keys("q");
    let (exit, text) = watch.ended();
    assert_eq!(exit.exit_code(), 0);
    assert!(text.starts_with("Stopped: "), "{text}");
    assert!(!home.path("data").exists(), "it touches nothing of the user's");
}

#[test]
fn the_unchecked_banner_is_permanent() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0 --signature off");
    watch.pty.wait_for_text("UNCHECKED");
    watch.pty.type_keys("4");
    watch.pty.wait_for_text("UNCHECKED");
}

#[test]
fn ascii_and_colours_follow_the_environment() {
    let home = Home::new();
    for (args, envs) in [
        ("--listen 0 --ascii", ("LANG", "C.UTF-8")),
        ("--listen 0", ("LC_ALL", "de_DE.ISO-8859-1")),
        ("--listen 0", ("LANG", "C")),
        ("--listen 0", ("LC_CTYPE", "POSIX")),
    ] {
        let watch = Watch::with(&home, args, &[envs]);
        watch.pty.wait_for_text("Waiting for the first callback");
        assert!(watch.pty.screen_text().is_ascii(), "{}", watch.pty.screen_text());
        watch.pty.key("ctrl-c");
        watch.ended();
    }
    let colours = |watch: &Watch| {
        watch.pty.wait_for_text("Waiting for the first callback");
        watch.pty.wrote("\u{1b}[38;5;")
    };
    assert!(colours(&Watch::open(&home, "--ephemeral --listen 0")));
    assert!(!colours(&Watch::with(&home, "--ephemeral --listen 0", &[("NO_COLOR", "1")])));
    assert!(!colours(&Watch::open(&home, "--ephemeral --listen 0 --color never")));
}

/// A walk through all screens with keys, waiting for what each step shows.
#[test]
fn a_script_of_keys_leads_through_every_screen_and_back() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_generating --asset ast_first --version v1 --locale es-ES");
    send(
        &home,
        &url,
        "--event version_generate_failed --asset ast_second --version v2 --locale de-DE",
    );
    home.run(&format!("send --to {url} --event version_ready --asset ast_second --tamper newline"));
    watch.pty.wait_for_text("FAILED 1");
    let script = [
        // The refusal arrives on another path than accepted deliveries; until it is there, enter
        // would open one of those.
        ("3", "INVALID"),
        // The refusal, its reason, and its tabs.
        ("enter", "trailing newline"),
        ("tab", "\"event\""),
        ("shift-tab", "key panjaya"),
        ("q", "enter: open"),
        ("/failed\n", "of 2 assets"),
        ("1", "ast_second"),
        ("esc", "RUNNING 1"),
        // The failure is shown, marked and named.
        ("n", "FAILED"),
        ("x", "1 failure, marked as seen"),
        ("LThe second\n", "The second"),
        ("2", "Matrix"),
        ("4", "callback URL"),
        ("1 ", "FROZEN"),
        (" ", "open"),
        ("?", "On every screen"),
        ("q", "The second"),
        ("yu", "to the terminal's clipboard"),
        ("/nothing-like-it\n", "Nothing is listed"),
        ("esc", "The second"),
    ];
    for (keys, shown) in script {
        match keys {
            "enter" | "tab" | "shift-tab" | "esc" => watch.pty.key(keys),
            text => watch.pty.type_keys(text),
        }
        watch.pty.wait_for_text(shown);
    }
    assert_eq!(watch.pty.events().copied.len(), 1, "the URL was copied");
    watch.pty.key("ctrl-c");
    watch.ended();
}

#[test]
fn q_asks_only_while_callbacks_are_received() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    watch.pty.type_keys("q");
    watch.pty.wait_for_text("q or y: quit, any other key: cancel");
    watch.pty.type_keys("4");
    watch.pty.wait_for(LIMIT, |screen| !screen.contents().contains("Callbacks are being received"));
    // It keeps running, and the key did nothing else.
    send(&home, &url, "--event version_ready --asset ast_1 --locale de-DE");
    watch.pty.wait_for_text("ast_1");

    // A read-only dashboard receives nothing.
    let second = Watch::open(&home, "--listen 0");
    second.pty.wait_for_text("READ ONLY");
    second.pty.type_keys("q");
    assert_eq!(second.ended().0.exit_code(), 0);

    watch.pty.type_keys("q");
    watch.pty.wait_for_text("Callbacks are being received");
    watch.pty.key("ctrl-c");
    assert_eq!(watch.ended().0.exit_code(), 0);

    for (args, envs) in [
        ("--listen 0 --no-confirm-quit", &[][..]),
        ("--listen 0", &[("DUBWATCH_NO_CONFIRM_QUIT", "true")]),
        ("demo", &[]),
    ] {
        let watch = Watch::with(&home, args, envs);
        watch.pty.wait_for_text("1 Timeline");
        watch.pty.type_keys("q");
        let (exit, text) = watch.ended();
        assert_eq!(exit.exit_code(), 0, "{args}: {text}");
    }
}

/// tmux joins keys that arrive within its escape time, often 500 ms.
#[test]
fn escape_and_a_key_read_as_one_are_both_handled() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_ready --asset ast_1 --locale de-DE");
    watch.pty.wait_for_text("ast_1");
    watch.pty.type_keys("/nothing-like-it");
    watch.pty.wait_for_text("Nothing is listed");
    watch.pty.send(b"\x1b4");
    watch.pty.wait_for_text("callback URL");
    watch.pty.type_keys("1");
    watch.pty.wait_for_text("ast_1");
    // An arrow key split by a slow line is still an arrow key.
    watch.pty.type_keys("?");
    watch.pty.wait_for_text("─ Keys ─");
    watch.pty.send(b"\x1bq");
    watch.pty.wait_for_text("Callbacks are being received");
}

#[test]
fn ctrl_l_removes_output_of_other_programs() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    watch.pty.write_as_other(b"\x1b[5;5Hsomebody wrote this");
    watch.pty.wait_for_text("somebody wrote this");
    watch.pty.key("ctrl-l");
    watch.pty.wait_for(LIMIT, |screen| {
        let shown = screen.contents();
        !shown.contains("somebody wrote this") && shown.contains("Waiting for the first callback")
    });
    assert!(!watch.pty.events().questions.iter().any(|asked| asked == "cursor"));
}

#[test]
fn late_answers_are_not_keys() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    // Each of their letters would be a key.
    for answer in [
        &b"\x1b]11;rgb:1414/1414/1414\x1b\\"[..],
        b"\x1b]52;c;NHE0cTRx\x07",
        b"\x1bP>|q4 d\x1b\\",
        b"\x1b_Gd4q\x1b\\",
        b"\x1b[?64;4;22c",
        b"\x1b[12;40R",
    ] {
        let (begin, end) = answer.split_at(4);
        watch.pty.send(begin);
        watch.pty.settle();
        watch.pty.send(end);
    }
    watch.pty.type_keys("/last");
    watch.pty.wait_for_text(" / last");
    assert!(watch.pty.screen_text().contains("Waiting for the first callback"));
}

#[test]
fn typing_shows_the_cursor_and_accepts_a_multi_line_paste() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    assert!(watch.pty.screen(vt100::Screen::hide_cursor));
    watch.pty.type_keys("/");
    watch.pty.paste("failed\r\nlocale:de\n!valid");
    watch.pty.wait_for_text(" / failed locale:de !valid");
    watch.pty.wait_for(LIMIT, |screen| {
        !screen.hide_cursor() && screen.cursor_position() == (28, 3 + 23)
    });
    watch.pty.key("home");
    watch.pty.wait_for(LIMIT, |screen| screen.cursor_position() == (28, 3));
    watch.pty.key("esc");
    watch.pty.wait_for(LIMIT, vt100::Screen::hide_cursor);
}

#[test]
fn the_theme_follows_the_background_of_the_terminal() {
    // The colour of a key in the header: cyan on a dark background, blue on a light one.
    const DARK: vt100::Color = vt100::Color::Idx(6);
    const LIGHT: vt100::Color = vt100::Color::Idx(4);
    let home = Home::new();
    let number = |screen: &vt100::Screen| {
        let row = screen.rows(0, 120).next().unwrap_or_default();
        let at = row.find("2 Matrix").and_then(|at| u16::try_from(row[..at].chars().count()).ok());
        at.and_then(|at| screen.cell(0, at)).map(vt100::Cell::fgcolor)
    };
    let is =
        |watch: &Watch, color| watch.pty.wait_for(LIMIT, |screen| number(screen) == Some(color));

    let watch = Watch::open(&home, "--ephemeral --listen 0");
    // Nothing waits for an answer.
    is(&watch, DARK);
    assert!(watch.pty.wrote("\u{1b}]11;?"));
    watch.pty.send(b"\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\");
    is(&watch, LIGHT);
    watch.pty.send(b"\x1b[?997;1n");
    is(&watch, DARK);
    watch.pty.send(b"\x1b[?997;2n");
    is(&watch, LIGHT);
    watch.pty.key("ctrl-c");
    watch.ended();
    assert!(watch.pty.wrote("\u{1b}[?2031h") && watch.pty.wrote("\u{1b}[?2031l"));

    // A theme chosen by the user is kept.
    for (args, envs, color) in [
        ("--theme dark", &[][..], DARK),
        ("--theme light", &[], LIGHT),
        ("", &[("COLORFGBG", "0;15")], LIGHT),
    ] {
        let watch = Watch::with(&home, &format!("--ephemeral --listen 0 {args}"), envs);
        is(&watch, color);
        assert_eq!(watch.pty.wrote("\u{1b}]11;?"), args.is_empty());
    }
}

#[test]
fn keys_of_another_layout_work_by_position_if_the_terminal_reports_it() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    watch.pty.wait_for_text("Waiting for the first callback");
    watch.pty.type_keys("й");
    watch.pty.wait_for_text("keys are Latin letters, and й is not one");
    // This test terminal supports the keyboard protocol and reports keys like this.
    assert!(watch.pty.wrote("\u{1b}[>29u"));
    watch.pty.send("\u{1b}[1081::113;;1081u".as_bytes());
    watch.pty.wait_for_text("Callbacks are being received");
    watch.pty.send("\u{1b}[1081::113;;1081u".as_bytes());
    assert_eq!(watch.ended().0.exit_code(), 0);
    assert!(watch.pty.wrote("\u{1b}[<u"));
}

#[test]
fn a_copy_under_tmux_or_screen_is_reported_as_passed_on() {
    let home = Home::new();
    for (envs, message) in [
        (("TMUX", "/tmp/tmux-0/default,1,0"), "passed the callback URL to tmux; nothing to paste?"),
        (("STY", "1.pts-0.host"), "passed the callback URL to screen"),
        (("TERM", "screen-256color"), "passed the callback URL to tmux or screen"),
        (("TERM", "xterm-256color"), "sent the callback URL to the terminal's clipboard"),
    ] {
        let watch = Watch::with(&home, "--ephemeral --listen 0", &[envs]);
        watch.pty.wait_for_text("Waiting for the first callback");
        watch.pty.type_keys("yu");
        watch.pty.wait_for_text(message);
    }
}

#[test]
fn names_with_joiners_are_shown_whole() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_ready --asset ast_1 --locale de-DE");
    watch.pty.wait_for_text("ast_1");
    let names = ["می\u{200c}خواهم", "क\u{94d}\u{200d}ष", "👩\u{200d}🚀 film", "ｶ\u{ff9e}ｷ\u{ff9e}"];
    for (name, end) in names.into_iter().zip(["reel-1", "reel-2", "reel-3", "reel-4"]) {
        watch.pty.type_keys("L");
        watch.pty.wait_for_text(" name: ");
        watch.pty.key("ctrl-u");
        watch.pty.paste(&format!("{name} {end}"));
        watch.pty.key("enter");
        watch.pty.wait_for(LIMIT, |screen| {
            !screen.contents().contains(" name: ") && screen.contents().contains(end)
        });
        // Each grapheme is written at its column, so the name is not written in one piece.
        for grapheme in name.graphemes(true) {
            assert!(watch.pty.wrote(grapheme), "{name}: {grapheme}");
        }
        assert!(!watch.pty.screen_text().contains("\\u{"), "{}", watch.pty.screen_text());
    }
}

/// The test terminal draws the parts of an emoji in separate cells, where others draw one picture.
#[test]
fn columns_stay_aligned_whatever_the_width_of_a_name() {
    let home = Home::new();
    let watch = Watch::open(&home, "--listen 0");
    let url = watch.after("callback_url:");
    send(&home, &url, "--event version_ready --asset ast_1 --locale de-DE");
    watch.pty.wait_for_text("ast_1");
    let name = |name: &str, shown: &str| {
        watch.pty.type_keys("L");
        watch.pty.wait_for_text(" name: ");
        watch.pty.key("ctrl-u");
        watch.pty.paste(name);
        watch.pty.key("enter");
        watch.pty.wait_for(LIMIT, |screen| {
            !screen.contents().contains(" name: ") && screen.contents().contains(shown)
        });
    };
    // The column between the panes, row by row.
    let bars = |screen: &vt100::Screen| -> Vec<(u16, u16)> {
        let at = |row, column| screen.cell(row, column).is_some_and(|cell| cell.contents() == "│");
        let cells = (0..30).flat_map(|row| (0..60).map(move |column| (row, column)));
        cells.filter(|(row, column)| at(*row, *column)).collect()
    };
    name("plain", "plain");
    let before = watch.pty.screen(bars);
    assert!(before.len() > 10, "{before:?}");
    for (odd, piece) in [
        ("👩\u{200d}🚀 and 👨\u{200d}👩\u{200d}👧 film", "film"),
        ("क्षत्रिय ｶ\u{ff9e}ｷ\u{ff9e} film", "film"),
        ("🏳\u{fe0f}\u{200d}🌈 film", "film"),
    ] {
        name(odd, piece);
        watch.pty.settle();
        assert_eq!(watch.pty.screen(bars), before, "{odd}: {}", watch.pty.screen_text());
        name("plain", "plain");
        watch.pty.settle();
        assert_eq!(watch.pty.screen(bars), before);
        let left = watch.pty.screen_text();
        assert!(!left.contains(['🚀', '👧', '\u{ff9e}', 'ष', '🌈']), "{left}");
    }
}
