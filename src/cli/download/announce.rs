//! Prints what was downloaded.

use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use super::say;
use crate::api::FinishedDownload;
use crate::text::{Printable, bytes_in_words};

/// Prints the path of a finished file.
pub(super) fn announce(finished: &FinishedDownload) -> anyhow::Result<()> {
    let FinishedDownload { path, bytes, was_there } = finished;
    if *was_there {
        let (path, size) = (Printable::new(&path.to_string_lossy()), bytes_in_words(*bytes));
        say(&format!(
            "{path} was there already, with the same length ({size}); it was left as it is"
        ));
    }
    let mut out = io::stdout().lock();
    // Control characters in the directory's name are escaped for a terminal, not for a script.
    if io::stdout().is_terminal() {
        writeln!(out, "{}", Printable::new(&path.to_string_lossy()))?;
    } else {
        out.write_all(path.as_os_str().as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
