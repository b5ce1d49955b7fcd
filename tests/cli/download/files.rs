//! Which files a download makes, and which it leaves alone.

use std::os::unix::fs::PermissionsExt as _;

use dubwatch::internals::callback::VersionStatus;
use dubwatch::internals::simulate::service::{NamedBy, World, WorldAsset};

use super::{Studio, generated};
use crate::cli_support::body;

const VERSION: [&str; 3] = ["--version", "v", "--yes"];
const ASSET: [&str; 3] = ["--asset", "film", "--yes"];

#[test]
fn a_version_becomes_a_file_with_its_name() {
    let studio = Studio::usual();
    assert_eq!(studio.download(&VERSION).done(), "out/The film.es-ES.mp4\n");
    assert_eq!(studio.names(), ["The film.es-ES.mp4"]);
    studio.holds("The film.es-ES.mp4", "v");
    let file = studio.home.path("out/The film.es-ES.mp4");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let paths: Vec<_> = studio.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/v1/versions/v", "/v1/assets/film", "/files/v/1.mp4"]);
}

#[test]
fn a_file_that_exists_is_replaced_only_if_told() {
    let studio = Studio::usual();
    studio.home.write("out/The film.es-ES.mp4", "mine");
    let said = studio.download(&VERSION).complaint(1).to_owned();
    assert!(said.contains("out/The film.es-ES.mp4 exists and was left as it is"), "{said}");
    assert_eq!(studio.names(), ["The film.es-ES.mp4"]);
    assert_eq!(studio.read("The film.es-ES.mp4"), b"mine");
    let replaced = studio.download(&["--version", "v", "--yes", "--overwrite"]);
    assert_eq!(replaced.done(), "out/The film.es-ES.mp4\n");
    studio.holds("The film.es-ES.mp4", "v");
    // Also one that is the same: a version that is asked for alone is meant to be downloaded.
    assert!(studio.download(&VERSION).complaint(1).contains("exists and was left as it is"));
}

#[test]
fn an_asset_becomes_a_file_for_each_generated_version() {
    let studio = Studio::usual();
    studio.stand_in.world(|world| {
        let versions = &mut world.asset_mut("film").unwrap().versions;
        let more = [("w", "de-DE"), ("one", "pt-BR"), ("two", "pt-BR")];
        let more = more.map(|(id, locale)| generated(id, locale));
        versions.extend(more);
        let asset = world.asset("film").unwrap().clone();
        world.add(asset);
    });
    let files = [
        "The film.de-DE.mp4",
        "The film.es-ES.mp4",
        "The film.pt-BR.one.mp4",
        "The film.pt-BR.two.mp4",
    ];
    let out = |names: &[&str]| {
        let lines: Vec<_> = names.iter().map(|name| format!("out/{name}\n")).collect();
        lines.concat()
    };
    let ran = studio.download(&ASSET);
    assert_eq!(ran.done(), out(&[files[1], files[0], files[2], files[3]]));
    assert_eq!(studio.names(), files);
    for (name, id) in files.iter().zip(["w", "v", "one", "two"]) {
        studio.holds(name, id);
    }
    assert_eq!(studio.count("/v1/versions/not-yet"), 0);

    // Again: what is there is left as it is, and what differs is an error that stops nothing.
    studio.home.write("out/The film.es-ES.mp4", "mine");
    std::fs::remove_file(studio.home.path("out/The film.pt-BR.two.mp4")).unwrap();
    let ran = studio.download(&ASSET);
    assert_eq!((ran.code, ran.out), (Some(1), out(&[files[0], files[2], files[3]])));
    assert!(ran.err.contains("The film.es-ES.mp4 exists and was left"), "{}", ran.err);
    assert!(
        ran.err.contains("The film.de-DE.mp4 was there already, with the same length (2.8 MiB)")
    );
    assert_eq!(studio.read("The film.es-ES.mp4"), b"mine");
    studio.holds("The film.pt-BR.two.mp4", "two");
}

#[test]
fn a_file_is_called_by_the_name_in_the_journal() {
    let studio = Studio::usual();
    studio.home.fill([(1, body("version_generated", "film", "v"))]);
    studio.home.write("names.csv", "film,Our film\n");
    studio.home.run("names import names.csv").done();
    assert_eq!(studio.download(&VERSION).done(), "out/Our film.es-ES.mp4\n");
    assert_eq!(studio.count("/v1/assets"), 0, "the name is known");
    // A journal that cannot be read costs the names in it, and nothing else.
    studio.home.write("broken.db", "not a database, and long enough to look at: ".repeat(50));
    let ran = studio.download(&["--version", "v", "--yes", "--db", "broken.db"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "out/The film.es-ES.mp4\n"));
    assert!(ran.err.contains("the names in it are not used"), "{}", ran.err);
}

#[test]
fn no_name_leaves_the_directory_or_reaches_the_terminal() {
    let mut world = World::default();
    let hostile = "../../.ssh/\u{1b}]0;x\u{7}\u{202e}auth\0orized\r\n\u{9b}2J".to_owned();
    let asset = WorldAsset::new("../a", NamedBy::Name(hostile + &"x".repeat(3000)));
    world.add(asset.with(generated("../v", "../../es")));
    let studio = Studio::new(world);
    let ran = studio.download(&["--version", "../v", "--yes"]);
    let path = ran.done().strip_prefix("out/").unwrap().trim_end();
    assert!(path.starts_with("_.._.ssh__]0;x__auth_orized___2Jxxx"), "{path}");
    assert!(path.ends_with("x._.._es.mp4") && path.len() < 200 && !path.contains('/'), "{path}");
    assert_eq!(studio.names(), [path]);
    studio.holds(path, "../v");
}

#[test]
fn versions_without_a_video_are_told() {
    let studio = Studio::usual();
    let told = |id: &str, words: &str| {
        let ran = studio.download(&["--version", id, "--yes"]);
        assert!(ran.complaint(1).contains(words), "{words}: {}", ran.err);
    };
    told("not-yet", "version not-yet has no video: its status is NotReady, not Completed");
    told("unknown", "does not know version unknown (404");
    studio.faults(|faults| faults.no_results = true);
    told("v", "gives no link for version v although it is generated");
    studio.faults(|faults| faults.no_results = false);
    studio.stand_in.world(|world| world.version_mut("v").unwrap().set(VersionStatus::ReadyToEdit));
    let said = studio.download(&ASSET).complaint(1).to_owned();
    assert!(said.contains("no version of asset film is generated yet, of 2"), "{said}");
    assert!(studio.download(&["--asset", "other", "--yes"]).complaint(1).contains("(404"));
    assert_eq!(studio.count("/files/"), 0);
    assert_eq!(studio.names(), [""; 0]);
}

#[test]
fn wrong_usage_asks_nothing() {
    let studio = Studio::usual();
    studio.home.write("file", "");
    for (words, expected) in [
        (&["--yes"][..], "--version <ID>"),
        (&["--version", "v", "--asset", "film"], "cannot be used with"),
        (&["--version", "v", "--to", "file"], "file is no directory"),
        (&["--version", "v", "--to", "none"], "cannot use none (--to)"),
        (&["--version", ""], "an id has 1 to 512 bytes"),
        (&["--asset", ".."], "an id has 1 to 512 bytes"),
    ] {
        let url = studio.stand_in.url();
        let mut command = studio.home.command(["download", "--api-url", &url]);
        if !words.contains(&"--to") {
            command.args(["--to", "out"]);
        }
        let ran = studio.home.ran(command.args(words).env("PANJAYA_API_KEY", "k"));
        assert!(ran.complaint(2).contains(expected), "{expected}: {}", ran.err);
    }
    let ran = studio.home.run("download --version v --to out");
    assert!(ran.complaint(2).contains("there is no API key"), "{}", ran.err);
    assert_eq!(studio.asked(), []);
}
