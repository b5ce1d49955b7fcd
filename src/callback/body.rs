//! Reads a callback's body: leniently, because a delivery that we cannot read is kept all the same.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::compressed::decompress_beginning;
use super::{Event, State};

/// The longest id, event name or locale that the timeline takes, in bytes.
///
/// The journal keeps the delivery whatever its length; the fold's keys have to stay small.
pub const MAX_ID: usize = 512;

/// Maximum number of decompressed bytes that are read for the claims of a compressed body.
const MAX_INSIDE: usize = 64 << 10;

/// The fields of a body, as far as they could be read.
///
/// `unreadable` is `None` exactly when [`Callback::subject`] is `Some`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Callback {
    /// `event`, or `event_type` where `event` is absent.
    pub event: Option<String>,
    /// `asset_id`; an empty one is a missing one.
    pub asset_id: Option<String>,
    /// `version_id`; an empty one is a missing one.
    pub version_id: Option<String>,
    /// `version_locale`; an empty one is a missing one.
    pub version_locale: Option<String>,
    /// Why the timeline cannot use it, as a sentence.
    pub unreadable: Option<String>,
}

/// What a readable callback is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Processing of a whole asset failed.
    AssetFailed {
        /// The asset.
        asset_id: &'a str,
    },
    /// A version reached a state.
    Version {
        /// The asset it belongs to.
        asset_id: &'a str,
        /// The version.
        version_id: &'a str,
        /// Its locale, where the callback names one.
        locale: Option<&'a str>,
        /// The state it reached.
        state: State,
    },
}

impl<'a> Subject<'a> {
    /// Returns the asset that it is about.
    pub const fn asset_id(&self) -> &'a str {
        match self {
            Self::AssetFailed { asset_id } | Self::Version { asset_id, .. } => asset_id,
        }
    }

    /// Returns the version that it is about; `None` for an asset as a whole.
    pub const fn version_id(&self) -> Option<&'a str> {
        match self {
            Self::AssetFailed { .. } => None,
            Self::Version { version_id, .. } => Some(version_id),
        }
    }
}

impl Callback {
    /// Reads a body. Never fails: [`unreadable`](field@Callback::unreadable) says what could not be
    /// read.
    ///
    /// Ignores unknown fields, and a byte order mark before the JSON, which a parser may ignore
    /// (RFC 8259, section 8.1). The last of several fields of one name counts.
    pub fn read(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::unreadable("the body is empty".to_owned());
        }
        match serde_json::from_slice::<CallbackFields>(without_mark(body)) {
            Ok(fields) => fields.judge(),
            Err(error) => {
                let what = other_form(body).map_or_else(|| error.to_string(), str::to_owned);
                Self::unreadable(format!("the body is not a JSON object: {what}"))
            }
        }
    }

    /// Reads the claims of a refused body, as far as possible: also the fields before the place
    /// where it was cut or damaged, and the contents of a gzip or zlib body. None of it is
    /// verified.
    pub fn claimed(body: &[u8]) -> Self {
        let inside = decompress_beginning(body, MAX_INSIDE);
        let text = without_mark(inside.as_deref().unwrap_or(body));
        let mut fields = CallbackFields::default();
        let mut json = serde_json::Deserializer::from_slice(text);
        let read = json.deserialize_map(FieldsVisitor(&mut fields)).and_then(|()| json.end());
        let mut claim = fields.judge();
        if read.is_err() {
            claim.unreadable = Self::read(body).unreadable;
        }
        claim
    }

    /// Returns whether it names nothing at all.
    pub const fn is_blank(&self) -> bool {
        self.event.is_none()
            && self.asset_id.is_none()
            && self.version_id.is_none()
            && self.version_locale.is_none()
    }

    /// Returns what the callback is about; `None` where it is unreadable.
    pub fn subject(&self) -> Option<Subject<'_>> {
        if self.unreadable.is_some() {
            return None;
        }
        let asset_id = self.asset_id.as_deref()?;
        match Event::from_name(self.event.as_deref()?)? {
            Event::AssetFailed => Some(Subject::AssetFailed { asset_id }),
            Event::Version(state) => Some(Subject::Version {
                asset_id,
                version_id: self.version_id.as_deref()?,
                locale: self.version_locale.as_deref(),
                state,
            }),
        }
    }

    fn unreadable(why: String) -> Self {
        Self { unreadable: Some(why), ..Self::default() }
    }
}

/// Returns a body without the byte order mark of UTF-8, where it begins with one.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Recognises another format by its first bytes, where a parser would only report an unexpected
/// character.
fn other_form(body: &[u8]) -> Option<&'static str> {
    Some(match body {
        [0x1f, 0x8b, ..] => "it is gzip, which is not decompressed; send it as it is",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is zstd, which is not decompressed; send it as it is",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => {
            "it is UTF-16, JSON is sent in UTF-8"
        }
        _ if without_mark(body).is_empty() => "it is a byte order mark and nothing else",
        _ if body.trim_ascii().is_empty() => "it is blank",
        _ => return None,
    })
}

/// A field as it stands in the JSON.
#[derive(Debug, Default)]
enum Field {
    #[default]
    Absent,
    Null,
    Text(String),
    Other(&'static str),
}

impl Field {
    /// Returns the text of the field; adds a complaint if it has another type or is too long.
    fn text(self, name: &str, complaints: &mut Vec<String>) -> Option<String> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Text(text) if text.is_empty() => None,
            Self::Text(text) if text.len() > MAX_ID => {
                complaints
                    .push(format!("{name} has {} bytes, at most {MAX_ID} are read", text.len()));
                None
            }
            Self::Text(text) => Some(text),
            Self::Other(kind) => {
                complaints.push(format!("{name} is {kind}, a string was expected"));
                None
            }
        }
    }
}

#[derive(Debug, Default)]
struct CallbackFields {
    event: Field,
    event_type: Field,
    asset_id: Field,
    version_id: Field,
    version_locale: Field,
}

impl CallbackFields {
    fn judge(self) -> Callback {
        let mut complaints = Vec::new();
        let (name, event) = match self.event {
            Field::Absent => ("event_type", self.event_type),
            event => ("event", event),
        };
        let event = event.text(name, &mut complaints);
        let asset_id = self.asset_id.text("asset_id", &mut complaints);
        let version_id = self.version_id.text("version_id", &mut complaints);
        let version_locale = self.version_locale.text("version_locale", &mut complaints);

        let known = event.as_deref().and_then(Event::from_name);
        if complaints.is_empty() {
            match (&event, known) {
                (None, _) => complaints.push("event is missing".to_owned()),
                (Some(name), None) => complaints.push(format!("unknown event {name:?}")),
                (Some(_), Some(Event::Version(_))) if version_id.is_none() => {
                    complaints.push("version_id is missing".to_owned());
                }
                _ => {}
            }
            if asset_id.is_none() {
                complaints.push("asset_id is missing".to_owned());
            }
        }
        let unreadable = (!complaints.is_empty()).then(|| complaints.join("; "));
        Callback { event, asset_id, version_id, version_locale, unreadable }
    }
}

impl<'de> Deserialize<'de> for CallbackFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Self::default();
        deserializer.deserialize_map(FieldsVisitor(&mut fields))?;
        Ok(fields)
    }
}

/// Fills in the fields one by one, so that those before an error are kept.
struct FieldsVisitor<'a>(&'a mut CallbackFields);

impl<'de> Visitor<'de> for FieldsVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a callback")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.0;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let field = match name.as_ref() {
                "event" => &mut fields.event,
                "event_type" => &mut fields.event_type,
                "asset_id" => &mut fields.asset_id,
                "version_id" => &mut fields.version_id,
                "version_locale" => &mut fields.version_locale,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = map.next_value()?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CALLBACK: &[u8] =
        br#"{"event":"version_failed","asset_id":"a","version_id":"v","version_locale":"es-ES"}"#;

    fn version(asset_id: &'static str, version_id: &'static str, state: State) -> Subject<'static> {
        Subject::Version { asset_id, version_id, locale: Some("es-ES"), state }
    }

    #[rstest]
    #[case::plain(
        r#"{"event":"version_ready","asset_id":"a","version_id":"v","version_locale":"es-ES"}"#,
        State::Ready
    )]
    #[case::event_type(r#"{"event_type":"version_generated","asset_id":"a","version_id":"v","version_locale":"es-ES"}"#, State::Generated)]
    #[case::event_wins_over_event_type(r#"{"event_type":"asset_failed","event":"version_ready","asset_id":"a","version_id":"v","version_locale":"es-ES"}"#, State::Ready)]
    #[case::last_duplicate_wins(r#"{"event":"version_ready","event":"version_failed","asset_id":"x","asset_id":"a","version_id":"v","version_locale":"es-ES"}"#, State::Failed)]
    #[case::unknown_fields(r#"{"extra":{"deep":[1,{"x":null}]},"event":"version_ready","asset_id":"a","version_id":"v","version_locale":"es-ES","n":1.5e300}"#, State::Ready)]
    #[case::escapes(
        "{\"\\u0065vent\":\"version_ready\",\"asset_id\":\"\\u0061\",\"version_id\":\"v\",\"version_locale\":\"es-ES\"}",
        State::Ready
    )]
    #[case::whitespace(
        " \r\n{\"event\":\"version_ready\",\"asset_id\":\"a\",\"version_id\":\"v\",\"version_locale\":\"es-ES\"}\n",
        State::Ready
    )]
    #[case::byte_order_mark(
        "\u{feff}{\"event\":\"version_ready\",\"asset_id\":\"a\",\"version_id\":\"v\",\"version_locale\":\"es-ES\"}",
        State::Ready
    )]
    fn reads(#[case] body: &str, #[case] state: State) {
        let callback = Callback::read(body.as_bytes());
        assert_eq!(callback.unreadable, None);
        assert_eq!(callback.subject(), Some(version("a", "v", state)));
    }

    #[rstest]
    #[case::whole(r#"{"event":"version_ready","asset_id":"a","version_id":"v"}"#, Some("v"))]
    #[case::unknown_event(
        r#"{"event":"version_ready","asset_id":"a","version_id":"v","x":1}"#,
        Some("v")
    )]
    #[case::something_behind_it(
        r#"{"event":"version_ready","asset_id":"a","version_id":"v"} and more"#,
        Some("v")
    )]
    #[case::mark(
        "\u{feff}{\"event\":\"version_ready\",\"asset_id\":\"a\",\"version_id\":\"v\"}",
        Some("v")
    )]
    #[case::cut_behind_a_field(
        r#"{"event":"version_ready","asset_id":"a","version_id":"v","#,
        Some("v")
    )]
    #[case::cut_within_a_field(r#"{"event":"version_ready","asset_id":"a","version_id":"v"#, None)]
    #[case::another_type(r#"{"event":"version_ready","asset_id":"a","version_id":7}"#, None)]
    fn what_can_be_read_of_a_refused_body_is_claimed(
        #[case] body: &str,
        #[case] version_id: Option<&str>,
    ) {
        let claim = Callback::claimed(body.as_bytes());
        assert_eq!(claim.event.as_deref(), Some("version_ready"));
        assert_eq!(claim.asset_id.as_deref(), Some("a"));
        assert_eq!(claim.version_id.as_deref(), version_id);
    }

    /// As a proxy compresses what was signed before.
    #[rstest]
    #[case::gzip(flate2::read::GzEncoder::new(CALLBACK, flate2::Compression::best()))]
    #[case::zlib(flate2::read::ZlibEncoder::new(CALLBACK, flate2::Compression::best()))]
    fn a_compressed_body_claims_what_it_holds(#[case] mut compressed: impl std::io::Read) {
        let mut body = Vec::new();
        compressed.read_to_end(&mut body).unwrap();
        let claim = Callback::claimed(&body);
        assert_eq!(claim.subject(), Some(version("a", "v", State::Failed)));
        // Nothing of it is let in.
        assert!(Callback::read(&body).subject().is_none());
    }

    #[test]
    fn what_is_no_callback_claims_nothing() {
        let long = format!(r#"{{"asset_id":"{}"}}"#, "a".repeat(MAX_ID + 1));
        let deep = format!(r#"{{"a":{}"#, "[".repeat(4000));
        for body in ["", "hello", "[1]", "\"asset_id\"", "\u{feff}", "{", "{}", &long, &deep] {
            let claim = Callback::claimed(body.as_bytes());
            assert!(claim.is_blank(), "{body}: {claim:?}");
            assert!(claim.unreadable.is_some(), "{body}");
        }
        assert!(Callback::claimed(&[0xff; 4096]).is_blank());
    }

    #[test]
    fn an_asset_failure_needs_no_version() {
        for body in [
            r#"{"event":"asset_failed","asset_id":"a","version_id":null,"version_locale":null}"#,
            r#"{"event":"asset_failed","asset_id":"a"}"#,
            r#"{"event":"asset_failed","asset_id":"a","version_id":"v7"}"#,
        ] {
            assert_eq!(
                Callback::read(body.as_bytes()).subject(),
                Some(Subject::AssetFailed { asset_id: "a" })
            );
        }
    }

    #[rstest]
    #[case::empty("", "the body is empty")]
    #[case::not_json("hello", "the body is not a JSON object: expected value at line 1 column 1")]
    #[case::list(
        "[1]",
        "the body is not a JSON object: invalid type: sequence, expected an object with the fields of a callback at line 1 column 0"
    )]
    #[case::no_event(r#"{"asset_id":"a"}"#, "event is missing")]
    #[case::unknown_event(
        r#"{"event":"version_archived","asset_id":"a","version_id":"v"}"#,
        "unknown event \"version_archived\""
    )]
    #[case::no_ids(r#"{"event":"version_ready"}"#, "version_id is missing; asset_id is missing")]
    #[case::empty_is_missing(
        r#"{"event":"version_ready","asset_id":"a","version_id":""}"#,
        "version_id is missing"
    )]
    #[case::null_is_missing(
        r#"{"event":"version_ready","asset_id":null,"version_id":"v"}"#,
        "asset_id is missing"
    )]
    #[case::odd_types(
        r#"{"event":"version_ready","asset_id":7,"version_id":["v"]}"#,
        "asset_id is a number, a string was expected; version_id is a list, a string was expected"
    )]
    #[case::odd_event(
        r#"{"event":{"a":1},"asset_id":"a"}"#,
        "event is an object, a string was expected"
    )]
    fn says_why_it_cannot_read(#[case] body: &str, #[case] why: &str) {
        let callback = Callback::read(body.as_bytes());
        assert_eq!(callback.unreadable.as_deref(), Some(why));
        assert_eq!(callback.subject(), None);
    }

    #[rstest]
    #[case::gzip(b"\x1f\x8b\x08\0", "it is gzip, which is not decompressed; send it as it is")]
    #[case::zstd(b"\x28\xb5\x2f\xfd", "it is zstd, which is not decompressed; send it as it is")]
    #[case::utf_16(b"\xff\xfe{\0}\0", "it is UTF-16, JSON is sent in UTF-8")]
    #[case::utf_16_without_mark(b"{\0}\0", "it is UTF-16, JSON is sent in UTF-8")]
    #[case::mark(b"\xef\xbb\xbf", "it is a byte order mark and nothing else")]
    #[case::blank(b" \n", "it is blank")]
    #[case::two_marks(b"\xef\xbb\xbf\xef\xbb\xbf{}", "expected value at line 1 column 1")]
    fn says_what_it_is_instead(#[case] body: &[u8], #[case] what: &str) {
        assert_eq!(
            Callback::read(body).unreadable,
            Some(format!("the body is not a JSON object: {what}"))
        );
    }

    #[test]
    fn what_can_be_read_of_an_unreadable_callback_is_shown() {
        let callback =
            Callback::read(br#"{"event":"version_archived","asset_id":"a","version_id":"v"}"#);
        assert_eq!(callback.event.as_deref(), Some("version_archived"));
        assert_eq!(callback.asset_id.as_deref(), Some("a"));
        assert_eq!(callback.version_id.as_deref(), Some("v"));
    }

    #[test]
    fn depth_and_length_do_no_harm() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            deep.clone(),
            format!(r#"{{"event":{deep},"asset_id":"a"}}"#),
            format!(r#"{{"x":{deep},"event":"version_ready"}}"#),
        ] {
            assert!(Callback::read(body.as_bytes()).unreadable.is_some());
        }
        let long = "x".repeat(MAX_ID + 1);
        let callback =
            Callback::read(format!(r#"{{"event":"asset_failed","asset_id":"{long}"}}"#).as_bytes());
        assert_eq!(
            callback.unreadable.as_deref(),
            Some("asset_id has 513 bytes, at most 512 are read")
        );
        assert_eq!(Callback::read(b"\xff\xfe{}").subject(), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_is_unreadable_or_has_a_subject(body: Vec<u8>) {
            let callback = Callback::read(&body);
            proptest::prop_assert_ne!(callback.unreadable.is_some(), callback.subject().is_some());
        }
    }
}
