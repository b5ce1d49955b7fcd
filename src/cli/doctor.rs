//! `dubwatch doctor`: what works here and what does not, each with what to do.

use std::io::Write as _;

use anyhow::Context as _;
use serde::Serialize;

use super::characters::{only_ascii, text_out};
use super::done_unless;
use crate::app::{Exit, Finding, FindingLevel, doctor};
use crate::config::{Config, Output};
use crate::output::write_line;
use crate::text::Printable;

/// A finding as a line of JSON.
#[derive(Serialize)]
struct FindingRecord<'a> {
    v: u8,
    r#type: &'static str,
    about: &'a str,
    level: FindingLevel,
    what: &'a str,
    todo: Option<&'a str>,
}

pub(super) const AFTER_HELP: &str = "Nothing is changed. Where --public-url is set, a signed request is posted to it, as the service would, and \
     compared with what arrives. Exit status: 0 when nothing is bad, 1 when something is, 2 used wrongly.";

pub(super) fn run(config: &Config) -> anyhow::Result<Exit> {
    let is_json = config.output == Some(Output::Json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut bad = 0;
    let mut written = Ok(());
    let found = |finding: Finding| {
        bad += usize::from(finding.level == FindingLevel::Bad);
        if written.is_ok() {
            written = if is_json { write_record(&finding) } else { write_text(config, &finding) };
        }
    };
    runtime.block_on(doctor(config, only_ascii(config), found));
    if !is_json && written.is_ok() {
        let end = match bad {
            0 => "nothing is bad".to_owned(),
            1 => "1 finding is bad".to_owned(),
            count => format!("{count} findings are bad"),
        };
        written = writeln!(text_out(config), "\n{end}").map_err(Into::into);
    }
    done_unless(written)?;
    Ok(if bad == 0 { Exit::Done } else { Exit::Failed })
}

fn write_record(finding: &Finding) -> anyhow::Result<()> {
    let Finding { about, level, what, todo } = finding;
    let (what, todo) = (what.as_str(), todo.as_deref());
    let record = FindingRecord { v: 1, r#type: "finding", about, level: *level, what, todo };
    Ok(write_line(&mut std::io::stdout(), &record)?)
}

fn write_text(config: &Config, finding: &Finding) -> anyhow::Result<()> {
    let level = match finding.level {
        FindingLevel::Ok => "✓ ok",
        FindingLevel::Note => "! note",
        FindingLevel::Bad => "✗ BAD",
    };
    let mut out = text_out(config);
    let what = Printable::new(&finding.what);
    writeln!(out, "{level:<6}  {:<10}  {what}", finding.about)?;
    if let Some(todo) = &finding.todo {
        writeln!(out, "{:20}→ {}", "", Printable::new(todo))?;
    }
    Ok(())
}
