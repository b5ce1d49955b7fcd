//! `dubwatch journal backup`: a checked copy of the journal.

use std::io::{self, Write as _};

use super::super::done_unless;
use super::Backup;
use crate::app::Exit;
use crate::config::Config;
use crate::journal::{BackupError, CopySummary, Journal};
use crate::sqlite::CopyError;
use crate::text::{Printable, bytes_in_words, count_in_words};

pub(super) fn run(config: &Config, args: &Backup) -> anyhow::Result<Exit> {
    let made = Journal::back_up(&config.db, &args.file, args.overwrite);
    let CopySummary { deliveries, bytes } = made.map_err(|error| refused(config, args, error))?;
    let file = args.file.to_string_lossy();
    let sentence = format!(
        "Copied {} to {}, {}; SQLite finds no fault in the copy.\n",
        count_in_words(deliveries, "delivery", "deliveries"),
        Printable::new(&file),
        bytes_in_words(bytes)
    );
    done_unless(io::stdout().write_all(sentence.as_bytes()).map_err(Into::into))
}

/// Says what to do. No backup was made, and nothing is left of it.
fn refused(config: &Config, args: &Backup, error: BackupError) -> anyhow::Error {
    let (db, file) = (config.db.display(), args.file.display());
    match error {
        BackupError::Open(error) => error.into(),
        BackupError::Same(_) => anyhow::anyhow!("{file} is the journal itself; name another file"),
        BackupError::Copy(CopyError::Exists(_)) => {
            anyhow::anyhow!(
                "{file} exists already and was left as it is; name another file, or add --overwrite"
            )
        }
        BackupError::Copy(CopyError::Companion(companion)) => anyhow::anyhow!(
            "{} stands beside {file} and would be taken for its newest part; remove it, or name another file",
            companion.display()
        ),
        BackupError::Copy(CopyError::Busy(_)) => {
            anyhow::anyhow!(
                "another dubwatch is making {file}; wait for that one, or name another file"
            )
        }
        BackupError::Copy(CopyError::Full(_)) => {
            let size = Journal::size(&config.db).map_or(0, |size| size.file);
            anyhow::anyhow!(
                "there is not enough space for {file}: the journal has {}; free some, or name a file on another disk; nothing was left there",
                bytes_in_words(size)
            )
        }
        BackupError::Copy(CopyError::Damaged(found)) => anyhow::anyhow!(
            "the journal {db} is damaged, so no backup was made ({found}); keep the backups that there are"
        ),
        error => anyhow::anyhow!("{error}; no backup was made"),
    }
}
