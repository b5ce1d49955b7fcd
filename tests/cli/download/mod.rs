//! `dubwatch download` against the stand-in for the service: which files there are at the end, and
//! that nothing shows or keeps a link.

mod asking;
mod faults;
mod files;
mod links;
mod resume;

use std::path::Path;
use std::process::Command;

use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::simulate::service::{
    Faults, NamedBy, StandIn, Video, World, WorldAsset, WorldVersion,
};
use tokio::runtime::Runtime;

use crate::cli_support::{Home, Ran};

/// What every link of the stand-in has in it.
const MARKS: [&str; 3] = ["Signature=", "Key-Pair-Id", "/files/"];
/// The length of the videos, in bytes: larger than what is in buffers and on the wire.
const BYTES: u64 = 3_000_000;

/// A stand-in on a runtime of its own, and a home with a directory `out` to download to.
struct Studio {
    runtime: Runtime,
    stand_in: StandIn,
    home: Home,
}

impl Studio {
    fn new(world: World) -> Self {
        let runtime = Runtime::new().unwrap();
        let stand_in = runtime.block_on(StandIn::start("k", world)).unwrap();
        let home = Home::new();
        std::fs::create_dir(home.path("out")).unwrap();
        Self { runtime, stand_in, home }
    }

    /// One with the asset `film` and its generated version `v`.
    fn usual() -> Self {
        let asset = WorldAsset::new("film", NamedBy::Name("The film.mov".to_owned()));
        let mut world = World::default();
        world.add(asset.with(generated("v", "es-ES")).with(WorldVersion::new("not-yet", "fr-FR")));
        Self::new(world)
    }

    fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.stand_in.faults(change);
    }

    /// `dubwatch download` to `out` with these words and the key.
    fn command(&self, words: &[&str]) -> Command {
        let url = self.stand_in.url();
        let fixed = ["download", "--to", "out", "--api-url", &url];
        let mut command = self.home.command(fixed.iter().chain(words));
        command.env("PANJAYA_API_KEY", self.stand_in.key());
        command
    }

    /// Runs it to its end. Nothing that it wrote anywhere holds a link or the key.
    #[track_caller]
    fn download(&self, words: &[&str]) -> Ran {
        let ran = self.home.ran(&mut self.command(words));
        self.keeps_no_link(&format!("{ran:?}"));
        ran
    }

    #[track_caller]
    fn keeps_no_link(&self, said: &str) {
        let key = self.stand_in.key();
        let secrets = || MARKS.iter().copied().chain([key.as_str()]);
        assert!(secrets().all(|secret| !said.contains(secret)), "{said}");
        each_file(&self.home.path(""), &mut |path| {
            let name = path.to_string_lossy();
            let bytes = std::fs::read(path).unwrap();
            for secret in secrets() {
                let holds = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!holds && !name.contains(secret), "{name} holds {secret}");
            }
        });
    }

    /// The names in `out`, in order.
    fn names(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.home.path("out")).unwrap();
        let mut names: Vec<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.home.path("out").join(name)).unwrap()
    }

    /// Fails unless a file is the video of a version.
    #[track_caller]
    fn holds(&self, name: &str, version_id: &str) {
        // Not compared in the message, which would be long.
        assert!(self.read(name) == video(version_id), "{name} is not the video of {version_id}");
    }

    /// The paths that were asked for, without queries, and the status of each answer.
    fn asked(&self) -> Vec<(String, u16)> {
        let requests = self.stand_in.requests();
        assert!(requests.iter().all(|request| request.method == "GET"), "{requests:?}");
        let paths = requests.into_iter().map(|request| {
            let path = request.path.split('?').next().unwrap().to_owned();
            (path, request.status.unwrap_or_default())
        });
        paths.collect()
    }

    /// How many requests came that begin with this.
    fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|(asked, _)| asked.starts_with(path)).count()
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.runtime.block_on(self.stand_in.stop());
    }
}

/// A generated version.
fn generated(id: &str, locale: &str) -> WorldVersion {
    let mut version = WorldVersion::new(id, locale);
    version.video_bytes = BYTES;
    version.set(VersionStatus::Completed);
    version
}

/// The video of a version that was generated once.
fn video(version_id: &str) -> Vec<u8> {
    Video::of_version(version_id, 1, BYTES).part(0, usize::try_from(BYTES).unwrap())
}

fn each_file(directory: &Path, look: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, look) } else { look(&path) }
    }
}
