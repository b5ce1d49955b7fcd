//! Runs of a version close together: what is shown of one that is generated again.

use serde_json::Value;

use crate::common::{Site, Watch, post};

/// A callback about the one version of these tests.
fn told(event: &str) -> String {
    format!(
        r#"{{"event":"{event}","asset_id":"ast_1","version_id":"ver_1","version_locale":"es-ES"}}"#
    )
}

/// Sends a signed callback; gives its effect and its doubt.
fn tell(watch: &mut Watch, request: Vec<u8>) -> (String, Option<String>) {
    assert_eq!(watch.ask(request).status, 200);
    let delivery = watch.delivery();
    let text = |field: &str| delivery[field].as_str().map(str::to_owned);
    (text("effect").unwrap(), text("uncertain"))
}

/// The version, as `status --json` has it.
fn version(site: &Site) -> Value {
    let mut status = site.bare();
    status.args(["status", "--json", "--db"]).arg(&site.db);
    let output = status.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.find(|record| record["type"] == "version").unwrap()
}

/// What `status --json` says of a version, in short.
fn shown(site: &Site) -> (String, u64, u64, bool) {
    let version = version(site);
    (
        version["state"].as_str().unwrap().to_owned(),
        version["cycle"].as_u64().unwrap(),
        version["repeats"].as_u64().unwrap(),
        !version["uncertain"].is_null(),
    )
}

#[test]
fn a_version_that_is_generated_again_at_once_is_shown_as_generating() {
    let site = Site::new();
    let mut watch = site.watch();
    let certain = |effect: &str| (effect.to_owned(), None);
    for event in ["version_generating", "version_generate_failed"] {
        assert_eq!(tell(&mut watch, site.signed(told(event))), certain("applied"));
    }
    let (effect, doubt) = tell(&mut watch, site.signed(told("version_generating")));
    assert_eq!(effect, "new_cycle");
    let doubt = doubt.unwrap();
    assert_eq!(doubt, "signed anew: taken for a new run; a retry could look like this");
    assert_eq!(shown(&site), ("generating".to_owned(), 2, 0, true));
    assert_eq!(version(&site)["uncertain"], doubt.as_str());

    let outcome = site.signed(told("version_generated"));
    assert_eq!(tell(&mut watch, outcome), certain("applied"));
    assert_eq!(shown(&site), ("generated".to_owned(), 2, 0, false));
    // And revised within the window, which begins with a step of its own.
    let (effect, _) = tell(&mut watch, site.signed(told("version_generating")));
    assert_eq!(effect, "new_cycle");
    assert_eq!(shown(&site), ("generating".to_owned(), 3, 0, true));
}

/// The bytes of a run that was signed deterministically are those of the run before.
#[test]
fn a_run_with_the_same_bytes_is_found_in_hindsight() {
    let site = Site::new();
    let mut watch = site.watch();
    let generating = site.signed(told("version_generating"));
    tell(&mut watch, generating.clone());
    tell(&mut watch, site.signed(told("version_generate_failed")));
    let certain = |effect: &str| (effect.to_owned(), None);
    assert_eq!(tell(&mut watch, generating), certain("repeat"));
    assert_eq!(shown(&site), ("generate_failed".to_owned(), 1, 1, false));
    let outcome = site.signed(told("version_generated"));
    assert_eq!(tell(&mut watch, outcome), certain("new_cycle"));
    assert_eq!(shown(&site), ("generated".to_owned(), 2, 0, false));
}

/// The DER of an integer of 32 bytes.
fn integer(digits: &[u8]) -> Vec<u8> {
    let zeros = digits.iter().take_while(|byte| **byte == 0).count();
    let digits = &digits[zeros..];
    let pad = usize::from(digits[0] >= 0x80);
    let length = u8::try_from(digits.len() + pad).unwrap();
    [&[2, length][..], &[0][..pad], digits].concat()
}

/// A signature as proxies and libraries write it again: each holds like the first.
#[test]
fn a_retry_whose_signature_is_written_otherwise_is_a_copy() {
    let site = Site::new();
    let mut watch = site.watch();
    let body = told("version_generating");
    let der = site.signature(body.as_bytes());
    let signature = p256::ecdsa::Signature::from_der(&hex::decode(&der).unwrap()).unwrap();
    let (r, s) = signature.split_bytes();
    let other_s = (-*signature.s()).to_bytes();
    let raw = hex::encode([r, s].concat());
    let twin = hex::encode([r.as_slice(), &other_s].concat());
    let inside = [integer(&r), integer(&other_s)].concat();
    let twin_der =
        hex::encode([&[0x30, u8::try_from(inside.len()).unwrap()][..], &inside].concat());
    let as_signed = |value: &str| post(&[("x-signature", value)], body.as_bytes());

    let certain = |effect: &str| (effect.to_owned(), None);
    assert_eq!(tell(&mut watch, as_signed(&der)), certain("applied"));
    let failed = site.signed(told("version_generate_failed"));
    assert_eq!(tell(&mut watch, failed), certain("applied"));
    let spellings =
        [der.to_uppercase(), raw.clone(), raw.to_uppercase(), twin.clone(), twin_der, der.clone()];
    for spelling in &spellings {
        assert_eq!(tell(&mut watch, as_signed(spelling)), certain("repeat"), "{spelling}");
    }
    assert_eq!(shown(&site), ("generate_failed".to_owned(), 1, 6, false));
    let (effect, doubt) = tell(&mut watch, as_signed(&site.signature(body.as_bytes())));
    assert_eq!((effect.as_str(), doubt.is_some()), ("new_cycle", true), "signed anew");
}
