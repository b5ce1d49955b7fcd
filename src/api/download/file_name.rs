//! How a downloaded file is called: by us, never by the host.
//!
//! A name is one segment of a path that every file system can have: without separators, controls,
//! invisible characters, characters that shells or other systems treat specially, and without a dot or
//! dash at its beginning.

use std::collections::BTreeSet;

use crate::text::is_hidden;

/// Maximum length of each part of a name, in bytes. Together with the extension and the endings of
/// unfinished files they fit into the 255 that file systems have.
const MAX_NAME: usize = 120;
const MAX_LOCALE: usize = 24;
const MAX_ID: usize = 48;

/// Extensions that a name can have from the uploaded file.
const VIDEOS: &[&str] =
    &["avi", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ts", "webm", "wmv"];

/// Returns the name of a file without its extension: the asset's name, the locale, and an id if other
/// files would have the same name.
pub fn file_stem(name: &str, locale: Option<&str>, version_id: Option<&str>) -> String {
    let mut stem = safe(without_extension(name), MAX_NAME);
    if stem.is_empty() {
        "video".clone_into(&mut stem);
    }
    let parts = [locale.map(|text| safe(text, MAX_LOCALE)), version_id.map(|id| safe(id, MAX_ID))];
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        stem.push('.');
        stem.push_str(&part);
    }
    stem
}

/// Returns the name of the file of each version, by id and locale. Versions in the same locale
/// have their ids in it, and no two names are equal, also where case does not count.
pub fn file_stems(name: &str, versions: &[(String, Option<String>)]) -> Vec<String> {
    let plain: Vec<_> =
        versions.iter().map(|(_, locale)| file_stem(name, locale.as_deref(), None)).collect();
    let is_one = |stem: &str| {
        plain.iter().filter(|other| other.to_lowercase() == stem.to_lowercase()).count() == 1
    };
    let mut taken = BTreeSet::new();
    let stems = versions.iter().zip(&plain).map(|((id, locale), stem)| {
        let stem =
            if is_one(stem) { stem.clone() } else { file_stem(name, locale.as_deref(), Some(id)) };
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}"));
        let mut choices = std::iter::once(stem.clone()).chain(numbered);
        // There are more numbers than versions.
        choices.find(|choice| taken.insert(choice.to_lowercase())).unwrap_or_else(|| stem.clone())
    });
    stems.collect()
}

/// Returns the extension for a `Content-Type`.
pub(super) fn extension(content_type: &str) -> &'static str {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "video/mp4" | "application/mp4" => "mp4",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "video/x-matroska" | "video/matroska" => "mkv",
        "video/x-m4v" => "m4v",
        "video/mpeg" => "mpg",
        "video/mp2t" => "ts",
        "video/x-msvideo" => "avi",
        "application/mxf" => "mxf",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/x-m4a" => "m4a",
        "audio/wav" | "audio/x-wav" | "audio/vnd.wave" => "wav",
        "application/zip" => "zip",
        _ => "bin",
    }
}

/// Returns a name without the extension of the uploaded video.
fn without_extension(name: &str) -> &str {
    match name.trim_end().rsplit_once('.') {
        Some((stem, end)) if VIDEOS.iter().any(|video| end.eq_ignore_ascii_case(video)) => stem,
        _ => name,
    }
}

/// Returns a text as part of a file name of at most `max` bytes; empty if nothing of it is left.
fn safe(text: &str, max: usize) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || is_hidden(c)
            || (c.is_whitespace() && c != ' ')
            || "/\\:*?\"<>|".contains(c)
    };
    let mut safe = String::new();
    for c in text.trim_start_matches(['.', ' ']).chars() {
        let c = match c {
            c if is_odd(c) => '_',
            '-' | '~' if safe.is_empty() => '_',
            c => c,
        };
        if safe.len() + c.len_utf8() > max {
            break;
        }
        safe.push(c);
    }
    safe.truncate(safe.trim_end_matches(['.', ' ']).len());
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("The film", Some("es-ES"), None, "The film.es-ES")]
    #[case("episode 1.MP4", Some("fr-FR"), None, "episode 1.fr-FR")]
    #[case("v1.2", None, None, "v1.2")]
    #[case("a", Some("es-ES"), Some("ver_1"), "a.es-ES.ver_1")]
    #[case("../../etc/passwd", Some("../x"), None, "_.._etc_passwd._x")]
    #[case("..", Some(".."), Some("."), "video")]
    #[case("", None, Some("ver_1"), "video.ver_1")]
    #[case(".hidden", None, None, "hidden")]
    #[case("-rf ~", None, None, "_rf ~")]
    #[case("~/x", None, None, "__x")]
    #[case("a\u{1b}[2J\n\u{202e}b\u{0}", None, None, "a_[2J__b_")]
    #[case("C:\\x?*|", None, None, "C__x___")]
    #[case("name. ", None, None, "name")]
    #[case("日本語 🎬", Some("ja-JP"), None, "日本語 🎬.ja-JP")]
    fn names_are_safe(
        #[case] name: &str,
        #[case] locale: Option<&str>,
        #[case] id: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(file_stem(name, locale, id), expected);
    }

    #[test]
    fn no_two_versions_have_one_file() {
        let stems = |versions: &[(&str, Option<&str>)]| {
            let versions: Vec<_> = versions
                .iter()
                .map(|(id, locale)| ((*id).to_owned(), locale.map(str::to_owned)))
                .collect();
            file_stems("film", &versions)
        };
        assert_eq!(
            stems(&[("v1", Some("es-ES")), ("v2", Some("fr-FR"))]),
            ["film.es-ES", "film.fr-FR"]
        );
        assert_eq!(
            stems(&[("v1", Some("es-ES")), ("v2", Some("ES-es")), ("v3", None)]),
            ["film.es-ES.v1", "film.ES-es.v2", "film"]
        );
        assert_eq!(
            stems(&[("v/", None), ("v:", None), ("V_", None)]),
            ["film.v_", "film.v_-2", "film.V_-3"]
        );
    }

    #[test]
    fn extensions_follow_the_content_type() {
        for (kind, expected) in [
            ("video/mp4", "mp4"),
            ("Video/MP4; codecs=\"avc1\"", "mp4"),
            ("application/octet-stream", "bin"),
            ("../mp4", "bin"),
            ("", "bin"),
        ] {
            assert_eq!(extension(kind), expected, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_one_short_segment(name: String, locale: Option<String>, id: Option<String>) {
            let stem = file_stem(&name, locale.as_deref(), id.as_deref());
            prop_assert!(!stem.is_empty() && stem.len() <= 194);
            prop_assert!(!stem.starts_with(['.', '-', ' ', '~']) && !stem.ends_with(['.', ' ']));
            prop_assert!(stem.chars().all(|c| !c.is_control() && !is_hidden(c) && c != '/' && c != '\\'));
            let path = std::path::Path::new(&stem);
            prop_assert_eq!(path.components().count(), 1);
        }
    }
}
