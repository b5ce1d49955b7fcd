//! `dubwatch journal restore`: a backup in the journal's place.

use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;

use super::super::done_unless;
use super::{Restore, in_use};
use crate::app::Exit;
use crate::config::Config;
use crate::journal::{BackupError, CopySummary, Journal};
use crate::sqlite::{CopyError, OpenError, ReplaceError};
use crate::text::{Printable, bytes_in_words, count_in_words};

pub(super) fn run(config: &Config, args: &Restore) -> anyhow::Result<Exit> {
    let aside = aside(config);
    let restored = Journal::restore(&config.db, &args.file, &aside);
    let (CopySummary { deliveries, bytes }, had_one) =
        restored.map_err(|error| refused(config, args, error))?;
    let (db, file) = (config.db.to_string_lossy(), args.file.to_string_lossy());
    let aside = Printable::new(&aside.to_string_lossy());
    let kept =
        if had_one { format!("What was there before is in {aside}.\n") } else { String::new() };
    let text = format!(
        "Restored {} ({}) from {} to {}.\n{kept}",
        count_in_words(deliveries, "delivery", "deliveries"),
        bytes_in_words(bytes),
        Printable::new(&file),
        Printable::new(&db)
    );
    done_unless(io::stdout().write_all(text.as_bytes()).map_err(Into::into))
}

/// Returns the name under which the journal of now is kept: beside it, with the time.
fn aside(config: &Config) -> PathBuf {
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let path = config.db.canonicalize().unwrap_or_else(|_| config.db.clone());
    let mut name = path.into_os_string();
    name.push(format!(".before-{time}"));
    name.into()
}

/// Says what to do. The journal is as it was.
fn refused(config: &Config, args: &Restore, error: BackupError) -> anyhow::Error {
    let (db, file) = (config.db.display(), args.file.display());
    let unchanged = "the journal was left as it is";
    match error {
        BackupError::Same(_) => {
            anyhow::anyhow!("{file} is the journal itself; name a backup of it")
        }
        BackupError::Source(error) => {
            let why = match &error {
                OpenError::Missing { .. } => {
                    return anyhow::anyhow!("there is no file {file}; {unchanged}");
                }
                OpenError::Foreign { why, .. } => (*why).to_owned(),
                OpenError::NoFile { kind, .. } => format!("it is {kind}"),
                OpenError::Changed { difference, .. } => difference.clone(),
                OpenError::Newer { .. } => {
                    return anyhow::anyhow!(
                        "{file} is of a newer dubwatch; use that one; {unchanged}"
                    );
                }
                OpenError::Damaged { cause, .. } => format!("it is damaged ({cause})"),
                _ => return anyhow::anyhow!("cannot read {file}: {error}"),
            };
            anyhow::anyhow!("{file} is no backup of a journal: {why}; {unchanged}")
        }
        BackupError::Replace(ReplaceError::Open(OpenError::InUse { pid, .. })) => {
            in_use(config, pid, "restored")
        }
        BackupError::Replace(ReplaceError::Open(error)) => error.into(),
        BackupError::Replace(ReplaceError::Read(_)) => in_use(config, None, "restored"),
        BackupError::Replace(ReplaceError::Copy(CopyError::Full(_))) => anyhow::anyhow!(
            "there is not enough space for a copy of {file} beside {db}; free some; {unchanged}"
        ),
        BackupError::Replace(ReplaceError::Copy(CopyError::Damaged(found))) => {
            anyhow::anyhow!("{file} is damaged ({found}); {unchanged}")
        }
        error => anyhow::anyhow!("{error}; {unchanged}"),
    }
}
