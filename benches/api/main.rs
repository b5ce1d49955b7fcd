//! The real program and the stand-in of the service's API: the time from the start to a complete
//! picture of the account, and the questions that takes.
//!
//! `cargo bench --bench api` for 500 assets of 12 versions; `-- --assets 50` for others, and with
//! `--known` only until the list has told every status. With `-- --serve` it only serves them, until its standard input ends, for other measurements.
#![expect(
    clippy::disallowed_methods,
    reason = "the journal is looked at now and then, not watched"
)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::journal::JournalReader;
use dubwatch::internals::simulate::service::{NamedBy, StandIn, World, WorldAsset, WorldVersion};
use tokio::runtime::Runtime;

/// The key of the stand-in.
const KEY: &str = "bench";
/// Versions of each asset.
const VERSIONS: usize = 12;
/// Pause between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(250);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` passes this; `cargo test --benches` does not, and must not measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let value = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1);
    let assets: usize = value("--assets").map_or(Ok(500), |number| number.parse())?;
    let runtime = Runtime::new()?;
    let service = runtime.block_on(StandIn::start(KEY, world(assets)))?;
    if args.iter().any(|arg| arg == "--serve") {
        writeln!(std::io::stdout(), "{} {}", service.url(), service.key())?;
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let db = place.path().join("journal.db");
    let begin = Instant::now();
    let program = Program::start(&db, &service.url())?;
    let limit = Duration::from_secs(60 + 4 * assets as u64);
    let mut first = None;
    let (known, complete) = loop {
        std::thread::sleep(LOOK_EVERY);
        ensure!(begin.elapsed() < limit, "the picture is not complete");
        let Some((known, complete)) = picture(&db)? else { continue };
        if known == assets * VERSIONS {
            first.get_or_insert_with(|| begin.elapsed());
        }
        let is_enough = complete == assets || args.iter().any(|arg| arg == "--known");
        if is_enough && known == assets * VERSIONS {
            break (known, complete);
        }
    };
    let took = begin.elapsed();
    drop(program);
    let requests = service.requests();
    let first = first.context("no version was seen")?;
    let mut out = std::io::stdout();
    writeln!(out, "{assets} assets, {known} versions; {complete} assets asked for by themselves")?;
    writeln!(out, "every status known after {:.1} s", first.as_secs_f64())?;
    writeln!(out, "ended after {:.1} s and {} questions", took.as_secs_f64(), requests.len())?;
    Ok(())
}

/// Assets whose versions are in every status.
fn world(assets: usize) -> World {
    let mut world = World::default();
    for n in 0..assets {
        let mut asset = WorldAsset::new(format!("ast_{n:05}"), NamedBy::Name(format!("Film {n}")));
        for place in 0..VERSIONS {
            let mut version = WorldVersion::new(format!("ver_{n:05}_{place:02}"), "es-ES");
            version.set(VersionStatus::ALL[(n + place) % VersionStatus::ALL.len()]);
            asset = asset.with(version);
        }
        world.add(asset);
    }
    world
}

/// Returns how many versions the journal knows, and how many assets the API has listed completely.
fn picture(db: &Path) -> Result<Option<(usize, usize)>> {
    let Ok(reader) = JournalReader::open(db) else { return Ok(None) };
    let (mut known, mut complete) = (0, 0);
    reader.each_asset::<anyhow::Error>(|row, notes| {
        known += row.versions.len();
        complete += usize::from(notes.listing.is_complete);
        Ok(())
    })?;
    Ok(Some((known, complete)))
}

/// The program; killed at the end.
struct Program(Child);

impl Program {
    fn start(db: &Path, url: &str) -> Result<Self> {
        let child = Command::new(env!("CARGO_BIN_EXE_dubwatch"))
            .args(["--listen", "127.0.0.1:0", "--output", "quiet", "--api-url", url, "--db"])
            .arg(db)
            .env("PANJAYA_API_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
