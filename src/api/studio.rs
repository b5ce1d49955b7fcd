//! The URL of a version in the service's studio, as far as it may be opened in a browser.

use http::Uri;

use super::address::ApiAddress;
use super::answer::VersionAnswer;
use crate::text::Printable;

/// The service's domain: its hosts may be opened.
const DOMAIN: &str = "panjaya.ai";
/// Maximum length of a URL, in bytes.
const MAX_URL: usize = 2048;

/// Returns the studio's URL from the answer about a version. The error is a sentence that says why
/// there is none, or why it is not opened: an answer must not lead a browser anywhere else.
pub fn studio_url(answer: &VersionAnswer, address: &ApiAddress) -> Result<String, String> {
    let Some(url) = &answer.studio_url else {
        return Err("the API names no studio URL for this version".to_owned());
    };
    let shown = Printable::new(url).cut(80);
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("https"));
    let Some((uri, host)) = uri.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
        return Err(format!("the studio URL is not opened: {shown} is no https URL"));
    };
    let is_plain = url.len() <= MAX_URL
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !is_plain {
        return Err(format!(
            "the studio URL is not opened: {shown} holds a login or odd characters, or is too long"
        ));
    }
    let host = host.to_ascii_lowercase();
    let is_of_service = host == DOMAIN
        || host.strip_suffix(DOMAIN).is_some_and(|host| host.ends_with('.'))
        || host == address.target().host.to_ascii_lowercase();
    if !is_of_service {
        return Err(format!("the studio URL is not opened: {shown} is not on {DOMAIN}"));
    }
    Ok(url.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(url: &str) -> Result<String, String> {
        let address = ApiAddress::new("https://staging.example").unwrap();
        let answer = VersionAnswer::read(&json!({"id": "v", "studio_url": url})).unwrap();
        studio_url(&answer, &address)
    }

    #[test]
    fn a_url_of_the_service_is_opened() {
        for url in [
            "https://studio.panjaya.ai/versions/ver_1?tab=qc#line",
            "https://STUDIO.Panjaya.ai/",
            "https://panjaya.ai/x",
            "https://staging.example/studio",
        ] {
            assert_eq!(of(url), Ok(url.to_owned()));
        }
    }

    #[test]
    fn every_other_url_is_refused_with_a_reason() {
        for (url, why) in [
            ("http://studio.panjaya.ai/", "is no https URL"),
            ("javascript:alert(1)", "is no https URL"),
            ("file:///etc/passwd", "is no https URL"),
            ("--help", "is no https URL"),
            ("https://evil.example/", "is not on panjaya.ai"),
            ("https://evilpanjaya.ai/", "is not on panjaya.ai"),
            ("https://panjaya.ai.evil.example/", "is not on panjaya.ai"),
            ("https://panjaya.ai@evil.example/", "holds a login"),
            ("https://evil.example@panjaya.ai/", "holds a login"),
            ("https://127.0.0.1/", "is not on panjaya.ai"),
        ] {
            let error = of(url).unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
        }
        let long = format!("https://studio.panjaya.ai/{}", "x".repeat(MAX_URL));
        let error = of(&long).unwrap_err();
        assert!(error.contains("too long") && error.len() < 250, "{error}");
        let address = ApiAddress::new("https://staging.example").unwrap();
        let none = VersionAnswer::read(&json!({"id": "v", "studio_url": null})).unwrap();
        assert!(studio_url(&none, &address).unwrap_err().contains("names no studio URL"));
    }
}
