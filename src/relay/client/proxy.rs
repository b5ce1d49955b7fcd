//! Through which proxy a relay is reached, if any, and the `CONNECT` that opens the way.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::address::Address;
use crate::text::Printable;

/// The longest answer to a `CONNECT`, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The proxies that the environment names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    secure: Option<Named>,
    plain: Option<Named>,
    /// Hosts and networks that are reached directly; `*` stands for all.
    direct: Vec<String>,
}

/// What a variable names: a proxy, or nothing that can be used as one, which matters only to those
/// who would go through it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    proxy: Option<Proxy>,
}

/// A proxy. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// `user:password`, in base64.
    login: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// Why the way through a proxy cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ProxyError {
    #[error(
        "{0} is no URL of a proxy that can be used; expected one like http://proxy.example:3128"
    )]
    NoProxy(&'static str),
    #[error("the proxy asks for a login: put it in HTTPS_PROXY, as http://user:password@host:port")]
    Login,
    #[error("the proxy answered {0}")]
    Answer(Printable),
    #[error("the proxy broke off: {0}")]
    Broken(#[from] std::io::Error),
}

impl Proxies {
    /// Those that variables name: `HTTPS_PROXY` for `wss://`, `http_proxy` for `ws://`, `NO_PROXY`
    /// for what is reached directly; each also in lower case, which wins. `HTTP_PROXY` in upper case
    /// is left alone, as everywhere: a CGI request can set it.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |lower: &str, upper: &str| {
            [lower, upper].into_iter().find_map(&variable).filter(|value| !value.is_empty())
        };
        let named = |url: Option<String>, variable| {
            url.map(|url| Named { variable, proxy: Proxy::new(&url) })
        };
        let direct = either("no_proxy", "NO_PROXY").unwrap_or_default();
        Self {
            secure: named(either("https_proxy", "HTTPS_PROXY"), "HTTPS_PROXY"),
            plain: named(variable("http_proxy").filter(|url| !url.is_empty()), "http_proxy"),
            direct: direct
                .split([',', ' '])
                .map(|host| host.trim().trim_start_matches("*.").trim_start_matches('.'))
                .filter(|host| !host.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    }

    /// Whether the proxy on the way to a relay can be used, where there is one.
    pub fn check(&self, address: &Address) -> Result<(), ProxyError> {
        self.to(address).map(drop)
    }

    /// The proxy on the way to a relay. This machine is always reached directly.
    pub(super) fn to(&self, address: &Address) -> Result<Option<&Proxy>, ProxyError> {
        let named = if address.tls { self.secure.as_ref() } else { self.plain.as_ref() };
        let is_direct =
            || address.is_loopback() || self.direct.iter().any(|name| is_meant(name, address));
        match named {
            Some(named) if !is_direct() => match &named.proxy {
                Some(proxy) => Ok(Some(proxy)),
                None => Err(ProxyError::NoProxy(named.variable)),
            },
            _ => Ok(None),
        }
    }
}

/// Whether an entry of `NO_PROXY` names a relay: a host and all below it, an address, either with a
/// port, or a network like `10.0.0.0/8`.
fn is_meant(entry: &str, address: &Address) -> bool {
    let host = address.host.to_ascii_lowercase();
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return is_within(&host, network, bits).unwrap_or(false);
    }
    let (name, port) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => match entry.split_once(':') {
            // More than one colon is an address without a port.
            Some((name, port)) if !port.contains(':') => (name, Some(port)),
            _ => (entry, None),
        },
    };
    if port.is_some_and(|port| port.parse() != Ok(address.port)) {
        return false;
    }
    match (host.parse::<IpAddr>(), name.parse::<IpAddr>()) {
        (Ok(host), Ok(name)) => host == name,
        _ => host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

/// Whether an address is of a network; `None` where one of them is none.
fn is_within(host: &str, network: &str, bits: &str) -> Option<bool> {
    let network = network.trim_start_matches('[').trim_end_matches(']');
    let bits: u32 = bits.parse().ok()?;
    let (differ, length) = match (host.parse().ok()?, network.parse().ok()?) {
        (IpAddr::V4(host), IpAddr::V4(network)) => {
            (u128::from(host.to_bits() ^ network.to_bits()), 32)
        }
        (IpAddr::V6(host), IpAddr::V6(network)) => (host.to_bits() ^ network.to_bits(), 128),
        _ => return None,
    };
    // Shifted by all of them nothing is left: a network of 0 bits is everything.
    let rest = u32::checked_sub(length, bits)?;
    Some(differ.checked_shr(rest).unwrap_or(0) == 0)
}

impl Proxy {
    fn new(url: &str) -> Option<Self> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        Some(Self {
            host: Some(host).filter(|host| !host.is_empty())?,
            port: authority.port_u16().unwrap_or(80),
            login: login.map(|login| STANDARD.encode(unescaped(login))),
        })
    }
}

/// A login with its percent signs resolved (RFC 3986, section 2.1).
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| hex::decode(pair).ok());
        if let (b'%', Some(pair)) = (byte, pair) {
            out.extend(pair);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}

/// Opens the way to `address` through a connection to `proxy`.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    address: &Address,
) -> Result<(), ProxyError> {
    let to = address.host_and_port();
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(login) = &proxy.login {
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(login);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    // A byte at a time: what stands behind the head is the relay's already.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(ProxyError::Answer(Printable::new("with a head that does not end")));
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        Some("407") => Err(ProxyError::Login),
        _ => Err(ProxyError::Answer(Printable::new(&line).cut(80))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn way(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let proxies = proxies(variables);
        let proxy = proxies.to(&Address::new(url, true).unwrap()).unwrap()?;
        Some(format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn the_environment_says_which_way() {
        let set = [("HTTPS_PROXY", "http://p.example:3128")];
        assert_eq!(way(&set, "wss://relay.example").as_deref(), Some("p.example:3128"));
        assert_eq!(way(&set, "ws://relay.example"), None);
        assert_eq!(way(&set, "wss://127.0.0.1:1"), None);
        let both = [("HTTPS_PROXY", "http://p.example"), ("https_proxy", "q.example:8")];
        assert_eq!(way(&both, "wss://relay.example").as_deref(), Some("q.example:8"));
        assert_eq!(way(&[], "wss://relay.example"), None);
        assert_eq!(way(&[("HTTP_PROXY", "http://p.example")], "ws://relay.example"), None);
        assert_eq!(
            way(&[("http_proxy", "http://p.example")], "ws://relay.example").as_deref(),
            Some("p.example:80")
        );
    }

    #[test]
    fn some_hosts_are_reached_directly() {
        for (no_proxy, direct) in [
            ("relay.example", true),
            ("example", true),
            (".example", true),
            ("*.example", true),
            ("a, RELAY.example", true),
            ("*", true),
            ("relay.example:443", true),
            ("relay.example:8443", false),
            ("lay.example", false),
            ("", false),
        ] {
            let set = [("HTTPS_PROXY", "http://p.example"), ("NO_PROXY", no_proxy)];
            assert_eq!(way(&set, "wss://relay.example").is_none(), direct, "{no_proxy:?}");
        }
        for (no_proxy, url, direct) in [
            ("[2001:db8::1]", "wss://[2001:db8::1]", true),
            ("[2001:DB8:0::1]:443", "wss://[2001:db8::1]", true),
            ("[2001:db8::1]:8443", "wss://[2001:db8::1]", false),
            ("2001:db8::1", "wss://[2001:db8::1]", true),
            ("db8::1", "wss://[2001:db8::1]", false),
            ("2001:db8::/32", "wss://[2001:db8::1]", true),
            ("2001:db9::/32", "wss://[2001:db8::1]", false),
            ("10.0.0.0/8", "wss://10.9.8.7", true),
            ("10.0.0.0/16", "wss://10.9.8.7", false),
            ("0.0.0.0/0", "wss://10.9.8.7", true),
            ("10.9.8.7/32", "wss://10.9.8.7", true),
            ("10.0.0.0/33", "wss://10.9.8.7", false),
            ("10.0.0.0/8", "wss://relay.example", false),
        ] {
            let set = [("HTTPS_PROXY", "http://p.example"), ("NO_PROXY", no_proxy)];
            assert_eq!(way(&set, url).is_none(), direct, "{no_proxy:?} {url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_matters_only_to_who_would_use_it() {
        let set = [("HTTPS_PROXY", "socks5://p.example"), ("NO_PROXY", "near.example")];
        for direct in ["ws://127.0.0.1:1", "ws://relay.example", "wss://near.example"] {
            assert_eq!(way(&set, direct), None, "{direct}");
        }
        let far = Address::new("wss://relay.example", false).unwrap();
        assert!(matches!(proxies(&set).check(&far), Err(ProxyError::NoProxy("HTTPS_PROXY"))));
    }

    #[test]
    fn a_password_is_sent_and_not_shown() {
        let proxy = Proxy::new("http://me:p%40ss@p.example:1").unwrap();
        assert_eq!(proxy.login.as_deref(), Some("bWU6cEBzcw=="));
        assert_eq!(format!("{proxy:?}"), "Proxy(p.example:1)");
        for wrong in ["https://me:s3cret@p.example", "socks5://p.example", "http://"] {
            let far = Address::new("wss://relay.example", false).unwrap();
            let error = proxies(&[("https_proxy", wrong)]).check(&far).unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn connect_is_asked_for_and_its_answer_read() {
        let address = Address::new("wss://relay.example", false).unwrap();
        let proxy = Proxy::new("http://me:pw@p.example:1").unwrap();
        for (answer, wanted) in [
            ("HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n", None),
            ("HTTP/1.0 407 no\r\n\r\n", Some("the proxy asks for a login")),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", Some("the proxy answered HTTP/1.1 403 Forbidden")),
            ("HTTP/1.1 20", Some("the proxy broke off")),
        ] {
            let (mut ours, mut theirs) = tokio::io::duplex(4096);
            theirs.write_all(answer.as_bytes()).await.unwrap();
            theirs.write_all(b"x").await.unwrap();
            let mut request = vec![0; 500];
            if answer.ends_with("20") {
                let error = {
                    let (mut ours, mut theirs) = tokio::io::duplex(4096);
                    theirs.write_all(answer.as_bytes()).await.unwrap();
                    theirs.shutdown().await.unwrap();
                    connect(&mut ours, &proxy, &address).await.unwrap_err().to_string()
                };
                assert!(error.starts_with(wanted.unwrap()), "{error}");
                continue;
            }
            let result = connect(&mut ours, &proxy, &address).await;
            let read = theirs.read(&mut request).await.unwrap();
            assert_eq!(
                std::str::from_utf8(&request[..read]).unwrap(),
                "CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\nProxy-Authorization: Basic bWU6cHc=\r\n\r\n"
            );
            match wanted {
                None => assert_eq!(ours.read_u8().await.unwrap(), b'x', "the relay's first byte"),
                Some(wanted) => assert!(result.unwrap_err().to_string().starts_with(wanted)),
            }
        }
    }
}
