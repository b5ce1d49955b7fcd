//! The question about a host, and the bar, on a terminal.

use super::Studio;
use crate::tui_support::{LIMIT, Pty};

fn on_terminal(studio: &Studio, words: &[&str]) -> Pty {
    let root = studio.home.path("").to_str().unwrap().to_owned();
    let out = format!("{root}out");
    let (url, key) = (studio.stand_in.url(), studio.stand_in.key());
    let args =
        ["download", "--to", &out, "--api-url", &url].into_iter().chain(words.iter().copied());
    Pty::spawn(200, 24, args, &[("HOME", root.as_str()), ("PANJAYA_API_KEY", key.as_str())])
}

#[test]
fn a_host_is_asked_about_and_only_yes_is_yes() {
    let studio = Studio::usual();
    let host = studio.stand_in.url().replace("http://", "");
    for answer in ["\n", "n\n", "yet\n", "\u{4}"] {
        let pty = on_terminal(&studio, &["--version", "v"]);
        pty.wait_for_text(&format!("Download from {host}? [y/N]"));
        pty.type_keys(answer);
        assert_eq!(pty.wait(LIMIT).exit_code(), 1, "{answer:?}");
        let shown = pty.screen_text();
        assert!(shown.contains(&format!("nothing was downloaded from {host}")), "{shown}");
    }
    let pty = on_terminal(&studio, &["--version", "v"]);
    pty.wait_for_text("[y/N]");
    pty.key("ctrl-c");
    assert_eq!(pty.wait(LIMIT).exit_code(), 130);
    assert_eq!(studio.count("/files/"), 0);
    assert_eq!(studio.names(), [""; 0]);

    let pty = on_terminal(&studio, &["--version", "v"]);
    pty.wait_for_text("[y/N]");
    pty.type_keys("Y\n");
    assert_eq!(pty.wait(LIMIT).exit_code(), 0, "{}", pty.screen_text());
    studio.keeps_no_link(&String::from_utf8_lossy(&pty.log()));
    studio.holds("The film.es-ES.mp4", "v");
}

#[test]
fn a_host_is_asked_about_once_a_run() {
    let studio = Studio::usual();
    studio.stand_in.world(|world| {
        let mut asset = world.asset("film").unwrap().clone();
        asset.versions.push(super::generated("w", "de-DE"));
        world.add(asset);
    });
    let pty = on_terminal(&studio, &["--asset", "film"]);
    pty.wait_for_text("[y/N]");
    pty.type_keys("yes\n");
    assert_eq!(pty.wait(LIMIT).exit_code(), 0, "{}", pty.screen_text());
    assert_eq!(pty.screen_text().matches("[y/N]").count(), 1);
    assert_eq!(studio.names(), ["The film.de-DE.mp4", "The film.es-ES.mp4"]);
}

#[test]
fn a_script_must_say_yes() {
    let studio = Studio::usual();
    let ran = studio.download(&["--version", "v"]);
    let said = ran.complaint(2);
    let host = studio.stand_in.url().replace("http://", "");
    assert!(said.contains(&format!("the video is on {host}, and nobody can be asked")), "{said}");
    assert!(said.contains("--yes allows every host"), "{said}");
    assert_eq!((studio.count("/files/"), studio.names().len()), (0, 0));
}

#[test]
fn ctrl_c_ends_the_bar_before_it_says_how_to_go_on() {
    let studio = Studio::usual();
    studio.faults(|faults| faults.video.bytes_per_second = Some(300_000));
    let pty = on_terminal(&studio, &["--version", "v", "--yes"]);
    pty.wait_for_bytes("[====");
    pty.key("ctrl-c");
    assert_eq!(pty.wait(LIMIT).exit_code(), 130);
    let shown = pty.screen_text();
    let last = shown.lines().rfind(|line| !line.trim().is_empty()).unwrap();
    assert!(last.starts_with("dubwatch: stopped; "), "{shown}");
}

#[test]
fn a_bar_shows_how_far_it_is() {
    let studio = Studio::usual();
    studio.faults(|faults| faults.video.bytes_per_second = Some(3_000_000));
    let pty = on_terminal(&studio, &["--version", "v", "--yes"]);
    pty.wait_for_bytes(" of 2.8 MiB, ");
    assert_eq!(pty.wait(LIMIT).exit_code(), 0, "{}", pty.screen_text());
    let shown = pty.screen_text();
    let last = "The film.es-ES  [====================] 100 %, 2.8 MiB of 2.8 MiB, ";
    assert!(shown.contains(last), "{shown}");
    assert!(shown.contains("out/The film.es-ES.mp4"), "{shown}");
}
