//! A body that is shaped like another one, with some of its fields changed; everything else stays byte
//! for byte.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::callback::without_mark;

/// Why a body has no fields to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its body is no JSON object, so no field of it can be changed; leave the fields out to send it as it is"
)]
pub struct NoFields;

/// Returns a body with these fields changed, or added behind the last one. Values are texts.
///
/// Of a field that is repeated the last one is changed, which counts. `event` is called `event_type`
/// where the body calls it so.
pub fn body_like(body: &[u8], changes: &[(&str, &str)]) -> Result<Vec<u8>, NoFields> {
    if changes.is_empty() {
        return Ok(body.to_vec());
    }
    let mut text = std::str::from_utf8(without_mark(body)).map_err(|_| NoFields)?.to_owned();
    let mark = &body[..body.len() - text.len()];
    for (name, value) in changes {
        text = changed(&text, name, value)?;
    }
    Ok([mark, text.as_bytes()].concat())
}

fn changed(text: &str, name: &str, value: &str) -> Result<String, NoFields> {
    let FieldList(fields) = serde_json::from_str(text).map_err(|_| NoFields)?;
    let find = |name: &str| fields.iter().rev().find(|(other, _)| other == name);
    let event_type = || (name == "event").then(|| find("event_type")).flatten();
    // A text always has a JSON form.
    let value = serde_json::to_string(value).unwrap_or_default();
    if let Some((_, old)) = find(name).or_else(event_type) {
        let from = old.get().as_ptr() as usize - text.as_ptr() as usize;
        let (before, after) = (&text[..from], &text[from + old.get().len()..]);
        return Ok(format!("{before}{value}{after}"));
    }
    let end = text.rfind('}').ok_or(NoFields)?;
    let before = text[..end].trim_end();
    let (comma, after) = (if fields.is_empty() { "" } else { "," }, &text[before.len()..]);
    Ok(format!("{before}{comma}\"{name}\":{value}{after}"))
}

/// The fields of an object in their order, repeated ones included.
struct FieldList<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for FieldList<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = FieldList<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldList<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((Cow::Owned(name), value));
                }
                Ok(FieldList(fields))
            }
        }

        deserializer.deserialize_map(ListVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(body: &str, changes: &[(&str, &str)]) -> Result<String, NoFields> {
        body_like(body.as_bytes(), changes).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn what_is_not_changed_stays_byte_for_byte() {
        let body = "{ \"event\":\"version_ready\",\r\n\t\"x\": [1.50, \"event\"], \"asset_id\" : \"a\" }\n";
        assert_eq!(like(body, &[]).unwrap(), body);
        assert_eq!(
            like(body, &[("event", "version_failed"), ("asset_id", "b\"\u{e9}")]).unwrap(),
            "{ \"event\":\"version_failed\",\r\n\t\"x\": [1.50, \"event\"], \"asset_id\" : \"b\\\"\u{e9}\" }\n"
        );
        assert_eq!(
            like(body, &[("version_id", "v")]).unwrap(),
            "{ \"event\":\"version_ready\",\r\n\t\"x\": [1.50, \"event\"], \"asset_id\" : \"a\",\"version_id\":\"v\" }\n"
        );
    }

    #[test]
    fn fields_are_found_as_a_receiver_finds_them() {
        let twice = r#"{"asset_id":"a","asset_id":"b"}"#;
        assert_eq!(
            like(twice, &[("asset_id", "c")]).unwrap(),
            r#"{"asset_id":"a","asset_id":"c"}"#
        );
        let typed = r#"{"event_type":"version_ready"}"#;
        assert_eq!(like(typed, &[("event", "x")]).unwrap(), r#"{"event_type":"x"}"#);
        let null = r#"{"version_id":null}"#;
        assert_eq!(like(null, &[("version_id", "v")]).unwrap(), r#"{"version_id":"v"}"#);
        assert_eq!(like("{}", &[("event", "x")]).unwrap(), r#"{"event":"x"}"#);
        assert_eq!(like("\u{feff}{}", &[("event", "x")]).unwrap(), "\u{feff}{\"event\":\"x\"}");
        for other in ["", "[1]", "no JSON", "{\"a\":1"] {
            assert_eq!(like(other, &[("event", "x")]), Err(NoFields), "{other}");
            assert_eq!(like(other, &[]).unwrap(), other);
        }
    }
}
