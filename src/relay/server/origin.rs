//! Who called, and by which URL, where a proxy of ours stands in between; trusts no other headers.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

use super::Settings;

/// The address of whoever called.
///
/// Behind a proxy that is the last in `X-Forwarded-For`: the one that our proxy wrote, whatever the
/// caller put before it.
pub(super) fn peer(settings: &Settings, peer: SocketAddr, headers: &HeaderMap) -> String {
    if settings.trust_forwarded_for
        && let Some(value) = headers.get_all("x-forwarded-for").iter().next_back()
        && let Ok(list) = value.to_str()
        && let Some(last) = list.rsplit(',').next()
        && let Some(address) = address(last.trim())
    {
        return address;
    }
    peer.to_string()
}

/// An address with or without a port.
fn address(text: &str) -> Option<String> {
    text.parse::<IpAddr>()
        .map(|address| address.to_string())
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.to_string()))
        .ok()
}

/// The URL at which the relay was reached, without a slash at its end.
pub(super) fn base_url(settings: &Settings, headers: &HeaderMap) -> String {
    if let Some(url) = &settings.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let forwarded =
        settings.trust_forwarded_for.then(|| headers.get("x-forwarded-proto")).flatten();
    let tls = forwarded.map_or(settings.tls, |proto| proto == "https" || proto == "wss");
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| host.len() <= 255)
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b)))
        .unwrap_or("localhost");
    format!("{}://{host}", if tls { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_last_hop_is_believed_and_only_when_asked_to() {
        let socket: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let forged = headers(&[("x-forwarded-for", "1.1.1.1, 192.0.2.7")]);
        let trusting = Settings { trust_forwarded_for: true, ..Settings::default() };
        assert_eq!(peer(&Settings::default(), socket, &forged), "127.0.0.1:9");
        assert_eq!(peer(&trusting, socket, &forged), "192.0.2.7");
        let twice =
            headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "[2001:db8::1]:7")]);
        assert_eq!(peer(&trusting, socket, &twice), "[2001:db8::1]:7");
        let garbage = headers(&[("x-forwarded-for", "192.0.2.7, <script>")]);
        assert_eq!(peer(&trusting, socket, &garbage), "127.0.0.1:9");
    }

    #[test]
    fn the_base_url_is_the_operators_or_what_was_dialled() {
        let dialled = headers(&[("host", "relay.example:8443"), ("x-forwarded-proto", "https")]);
        let plain = Settings::default();
        let trusting = Settings { trust_forwarded_for: true, ..Settings::default() };
        let told =
            Settings { public_url: Some("https://r.example/".to_owned()), ..Settings::default() };
        assert_eq!(base_url(&plain, &dialled), "http://relay.example:8443");
        assert_eq!(base_url(&trusting, &dialled), "https://relay.example:8443");
        assert_eq!(base_url(&told, &dialled), "https://r.example");
        assert_eq!(base_url(&plain, &headers(&[("host", "a/b\"")])), "http://localhost");
    }
}
