//! Tests of the layers: which one wins, what each error says, and that table, flags and file agree.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use clap::{CommandFactory as _, Parser};
use jiff::SignedDuration;
use rstest::rstest;
use tempfile::TempDir;

use super::*;

#[derive(Debug, Parser)]
#[command(name = "dubwatch", about = "Watches")]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Log,
}

/// A directory with our environment in it, and what a test puts there.
struct Place {
    root: TempDir,
    environment: Environment,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let environment = Environment::below(root.path());
        Self { root, environment }
    }

    fn file(self, text: &str) -> Self {
        fs::create_dir_all(self.config_file().parent().unwrap()).unwrap();
        fs::write(self.config_file(), text).unwrap();
        // A token may stand in it.
        fs::set_permissions(self.config_file(), Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with_variable(name, value);
        self
    }

    fn config_file(&self) -> PathBuf {
        self.root.path().join("config/dubwatch/config.toml")
    }

    fn load(&self, arguments: &[&str]) -> Result<Config, ConfigError> {
        let arguments = ["dubwatch"].iter().chain(arguments);
        let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
        Config::load(cli.flags, &self.environment)
    }

    /// The message of the error, with the directory taken out.
    fn error(&self, arguments: &[&str]) -> String {
        self.neutral(&self.load(arguments).unwrap_err().to_string())
    }

    fn neutral(&self, text: &str) -> String {
        text.replace(self.root.path().to_str().unwrap(), "~")
    }

    /// The line of `config show` for a setting.
    fn shown(&self, key: SettingKey, arguments: &[&str]) -> String {
        let shown = self.neutral(&self.load(arguments).unwrap().show());
        let line = shown.lines().nth(key as usize).unwrap().to_owned();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn without_settings_the_defaults_hold() {
    let place = Place::new();
    let config = place.load(&[]).unwrap();
    assert_eq!(config.listen, [value::listen("127.0.0.1:3829").unwrap()]);
    assert_eq!(config.db, place.root.path().join("data/dubwatch/journal.db"));
    assert_eq!(config.state_dir(), Some(&*place.root.path().join("state/dubwatch")));
    assert!(config.dev_key && !config.ephemeral);
    assert_eq!((config.output, config.keep, config.public_keys.len()), (None, None, 0));
    // The longest row sets the width of all, and with it the directory of the test.
    let shown = SETTINGS.map(|setting| place.shown(setting.key, &[])).join("\n");
    insta::assert_snapshot!(shown, @r#"
    listen = "127.0.0.1:3829" # default
    path = "/callback" # default
    # public-url is not set: the listener's own URL # default
    public-key = [] # default
    no-dev-key = false # default
    signature = "required" # default
    db = "~/data/dubwatch/journal.db" # default
    ephemeral = false # default
    # output is not set: tui on a terminal, json elsewhere # default
    color = "auto" # default
    theme = "auto" # default
    # ascii is not set: by locale and terminal # default
    no-bell = false # default
    no-confirm-quit = false # default
    max-body = "1MiB" # default
    overdue = "3h" # default
    # expect is not set: the versions that callbacks name # default
    on = [] # default
    exec = [] # default
    # keep is not set: everything # default
    # relay is not set: none # default
    # relay-name is not set: the host's name # default
    # relay-token is not set: that of the file # default
    # relay-token-file is not set: relay.token beside the journal # default
    relay-insecure = false # default
    api-url = "https://api.panjaya.ai" # default
    # api-key is not set: that of the file # default
    # api-key-file is not set: none # default
    forward-to = [] # default
    forward-filter = [] # default
    forward-when-down = "wait" # default
    forward-since = "none" # default
    forward-header = [] # default
    forward-insecure = false # default
    forward-concurrency = 8 # default
    forward-timeout = "30s" # default
    forward-retries = 0 # default
    # cacert is not set: the system's # default
    no-listen = false # default
    trust-forwarded-for = false # default
    "#);
}

#[test]
fn a_tunnel_needs_the_development_key_to_be_asked_for() {
    let place = Place::new();
    let url = "--public-url=https://a.example/x";
    for (flags, trusted) in [
        (&[][..], true),
        (&["--no-dev-key"], false),
        (&[url], false),
        (&[url, "--no-dev-key"], false),
        (&[url, "--no-dev-key=false"], true),
    ] {
        assert_eq!(place.load(flags).unwrap().dev_key, trusted, "{flags:?}");
    }
    assert_eq!(place.shown(SettingKey::NoDevKey, &[url]), "no-dev-key = true # default");
}

/// A setting as file, variable and flag say it, and as each is shown.
#[rstest]
#[case(SettingKey::Listen, "1000", "'[::1]:2000'", ["\"127.0.0.1:1000\"", "\"[::1]:2000\"", "\"0.0.0.0:3000\""], "0.0.0.0:3000")]
#[case(SettingKey::Listen, "['localhost:1', '2']", "3, [::1]:4", ["[\"localhost:1\", \"127.0.0.1:2\"]", "[\"127.0.0.1:3\", \"[::1]:4\"]", "[\"127.0.0.1:5\", \"localhost:6\"]"], "5,localhost:6")]
#[case(SettingKey::ForwardTo, "3000", "4000/x https://a/,b", ["[\"http://localhost:3000/\"]", "[\"http://localhost:4000/x\", \"https://a/,b\"]", "[\"http://[::1]:5/\"]"], "[::1]:5")]
#[case(SettingKey::ForwardFilter, "['', 'failed']", "locale:es since:1h\n!failed", ["[\"\", \"failed\"]", "[\"locale:es since:1h\", \"!failed\"]", "[\"valid\"]"], "valid")]
#[case(SettingKey::ForwardWhenDown, "'skip'", "wait", ["\"skip\"", "\"wait\"", "\"skip\""], "skip")]
#[case(SettingKey::ForwardSince, "'2h'", "none", ["\"2h\"", "\"none\"", "\"7d\""], "7d")]
#[case(SettingKey::ForwardHeader, "'@a.txt'", "@b.txt", ["[\"@~/config/dubwatch/a.txt\"]", "[\"@~/b.txt\"]", "[\"@~/c.txt\"]"], "@c.txt")]
#[case(SettingKey::ForwardInsecure, "true", "no", ["true", "false", "true"], "true")]
#[case(SettingKey::ForwardConcurrency, "1", "2", ["1", "2", "64"], "64")]
#[case(SettingKey::ForwardTimeout, "'5s'", "90m", ["\"5s\"", "\"1h 30m\"", "\"1s\""], "1s")]
#[case(SettingKey::ForwardRetries, "3", "0", ["3", "0", "20"], "20")]
#[case(SettingKey::TrustForwardedFor, "true", "10.0.0.2,172.16.0.0/12", ["true", "\"10.0.0.2,172.16.0.0/12\"", "\"::1\""], "::1")]
#[case(SettingKey::TrustForwardedFor, "['10.0.0.2', 'loopback']", "no", ["\"10.0.0.2,127.0.0.0/8,::1\"", "false", "true"], "loopback")]
#[case(SettingKey::Path, "'/a'", "/b", ["\"/a\"", "\"/b\"", "\"/c\""], "/c/")]
#[case(SettingKey::PublicUrl, "'https://a/x'", "https://b/x", ["\"https://a/x\"", "\"https://b/x\"", "\"http://c\""], "http://c")]
#[case(SettingKey::PublicKey, "['a.pem', '/b.pem']", "c.pem:/d.pem:", ["[\"~/config/dubwatch/a.pem\", \"/b.pem\"]", "[\"~/c.pem\", \"/d.pem\"]", "[\"~/e.pem\"]"], "e.pem")]
#[case(SettingKey::NoDevKey, "true", "no", ["true", "false", "true"], "true")]
#[case(SettingKey::Signature, "'off'", "required", ["\"off\"", "\"required\"", "\"off\""], "off")]
#[case(SettingKey::Db, "'a.db'", "b.db", ["\"~/config/dubwatch/a.db\"", "\"~/b.db\"", "\"/c.db\""], "/c.db")]
#[case(SettingKey::Ephemeral, "true", "0", ["true", "false", "true"], "true")]
#[case(SettingKey::Output, "'text'", "json", ["\"text\"", "\"json\"", "\"quiet\""], "quiet")]
#[case(SettingKey::Color, "'always'", "never", ["\"always\"", "\"never\"", "\"auto\""], "auto")]
#[case(SettingKey::Theme, "'light'", "dark", ["\"light\"", "\"dark\"", "\"auto\""], "auto")]
#[case(SettingKey::Ascii, "true", "no", ["true", "false", "true"], "true")]
#[case(SettingKey::NoBell, "true", "no", ["true", "false", "true"], "true")]
#[case(SettingKey::NoConfirmQuit, "true", "no", ["true", "false", "true"], "true")]
#[case(SettingKey::MaxBody, "2048", "512k", ["\"2KiB\"", "\"512KiB\"", "\"1025\""], "1025")]
#[case(SettingKey::Overdue, "'90m'", "2d", ["\"1h 30m\"", "\"2d\"", "\"1h\""], "1 hour")]
#[case(SettingKey::Expect, "['es-ES', 'fr-FR']", "12", ["\"es-ES,fr-FR\"", "\"12\"", "\"de-de,x\""], "de-de,x")]
#[case(SettingKey::Keep, "'90d'", "12w", ["\"90d\"", "\"84d\"", "\"36h\""], "36h")]
fn the_stronger_source_wins(
    #[case] key: SettingKey,
    #[case] file: &str,
    #[case] variable: &str,
    #[case] shown: [&str; 3],
    #[case] flag: &str,
) {
    let Setting { name, flag: flag_name, env, .. } = key.setting();
    let line = |value: &str, origin: &str| format!("{name} = {value} # {origin}");

    let place = Place::new().file(&format!("{name} = {file}\n"));
    assert_eq!(place.shown(key, &[]), line(shown[0], "~/config/dubwatch/config.toml"));

    let place = place.variable(env, variable.trim_matches('\''));
    assert_eq!(place.shown(key, &[]), line(shown[1], env));

    let argument = format!("{flag_name}={flag}");
    assert_eq!(place.shown(key, &[&argument]), line(shown[2], flag_name));
}

#[test]
fn an_empty_variable_says_nothing() {
    let place = Place::new().variable("DUBWATCH_LISTEN", "").variable("DUBWATCH_CONFIG", "");
    assert_eq!(place.shown(SettingKey::Listen, &[]), "listen = \"127.0.0.1:3829\" # default");
}

#[test]
fn flags_stand_before_or_after_the_command() {
    let place = Place::new();
    for arguments in [
        ["--listen", "1000", "log", "--public-key", "a", "--public-key", "b", "--ephemeral"],
        ["--ephemeral", "log", "--listen", "1000", "--public-key", "a", "--public-key", "b"],
        ["--public-key", "a", "--public-key", "b", "--ephemeral", "log", "--listen", ":1000"],
    ] {
        let config = place.load(&arguments).unwrap();
        assert_eq!(config.listen[0].port(), 1000);
        assert_eq!(config.public_keys.len(), 2);
        assert!(config.ephemeral);
    }
}

#[test]
fn json_is_short_for_output_json() {
    let place = Place::new().variable("DUBWATCH_OUTPUT", "text");
    assert_eq!(place.shown(SettingKey::Output, &["--json"]), "output = \"json\" # --json");
    assert_eq!(place.load(&["--json", "--output", "json"]).unwrap().output, Some(Output::Json));
    assert_eq!(
        place.error(&["--json", "--output", "text"]),
        "--json is short for --output json and cannot go with another --output: leave one out"
    );
}

#[test]
fn a_journal_in_memory_has_no_file() {
    let why = "exclude each other: a journal in memory has no file; leave one out";
    let place = Place::new();
    assert_eq!(place.error(&["--ephemeral", "--db", "x"]), format!("--ephemeral and --db {why}"));

    let place = Place::new().variable("DUBWATCH_EPHEMERAL", "1").variable("DUBWATCH_DB", "x");
    assert_eq!(place.error(&[]), format!("DUBWATCH_EPHEMERAL and DUBWATCH_DB {why}"));

    let place = Place::new().file("ephemeral = true\ndb = 'x'\n");
    assert_eq!(
        place.error(&[]),
        format!("ephemeral and db in ~/config/dubwatch/config.toml {why}")
    );
}

#[test]
fn of_memory_and_a_file_the_stronger_source_decides() {
    let place = Place::new().file("ephemeral = true\n");
    let config = place.load(&["--db", "x.db"]).unwrap();
    assert!(!config.ephemeral);
    assert_eq!(config.origins.of(SettingKey::Ephemeral), &Origin::Flag("--db"));
    assert_eq!(config.data_dir(), Some(place.root.path()));

    let place = Place::new().file("db = 'x.db'\n");
    let config = place.load(&["--ephemeral"]).unwrap();
    assert!(config.ephemeral);
    assert_eq!(config.data_dir(), Some(&*place.root.path().join("data/dubwatch")));
    assert_eq!(
        place.shown(SettingKey::Db, &["--ephemeral"]),
        "# db means nothing: the journal is in memory # ~/config/dubwatch/config.toml"
    );
    assert!(!place.load(&["--ephemeral=false"]).unwrap().ephemeral);
}

#[test]
fn another_file_has_to_exist() {
    let place = Place::new();
    fs::write(place.root.path().join("mine.toml"), "listen = 1000\ndb = 'x.db'\n").unwrap();
    let config = place.load(&["--config", "mine.toml"]).unwrap();
    assert_eq!(
        (config.listen[0].port(), config.db.clone()),
        (1000, place.root.path().join("x.db"))
    );
    assert_eq!(
        place.error(&["--config", "none.toml"]),
        "cannot read the configuration file ~/none.toml: there is no such file"
    );
    let place = place.variable("DUBWATCH_CONFIG", "mine.toml");
    assert_eq!(place.load(&[]).unwrap().listen[0].port(), 1000);
    assert!(place.error(&["--config", "data"]).contains("there is no such file"));
}

#[test]
fn files_that_are_no_text_are_refused() {
    let place = Place::new();
    let odd = place.root.path().join("odd.toml");
    fs::write(&odd, b"path = '\xff'").unwrap();
    assert_eq!(
        place.error(&["--config", "odd.toml"]),
        "cannot read the configuration file ~/odd.toml: it is not UTF-8"
    );
    fs::write(&odd, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(place.error(&["--config", "odd.toml"]).contains("longer than 1 MiB"));
    assert!(place.error(&["--config", "."]).contains("cannot read the configuration file"));
}

#[rstest]
#[case::unknown_key(
    "# mine\n\nlisten = 1000\n  publik-key = 'a'\n",
    "\
~/config/dubwatch/config.toml:4:3: there is no setting publik-key; did you mean public-key?
  |
4 |   publik-key = 'a'
  |   ^^^^^^^^^^"
)]
#[case::nothing_like_it("[server]\nport = 1\n", "\
~/config/dubwatch/config.toml:1:2: there is no setting server; known are listen, path, public-url, public-key, no-dev-key, signature, db, ephemeral, output, color, theme, ascii, no-bell, no-confirm-quit, max-body, overdue, expect, on, exec, keep, relay, relay-name, relay-token, relay-token-file, relay-insecure, api-url, api-key, api-key-file, forward-to, forward-filter, forward-when-down, forward-since, forward-header, forward-insecure, forward-concurrency, forward-timeout, forward-retries, cacert, no-listen, trust-forwarded-for
  |
1 | [server]
  |  ^^^^^^")]
#[case::value("path = '/a'\nlisten = 'example.com:80' # ours\n", "\
~/config/dubwatch/config.toml:2:10: listen: example.com:80 is no address to listen on; expected an IP address and a port like 127.0.0.1:3829 or [::1]:3829, localhost:3829, or a port alone
  |
2 | listen = 'example.com:80' # ours
  |          ^^^^^^^^^^^^^^^^")]
#[case::kind(
    "ephemeral = 'yes'",
    "\
~/config/dubwatch/config.toml:1:13: ephemeral: expected true or false
  |
1 | ephemeral = 'yes'
  |             ^^^^^"
)]
#[case::kind_of_text(
    "overdue = true",
    "\
~/config/dubwatch/config.toml:1:11: overdue: expected text, found true or false
  |
1 | overdue = true
  |           ^^^^"
)]
#[case::expectation(
    "expect = ['es-ES', 'fr_FR']",
    "\
~/config/dubwatch/config.toml:1:10: expect: fr_FR is no locale; expected at most 35 letters, digits and -, like es-ES
  |
1 | expect = ['es-ES', 'fr_FR']
  |          ^^^^^^^^^^^^^^^^^^"
)]
#[case::kind_in_list(
    "public-key = ['a', 7]",
    "\
~/config/dubwatch/config.toml:1:14: public-key: expected a list of texts, found an integer in it
  |
1 | public-key = ['a', 7]
  |              ^^^^^^^^"
)]
#[case::word(
    "output = 'gui'",
    "\
~/config/dubwatch/config.toml:1:10: output: gui is no choice here; expected tui or text or json or quiet
  |
1 | output = 'gui'
  |          ^^^^^"
)]
#[case::empty(
    "db = ''",
    "\
~/config/dubwatch/config.toml:1:6: db: it is empty
  |
1 | db = ''
  |      ^^"
)]
#[case::twice(
    "db = 'a'\ndb = 'b'",
    "\
~/config/dubwatch/config.toml:2:1: duplicate key
  |
2 | db = 'b'
  | ^^"
)]
#[case::not_toml(
    "listen 3829",
    "\
~/config/dubwatch/config.toml:1:8: key with no value, expected `=`
  |
1 | listen 3829
  |        ^"
)]
#[case::hostile("\"\u{202e}\\u001b[2J\" = 'a'", "\
~/config/dubwatch/config.toml:1:1: there is no setting \\u{202e}\\u{1b}[2J; known are listen, path, public-url, public-key, no-dev-key, signature, db, ephemeral, output, color, theme, ascii, no-bell, no-confirm-quit, max-body, overdue, expect, on, exec, keep, relay, relay-name, relay-token, relay-token-file, relay-insecure, api-url, api-key, api-key-file, forward-to, forward-filter, forward-when-down, forward-since, forward-header, forward-insecure, forward-concurrency, forward-timeout, forward-retries, cacert, no-listen, trust-forwarded-for
  |
1 | \"\\u{202e}\\u001b[2J\" = 'a'
  | ^^^^^^^^^^^^^^^^^^^")]
#[case::wide("path = '/東京'", "\
~/config/dubwatch/config.toml:1:8: path: /東京 is no path: 東 cannot stand in one unescaped; expected one like /callback
  |
1 | path = '/東京'
  |        ^^^^^^^")]
fn a_mistake_in_the_file_is_shown_in_its_place(#[case] file: &str, #[case] message: &str) {
    assert_eq!(Place::new().file(file).error(&[]), message);
}

#[test]
fn a_mistake_in_a_variable_names_it() {
    let place = Place::new().variable("DUBWATCH_KEEP", "3 months");
    assert_eq!(
        place.error(&[]),
        "DUBWATCH_KEEP: 3 months is no span of fixed length; expected days instead of months and years, like 90d"
    );
    let place = Place::new().variable("DUBWATCH_NO_DEV_KEY", "maybe");
    assert_eq!(
        place.error(&[]),
        "DUBWATCH_NO_DEV_KEY: maybe is no answer to yes or no; expected true or false"
    );
}

#[test]
fn a_mistake_in_a_flag_names_it() {
    let error = Cli::try_parse_from(["dubwatch", "--max-body", "1g"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().starts_with(
        "error: invalid value '1g' for '--max-body <SIZE>': 1g is no size; expected a size from 1KiB to 64MiB, like 512k, 1MiB or 1048576"
    ));
}

#[rstest]
#[case("3829", Some("127.0.0.1:3829"))]
#[case(":3829", Some("127.0.0.1:3829"))]
#[case("localhost:0", Some("localhost:0"))]
#[case(" [::1]:80", Some("[::1]:80"))]
#[case("0.0.0.0:80", Some("0.0.0.0:80"))]
#[case("[::]:80", Some("[::]:80"))]
#[case("localhost", None)]
#[case("localhost3829", None)]
#[case("127.0.0.1", None)]
#[case("65536", None)]
#[case("", None)]
fn addresses(#[case] text: &str, #[case] address: Option<&str>) {
    let read = value::listen(text).ok().map(|address| address.to_string());
    assert_eq!(read.as_deref(), address);
}

#[test]
fn a_list_of_addresses_or_proxies_names_at_least_one() {
    let error = Place::new().file("listen = []").error(&[]);
    assert!(error.contains("names no address") && error.contains("--no-listen"), "{error}");
    for wrong in ["10.0.0.2/33", "example.com", "10.0.0.2,,x", "::/129"] {
        let error = Place::new().variable("DUBWATCH_TRUST_FORWARDED_FOR", wrong).error(&[]);
        assert!(error.contains("no proxy; expected addresses"), "{wrong}: {error}");
    }
    assert!(value::proxies(",").is_err());
}

#[test]
fn without_a_home_only_what_needs_a_place_asks_for_one() {
    let place = Place::new();
    let homeless = place.environment.clone().without_home();
    let load = |arguments: &[&str]| {
        let cli = Cli::try_parse_from(["dubwatch"].iter().chain(arguments)).unwrap();
        Config::load(cli.flags, &homeless).unwrap()
    };
    let config = load(&[]);
    let error = config.needs_journal().unwrap_err().to_string();
    assert!(error.contains("HOME") && error.contains("--db"), "{error}");
    assert_eq!((config.data_dir(), config.state_dir()), (None, None));
    assert!(config.show().contains("# db is not set"));
    let config = load(&["--db", "x.db"]);
    config.needs_journal().unwrap();
    assert_eq!(config.data_dir(), Some(place.root.path()));
    assert_eq!(load(&["--ephemeral"]).data_dir(), None);
}

#[test]
fn a_variable_that_a_command_does_not_use_says_nothing_to_it() {
    let environment = Environment::below(Path::new("/nowhere"))
        .with_variable("DUBWATCH_KEEP", "forever")
        .with_variable("DUBWATCH_OVERDUE", "1h");
    let heeding = environment.clone().retaining(|name| name == SettingKey::Overdue.setting().env);
    let config = Config::load(Flags::default(), &heeding).unwrap();
    assert_eq!(config.overdue, SignedDuration::from_hours(1));
    Config::load(Flags::default(), &environment).unwrap_err();
}

#[test]
fn a_flag_that_would_do_nothing_is_refused() {
    let place = Place::new();
    let sources = |arguments: &[&str]| place.load(arguments).unwrap().check_sources();
    let relay = ["--relay", "wss://relay.example"];
    for flag in ["--relay-name=a", "--relay-token-file=t", "--relay-insecure", "--cacert=c.pem"] {
        let error = sources(&[flag]).unwrap_err().to_string();
        let name = flag.split('=').next().unwrap();
        assert!(error.starts_with(&format!("{name} does nothing without --relay")), "{error}");
        sources(&[&relay[..], &[flag]].concat()).unwrap();
    }
    for flag in ["--listen=1", "--path=/x", "--trust-forwarded-for"] {
        let error =
            sources(&[&relay[..], &["--no-listen", flag]].concat()).unwrap_err().to_string();
        assert!(error.contains("does nothing where --no-listen is set"), "{error}");
        sources(&[&relay[..], &[flag]].concat()).unwrap();
    }
    // The API uses certificates too, and needs a key.
    let key = ["--api-key-file=k"];
    for (flag, needs) in [("--cacert=c.pem", "--relay"), ("--api-url=https://h", "an API key")] {
        let error = sources(&[flag]).unwrap_err().to_string();
        assert!(error.contains(&format!(" does nothing without {needs}")), "{error}");
        sources(&[&key[..], &[flag]].concat()).unwrap();
    }
    // What is set for good may wait for a relay.
    let place = Place::new().file("relay-name = 'a'").variable("DUBWATCH_CACERT", "c.pem");
    place.load(&[]).unwrap().check_sources().unwrap();
}

#[test]
fn no_url_that_is_shown_names_every_address() {
    let config = Place::new().load(&[]).unwrap();
    let urls = [("0.0.0.0:4000", "127.0.0.1:4000"), ("[::]:4000", "[::1]:4000")];
    for (bound, url) in urls {
        let bound = bound.parse().unwrap();
        assert_eq!(config.callback_url(bound), None);
        assert_eq!(config.local_url(bound), format!("http://{url}/callback"));
        assert!(config.unreachable(&[bound]).unwrap().contains("--public-url"));
    }
    assert_eq!(config.unreachable(&["127.0.0.1:4000".parse().unwrap()]), None);
    let config = Place::new().load(&["--public-url", "https://a.example/x"]).unwrap();
    let every = "0.0.0.0:4000".parse().unwrap();
    assert_eq!(config.unreachable(&[every]), None);
    assert_eq!(config.callback_url(every).unwrap(), "https://a.example/x");
}

#[rstest]
#[case("/", Some("/"))]
#[case("/callback", Some("/callback"))]
#[case("/hooks/a.b-c_~%20/", Some("/hooks/a.b-c_~%20"))]
#[case("/healthz/x", Some("/healthz/x"))]
#[case("callback", None)]
#[case("", None)]
#[case("/healthz", None)]
#[case("/healthz/", None)]
#[case("/a?b", None)]
#[case("/a#b", None)]
#[case("/{id}", None)]
#[case("/:id", None)]
#[case("/*rest", None)]
#[case("/a b", None)]
#[case("/a/../b", None)]
#[case("/caf\u{e9}", None)]
#[case("/\u{1b}", None)]
fn paths(#[case] text: &str, #[case] path: Option<&str>) {
    assert_eq!(value::path(text).ok().as_deref(), path);
}

#[rstest]
#[case("https://hooks.example.com/callback", true)]
#[case("http://[::1]:3829/callback?tenant=7", true)]
#[case("hooks.example.com/callback", false)]
#[case("/callback", false)]
#[case("ftp://example.com/", false)]
#[case("https://user:pass@example.com/", false)]
#[case("https://", false)]
#[case("https://example.com/#here", false)]
#[case("https://example.com/a b", false)]
fn public_urls(#[case] text: &str, #[case] good: bool) {
    assert_eq!(value::public_url(text).is_ok(), good);
}

#[rstest]
#[case("1MiB", Some(1 << 20))]
#[case("512k", Some(512 << 10))]
#[case("64 mb", Some(64 << 20))]
#[case("1024", Some(1024))]
#[case("1023", None)]
#[case("65MiB", None)]
#[case("18446744073709551615MiB", None)]
#[case("-1k", None)]
#[case("1.5M", None)]
#[case("k", None)]
#[case("1g", None)]
fn sizes(#[case] text: &str, #[case] bytes: Option<usize>) {
    assert_eq!(value::max_body(text).ok(), bytes);
}

#[rstest]
#[case("3h", Some(3 * 3600))]
#[case("90d", Some(90 * 86400))]
#[case("1h 30m", Some(5400))]
#[case("PT5M", Some(300))]
#[case("2w", Some(14 * 86400))]
#[case("0s", None)]
#[case("-1h", None)]
#[case("1mo", None)]
#[case("1y", None)]
#[case("3", None)]
fn spans(#[case] text: &str, #[case] seconds: Option<i64>) {
    assert_eq!(value::span(text).ok(), seconds.map(SignedDuration::from_secs));
}

#[test]
fn the_callback_url_is_the_public_one_or_our_own() {
    let place = Place::new();
    let bound = "[::1]:4000".parse().unwrap();
    let config = place.load(&["--path", "/in"]).unwrap();
    assert_eq!(config.callback_url(bound).unwrap(), "http://[::1]:4000/in");
    let config = place.load(&["--public-url", "https://a.example/x"]).unwrap();
    assert_eq!(config.callback_url(bound).unwrap(), "https://a.example/x");
}

#[test]
fn a_relays_token_is_never_shown() {
    let place = Place::new().variable("DUBWATCH_RELAY_TOKEN", "dwr_s3cret");
    let config = place.load(&[]).unwrap();
    assert_eq!(config.relay_token.as_ref().unwrap().reveal(), "dwr_s3cret");
    assert!(config.show().contains("# relay-token is set, and is not shown"));
    assert!(config.show().contains("DUBWATCH_RELAY_TOKEN"), "where it comes from is");
    assert!(!format!("{config:?}{}", config.show()).contains("s3cret"));
    for file in [
        "relay-token = \"s3cret",
        "relay-token = [\"s3cret\"]",
        "relay-token = s3cret",
        "\"relay-token\" = true # s3cret",
    ] {
        let error = Place::new().file(file).error(&[]);
        assert!(error.contains("not shown") && !error.contains("s3cret"), "{error}");
    }
    let place = Place::new().file("relay-token = \"dwr_s3cret\"");
    assert_eq!(place.load(&[]).unwrap().relay_token.clone().unwrap().reveal(), "dwr_s3cret");
}

#[test]
fn an_api_key_is_never_shown() {
    let place = Place::new().variable("PANJAYA_API_KEY", "panjaya-s3cret");
    let config = place.load(&[]).unwrap();
    assert_eq!(config.api_key.as_ref().unwrap().reveal(), "panjaya-s3cret");
    assert!(config.show().contains("# api-key is set, and is not shown"));
    assert!(config.show().contains("PANJAYA_API_KEY"), "where it comes from is");
    assert!(!format!("{config:?}{}", config.show()).contains("s3cret"));
    for file in ["api-key = \"s3cret", "api-key = [\"s3cret\"]", "\"api-key\" = true # s3cret"] {
        let error = Place::new().file(file).error(&[]);
        assert!(error.contains("not shown") && !error.contains("s3cret"), "{error}");
    }
    let place = Place::new().file("api-key = \"panjaya-s3cret\"");
    assert_eq!(place.load(&[]).unwrap().api_key.clone().unwrap().reveal(), "panjaya-s3cret");
    fs::set_permissions(place.config_file(), Permissions::from_mode(0o644)).unwrap();
    let error = place.error(&[]);
    assert!(error.contains("others can read api-key in") && error.contains("the key"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_file_with_a_relays_token_has_to_be_private() {
    let place = Place::new().file("relay-token = \"dwr_s3cret\"");
    let open = |mode| fs::set_permissions(place.config_file(), Permissions::from_mode(mode));
    open(0o640).unwrap();
    let error = place.error(&[]);
    assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
    // Without one everybody may.
    fs::write(place.config_file(), "max-body = 2048").unwrap();
    open(0o644).unwrap();
    assert_eq!(place.load(&[]).unwrap().max_body, 2048);
}

#[rstest]
#[case("wss://relay.example", true)]
#[case("ws://127.0.0.1:80/x", true)]
#[case("https://relay.example", false)]
#[case("relay.example", false)]
#[case("wss://s3cret@relay.example", false)]
#[case("wss://relay.example?token=s3cret", false)]
fn relays(#[case] text: &str, #[case] fits: bool) {
    match value::relay(text) {
        Ok(relay) => assert!(fits && relay == text),
        Err(error) => assert!(!fits && !error.contains("s3cret"), "{error}"),
    }
}

/// The name's grammar is the protocol's, which settings know nothing of.
#[rstest]
#[case("laptop")]
#[case("Anna.local")]
#[case("")]
#[case("-a")]
#[case("a b")]
fn relay_names(#[case] text: &str) {
    let protocol = text.parse::<crate::relay::protocol::ReaderName>().is_ok();
    assert_eq!(value::relay_name(text).is_ok(), protocol);
}

#[test]
fn what_is_shown_can_be_read_back() {
    let place = Place::new();
    let arguments = [
        "--listen=[::1]:1",
        "--path=/a'b",
        "--public-url=https://a.example/x?y=1",
        "--public-key=a\"\\\u{202e}\n.pem",
        "--public-key=b c.pem",
        "--no-dev-key",
        "--signature=off",
        "--db=x y.db",
        "--output=quiet",
        "--color=never",
        "--max-body=1500",
        "--overdue=90m 1s",
        "--expect=es-ES,fr-FR",
        "--keep=90d",
        "--relay=wss://relay.example:8443/x",
        "--relay-name=laptop",
        "--relay-token-file=t o.k",
        "--relay-insecure",
        "--api-url=https://staging.example",
        "--api-key-file=a p.i",
        "--cacert=ca.pem",
        "--no-listen",
        "--listen=localhost:2",
        "--trust-forwarded-for=10.0.0.0/8,::1",
    ];
    for arguments in [&arguments[..], &["--ephemeral"], &[]] {
        let config = place.load(arguments).unwrap();
        let shown = config.show();
        assert!(
            !shown.contains(|c: char| crate::text::is_hidden(c) || (c.is_control() && c != '\n'))
        );
        fs::write(place.root.path().join("shown.toml"), shown).unwrap();
        let again = place.load(&["--config", "shown.toml"]).unwrap();
        assert_eq!(Config { origins: config.origins.clone(), ..again }, config);
    }
}

/// The table of settings, the flags of clap and the keys of the file are one list.
#[test]
fn table_flags_and_file_agree() {
    let command = Cli::command();
    for (index, setting) in SETTINGS.iter().enumerate() {
        assert_eq!(setting.key as usize, index, "{}: out of order", setting.name);
        let variable = setting.name.replace('-', "_").to_uppercase();
        // The key of the service has the name that the service gives it.
        let prefix = if setting.key == SettingKey::ApiKey { "PANJAYA" } else { "DUBWATCH" };
        assert_eq!(setting.env, format!("{prefix}_{variable}"));
        assert_eq!(SettingKey::from_name(setting.name), Some(setting.key));
        if matches!(setting.key, SettingKey::RelayToken | SettingKey::ApiKey) {
            assert_eq!(setting.flag, "", "others can see arguments");
            assert!(command.get_arguments().all(|arg| arg.get_long() != Some(setting.name)));
            continue;
        }
        assert_eq!(setting.flag, format!("--{}", setting.name));

        let argument = command.get_arguments().find(|arg| arg.get_long() == Some(setting.name));
        let argument = argument.unwrap_or_else(|| panic!("{} is no flag", setting.flag));
        assert_eq!(argument.get_help().unwrap().to_string(), setting.key.about());
        // Only `watch` has a policy, and `verify` a `--signature` of its own.
        assert_eq!(argument.is_global_set(), setting.key != SettingKey::Signature);
    }
    let beside = ["json", "config", "help"];
    for argument in command.get_arguments() {
        let long = argument.get_long().unwrap();
        assert!(
            SettingKey::from_name(long).is_some() || beside.contains(&long),
            "--{long} has no row"
        );
    }
    let place = Place::new();
    let shown = place.load(&[]).unwrap().show();
    let (watcher, relay) = shown.split_once("\n[relay]\n").unwrap();
    let watcher = watcher.lines().map(|line| (line, false));
    for (line, is_relays) in watcher.chain(relay.lines().map(|line| (line, true))) {
        let (row, _) = line.rsplit_once('#').unwrap();
        let name = row.trim_start_matches("# ").split([' ', '=']).next().unwrap();
        let default = if is_relays {
            RelayKey::from_name(name).unwrap().setting().default
        } else {
            SettingKey::from_name(name).unwrap().setting().default
        };
        let default =
            default.replace("$XDG_DATA_HOME", place.root.path().join("data").to_str().unwrap());
        let empty = row.contains("[]");
        assert!(
            empty || row.contains(&default),
            "{name}: the table says {default}, in truth {row}"
        );
    }
}

/// The relay's table agrees with its flags, and shares the others with the watcher.
#[test]
fn the_relays_table_and_flags_agree() {
    #[derive(Debug, Parser)]
    struct Relay {
        #[command(flatten)]
        settings: RelayLayer,
    }
    let command = Relay::command();
    for (index, setting) in RELAY_SETTINGS.iter().enumerate() {
        assert_eq!(setting.key as usize, index, "{}: out of order", setting.name);
        assert_eq!(RelayKey::from_name(setting.name), Some(setting.key));
        assert_eq!(setting.flag, format!("--{}", setting.name));
        let own = command.get_arguments().find(|arg| arg.get_long() == Some(setting.name));
        match (own, SettingKey::from_name(setting.name)) {
            (Some(own), None) => {
                assert_eq!(own.get_help().unwrap().to_string(), setting.about());
                let variable = setting.name.replace('-', "_").to_uppercase();
                assert!(
                    [String::new(), format!("DUBWATCH_{variable}")]
                        .contains(&setting.env.to_owned())
                );
            }
            // Where a variable is heeded, it is the watcher's.
            (None, Some(shared)) => {
                assert!(["", shared.setting().env].contains(&setting.env), "{}", setting.name);
            }
            other => panic!("{}: {other:?}", setting.name),
        }
    }
    let longs = command.get_arguments().filter_map(clap::Arg::get_long);
    assert!(longs.filter(|long| *long != "help").all(|long| RelayKey::from_name(long).is_some()));
}

/// No two settings of a table are given alike.
#[test]
fn every_row_has_a_flag_and_a_variable_of_its_own() {
    let watcher = SETTINGS.map(|row| (row.name, row.flag, row.env));
    let relay = RELAY_SETTINGS.map(|row| (row.name, row.flag, row.env));
    for table in [&watcher[..], &relay[..]] {
        let columns: [Vec<&str>; 3] = [
            table.iter().map(|row| row.0).collect(),
            table.iter().map(|row| row.1).filter(|flag| !flag.is_empty()).collect(),
            table.iter().map(|row| row.2).filter(|env| !env.is_empty()).collect(),
        ];
        for column in columns {
            let mut distinct = column.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), column.len(), "{column:?}");
        }
    }
    // The variables of the watcher's relay are no variables of a relay.
    let of_relay = relay.iter().filter(|row| row.2.starts_with("DUBWATCH_RELAY"));
    assert_eq!(of_relay.count(), 0);
}

#[test]
fn a_relays_table_says_nothing_to_the_watcher_and_the_other_way_round() {
    let place = Place::new()
        .file("max-body = 2048\n[relay]\nlisten = 1000\nmax-count = 50\ntls-cert = 'c.pem'\n");
    let config = place.load(&[]).unwrap();
    assert_eq!((config.listen[0].port(), config.max_body), (3829, 2048));
    let own = &config.own_relay;
    assert_eq!((own.listen[0].port(), own.max_body, own.max_count), (1000, 1 << 20, 50));
    let file = Origin::File(place.config_file());
    assert_eq!(config.origins.of_relay(RelayKey::MaxCount), &file);
    assert_eq!(config.origins.of_relay(RelayKey::MaxBody), &Origin::Default);
    let cert = place.root.path().join("config/dubwatch/c.pem");
    assert_eq!(own.tls_cert.as_ref(), Some(&cert));
    let said = place.neutral(&config.own_relay_tls().unwrap_err().to_string());
    assert_eq!(said, "tls-cert in ~/config/dubwatch/config.toml needs tls-key");
    // A key of a variable completes a certificate of the file.
    let place = place.variable("DUBWATCH_TLS_KEY", "k.pem").variable("DUBWATCH_LISTEN", "7");
    let config = place.load(&[]).unwrap();
    let key = place.root.path().join("k.pem");
    assert_eq!(config.own_relay_tls().unwrap(), Some((&*cert, &*key)));
    assert_eq!(config.own_relay.listen[0].port(), 1000, "a variable of the watcher");
    // What means the same to both counts for both, and more than the file.
    let place = Place::new().file("[relay]\nmax-body = 2048\npublic-key = 'a.pem'\n");
    let place = place.variable("DUBWATCH_MAX_BODY", "4k").variable("DUBWATCH_PUBLIC_KEY", "b.pem:");
    let config = place.load(&[]).unwrap();
    assert_eq!((config.max_body, config.own_relay.max_body), (4096, 4096));
    assert_eq!(config.own_relay.public_keys, [place.root.path().join("b.pem")]);
    assert_eq!(config.origins.of_relay(RelayKey::MaxBody), &Origin::Variable("DUBWATCH_MAX_BODY"));
}

#[rstest]
#[case::unknown(
    "[relay]\nmax-agee = '1d'",
    "2:1: there is no setting max-agee in [relay]; did you mean max-age?"
)]
#[case::watchers(
    "[relay]\nkeep = '1d'",
    "2:1: there is no setting keep in [relay]; the watcher's is above [relay]"
)]
#[case::relays(
    "max-count = 50",
    "1:1: there is no setting max-count of the watcher; a relay's is below [relay]"
)]
#[case::nothing_like_it(
    "relay.zebra = 1",
    "1:7: there is no setting zebra in [relay]; known are listen, public-url,"
)]
#[case::value(
    "[relay]\nmax-age = 'soon'",
    "2:11: max-age: soon is no span of time; expected one like 90m, 3h or 90d"
)]
#[case::few(
    "relay = { max-count = 9 }",
    "1:23: max-count: 9 is no number that fits; expected a whole number from 10"
)]
#[case::many(
    "[relay]\nmax-readers = 70000",
    "2:15: max-readers: 70000 is no number that fits; expected a whole number from 1 to 65535"
)]
#[case::size(
    "[relay]\nmax-bytes = 0",
    "2:13: max-bytes: 0 is no size; expected a size above zero like 512k, 256MiB or 8GiB"
)]
#[case::url(
    "[relay]\npublic-url = 'https://a.example/?x'",
    "2:14: public-url: a relay's is https://HOST[:PORT][/PATH] of letters, digits"
)]
#[case::both(
    "relay = 'wss://a.example'\n[relay]\n",
    "2:2: duplicate key: the relay to take from and [relay], the settings of one that runs here, exclude each other in one file; give a relay a file of its own"
)]
#[case::twice("[relay]\n[relay]\n", "2:2: duplicate key\n")]
fn a_mistake_in_the_relays_table_is_shown_in_its_place(#[case] file: &str, #[case] message: &str) {
    let error = Place::new().file(file).error(&[]);
    let wanted = format!("~/config/dubwatch/config.toml:{message}");
    assert!(error.starts_with(&wanted), "{error}");
}

#[test]
fn what_is_shown_of_a_relay_can_be_read_back() {
    let place = Place::new().file(
        "[relay]\nlisten = ['1', 'localhost:2']\npublic-url = 'https://a.example/x/'\npublic-key = 'k.pem'\ndb = 'r.db'\nmax-body = '2k'\ntrust-forwarded-for = '10.0.0.2'\ntls-cert = 'c'\ntls-key = 'k'\nmax-count = 10\nmax-bytes = '3GiB'\nmax-total = 1000000\nmax-age = '36h'\nmax-absence = '2d'\nmax-rate = 1\nmax-inboxes = 0\nmax-readers = 65535\n",
    );
    let config = place.load(&[]).unwrap();
    let is_default = |row: &Setting<RelayKey>| config.origins.of_relay(row.key) == &Origin::Default;
    assert!(!RELAY_SETTINGS.iter().any(is_default));
    let shown = place.root.path().join("shown.toml");
    fs::write(&shown, config.show()).unwrap();
    let again = place.load(&["--config", "shown.toml"]).unwrap();
    assert_eq!(again.own_relay, config.own_relay);
    // Beside a relay to take from it is for people alone.
    fs::write(&shown, place.load(&["--relay=wss://a.example"]).unwrap().show()).unwrap();
    let again = place.load(&["--config", "shown.toml"]).unwrap();
    assert!(again.relay.is_some() && again.own_relay != config.own_relay);
}

#[test]
fn flags_leave_the_description_of_the_program_alone() {
    let mut command = Cli::command();
    assert_eq!(command.get_about().map(ToString::to_string).as_deref(), Some("Watches"));
    assert!(command.get_long_about().is_none());
    let help = command.render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("[env: DUBWATCH_LISTEN] [default: 127.0.0.1:3829]"), "{help}");
    command.debug_assert();
}
