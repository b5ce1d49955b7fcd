//! The import table of the design, as data: one row for each module, with a reason.

/// The permissions of one module. The row with the longest matching name counts.
pub(crate) struct Row {
    /// The module, from the crate's root.
    pub(crate) module: &'static str,
    /// Our modules that it may use beside itself; [`ALL`] for every one.
    pub(crate) ours: &'static [&'static str],
    /// The crates that it may use beside `std`; [`ALL`] for every one.
    pub(crate) crates: &'static [&'static str],
    /// Whether it is a function of its arguments: no files, sockets, threads, environment or clock.
    pub(crate) pure: bool,
    /// The reason.
    pub(crate) why: &'static str,
}

/// Everything.
pub(crate) const ALL: &[&str] = &["*"];

/// Returns the row of a module: the longest that it begins with.
pub(crate) fn row_of<'a>(rows: &'a [Row], module: &[String]) -> Option<&'a Row> {
    rows.iter().filter(|row| begins_with(module, row.module)).max_by_key(|row| row.module.len())
}

/// Returns whether a path begins with the module `prefix`, which is written like `relay::store`.
pub(crate) fn begins_with(path: &[String], prefix: &str) -> bool {
    let mut parts = path.iter();
    prefix.split("::").all(|part| parts.next().is_some_and(|own| own == part))
}

/// The import table.
pub(crate) const ROWS: &[Row] = &[
    Row {
        module: "callback",
        ours: &[],
        crates: &["serde", "serde_json", "jiff", "flate2"],
        pure: true,
        why: "the contract is the same wherever a delivery comes from and goes to",
    },
    Row {
        module: "timeline",
        ours: &["callback", "text"],
        crates: &["serde", "jiff"],
        pure: true,
        why: "the fold must compute the same state from the same journal, always",
    },
    Row {
        module: "status",
        ours: &["callback"],
        crates: &["jiff"],
        pure: true,
        why: "the shown status must not own sources or journal",
    },
    Row {
        module: "text",
        ours: &[],
        crates: &["thiserror", "unicode_width", "unicode_segmentation"],
        pure: true,
        why: "one boundary for untrusted text, usable from everywhere",
    },
    Row {
        module: "filter",
        ours: &["callback", "text"],
        crates: &["jiff", "thiserror"],
        pure: true,
        why: "dashboard and log filter alike, and the clock is an argument",
    },
    Row {
        module: "wait",
        ours: &["callback", "filter", "text", "timeline"],
        crates: &["jiff"],
        pure: true,
        why: "what is waited for is judged alike, whoever receives",
    },
    Row {
        module: "files",
        ours: &[],
        crates: &["rustix"],
        pure: false,
        why: "keys, settings and databases are opened alike",
    },
    Row {
        module: "config",
        ours: &["files", "text", "timeline"],
        crates: &["clap", "toml", "etcetera", "jiff", "serde", "thiserror", "http"],
        pure: false,
        why: "settings are a plain value that is passed to the code that acts on them",
    },
    Row {
        module: "signature",
        ours: &["callback", "files"],
        crates: &["base64", "hex", "p256", "ring", "serde", "serde_json", "thiserror"],
        pure: false,
        why: "the check takes bytes, so that no transport can get between body and verdict",
    },
    Row {
        module: "signature::fingerprint",
        ours: &["callback", "signature"],
        crates: &["hex", "ring"],
        pure: true,
        why: "intake and the journal's refold make the same digest of the same delivery",
    },
    Row {
        module: "sqlite",
        ours: &["files"],
        crates: &["rusqlite", "thiserror", "tokio", "tracing", "rustix"],
        pure: false,
        why: "shared by journal and relay, so it knows neither",
    },
    Row {
        module: "journal",
        ours: &["callback", "timeline", "filter", "sqlite", "signature::fingerprint"],
        crates: &["rusqlite", "serde", "serde_json", "jiff", "thiserror", "tokio", "tracing"],
        pure: false,
        why: "it stores deliveries; intake decides which are accepted",
    },
    Row {
        module: "intake",
        ours: &["callback", "signature", "journal", "status"],
        crates: &["jiff", "tokio", "tracing"],
        pure: false,
        why: "deliveries are verified and written alike, whatever their source",
    },
    Row {
        module: "serve",
        ours: &[],
        crates: &[
            "axum",
            "http",
            "http_body",
            "http_body_util",
            "hyper",
            "hyper_util",
            "rustix",
            "socket2",
            "tokio",
            "tokio_rustls",
            "tokio_util",
            "tower",
            "tracing",
        ],
        pure: false,
        why: "hardening is the same for every router, listener and relay",
    },
    Row {
        module: "outbound",
        ours: &["files", "text"],
        crates: &[
            "base64",
            "http",
            "hyper",
            "hyper_util",
            "jiff",
            "percent_encoding",
            "ring",
            "rustls_native_certs",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tower",
        ],
        pure: false,
        why: "proxies and trust are the same for everything that connects, relay client, sender and API",
    },
    Row {
        module: "api",
        ours: &["callback", "files", "outbound", "text"],
        crates: &[
            "http",
            "http_body_util",
            "hyper",
            "jiff",
            "percent_encoding",
            "serde_json",
            "thiserror",
            "tokio",
        ],
        pure: false,
        why: "the key meets one host, and everything that comes back is bounded",
    },
    Row {
        module: "api::get",
        ours: &["api", "outbound", "text"],
        crates: &["bytes", "http", "http_body_util", "hyper", "hyper_util"],
        pure: false,
        why: "the key can do more than read, so one module alone has a client, and it sends GET",
    },
    Row {
        module: "api::download",
        ours: &["api", "callback", "files", "outbound", "text"],
        crates: &[
            "bytes",
            "http",
            "http_body_util",
            "hyper",
            "jiff",
            "rustix",
            "serde_json",
            "thiserror",
            "tokio",
        ],
        pure: false,
        why: "a link grants access, so what follows it, and where the bytes go, is one module",
    },
    Row {
        module: "api::download::fetch",
        ours: &["api::download", "outbound"],
        crates: &["bytes", "http", "http_body_util", "hyper", "hyper_util", "thiserror"],
        pure: false,
        why: "one module alone sends requests to the hosts of links, and it cannot name the key",
    },
    Row {
        module: "api::answer",
        ours: &["callback", "text"],
        crates: &["http", "percent_encoding", "serde_json", "thiserror"],
        pure: true,
        why: "what the service says must mean the same whenever it is read",
    },
    Row {
        module: "listener",
        ours: &["callback", "intake", "serve", "text"],
        crates: &["axum", "http", "jiff"],
        pure: false,
        why: "a source knows its transport and nothing else",
    },
    Row {
        module: "relay::protocol",
        ours: &["callback", "text"],
        crates: &["http", "serde", "serde_json", "jiff", "thiserror"],
        pure: true,
        why: "both ends speak it, so it belongs to neither",
    },
    Row {
        module: "relay::store",
        ours: &["callback", "sqlite", "relay::protocol"],
        crates: &[
            "hex",
            "jiff",
            "ring",
            "rusqlite",
            "serde",
            "serde_json",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
        ],
        pure: false,
        why: "a relay stores callbacks without interpreting them",
    },
    Row {
        module: "relay::server",
        ours: &["callback", "text", "relay::protocol", "relay::store", "serve", "signature"],
        crates: &[
            "axum",
            "futures_util",
            "http",
            "jiff",
            "tokio",
            "tokio_tungstenite",
            "tokio_util",
            "tracing",
        ],
        pure: false,
        why: "a relay runs without a journal of ours and without a screen",
    },
    Row {
        module: "relay::client",
        ours: &[
            "callback",
            "files",
            "intake",
            "outbound",
            "status",
            "text",
            "relay::protocol",
            "relay::backoff",
        ],
        crates: &[
            "futures_util",
            "hex",
            "http",
            "jiff",
            "ring",
            "thiserror",
            "tokio",
            "tokio_tungstenite",
            "tokio_util",
            "tracing",
        ],
        pure: false,
        why: "a source knows its transport and nothing else",
    },
    Row {
        module: "relay::admin",
        ours: &["relay::protocol", "relay::store"],
        crates: &["jiff", "serde", "serde_json", "tokio", "tokio_util", "tracing"],
        pure: false,
        why: "operators reach the store's one writer, and nothing of the network",
    },
    Row {
        module: "relay::backoff",
        ours: &[],
        crates: &[],
        pure: true,
        why: "chance and time are arguments, so that a test can state them",
    },
    Row {
        module: "relay",
        ours: &[],
        crates: &[],
        pure: false,
        why: "what both ends of a relay share",
    },
    Row {
        module: "simulate",
        ours: &["callback", "text", "outbound", "signature"],
        crates: &[
            "base64",
            "bytes",
            "flate2",
            "hex",
            "http",
            "http_body_util",
            "hyper_util",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
        ],
        pure: false,
        why: "the signed sender uses HTTP like any other sender",
    },
    Row {
        module: "simulate::service",
        ours: &["callback", "serve", "simulate"],
        crates: &[
            "axum",
            "hex",
            "http",
            "http_body",
            "jiff",
            "percent_encoding",
            "ring",
            "serde_json",
            "tokio",
            "tokio_util",
            "tracing",
        ],
        pure: false,
        why: "clients are tested against it over real sockets, so it shares no code with them",
    },
    Row {
        module: "simulate::story",
        ours: &["callback", "simulate"],
        crates: &["jiff"],
        pure: true,
        why: "the same seed must give the same story, always",
    },
    Row {
        module: "output",
        ours: &["callback", "timeline", "status", "text", "filter", "journal"],
        crates: &["anstyle", "base64", "jiff", "serde", "serde_json", "thiserror", "tokio"],
        pure: false,
        why: "what is written depends on what is stored and not on a screen",
    },
    Row {
        module: "export",
        ours: &["callback", "text", "timeline"],
        crates: &["base64", "jiff", "ring", "serde", "serde_json"],
        pure: false,
        why: "what leaves the journal is made from entries and states, wherever they come from",
    },
    Row {
        module: "tui::model",
        ours: &["callback", "timeline", "status", "text", "filter"],
        crates: &["jiff", "serde", "serde_json"],
        pure: true,
        why: "the state of the screen is a value that a test can state",
    },
    Row {
        module: "tui::view",
        ours: &[
            "callback",
            "timeline",
            "status",
            "text",
            "tui::model",
            "tui::widget",
            "tui::keymap",
            "tui::help",
        ],
        crates: &["jiff", "ratatui"],
        pure: true,
        why: "a frame is a function of the model",
    },
    Row {
        module: "tui::widget",
        ours: &["callback", "text"],
        crates: &["jiff", "ratatui"],
        pure: true,
        why: "a frame is a function of the model",
    },
    Row {
        module: "tui::input",
        ours: &["tui"],
        crates: &["futures_util", "rustix", "tokio"],
        pure: false,
        why: "keys come from a terminal; once read they are values that a table can spell",
    },
    Row {
        module: "tui::input::parser",
        ours: &["tui", "tui::input"],
        crates: &[],
        pure: true,
        why: "bytes mean the same however they are cut into reads",
    },
    Row {
        module: "tui::keymap",
        ours: &["tui::input", "tui::model"],
        crates: &[],
        pure: true,
        why: "one table says what keys do, to the dispatch and to every view",
    },
    Row {
        module: "tui::help",
        ours: &["filter", "tui::keymap", "tui::widget"],
        crates: &[],
        pure: true,
        why: "what is drawn and how far it scrolls are one list",
    },
    Row {
        module: "tui",
        ours: &["callback", "timeline", "status", "text", "filter"],
        crates: &[
            "base64",
            "crossterm",
            "futures_util",
            "jiff",
            "ratatui",
            "rustix",
            "thiserror",
            "tokio",
            "tokio_util",
        ],
        pure: false,
        why: "app passes it ports: it never blocks on a source, a key or a disk",
    },
    Row {
        module: "internals",
        ours: ALL,
        crates: &[],
        pure: false,
        why: "tests and benches use what it names, whatever module that is in",
    },
    Row {
        module: "app",
        ours: ALL,
        crates: ALL,
        pure: false,
        why: "the composition root uses every module",
    },
    Row {
        module: "cli",
        ours: ALL,
        crates: ALL,
        pure: false,
        why: "a command uses the modules that it needs",
    },
    Row {
        module: "docs",
        ours: &[],
        crates: &[],
        pure: true,
        why: "it holds the reference pages and no code",
    },
    Row {
        module: "main",
        ours: &[],
        crates: &["dubwatch"],
        pure: false,
        why: "the binary is thin: everything it does, a test can do",
    },
];

/// The one module that may write escape sequences: its file, and those below it.
pub(crate) const TERMINAL: [&str; 2] = ["src/tui/terminal.rs", "src/tui/terminal/"];

/// The rows that may contain SQL, whatever else a row allows.
pub(crate) const SQL: &[&str] = &["sqlite", "journal", "relay::store"];

/// Macros that panic on a closed pipe, or are leftovers of debugging.
pub(crate) const MACROS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

/// Exceptions from [`IMPURE`]: decompressing bytes in memory.
pub(crate) const IN_MEMORY: &[&str] = &["std::io::Read"];

/// Paths of `std` that reach files, sockets, threads, the environment or the clock.
pub(crate) const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];
