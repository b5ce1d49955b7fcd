//! `dubwatch verify`: the verdict about one body and one signature, step by step, or about each
//! delivery of a capture.

mod capture;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use clap::ValueHint;

use super::UsageError;
use super::characters::text_out;
use crate::app::{Exit, trusted_keys};
use crate::callback::Verdict;
use crate::config::Config;
use crate::signature::{PublicKey, StepResult, TrustedKeys, explain, steps, suspect};
use crate::text::Printable;

/// The longest body that is read, in bytes.
const MAX_BODY: u64 = 64 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "Checks against --public-key where given, else against all keys that the \
    listener would trust. Exit status: 0 the signature holds, of a capture all of them; 1 it does not; \
    2 it cannot be checked.")]
pub(super) struct VerifyArgs {
    /// The value of the X-Signature header: hex
    #[arg(
        long,
        value_name = "HEX",
        allow_hyphen_values = true,
        required_unless_present = "capture"
    )]
    signature: Option<String>,
    /// The body as it was received, byte for byte; `-` reads standard input
    #[arg(value_name = "FILE", required_unless_present = "capture")]
    body: Option<PathBuf>,
    /// Check every delivery of a capture that `dubwatch export --format ndjson` made; `-` reads
    /// standard input
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["signature", "body"]
    )]
    capture: Option<PathBuf>,
}

pub(super) fn run(config: &Config, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let keys = keys(config).map_err(|error| UsageError(error.to_string()))?;
    let (signature, body) = match (&args.capture, &args.signature, &args.body) {
        (Some(capture), ..) => return capture::run(config, &keys, capture),
        (None, Some(signature), Some(body)) => (signature.as_str(), body),
        // Not accepted by `clap`.
        _ => return Err(UsageError("--signature and FILE are needed".to_owned()).into()),
    };
    let body = read(body).map_err(|error| UsageError(format!("{error:#}")))?;
    let headers = [signature];
    let verdict = keys.check(&headers, &body);
    let mut out = text_out(config);
    let mut say = || -> io::Result<()> {
        for step in steps(&keys, &headers, &body) {
            let mark = match step.result {
                StepResult::Passed => '✓',
                StepResult::Failed => '✗',
                StepResult::Skipped => '·',
            };
            let colon = if step.note.is_empty() { "" } else { ": " };
            writeln!(out, "{mark} {}{colon}{}", step.name, Printable::new_or_blank(&step.note))?;
        }
        if !verdict.is_valid()
            && let Some(found) = explain(&keys, &headers, &body).or_else(|| suspect(&[], &body))
        {
            writeln!(out, "  {}", Printable::new(&found))?;
        }
        match &verdict {
            Verdict::Valid { key, encoding } => {
                writeln!(out, "valid: made by {key}, {} encoding", encoding.name())
            }
            other => {
                let why = Printable::new(other.why().unwrap_or("no signature"));
                writeln!(out, "{}: {why}", other.name())
            }
        }
    };
    // A closed standard output is ignored: the exit status has the verdict.
    let _ = say();
    Ok(if verdict.is_valid() { Exit::Done } else { Exit::Failed })
}

fn keys(config: &Config) -> anyhow::Result<TrustedKeys> {
    let mut given = config.public_keys.iter();
    let Some(first) = given.next() else { return trusted_keys(config) };
    let mut keys = TrustedKeys::new(PublicKey::from_file(first)?);
    for path in given {
        keys = keys.and(PublicKey::from_file(path)?);
    }
    Ok(keys)
}

/// Reads a body from a file, or from standard input where it is `-`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().take(MAX_BODY + 1).read_to_end(&mut body)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BODY + 1).read_to_end(&mut body))
    };
    read.with_context(|| format!("cannot read the body from {}", path.display()))?;
    anyhow::ensure!(body.len() as u64 <= MAX_BODY, "the body has more than {MAX_BODY} bytes");
    Ok(body)
}
