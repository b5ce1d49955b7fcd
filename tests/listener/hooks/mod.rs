//! Programs that are run when something happens: what they are told, how often, and what their failures
//! do.

mod slack;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::common::{Heard, Running, Site, Watch, callback, post, until};

/// Writes a script that is run for what happens. In it, `$1` is the site's directory.
fn script(site: &Site, name: &str, text: &str) -> String {
    let path = site.dir.path().join(name);
    fs::write(&path, format!("#!/bin/sh\nset -eu\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("./{name} '{}'", site.dir.path().display())
}

fn watch(site: &Site, on: &str, exec: &str) -> Watch {
    site.watch_with(&["--public-key", "sender.pem", "--on", on, "--exec", exec])
}

fn file(site: &Site, name: &str) -> PathBuf {
    site.dir.path().join(name)
}

/// Waits for a file that a script moves into its place, and reads it.
fn written(site: &Site, name: &str) -> String {
    let path = file(site, name);
    until(|| path.exists(), name);
    fs::read_to_string(path).unwrap()
}

fn event(event: &str, asset: &str, version: &str) -> String {
    serde_json::json!({
        "event": event, "asset_id": asset, "version_id": version, "version_locale": "es-ES",
    })
    .to_string()
}

fn accept(site: &Site, watch: &Watch, body: &str) {
    assert_eq!(watch.ask(site.signed(body)).status, 200);
}

/// Copies everything that a program is told, and says so when that is done.
const TOLD: &str = r#"
env > "$1/env"
ls -l "$DUB_FOLDER" | cut -c1-10 > "$1/modes"
ls -ld "$DUB_FOLDER" | cut -c1-10 > "$1/folder"
cp "$DUB_PAYLOAD_FILE" "$DUB_HEADERS_FILE" "$DUB_EVENTS_FILE" "$1"
echo "told on standard output"; echo "and error" >&2
mv "$1/env" "$1/told"
"#;

#[test]
fn a_program_is_told_in_variables_and_files_and_never_in_its_command() {
    let site = Site::new();
    let exec = script(&site, "tell.sh", TOLD);
    let mut command =
        site.command(&["--public-key", "sender.pem", "--on", "failed", "--exec", &exec]);
    command.env("SECRET_OF_THE_SHELL", "s3cret").env("PATH", std::env::var("PATH").unwrap());
    let watch = Watch::new(command.spawn().unwrap());
    let hostile = "$(touch pwned)`touch pwned`';touch pwned\n\u{0}\u{1b}[2J";
    let body = event("version_failed", hostile, "ver_1");
    accept(&site, &watch, &body);
    let told = written(&site, "told");
    let lines: Vec<&str> = told.lines().collect();
    for line in [
        "DUB_ON=failed",
        "DUB_SEQ=1",
        "DUB_EVENT=version_failed",
        "DUB_ASSET_ID=$(touch pwned)`touch pwned`';touch pwned",
        "DUB_ASSET_NAME=",
        "DUB_VERSION_ID=ver_1",
        "DUB_VERSION_LOCALE=es-ES",
        "DUB_WHY=",
        "DUB_COUNT=1",
    ] {
        assert!(lines.contains(&line), "{line}: {told}");
    }
    assert!(told.contains(&format!("DUB_JOURNAL={}\n", site.db.display())), "{told}");
    assert!(!told.contains("SECRET_OF_THE_SHELL"), "{told}");
    let known = ["DUB_", "PATH=", "HOME=", "PWD=", "SHLVL=", "_=", "OLDPWD=", "\u{1b}[2J"];
    let unknown = lines.iter().find(|line| !known.iter().any(|known| line.starts_with(known)));
    assert_eq!(unknown, None, "the least environment");

    assert_eq!(fs::read(file(&site, "payload")).unwrap(), body.as_bytes());
    let headers = fs::read_to_string(file(&site, "headers")).unwrap();
    assert!(
        headers.starts_with("host: x\ncontent-type: application/json\nx-signature: 30"),
        "{headers}"
    );
    let line = fs::read_to_string(file(&site, "events.ndjson")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&record["type"], &record["asset_id"]), (&"delivery".into(), &hostile.into()));
    let modes = fs::read_to_string(file(&site, "modes")).unwrap();
    assert_eq!(modes.lines().skip(1).collect::<Vec<_>>(), ["-rw-------"; 3]);
    assert_eq!(fs::read_to_string(file(&site, "folder")).unwrap(), "drwx------\n");
    assert!(!file(&site, "pwned").exists());

    let folder = lines.iter().find_map(|line| line.strip_prefix("DUB_FOLDER=")).unwrap();
    until(|| !Path::new(folder).exists(), "the folder to be removed");
    assert_eq!(watch.stop(Signal::TERM).code, Some(143));
    let log = fs::read_to_string(file(&site, "state/dubwatch/dubwatch.log")).unwrap();
    assert!(log.contains("told on standard output") && log.contains("and error"), "{log}");
}

#[test]
fn each_event_runs_its_own_programs() {
    let site = Site::new();
    let note = script(&site, "note.sh", r#"echo "$2 $DUB_ON $DUB_COUNT $DUB_EVENT" >> "$1/notes""#);
    let site_watch = site.watch_with(&[
        "--public-key",
        "sender.pem",
        "--expect",
        "es-ES",
        "--overdue",
        "1s",
        "--on",
        "ready",
        "--exec",
        &format!("{note} a"),
        "--on",
        "generated,complete",
        "--exec",
        &format!("{note} b"),
        "--on",
        "refused",
        "--exec",
        &format!("{note} c"),
        "--on",
        "overdue",
        "--exec",
        &format!("{note} d"),
    ]);
    let has = |line: &str| {
        let path = file(&site, "notes");
        until(|| fs::read_to_string(&path).is_ok_and(|notes| notes.contains(line)), line);
    };
    accept(&site, &site_watch, &event("version_ready", "ast_1", "v"));
    has("a ready 1 version_ready\n");
    // A repeat changes nothing.
    accept(&site, &site_watch, &event("version_ready", "ast_1", "v"));
    accept(&site, &site_watch, &event("version_generating", "ast_1", "v"));
    has("d overdue 1 version_generating\n");
    assert_eq!(site_watch.ask(post(&[("x-signature", "00")], b"{}")).status, 401);
    has("c refused 1 \n");
    accept(&site, &site_watch, &event("version_generated", "ast_1", "v"));
    has("b ");
    assert_eq!(site_watch.stop(Signal::TERM).code, Some(143));
    let notes = fs::read_to_string(file(&site, "notes")).unwrap();
    let of = |program: &str| notes.lines().filter(|line| line.starts_with(program)).count();
    assert_eq!((of("a"), of("c"), of("d")), (1, 1, 1), "{notes}");
    // Both in one run, or one each.
    let counts: u32 = notes
        .lines()
        .filter(|line| line.starts_with('b'))
        .map(|line| line.split(' ').nth(2).unwrap().parse::<u32>().unwrap())
        .sum();
    assert_eq!(counts, 2, "{notes}");
}

#[test]
fn what_comes_while_a_program_runs_is_told_together() {
    let site = Site::new();
    let exec = script(
        &site,
        "slow.sh",
        r#"touch "$1/began"
while [ ! -e "$1/go" ]; do sleep 0.05; done
echo "$DUB_COUNT $(wc -l < "$DUB_EVENTS_FILE") $DUB_ASSET_ID" >> "$1/runs""#,
    );
    let site_watch = watch(&site, "ready", &exec);
    accept(&site, &site_watch, &event("version_ready", "ast_0", "v"));
    until(|| file(&site, "began").exists(), "the first run");
    for n in 1..=40 {
        accept(&site, &site_watch, &event("version_ready", &format!("ast_{n}"), "v"));
    }
    fs::write(file(&site, "go"), "").unwrap();
    // The end waits for what is not told yet.
    assert_eq!(site_watch.stop(Signal::TERM).code, Some(143));
    let runs = fs::read_to_string(file(&site, "runs")).unwrap();
    let runs: Vec<Vec<&str>> = runs.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(runs[0], ["1", "1", "ast_0"]);
    assert_eq!(runs.last().unwrap()[2], "ast_40");
    let told: usize = runs.iter().map(|run| run[1].parse::<usize>().unwrap()).sum();
    assert_eq!(told, 41, "{runs:?}");
    assert!(runs.len() < 10, "together: {runs:?}");
}

#[test]
fn a_failure_is_a_warning_and_refuses_nothing() {
    let site = Site::new();
    let gone = script(&site, "gone.sh", "exit 0");
    let mut site_watch = site.watch_with(&[
        "--public-key",
        "sender.pem",
        "--on",
        "ready",
        "--exec",
        "sh -c 'exit 7'",
        "--on",
        "ready",
        "--exec",
        &gone,
    ]);
    fs::remove_file(file(&site, "gone.sh")).unwrap();
    accept(&site, &site_watch, &callback(1));
    let warnings = [(); 2].map(|()| site_watch.next_of("warning")["message"].to_string());
    let has = |words: &str| warnings.iter().any(|warning| warning.contains(words));
    assert!(has("--exec sh -c 'exit 7': failed (exit status: 7)"), "{warnings:?}");
    assert!(has("gone.sh") && has("cannot be started: No such file"), "{warnings:?}");
    accept(&site, &site_watch, &callback(2));
    assert_eq!(site_watch.stop(Signal::TERM).code, Some(143));
}

#[test]
fn what_cannot_be_run_is_said_at_the_start() {
    let site = Site::new();
    for (arguments, said) in [
        (&["--on", "failed"][..], "--on and --exec go in pairs"),
        (&["--exec", "true"], "--on and --exec go in pairs"),
        (
            &["--on", "faild", "--exec", "true"],
            "--on: faild is nothing to run a program for; did you mean failed?",
        ),
        (
            &["--on", "failed", "--exec", "./not-there.sh"],
            "--exec: cannot run ./not-there.sh: No such file",
        ),
        (
            &["--on", "failed", "--exec", "no-such-program-at-all"],
            "no program no-such-program-at-all in PATH",
        ),
        (&["--on", "failed", "--exec", "sender.pem"], "in PATH"),
        (&["--on", "failed", "--exec", "./sender.pem"], "it is not executable"),
    ] {
        let (code, err) = site.fails(arguments);
        assert_eq!((code, err.lines().count()), (2, 1), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    // Beside one that receives, nothing is run.
    let running = site.watch();
    let beside = ["--on", "failed", "--exec", "true", "--json"];
    let mut child = site.command(&beside).spawn().unwrap();
    let err = Heard::from(child.stderr.take().unwrap());
    let _child = Running(child);
    let told = || err.text().contains("the programs of --exec are not run");
    until(told, "the warning");
    assert_eq!(running.stop(Signal::TERM).code, Some(143));
}
