//! What `dubwatch export` takes to write a large journal in each format: time and peak of memory.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::startup;

const FORMATS: [&str; 3] = ["ndjson", "csv", "html"];

/// Interval between two looks at the memory of the program. Linux reports the peak itself.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Prints a row for each format, of a tenth of the deliveries and of all of them: memory that does
/// not grow with the journal is the same in both.
pub(crate) fn run(out: &mut impl Write, deliveries: usize) -> Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let journal = place.path().join("journal.db");
    writeln!(
        out,
        "{:>10} {:>8} {:>9} {:>9} {:>9}",
        "deliveries", "format", "seconds", "file MB", "peak MB"
    )?;
    let mut made = 0;
    for size in [deliveries / 10, deliveries] {
        startup::fill(&journal, made..size)?;
        made = size;
        for format in FORMATS {
            row(out, place.path(), &journal, size, format)?;
        }
    }
    Ok(())
}

fn row(out: &mut impl Write, home: &Path, journal: &Path, size: usize, format: &str) -> Result<()> {
    let file = home.join("export");
    let begun = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_dubwatch"))
        .args(["export", "--overwrite", "--format", format, "--db"])
        .arg(journal)
        .arg("--to")
        .arg(&file)
        .env_clear()
        .env("HOME", home)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let peak = peak(child)?;
    let took = begun.elapsed();
    let written = std::fs::metadata(&file).context("no file was written")?.len() / (1 << 20);
    writeln!(
        out,
        "{size:>10} {format:>8} {:>9.2} {written:>9} {:>9.1}",
        took.as_secs_f64(),
        peak / 1024.0
    )?;
    Ok(())
}

/// Waits until a program has ended, and returns the peak of its memory in kB.
fn peak(mut child: Child) -> Result<f64> {
    let status = format!("/proc/{}/status", child.id());
    let (ended, is_over) = sync_channel(1);
    let waiter = std::thread::spawn(move || {
        let status = child.wait();
        let _ = ended.send(());
        status
    });
    let mut peak: f64 = 0.0;
    while is_over.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(found.unwrap_or_default());
    }
    let status = waiter.join().map_err(|_| anyhow::anyhow!("the waiter panicked"))??;
    ensure!(status.success(), "the export failed");
    Ok(peak)
}
