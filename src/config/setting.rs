//! The table of settings: the one place that names key, flag, variable, default and help.

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// Where the listener binds.
    Listen,
    /// The path that callbacks come to.
    Path,
    /// The URL that the sender calls.
    PublicUrl,
    /// Trusted keys.
    PublicKey,
    /// Whether the development key is left out.
    NoDevKey,
    /// The signature policy.
    Signature,
    /// The journal's file.
    Db,
    /// Whether the journal is in memory.
    Ephemeral,
    /// The form of output.
    Output,
    /// When output is coloured.
    Color,
    /// The ground of the terminal.
    Theme,
    /// Whether the dashboard is drawn in ASCII.
    Ascii,
    /// Whether the dashboard stays silent.
    NoBell,
    /// Whether `q` ends a receiver without asking.
    NoConfirmQuit,
    /// The longest body.
    MaxBody,
    /// When generating is overdue.
    Overdue,
    /// How long deliveries are kept.
    Keep,
    /// The relay.
    Relay,
    /// The name of the cursor at the relay.
    RelayName,
    /// The token that opens the inbox at the relay. It has no flag.
    RelayToken,
    /// The file of that token.
    RelayTokenFile,
    /// Whether a relay may be spoken to in the clear.
    RelayInsecure,
    /// Certificates that are trusted in place of the system's.
    Cacert,
    /// Whether nothing is listened on.
    NoListen,
    /// The proxies whose word about the client is believed.
    TrustForwardedFor,
}

/// One row of the table of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub key: Key,
    /// Its key in the configuration file.
    pub name: &'static str,
    /// Its flag; empty where it has none, because it is a secret.
    pub flag: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// What it is when nobody sets it, as text.
    pub default: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
}

/// Every setting, in the order of help and of `config show`.
pub const SETTINGS: [Setting; 25] = [
    Setting {
        key: Key::Listen,
        name: "listen",
        flag: "--listen",
        env: "DUBWATCH_LISTEN",
        default: "127.0.0.1:3829",
        help: "Address and port to listen on; a port alone means 127.0.0.1, localhost both loopbacks, port 0 a free one; may be given again (in the variable: with , between)",
    },
    Setting {
        key: Key::Path,
        name: "path",
        flag: "--path",
        env: "DUBWATCH_PATH",
        default: "/callback",
        help: "Path that callbacks are posted to",
    },
    Setting {
        key: Key::PublicUrl,
        name: "public-url",
        flag: "--public-url",
        env: "DUBWATCH_PUBLIC_URL",
        default: "the listener's own URL",
        help: "Whole URL that the sender calls, where a proxy or tunnel stands before the listener",
    },
    Setting {
        key: Key::PublicKey,
        name: "public-key",
        flag: "--public-key",
        env: "DUBWATCH_PUBLIC_KEY",
        default: "the vendor's alone",
        help: "PEM file of a key to trust beside the vendor's; may be given again (in the variable: with : between)",
    },
    Setting {
        key: Key::NoDevKey,
        name: "no-dev-key",
        flag: "--no-dev-key",
        env: "DUBWATCH_NO_DEV_KEY",
        default: "false",
        help: "Do not trust the development key, not even on loopback; with a public URL, where a tunnel or proxy leads to the listener, only =false trusts it",
    },
    Setting {
        key: Key::Signature,
        name: "signature",
        flag: "--signature",
        env: "DUBWATCH_SIGNATURE",
        default: "required",
        help: "required refuses what no trusted key signed, off lets everything in unchecked",
    },
    Setting {
        key: Key::Db,
        name: "db",
        flag: "--db",
        env: "DUBWATCH_DB",
        default: "$XDG_DATA_HOME/dubwatch/journal.db",
        help: "File of the journal",
    },
    Setting {
        key: Key::Ephemeral,
        name: "ephemeral",
        flag: "--ephemeral",
        env: "DUBWATCH_EPHEMERAL",
        default: "false",
        help: "Keep the journal in memory: it ends with the program",
    },
    Setting {
        key: Key::Output,
        name: "output",
        flag: "--output",
        env: "DUBWATCH_OUTPUT",
        default: "tui on a terminal, json elsewhere",
        help: "What is shown: tui (the dashboard), or on stdout text, json or quiet (nothing)",
    },
    Setting {
        key: Key::Color,
        name: "color",
        flag: "--color",
        env: "DUBWATCH_COLOR",
        default: "auto",
        help: "When output is coloured: auto, always or never",
    },
    Setting {
        key: Key::Theme,
        name: "theme",
        flag: "--theme",
        env: "DUBWATCH_THEME",
        default: "auto",
        help: "Ground of the terminal: dark, light, or auto, which asks the terminal, then COLORFGBG",
    },
    Setting {
        key: Key::Ascii,
        name: "ascii",
        flag: "--ascii",
        env: "DUBWATCH_ASCII",
        default: "by locale and terminal",
        help: "Show ASCII characters alone, on the dashboard and in text",
    },
    Setting {
        key: Key::NoBell,
        name: "no-bell",
        flag: "--no-bell",
        env: "DUBWATCH_NO_BELL",
        default: "false",
        help: "Do not ring, nor notify the desktop, when something failed, is overdue, waits for you or is done",
    },
    Setting {
        key: Key::NoConfirmQuit,
        name: "no-confirm-quit",
        flag: "--no-confirm-quit",
        env: "DUBWATCH_NO_CONFIRM_QUIT",
        default: "false",
        help: "Let q end the dashboard at once, also while it receives callbacks",
    },
    Setting {
        key: Key::MaxBody,
        name: "max-body",
        flag: "--max-body",
        env: "DUBWATCH_MAX_BODY",
        default: "1MiB",
        help: "Longest body that is taken, like 512k or 1MiB",
    },
    Setting {
        key: Key::Overdue,
        name: "overdue",
        flag: "--overdue",
        env: "DUBWATCH_OVERDUE",
        default: "3h",
        help: "How long a version may generate before it is overdue, like 3h or 90m",
    },
    Setting {
        key: Key::Keep,
        name: "keep",
        flag: "--keep",
        env: "DUBWATCH_KEEP",
        default: "everything",
        help: "Delete assets that nothing was heard of for this long, with all their deliveries, like 90d",
    },
    Setting {
        key: Key::Relay,
        name: "relay",
        flag: "--relay",
        env: "DUBWATCH_RELAY",
        default: "none",
        help: "Relay to take callbacks from, like wss://relay.example.com",
    },
    Setting {
        key: Key::RelayName,
        name: "relay-name",
        flag: "--relay-name",
        env: "DUBWATCH_RELAY_NAME",
        default: "the host's name",
        help: "Name of this reader's place at the relay; each reader of an inbox has its own",
    },
    Setting {
        key: Key::RelayToken,
        name: "relay-token",
        flag: "",
        env: "DUBWATCH_RELAY_TOKEN",
        default: "that of the file",
        help: "Token that opens the inbox at the relay; never a flag, others see those",
    },
    Setting {
        key: Key::RelayTokenFile,
        name: "relay-token-file",
        flag: "--relay-token-file",
        env: "DUBWATCH_RELAY_TOKEN_FILE",
        default: "relay.token beside the journal",
        help: "File of the relay's token, readable for nobody else; DUBWATCH_RELAY_TOKEN wins over it",
    },
    Setting {
        key: Key::RelayInsecure,
        name: "relay-insecure",
        flag: "--relay-insecure",
        env: "DUBWATCH_RELAY_INSECURE",
        default: "false",
        help: "Allow ws:// to another machine: token and deliveries go in the clear",
    },
    Setting {
        key: Key::Cacert,
        name: "cacert",
        flag: "--cacert",
        env: "DUBWATCH_CACERT",
        default: "the system's",
        help: "PEM file of the certificates that wss:// and `send` trust, in place of the system's",
    },
    Setting {
        key: Key::NoListen,
        name: "no-listen",
        flag: "--no-listen",
        env: "DUBWATCH_NO_LISTEN",
        default: "false",
        help: "Listen on nothing: take callbacks from the relay alone",
    },
    Setting {
        key: Key::TrustForwardedFor,
        name: "trust-forwarded-for",
        flag: "--trust-forwarded-for",
        env: "DUBWATCH_TRUST_FORWARDED_FOR",
        default: "false",
        help: "Believe X-Forwarded-For of a proxy on this machine, or of those named like =10.0.0.2,172.16.0.0/12",
    },
];

impl Key {
    /// Its row.
    pub const fn setting(self) -> &'static Setting {
        &SETTINGS[self as usize]
    }

    /// The setting that the configuration file calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        SETTINGS.iter().find(|setting| setting.name == name).map(|setting| setting.key)
    }

    /// Its help on the command line: with the variable and the default.
    pub fn about(self) -> String {
        let Setting { help, env, default, .. } = self.setting();
        format!("{help} [env: {env}] [default: {default}]")
    }
}
