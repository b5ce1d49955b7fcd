//! `dubwatch status`: assets and versions as the fold has them; works beside a running watch.

use std::io::{self, Write};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::characters::out;
use super::{UsageError, done_unless, lines, say};
use crate::app::{Exit, is_closed_pipe, reader_gone};
use crate::config::{Config, Output};
use crate::filter::{Filter, VersionFacts};
use crate::journal::JournalReader;
use crate::output::{AssetRecord, Lines, VersionRecord, write_line};
use crate::text::Printable;
use crate::timeline::{AssetExpectation, AssetRow, Expectation, Notes, Version, VersionRow};

/// Maximum number of assets that are listed if a word matches several.
const NAMED: usize = 5;

#[derive(Debug, clap::Args)]
#[command(after_help = Filter::help())]
pub(super) struct StatusArgs {
    /// Only this asset: its id, a piece of the id that no other one has, or its local name
    #[arg(value_name = "ASSET")]
    asset: Option<String>,
    /// Only the versions, and assets, that fit every one of these terms, which are listed below;
    /// those about single deliveries are for `dubwatch log`
    #[arg(long, value_name = "TERMS")]
    filter: Option<String>,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
}

pub(super) fn run(config: &Config, args: &StatusArgs) -> anyhow::Result<Exit> {
    config.needs_journal()?;
    let now = Timestamp::now();
    let terms = args.filter.as_deref().unwrap_or_default();
    let filter = Filter::parse(terms, now).map_err(|error| UsageError(error.to_string()))?;
    if filter.is_about_deliveries() {
        // It would match every version.
        let why = "--filter has a term about single deliveries, and status lists versions; \
                   dubwatch log --filter lists such deliveries";
        return Err(UsageError(why.to_owned()).into());
    }
    let reader = JournalReader::open(&config.db)?;
    let out = out(config, config.output != Some(Output::Json));
    let lines = (config.output != Some(Output::Json)).then(|| lines(config, args.utc));
    let gone = reader_gone();
    let setting = config.expect.clone().map(Arc::new);
    let mut report = StatusReport { config, setting, filter, now, lines, out, gone, begun: false };
    let written = match &args.asset {
        Some(word) => match find(&reader, word)? {
            Ok(asset_id) => {
                reader.asset(&asset_id)?.map_or(Ok(()), |(row, notes)| report.asset(row, &notes))
            }
            Err(why) => {
                say(&why);
                return Ok(Exit::Failed);
            }
        },
        None => reader.each_asset::<anyhow::Error>(|row, notes| report.asset(row, &notes)),
    };
    match written {
        Err(error) if is_closed_pipe(&error) => return Ok(Exit::Done),
        written => written?,
    }
    done_unless(report.end(args))
}

/// Returns the id of the asset that a word means, or why it means none.
fn find(reader: &JournalReader, word: &str) -> anyhow::Result<Result<String, String>> {
    // Copied from a screen, where long ids end like this.
    let word = word.trim().trim_end_matches('…');
    if word.is_empty() {
        return Ok(Err("ASSET is empty; name an asset by its id or its local name".to_owned()));
    }
    if reader.has_asset(word)? {
        return Ok(Ok(word.to_owned()));
    }
    let piece = word.to_lowercase();
    let (mut named, mut fitting) = (MatchingAssets::default(), MatchingAssets::default());
    reader.each_asset::<anyhow::Error>(|row, notes| {
        let name = notes.shown_name().unwrap_or_default();
        if name.to_lowercase() == piece {
            named.add(row.asset_id);
        } else if row.asset_id.to_lowercase().contains(&piece) {
            fitting.add(row.asset_id);
        }
        Ok(())
    })?;
    let found = if named.count > 0 { named } else { fitting };
    let shown = Printable::new(word).cut(80);
    Ok(match (found.count, found.ids.first()) {
        (1, Some(asset_id)) => Ok(asset_id.clone()),
        (0, _) | (_, None) => Err(format!(
            "no asset has {shown} as its id, in its id or as its name; `dubwatch status` lists them all"
        )),
        (count, _) => {
            let ids: Vec<String> =
                found.ids.iter().map(|id| Printable::new(id).cut(80).to_string()).collect();
            let more = if count > ids.len() { ", …" } else { "" };
            Err(format!(
                "{shown} fits {count} assets: {}{more}; name one of them by its whole id",
                ids.join(", ")
            ))
        }
    })
}

/// The assets that a word matches.
#[derive(Default)]
struct MatchingAssets {
    count: usize,
    /// The first of them.
    ids: Vec<String>,
}

impl MatchingAssets {
    fn add(&mut self, asset_id: String) {
        // An asset that becomes active while the others are read appears twice.
        if self.ids.contains(&asset_id) {
            return;
        }
        self.count += 1;
        if self.ids.len() < NAMED {
            self.ids.push(asset_id);
        }
    }
}

/// Writes the states of assets and versions.
struct StatusReport<'a, W> {
    config: &'a Config,
    /// What is expected of every asset.
    setting: Option<Arc<Expectation>>,
    filter: Filter,
    now: Timestamp,
    /// `None` for NDJSON.
    lines: Option<Lines>,
    out: W,
    /// Cancelled when the reader of standard output has gone, which a filter without matches would
    /// never notice.
    gone: CancellationToken,
    /// Whether anything was written.
    begun: bool,
}

impl<W: Write> StatusReport<'_, W> {
    /// Writes an asset with its matching versions; nothing if neither the asset nor a version
    /// matches.
    fn asset(&mut self, mut row: AssetRow, notes: &Notes) -> anyhow::Result<()> {
        if self.gone.is_cancelled() {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        let name = notes.shown_name();
        let as_a_whole = self.fits(&row, notes, None);
        let all = row.versions.len();
        let fitting: Vec<VersionRow> = row
            .versions
            .iter()
            .filter(|version| self.fits(&row, notes, Some(version)))
            .cloned()
            .collect();
        if fitting.is_empty() && !(as_a_whole && (all == 0 || row.asset.failure.is_some())) {
            return Ok(());
        }
        self.heading(&row)?;
        let expected = AssetExpectation::of(&row, notes, self.setting.as_ref());
        let expected = expected.as_ref();
        self.begun = true;
        let (now, overdue) = (self.now, self.config.overdue);
        match &self.lines {
            None => {
                // The asset's record is complete, whichever of its versions match.
                write_line(&mut self.out, &AssetRecord::new(&row, name).expecting(expected))?;
                for version in &fitting {
                    let record = VersionRecord::new(&row.asset_id, name, version, now, overdue);
                    write_line(&mut self.out, &record)?;
                }
            }
            Some(lines) if lines.is_for_pipe() => {
                if as_a_whole && let Some(line) = lines.failed_asset_row(&row, name) {
                    writeln!(self.out, "{line}")?;
                }
                for version in &fitting {
                    let line = lines.version_row(&row.asset_id, version, name, now, overdue);
                    writeln!(self.out, "{line}")?;
                }
            }
            Some(lines) => {
                writeln!(self.out, "{}", lines.asset(&row, name, expected))?;
                row.versions = fitting;
                for version in &row.versions {
                    writeln!(self.out, "{}", lines.version(version, now, overdue))?;
                }
                // Of these there is nothing that a filter could match.
                let missing = expected.filter(|_| self.filter.is_empty());
                for locale in missing.map_or(&[][..], |expected| &expected.progress.missing) {
                    writeln!(self.out, "{}", lines.missing(locale))?;
                }
            }
        }
        Ok(())
    }

    /// Returns whether a version matches the filter, or if that is `None`, the asset as a whole.
    fn fits(&self, row: &AssetRow, notes: &Notes, version: Option<&VersionRow>) -> bool {
        version_fits(&self.filter, row, notes, version, self.now, self.config.overdue)
    }

    /// Writes the names of the columns above the first line in a pipe, which is about this asset.
    fn heading(&mut self, row: &AssetRow) -> anyhow::Result<()> {
        if !self.begun
            && let Some(lines) = &mut self.lines
            && lines.is_for_pipe()
        {
            let version = row.versions.first().map(|row| row.version_id.as_str());
            *lines = lines.clone().fitting(Some(&row.asset_id), version);
            writeln!(self.out, "{}", lines.status_heading())?;
        }
        Ok(())
    }

    /// Reports if there was nothing to write.
    fn end(mut self, args: &StatusArgs) -> anyhow::Result<()> {
        if !self.begun && self.lines.is_some() {
            if self.filter.is_empty() && args.asset.is_none() {
                let journal = self.config.db.to_string_lossy();
                writeln!(self.out, "No callbacks yet in {}.", Printable::new(&journal))?;
            } else {
                // Not on standard output, where it would look like an asset.
                self.out.flush()?;
                say("nothing fits");
            }
        }
        Ok(self.out.flush()?)
    }
}

/// Returns whether a version matches a filter, or if that is `None`, the asset as a whole.
pub(super) fn version_fits(
    filter: &Filter,
    row: &AssetRow,
    notes: &Notes,
    version: Option<&VersionRow>,
    now: Timestamp,
    overdue: SignedDuration,
) -> bool {
    let is_overdue = |version: &Version| version.overdue(now, overdue);
    filter.matches_version(&VersionFacts::of(row, notes, version, is_overdue))
}
