//! What is wrong with an answer of the host: one sentence, and no finished file.

use dubwatch::internals::simulate::service::{Resuming, VideoFaults};
use rstest::rstest;

use super::Studio;

/// Downloads the version with faults of the host, which no attempt gets over.
#[track_caller]
fn fails(faults: VideoFaults) -> (Studio, String) {
    let studio = Studio::usual();
    studio.faults(|all| all.video = faults);
    let said = studio.download(&["--version", "v", "--yes"]).complaint(1).to_owned();
    assert!(studio.names().iter().all(|name| name.contains(".part")), "{:?}", studio.names());
    assert_eq!(said.matches('\n').count(), 1, "{said}");
    assert!(said.contains("version v") && said.contains("127.0.0.1:"), "{said}");
    (studio, said)
}

#[test]
fn a_page_in_place_of_a_video_is_told() {
    let (studio, said) = fails(VideoFaults { html: true, ..VideoFaults::default() });
    assert!(said.contains("sent a page in HTML or XML in place of the video"), "{said}");
    assert_eq!(studio.names(), [""; 0]);
    // Also if the host calls it a video.
    let page = super::links::served("content-type: video/mp4\r\n", b"\n <!DOCTYPE html><p>Log in");
    assert!(page.0.contains("sent a page in HTML or XML"), "{}", page.0);
    let error =
        super::links::served("content-type: video/mp4\r\n", b"<?xml version=\"1.0\"?><Error>");
    assert!(error.0.contains("sent a page in HTML or XML"), "{}", error.0);
}

#[rstest]
#[case(404, "answers with 404 for version v", 1)]
#[case(400, "answers with 400 for version v", 1)]
#[case(503, "5 times without anything new: it answers with 503", 5)]
#[case(429, "5 times without anything new: it answers with 429", 5)]
#[case(403, "refuses the link of version v (403), and also a new one", 2)]
#[case(410, "refuses the link of version v (410), and also a new one", 2)]
fn a_refusal_is_told(#[case] status: u16, #[case] words: &str, #[case] times: usize) {
    let (studio, said) = fails(VideoFaults { status: Some(status), ..VideoFaults::default() });
    assert!(said.contains(words), "{said}");
    assert_eq!(studio.count("/files/"), times);
    assert_eq!(studio.names(), [""; 0]);
}

#[test]
fn an_empty_answer_is_told() {
    let studio = Studio::usual();
    studio.stand_in.world(|world| world.version_mut("v").unwrap().video_bytes = 0);
    for unannounced in [false, true] {
        studio.faults(|faults| faults.video.unannounced = unannounced);
        let said = studio.download(&["--version", "v", "--yes"]).complaint(1).to_owned();
        assert!(said.contains("sent nothing in place of the video of version v"), "{said}");
        assert_eq!(studio.names(), [""; 0]);
    }
}

#[test]
fn a_video_that_always_breaks_off_at_the_same_place_is_given_up() {
    for resuming in [Resuming::NoRanges, Resuming::ChangedFile, Resuming::IgnoredCondition] {
        let cut_after = Some(500_000);
        let (studio, said) = fails(VideoFaults { cut_after, resuming, ..VideoFaults::default() });
        assert!(said.contains("5 times without anything new"), "{resuming:?}: {said}");
        assert!(
            said.contains("the next download goes on from what was kept"),
            "{resuming:?}: {said}"
        );
        assert!((5..=12).contains(&studio.count("/files/")), "{resuming:?}");
    }
}

#[test]
fn a_host_without_lengths_or_types_is_good_enough() {
    let studio = Studio::usual();
    studio.faults(|faults| {
        faults.video.unannounced = true;
        faults.video.content_type = Some("text/plain");
    });
    let ran = studio.download(&["--version", "v", "--yes"]);
    assert_eq!(ran.done(), "out/The film.es-ES.bin\n");
    studio.holds("The film.es-ES.bin", "v");
}

#[test]
fn answers_that_are_shorter_or_compressed_are_told() {
    let lines = "content-type: video/mp4\r\ncontent-length: 100\r\nconnection: close\r\n";
    let (said, names) = super::links::served(lines, b"short");
    assert!(
        said.contains("5 times without anything new: it closed the connection early"),
        "{said}"
    );
    assert!(names.iter().all(|name| name.contains(".part")), "{names:?}");
    let (said, _) =
        super::links::served("content-encoding: gzip\r\ncontent-length: 1\r\n", b"\x1f");
    assert!(said.contains("compressed (gzip)"), "{said}");
}
