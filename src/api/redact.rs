//! What of an answer may be shown: everything that grants access is replaced.

use serde_json::{Map, Value};

use super::answer::{is_result_url, plain};
use super::key::{ApiKey, REDACTED};

/// Names of parameters and fields that hold a secret, in the form of [`plain`].
const SECRETS: &[&str] = &[
    "apikey",
    "auth",
    "authorization",
    "awsaccesskeyid",
    "code",
    "credential",
    "exp",
    "expires",
    "expiry",
    "googleaccessid",
    "hash",
    "hdnea",
    "hdnts",
    "hmac",
    "jwt",
    "key",
    "keypairid",
    "md5",
    "password",
    "policy",
    "secret",
    "se",
    "session",
    "sig",
    "sign",
    "skoid",
    "sp",
    "st",
    "sv",
    "token",
    "verify",
];
/// Parts of such names.
const SECRET_PARTS: &[&str] =
    &["signature", "xamz", "xgoog", "accesskey", "apikey", "token", "secret", "password"];
/// Names that are not secret although they hold such a part: where a list goes on.
const PAGING: &[&str] =
    &["pagetoken", "nextpagetoken", "nexttoken", "continuationtoken", "pagingtoken"];

/// Replaces everything in an answer that grants access: the link of the video, URLs that are signed,
/// logins in URLs, fields with the name of a secret, and the key itself.
pub fn redact(value: &mut Value, key: &ApiKey) {
    match value {
        Value::String(text) => *text = redacted_text(text, key),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, key)),
        Value::Object(fields) => {
            let redacted = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                if !value.is_null() && grants_access(&name, &value) {
                    value = Value::String(REDACTED.to_owned());
                }
                redact(&mut value, key);
                (redacted_text(&name, key), value)
            });
            *fields = redacted.collect::<Map<_, _>>();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns whether a field holds a link of the video or a secret. The value of a field like `key` or
/// `hash` is one only if it is a text.
fn grants_access(name: &str, value: &Value) -> bool {
    let name = plain(name);
    let is_strong = SECRET_PARTS.iter().any(|part| name.contains(part))
        || matches!(name.as_str(), "authorization" | "credential" | "jwt" | "sig" | "sign");
    is_result_url(&name) || (is_strong && !PAGING.contains(&name.as_str()) && value.is_string())
}

/// Returns a text from the service without the key, without logins in its URLs, and without queries
/// that look signed.
pub(super) fn redacted_text(text: &str, key: &ApiKey) -> String {
    let text = key.hidden_in(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    // A query begins with `?`, wherever the URL around it begins: it may be relative.
    while let Some(at) = rest.find(['?', '#']) {
        let (before, query) = rest.split_at(at);
        let end = query.find(ends_url).unwrap_or(query.len());
        let (query, behind) = query.split_at(end);
        shown.push_str(before);
        if is_signed(query) {
            shown.push_str(&query[..1]);
            shown.push_str(REDACTED);
        } else {
            shown.push_str(query);
        }
        rest = behind;
    }
    shown.push_str(rest);
    without_logins(&shown)
}

/// Returns whether a character ends a URL in a text.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// Returns whether a query or fragment holds a parameter that grants access. Encoded separators
/// count: a URL may be a parameter of another.
fn is_signed(query: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(query).decode_utf8_lossy();
    [query, &decoded].iter().any(|query| {
        query.split(['?', '#', '&', ';']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = plain(name);
            !value.is_empty()
                && !PAGING.contains(&name.as_str())
                && (SECRETS.contains(&name.as_str())
                    || SECRET_PARTS.iter().any(|part| name.contains(part)))
        })
    })
}

/// Returns a text without what stands before an `@` in the authority of its URLs.
fn without_logins(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, after) = rest.split_at(at + 2);
        shown.push_str(before);
        let end = after.find(|c| ends_url(c) || matches!(c, '/' | '?' | '#'));
        let authority = &after[..end.unwrap_or(after.len())];
        match authority.rfind('@') {
            Some(at) => {
                shown.push_str(REDACTED);
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::key::ApiKeyPlace;
    use super::*;

    fn key() -> ApiKey {
        ApiKey::new("k3y-s3cret", ApiKeyPlace::Setting("x".into())).unwrap()
    }

    fn text(text: &str) -> String {
        redacted_text(text, &key())
    }

    #[test]
    fn links_that_grant_access_are_replaced_and_the_rest_stays() {
        let mut value = json!({
            "id": "ver_1",
            "status": "Completed",
            "studio_url": "https://studio.example/v/1?tab=edit",
            "result_url": "https://cdn.example/v.mp4?X-Amz-Signature=s3cret",
            "media_url": "https://user:s3cret@media.example/a.mp4?Expires=1&Signature=s3cret",
            "versions": [{"resultUrl": {"mp4": "https://cdn.example/s3cret"}, "n": 3}],
            "upload_token": "s3cret",
            "next_page_token": "abc",
            "note": "the key panjaya-k3y-s3cret is yours",
            "k3y-s3cret": null,
            "token": 3,
        });
        redact(&mut value, &key());
        assert_eq!(
            value,
            json!({
                "id": "ver_1",
                "status": "Completed",
                "studio_url": "https://studio.example/v/1?tab=edit",
                "result_url": "[redacted]",
                "media_url": "https://[redacted]@media.example/a.mp4?[redacted]",
                "versions": [{"resultUrl": "[redacted]", "n": 3}],
                "upload_token": "[redacted]",
                "next_page_token": "abc",
                "note": "the key [redacted] is yours",
                "[redacted]": null,
                "token": 3,
            })
        );
        let mut null = json!({"result_url": null});
        redact(&mut null, &key());
        assert_eq!(null, json!({"result_url": null}));
    }

    #[test]
    fn queries_that_look_signed_are_replaced_wherever_they_stand() {
        for signed in [
            "https://h/a?X-Amz-Algorithm=s3cret&x=1",
            "https://h/a?x-goog-signature=s3cret",
            "//h/a?sig=s3cret",
            "/a?page=2&token=s3cret",
            "https://h/a?Policy=s3cret",
            "https://h/a?u=https%3A%2F%2Fc%2Fv%3Fsig%3Ds3cret",
            "https://h/a?x=1;access_token=s3cret",
            "https://h/a#access_token=s3cret",
            "see https://h/a?Key-Pair-Id=s3cret, or not",
            "https://s3cret@h/",
            "https://h:1/x http://a:s3cret@b@c",
        ] {
            assert!(!text(signed).contains("s3cret"), "{signed}: {}", text(signed));
        }
        for plain in [
            "https://h/a?page=2&limit=3",
            "https://h/a?page_token=abc",
            "What? Yes & no; a=b",
            "https://h/@name",
            "# 1",
            "a@b",
        ] {
            assert_eq!(text(plain), plain);
        }
        assert_eq!(text("https://h/a?sig=x and more"), "https://h/a?[redacted] and more");
    }

    /// Any JSON of a few levels, with fields and links of the service among others.
    fn any_json() -> impl Strategy<Value = Value> {
        let secret = prop_oneof![
            Just("https://c.example/v?X-Amz-Signature=S3CRET&x=1".to_owned()),
            Just("x https://u:S3CRET@h/ y".to_owned()),
            Just("Bearer panjaya-k3y-s3cret".to_owned()),
            Just("k3y-s3cretk3y-s3cret".to_owned()),
            ".*",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            secret.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let name = prop_oneof![Just("result_url".to_owned()), secret.clone(), "[a-z_]{1,8}"];
            let fields = prop::collection::vec((name, inner.clone()), 0..5);
            prop_oneof![
                prop::collection::vec(inner, 0..5).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_secret_is_left(mut value in any_json()) {
            redact(&mut value, &key());
            let shown = value.to_string();
            prop_assert!(!shown.contains("S3CRET") && !shown.contains("k3y-s3cret"), "{}", shown);
        }

        #[test]
        fn redacting_again_changes_nothing(mut value in any_json()) {
            redact(&mut value, &key());
            let once = value.clone();
            redact(&mut value, &key());
            prop_assert_eq!(value, once);
        }
    }
}
