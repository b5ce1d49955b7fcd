//! `dubwatch demo --api`: the real binary, and the API that its story moves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dubwatch::internals::simulate::{RequestKind, Story};
use rustix::process::Signal;
use serde_json::Value;

use super::Response;
use crate::common::{LIMIT, Site, Watch, until};
use crate::tui_support::Pty;

/// Asks the API of a demo for a version or an asset.
fn ask(address: &str, target: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer panjaya-demo\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let response = Response::read(stream);
    (response.status, response.json())
}

#[test]
fn the_api_of_a_demo_knows_what_no_callback_reports() {
    let site = Site::new();
    let mut command = site.bare();
    command.args(["demo", "--api", "--speed=40", "--loop", "--seed=7", "--json"]);
    let demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut demo = Watch::new(demo);
    let address = loop {
        let warning = demo.next_of("warning")["message"].as_str().unwrap().to_owned();
        if let Some((_, url)) = warning.split_once("http://") {
            assert!(warning.contains("(API key panjaya-demo"), "{warning}");
            break url.split(' ').next().unwrap().to_owned();
        }
    };

    let story = Story::with_api(7);
    let ours = &story.assets()[12];
    let lost: Vec<_> = story.scenes().iter().filter(|s| s.kind == RequestKind::Lost).collect();
    let generated = lost.iter().find(|s| s.message.event == "version_generated").unwrap();
    let version_id = generated.message.version_id.as_deref().unwrap();
    let status = |id: &str| ask(&address, &format!("/v1/versions/{id}")).1["status"].clone();

    // All versions are listed from the start on, also those that no callback has named.
    let asset = ask(&address, &format!("/v1/assets/{}", ours.asset_id)).1;
    assert_eq!(asset["versions"].as_array().unwrap().len(), ours.versions.len());
    let (waiting, _) = ours.versions.last().unwrap();
    assert_eq!(status(waiting), "NotReady");
    // A video to download, as large as it says.
    let (done, _) = &ours.versions[0];
    let version = ask(&address, &format!("/v1/versions/{done}")).1;
    let link = version["result_url"].as_str().unwrap();
    let target = link.strip_prefix(&format!("http://{address}")).unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    drop(stream);
    // Another account's asset.
    assert_eq!(ask(&address, &format!("/v1/assets/{}", story.assets()[13].asset_id)).0, 404);

    until(|| status(version_id) == "Completed", "the event whose callback is lost");
    assert_eq!(status(waiting), "NotReady");
    // The second story joins the catalogue, and the first stays.
    let second = Story::with_api(8);
    let path = format!("/v1/assets/{}", second.assets()[12].asset_id);
    until(|| ask(&address, &path).0 == 200, "the second story");
    assert_eq!(status(version_id), "Completed");

    let ended = demo.stop(Signal::INT);
    assert_eq!(ended.code, Some(130));
    assert!(TcpStream::connect(&address).is_err(), "it stops with the demo");
    let records = ended.records();
    let is_callback = |record: &&Value| record["type"] == "delivery" && record["source"] != "api";
    let reports: Vec<&str> = records
        .iter()
        .filter(is_callback)
        .filter(|record| record["version_id"] == version_id)
        .map(|record| record["event"].as_str().unwrap())
        .collect();
    assert_eq!(reports, ["version_generating"], "the result was never reported");
}

#[test]
fn every_callback_of_a_story_with_an_api_is_accounted_for() {
    let site = Site::new();
    let mut command = site.bare();
    command.args(["demo", "--api", "--speed=200", "--seed=7", "--json"]);
    let demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = Watch::new(demo).ended();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let records = ended.records();
    let sent = |kind| matches!(kind, RequestKind::Sound | RequestKind::Again);
    let wanted = Story::with_api(7).scenes().iter().filter(|scene| sent(scene.kind)).count();
    assert_eq!(records.last().unwrap()["valid"], wanted);
}

/// The receiver of the demo asks the stand-in, and nothing else whatever key the user has: it ends up
/// knowing the result whose callback was lost, the versions that no callback has named, and the names.
#[test]
fn a_demo_asks_its_own_api_and_learns_what_the_callbacks_missed() {
    let site = Site::new();
    let mut command = site.bare();
    command.args(["demo", "--api", "--speed=40", "--loop", "--seed=7", "--json"]);
    // Nothing listens there, and no file is there.
    command.env("DUBWATCH_API_URL", "http://127.0.0.1:9").env("PANJAYA_API_KEY", "panjaya-mine");
    command.env("DUBWATCH_API_KEY_FILE", "/nowhere/key");
    let demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut demo = Watch::new(demo);

    let story = Story::with_api(7);
    let ours = &story.assets()[12];
    let lost = story.scenes().iter().filter(|scene| scene.kind == RequestKind::Lost);
    let generated = lost.map(|scene| &scene.message).find(|m| m.event == "version_generated");
    let lost = generated.unwrap().version_id.clone().unwrap();
    let (waiting, _) = ours.versions.last().unwrap();
    let (mut has_lost, mut has_waiting) = (false, false);
    while !(has_lost && has_waiting) {
        let answer = demo.next_of("delivery");
        if answer["source"] != "api" {
            continue;
        }
        assert_eq!(answer["verdict"], "api", "{answer}");
        let is_of = |id: &str| answer["version_id"] == id;
        has_lost |= is_of(&lost) && answer["event"] == "version_generated";
        has_waiting |= is_of(waiting) && answer["event"] == "version_not_ready";
    }
    let ended = demo.stop(Signal::INT);
    assert_eq!(ended.code, Some(130));
    assert!(!ended.err.contains("panjaya-mine"), "{}", ended.err);
}

/// On the dashboard: the lost result is generated and rests on the API, the locale that nothing
/// reports waits for the machine, and the name comes from the API.
#[test]
fn the_dashboard_of_a_demo_shows_what_the_api_adds() {
    let site = Site::new();
    let home = site.dir.path().to_str().unwrap();
    let story = Story::with_api(7);
    let ours = &story.assets()[12];
    let pty = Pty::spawn(
        120,
        40,
        ["demo", "--api", "--speed=40", "--seed=7", "--theme=dark"],
        &[("HOME", home), ("XDG_DATA_HOME", home), ("XDG_CONFIG_HOME", home)],
    );
    pty.wait_for_text(" Timeline ");
    pty.type_keys(&format!("/{}\n", ours.asset_id));
    pty.wait_for_text(" of 5 done");
    let lost = story.scenes().iter().filter(|scene| scene.kind == RequestKind::Lost);
    let generated = lost.map(|scene| &scene.message).find(|m| m.event == "version_generated");
    let lost = generated.unwrap().version_locale.clone().unwrap();
    let (_, waiting) = ours.versions.last().unwrap();
    pty.wait_for_text(&format!("✓«{lost}"));
    pty.wait_for_text(&format!("◔«{waiting}"));
    pty.wait_for_text("API only");
    pty.wait_for_text(ours.title);
    pty.wait_for_text("(API)");
    pty.type_keys("q");
}

/// A program in `PATH` that stands for the opener of the desktop writes down what it is to open.
#[test]
fn o_opens_the_studio_of_the_version_in_the_browser() {
    let site = Site::new();
    let home = site.dir.path();
    let opener = home.join("xdg-open");
    std::fs::write(&opener, "#!/bin/sh\necho \"$#:$1\" > \"$HOME/opened.part\"\nmv \"$HOME/opened.part\" \"$HOME/opened\"\n").unwrap();
    std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", home.display(), std::env::var("PATH").unwrap());
    let home_name = home.to_str().unwrap();
    let story = Story::with_api(7);
    let ours = &story.assets()[12];
    let start = |arguments: &[&str], display: &str| {
        let envs = [
            ("HOME", home_name),
            ("XDG_DATA_HOME", home_name),
            ("XDG_CONFIG_HOME", home_name),
            ("PATH", path.as_str()),
            ("DISPLAY", display),
        ];
        let arguments = ["demo", "--speed=40", "--seed=7"].iter().chain(arguments);
        let pty = Pty::spawn(160, 40, arguments, &envs);
        pty.wait_for_text(" Timeline ");
        pty.type_keys(&format!("/{}\n", ours.asset_id));
        pty
    };
    let pty = start(&["--api"], ":0");
    pty.wait_for_text(" of 5 done");
    pty.type_keys_for_text("o", "opening https://studio.panjaya.ai/versions/");
    let opened = home.join("opened");
    until(|| opened.exists(), "the opener");
    let opened = std::fs::read_to_string(opened).unwrap();
    let url = opened.trim().strip_prefix("1:https://studio.panjaya.ai/versions/").unwrap();
    assert!(ours.versions.iter().any(|(id, _)| id == url), "{opened}");
    // Copied with OSC 52, in base64.
    pty.type_keys("yo");
    until(|| !pty.events().copied.is_empty(), "the copy");
    let copied = STANDARD.decode(pty.events().copied.last().unwrap()).unwrap();
    assert!(copied.starts_with(b"https://studio.panjaya.ai/versions/"), "{copied:?}");
    drop(pty);

    // Without a display the URL is shown, and nothing is opened.
    let pty = start(&["--api"], "");
    pty.wait_for_text(" of 5 done");
    pty.type_keys_for_text(
        "o",
        "there is no display here; the studio is at https://studio.panjaya.ai/",
    );
    drop(pty);
}

/// Asked for the directory and the host, with the progress and the end on the screen. The file is the
/// video that the stand-in has.
#[test]
fn d_downloads_the_selected_version() {
    let site = Site::new();
    let home = site.dir.path();
    let home_name = home.to_str().unwrap();
    let story = Story::with_api(7);
    let ours = &story.assets()[12];
    let pty = Pty::spawn(
        160,
        40,
        ["demo", "--speed=40", "--seed=7", "--api"],
        &[("HOME", home_name), ("XDG_DATA_HOME", home_name), ("XDG_CONFIG_HOME", home_name)],
    );
    pty.wait_for_text(" Timeline ");
    pty.type_keys(&format!("/{}\n", ours.asset_id));
    pty.wait_for_text("the demo is over");
    pty.wait_for_text("named by the API");
    pty.type_keys("\tG");
    pty.wait_for_text("▌✓");
    pty.type_keys("d");
    pty.wait_for_text(" download to: /");
    // To the beginning of an empty line.
    pty.key("ctrl-u");
    pty.type_keys("~/nowhere\n");
    pty.wait_for_text("cannot use");
    std::fs::create_dir(home.join("dubs")).unwrap();
    pty.type_keys("d");
    pty.wait_for_text(" download to: ~/nowhere");
    pty.key("ctrl-u");
    pty.type_keys("~/dubs\n");
    pty.wait_for_text("The video is on 127.0.0.1:");
    pty.type_keys_for_text("y", "downloaded ");
    let files: Vec<_> = std::fs::read_dir(home.join("dubs")).unwrap().map(|f| f.unwrap()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let name = file.file_name().into_string().unwrap();
    assert!(name.starts_with(ours.title), "{name}");
    assert_eq!(file.path().extension().unwrap(), "mp4");
    assert!(file.metadata().unwrap().len() > 100_000, "{name}");
    // A second time it is there already, and the host is not asked about again.
    pty.type_keys("d");
    pty.wait_for_text(" download to: ~/dubs");
    pty.type_keys_for_text("\n", "was there already");
    // Nothing of the link is on the screen or in the journal.
    assert!(!pty.wrote("Expires="));
    drop(pty);
}
