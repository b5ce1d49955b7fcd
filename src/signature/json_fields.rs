//! Arranges the fields of a JSON object as another program would; leaves the values as they were
//! written.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of the contract, in the order in which it documents them.
const DOCUMENTED: [&str; 4] = ["event", "asset_id", "version_id", "version_locale"];

/// Deepest level of nested objects that is sorted; callbacks have none.
const MAX_DEPTH: usize = 8;

/// Which fields there are, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arranged {
    /// Those of the contract first, in its order.
    Documented,
    /// By name, also in nested objects: RFC 8785, `sort_keys=True`, maps of several languages.
    Sorted,
    /// As [`Self::Documented`], `version_id` and `version_locale` as null where they are absent.
    WithNulls,
    /// As they are, but for those that are null.
    WithoutNulls,
    /// As [`Self::Documented`], without any others.
    OnlyDocumented,
}

/// Returns the object with its fields in another arrangement, compact between them; `None` if the
/// text is not an object or already has the arrangement.
pub(super) fn arrange(text: &str, arranged: Arranged) -> Option<String> {
    let ObjectFields(before) = serde_json::from_str(text).ok()?;
    if arranged == Arranged::Sorted {
        return sorted(text, MAX_DEPTH);
    }
    let mut fields = before.clone();
    match arranged {
        Arranged::WithoutNulls => fields.retain(|(_, value)| value.get() != "null"),
        Arranged::OnlyDocumented => fields.retain(|(name, _)| place(name) < DOCUMENTED.len()),
        Arranged::Sorted | Arranged::Documented | Arranged::WithNulls => {}
    }
    if arranged != Arranged::WithoutNulls {
        // Stable: what is repeated or not documented stays in its order.
        fields.sort_by_key(|(name, _)| place(name));
    }
    let mut out = written(fields.iter().map(|(name, value)| (&**name, value.get())));
    if arranged == Arranged::WithNulls {
        let absent: Vec<_> = DOCUMENTED[2..]
            .iter()
            .filter(|name| fields.iter().all(|(other, _)| other != *name))
            .collect();
        if absent.is_empty() || fields.is_empty() {
            return None;
        }
        out.pop();
        for name in absent {
            // Writing into a String cannot fail.
            let _ = write!(out, ",\"{name}\":null");
        }
        out.push('}');
        return Some(out);
    }
    let same = before.len() == fields.len()
        && before.iter().zip(&fields).all(|((one, _), (other, _))| one == other);
    (!same).then_some(out)
}

/// Returns the position of a field in the contract; one past the last for unknown fields.
fn place(name: &str) -> usize {
    DOCUMENTED.iter().position(|other| *other == name).unwrap_or(DOCUMENTED.len())
}

fn sorted(text: &str, depth: usize) -> Option<String> {
    let ObjectFields(mut fields) = serde_json::from_str(text).ok()?;
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = fields
        .into_iter()
        .map(|(name, value)| {
            let text = value.get();
            let inner = depth.checked_sub(1).and_then(|depth| sorted(text, depth));
            (name, inner.map_or(Cow::Borrowed(text), Cow::Owned))
        })
        .collect();
    Some(written(fields.iter().map(|(name, value)| (&**name, &**value))))
}

fn written<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (name, value) in fields {
        if out.len() > 1 {
            out.push(',');
        }
        // A text always has a JSON form.
        out.push_str(&serde_json::to_string(name).unwrap_or_default());
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// The fields of an object in their order, repeated ones included.
struct ObjectFields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for ObjectFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fielded;

        impl<'de> Visitor<'de> for Fielded {
            type Value = ObjectFields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<ObjectFields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((Cow::Owned(name), value));
                }
                Ok(ObjectFields(fields))
            }
        }

        deserializer.deserialize_map(Fielded)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::documented(
        Arranged::Documented,
        r#"{ "x": [1, 2], "asset_id": "a", "event": "e"}"#,
        Some(r#"{"event":"e","asset_id":"a","x":[1, 2]}"#)
    )]
    #[case::as_documented(Arranged::Documented, r#"{"event":"e","asset_id":"a"}"#, None)]
    #[case::sorted(
        Arranged::Sorted,
        r#"{"b":{"d":1.50,"c":[{"z":0,"y":1}]},"a":"\u00e9"}"#,
        Some(r#"{"a":"\u00e9","b":{"c":[{"z":0,"y":1}],"d":1.50}}"#)
    )]
    #[case::nulls(
        Arranged::WithNulls,
        r#"{"event":"asset_failed","asset_id":"a"}"#,
        Some(r#"{"event":"asset_failed","asset_id":"a","version_id":null,"version_locale":null}"#)
    )]
    #[case::one_null(
        Arranged::WithNulls,
        r#"{"event":"e","asset_id":"a","version_id":"v"}"#,
        Some(r#"{"event":"e","asset_id":"a","version_id":"v","version_locale":null}"#)
    )]
    #[case::no_nulls_to_add(Arranged::WithNulls, r#"{"version_id":null,"version_locale":1}"#, None)]
    #[case::without_nulls(
        Arranged::WithoutNulls,
        r#"{"event":"e","version_id":null}"#,
        Some(r#"{"event":"e"}"#)
    )]
    #[case::only_documented(
        Arranged::OnlyDocumented,
        r#"{"received":1,"event":"e","asset_id":"a"}"#,
        Some(r#"{"event":"e","asset_id":"a"}"#)
    )]
    #[case::no_object(Arranged::Sorted, "[1]", None)]
    #[case::empty(Arranged::WithNulls, "{}", None)]
    fn arranges(#[case] arranged: Arranged, #[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(arrange(text, arranged).as_deref(), expected);
    }

    #[test]
    fn depth_does_no_harm() {
        let deep = format!("{}1{}", "{\"b\":".repeat(100), "}".repeat(100));
        assert_eq!(arrange(&deep, Arranged::Sorted).as_deref(), Some(&*deep));
    }
}
