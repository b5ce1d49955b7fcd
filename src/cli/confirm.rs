//! Asks before something is permanently deleted.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::UsageError;
use crate::text::Printable;

/// Asks a question on the terminal and returns whether the answer is yes. Returns true without a
/// terminal on standard input: a script has decided by running the command.
pub(super) fn confirmed(question: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    let prompt = format!("{} [y/N] ", Printable::new(question));
    if io::stderr().is_terminal() {
        write!(io::stderr(), "{prompt}")?;
        io::stderr().flush()?;
    } else if io::stdout().is_terminal() {
        write!(io::stdout(), "{prompt}")?;
        io::stdout().flush()?;
    } else {
        let why =
            "nobody can be asked: standard output and standard error are no terminal; add --yes";
        return Err(UsageError(why.to_owned()).into());
    }
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
