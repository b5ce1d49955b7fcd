//! What a redacted export shows: aliases in place of ids; no peers, hosts, headers, bodies or names.

use ring::hmac;

use crate::callback::{
    BodySample, Callback, Delivery, Event, Gap, Headers, NotedGap, Refusal, RefusalEntry, Source,
    VersionReport,
};
use crate::timeline::{AssetRow, Notes, VersionRow};

/// The letters of an alias: none of them looks like another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Replaces ids by aliases. The same id has the same alias as long as this lives; nobody without its
/// key, which is thrown away, can tell whether an id belongs to an alias.
pub struct Redaction {
    key: hmac::Key,
}

impl Redaction {
    /// Creates one with a random key. Returns `None` if the system has no random numbers.
    pub fn new() -> Option<Self> {
        let random = ring::rand::SystemRandom::new();
        Some(Self { key: hmac::Key::generate(hmac::HMAC_SHA256, &random).ok()? })
    }

    /// Returns the alias of an id of a kind.
    fn alias(&self, kind: &str, id: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{kind}\0{id}").as_bytes());
        // 50 bits: among a million ids there is no pair with one alias, as good as surely.
        let letters = tag.as_ref().iter().take(10).map(|byte| LETTERS[usize::from(byte % 32)]);
        let letters: String = letters.map(char::from).collect();
        format!("{kind}-{letters}")
    }

    fn asset(&self, id: &str) -> String {
        self.alias("ast", id)
    }

    fn version(&self, id: &str) -> String {
        self.alias("ver", id)
    }

    fn callback(&self, callback: &Callback) -> Callback {
        let event = callback.event.as_deref();
        Callback {
            // Anything else is text that only its sender knows.
            event: event.map(|name| match Event::from_name(name) {
                Some(known) => known.name().to_owned(),
                None if name == "version_not_ready" => name.to_owned(),
                None => "other".to_owned(),
            }),
            asset_id: callback.asset_id.as_deref().map(|id| self.asset(id)),
            version_id: callback.version_id.as_deref().map(|id| self.version(id)),
            version_locale: callback.version_locale.as_deref().map(|tag| self.locale(tag)),
            unreadable: callback.unreadable.as_ref().map(|_| "not readable".to_owned()),
        }
    }

    /// Returns a language tag as it is, and an alias for anything else.
    fn locale(&self, tag: &str) -> String {
        let is_tag = tag.len() <= 16
            && tag.split('-').all(|part| {
                (1..=8).contains(&part.len())
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
            && tag.split('-').next().is_some_and(|first| first.len() <= 3);
        if is_tag { tag.to_owned() } else { self.alias("loc", tag) }
    }

    /// Returns a delivery with a body that says the same of the aliases.
    pub fn delivery(&self, mut delivery: Delivery) -> Delivery {
        let callback = self.callback(&delivery.callback);
        let report = (delivery.request.source == Source::Api)
            .then(|| VersionReport::read(&delivery.request.body))
            .flatten();
        let body = match report {
            Some(report) => VersionReport {
                asset_id: self.asset(&report.asset_id),
                version_id: self.version(&report.version_id),
                locale: report.locale.as_deref().map(|tag| self.locale(tag)),
                status: report.status,
            }
            .write(),
            None if callback.unreadable.is_some() => Vec::new(),
            None => serde_json::json!({
                "event": callback.event,
                "asset_id": callback.asset_id,
                "version_id": callback.version_id,
                "version_locale": callback.version_locale,
            })
            .to_string()
            .into_bytes(),
        };
        delivery.request.peer = String::new();
        delivery.request.path = String::new();
        delivery.request.headers = Headers::default();
        delivery.request.body = body;
        delivery.callback = callback;
        delivery
    }

    /// Returns an entry of the log of refusals with its kind and count alone.
    pub fn refusal(listed: &RefusalEntry) -> RefusalEntry {
        let refusal = &listed.refusal;
        RefusalEntry::new(
            listed.id,
            Refusal {
                at: refusal.at,
                kind: refusal.kind,
                status: refusal.status,
                why: refusal.kind.name().replace('_', " "),
                count: refusal.count,
                method: String::new(),
                path: String::new(),
                peer: String::new(),
                headers: Headers::default(),
                body: BodySample::default(),
            },
        )
    }

    /// Returns a gap without the URL of its inbox.
    pub fn gap(noted: &NotedGap) -> NotedGap {
        let gap = Gap { inbox: String::new(), ..noted.gap.clone() };
        NotedGap { id: noted.id, gap }
    }

    /// Returns an asset with its versions, without notes: a name says what an alias hides.
    pub fn row(&self, row: AssetRow) -> (AssetRow, Notes) {
        let versions = row.versions.into_iter().map(|row| VersionRow {
            version_id: self.version(&row.version_id),
            version: row.version,
        });
        let asset_id = self.asset(&row.asset_id);
        (AssetRow { asset_id, asset: row.asset, versions: versions.collect() }, Notes::default())
    }

    /// Returns the locale of a version as it may be shown.
    pub fn shown_locale(&self, locale: &str) -> String {
        self.locale(locale)
    }
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redaction(..)")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::callback::{Outcome, Received, Verdict};

    fn delivery(body: &str) -> Delivery {
        Delivery {
            seq: 7,
            committed_at: Timestamp::UNIX_EPOCH,
            callback: Callback::read(body.as_bytes()),
            request: Received {
                received_at: Timestamp::UNIX_EPOCH,
                source: Source::Direct,
                peer: "192.0.2.7:4711".to_owned(),
                method: "POST".to_owned(),
                path: "/callback/secret".to_owned(),
                headers: Headers::from_raw([("x-host", b"studio.example".as_slice())]),
                body: body.as_bytes().to_vec(),
            },
            verdict: Verdict::Unchecked,
            outcome: Outcome::NONE,
        }
    }

    #[test]
    fn an_id_has_one_alias_and_nothing_else_is_left() {
        let redaction = Redaction::new().unwrap();
        let body = r#"{"event":"version_ready","asset_id":"ast_1","version_id":"ver_1","version_locale":"es-ES","title":"Secret film"}"#;
        let one = redaction.delivery(delivery(body));
        let other = redaction.delivery(delivery(&body.replace("ver_1", "ver_2")));
        assert_eq!(one.callback.asset_id, other.callback.asset_id);
        assert_ne!(one.callback.version_id, other.callback.version_id);
        assert_eq!(one.callback.version_locale.as_deref(), Some("es-ES"));
        assert_eq!(Callback::read(&one.request.body), one.callback, "it can be folded again");
        let text = format!("{one:?} {}", String::from_utf8_lossy(&one.request.body));
        for trace in ["ast_1", "ver_1", "Secret", "192.0.2.7", "studio", "secret"] {
            assert!(!text.contains(trace), "{trace}: {text}");
        }
        let another = Redaction::new().unwrap().delivery(delivery(body));
        assert_ne!(one.callback.asset_id, another.callback.asset_id);
    }

    #[test]
    fn text_of_a_sender_is_not_shown_as_a_word_of_ours() {
        let redaction = Redaction::new().unwrap();
        let body =
            r#"{"event":"ask Anna","asset_id":"a","version_id":"v","version_locale":"Anna's dub"}"#;
        let redacted = redaction.delivery(delivery(body));
        assert_eq!(redacted.callback.event.as_deref(), Some("other"));
        assert!(redacted.callback.version_locale.unwrap().starts_with("loc-"));
        let unreadable = redaction.delivery(delivery("Anna <anna@example.com>"));
        assert_eq!(unreadable.request.body, b"");
        assert_eq!(unreadable.callback.unreadable.as_deref(), Some("not readable"));
    }
}
