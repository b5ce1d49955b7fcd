//! Captures: their signatures checked again, and shown in a read-only dashboard.

use std::fs;
use std::path::PathBuf;

use crate::cli_support::{Home, Ran};
use crate::tui_support::{LIMIT, Pty};

/// A capture of three signed deliveries and a refusal, and the home in which it was made.
fn captured() -> (Home, PathBuf) {
    let home = Home::new();
    let watch = home.watch();
    for event in ["version_ready", "version_generating", "version_generated"] {
        let to = &watch.url;
        home.run(&format!("send --to {to} --asset ast_1 --version ver_1 --event {event}")).done();
        watch.line("delivery");
    }
    home.run(&format!("send --to {} --asset ast_9 --tamper body", watch.url));
    watch.line("refusal");
    home.write("names.csv", "ast_1,Trailer S2\n");
    home.run("names import names.csv").done();
    let file = home.path("tonight.ndjson");
    let ran = home.run(&format!("export --format ndjson --to {}", file.display()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(watch.stop(), Some(143));
    (home, file)
}

fn verify(home: &Home, text: &str) -> Ran {
    home.write("changed.ndjson", text);
    home.run("verify --capture changed.ndjson")
}

#[test]
fn every_signature_of_a_capture_is_checked_again() {
    let (home, file) = captured();
    let ran = home.run("verify --capture tonight.ndjson");
    assert_eq!(ran.done(), "all hold: 3 deliveries: 3 by dev\n");
    // By the key alone, on another machine.
    let other = Home::new();
    let text = fs::read_to_string(&file).unwrap();
    other.write("tonight.ndjson", &text);
    let ran = other.run("verify --capture tonight.ndjson");
    assert_eq!(ran.code, Some(1), "the development key of another machine: {ran:?}");
    assert!(ran.out.ends_with("3 deliveries do not hold, 0 hold\n"), "{}", ran.out);
    home.run("keygen k.pem").done();
    let ran = home.run("verify --capture tonight.ndjson --public-key k.pub.pem");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(1), 4), "{ran:?}");

    // One changed byte.
    let lines: Vec<&str> = text.lines().collect();
    let body = lines[2].split("\"body_b64\":\"").nth(1).unwrap().split('"').next().unwrap();
    let other_body = lines[1].split("\"body_b64\":\"").nth(1).unwrap().split('"').next().unwrap();
    let ran = verify(&home, &text.replace(body, other_body));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.starts_with("✗ line 3, seq 2: invalid: "), "{}", ran.out);
    assert!(ran.out.ends_with("1 delivery does not hold, 2 hold: 2 by dev\n"), "{}", ran.out);
}

#[test]
fn what_is_no_whole_capture_is_called_so_with_its_line() {
    let (home, file) = captured();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line);
        kept.collect::<Vec<_>>().join("\n") + "\n"
    };
    for (text, why) in [
        (String::new(), "line 1: this is not the beginning of a capture"),
        ("{\"log\":{}}\n".to_owned(), "line 1: this is not the beginning of a capture"),
        (text[..text.len() - 20].to_owned(), "line 6: the file ends in the middle of this line"),
        (without(5), "line 5: the file ends here and lacks the last line"),
        (without(2), "line 5: the capture says that it has 4 deliveries, refusals and gaps, and 3"),
        (text.replace("\"body_b64\":\"", "\"body_b64\":\"!"), "line 2: body_b64 is no base64"),
    ] {
        let ran = verify(&home, &text);
        let said = ran.err.clone();
        assert_eq!(ran.code, Some(2), "{why}: {ran:?}");
        assert!(said.starts_with(&format!("dubwatch: changed.ndjson, {why}")), "{why}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let (code, shown) = opened(&home, "changed.ndjson", |_| {});
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("nothing was opened"), "{shown}");
    }
    for (line, why) in [
        ("verify --capture none.ndjson", "cannot read the capture none.ndjson"),
        ("verify --capture . --no-dev-key", "it is a directory"),
        ("open tonight.ndjson", "a capture is opened on a terminal"),
    ] {
        assert!(home.run(line).complaint(2).contains(why), "{line}");
    }
    home.run("verify --capture tonight.ndjson --signature 00 body").complaint(2);
    let ran = home.run("export --format ndjson --redact --to redacted.ndjson");
    assert_eq!(ran.code, Some(0));
    let ran = home.run("verify --capture redacted.ndjson");
    assert!(ran.complaint(2).contains("redacted.ndjson is redacted"), "{}", ran.err);
}

/// Opens a capture on a terminal, has `look` look at it, quits, and returns how it ended.
fn opened(home: &Home, file: &str, look: impl FnOnce(&Pty)) -> (u32, String) {
    let root = home.path("").to_str().unwrap().to_owned();
    let (data, state) = (format!("{root}data"), format!("{root}state"));
    let envs = [
        ("HOME", root.as_str()),
        ("XDG_DATA_HOME", data.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
        ("TZ", "UTC"),
    ];
    let path = home.path(file);
    let pty = Pty::spawn(120, 30, ["open", path.to_str().unwrap()], &envs);
    look(&pty);
    let exit = pty.wait(LIMIT);
    (exit.exit_code(), pty.screen_text())
}

#[test]
fn a_capture_opens_in_a_read_only_dashboard_with_verdicts_of_here() {
    let (home, file) = captured();
    let before = fs::read(home.journal()).unwrap();
    let (code, _) = opened(&home, "tonight.ndjson", |pty| {
        pty.wait_for_text("CAPTURE ");
        pty.wait_for_text("Trailer S2");
        pty.type_keys("3");
        pty.wait_for_text("generated");
        pty.wait_for_text("INVALID");
        pty.type_keys("4");
        pty.wait_for_text("a capture in memory");
        pty.type_keys("qq");
    });
    assert_eq!(code, 0);
    assert_eq!(fs::read(home.journal()).unwrap(), before, "nothing is merged");

    // Where its key is not trusted, it says so.
    let other = Home::new();
    other.write("tonight.ndjson", fs::read(&file).unwrap());
    let (code, _) = opened(&other, "tonight.ndjson", |pty| {
        pty.wait_for_text("CAPTURE ");
        pty.type_keys("4");
        pty.wait_for_text("3 of 3 deliveries in the capture");
        pty.type_keys("qq");
    });
    assert_eq!(code, 0);
    assert!(!other.path("data").exists(), "no journal is made");
}

#[test]
fn a_redacted_capture_opens_with_aliases() {
    let (home, _) = captured();
    let ran = home.run("export --format ndjson --redact --to redacted.ndjson");
    assert_eq!(ran.code, Some(0));
    let (code, _) = opened(&home, "redacted.ndjson", |pty| {
        pty.wait_for_text("ast-");
        pty.type_keys("4");
        pty.wait_for_text("the capture is redacted");
        pty.type_keys("qq");
    });
    assert_eq!(code, 0);
}
