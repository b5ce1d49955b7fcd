//! Places that cannot be written or are not known: only what a command needs is asked for, and the
//! file that is named is the one that was asked for.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli_support::{Home, Ran, body, start};
use crate::tui_support::STARTING;

/// A uid without an entry in the system's list of users.
const NOBODY: u32 = 54_321;

/// A home whose program is run by somebody who may not write there, unless a directory is opened to
/// everybody. Root may write everywhere, so it becomes somebody else.
struct Foreign {
    home: Home,
    program: PathBuf,
}

impl Foreign {
    fn new() -> Self {
        let home = Home::new();
        let program = home.path("dubwatch");
        // A process that is started meanwhile would inherit the open file, which then cannot be run.
        let alone = STARTING.write().unwrap();
        fs::copy(env!("CARGO_BIN_EXE_dubwatch"), &program).unwrap();
        drop(alone);
        let foreign = Self { home, program };
        mode(&foreign.home.path(""), 0o755);
        mode(&foreign.program, 0o755);
        foreign
    }

    /// The program without any variable.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(line.split_whitespace())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self, line: &str) -> Ran {
        self.home.ran(&mut self.command(line))
    }

    /// A directory that everybody may write.
    fn open(&self, name: &str) -> PathBuf {
        let directory = self.home.path(name);
        fs::create_dir_all(&directory).unwrap();
        mode(&directory, 0o777);
        directory
    }

    /// A directory that only its owner may write, who is not the one that runs the program; without
    /// root it is closed to its owner too.
    fn closed(&self, name: &str) -> PathBuf {
        let directory = self.home.path(name);
        fs::create_dir_all(&directory).unwrap();
        mode(&directory, 0o555);
        directory
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // So that it can be removed.
        for entry in fs::read_dir(self.home.path("")).unwrap().flatten() {
            if entry.path().is_dir() {
                mode(&entry.path(), 0o755);
            }
        }
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The first line on standard output of a program that goes on; then it is killed.
fn first_line(command: &mut Command) -> String {
    let mut child = start(command);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _ = child.kill();
    let left = child.wait_with_output().unwrap();
    assert!(!line.is_empty(), "{}", String::from_utf8_lossy(&left.stderr));
    line
}

#[test]
fn a_home_is_asked_for_only_where_a_path_is_made_from_it() {
    let foreign = Foreign::new();
    // Without root, the user has a home in the system's list.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let open = foreign.open("open");
    let open = open.to_str().unwrap();
    for line in [
        format!("--json --listen 0 --db {open}/j.db"),
        "--ephemeral --json --listen 0".to_owned(),
        format!("relay --listen 0 --db {open}/r.db"),
        "demo --json".to_owned(),
    ] {
        let first = first_line(&mut foreign.command(&line));
        assert!(first.contains(r#""type":"ready""#), "{line}: {first}");
    }
    let mut by_variables = foreign.command("--json --listen 0");
    by_variables
        .env("XDG_DATA_HOME", format!("{open}/data"))
        .env("XDG_CONFIG_HOME", format!("{open}/config"))
        .env("XDG_STATE_HOME", format!("{open}/state"));
    assert!(first_line(&mut by_variables).contains("data/dubwatch/journal.db"));
    foreign.run("config show").done();
    for (line, what) in [
        ("--json --listen 0", "the journal"),
        ("status", "the journal"),
        ("log", "the journal"),
        ("prune --older-than 1d", "the journal"),
        ("send", "the development key"),
        ("relay --listen 0", "the relay's store"),
    ] {
        let ran = foreign.run(line);
        let said = ran.complaint(2);
        assert!(said.contains("HOME") && said.contains(what), "{line}: {said}");
    }
}

#[test]
fn what_keeps_nothing_writes_nothing() {
    let foreign = Foreign::new();
    let closed = foreign.closed("closed");
    for line in ["--ephemeral --json --listen 0", "--ephemeral --no-dev-key --json --listen 0"] {
        let mut command = foreign.command(line);
        let first = first_line(command.env("HOME", &closed));
        assert!(first.contains(r#""journal":"memory""#), "{line}: {first}");
    }
}

#[test]
fn a_home_that_may_not_be_looked_into_is_no_reason_to_fail() {
    let foreign = Foreign::new();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let closed = foreign.closed("closed");
    mode(&closed, 0o700);
    let mut watch = foreign.command("--ephemeral --json --listen 0");
    assert!(first_line(watch.env("HOME", &closed)).contains(r#""type":"ready""#));
    let mut show = foreign.command("config show");
    let ran = foreign.home.ran(show.env("HOME", &closed));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("cannot look for the configuration file ~/closed/"), "{}", ran.err);
    // One that is named has to be read.
    let mut named = foreign.command("config show --config");
    let ran = foreign.home.ran(named.arg(closed.join("c.toml")).env("HOME", &closed));
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn a_journal_that_cannot_be_made_is_the_file_that_is_named() {
    let foreign = Foreign::new();
    let closed = foreign.closed("closed");
    for line in ["--json --listen 0", "--json --listen 0 --no-dev-key"] {
        let db = closed.join("j.db");
        let mut command = foreign.command(&format!("{line} --db {}", db.display()));
        let ran = foreign.home.ran(command.env("HOME", &closed));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("cannot open the journal ~/closed/j.db"), "{}", ran.err);
        assert!(!ran.err.contains("dev.pem"), "{}", ran.err);
    }
}

#[test]
fn a_journal_that_cannot_be_written_can_be_read() {
    let foreign = Foreign::new();
    foreign.home.fill([(1, body("version_ready", "ast_1", "ver_1"))]);
    // With characters that mean something in a URI.
    let place = foreign.home.path("a backup?%41#");
    fs::create_dir(&place).unwrap();
    let copy = place.join("j.db");
    fs::copy(foreign.home.journal(), &copy).unwrap();
    mode(&copy, 0o444);
    mode(&place, 0o555);
    let with = |command: &str| {
        let mut command = foreign.command(command);
        command.arg("--db").arg(&copy);
        foreign.home.ran(&mut command)
    };
    assert!(with("status").done().contains("ast_1"));
    assert!(with("log").done().contains("ast_1"));
    assert!(with("prune --older-than 1m --dry-run").done().contains("1 delivery of 1 asset"));
    // What is to receive into it does not run without receiving.
    let ran = with("--json --listen 0 --no-dev-key");
    assert!(ran.complaint(1).contains("cannot open the journal"), "{ran:?}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "nothing was made beside it");

    // What a running or killed program had not merged yet would be missed: that is said instead.
    mode(&place, 0o755);
    let log = place.join("j.db-wal");
    fs::write(&log, [0; 64]).unwrap();
    mode(&log, 0o444);
    mode(&place, 0o555);
    let ran = with("log");
    let said = ran.complaint(1);
    assert!(said.contains("j.db-wal") && said.contains("copy both files"), "{said}");
}
