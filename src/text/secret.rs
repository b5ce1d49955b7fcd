//! Hides secrets in URLs.

/// Replaces a secret.
const HIDDEN: &str = "…";
/// Stands for a secret in our own advice.
const EXAMPLE: &str = "user:password";

/// Returns a text with the user names, passwords and tokens of its URLs hidden: everything before
/// the `@` of an authority (RFC 3986, section 3.2.1), and everything before any `@` or behind the
/// `?` of a websocket URL, which may contain neither.
pub fn without_secrets(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        said.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | '`');
        let (url, behind) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let is_websocket = before.ends_with("ws://") || before.ends_with("wss://");
        let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
        let may_hide = if is_websocket { url.len() } else { authority };
        let shown = match url[..may_hide].rfind('@') {
            Some(at) => {
                said.push_str(if &url[..at] == EXAMPLE { EXAMPLE } else { HIDDEN });
                &url[at..]
            }
            None => url,
        };
        match shown.find('?').filter(|_| is_websocket) {
            Some(query) => {
                said.push_str(&shown[..=query]);
                said.push_str(HIDDEN);
            }
            None => said.push_str(shown),
        }
        rest = behind;
    }
    said.push_str(rest);
    said
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("wss://user:s3cret@h/x", "wss://…@h/x")]
    #[case("as http://user:password@h:1", "as http://user:password@h:1")]
    #[case("'wss://s3cret@h' and more", "'wss://…@h' and more")]
    #[case("ws://user:s3/cret@h", "ws://…@h")]
    #[case("wss://h/?token=s3cret no", "wss://h/?… no")]
    #[case(
        "at http://u:s3cret@127.0.0.1:1/, at https://u@h",
        "at http://…@127.0.0.1:1/, at https://…@h"
    )]
    #[case("https://h/@name?q=1#@", "https://h/@name?q=1#@")]
    #[case("https://h:1/x \"http://a@b@c\"", "https://h:1/x \"http://…@c\"")]
    #[case("://, no URL: a@b ://", "://, no URL: a@b ://")]
    fn secrets_are_hidden_and_the_rest_stays(#[case] text: &str, #[case] said: &str) {
        assert_eq!(without_secrets(text), said);
    }
}
