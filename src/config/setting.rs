//! The settings of the watcher: a row each, the one place of key, flag, variable, kind, default and help.

use std::path::Path;

use super::ConfigError;
use super::kind::{
    AddressList, ApiUrl, Backfill, BodySize, Count, DataFile, ExpectedVersions, FileList, FileName,
    FilterList, HeaderList, NegatedSwitch, OneOf, ProxyList, PublicUrl, RelayName, RelayUrl,
    SecretText, SettingKind, Switch, TargetList, TextList, TimeSpan, UrlPath, WrittenValue,
};
use super::origin::Origin;
use super::shown_value::ShownValue;
use super::table::{Flag, Layers, Setting, Table, settings};
use super::value::{Color, Output, SignaturePolicy, ThemeChoice, WhenDown};

settings! {
    /// A setting of the watcher.
    keys SettingKey;
    /// Every setting of the watcher, in the order of help and of `config show`.
    table SETTINGS;
    /// The watcher's settings from one source.
    layer Layer;
    shared Layer;
    /// Every setting of the watcher, decided.
    values WatcherSettings;

    /// The addresses that the listener binds to, at least one; port 0 picks a free port.
    Listen = listen {
        name: "listen",
        flag: global("--listen", "ADDRESS"),
        env: "DUBWATCH_LISTEN",
        kind: AddressList,
        default: "127.0.0.1:3829",
        help: "Address and port to listen on; a port alone means 127.0.0.1, localhost both loopback addresses, port 0 any free port; repeatable (comma-separated in the variable)",
    }
    /// The path that callbacks come to; begins with `/`.
    Path = path {
        name: "path",
        flag: global("--path", "PATH"),
        env: "DUBWATCH_PATH",
        kind: UrlPath,
        default: "/callback",
        help: "Path that callbacks are posted to",
    }
    /// The complete URL that the sender calls, if it is not the listener's own.
    PublicUrl = public_url {
        name: "public-url",
        flag: global("--public-url", "URL"),
        env: "DUBWATCH_PUBLIC_URL",
        kind: PublicUrl,
        unset: "the listener's own URL",
        help: "Full URL that the sender calls, if a proxy or tunnel is in front of the listener",
    }
    /// PEM files of keys trusted beside the vendor's.
    PublicKey = public_keys {
        name: "public-key",
        flag: global("--public-key", "PEM"),
        env: "DUBWATCH_PUBLIC_KEY",
        kind: FileList,
        default: "the vendor's alone",
        help: "PEM file of a key to trust in addition to the vendor's; repeatable (colon-separated in the variable)",
    }
    /// Whether a listener on loopback trusts the development key. Behind a tunnel or proxy, only if
    /// it is set explicitly.
    NoDevKey = dev_key {
        name: "no-dev-key",
        flag: global("--no-dev-key", "BOOL"),
        env: "DUBWATCH_NO_DEV_KEY",
        kind: NegatedSwitch,
        default: "false",
        help: "Do not trust the development key, even on loopback; with a public URL, only =false trusts it",
    }
    /// How deliveries without a valid signature are handled.
    Signature = signature {
        name: "signature",
        flag: local("--signature", "POLICY"),
        env: "DUBWATCH_SIGNATURE",
        kind: OneOf<SignaturePolicy>,
        default: "required",
        help: "required: refuse callbacks not signed by a trusted key; off: accept everything unchecked",
    }
    /// The journal's file; ignored when `ephemeral`, and empty if no place is known for it
    /// ([`needs_journal`](super::Config::needs_journal)).
    Db = db {
        name: "db",
        flag: global("--db", "FILE"),
        env: "DUBWATCH_DB",
        kind: DataFile,
        default: "$XDG_DATA_HOME/dubwatch/journal.db",
        help: "Journal file",
    }
    /// Whether the journal is kept in memory only.
    Ephemeral = ephemeral {
        name: "ephemeral",
        flag: global("--ephemeral", "BOOL"),
        env: "DUBWATCH_EPHEMERAL",
        kind: Switch,
        default: "false",
        help: "Keep the journal in memory; it is gone when the program ends",
    }
    /// How a run is shown; `None` decides by the kind of stdin and stdout.
    Output = output {
        name: "output",
        flag: global("--output", "FORM"),
        env: "DUBWATCH_OUTPUT",
        kind: OneOf<Output>,
        unset: "tui on a terminal, json elsewhere",
        help: "What to show: tui (the dashboard), or text, json or quiet (nothing) on stdout",
    }
    /// When output is coloured.
    Color = color {
        name: "color",
        flag: global("--color", "WHEN"),
        env: "DUBWATCH_COLOR",
        kind: OneOf<Color>,
        default: "auto",
        help: "When to use colours: auto, always or never",
    }
    /// The background that the dashboard is drawn on.
    Theme = theme {
        name: "theme",
        flag: global("--theme", "GROUND"),
        env: "DUBWATCH_THEME",
        kind: OneOf<ThemeChoice>,
        default: "auto",
        help: "Terminal background: dark, light, or auto, which asks the terminal, then COLORFGBG",
    }
    /// Whether the dashboard uses ASCII only; `None` decides by the locale.
    Ascii = ascii {
        name: "ascii",
        flag: global("--ascii", "BOOL"),
        env: "DUBWATCH_ASCII",
        kind: Switch,
        unset: "by locale and terminal",
        help: "Show only ASCII characters, on the dashboard and in text",
    }
    /// Whether the dashboard rings when something failed or is done.
    NoBell = bell {
        name: "no-bell",
        flag: global("--no-bell", "BOOL"),
        env: "DUBWATCH_NO_BELL",
        kind: NegatedSwitch,
        default: "false",
        help: "Do not ring the bell or notify the desktop when something fails, is overdue, waits for you or is done",
    }
    /// Whether the dashboard asks before `q` ends a run that receives.
    NoConfirmQuit = confirm_quit {
        name: "no-confirm-quit",
        flag: global("--no-confirm-quit", "BOOL"),
        env: "DUBWATCH_NO_CONFIRM_QUIT",
        kind: NegatedSwitch,
        default: "false",
        help: "Quit immediately on q, even while receiving callbacks",
    }
    /// The longest accepted body, in bytes.
    MaxBody = max_body {
        name: "max-body",
        flag: global("--max-body", "SIZE"),
        env: "DUBWATCH_MAX_BODY",
        kind: BodySize,
        default: "1MiB",
        help: "Largest body that is accepted, like 512k or 1MiB",
    }
    /// How long a version may generate before it is overdue.
    Overdue = overdue {
        name: "overdue",
        flag: global("--overdue", "SPAN"),
        env: "DUBWATCH_OVERDUE",
        kind: TimeSpan,
        default: "3h",
        help: "How long a version may be generating before it is overdue, like 3h or 90m",
    }
    /// The versions that are expected of every asset; `None` where only callbacks name versions.
    Expect = expect {
        name: "expect",
        flag: global("--expect", "VERSIONS"),
        env: "DUBWATCH_EXPECT",
        kind: ExpectedVersions,
        unset: "the versions that callbacks name",
        help: "Versions that every asset will have: locales like es-ES,fr-FR, or a number like 12",
    }
    /// What each program of `exec` runs for, in the same order.
    On = on {
        name: "on",
        flag: global("--on", "EVENTS"),
        env: "DUBWATCH_ON",
        kind: TextList,
        default: "nothing",
        help: "What the next --exec runs for: failed, ready, generated, complete, overdue, refused, gap (comma-separated); repeatable (separated by ; in the variable)",
    }
    /// The programs to run when something happens.
    Exec = exec {
        name: "exec",
        flag: global("--exec", "CMD"),
        env: "DUBWATCH_EXEC",
        kind: TextList,
        default: "nothing",
        help: "Program to run, with its arguments; data comes in variables and files, never in the command; repeatable, one for each --on",
    }
    /// How long deliveries are kept; `None` keeps all.
    Keep = keep {
        name: "keep",
        flag: global("--keep", "SPAN"),
        env: "DUBWATCH_KEEP",
        kind: TimeSpan,
        unset: "everything",
        help: "Delete assets that have had no callbacks for this long, with all their deliveries, like 90d",
    }
    /// The URL of the relay to receive callbacks from, if there is one.
    Relay = relay {
        name: "relay",
        flag: global("--relay", "URL"),
        env: "DUBWATCH_RELAY",
        kind: RelayUrl,
        unset: "none",
        help: "Relay to receive callbacks from, like wss://relay.example.com",
    }
    /// The name of this reader's cursor at the relay; `None` uses the host's name.
    RelayName = relay_name {
        name: "relay-name",
        flag: global("--relay-name", "NAME"),
        env: "DUBWATCH_RELAY_NAME",
        kind: RelayName,
        unset: "the host's name",
        help: "Name of this reader's place at the relay; each reader of an inbox has its own",
    }
    /// The token of the inbox at the relay, if it is not in a file.
    RelayToken = relay_token {
        name: "relay-token",
        flag: none(),
        env: "DUBWATCH_RELAY_TOKEN",
        kind: SecretText,
        unset: "that of the file",
        help: "Token of the inbox at the relay; never a flag, because other users can see flags",
    }
    /// The file of that token; `None` uses the one beside the journal.
    RelayTokenFile = relay_token_file {
        name: "relay-token-file",
        flag: global("--relay-token-file", "FILE"),
        env: "DUBWATCH_RELAY_TOKEN_FILE",
        kind: FileName,
        unset: "relay.token beside the journal",
        help: "File with the relay's token, readable only by you; DUBWATCH_RELAY_TOKEN overrides it",
    }
    /// Whether connections to a relay on another machine may be unencrypted.
    RelayInsecure = relay_insecure {
        name: "relay-insecure",
        flag: global("--relay-insecure", "BOOL"),
        env: "DUBWATCH_RELAY_INSECURE",
        kind: Switch,
        default: "false",
        help: "Allow ws:// to another machine: token and deliveries are sent unencrypted",
    }
    /// The URL of the service's API.
    ApiUrl = api_url {
        name: "api-url",
        flag: global("--api-url", "URL"),
        env: "DUBWATCH_API_URL",
        kind: ApiUrl,
        default: "https://api.panjaya.ai",
        help: "URL of the service's API: https, or http to this machine",
    }
    /// The key of the service's API, if it is not in a file.
    ApiKey = api_key {
        name: "api-key",
        flag: none(),
        env: "PANJAYA_API_KEY",
        kind: SecretText,
        unset: "that of the file",
        help: "Key of the service's API; never a flag, because other users can see flags",
    }
    /// The file of that key.
    ApiKeyFile = api_key_file {
        name: "api-key-file",
        flag: global("--api-key-file", "FILE"),
        env: "DUBWATCH_API_KEY_FILE",
        kind: FileName,
        unset: "none",
        help: "File with the key of the service's API, readable only by you; as a flag it overrides PANJAYA_API_KEY",
    }
    /// The apps that deliveries are forwarded to.
    ForwardTo = forward_to {
        name: "forward-to",
        flag: global("--forward-to", "TARGET"),
        env: "DUBWATCH_FORWARD_TO",
        kind: TargetList,
        default: "none",
        help: "Forward each accepted callback to this app: 3000, localhost:3000/x or a whole URL; repeatable (separated by blanks in the variable)",
    }
    /// Which deliveries are forwarded: one filter for all targets, or one for each.
    ForwardFilter = forward_filters {
        name: "forward-filter",
        flag: global("--forward-filter", "FILTER"),
        env: "DUBWATCH_FORWARD_FILTER",
        kind: FilterList,
        default: "everything",
        help: "Forward only what this filter matches: one for all targets, or one for each, in their order",
    }
    /// What happens while a target is down.
    ForwardWhenDown = forward_when_down {
        name: "forward-when-down",
        flag: global("--forward-when-down", "POLICY"),
        env: "DUBWATCH_FORWARD_WHEN_DOWN",
        kind: OneOf<WhenDown>,
        default: "wait",
        help: "While the app is down: wait, and forward everything in order once it is back; or skip",
    }
    /// How far back the first start with a target reaches.
    ForwardSince = forward_since {
        name: "forward-since",
        flag: global("--forward-since", "SPAN"),
        env: "DUBWATCH_FORWARD_SINCE",
        kind: Backfill,
        default: "none",
        help: "Begin a new target with what came in this time, like 2h; none begins with what is new",
    }
    /// Headers that are added to forwarded deliveries.
    ForwardHeader = forward_headers {
        name: "forward-header",
        flag: global("--forward-header", "HEADER"),
        env: "DUBWATCH_FORWARD_HEADER",
        kind: HeaderList,
        default: "none",
        help: "Header to forward in addition: name:value, or @FILE with one a line (secrets belong there); repeatable",
    }
    /// Whether any certificate of a target is accepted.
    ForwardInsecure = forward_insecure {
        name: "forward-insecure",
        flag: global("--forward-insecure", "BOOL"),
        env: "DUBWATCH_FORWARD_INSECURE",
        kind: Switch,
        default: "false",
        help: "Accept every certificate of an https target to forward to",
    }
    /// Maximum number of deliveries that are forwarded to a target at once.
    ForwardConcurrency = forward_concurrency {
        name: "forward-concurrency",
        flag: global("--forward-concurrency", "N"),
        env: "DUBWATCH_FORWARD_CONCURRENCY",
        kind: Count<usize, 1, 64>,
        default: "8",
        help: "How many callbacks a target gets at once; those of one version always come one after another",
    }
    /// Maximum time for an attempt to forward.
    ForwardTimeout = forward_timeout {
        name: "forward-timeout",
        flag: global("--forward-timeout", "SPAN"),
        env: "DUBWATCH_FORWARD_TIMEOUT",
        kind: TimeSpan,
        default: "30s",
        help: "How long to wait for the app's answer, like 30s",
    }
    /// Number of further attempts after a failure.
    ForwardRetries = forward_retries {
        name: "forward-retries",
        flag: global("--forward-retries", "N"),
        env: "DUBWATCH_FORWARD_RETRIES",
        kind: Count<u32, 0, 20>,
        default: "0",
        help: "How often to forward again after 408, 429, 5xx or no answer",
    }
    /// Certificates that `wss://` and the API trust instead of the system's.
    Cacert = cacert {
        name: "cacert",
        flag: global("--cacert", "PEM"),
        env: "DUBWATCH_CACERT",
        kind: FileName,
        unset: "the system's",
        help: "PEM file of the certificates that wss://, `send`, forwarding and the API trust, instead of the system's",
    }
    /// Whether there is a listener.
    NoListen = listens {
        name: "no-listen",
        flag: global("--no-listen", "BOOL"),
        env: "DUBWATCH_NO_LISTEN",
        kind: NegatedSwitch,
        default: "false",
        help: "Do not listen; receive callbacks only from the relay",
    }
    /// The proxies whose headers about the client are trusted.
    TrustForwardedFor = proxies {
        name: "trust-forwarded-for",
        flag: global("--trust-forwarded-for", "IP"),
        env: "DUBWATCH_TRUST_FORWARDED_FOR",
        kind: ProxyList,
        default: "false",
        help: "Trust X-Forwarded-For of a proxy on this machine, or of the proxies named, like =10.0.0.2,172.16.0.0/12",
    }
}
