//! `dubwatch status`: every asset and version as the fold has them; works beside a running watch.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;

use super::{colored, done_unless};
use crate::app::Exit;
use crate::config::{Config, Output};
use crate::journal::Reader;
use crate::output::{AssetRecord, Lines, VersionRecord, write_line};

pub(super) fn run(config: &Config) -> anyhow::Result<Exit> {
    let reader = Reader::open(&config.db)?;
    let now = Timestamp::now();
    let mut out = BufWriter::new(io::stdout().lock());
    if config.output == Some(Output::Json) {
        return done_unless(json(config, &reader, now, &mut out));
    }
    let lines = Lines::new(colored(config));
    done_unless(text(config, &reader, now, &lines, &mut out))
}

fn json(
    config: &Config,
    reader: &Reader,
    now: Timestamp,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    reader.each_asset::<anyhow::Error>(|row, _| {
        write_line(out, &AssetRecord::new(&row))?;
        for version in &row.versions {
            write_line(out, &VersionRecord::new(&row.asset_id, version, now, config.overdue))?;
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

fn text(
    config: &Config,
    reader: &Reader,
    now: Timestamp,
    lines: &Lines,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut any = false;
    reader.each_asset::<anyhow::Error>(|row, notes| {
        any = true;
        writeln!(out, "{}", lines.asset(&row, notes.name.as_deref()))?;
        for version in &row.versions {
            writeln!(out, "{}", lines.version(version, now, config.overdue))?;
        }
        Ok(())
    })?;
    if !any {
        writeln!(out, "No callbacks yet in {}.", config.db.display())?;
    }
    Ok(out.flush()?)
}
