//! Downloads that go on where an earlier attempt, or an earlier run, ended.

use std::process::Child;
use std::time::{Duration, Instant};

use dubwatch::internals::simulate::service::Resuming;
use rustix::process::{Pid, Signal, kill_process};

use super::{BYTES, Studio};
use crate::cli_support::start;

const LIMIT: Duration = Duration::from_secs(60);
const VERSION: [&str; 3] = ["--version", "v", "--yes"];
const NAME: &str = "The film.es-ES.mp4";
const PART: &str = "The film.es-ES.part";

/// Starts a slow download, and waits until a part of the video is in a file.
fn begun(studio: &Studio) -> Child {
    // The stand-in does not end before its slow bodies do: the client ends them.
    studio.faults(|faults| faults.video.bytes_per_second = Some(600_000));
    let child = start(&mut studio.command(&VERSION));
    let part = studio.home.path("out").join(PART);
    let begun = Instant::now();
    while std::fs::metadata(&part).map_or(0, |found| found.len()) < 300_000 {
        assert!(begun.elapsed() < LIMIT, "nothing was written");
        std::thread::yield_now();
    }
    studio.faults(|faults| faults.video.bytes_per_second = None);
    child
}

/// Runs the same command again. Returns the statuses of the requests for the file.
fn again(studio: &Studio) -> Vec<u16> {
    studio.stand_in.forget_requests();
    assert_eq!(studio.download(&VERSION).done(), format!("out/{NAME}\n"));
    studio.holds(NAME, "v");
    assert_eq!(studio.names(), [NAME]);
    let asked = studio.asked().into_iter();
    asked.filter(|(path, _)| path.starts_with("/files/")).map(|(_, status)| status).collect()
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let studio = Studio::usual();
    studio.faults(|faults| faults.video.cut_after = Some(BYTES / 3));
    assert_eq!(again(&studio), [200, 206, 206]);
    assert_eq!(studio.count("/v1/versions/"), 1, "the link is still good");
}

#[test]
fn a_killed_download_goes_on_in_the_next_run() {
    let studio = Studio::usual();
    let child = begun(&studio);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    studio.home.ended(child);
    assert_eq!(studio.names(), [PART, "The film.es-ES.part-note"]);
    studio.keeps_no_link("");
    assert_eq!(again(&studio), [206]);
}

#[test]
fn an_interrupted_download_says_how_to_go_on() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let studio = Studio::usual();
        let child = begun(&studio);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ran = studio.home.ended(child);
        let said = ran.complaint(code);
        assert!(said.starts_with("dubwatch: stopped; "), "{said}");
        assert!(
            said.contains("of The film.es-ES is kept in The film.es-ES.part, and the same command")
        );
        assert_eq!(again(&studio), [206]);
    }
}

#[test]
fn another_file_or_another_version_begins_anew() {
    // The version was generated again meanwhile: another path, another tag.
    let studio = Studio::usual();
    let stop = |studio: &Studio| {
        let child = begun(studio);
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        studio.home.ended(child);
    };
    stop(&studio);
    let part = studio.read(PART);
    let note = studio.read("The film.es-ES.part-note");
    // The same version, and a tag that the host does not know: it sends the whole file.
    let note = String::from_utf8(note).unwrap();
    let tag = note.find("\\\"").unwrap() + 2;
    let other = format!("{}{}{}", &note[..tag], "00", &note[tag + 2..]);
    studio.home.write("out/The film.es-ES.part-note", other);
    assert_eq!(again(&studio), [200]);

    // What is there is of another version.
    std::fs::remove_file(studio.home.path("out").join(NAME)).unwrap();
    studio.home.write(&format!("out/{PART}"), &part);
    studio.home.write("out/The film.es-ES.part-note", note.replace("\"v\"", "\"w\""));
    assert_eq!(again(&studio), [200]);

    // The host ignores the condition and sends the rest of another file.
    std::fs::remove_file(studio.home.path("out").join(NAME)).unwrap();
    stop(&studio);
    studio.faults(|faults| faults.video.resuming = Resuming::IgnoredCondition);
    studio.stand_in.forget_requests();
    assert_eq!(studio.download(&VERSION).code, Some(0));
    let statuses: Vec<_> = studio.asked().into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses[2..], [206, 200]);
    assert_eq!(studio.read(NAME).len() as u64, BYTES);
}

#[test]
fn a_host_without_ranges_sends_the_whole_file_again() {
    let studio = Studio::usual();
    let child = begun(&studio);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    studio.home.ended(child);
    studio.faults(|faults| faults.video.resuming = Resuming::NoRanges);
    assert_eq!(again(&studio), [200]);
}

#[test]
fn a_link_that_expires_is_asked_for_again_once() {
    let studio = Studio::usual();
    studio.faults(|faults| faults.video.cut_after = Some(BYTES * 2 / 3));
    let child = begun(&studio);
    studio.stand_in.expire_links();
    let ran = studio.home.ended(child);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    studio.holds(NAME, "v");
    let statuses: Vec<_> = studio.asked();
    let of = |path: &str| {
        let found = statuses.iter().filter(|(asked, _)| asked.starts_with(path));
        found.map(|(_, status)| *status).collect::<Vec<_>>()
    };
    assert_eq!(of("/files/"), [200, 403, 206]);
    assert_eq!(of("/v1/versions/"), [200, 200]);

    studio.faults(|faults| faults.expired_links = true);
    studio.stand_in.forget_requests();
    let ran = studio.download(&["--version", "v", "--yes", "--overwrite"]);
    assert!(ran.complaint(1).contains("and also a new one: it expired at once"), "{}", ran.err);
    assert_eq!((studio.count("/files/"), studio.count("/v1/versions/")), (2, 2));
    studio.holds(NAME, "v");
}

#[test]
fn two_downloads_do_not_write_one_file() {
    let studio = Studio::usual();
    let first = begun(&studio);
    let second = studio.download(&VERSION);
    assert!(second.complaint(1).contains("another download is writing"), "{}", second.err);
    assert_eq!(studio.home.ended(first).code, Some(0));
    studio.holds(NAME, "v");
}
