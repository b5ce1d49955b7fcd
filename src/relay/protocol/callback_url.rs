//! Checks the callback URL that a relay sends to its readers.

use http::Uri;

use crate::text::Printable;

/// Returns the callback URL if it is safe to show and to copy; `None` otherwise. Users paste it
/// into a form or after `curl ` in a shell. So it must be an absolute http or https URL without
/// characters that are special to a shell or to curl, except the brackets around an IPv6 address.
pub fn callback_url(text: &str) -> Option<Printable> {
    let means_nothing = |c: char| c.is_ascii_alphanumeric() || "-._~%/:+,=".contains(c);
    let uri: Uri = text.parse().ok().filter(|_| text.len() <= 2048)?;
    let host = uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']'))?;
    if !host.chars().chain(uri.path().chars()).all(means_nothing)
        || uri.query().is_some()
        || text.contains(['@', '#'])
    {
        return None;
    }
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_http && !host.is_empty()).then(|| Printable::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_http_url_is_a_callback_url() {
        for url in [
            "https://relay.example/in/abc",
            "http://127.0.0.1:8080/in/abc",
            "http://[::1]:1/in/a",
            "HTTPS://relay.example/deep/in/abc",
        ] {
            assert_eq!(callback_url(url).unwrap().as_str(), url);
        }
        let long = format!("https://relay.example/{}", "a".repeat(2048));
        for wrong in [
            "",
            "/in/abc",
            "relay.example/in/abc",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ws://relay.example/in/abc",
            "https://",
            "https:///in/abc",
            "https://relay.example@evil.example/in/abc",
            "https://relay.example/in/abc; rm -rf ~",
            "https://relay.example/in/$(id)",
            "https://relay.example/in/abc;id",
            "https://relay.example/in/abc?a=b&id",
            "https://relay.example/in/'`id`",
            "https://relay.example/in/[1-100000]",
            "https://relay.example/in/{a,b}",
            "https://relay.example/in/\u{1b}[201~",
            "https://relay.example/in/\u{202e}abc",
            "https://relay.example/in/a\nb",
            "call +1 555 0100 to get your callbacks",
            &long,
        ] {
            assert_eq!(callback_url(wrong), None, "{wrong}");
        }
    }
}
