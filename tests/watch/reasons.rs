//! Bodies and headers that were changed between the sender's key and the listener: each with a reason
//! that names the change.

use crate::common::{Site, body};

const BOM: &str = "\u{feff}";
/// As PHP writes it.
const CALLBACK: &str = r#"{"event":"version_ready","asset_id":"ast_1","version_id":"v","url":"https:\/\/x.example\/a"}"#;

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
