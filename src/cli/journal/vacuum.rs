//! `dubwatch journal vacuum`: gives unused space back to the disk.

use std::io::{self, Write as _};

use super::super::done_unless;
use super::not_in_use;
use crate::app::Exit;
use crate::config::Config;
use crate::journal::{Journal, JournalSize};
use crate::text::bytes_in_words;

pub(super) fn run(config: &Config) -> anyhow::Result<Exit> {
    let length = || config.db.metadata().map_or(0, |found| found.len());
    let before = length();
    Journal::vacuum(&config.db).map_err(|error| {
        if error.is_full() {
            return anyhow::anyhow!(
                "there is not enough space: the journal has {}, and up to twice of that is needed while it is written anew, some of it where $TMPDIR leads; the journal is as it was",
                bytes_in_words(before)
            );
        }
        not_in_use(config, error, "changed")
    })?;
    let JournalSize { file, .. } = Journal::size(&config.db)?;
    let sentence = format!(
        "Gave {} back to the disk; the journal has {} now.\n",
        bytes_in_words(before.saturating_sub(file)),
        bytes_in_words(file)
    );
    done_unless(io::stdout().write_all(sentence.as_bytes()).map_err(Into::into))
}
