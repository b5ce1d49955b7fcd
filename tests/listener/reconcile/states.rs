//! What the API adds to the states: lost callbacks, names, versions before their first callback.

use dubwatch::internals::callback::VersionStatus::{Completed, Failed, Generating, NotReady};
use dubwatch::internals::simulate::service::{Owner, WorldAsset};
use rustix::process::Signal;

use super::{Asked, asked, asset, world};
use crate::common::until;

#[test]
fn the_api_tells_what_the_callbacks_missed() {
    let service = Asked::new(world([
        asset("ast_1", &[("ver_1", Generating), ("ver_2", NotReady), ("ver_3", Failed)]),
        asset("ast_never", &[("ver_9", Generating)]),
    ]));
    let mut watch = service.watch();
    service.post(&watch, "version_generating", "ast_1", "ver_1");
    service.becomes("ver_2", "not_ready api");
    service.becomes("ver_1", "generating both");
    service.becomes("ver_3", "failed api");
    service.becomes("ver_9", "generating api");

    // The callback is lost; the version is asked for when the run is started again.
    service.set("ver_1", Completed);
    let ended = watch.stop(Signal::TERM);
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    let answers = ended.records();
    let answer = answers.iter().find(|line| line["version_id"] == "ver_2").unwrap();
    for (field, value) in [
        ("type", "delivery"),
        ("source", "api"),
        ("verdict", "api"),
        ("event", "version_not_ready"),
        ("asset_name", "Title of ast_1"),
        ("effect", "applied"),
    ] {
        assert_eq!(answer[field], value, "{answer}");
    }
    watch = service.watch();
    service.becomes("ver_1", "generated api");
    // It was late, not lost.
    service.post(&watch, "version_generated", "ast_1", "ver_1");
    service.becomes("ver_1", "generated both");
    let assets = service.status("asset:ast_1");
    assert_eq!(assets[0]["asset_name"], "Title of ast_1");
    let again = watch.stop(Signal::TERM);
    let repeated = again.records().iter().filter(|line| line["version_id"] == "ver_2").count();
    assert_eq!(repeated, 0, "an answer that says nothing new has no row");
    service.check(&[&ended.out, &ended.err, &again.out, &again.err]);
}

#[test]
fn an_asset_of_another_account_is_marked() {
    let hidden = WorldAsset { owner: Owner::Hidden, ..asset("ast_hidden", &[]) };
    let forbidden = WorldAsset { owner: Owner::Forbidden, ..asset("ast_forbidden", &[]) };
    let service =
        Asked::new(world([hidden, forbidden, asset("ast_ours", &[("ver_1", Completed)])]));
    let watch = service.watch();
    for id in ["ast_hidden", "ast_forbidden", "ast_unheard"] {
        service.post(&watch, "version_ready", id, &format!("ver_{id}"));
    }
    service.post(&watch, "version_generated", "ast_ours", "ver_1");
    until(|| service.status("foreign").len() == 6, "three foreign assets, each with its version");
    service.becomes("ver_1", "generated both");
    assert!(service.status("foreign").iter().all(|line| line["asset_id"] != "ast_ours"));
    // Its callbacks are received and shown all the same.
    service.post(&watch, "version_generating", "ast_hidden", "ver_ast_hidden");
    service.becomes("ver_ast_hidden", "generating callback");
    let ended = watch.stop(Signal::TERM);
    service.check(&[&ended.out, &ended.err]);
}

/// Pages that are read while assets are added, and statuses that stand only in the versions' own
/// answers.
#[test]
fn every_asset_of_a_long_list_is_found() {
    let assets = (0..9).map(|n| asset(&format!("ast_{n}"), &[(&format!("ver_{n}"), Generating)]));
    let service = Asked::with(world(assets), |faults| {
        faults.page_size = 4;
        faults.extra = true;
    });
    let watch = service.watch();
    asked(&service, 3);
    for n in 0..9 {
        service.becomes(&format!("ver_{n}"), "generating api");
    }
    let ended = watch.stop(Signal::TERM);
    service.check(&[&ended.out, &ended.err]);
}

/// Killed at any time, it asks again, and no answer is half written or written twice.
#[test]
fn a_kill_between_an_answer_and_its_commit_loses_nothing() {
    let assets = (0..6).map(|n| {
        asset(
            &format!("ast_{n}"),
            &[(&format!("ver_{n}a"), Generating), (&format!("ver_{n}b"), NotReady)],
        )
    });
    let service = Asked::new(world(assets));
    for round in 0..4 {
        let before = service.service.requests().len();
        let watch = service.watch();
        asked(&service, before + 1 + round);
        watch.signal(Signal::KILL);
        watch.ended();
    }
    let watch = service.watch();
    for n in 0..6 {
        service.becomes(&format!("ver_{n}a"), "generating api");
        service.becomes(&format!("ver_{n}b"), "not_ready api");
    }
    watch.stop(Signal::TERM);
    let deliveries = service.site.deliveries();
    assert_eq!(deliveries.len(), 12, "one row for each version");
    assert!(deliveries.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
}
