//! `dubwatch names`: local names of assets in bulk; works beside a running watch.

mod csv;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueHint;

use super::done_unless;
use crate::app::Exit;
use crate::config::{Config, Output};
use crate::journal::{Journal, JournalReader, NamingCounts};
use crate::output::{NameRecord, write_line};
use crate::text::Printable;

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

#[derive(Debug, clap::Subcommand)]
pub(super) enum NamesCommand {
    /// Take names from a CSV file: an asset's id and its name on each line; an empty name takes the
    /// asset's name away. All of it is taken, or nothing
    Import(Import),
    /// Show the names of assets
    List,
    /// Write the names as CSV that `names import` takes
    #[command(
        after_help = "What a spreadsheet would take for a formula gets a ' before it, which `names import` takes away."
    )]
    Export,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Columns stand between commas, semicolons or tabs, and may be quoted. A first line like \"id,name\" or \"title,asset_id\" names the columns, in the order in which they stand; without one, the id is first. Assets that nothing was received of yet can be named too."
)]
pub(super) struct Import {
    /// The CSV file; - is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

pub(super) fn run(config: &Config, command: &NamesCommand) -> anyhow::Result<Exit> {
    config.needs_journal()?;
    match command {
        NamesCommand::Import(Import { file }) => import(config, file),
        NamesCommand::List => list(config),
        NamesCommand::Export => export(config),
    }
}

fn import(config: &Config, file: &Path) -> anyhow::Result<Exit> {
    let is_stdin = file.as_os_str() == "-";
    let shown = if is_stdin {
        "standard input".to_owned()
    } else {
        Printable::new(&file.to_string_lossy()).to_string()
    };
    let bytes = if is_stdin { read(io::stdin().lock()) } else { File::open(file).and_then(read) };
    let bytes = bytes.with_context(|| format!("cannot read {shown}"))?;
    anyhow::ensure!(
        bytes.len() as u64 <= MAX_FILE,
        "{shown} is longer than 16 MiB: split it; no name was changed"
    );
    let changes = csv::names(&bytes)
        .map_err(|error| anyhow::anyhow!("{shown}{error}; no name was changed"))?;
    let named = Journal::change_names(&config.db, &changes)?;
    done_unless(writeln!(io::stdout(), "{}", sentence(named)).map_err(Into::into))
}

/// Reads one byte more than is accepted, to notice a file that is too long.
fn read(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sentence(NamingCounts { named, removed, unchanged, unknown }: NamingCounts) -> String {
    let assets = if named == 1 { "asset" } else { "assets" };
    let names = if removed == 1 { "name" } else { "names" };
    let mut sentence = format!("Named {named} {assets}");
    for (count, what) in [
        (removed, format!("took away {removed} {names}")),
        (unchanged, format!("{unchanged} unchanged")),
        (unknown, format!("nothing was received yet of {unknown} that the file names")),
    ] {
        if count > 0 {
            sentence.push_str("; ");
            sentence.push_str(&what);
        }
    }
    sentence.push('.');
    sentence
}

fn list(config: &Config) -> anyhow::Result<Exit> {
    let names = names(config)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut write = || -> anyhow::Result<()> {
        if config.output == Some(Output::Json) {
            for (asset_id, name) in &names {
                write_line(&mut out, &NameRecord::new(asset_id, name))?;
            }
            return Ok(out.flush()?);
        }
        let ids: Vec<Printable> = names.iter().map(|(id, _)| Printable::new(id)).collect();
        let width = ids.iter().map(Printable::width).max().unwrap_or(0).max("ASSET".len());
        if !names.is_empty() {
            writeln!(out, "{:<width$}  NAME", "ASSET")?;
        }
        for (id, (_, name)) in ids.iter().zip(&names) {
            writeln!(out, "{id:<width$}  {}", Printable::new(name))?;
        }
        Ok(out.flush()?)
    };
    done_unless(write())
}

fn export(config: &Config) -> anyhow::Result<Exit> {
    let text = csv::text(&names(config)?);
    // Control characters are escaped for a terminal, not for a file.
    let text = if io::stdout().is_terminal() {
        let lines = text.lines().map(|line| Printable::new(line).to_string() + "\n");
        lines.collect()
    } else {
        text
    };
    let mut out = io::stdout().lock();
    done_unless(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Into::into))
}

/// Returns every asset that has a name, by id.
fn names(config: &Config) -> anyhow::Result<Vec<(String, String)>> {
    let notes = JournalReader::open(&config.db)?.all_notes()?;
    Ok(notes.into_iter().filter_map(|(id, notes)| Some((id, notes.name?))).collect())
}
