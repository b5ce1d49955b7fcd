//! From the bytes of an answer to a JSON value, within bounds.

use serde_json::Value;

use super::AnswerError;
use crate::callback::without_mark;

/// The most values that are read. A small value can take hundreds of times its bytes in memory.
const MAX_VALUES: usize = 200_000;
/// The longest reason of the service that is read, in bytes.
const MAX_REASON: usize = 1000;

/// Returns the JSON value of an answer. Its depth is bounded by the parser.
pub fn parse(body: &[u8], content_type: Option<&str>) -> Result<Value, AnswerError> {
    let body = without_mark(body);
    if body.trim_ascii().is_empty() {
        return Err(AnswerError::Empty);
    }
    if has_too_many_values(body) {
        return Err(AnswerError::TooMany);
    }
    serde_json::from_slice(body).map_err(|error| {
        let is_html = content_type.is_some_and(|name| name.to_ascii_lowercase().contains("html"));
        if is_html || body.trim_ascii_start().starts_with(b"<") {
            AnswerError::Html
        } else {
            AnswerError::NoJson(error.to_string())
        }
    })
}

/// Counts what begins or separates values, outside of texts.
fn has_too_many_values(body: &[u8]) -> bool {
    let (mut count, mut in_text, mut is_escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count > MAX_VALUES
}

/// Returns the service's reason for a refusal: its `detail`, a text or a list of objects with one.
pub fn reason(body: &[u8]) -> Option<String> {
    let Value::Object(fields) = parse(body, None).ok()? else { return None };
    let found = ["detail", "message", "error"].iter().find_map(|name| fields.get(*name))?;
    let text = match found {
        Value::String(text) => text,
        Value::Array(items) => items.iter().find_map(|item| item.get("msg")?.as_str())?,
        Value::Object(fields) => fields.get("message")?.as_str()?,
        _ => return None,
    };
    let end = text.char_indices().map(|(at, _)| at).nth(MAX_REASON).unwrap_or(text.len());
    let text = text[..end].trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{AssetAnswer, AssetPage, VersionAnswer};
    use super::*;

    fn error(body: &str, content_type: Option<&str>) -> String {
        parse(body.as_bytes(), content_type).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_json_is_named() {
        assert_eq!(error("", None), "it is empty");
        assert_eq!(error("\u{feff} \n", None), "it is empty");
        assert_eq!(error("<!doctype html><p>hello", None), "it is HTML, not JSON");
        assert_eq!(error("Bad gateway", Some("Text/HTML; charset=utf-8")), "it is HTML, not JSON");
        assert!(
            error("Bad gateway", None).starts_with("it is not JSON that can be read (expected")
        );
        assert!(error("{\"a\":", None).contains("EOF"));
        assert!(error("{} {}", None).contains("trailing"));
        let deep = "[".repeat(10_000);
        assert!(error(&deep, None).contains("recursion limit"));
        let deep = "{\"a\":".repeat(10_000);
        assert!(error(&deep, None).contains("recursion limit"));
        let many = format!("[{}1]", "1,".repeat(MAX_VALUES + 1));
        assert_eq!(error(&many, None), "it has too many values to be read");
        // Separators in a text are no values, also behind an escaped quote.
        let long = format!("[\"\\\"{}\"]", ",".repeat(MAX_VALUES + 1));
        assert!(parse(long.as_bytes(), None).is_ok());
    }

    #[test]
    fn the_reason_of_a_refusal_is_found() {
        let found = |body: &str| reason(body.as_bytes());
        assert_eq!(found(r#"{"detail": " no quota "}"#).unwrap(), "no quota");
        let listed = r#"{"detail": [{"loc": ["path"], "msg": "not an id"}]}"#;
        assert_eq!(found(listed).unwrap(), "not an id");
        assert_eq!(found(r#"{"error": {"message": "m"}}"#).unwrap(), "m");
        let long = format!("{{\"detail\": \"{}\"}}", "é".repeat(5000));
        assert_eq!(found(&long).unwrap().chars().count(), MAX_REASON);
        for none in ["", "{}", "[]", "<p>", r#"{"detail": 3}"#, r#"{"detail": ""}"#] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    /// Any JSON of a few levels, with the names of the service among others.
    fn any_json() -> impl Strategy<Value = Value> {
        let names = prop_oneof![
            prop::sample::select(vec![
                "id",
                "asset_id",
                "version_id",
                "status",
                "versions",
                "dubbings",
                "locale",
                "data",
                "assets",
                "items",
                "next",
                "page",
                "pages",
                "total",
                "has_more",
                "links",
                "name",
                "title",
                "media_url",
                "result_url",
                "pagination",
                "next_cursor",
                "offset",
                "limit",
            ])
            .prop_map(str::to_owned),
            ".{0,8}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "https?://.{0,12}|\\?.{0,8}|.{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            let fields = prop::collection::vec((names.clone(), inner.clone()), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(body: Vec<u8>) {
            let _ = parse(&body, None);
            let _ = reason(&body);
        }

        #[test]
        fn any_json_is_read_or_refused(value in any_json()) {
            let _ = VersionAnswer::read(&value);
            let _ = AssetAnswer::read(&value);
            if let Ok(page) = AssetPage::read(&value, None)
                && let Some(next) = &page.next
            {
                let sound = |c: char| c.is_ascii_graphic() && c != '#';
                prop_assert!(next.query().chars().all(sound), "{:?}", next);
                prop_assert!(!next.query().is_empty());
                let _ = AssetPage::read(&value, Some(next));
            }
        }
    }
}
