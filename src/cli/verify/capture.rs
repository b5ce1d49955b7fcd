//! `dubwatch verify --capture`: the signatures of a whole capture.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use super::super::UsageError;
use super::super::characters::out;
use crate::app::Exit;
use crate::callback::{SIGNATURE_HEADER, Source, Verdict};
use crate::config::Config;
use crate::export::{CaptureEntry, CaptureReader};
use crate::signature::TrustedKeys;
use crate::text::{Printable, count_in_words};

/// Maximum number of deliveries that are listed with the reason.
const LISTED: u64 = 20;

/// Checks every delivery of the capture at `path`; `-` is standard input.
pub(super) fn run(config: &Config, keys: &TrustedKeys, path: &Path) -> anyhow::Result<Exit> {
    let shown = Printable::new(&path.to_string_lossy());
    let unusable = |why: String| UsageError(format!("{shown}, {why}"));
    let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let (file, _) = crate::files::open(path)
            .map_err(|error| UsageError(format!("cannot read the capture {shown}: {error}")))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let mut reader = CaptureReader::new(input).map_err(|error| unusable(error.to_string()))?;
    if reader.is_redacted() {
        let why = "is redacted: headers and bodies are missing, so no signature can be checked";
        return Err(UsageError(format!("{shown} {why}")).into());
    }
    let mut out = out(config, true);
    let (mut holding, mut others, mut answers) = (BTreeMap::<String, u64>::new(), 0, 0);
    loop {
        let entry = match reader.next_entry() {
            Ok(entry) => entry,
            Err(error) => {
                // What was found before is said first.
                let _ = out.flush();
                return Err(unusable(error.to_string()).into());
            }
        };
        let delivery = match entry {
            None => break,
            Some(CaptureEntry::Delivery(delivery)) => delivery,
            Some(CaptureEntry::Refusal(_) | CaptureEntry::Gap(_)) => continue,
        };
        if delivery.request.source == Source::Api {
            answers += 1;
            continue;
        }
        let headers: Vec<&str> = delivery.request.headers.all(SIGNATURE_HEADER).collect();
        match keys.check(&headers, &delivery.request.body) {
            Verdict::Valid { key, .. } => *holding.entry(key.to_string()).or_default() += 1,
            verdict => {
                others += 1;
                if others <= LISTED {
                    let why = Printable::new(verdict.why().unwrap_or("there is no signature"));
                    let (line, seq) = (reader.line(), delivery.seq);
                    // A closed standard output is ignored: the exit status has the verdict.
                    let _ = writeln!(out, "✗ line {line}, seq {seq}: {}: {why}", verdict.name());
                }
            }
        }
    }
    if others > LISTED {
        let _ = writeln!(out, "✗ and {} more", others - LISTED);
    }
    let _ = writeln!(out, "{}", sentence(&holding, others, answers)).and_then(|()| out.flush());
    Ok(if others == 0 { Exit::Done } else { Exit::Failed })
}

fn sentence(holding: &BTreeMap<String, u64>, others: u64, answers: u64) -> String {
    let count: u64 = holding.values().sum();
    let deliveries = |count| count_in_words(count, "delivery", "deliveries");
    let keys: Vec<String> =
        holding.iter().map(|(key, count)| format!("{count} by {}", Printable::new(key))).collect();
    let keys = if keys.is_empty() { String::new() } else { format!(": {}", keys.join(", ")) };
    let answers = match answers {
        0 => String::new(),
        count => format!(
            "; {} carry no signature",
            count_in_words(count, "answer of the service's API", "answers of the service's API")
        ),
    };
    match (count, others) {
        (0, 0) => format!("the capture has no delivery to check{answers}"),
        (count, 0) => format!("all hold: {}{keys}{answers}", deliveries(count)),
        (count, others) => {
            let verb = if others == 1 { "does" } else { "do" };
            format!("{} {verb} not hold, {count} hold{keys}{answers}", deliveries(others))
        }
    }
}
