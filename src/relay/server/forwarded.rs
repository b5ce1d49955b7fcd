//! Owns the base URL of a request, by the `X-Forwarded-Proto` of a trusted proxy.

use std::net::SocketAddr;

use http::{HeaderMap, header};

use super::ServerSettings;

/// Returns the URL at which the relay was reached, without a slash at its end.
pub(super) fn base_url(settings: &ServerSettings, peer: SocketAddr, headers: &HeaderMap) -> String {
    if let Some(url) = &settings.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let trusted = settings.proxies.trust(peer.ip());
    let forwarded = trusted.then(|| headers.get("x-forwarded-proto")).flatten();
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
    use crate::serve::TrustedProxies;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_base_url_is_the_operators_or_what_was_dialled() {
        let dialled = headers(&[("host", "relay.example:8443"), ("x-forwarded-proto", "https")]);
        let plain = ServerSettings::default();
        let proxies = TrustedProxies::new([("127.0.0.0".parse().unwrap(), 8)]);
        let trusting = ServerSettings { proxies, ..ServerSettings::default() };
        let peer: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let stranger: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let told = ServerSettings {
            public_url: Some("https://r.example/".to_owned()),
            ..ServerSettings::default()
        };
        assert_eq!(base_url(&plain, peer, &dialled), "http://relay.example:8443");
        assert_eq!(base_url(&trusting, peer, &dialled), "https://relay.example:8443");
        assert_eq!(base_url(&trusting, stranger, &dialled), "http://relay.example:8443");
        assert_eq!(base_url(&told, peer, &dialled), "https://r.example");
        assert_eq!(base_url(&plain, peer, &headers(&[("host", "a/b\"")])), "http://localhost");
    }
}
