//! Bodies and headers that were changed between the sender's key and the listener: each with a reason
//! that names the change.

use crate::common::{Site, Watch, body, post};

const BOM: &str = "\u{feff}";
/// As PHP writes it.
const CALLBACK: &str = r#"{"event":"version_ready","asset_id":"ast_1","version_id":"v","url":"https:\/\/x.example\/a"}"#;

/// The reason of the next refusal: the body `signed` was signed, and `sent` arrived with `headers`.
fn why(
    site: &Site,
    watch: &mut Watch,
    signed: &[u8],
    sent: &[u8],
    headers: &[(&str, &str)],
) -> String {
    let signature = site.signature(signed);
    let mut all = vec![("x-signature", signature.as_str())];
    all.extend(headers);
    assert_eq!(watch.ask(post(&all, sent)).status, 401);
    watch.refusal()["why"].as_str().unwrap().to_owned()
}

#[test]
fn an_empty_body_is_named() {
    let site = Site::new();
    let mut watch = site.watch();
    assert_eq!(
        why(&site, &mut watch, CALLBACK.as_bytes(), b"", &[]),
        "the body arrived empty: what was signed was lost on its way, as redirects and some proxies lose bodies"
    );
    assert_eq!(watch.ask(post(&[], b"")).status, 401);
    let missing = watch.refusal()["why"].as_str().unwrap().to_owned();
    assert!(missing.contains("and the body is empty"), "{missing}");
}

#[test]
fn an_authentic_callback_after_a_byte_order_mark_is_read() {
    let site = Site::new();
    let mut watch = site.watch();
    let sent = format!("{BOM}{CALLBACK}");
    assert_eq!(watch.ask(site.signed(&sent)).status, 200);
    let record = watch.delivery();
    assert_eq!((&record["effect"], &record["asset_id"]), (&"applied".into(), &"ast_1".into()));
    assert!(record["unreadable"].is_null(), "{record}");
    assert_eq!(body(&record), sent.as_bytes(), "kept as it came");
}

#[test]
fn a_signature_in_another_header_is_pointed_out() {
    let site = Site::new();
    let mut watch = site.watch();
    let mut reason = |name: &str, value: &str| {
        assert_eq!(watch.ask(post(&[(name, value)], CALLBACK.as_bytes())).status, 401);
        let record = watch.refusal();
        assert_eq!(record["kind"], "missing");
        record["why"].as_str().unwrap().to_owned()
    };
    let hmac = "ab".repeat(32);
    assert_eq!(
        reason("X-Hub-Signature-256", &format!("sha256={hmac}")),
        "there is no X-Signature header; X-Hub-Signature-256 is there in its place and holds an HMAC: an ES256 signature in X-Signature was expected"
    );
    assert_eq!(
        reason("Signature", "3045"),
        "there is no X-Signature header; Signature is there in its place: the signature has to be sent as X-Signature"
    );
    let right = site.signature(CALLBACK.as_bytes());
    for (name, shown) in
        [("x-signature-256", "X-Signature-256"), ("webhook-signature", "Webhook-Signature")]
    {
        assert_eq!(
            reason(name, &right),
            format!("the signature is right but it came as {shown}; send it as X-Signature")
        );
    }
}

#[test]
fn an_hmac_that_begins_like_der_is_called_one() {
    let site = Site::new();
    let mut watch = site.watch();
    let hmac = "30".to_owned() + &"5a".repeat(31);
    assert_eq!(watch.ask(post(&[("x-signature", &hmac)], CALLBACK.as_bytes())).status, 401);
    assert_eq!(
        watch.refusal()["why"],
        "hex of 32 bytes (a digest or an HMAC?): neither strict DER nor the 64 bytes of r‖s"
    );
}
