//! Determines the client of a request behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted. By default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<(IpAddr, u8)>,
}

impl TrustedProxies {
    /// Creates the set of all addresses in these networks: an address and the length of its prefix.
    pub fn new(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        Self { networks: networks.into_iter().collect() }
    }

    /// Returns whether the headers of this peer are trusted.
    pub fn trust(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|(network, prefix)| contains(*network, *prefix, peer))
    }

    /// Returns the address of the client that sent a request: `peer`, unless that is a trusted
    /// proxy.
    ///
    /// Each proxy appends its client's address to `X-Forwarded-For`, so the list is read from its
    /// end while the addresses are trusted proxies. The client itself may have written all entries
    /// before these. Without a usable entry, returns `peer`.
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        let mut client = peer.to_string();
        if !self.trust(peer.ip()) {
            return client;
        }
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        for line in lines {
            let Ok(list) = line.to_str() else { return client };
            for entry in list.rsplit(',') {
                let Some((address, shown)) = address(entry.trim()) else { return client };
                client = shown;
                if !self.trust(address) {
                    return client;
                }
            }
        }
        client
    }
}

/// Parses an address with or without a port. IPv6 brackets are allowed without a port.
fn address(text: &str) -> Option<(IpAddr, String)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        return Some((address.ip(), address.to_string()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok()?.to_canonical();
    Some((address, address.to_string()))
}

fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let rest = width - u32::from(prefix).min(width);
    // Shifting by all 128 bits is no shift.
    (network ^ address).checked_shr(rest).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const LOOPBACK: [(IpAddr, u8); 2] = [
        (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8),
        (IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
    ];

    fn lines(lines: &[&'static str]) -> HeaderMap {
        let values = lines.iter().map(|line| HeaderValue::from_static(line));
        values.map(|value| (http::HeaderName::from_static("x-forwarded-for"), value)).collect()
    }

    #[test]
    fn only_what_a_trusted_proxy_wrote_is_believed() {
        let of_loopback = TrustedProxies::new(LOOPBACK);
        let named = TrustedProxies::new([
            ("10.1.0.0".parse().unwrap(), 16),
            ("2001:db8::".parse().unwrap(), 32),
        ]);
        let anybody = TrustedProxies::new(["0.0.0.0", "::"].map(|ip| (ip.parse().unwrap(), 0)));
        let nobody = TrustedProxies::default();
        for (proxies, peer, forwarded, client) in [
            (&nobody, "127.0.0.1:9", &["192.0.2.7"][..], "127.0.0.1:9"),
            (&of_loopback, "127.0.0.1:9", &["192.0.2.7"], "192.0.2.7"),
            (&of_loopback, "127.8.9.1:9", &["192.0.2.7"], "192.0.2.7"),
            (&of_loopback, "[::1]:9", &["192.0.2.7:80"], "192.0.2.7:80"),
            (&of_loopback, "[::ffff:127.0.0.1]:9", &["192.0.2.7"], "192.0.2.7"),
            (&of_loopback, "192.0.2.1:9", &["192.0.2.7"], "192.0.2.1:9"),
            // The client's own entries precede that of our proxy.
            (&of_loopback, "127.0.0.1:9", &["1.1.1.1, 192.0.2.7"], "192.0.2.7"),
            (&of_loopback, "127.0.0.1:9", &["1.1.1.1", "[2001:db8::1]:7"], "[2001:db8::1]:7"),
            (&of_loopback, "127.0.0.1:9", &["[2001:db8::1]"], "2001:db8::1"),
            // A chain of trusted proxies.
            (&named, "10.1.2.3:9", &["1.1.1.1, 192.0.2.7, 10.1.9.9"], "192.0.2.7"),
            (&named, "10.1.2.3:9", &["192.0.2.7", "10.1.9.9", "2001:db8::5"], "192.0.2.7"),
            (&named, "10.1.2.3:9", &["10.1.9.8, 10.1.9.9"], "10.1.9.8"),
            (&named, "10.2.2.3:9", &["192.0.2.7"], "10.2.2.3:9"),
            (&named, "127.0.0.1:9", &["192.0.2.7"], "127.0.0.1:9"),
            (&anybody, "192.0.2.1:9", &["192.0.2.7"], "192.0.2.7"),
            // No usable entry.
            (&of_loopback, "127.0.0.1:9", &[], "127.0.0.1:9"),
            (&of_loopback, "127.0.0.1:9", &["192.0.2.7, <script>"], "127.0.0.1:9"),
            (&of_loopback, "127.0.0.1:9", &["unknown"], "127.0.0.1:9"),
            (&of_loopback, "127.0.0.1:9", &[""], "127.0.0.1:9"),
        ] {
            let found = proxies.client(peer.parse().unwrap(), &lines(forwarded));
            assert_eq!(found, client, "{peer} {forwarded:?}");
        }
    }
}
