//! Copying: ids, URLs and commands immediately; bodies after the delivery has been read.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::effect::{Effect, Request, StudioUse};
use super::super::keymap::Action;
use super::super::model::detail::Detail;
use super::super::model::mode::Mode;
use super::super::model::screen::Screen;
use super::super::model::target::Target;
use super::super::model::{CopyKind, Model};
use super::{enter, show_message};
use crate::callback::{Headers, SIGNATURE_HEADER};
use crate::text::{ClipText, Printable, shell_word};

/// Opens the copy menu.
pub(super) fn begin(model: &mut Model) -> Vec<Effect> {
    let under = Box::new(std::mem::replace(&mut model.mode, Mode::Normal));
    model.mode = Mode::Copy(under);
    Vec::new()
}

/// Applies a choice from the menu.
pub(super) fn press(model: &mut Model, action: Action) -> Vec<Effect> {
    let Mode::Copy(under) = std::mem::replace(&mut model.mode, Mode::Normal) else {
        return Vec::new();
    };
    model.mode = *under;
    let (what, text) = match action {
        Action::CopyId => ("the asset's id", asset_id(model)),
        Action::CopyVersion => ("the version's id", version_id(model)),
        Action::CopyGetVersion => match version_id(model).map(|id| get_version(&id)) {
            Some(Err(why)) => {
                show_message(model, why);
                return Vec::new();
            }
            line => ("the command that gets the version", line.and_then(Result::ok)),
        },
        Action::CopyUrl => ("the callback URL", non_empty(&model.run_info.callback_url)),
        Action::CopySend => ("the command", non_empty(&model.run_info.send_line)),
        Action::CopyStudio => return ask_studio(model, StudioUse::Copy),
        Action::CopyBody => return copy_of_delivery(model, CopyKind::Body),
        Action::CopyBase64 => return copy_of_delivery(model, CopyKind::Base64),
        Action::CopyCurl => return copy_of_delivery(model, CopyKind::Curl),
        _ => return Vec::new(),
    };
    let Some(text) = text else {
        show_message(model, format!("{what}: nothing to copy here"));
        return Vec::new();
    };
    // Ids come from outside, and a shell executes what is pasted.
    match ClipText::line(&text) {
        Ok(text) if Printable::new(text.as_str()).as_str() == text.as_str() => {
            vec![Effect::Copy { what: what.to_owned(), text }]
        }
        _ => {
            show_message(
                model,
                format!("{what} is not copied: it has invisible characters, see the body"),
            );
            Vec::new()
        }
    }
}

fn copy_of_delivery(model: &mut Model, kind: CopyKind) -> Vec<Effect> {
    if let Mode::Detail(open) = &model.mode
        && let Some(detail) = open.detail.clone()
    {
        return copy_effects(model, kind, &detail);
    }
    let target = match &model.mode {
        Mode::Detail(open) => Some(open.target),
        _ => enter::selected_target(model),
    };
    let Some(target) = target else {
        show_message(model, "no delivery is selected");
        return Vec::new();
    };
    model.pending_copy = Some((target, kind));
    vec![Effect::Request(Request::Detail(target))]
}

/// Copies the requested part if this is the delivery that was waited for.
pub(super) fn copy_pending(
    model: &mut Model,
    target: Target,
    detail: Option<&Detail>,
) -> Vec<Effect> {
    match (model.pending_copy, detail) {
        (Some((pending_target, kind)), Some(detail)) if pending_target == target => {
            model.pending_copy = None;
            copy_effects(model, kind, detail)
        }
        _ => Vec::new(),
    }
}

fn copy_effects(model: &mut Model, kind: CopyKind, detail: &Detail) -> Vec<Effect> {
    if detail.truncated {
        show_message(model, "not copied: the body was cut when it was refused");
        return Vec::new();
    }
    if kind == CopyKind::Curl && detail.row.is_answer() {
        show_message(
            model,
            "not copied: an answer of the API is no callback to post; y r: ask for the version",
        );
        return Vec::new();
    }
    if kind == CopyKind::Curl && model.run_info.callback_url.is_empty() {
        show_message(model, "not copied: nothing is listening here, so there is no URL");
        return Vec::new();
    }
    let (what, text) = match kind {
        CopyKind::Body => ("the body", body(&detail.body)),
        CopyKind::Base64 => {
            let text = ClipText::line(&STANDARD.encode(&detail.body));
            ("the body in base64", text.map_err(|control| control.to_string()))
        }
        CopyKind::Curl => {
            ("the command", curl(&detail.headers, &detail.body, &model.run_info.callback_url))
        }
    };
    match text {
        Ok(text) => vec![Effect::Copy { what: what.to_owned(), text }],
        Err(why) => {
            show_message(model, why);
            Vec::new()
        }
    }
}

/// Returns a body as text that can be pasted safely, or a sentence that says why it cannot.
fn body(body: &[u8]) -> Result<ClipText, String> {
    let text = std::str::from_utf8(body)
        .map_err(|_| "the body is not text; y B copies it in base64".to_owned())?;
    ClipText::new(text)
        .map_err(|control| format!("the body is not copied: {control}; y B copies it in base64"))
}

/// Returns a command that posts the same bytes with the same signature. Headers are text from
/// outside, so each is in single quotes. Returns a sentence if one has control characters, which no
/// quotes can hold.
fn curl(headers: &Headers, body: &[u8], url: &str) -> Result<ClipText, String> {
    let prefix = "its headers are not copied into a command";
    let latin1 = headers.latin1();
    let mut line = format!("echo {} | base64 -d | curl", STANDARD.encode(body));
    for (at, (name, value)) in headers.iter().enumerate() {
        if matches!(name, "content-type" | SIGNATURE_HEADER | "x-signature-algorithm") {
            // The pasted text is UTF-8, so the bytes would differ.
            if latin1.contains(&at) {
                return Err(format!("{prefix}: {name} is not UTF-8; y B copies the body"));
            }
            line.push_str(" -H ");
            line.push_str(&shell_word(&format!("{name}: {value}")));
        }
    }
    line.push_str(" --data-binary @- ");
    line.push_str(&shell_word(url));
    ClipText::line(&line).map_err(|control| format!("{prefix}: {control}; y B copies the body"))
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn asset_id(model: &Model) -> Option<String> {
    if let Mode::Detail(open) = &model.mode {
        return open.detail.as_ref()?.row.callback().asset_id.clone();
    }
    if model.screen == Screen::Deliveries {
        return model.row(model.selected_row()?)?.callback().asset_id.clone();
    }
    model.selected_asset().map(|asset| asset.id().to_owned())
}

pub(super) fn version_id(model: &Model) -> Option<String> {
    if let Mode::Detail(open) = &model.mode {
        return open.detail.as_ref()?.row.callback().version_id.clone();
    }
    if model.screen == Screen::Deliveries {
        return model.row(model.selected_row()?)?.callback().version_id.clone();
    }
    let asset = model.selected_asset()?;
    let lanes = asset.lanes();
    let lane = if model.screen == Screen::Matrix {
        // The version of the selected cell; if it has several, the one that is drawn.
        let locale = model.selected_locale()?;
        lanes.iter().find(|row| row.version.locale() == locale)
    } else {
        lanes.get(model.selected_lane())
    };
    Some(lane?.version_id.clone())
}

/// Requests where the selected version is edited.
pub(super) fn ask_studio(model: &mut Model, then: StudioUse) -> Vec<Effect> {
    let Some(version_id) = version_id(model) else {
        show_message(model, "no version is selected");
        return Vec::new();
    };
    show_message(model, "asking the API for the studio's URL");
    vec![Effect::Request(Request::Studio { version_id, then })]
}

/// Shows or copies where a version is edited.
pub(super) fn studio(model: &mut Model, then: StudioUse, url: &str) -> Vec<Effect> {
    match (then, ClipText::line(url)) {
        (StudioUse::Open, _) => {
            show_message(model, format!("opening {url}"));
            Vec::new()
        }
        (StudioUse::Copy, Ok(text)) => {
            vec![Effect::Copy { what: "the studio's URL".to_owned(), text }]
        }
        (StudioUse::Copy, Err(control)) => {
            show_message(model, format!("the studio's URL is not copied: {control}"));
            Vec::new()
        }
    }
}

/// The *Get Version* URL of the service's API.
const GET_VERSION: &str = "https://api.panjaya.ai/v1/versions/";

/// Returns a command that requests a version from the service's API. The shell fills in the key,
/// which never passes through here.
///
/// # Errors
///
/// Returns a sentence that says why there is no command.
fn get_version(id: &str) -> Result<String, String> {
    // RFC 3986, section 6.2.2.3: these are removed from a path before the request.
    if matches!(id, "." | "..") {
        return Err(format!("the id {id} cannot be used in a URL"));
    }
    let mut url = GET_VERSION.to_owned();
    for byte in id.bytes() {
        // RFC 3986, section 2.3: everything else is encoded, and so is `~`, which shells expand.
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            url.push(byte.into());
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    let url = shell_word(&url);
    Ok(format!(r#"curl -sS -H "Authorization: Bearer panjaya-$PANJAYA_API_KEY" {url}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that ends the terminal's bracketed paste, followed by a command.
    const PASTE: &str = "{}\u{1b}[201~\rtouch /tmp/x\r";

    #[test]
    fn a_body_with_control_characters_is_copied_in_base64_only() {
        assert_eq!(body(b"{\r\n\t}").unwrap().as_str(), "{\n\t}");
        let why = body(PASTE.as_bytes()).unwrap_err();
        assert!(why.contains("ESC at byte 2") && why.ends_with("y B copies it in base64"), "{why}");
        assert!(body(b"\xff").unwrap_err().ends_with("y B copies it in base64"));
    }

    #[test]
    fn no_control_character_of_a_header_gets_into_a_command() {
        let url = "http://127.0.0.1:3829/callback";
        for name in ["content-type", SIGNATURE_HEADER] {
            let headers = Headers::from_raw([(name, PASTE.as_bytes())]);
            let why = curl(&headers, b"{}", url).unwrap_err();
            assert!(why.contains("ESC") && why.ends_with("y B copies the body"), "{why}");
        }
        let headers =
            Headers::from_raw([(SIGNATURE_HEADER, b"30'; id".as_slice()), ("x", b"\x1b")]);
        let line = curl(&headers, PASTE.as_bytes(), url).unwrap();
        assert!(line.as_str().contains(r"'x-signature: 30'\''; id'"), "{line}");
        assert!(!line.as_str().contains("touch"), "{line}");
    }

    #[test]
    fn a_header_that_is_not_utf8_is_not_copied_into_a_command() {
        let url = "http://127.0.0.1:3829/callback";
        let of = |value: &[u8]| curl(&Headers::from_raw([(SIGNATURE_HEADER, value)]), b"{}", url);
        assert!(of("é".as_bytes()).unwrap().as_str().contains("'x-signature: é'"));
        let why = of(b"\xe9").unwrap_err();
        assert!(why.contains("x-signature is not UTF-8"), "{why}");
    }

    #[test]
    fn ids_are_encoded_in_the_get_version_command() {
        let url = |id: &str| {
            let line = get_version(id).unwrap();
            let (head, url) = line.rsplit_once(' ').unwrap();
            assert_eq!(
                head, r#"curl -sS -H "Authorization: Bearer panjaya-$PANJAYA_API_KEY""#,
                "the key is never a value"
            );
            url.strip_prefix(GET_VERSION).unwrap_or_else(|| panic!("{url}")).to_owned()
        };
        assert_eq!(url("ver_03"), "ver_03");
        assert_eq!(url("a/b?c#d e"), "a%2Fb%3Fc%23d%20e");
        assert_eq!(url("'; rm -rf ~ $(x) `y`"), "%27%3B%20rm%20-rf%20%7E%20%24%28x%29%20%60y%60");
        assert_eq!(url("é\u{202e}\n"), "%C3%A9%E2%80%AE%0A");
        assert!(get_version("..").is_err() && get_version("...").is_ok());
    }
}
