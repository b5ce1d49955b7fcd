//! A run with an API key, against the stand-in: what the callbacks missed, whose assets they are,
//! and that a failing service changes nothing and stops nothing.

mod failures;
mod states;

use std::fs;
use std::path::Path;
use std::process::Command;

use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::simulate::service::{
    Faults, NamedBy, StandIn, World, WorldAsset, WorldVersion,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::common::{Site, Watch, until};

/// The key; no output and no file may hold it.
const KEY: &str = "k3y-of-the-tests";

/// A site and the service that it asks.
struct Asked {
    site: Site,
    service: StandIn,
    _runtime: Runtime,
}

impl Asked {
    fn new(world: World) -> Self {
        Self::with(world, |_| {})
    }

    fn with(world: World, faults: impl FnOnce(&mut Faults)) -> Self {
        let runtime = Runtime::new().unwrap();
        let service = runtime.block_on(StandIn::start(KEY, world)).unwrap();
        service.faults(faults);
        Self { site: Site::new(), service, _runtime: runtime }
    }

    fn command(&self) -> Command {
        let mut command =
            self.site.command(&["--public-key", "sender.pem", "--api-url", &self.service.url()]);
        command.env("PANJAYA_API_KEY", KEY);
        command
    }

    fn watch(&self) -> Watch {
        Watch::new(self.command().spawn().unwrap())
    }

    fn set(&self, version_id: &str, status: VersionStatus) {
        self.service.world(|world| world.version_mut(version_id).unwrap().set(status));
    }

    /// The lines of `status --json` that a filter matches.
    fn status(&self, filter: &str) -> Vec<Value> {
        let mut command = self.site.bare();
        command.arg("--db").arg(&self.site.db).args(["status", "--json", "--filter", filter]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A version in short, as `generated both`; empty if it is not known.
    fn version(&self, version_id: &str) -> String {
        let found = self.status(&format!("version:{version_id}"));
        let version = found.iter().find(|line| line["version_id"] == version_id);
        version.map_or(String::new(), |version| {
            let field = |name: &str| version[name].as_str().unwrap().to_owned();
            format!("{} {}", field("state"), field("basis"))
        })
    }

    /// Waits until a version is in a state, as `generated both`.
    #[track_caller]
    fn becomes(&self, version_id: &str, short: &str) {
        let mut last = String::new();
        until(
            || {
                last = self.version(version_id);
                last == short
            },
            &format!("{version_id} to become {short}"),
        );
    }

    fn post(&self, watch: &Watch, event: &str, asset_id: &str, version_id: &str) {
        let body = format!(
            r#"{{"event":"{event}","asset_id":"{asset_id}","version_id":"{version_id}","version_locale":"es-ES"}}"#
        );
        assert_eq!(watch.ask(self.site.signed(body)).status, 200);
    }

    /// Checks that only GET requests with the right pace came, and that nothing shows the key.
    fn check(&self, outputs: &[&str]) {
        let requests = self.service.requests();
        assert!(requests.iter().all(|request| request.method == "GET"), "{requests:?}");
        assert!(requests.iter().all(|request| request.open == 1), "one at a time: {requests:?}");
        for output in outputs {
            assert!(!output.contains(KEY), "{output}");
        }
        no_file_holds(self.site.dir.path(), KEY.as_bytes());
    }
}

/// Checks every file below a directory.
fn no_file_holds(directory: &Path, secret: &[u8]) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_file_holds(&path, secret);
        } else {
            let bytes = fs::read(&path).unwrap();
            let is_there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "{} holds it", path.display());
        }
    }
}

/// An asset whose versions have these ids and statuses.
fn asset(asset_id: &str, versions: &[(&str, VersionStatus)]) -> WorldAsset {
    let mut asset = WorldAsset::new(asset_id, NamedBy::Title(format!("Title of {asset_id}")));
    for (id, status) in versions {
        let mut version = WorldVersion::new(*id, "es-ES");
        version.set(*status);
        asset = asset.with(version);
    }
    asset
}

fn world(assets: impl IntoIterator<Item = WorldAsset>) -> World {
    let mut world = World::default();
    for asset in assets {
        world.add(asset);
    }
    world
}

/// Waits until the service was asked `count` times.
fn asked(asked: &Asked, count: usize) {
    until(|| asked.service.requests().len() >= count, "the questions");
}

/// The requests for a path.
fn requests_for(asked: &Asked, path: &str) -> usize {
    asked.service.requests().iter().filter(|request| request.path == path).count()
}
