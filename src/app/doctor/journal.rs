//! The journal: readable, writable, intact, its size, the room on its disk.

use std::fs::{self, OpenOptions};
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::Finding;
use crate::config::Config;
use crate::journal::{JournalError, JournalReader, Watermarks};
use crate::sqlite::{OpenError, has_writer};
use crate::text::{Printable, bytes_in_words};

const ABOUT: &str = "journal";
/// With less room there will soon be none.
const LITTLE_ROOM: u64 = 1 << 30;
/// With less room callbacks may be answered 503.
const NO_ROOM: u64 = 64 << 20;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    if config.ephemeral {
        return vec![Finding::ok(ABOUT, "in memory: nothing is kept after the end (--ephemeral)")];
    }
    let path = &config.db;
    let shown = Printable::new(&path.to_string_lossy());
    if let Err(error) = fs::symlink_metadata(path) {
        return match error.kind() {
            std::io::ErrorKind::NotFound => absent(path),
            _ => vec![Finding::bad(
                ABOUT,
                format!("cannot look at {shown}: {error}"),
                "correct its permissions, or name another one with --db",
            )],
        };
    }
    let reader = match JournalReader::open(path) {
        Ok(reader) => reader,
        Err(JournalError::Open(OpenError::Older { .. }) | JournalError::OtherFold(_)) => {
            let what = format!("{shown} was written by another version of dubwatch");
            return vec![Finding::note(
                ABOUT,
                what,
                "start `dubwatch`, which brings it up to date",
            )];
        }
        Err(error) => {
            let todo = "name another one with --db; a copy can be put in its place";
            return vec![Finding::bad(ABOUT, error.to_string(), todo)];
        }
    };
    let mut findings = vec![contents(&reader, path, &shown), permissions(path, &shown)];
    findings.extend(room(path));
    findings
}

/// What there is to say of a journal that does not exist.
fn absent(path: &Path) -> Vec<Finding> {
    let shown = Printable::new(&path.to_string_lossy());
    let directory = path.ancestors().skip(1).find(|directory| directory.is_dir());
    let directory = directory.unwrap_or(Path::new("."));
    let mut findings = vec![match access(directory, Access::WRITE_OK) {
        Ok(()) => Finding::ok(ABOUT, format!("{shown} does not exist yet; the first run makes it")),
        Err(error) => Finding::bad(
            ABOUT,
            format!(
                "{shown} does not exist, and {} cannot be written: {error}",
                Printable::new(&directory.to_string_lossy())
            ),
            "correct its permissions, or name another journal with --db",
        ),
    }];
    findings.extend(room(directory));
    findings
}

fn contents(reader: &JournalReader, path: &Path, shown: &Printable) -> Finding {
    let damage = match reader.damage() {
        Ok(None) => None,
        Ok(Some(damage)) => Some(damage),
        Err(error) => Some(error.to_string()),
    };
    if let Some(damage) = damage {
        return Finding::bad(
            ABOUT,
            format!("{shown} is damaged: {}", Printable::new(&damage).cut(200)),
            "stop dubwatch, keep a copy of the file, and put a backup in its place",
        );
    }
    let held = reader.watermarks().map(Watermarks::held).unwrap_or_default();
    let companions = ["", "-wal"].map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        fs::metadata(name).map_or(0, |found| found.len())
    });
    let deliveries = if held == 1 { "delivery" } else { "deliveries" };
    let size = bytes_in_words(companions.iter().sum());
    Finding::ok(ABOUT, format!("{shown}: {held} {deliveries}, {size}, intact"))
}

fn permissions(path: &Path, shown: &Printable) -> Finding {
    match OpenOptions::new().write(true).open(path) {
        Ok(_) if has_writer(path) => {
            Finding::ok(ABOUT, "a dubwatch that is running writes it; others can read along")
        }
        Ok(_) => Finding::ok(ABOUT, "it can be written, and no other dubwatch writes it"),
        Err(error) => Finding::bad(
            ABOUT,
            format!("{shown} cannot be written: {error}"),
            "correct its permissions, or name another one with --db",
        ),
    }
}

fn room(path: &Path) -> Option<Finding> {
    const ABOUT: &str = "disk";
    let disk = statvfs(path).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let what = format!("{} are free where the journal is", bytes_in_words(free));
    let todo = "free some space, or let `dubwatch prune` delete what is old";
    Some(match free {
        0..NO_ROOM => Finding::bad(ABOUT, what, todo),
        NO_ROOM..LITTLE_ROOM => Finding::note(ABOUT, what, todo),
        _ => Finding::ok(ABOUT, what),
    })
}
