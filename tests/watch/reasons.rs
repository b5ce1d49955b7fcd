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
