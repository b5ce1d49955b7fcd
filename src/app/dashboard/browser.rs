//! Opens a URL in the user's browser, with the opener of the desktop.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// The opener of the desktop.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Starts the opener, detached from the terminal. The URL must be one that may be opened, and is an
/// argument of its own. The error is a sentence with the URL.
pub(super) fn open(url: &str) -> Result<(), String> {
    // Without a display the opener would start a browser for terminals, over the dashboard.
    if !cfg!(target_os = "macos") && !has_display() {
        return Err(format!("there is no display here; the studio is at {url}"));
    }
    let mut command = Command::new(OPENER);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Keys that the terminal turns into signals are not for the browser.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{OPENER} is not installed; the studio is at {url}"),
        _ => format!("{OPENER} cannot be started ({error}); the studio is at {url}"),
    })?;
    // An opener can run as long as its browser. It is waited for, so that it leaves no zombie.
    let waiting = std::thread::Builder::new().name("browser".to_owned()).spawn(move || {
        let ended = child.wait();
        tracing::debug!(?ended, "{OPENER} ended");
    });
    waiting.map(drop).map_err(|error| format!("cannot wait for {OPENER}: {error}"))
}

fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
