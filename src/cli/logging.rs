//! The log file: for developers of dubwatch, never on the user's terminal.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::say;
use crate::config::Config;
use crate::sqlite::create_directory_of;

/// Length in bytes above which the log is rotated at the next start; one older log is kept.
const MAX_LOG: u64 = 4 << 20;

/// The variable that sets how much is logged.
pub(super) const VARIABLE: &str = "DUBWATCH_LOG";

/// Starts the log in `$XDG_STATE_HOME/dubwatch/dubwatch.log`. If that fails, the program warns and
/// runs without a log; if no place is known for it, it only warns if the user asked for a log.
pub(super) fn start(config: &Config) {
    let Some(directory) = config.state_dir() else {
        if std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty()) {
            say("no log file: the home directory is not known; set HOME or XDG_STATE_HOME");
        }
        return;
    };
    let path = directory.join("dubwatch.log");
    match open(&path) {
        Ok(file) => {
            let filter =
                EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
            // Only fails if there is already a subscriber, as in a test that runs this twice.
            let _ = tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_ansi(false)
                .with_writer(Mutex::new(file))
                .try_init();
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
        }
        Err(error) => say(&format!("no log file: cannot open {}: {error}", path.display())),
    }
}

/// Starts the log of a server: lines of JSON on standard error.
///
/// Whatever `DUBWATCH_LOG` asks for, other crates log at `info` at most: their debug messages
/// contain headers, and so tokens.
pub(super) fn to_stderr() {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = filter_fn(|meta| {
        meta.target().starts_with("dubwatch") || *meta.level() <= tracing::Level::INFO
    });
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stderr);
    // Only fails if there is already a subscriber, as in a test that runs this twice.
    let _ = tracing_subscriber::registry().with(filter).with(lines.with_filter(ours)).try_init();
}

fn open(path: &Path) -> io::Result<File> {
    create_directory_of(path)?;
    if fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_LOG) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
