//! The import table of the design, as data: a row a module, and why it stops there.

/// What one module may use. The row with the longest matching name counts.
pub(crate) struct Row {
    /// The module, from the crate's root.
    pub(crate) module: &'static str,
    /// Our modules that it may use beside itself; [`ALL`] for every one.
    pub(crate) ours: &'static [&'static str],
    /// The crates that it may use beside `std`; [`ALL`] for every one.
    pub(crate) crates: &'static [&'static str],
    /// Whether it is a function of its arguments: no files, sockets, threads, environment or clock.
    pub(crate) pure: bool,
    /// Why it stops there.
    pub(crate) why: &'static str,
}

/// Everything.
pub(crate) const ALL: &[&str] = &["*"];

/// The import table.
pub(crate) const ROWS: &[Row] = &[
    Row {
        module: "callback",
        ours: &["timeline", "vitals", "text", "filter"],
        crates: &["serde", "serde_json", "jiff", "thiserror"],
        pure: true,
        why: "the contract is the same wherever a delivery comes from and goes to",
    },
    Row {
        module: "timeline",
        ours: &["callback", "vitals", "text", "filter"],
        crates: &["serde", "serde_json", "jiff", "thiserror"],
        pure: true,
        why: "the fold has to give the same state from the same journal, always",
    },
    Row {
        module: "vitals",
        ours: &["callback", "timeline", "text", "filter"],
        crates: &["serde", "serde_json", "jiff", "thiserror"],
        pure: true,
        why: "what is shown of doors and journal must not hold them",
    },
    Row {
        module: "text",
        ours: &["callback", "timeline", "vitals", "filter"],
        crates: &["serde", "unicode_width", "unicode_segmentation"],
        pure: true,
        why: "one boundary for untrusted text, usable from everywhere",
    },
    Row {
        module: "filter",
        ours: &["callback", "timeline", "vitals", "text"],
        crates: &["serde", "jiff", "thiserror", "unicode_width", "unicode_segmentation"],
        pure: true,
        why: "dashboard and log filter alike, and the clock is an argument",
    },
    Row {
        module: "config",
        ours: &["callback", "text"],
        crates: &["clap", "toml", "etcetera", "jiff", "serde", "thiserror", "http"],
        pure: false,
        why: "settings are a plain value: whoever acts on them is handed it",
    },
    Row {
        module: "signature",
        ours: &["callback"],
        crates: &["base64", "hex", "p256", "ring", "serde", "serde_json", "thiserror"],
        pure: false,
        why: "the check takes bytes, so that no transport can get between body and verdict",
    },
    Row {
        module: "sqlite",
        ours: &[],
        crates: &["rusqlite", "thiserror", "tokio", "tracing", "rustix"],
        pure: false,
        why: "shared by journal and relay, so it knows neither",
    },
    Row {
        module: "journal",
        ours: &["callback", "timeline", "vitals", "text", "filter", "sqlite"],
        crates: &[
            "rusqlite",
            "serde",
            "serde_json",
            "jiff",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
            "rustix",
        ],
        pure: false,
        why: "it keeps what it is given; who may write is decided before it",
    },
    Row {
        module: "intake",
        ours: &["callback", "signature", "journal", "vitals", "text"],
        crates: &["bytes", "jiff", "thiserror", "tokio", "tokio_util", "tracing"],
        pure: false,
        why: "the one way in is the same for every transport",
    },
    Row {
        module: "serve",
        ours: &[],
        crates: &[
            "axum",
            "bytes",
            "http",
            "http_body",
            "http_body_util",
            "hyper",
            "hyper_util",
            "rustix",
            "thiserror",
            "tokio",
            "tokio_util",
            "tower",
            "tracing",
        ],
        pure: false,
        why: "hardening is the same for every router, listener and relay",
    },
    Row {
        module: "listener",
        ours: &["callback", "intake", "serve", "vitals", "text"],
        crates: &[
            "axum",
            "bytes",
            "http",
            "http_body",
            "http_body_util",
            "jiff",
            "thiserror",
            "tokio",
            "tokio_util",
            "tower",
            "tracing",
        ],
        pure: false,
        why: "a door knows its transport and nothing else",
    },
    Row {
        module: "relay::protocol",
        ours: &["callback", "text"],
        crates: &["base64", "serde", "serde_json", "jiff", "thiserror"],
        pure: true,
        why: "both ends speak it, so it belongs to neither",
    },
    Row {
        module: "relay::store",
        ours: &["callback", "sqlite", "relay::protocol"],
        crates: &["rusqlite", "serde", "serde_json", "jiff", "thiserror", "tokio", "tracing"],
        pure: false,
        why: "a relay keeps for others what it does not understand",
    },
    Row {
        module: "relay::server",
        ours: &["callback", "text", "relay::protocol", "relay::store", "serve", "signature"],
        crates: &[
            "axum",
            "bytes",
            "http",
            "http_body",
            "http_body_util",
            "jiff",
            "thiserror",
            "tokio",
            "tokio_util",
            "tower",
            "tracing",
        ],
        pure: false,
        why: "a relay runs without a journal of ours and without a screen",
    },
    Row {
        module: "relay::client",
        ours: &[
            "callback",
            "intake",
            "serve",
            "vitals",
            "text",
            "relay::protocol",
            "relay::backoff",
        ],
        crates: &["bytes", "http", "jiff", "thiserror", "tokio", "tokio_util", "tracing"],
        pure: false,
        why: "a door knows its transport and nothing else",
    },
    Row {
        module: "relay",
        ours: &["callback", "text"],
        crates: &["jiff", "serde", "thiserror"],
        pure: false,
        why: "what both ends of a relay share",
    },
    Row {
        module: "forward",
        ours: &["callback", "timeline", "vitals", "text", "filter", "journal", "signature"],
        crates: HTTP_CLIENT,
        pure: false,
        why: "it reads the journal like everybody else, and cannot slow intake",
    },
    Row {
        module: "simulate",
        ours: &["callback", "timeline", "vitals", "text", "filter", "journal", "signature"],
        crates: HTTP_CLIENT,
        pure: false,
        why: "the signed sender comes in by the door like any other",
    },
    Row {
        module: "simulate::story",
        ours: &["callback", "simulate"],
        crates: &["jiff"],
        pure: true,
        why: "the same seed has to tell the same story, always",
    },
    Row {
        module: "output",
        ours: &["callback", "timeline", "vitals", "text", "filter", "journal"],
        crates: &["anstyle", "base64", "jiff", "serde", "serde_json", "thiserror", "tokio"],
        pure: false,
        why: "what is written depends on what is stored and not on a screen",
    },
    Row {
        module: "tui::model",
        ours: &["callback", "timeline", "vitals", "text", "filter"],
        crates: &["jiff", "serde"],
        pure: true,
        why: "the state of the screen is a value that a test can state",
    },
    Row {
        module: "tui::view",
        ours: &["callback", "timeline", "vitals", "text", "filter", "tui::model", "tui::widget"],
        crates: &["jiff", "ratatui", "unicode_width", "unicode_segmentation"],
        pure: true,
        why: "a frame is a function of the model",
    },
    Row {
        module: "tui::widget",
        ours: &["callback", "timeline", "vitals", "text", "filter", "tui::model"],
        crates: &["jiff", "ratatui", "unicode_width", "unicode_segmentation"],
        pure: true,
        why: "a frame is a function of the model",
    },
    Row {
        module: "tui",
        ours: &["callback", "timeline", "vitals", "text", "filter"],
        crates: &[
            "base64",
            "crossterm",
            "futures",
            "jiff",
            "ratatui",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
            "tui_input",
        ],
        pure: false,
        why: "app hands it ports: it never blocks on a door, a key or a disk",
    },
    Row {
        module: "app",
        ours: ALL,
        crates: ALL,
        pure: false,
        why: "the composition root knows everybody",
    },
    Row {
        module: "cli",
        ours: ALL,
        crates: ALL,
        pure: false,
        why: "a command knows whom it calls",
    },
    Row {
        module: "main",
        ours: &[],
        crates: &["dubwatch"],
        pure: false,
        why: "the binary is thin: everything it does, a test can do",
    },
];

const HTTP_CLIENT: &[&str] = &[
    "base64",
    "bytes",
    "hex",
    "http",
    "http_body_util",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "jiff",
    "p256",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tokio_util",
    "tower",
    "tracing",
];

/// The one file that may write what a terminal acts on.
pub(crate) const TERMINAL: &str = "src/tui/terminal.rs";

/// The rows that may hold SQL, whatever else a row allows.
pub(crate) const SQL: &[&str] = &["sqlite", "journal", "relay::store"];

/// Macros that panic on a closed pipe, or are left over.
pub(crate) const MACROS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

/// What reaches out of a function although `std` gives it.
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
