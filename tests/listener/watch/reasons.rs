//! Bodies and headers that were changed between the sender's key and the listener: each with a reason
//! that names the change.

use std::io::Write as _;

use crate::common::{Site, Watch, body, post};

const BOM: &str = "\u{feff}";
/// As PHP writes it.
const CALLBACK: &str = r#"{"event":"version_ready","asset_id":"ast_1","version_id":"v","url":"https:\/\/x.example\/a"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

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

/// A name, what was signed, what was sent with which headers, and the reason.
type Case<'a> = (&'a str, &'a [u8], &'a [u8], &'a [(&'a str, &'a str)], &'a str);

#[test]
fn changes_on_the_way_are_named() {
    let site = Site::new();
    let mut watch = site.watch();
    let with_mark = format!("{BOM}{CALLBACK}");
    let compressed = gzip(CALLBACK.as_bytes());
    let unescaped = CALLBACK.replace("\\/", "/");
    let encoding = [("content-encoding", "gzip")];
    let cases: [Case<'_>; 8] = [
        (
            "a lost mark",
            with_mark.as_bytes(),
            CALLBACK.as_bytes(),
            &[],
            "body changed on its way: the signature holds for the body with a byte order mark before it",
        ),
        (
            "an added mark",
            CALLBACK.as_bytes(),
            with_mark.as_bytes(),
            &[],
            "body changed on its way: the signature holds for the body without its byte order mark",
        ),
        (
            "compressed",
            CALLBACK.as_bytes(),
            &compressed,
            &encoding,
            "body changed on its way: the signature holds for what it holds uncompressed: it was compressed after it was signed",
        ),
        (
            "compressed without a word",
            CALLBACK.as_bytes(),
            &compressed,
            &[],
            "body changed on its way: the signature holds for what it holds uncompressed: it was compressed after it was signed",
        ),
        (
            "decompressed",
            &compressed,
            CALLBACK.as_bytes(),
            &encoding,
            "hex is fine, DER is fine, no trusted key made it (3 tried: panjaya, sender, dev); Content-Encoding says gzip and the body is not compressed: where the signature was made over the compressed body, what decompressed it on its way broke it; have it passed on as it is",
        ),
        (
            "slashes",
            CALLBACK.as_bytes(),
            unescaped.as_bytes(),
            &[],
            "body changed on its way: the signature holds for the same JSON with `\\/` where `/` arrived",
        ),
        (
            "slashes back",
            unescaped.as_bytes(),
            CALLBACK.as_bytes(),
            &[],
            "body changed on its way: the signature holds for the same JSON with `/` where `\\/` arrived",
        ),
        (
            "cut",
            CALLBACK.as_bytes(),
            &CALLBACK.as_bytes()[..50],
            &[],
            "hex is fine, DER is fine, no trusted key made it (3 tried: panjaya, sender, dev); its JSON breaks off at the end: the body may have been cut on its way",
        ),
    ];
    for (what, signed, sent, headers, expected) in cases {
        assert_eq!(why(&site, &mut watch, signed, sent, headers), expected, "{what}");
    }
}

#[test]
fn an_authentic_gzip_is_kept_and_named() {
    let site = Site::new();
    let mut watch = site.watch();
    assert_eq!(watch.ask(site.signed(gzip(CALLBACK.as_bytes()))).status, 200);
    assert_eq!(
        watch.delivery()["unreadable"],
        "the body is not a JSON object: it is gzip, which is not decompressed; send it as it is"
    );
}

#[test]
fn a_zip_bomb_is_no_more_than_a_refusal() {
    let site = Site::new();
    let mut watch = site.watch();
    // 40 MiB in 40 KiB.
    let bomb = gzip(&vec![b' '; 40 << 20]);
    let reason =
        why(&site, &mut watch, CALLBACK.as_bytes(), &bomb, &[("content-encoding", "gzip")]);
    assert!(reason.contains("the body is gzip: it was not decompressed"), "{reason}");
    assert_eq!(watch.ask(site.signed(CALLBACK)).status, 200);
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
