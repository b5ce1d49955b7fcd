//! The real binary, command by command: what it says, where, and how it ends. What `watch` does
//! while it runs is elsewhere.

use std::io::Write as _;
use std::process::Stdio;

use dubwatch::internals::callback::Encoding;
use dubwatch::internals::signature::{PrivateKey, PublicKey, TrustedKeys};
use insta::assert_snapshot;
use rstest::rstest;

use crate::cli_support::{Home, Posted, Target, body, mode, start};

/// What differs from run to run and from system to system is written alike while this is held.
fn neutral() -> impl Drop {
    let mut settings = insta::Settings::clone_current();
    for (found, written) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "[time]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "[time]"),
        (r#""seconds":\d+\.\d+"#, r#""seconds":[s]"#),
        (r"\b\d\d:\d\d:\d\d\b", "[time]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "[time]"),
        (r"127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:[port]"),
        (r"\d+\.\d ms", "[ms]"),
        (r" +\d+[smh]\n", " [ago]\n"),
        (r#""x-signature","[0-9a-f]+""#, r#""x-signature","[hex]""#),
        (r"of \d{3} characters", "of [n] characters"),
        (r"hex of 7\d bytes", "hex of [n] bytes"),
        (r"dubwatch/\d+\.\d+\.\d+", "dubwatch/[version]"),
        (r"os error \d+", "os error [n]"),
        (r"process \d+", "process [pid]"),
        // Columns are as wide as the longest path.
        (r" +# ", "  # "),
    ] {
        settings.add_filter(found, written);
    }
    settings.bind_to_scope()
}

const COMMANDS: [&str; 35] = [
    "",
    "watch",
    "demo",
    "send",
    "keygen",
    "verify",
    "status",
    "log",
    "replay",
    "wait",
    "names",
    "names import",
    "names list",
    "names export",
    "export",
    "open",
    "journal",
    "journal path",
    "journal size",
    "journal backup",
    "journal restore",
    "journal delete",
    "journal vacuum",
    "prune",
    "api",
    "api get-version",
    "api get-asset",
    "api list",
    "download",
    "doctor",
    "relay",
    "config",
    "config show",
    "completions",
    "man",
];

// Help, usage, exit codes.

#[test]
fn help() {
    let home = Home::new();
    for command in COMMANDS {
        let name = if command.is_empty() { "dubwatch" } else { command };
        let name = format!("help {name}").replace(' ', "_");
        assert_snapshot!(name, home.run(&format!("{command} --help")).done());
    }
    assert_snapshot!("help_short_send", home.run("send -h").done());
}

#[test]
fn the_version() {
    let version = format!("dubwatch {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Home::new().run("--version").done(), version);
}

/// One sentence, or `clap`'s few lines, on standard error; status 2.
#[test]
fn wrong_usage() {
    let home = Home::new();
    let mut said = Vec::new();
    for line in [
        "--lisen 1",
        "wach",
        "--listen here",
        "--max-body 1",
        "--overdue 0h",
        "--expect 0",
        "--expect es-ES,es_MX",
        "log --expect 2",
        "--keep 3mo",
        "--forward-to 0",
        "--forward-to http://user:s3cret@localhost:1/",
        "--forward-filter vrsion:9 --forward-to 1",
        "--forward-filter failed",
        "--forward-to 1 --forward-to localhost:1",
        "--forward-to 1 --forward-to 2 --forward-filter a --forward-filter b --forward-filter c",
        "--forward-to 1 -H x-signature:s3cret",
        "--forward-to 1 -H @none.txt",
        "--forward-to 3829 --listen 3829",
        "--forward-since yesterday",
        "--signature maybe",
        "status --signature off",
        "--json --output text",
        "--ephemeral --db x.db",
        "--config none.toml",
        "--public-url ftp://x",
        "--path callback",
        "send --to nowhere",
        "send --to ftp://127.0.0.1/",
        "send --listen 0",
        "send --rate 0",
        "send --count -1",
        "send --tamper everything",
        "send --encoding pem",
        "keygen",
        "verify body.json",
        "log --filter vrsion:9",
        "log --since yesterday",
        "log --limit some",
        "prune",
        "prune --older-than soon",
        "config",
        "completions tcsh",
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        said.push(format!("$ dubwatch {line}\n{}\n", ran.complaint(2)));
    }
    assert_snapshot!(said.concat());
    assert!(!home.path("data").exists(), "nothing was made");
}

#[test]
fn a_journal_that_is_not_there() {
    let home = Home::new();
    let mut said = Vec::new();
    for line in ["status", "status --json", "log", "log --refused", "prune --older-than 1d"] {
        said.push(format!("$ dubwatch {line}\n{}", home.run(line).complaint(1)));
    }
    assert_snapshot!(said.concat(), @r"
    $ dubwatch status
    dubwatch: there is no journal at ~/data/dubwatch/journal.db yet; `dubwatch` makes one when it starts to watch, --db names another
    $ dubwatch status --json
    dubwatch: there is no journal at ~/data/dubwatch/journal.db yet; `dubwatch` makes one when it starts to watch, --db names another
    $ dubwatch log
    dubwatch: there is no journal at ~/data/dubwatch/journal.db yet; `dubwatch` makes one when it starts to watch, --db names another
    $ dubwatch log --refused
    dubwatch: there is no journal at ~/data/dubwatch/journal.db yet; `dubwatch` makes one when it starts to watch, --db names another
    $ dubwatch prune --older-than 1d
    dubwatch: there is no journal at ~/data/dubwatch/journal.db yet; `dubwatch` makes one when it starts to watch, --db names another
    ");
    assert!(!home.journal().exists(), "reading makes no journal");
}

#[test]
fn a_file_that_is_no_journal() {
    let home = Home::new();
    home.write("notes.txt", "not a database, and long enough to look at: ".repeat(50));
    let mut said = Vec::new();
    for line in ["status --db notes.txt", "prune --older-than 1d --db notes.txt"] {
        said.push(format!("$ dubwatch {line}\n{}", home.run(line).complaint(1)));
    }
    assert_snapshot!(said.concat(), @r"
    $ dubwatch status --db notes.txt
    dubwatch: ~/notes.txt is not a journal of dubwatch: it is no SQLite database, or a damaged one; it was left as it is, choose another file with --db
    $ dubwatch prune --older-than 1d --db notes.txt
    dubwatch: ~/notes.txt is not a journal of dubwatch: it is no SQLite database, or a damaged one; it was left as it is, choose another file with --db
    ");
    let text = std::fs::read_to_string(home.path("notes.txt")).unwrap();
    assert!(text.starts_with("not a database"));
}

#[test]
fn a_pipe_in_the_place_of_a_file_holds_nothing_up() {
    let home = Home::new();
    if home.checked("mkfifo", &["pipe"]).is_none() {
        return;
    }
    home.write("token", "a-token-that-is-long-enough");
    for line in [
        "watch --listen 0 --json --public-key pipe",
        "watch --listen 0 --json --config pipe",
        "watch --listen 0 --json --relay wss://127.0.0.1:1/i/one --relay-token-file pipe",
        "status --config pipe",
        "send --to http://127.0.0.1:1/ --key pipe",
        "verify --signature 30 --public-key pipe token",
    ] {
        let ran = home.run(line);
        assert!(matches!(ran.code, Some(1 | 2)), "{line}: {ran:?}");
        assert!(ran.err.contains("it is a named pipe, and a file was expected"), "{line}: {ran:?}");
    }
    let lock = "journal.db.lock";
    home.checked("mkfifo", &[lock]).unwrap();
    let ran = home.run("watch --listen 0 --json --db journal.db");
    assert!(ran.complaint(1).contains("journal.db.lock cannot be written: it is a named pipe"));
}

#[test]
fn a_development_key_that_others_can_have_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let target = ok();
    let send = format!("send --to {}", target.url());
    home.run(&send).done();
    let dev = home.path("data/dubwatch/dev.pem");
    let set = |mode| {
        std::fs::set_permissions(&dev, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o666);
    let said = "the development key ~/data/dubwatch/dev.pem is not trusted: others can read or change it (mode 666); remove it, and a new one is made";
    assert_eq!(home.run(&send).complaint(1), format!("dubwatch: {said}\n"));
    let watch = home.watch();
    let message = watch.line("warning")["message"].as_str().unwrap().to_owned();
    assert_eq!(message.replace(home.path("").to_str().unwrap(), "~/"), said);
    set(0o600);
    let ran = home.run(&format!("send --to {}", watch.url));
    assert!(ran.out.starts_with("401 "), "the listener that runs does not trust it: {ran:?}");
    watch.stop();
    let watch = home.watch();
    home.run(&format!("send --to {}", watch.url)).done();
    watch.stop();
}

/// Whatever stands at the name of a journal or a relay's store is called by what it is, at once, and
/// stays what it is.
#[test]
fn what_is_no_file_is_called_by_its_kind() {
    let home = Home::new();
    let directory = home.path("here");
    std::fs::create_dir(&directory).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(home.path("socket")).unwrap();
    let fifo = home.checked("mkfifo", &["pipe"]).is_some();
    home.write("names.csv", "id,name\na,b\n");
    let commands = [
        "watch --listen 0 --json",
        "status",
        "log",
        "log -f",
        "log --refused",
        "names list",
        "names export",
        "names import names.csv",
        "export --format csv",
        "journal size",
        "journal backup copy.db",
        "journal delete --asset a",
        "journal vacuum",
        "prune --older-than 1d",
        "prune --older-than 1d --dry-run",
        "relay --listen 0",
        "relay inbox list",
        "relay inbox create one",
        "relay inbox revoke one",
    ];
    for (path, kind) in [
        ("here", "a directory"),
        ("socket", "a socket"),
        ("/dev/null", "a device"),
        ("pipe", "a named pipe"),
    ] {
        if kind == "a named pipe" && !fifo {
            continue;
        }
        for command in commands {
            // A relay takes the name as it is given.
            let (what, shown) = match command.starts_with("relay") {
                true => ("relay store", path.to_owned()),
                false if path.starts_with('/') => ("journal", path.to_owned()),
                false => ("journal", format!("~/{path}")),
            };
            let ran = home.run(&format!("{command} --db {path}"));
            assert_eq!(
                ran.complaint(1),
                format!(
                    "dubwatch: cannot open the {what} {shown}: it is {kind}, and a file was expected; name one with --db\n"
                ),
                "{command}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    assert!(!home.path("here.lock").exists() && !home.path("here.admin").exists());
}

/// What comes from a command line, a file or an answer does nothing to a terminal but show.
#[test]
fn nothing_that_a_terminal_acts_on_is_repeated() {
    let hostile = "a\u{1b}]0;b\u{7}\u{9b}2J\u{202e}c\u{2028}";
    let home = Home::new();
    home.run("keygen key.pem").done();
    home.write("body.json", "{}");
    home.write("odd.csv", format!("id,name\n{hostile},b\n"));
    let target = Target::new(|_| (200, "ok\u{1b}[2J\u{202e}"));
    let url = target.url();
    let send = ["send", "--key", "key.pem", "--to", &url];
    std::fs::write(home.path(hostile), hostile).unwrap();
    let made = format!("{hostile}.pem");
    let store = format!("{hostile}.db");
    let commands: &[&[&str]] = &[
        &[&send[..], &["--asset", hostile]].concat(),
        &[&send[..], &["--event", hostile, "--version", hostile, "--locale", hostile]].concat(),
        &[&send[..], &["--body", hostile]].concat(),
        &["send", "--to", hostile],
        &["send", "--key", hostile],
        &["keygen", &made],
        &["keygen", &made],
        &["verify", "--signature", hostile, "body.json"],
        &["verify", "--signature", "00", hostile],
        &["verify", "--signature", "00", &made],
        &["verify", "--public-key", hostile, "--signature", "00", "body.json"],
        &["status", "--db", hostile],
        &["status", "--db", &store],
        &["log", "--filter", hostile],
        &["log", "--since", hostile],
        &["names", "import", hostile],
        &["names", "import", "odd.csv"],
        &["names", "list", "--db", hostile],
        &["export", "--format", "csv", "--db", hostile],
        &["export", "--format", "csv", "--filter", hostile],
        &["export", "--format", "csv", "--to", "no/a\u{1b}[2J\u{202e}"],
        &["verify", "--capture", hostile],
        &["open", hostile],
        &["journal", "size", "--db", hostile],
        &["journal", "backup", hostile],
        &["journal", "restore", hostile],
        &["journal", "delete", "--asset", hostile],
        &["prune", "--older-than", hostile],
        &["prune", "--older-than", "1d", "--db", &store],
        &["relay", "--listen", "0", "--db", hostile],
        &["relay", "--listen", "0", "--tls-cert", hostile, "--tls-key", hostile],
        &["relay", "inbox", "create", hostile],
        &["relay", "inbox", "create", "one", "--db", &store, "--token-file", "token\u{9b}"],
        &["relay", "inbox", "rotate", "one", "--db", &store, "--token-file", "token\u{9b}"],
        &["relay", "inbox", "list", "--db", &store, "--json"],
        &["api", "get-version", hostile],
        &["api", "list", "--api-url", hostile],
        &["api", "list", "--api-key-file", hostile],
        &["config", "show", "--db", hostile],
        &["config", "show", "--config", hostile],
        &["--listen", hostile],
        &[hostile],
        &["--json", "--db", hostile],
        &["--output", "text", "--db", hostile],
    ];
    let acts = |c: char| c != '\n' && (c.is_control() || dubwatch::internals::text::is_hidden(c));
    for command in commands {
        let ran = home.ran(&mut home.command(*command));
        assert!(!ran.out.is_empty() || !ran.err.is_empty(), "{command:?} says nothing");
        for said in [&ran.out, &ran.err] {
            assert!(!said.contains(acts), "{command:?}: {said:?}");
        }
    }
    let ran = home.ran(&mut home.command([hostile]));
    assert!(ran.err.contains(r"'a\u{1b}]0;b\u{7}\u{9b}2J\u{202e}c\u{2028}'"), "{}", ran.err);
    // Bytes that are no text as well.
    let bytes: std::ffi::OsString =
        std::os::unix::ffi::OsStringExt::from_vec(b"\xff\x1b[2J".into());
    let ran = home.ran(&mut home.command([bytes]));
    assert!(ran.code == Some(2) && !ran.err.contains(acts), "{:?}", ran.err);
}

#[test]
fn no_secret_in_a_url_is_repeated() {
    let home = Home::new();
    home.write("odd.toml", "relay = \"wss://user:s3cret@h\"\n");
    for command in [
        &["--relay", "wss://user:s3cret@relay.example", "--no-listen"][..],
        &["--relay", "wss://s3cret@relay.example"],
        &["--relay", "wss://relay.example/?token=s3cret"],
        &["--relay", "https://user:s3cret@relay.example"],
        &["config", "show", "--relay", "wss://user:s3cret@relay.example"],
        &["config", "show", "--config", "odd.toml"],
        &["relay", "--public-url", "https://user:s3cret@relay.example"],
        &["send", "--to", "http://user:s3cret@127.0.0.1:1/"],
        &["verify", "wss://user:s3cret@h"],
        &["api", "list", "--api-url", "https://user:s3cret@h"],
        &["--api-url", "https://user:s3cret@h"],
    ] {
        let ran = home.ran(&mut home.command(command));
        assert!(ran.code != Some(0) && !ran.err.is_empty(), "{command:?}");
        for said in [&ran.out, &ran.err] {
            assert!(!said.contains("s3cret"), "{command:?}: {said}");
        }
    }
}

// Flags and variables that a command does not use.

/// A command that does something, with what it needs to be parsed.
const WITH_ARGUMENTS: [(&str, &str); 32] = [
    ("", ""),
    ("watch", ""),
    ("demo", ""),
    ("send", ""),
    ("keygen", "k.pem"),
    ("verify", "--signature 00 body.json"),
    ("status", ""),
    ("log", ""),
    ("export", "--format csv"),
    ("open", "x.ndjson"),
    ("journal path", ""),
    ("journal size", ""),
    ("journal backup", "b.db"),
    ("journal restore", "b.db"),
    ("journal delete", "--asset a"),
    ("journal vacuum", ""),
    ("replay", "3000"),
    ("wait", "--version v"),
    ("prune", "--older-than 1d"),
    ("api get-version", "v"),
    ("api get-asset", "a"),
    ("api list", ""),
    ("download", "--version v --to ."),
    ("relay", ""),
    ("relay inbox create", "one"),
    ("relay inbox list", ""),
    ("relay inbox rotate", "one"),
    ("relay inbox revoke", "one"),
    ("relay inbox forget", "one reader"),
    ("config show", ""),
    ("completions", "bash"),
    ("man", ""),
];

/// Every shared flag with every command, before and after its name: one that the help does not show
/// is refused by name, one that it shows is taken.
#[test]
fn a_flag_that_a_command_does_not_use_is_refused() {
    let home = Home::new();
    let shared: Vec<(&str, String)> = dubwatch::internals::config::SETTINGS
        .iter()
        .filter(|setting| !setting.flag.is_empty() && setting.flag != "--signature")
        .map(|setting| {
            let value = match setting.name {
                "listen" => "=127.0.0.1:0",
                "path" => "=/x",
                "public-url" => "=https://a.example/x",
                "output" => "=json",
                "color" => "=never",
                "theme" => "=dark",
                "max-body" => "=1MiB",
                "overdue" | "keep" => "=1h",
                "expect" | "forward-concurrency" | "forward-retries" => "=2",
                "exec" => "=true",
                "relay" => "=wss://relay.example",
                "api-url" => "=https://api.example",
                "forward-to" => "=3000",
                "forward-filter" | "on" => "=failed",
                "forward-when-down" => "=skip",
                "forward-since" => "=2h",
                "forward-header" => "=x-stage:dev",
                "forward-timeout" => "=5s",
                "public-key" | "db" | "relay-name" | "relay-token-file" | "api-key-file"
                | "cacert" => "=x",
                _ => "",
            };
            (setting.flag, format!("{}{value}", setting.flag))
        })
        .chain([("--json", "--json".to_owned())])
        .collect();
    for (command, arguments) in WITH_ARGUMENTS {
        let help = home.run(&format!("{command} --help"));
        let takes_config = help.done().contains("--config <FILE>");
        // It ends there when the flags are in order, before it does anything.
        let config = if takes_config { "--config none.toml" } else { "" };
        for (flag, argument) in &shared {
            let shown = help
                .out
                .split_whitespace()
                .any(|word| word == *flag || word.starts_with(&format!("{flag}[=")));
            // `--output json` is the long form of `--json`.
            let used = shown || (*flag == "--output" && help.out.contains("--json"));
            for line in [
                format!("{command} {arguments} {argument} {config}"),
                format!("{argument} {command} {arguments} {config}"),
            ] {
                let ran = home.run(&line);
                let refused = format!("does not use {flag}");
                assert_eq!(ran.err.contains(&refused), !used, "{line}: {ran:?}");
                if !used || takes_config {
                    assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
                }
            }
        }
    }
    assert!(!home.path("data").exists() && !home.path("k.pem").exists(), "nothing was made");
}

#[test]
fn a_refused_flag_says_which_commands_use_it() {
    let home = Home::new();
    let mut said = Vec::new();
    for line in [
        "log --relay wss://relay.example",
        "--listen 0 status",
        "--signature off status",
        "keygen k.pem --db x.db",
        "relay --max-count 50 inbox list",
        "status --output quiet",
        "send --to http://127.0.0.1:9/ --listen 1",
    ] {
        said.push(format!("$ dubwatch {line}\n{}", home.run(line).complaint(2)));
    }
    assert_snapshot!(said.concat(), @r"
    $ dubwatch log --relay wss://relay.example
    dubwatch: `dubwatch log` does not use --relay: leave it out; it is for `dubwatch watch`, `dubwatch wait`, `dubwatch doctor` and `dubwatch config show`
    $ dubwatch --listen 0 status
    dubwatch: `dubwatch status` does not use --listen: leave it out; it is for `dubwatch watch`, `dubwatch send`, `dubwatch verify`, `dubwatch wait`, `dubwatch open`, `dubwatch doctor`, `dubwatch relay`, `dubwatch relay inbox create`, `dubwatch relay inbox list`, `dubwatch relay inbox rotate` and `dubwatch config show`
    $ dubwatch --signature off status
    dubwatch: `dubwatch status` does not use --signature: leave it out; it is for `dubwatch watch`
    $ dubwatch keygen k.pem --db x.db
    dubwatch: `dubwatch keygen` does not use --db: leave it out; it is for `dubwatch watch`, `dubwatch send`, `dubwatch verify`, `dubwatch status`, `dubwatch log`, `dubwatch wait`, `dubwatch replay`, `dubwatch names import`, `dubwatch names list`, `dubwatch names export`, `dubwatch export`, `dubwatch open`, `dubwatch journal path`, `dubwatch journal size`, `dubwatch journal backup`, `dubwatch journal restore`, `dubwatch journal delete`, `dubwatch journal vacuum`, `dubwatch prune`, `dubwatch download`, `dubwatch doctor`, `dubwatch relay`, `dubwatch relay inbox create`, `dubwatch relay inbox list`, `dubwatch relay inbox rotate`, `dubwatch relay inbox revoke`, `dubwatch relay inbox forget`, `dubwatch relay inbox prune` and `dubwatch config show`
    $ dubwatch relay --max-count 50 inbox list
    dubwatch: `dubwatch relay inbox list` does not use --max-count: leave it out; it is for `dubwatch relay`
    $ dubwatch status --output quiet
    dubwatch: `dubwatch status` writes text, or with --json NDJSON: --output quiet is for `dubwatch watch` and `dubwatch demo`
    $ dubwatch send --to http://127.0.0.1:9/ --listen 1
    dubwatch: --to says where to post, and so do --listen and --path: leave one out
    ");
}

#[test]
fn a_variable_that_is_set_for_the_watcher_breaks_no_other_command() {
    let home = Home::new();
    home.fill([(1, body("version_ready", "ast", "ver"))]);
    for line in ["log", "status", "prune --older-than 9d"] {
        let mut command = home.command(line.split(' '));
        let ran = home.ran(
            command.env("DUBWATCH_RELAY", "wss://relay.example").env("DUBWATCH_KEEP", "forever"),
        );
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        assert_eq!(ran.err, "", "{line}");
    }
    let ran = home.ran(home.command(["log"]).env("DUBWATCH_LISEN", "s3cret"));
    assert_eq!(ran.code, Some(0));
    assert_snapshot!(ran.err, @"dubwatch: there is no variable DUBWATCH_LISEN: did you mean DUBWATCH_LISTEN?");
}

// keygen

#[test]
fn keygen_makes_a_pair_and_never_overwrites_one() {
    let _neutral = neutral();
    let home = Home::new();
    assert_snapshot!(home.run("keygen my.pem").done(), @r"
    Private key: my.pem (keep it to yourself; sign with `dubwatch send --key my.pem`)
    Public key:  my.pub.pem (trust it with `dubwatch --public-key my.pub.pem`)
    ");
    assert_eq!(mode(&home.path("my.pem")), 0o600);
    let private = PrivateKey::from_file(&home.path("my.pem")).unwrap();
    let public = PublicKey::from_file(&home.path("my.pub.pem")).unwrap();
    let signature = hex::encode(private.sign(b"x", Encoding::Der).unwrap());
    assert!(TrustedKeys::new(public).check(&[&signature], b"x").is_valid());

    let before = std::fs::read(home.path("my.pem")).unwrap();
    assert_snapshot!(home.run("keygen my.pem").complaint(1), @"dubwatch: my.pub.pem exists already and is left as it is; give another name");
    assert_eq!(std::fs::read(home.path("my.pem")).unwrap(), before);

    // Half a pair would be worse than none.
    home.write("half.pub.pem", "somebody's");
    assert_snapshot!(home.run("keygen half.pem").complaint(1), @"dubwatch: half.pub.pem exists already and is left as it is; give another name");
    assert!(!home.path("half.pem").exists());
    assert_eq!(std::fs::read(home.path("half.pub.pem")).unwrap(), b"somebody's");
    assert_snapshot!(home.run("keygen no/such/directory/k.pem").complaint(1), @"dubwatch: cannot write the key file no/such/directory/k.pub.pem: No such file or directory (os error [n])");
}

#[test]
fn keygen_works_when_the_settings_are_broken() {
    let home = Home::new();
    home.write("config/dubwatch/config.toml", "nonsense");
    home.run("keygen my.pem").done();
    home.run("man").done();
    home.run("completions bash").done();
    assert_eq!(home.run("status").code, Some(2));
}

// verify

/// A home with a key pair, `k.pem` and `k.pub.pem`, a body, and a signature over it.
fn signed() -> (Home, String) {
    let home = Home::new();
    home.run("keygen k.pem").done();
    home.write("body.json", body("version_ready", "ast", "ver"));
    let key = PrivateKey::from_file(&home.path("k.pem")).unwrap();
    let bytes = std::fs::read(home.path("body.json")).unwrap();
    (home, hex::encode(key.sign(&bytes, Encoding::Der).unwrap()))
}

#[test]
fn verify_says_each_step_and_the_verdict() {
    let _neutral = neutral();
    let (home, signature) = signed();
    let verify = |signature: &str, file: &str| {
        let args = ["verify", "--public-key", "k.pub.pem", "--signature", signature, file];
        home.ran(&mut home.command(args))
    };
    assert_snapshot!(verify(&signature, "body.json").done(), @r"
    ✓ header: one X-Signature header of [n] characters
    ✓ hex: hex of [n] bytes
    ✓ encoding: a signature by its form
    ✓ range: r and s are in the range of the curve
    ✓ key k.pub: made it over these 86 bytes
    valid: made by k.pub, der encoding
    ");

    let not = |ran: crate::cli_support::Ran| {
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
        ran.out
    };
    home.write("newline.json", body("version_ready", "ast", "ver") + "\n");
    assert_snapshot!(not(verify(&signature, "newline.json")), @r"
    ✓ header: one X-Signature header of [n] characters
    ✓ hex: hex of [n] bytes
    ✓ encoding: a signature by its form
    ✓ range: r and s are in the range of the curve
    ✗ key k.pub: did not make it over these 87 bytes
      body changed on its way: the signature holds for the body without its trailing newline
    invalid: hex is fine, DER is fine, no trusted key made it (1 tried: k.pub)
    ");
    home.write("other.json", body("version_failed", "ast", "ver"));
    assert_snapshot!(not(verify(&signature, "other.json")), @r"
    ✓ header: one X-Signature header of [n] characters
    ✓ hex: hex of [n] bytes
    ✓ encoding: a signature by its form
    ✓ range: r and s are in the range of the curve
    ✗ key k.pub: did not make it over these 87 bytes
    invalid: hex is fine, DER is fine, no trusted key made it (1 tried: k.pub)
    ");
    assert_snapshot!(not(verify("MEUCIQ==", "body.json")), @r"
    ✓ header: one X-Signature header of 8 characters
    ✗ hex: not hex: character 1 is 'M'
    · encoding
    · range
    · key k.pub
    malformed: not hex: character 1 is 'M'
    ");
    assert_snapshot!(not(verify(&format!("sha256={signature}"), "body.json")), @r"
    ✗ header: `sha256=` prefix: this is an HMAC header, an ES256 signature in hex was expected
    · hex
    · encoding
    · range
    · key k.pub
      the signature is right but it is hex with a prefix; write it in bare hex
    malformed: `sha256=` prefix: this is an HMAC header, an ES256 signature in hex was expected
    ");
    assert_snapshot!(not(verify("", "body.json")), @r"
    ✗ header: the header is empty, a signature in hex was expected
    · hex
    · encoding
    · range
    · key k.pub
    malformed: the header is empty, a signature in hex was expected
    ");
    assert_snapshot!(not(verify("-1", "body.json")), @r"
    ✓ header: one X-Signature header of 2 characters
    ✗ hex: not hex: character 1 is '-'
    · encoding
    · range
    · key k.pub
    malformed: not hex: character 1 is '-'
    ");
}

#[test]
fn verify_reads_standard_input() {
    let (home, signature) = signed();
    let args = ["verify", "--public-key", "k.pub.pem", "--signature", &signature, "-"];
    let mut child = start(home.command(args).stdin(Stdio::piped()));
    let bytes = std::fs::read(home.path("body.json")).unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(home.ended(child).done().contains("valid: made by"));
}

#[test]
fn verify_without_a_key_trusts_whom_the_listener_trusts() {
    let (home, signature) = signed();
    let ran = home.run(&format!("verify --signature {signature} body.json"));
    assert_eq!(ran.code, Some(1));
    let dev = home.path("data/dubwatch/dev.pem");
    let key = PrivateKey::from_file(&dev).unwrap();
    let bytes = std::fs::read(home.path("body.json")).unwrap();
    let signature = hex::encode(key.sign(&bytes, Encoding::Raw).unwrap());
    let ran = home.run(&format!("verify --signature {signature} body.json"));
    assert!(ran.done().ends_with("valid: made by dev, raw encoding\n"), "{}", ran.out);
    let ran = home.run(&format!("verify --no-dev-key --signature {signature} body.json"));
    assert_eq!(ran.code, Some(1));
}

#[test]
fn verify_that_cannot_check_ends_with_2() {
    let _neutral = neutral();
    let (home, signature) = signed();
    home.write("no.pem", "no key");
    let mut said = Vec::new();
    for rest in [
        "none.json",
        ".",
        "--public-key none.pem body.json",
        "--public-key no.pem body.json",
        "--public-key k.pem body.json",
    ] {
        let ran = home.run(&format!("verify --signature {signature} {rest}"));
        said.push(format!("$ dubwatch verify --signature HEX {rest}\n{}", ran.complaint(2)));
    }
    assert_snapshot!(said.concat(), @r#"
    $ dubwatch verify --signature HEX none.json
    dubwatch: cannot read the body from none.json: No such file or directory (os error [n])
    $ dubwatch verify --signature HEX .
    dubwatch: cannot read the body from .: Is a directory (os error [n])
    $ dubwatch verify --signature HEX --public-key none.pem body.json
    dubwatch: cannot read the key file ~/none.pem: No such file or directory (os error [n])
    $ dubwatch verify --signature HEX --public-key no.pem body.json
    dubwatch: ~/no.pem is not PEM; it should hold a line "-----BEGIN PUBLIC KEY-----"
    $ dubwatch verify --signature HEX --public-key k.pem body.json
    dubwatch: ~/k.pem is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)
    "#);
}

#[test]
fn verify_names_what_a_body_shows() {
    let (home, signature) = signed();
    let said = |file: &str| {
        let ran =
            home.run(&format!("verify --public-key k.pub.pem --signature {signature} {file}"));
        assert_eq!(ran.code, Some(1));
        ran.out
    };
    home.write("empty.json", "");
    let out = said("empty.json");
    assert!(out.contains("✗ key k.pub: did not make it over an empty body\n"), "{out}");
    assert!(out.ends_with("invalid: the body arrived empty: what was signed was lost on its way, as redirects and some proxies lose bodies\n"), "{out}");
    home.write("mark.json", format!("\u{feff}{}", body("version_ready", "ast", "ver")));
    let out = said("mark.json");
    assert!(out.contains("the signature holds for the body without its byte order mark"), "{out}");
    home.write("cut.json", &body("version_ready", "ast", "ver")[..30]);
    let out = said("cut.json");
    assert!(out.contains("  its JSON breaks off at the end"), "{out}");
}

// keys

/// What each command that reads a key says of it.
#[test]
fn a_key_is_read_alike_wherever_one_is_given() {
    let (home, signature) = signed();
    let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    let (public, private) = (read("k.pub.pem"), read("k.pem"));
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    home.write("escaped.pem", public.replace('\n', "\\n"));
    home.write(
        "bare.pem",
        public.lines().filter(|line| !line.starts_with('-')).collect::<String>(),
    );
    home.write("both.pem", format!("{parameters}{private}"));
    home.write("parameters.pem", parameters);
    for file in ["k.pub.pem", "escaped.pem", "bare.pem"] {
        let ran =
            home.run(&format!("verify --public-key {file} --signature {signature} body.json"));
        assert!(ran.done().contains("valid: made by"), "{file}");
    }
    let target = ok();
    home.run(&format!("send --key both.pem --to {}", target.url())).done();

    for (file, reason) in [
        ("parameters.pem", "holds EC parameters and no key"),
        ("k.pem", "`openssl pkey -in PRIVATE -pubout -out PUBLIC`"),
    ] {
        for command in [
            format!("verify --signature 00 --public-key {file} body.json"),
            format!("watch --json --listen 0 --public-key {file}"),
            format!("relay --listen 127.0.0.1:0 --public-key {file}"),
        ] {
            let ran = home.run(&command);
            let said = ran.complaint(2);
            assert!(said.contains(file) && said.contains(reason), "{command}: {said}");
        }
    }
    let ran = home.run("send --key parameters.pem --to http://127.0.0.1:9/");
    let said = ran.complaint(2);
    assert!(said.contains("holds EC parameters and no key"), "{said}");

    // The key itself where its file's name was expected: a secret that must not be repeated.
    for flags in [vec!["--key".to_owned(), private.clone()], vec![format!("--key={private}")]] {
        let mut command = home.command(["send", "--to", "http://127.0.0.1:9/"]);
        let ran = home.ran(command.args(flags));
        let said = ran.complaint(2);
        assert!(said.contains("a key was given where the name of a file"), "{said}");
        assert!(!said.contains(private.lines().nth(1).unwrap()), "{said}");
    }
}

// send

fn ok() -> Target {
    Target::new(|_| (200, "fine"))
}

#[test]
fn send_posts_what_the_service_would() {
    let _neutral = neutral();
    let home = Home::new();
    let target = ok();
    let ran = home.run(&format!("send --to {}", target.url()));
    assert_snapshot!(ran.done(), @"200 fine  version_ready  ast_demo  ver_demo  [ms]");
    let posted = target.posted();
    let [post] = posted.as_slice() else { panic!("one was expected") };
    assert!(post.head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{}", post.head);
    assert_eq!(post.headers("content-type"), ["application/json"]);
    assert_eq!(post.headers("x-signature-algorithm"), ["ES256"]);
    assert_eq!(post.body, body("version_ready", "ast_demo", "ver_demo").as_bytes());

    let dev = home.path("data/dubwatch/dev.pem");
    assert_eq!(mode(&dev), 0o600);
    let key = PrivateKey::from_file(&dev).unwrap().public("dev");
    assert!(TrustedKeys::new(key).check(&post.headers("x-signature"), &post.body).is_valid());
}

#[test]
fn send_writes_in_the_characters_of_the_locale() {
    let home = Home::new();
    let target = ok();
    home.run("keygen key.pem").done();
    let url = target.url();
    let mut command = home.command(["send", "--key", "key.pem", "--to", &url, "--asset", "é"]);
    let ran = home.ran(command.env("LC_ALL", "POSIX"));
    assert!(ran.done().contains(r"  \u{e9}  "), "{}", ran.out);
    assert_eq!(target.posted()[0].json()["asset_id"], "é", "what is sent is the same");
}

#[test]
fn send_fills_in_numbers_and_any_event() {
    let home = Home::new();
    let target = ok();
    let line = "--count 3 --rate 1000 --event version_flown --asset ast_{n} --version v{n}_{n} \
                --locale pt-BR";
    home.run(&format!("send --to {} {line}", target.url())).done();
    let bodies: Vec<_> =
        target.posted().iter().map(|p| String::from_utf8(p.body.clone()).unwrap()).collect();
    assert_snapshot!(bodies.join("\n"), @r#"
    {"event":"version_flown","asset_id":"ast_1","version_id":"v1_1","version_locale":"pt-BR"}
    {"event":"version_flown","asset_id":"ast_2","version_id":"v2_2","version_locale":"pt-BR"}
    {"event":"version_flown","asset_id":"ast_3","version_id":"v3_3","version_locale":"pt-BR"}
    "#);

    let target = ok();
    home.run(&format!("send --to {} --event asset_failed", target.url())).done();
    assert_snapshot!(target.posted()[0].json(), @r#"{"asset_id":"ast_demo","event":"asset_failed","version_id":null,"version_locale":null}"#);
}

#[test]
fn send_takes_a_key_and_an_encoding() {
    let (home, _) = signed();
    let target = ok();
    home.run(&format!("send --to {} --key k.pem --encoding raw", target.url())).done();
    let key = PublicKey::from_file(&home.path("k.pub.pem")).unwrap();
    let post = &target.posted()[0];
    let verdict = TrustedKeys::new(key).check(&post.headers("x-signature"), &post.body);
    let dubwatch::internals::callback::Verdict::Valid { encoding, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(encoding, Encoding::Raw);
    assert!(!home.path("data").exists(), "no development key is made where none is needed");
}

#[rstest]
fn send_tampers(
    #[values(
        "body",
        "newline",
        "signature",
        "key",
        "missing",
        "empty",
        "encoding",
        "prefix",
        "double",
        "header",
        "no-body",
        "bom",
        "gzip"
    )]
    how: &str,
) {
    let home = Home::new();
    let target = Target::new(|_| (401, "signature not accepted"));
    home.run(&format!("send --to {} --tamper {how}", target.url())).done();
    let post: Posted = target.posted().remove(0);
    let key = PrivateKey::from_file(&home.path("data/dubwatch/dev.pem")).unwrap();
    let keys = TrustedKeys::new(key.public("dev"));
    let verdict = keys.check(&post.headers("x-signature"), &post.body);
    assert!(!verdict.is_valid(), "{verdict:?}");

    let lax = ok();
    let ran = home.run(&format!("send --to {} --tamper {how}", lax.url()));
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "a receiver that accepts it fails");
}

#[test]
fn send_tells_every_answer_and_fails_when_one_is_not_2xx() {
    let _neutral = neutral();
    let home = Home::new();
    let target = Target::new(|n| match n {
        1 => (204, ""),
        2 => (503, "try\u{1b}[2J again\nlater"),
        _ => (302, "elsewhere"),
    });
    let ran = home.run(&format!("send --to {} --count 3", target.url()));
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_snapshot!(ran.out, @r"
    204 (empty)  version_ready  ast_demo  ver_demo  [ms]
    503 try\u{1b}[2J again\u{a}later  version_ready  ast_demo  ver_demo  [ms]
    302 elsewhere  version_ready  ast_demo  ver_demo  [ms]
    ");
    assert_eq!(target.posted().len(), 3, "no redirection is followed");
}

#[test]
fn send_posts_the_bytes_of_a_file() {
    let (home, _) = signed();
    // Not JSON, no text: byte for byte all the same.
    let bytes = b"\xff\x00{n} \r\n";
    home.write("odd.bin", bytes);
    let key = PublicKey::from_file(&home.path("k.pub.pem")).unwrap();
    let keys = TrustedKeys::new(key);
    for (file, label) in [("odd.bin", "odd.bin  8 bytes"), ("-", "standard input  8 bytes")] {
        let target = ok();
        let line = format!("send --to {} --key k.pem --body {file}", target.url());
        let mut command = home.command(line.split(' '));
        let mut child = start(command.stdin(Stdio::piped()));
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let ran = home.ended(child);
        assert!(ran.done().contains(label), "{}", ran.out);
        let post = target.posted().remove(0);
        assert_eq!(post.body, bytes);
        assert!(keys.check(&post.headers("x-signature"), &post.body).is_valid());
    }
    let ran = home.run("send --to http://127.0.0.1:9/ --key k.pem --body none.json");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for line in [
        "--body odd.bin --event x",
        "--body odd.bin --lifecycle",
        "--lifecycle --event x",
        "--fail",
        "--pause 1s",
        "--lifecycle --pause 1s --rate 2",
    ] {
        let ran = home.run(&format!("send --to http://127.0.0.1:9/ {line}"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}: {ran:?}");
    }
}

#[test]
fn send_posts_a_whole_run_of_a_version() {
    let home = Home::new();
    let events = |line: &str| {
        let target = ok();
        home.run(&format!("send --to {} {line}", target.url())).done();
        let of = |post: &Posted| {
            let json = post.json();
            let text = |field: &str| json[field].as_str().unwrap().to_owned();
            (text("event"), text("version_id"))
        };
        target.posted().iter().map(of).collect::<Vec<_>>()
    };
    let run = |version: &str, outcome: &str| {
        ["version_ready", "version_generating", outcome]
            .map(|event| (event.to_owned(), version.to_owned()))
    };
    assert_eq!(events("--lifecycle --pause 1ms"), run("ver_demo", "version_generated"));
    assert_eq!(
        events("--lifecycle --fail --rate 1000 --count 2 --version v{n}"),
        [run("v1", "version_generate_failed"), run("v2", "version_generate_failed")].concat()
    );
}

#[test]
fn send_says_what_it_cannot_reach() {
    let _neutral = neutral();
    let home = Home::new();
    home.run("keygen k.pem").done();
    // A port that was free a moment ago, and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = home.run(&format!("send --to http://{free}/callback"));
    assert_snapshot!(ran.complaint(1), @"dubwatch: cannot reach http://127.0.0.1:[port]/callback: Connection refused (os error [n]); is something listening there?");
    let ran = home.run(&format!("send --listen {free} --path /x"));
    assert_snapshot!(ran.complaint(1), @"dubwatch: cannot reach http://127.0.0.1:[port]/x: Connection refused (os error [n]); is something listening there?");
    assert_snapshot!(home.run("send --key none.pem --to http://127.0.0.1:9/").complaint(2), @"dubwatch: cannot read the key file none.pem: No such file or directory (os error [n])");
    assert_snapshot!(home.run("send --key k.pub.pem --to http://127.0.0.1:9/").complaint(2), @"dubwatch: k.pub.pem is a public key; give the private half to sign with");
}

#[test]
fn send_says_when_an_answer_broke_off() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let ran = home.run(&format!("send --to http://{address}/"));
    thread.join().unwrap();
    let said = ran.complaint(1);
    assert_eq!(
        said,
        format!(
            "dubwatch: no answer from http://{address}/: it closed the connection; one that speaks TLS needs https://\n"
        )
    );
}

// status and log

/// A home whose journal a running listener filled: a dub that is done, one whose generation failed,
/// something unreadable, an asset that failed, and a refused forgery.
fn watched() -> Home {
    let home = Home::new();
    let watch = home.watch();
    let send = |line: &str| {
        home.run(&format!("send --to {} {line}", watch.url)).done();
    };
    send("--event version_ready --asset ast_1 --version ver_1");
    send("--event version_generating --asset ast_1 --version ver_1");
    send("--event version_generated --asset ast_1 --version ver_1");
    send("--event version_generate_failed --asset ast_1 --version ver_2 --locale fr-FR");
    send("--event version_flown --asset ast_1 --version ver_1");
    send("--event asset_failed --asset ast_2");
    for seq in 1..=6 {
        assert_eq!(watch.line("delivery")["seq"], seq);
    }
    send("--tamper newline --asset ast_1");
    assert_eq!(watch.line("refusal")["status"], 401);
    assert_eq!(watch.stop(), Some(143));
    home
}

#[test]
fn status_and_log_of_what_was_received() {
    let _neutral = neutral();
    let home = watched();
    assert_snapshot!("status_text", home.run("status").done());
    assert_snapshot!("status_json", home.run("status --json").done());
    assert_snapshot!("log_text", home.run("log").done());
    assert_snapshot!("log_json", home.run("log --json").done());
    assert_snapshot!("log_refused_text", home.run("log --refused").done());
    assert_snapshot!("log_refused_json", home.run("log --refused --json").done());

    let seqs = |line: &str| {
        let ran = home.run(&format!("log --json {line}"));
        let seq =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].clone();
        ran.done().lines().map(|line| seq(line).as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("--filter failed"), [4, 6]);
    assert_eq!(seqs("--filter locale:fr"), [4]);
    assert_eq!(seqs("--filter unreadable"), [5]);
    assert_eq!(seqs("--filter !asset:ast_1"), [6]);
    assert_eq!(seqs("--limit 2"), [5, 6], "the newest, oldest first");
    assert_eq!(seqs("--limit 0"), Vec::<u64>::new());
    assert_eq!(seqs("--limit 1 --filter version:ver_1"), [5]);
    assert_eq!(seqs("--since 1h"), [1, 2, 3, 4, 5, 6]);
    assert_eq!(seqs("--since 2099-01-01T00:00:00Z"), Vec::<u64>::new());
    assert_eq!(home.run("log --refused --filter missing").done(), "");
    assert_eq!(home.run("log --refused --limit 0").done(), "");
    assert!(home.run("log --refused --filter invalid").done().contains("REFUSED"));
    let colored = home.run("status --color always");
    assert!(colored.done().contains("\u{1b}[32m"), "colour where it was asked for");
}

#[test]
fn log_counts_back_over_many_pages() {
    let home = Home::new();
    let old = (0..700).map(|n| (48, body("version_ready", "old", &format!("v{n}"))));
    let new = (0..700).map(|n| (1, body("version_ready", "new", &format!("v{n}"))));
    home.fill(old.chain(new));
    let count = |line: &str| home.run(line).done().lines().count();
    assert_eq!(count("log"), 1401, "with the names of the columns");
    assert_eq!(count("log --since 2h"), 701);
    assert_eq!(count("log --filter asset:old --limit 650"), 651);
    let newest = home.run("log --limit 601");
    let lines: Vec<_> = newest.done().lines().collect();
    assert_eq!(lines.len(), 602);
    assert!(lines[1].contains(" v99 ") && lines[601].contains(" v699 "), "{}", lines[1]);
    assert_eq!(count("status"), 1401);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let home = Home::new();
    home.fill((0..2000).map(|n| (1, body("version_ready", &format!("a{n}"), "v"))));
    for line in
        ["status", "status --json", "log", "log --json", "log --limit 1", "config show", "man"]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = start(home.command(line.split(' ')).stdout(writer));
        assert_eq!(home.ended(child).done(), "", "{line}");
    }
}

#[test]
fn reading_works_beside_a_running_watch_and_pruning_does_not() {
    let _neutral = neutral();
    let home = Home::new();
    let watch = home.watch();
    assert_snapshot!(home.run("status").done(), @"No callbacks yet in ~/data/dubwatch/journal.db.");
    assert_eq!(home.run("log").done(), "");
    home.run(&format!("send --to {} --asset ast_1", watch.url)).done();
    watch.line("delivery");
    assert!(home.run("status").done().lines().nth(1).unwrap().starts_with("ast_1 "));
    assert_eq!(home.run("log").done().lines().count(), 2);
    let ran = home.run("prune --older-than 1h");
    assert_snapshot!(ran.complaint(1), @"dubwatch: ~/data/dubwatch/journal.db is in use by a running dubwatch; stop that one, or start it with --keep, which prunes as it goes");
    assert_eq!(watch.stop(), Some(143));
}

// prune

#[test]
fn prune_deletes_what_was_quiet_for_long() {
    let home = Home::new();
    home.fill([
        (24 * 100, body("version_ready", "old", "v1")),
        (24 * 95, body("version_generated", "old", "v1")),
        (24 * 100, body("version_ready", "busy", "v1")),
        (24 * 2, body("version_generated", "busy", "v1")),
        (0, body("version_ready", "new", "v1")),
    ]);
    assert_snapshot!(home.run("prune --older-than 90d").done(), @"Deleted 2 deliveries of 1 asset, and 0 refusals.");
    assert_snapshot!(home.run("prune --older-than 90d").done(), @"Deleted 0 deliveries of 0 assets, and 0 refusals.");
    let left = home.run("log --json").done().lines().count();
    assert_eq!(left, 3, "an asset goes as a whole or not at all");
    assert_snapshot!(home.run("prune --older-than 9999y").complaint(2), @r"
    error: invalid value '9999y' for '--older-than <SPAN>': 9999y is no span of fixed length; expected days instead of months and years, like 90d

    For more information, try '--help'.
    ");
}

#[test]
fn prune_says_first_what_it_would_delete() {
    let home = Home::new();
    home.fill([
        (24 * 100, body("version_ready", "old", "v1")),
        (24 * 95, body("version_flown", "old", "v1")),
        (24 * 99, body("version_flown", "unknown", "v1")),
        (24 * 98, "nothing readable".to_owned()),
        (24 * 100, body("version_ready", "busy", "v1")),
        (24 * 2, body("version_flown", "busy", "v1")),
    ]);
    let would = home.run("prune --older-than 90d --dry-run");
    let said = would.done().strip_prefix("Would delete ").unwrap().to_owned();
    assert_eq!(home.run("log --json").done().lines().count(), 6, "nothing was deleted");
    // Without a terminal nobody is asked.
    assert_eq!(home.run("prune --older-than 90d").done(), format!("Deleted {said}"));
    assert_eq!(home.run("prune --older-than 90d --yes --dry-run").code, Some(2));
}

// config show

#[test]
fn config_show_says_where_each_setting_comes_from() {
    let _neutral = neutral();
    let home = Home::new();
    home.write(
        "config/dubwatch/config.toml",
        "listen = 4000\nmax-body = \"2MiB\"\npublic-key = [\"a.pem\", \"b.pem\"]\n",
    );
    let mut command = home.command(["config", "show", "--max-body", "3MiB", "--output", "text"]);
    let ran = home.ran(command.env("DUBWATCH_OVERDUE", "90m").env("DUBWATCH_MAX_BODY", "9MiB"));
    assert_snapshot!(ran.done(), @r#"
    listen = "127.0.0.1:[port]"  # ~/config/dubwatch/config.toml
    path = "/callback"  # default
    # public-url is not set: the listener's own URL  # default
    public-key = ["~/config/dubwatch/a.pem", "~/config/dubwatch/b.pem"]  # ~/config/dubwatch/config.toml
    no-dev-key = false  # default
    signature = "required"  # default
    db = "~/data/dubwatch/journal.db"  # default
    ephemeral = false  # default
    output = "text"  # --output
    color = "auto"  # default
    theme = "auto"  # default
    # ascii is not set: by locale and terminal  # default
    no-bell = false  # default
    no-confirm-quit = false  # default
    max-body = "3MiB"  # --max-body
    overdue = "1h 30m"  # DUBWATCH_OVERDUE
    # expect is not set: the versions that callbacks name  # default
    on = []  # default
    exec = []  # default
    # keep is not set: everything  # default
    # relay is not set: none  # default
    # relay-name is not set: the host's name  # default
    # relay-token is not set: that of the file  # default
    # relay-token-file is not set: relay.token beside the journal  # default
    relay-insecure = false  # default
    api-url = "https://api.panjaya.ai"  # default
    # api-key is not set: that of the file  # default
    # api-key-file is not set: none  # default
    forward-to = []  # default
    forward-filter = []  # default
    forward-when-down = "wait"  # default
    forward-since = "none"  # default
    forward-header = []  # default
    forward-insecure = false  # default
    forward-concurrency = 8  # default
    forward-timeout = "30s"  # default
    forward-retries = 0  # default
    # cacert is not set: the system's  # default
    no-listen = false  # default
    trust-forwarded-for = false  # default

    [relay]
    listen = "127.0.0.1:[port]"  # default
    # public-url is not set: what readers dial  # default
    public-key = []  # default
    db = "~/data/dubwatch/relay.db"  # default
    max-body = "9MiB"  # DUBWATCH_MAX_BODY
    trust-forwarded-for = false  # default
    # tls-cert is not set: plain HTTP  # default
    # tls-key is not set: plain HTTP  # default
    max-count = 100000  # default
    max-bytes = "256MiB"  # default
    max-total = "8GiB"  # default
    max-age = "7d"  # default
    max-absence = "30d"  # default
    max-rate = 1000  # default
    max-inboxes = 10000  # default
    max-readers = 8192  # default
    "#);
    let shown = ran.out.replace('~', home.path("").to_str().unwrap().trim_end_matches('/'));
    let again = home.write("again.toml", shown);
    let ran = home.run(&format!("config show --config {}", again.display()));
    assert!(ran.done().contains("max-body = \"3MiB\""), "what is shown can be read back");
}

#[test]
fn config_show_in_json_has_a_line_a_setting() {
    let home = Home::new();
    home.write("config/dubwatch/config.toml", "output = \"json\"\npublic-key = [\"a.pem\"]\n");
    let plain = home.run("config show");
    assert!(plain.done().contains("output = \"json\""), "a setting like the others");
    let mut command = home.command(["config", "show", "--json", "--db", "a\u{9b}2J\u{202e}.db"]);
    let ran = home.ran(command.env("DUBWATCH_RELAY_TOKEN", "secret").env("DUBWATCH_KEEP", "90d"));
    let records: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (watcher, relay) =
        (dubwatch::internals::config::SETTINGS, dubwatch::internals::config::RELAY_SETTINGS);
    assert_eq!(records.len(), watcher.len() + relay.len(), "{ran:?}");
    assert!(!ran.out.contains("secret"));
    assert!(ran.out.contains(r"/a\u009b2J\u202e.db"), "{}", ran.out);
    for (name, value, from) in [
        ("listen", "127.0.0.1:3829".into(), "default"),
        ("public-key", vec!["~/config/dubwatch/a.pem"].into(), "~/config/dubwatch/config.toml"),
        ("no-dev-key", false.into(), "default"),
        ("output", "json".into(), "--json"),
        ("ascii", serde_json::Value::Null, "default"),
        ("keep", "90d".into(), "DUBWATCH_KEEP"),
        ("relay-token", serde_json::Value::Null, "DUBWATCH_RELAY_TOKEN"),
        ("relay.listen", "127.0.0.1:3830".into(), "default"),
        ("relay.max-count", 100_000.into(), "default"),
    ] {
        let wanted = serde_json::json!({
            "v": 1, "type": "setting", "name": name, "value": value, "from": from,
        });
        assert!(records.contains(&wanted), "{wanted}: {}", ran.out);
    }
}

#[test]
fn a_wrong_setting_is_shown_in_its_place() {
    let home = Home::new();
    let file = "config/dubwatch/config.toml";
    home.write(file, "listen = 4000\n\nmax-boddy = \"2MiB\"\n");
    assert_snapshot!(home.run("config show").complaint(2), @r#"
    dubwatch: ~/config/dubwatch/config.toml:3:1: there is no setting max-boddy; did you mean max-body?
      |
    3 | max-boddy = "2MiB"
      | ^^^^^^^^^
    "#);
    home.write(file, "overdue = \"soon\"\n");
    assert_snapshot!(home.run("status").complaint(2), @r#"
    dubwatch: ~/config/dubwatch/config.toml:1:11: overdue: soon is no span of time; expected one like 90m, 3h or 90d
      |
    1 | overdue = "soon"
      |           ^^^^^^
    "#);
    home.write(file, "listen = [\n");
    assert_snapshot!(home.run("").complaint(2), @r"
    dubwatch: ~/config/dubwatch/config.toml:1:11: unclosed array, expected `]`
      |
    1 | listen = [
      |           ^
    ");
    home.write(file, "");
    let ran = home.ran(home.command(["config", "show"]).env("DUBWATCH_KEEP", "forever"));
    assert_snapshot!(ran.complaint(2), @"dubwatch: DUBWATCH_KEEP: forever is no span of time; expected one like 90m, 3h or 90d");
}

// completions and man

#[rstest]
fn completions(#[values("bash", "elvish", "fish", "powershell", "zsh")] shell: &str) {
    let ran = Home::new().run(&format!("completions {shell}"));
    let script = ran.done();
    for word in ["send", "verify", "tamper", "older-than", "public-key"] {
        assert!(script.contains(word), "{word}");
    }
}

#[test]
fn bash_takes_its_completions() {
    let home = Home::new();
    home.write("script", home.run("completions bash").done());
    let Some(ran) = home.checked("bash", &["-n", "script"]) else { return };
    ran.done();
}

#[test]
fn the_manual_has_every_command_and_every_flag() {
    let home = Home::new();
    let ran = home.run("man");
    let page = ran.done().replace("\\-", "-").replace("\\ ", " ");
    assert!(page.is_ascii(), "some troffs know nothing else");
    assert!(page.starts_with(".ie "), "{page}");
    for command in COMMANDS {
        let heading = if command.is_empty() {
            ".SH NAME\n".to_owned()
        } else {
            format!(".SH DUBWATCH {}\n", command.to_uppercase())
        };
        let (_, section) = page.split_once(&heading).unwrap_or_else(|| panic!("{heading}"));
        let section = section.split("\n.SH DUBWATCH").next().unwrap();
        let help = home.run(&format!("{command} --help"));
        let flags = help.done().lines().map(str::trim_start).filter_map(|line| {
            let line =
                line.strip_prefix("-h, ").or_else(|| line.strip_prefix("-V, ")).unwrap_or(line);
            let flag = line.strip_prefix("--")?;
            Some(flag.split([' ', '[', '=', ',']).next().unwrap().to_owned())
        });
        let flags: Vec<_> = flags.collect();
        assert!(flags.contains(&"help".to_owned()), "{flags:?}");
        for flag in flags {
            assert!(section.contains(&format!("\\fB--{flag}\\fR")), "{command} --{flag}");
        }
    }
}

#[test]
fn troff_takes_the_manual() {
    let home = Home::new();
    home.write("page.1", home.run("man").done());
    let args = ["-ww", "-man", "-Tascii", "page.1"];
    let Some(ran) = home.checked("groff", &args) else { return };
    assert!(ran.done().starts_with("dubwatch(1)"), "{}", ran.out);
}
