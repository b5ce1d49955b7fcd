//! Selects the proxy for a target from environment variables. Opens no connection.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::uri::Authority;
use percent_encoding::percent_decode_str;

use super::{Destination, Scheme};
use crate::text::Printable;

/// Maximum width of a proxy's authentication schemes in a message, in columns.
const MAX_OFFERS: usize = 60;

/// Time limit for connecting to a proxy and opening a tunnel.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The proxies from the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    secure: Option<Named>,
    plain: Option<Named>,
    /// Hosts and networks that are reached directly; `*`: all.
    direct: Vec<String>,
    /// Whether there is a `HTTP_PROXY`, which the user may expect to be used.
    has_unused: bool,
}

/// The value of a variable: a proxy, or an error, which matters only to connections that would use
/// the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    proxy: Result<Proxy, Unusable>,
}

/// Why a URL cannot be used as a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    NoUrl,
    Https,
    Socks4,
}

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Socks5,
}

/// A proxy. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    /// User name and password.
    login: Option<(Vec<u8>, Vec<u8>)>,
    variable: &'static str,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// A proxy and its variable, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    place: Printable,
    variable: &'static str,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} ({})", self.place, self.variable)
    }
}

/// Why a proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(
        "{0} is no URL of a proxy that can be used; expected one like http://proxy.example:3128 or socks5://proxy.example:1080"
    )]
    NoProxy(&'static str),
    #[error(
        "{0} names a proxy that is itself reached by TLS (https://), which is not supported: name its http:// port, or list in NO_PROXY what is reached directly"
    )]
    Https(&'static str),
    #[error(
        "{0} names a SOCKS 4 proxy, which is not supported: name a SOCKS 5 proxy (socks5://) or an HTTP proxy (http://), or list in NO_PROXY what is reached directly"
    )]
    Socks4(&'static str),
    #[error("cannot connect to {via}: {cause}; start it, or go around it with NO_PROXY={around}")]
    Down { via: Via, cause: io::Error, around: Printable },
    #[error(
        "{via} asks for a login: put it into {}, as {scheme}://user:password@{}",
        via.variable,
        via.place
    )]
    Login { via: Via, scheme: &'static str },
    #[error(
        "{via} refused the login that is in {}: check user name and password; write special characters in them as in a URL, # as %23",
        via.variable
    )]
    WrongLogin { via: Via },
    #[error(
        "{via} takes no name and password, only {offers} (407), which dubwatch does not speak: name a local proxy that does it for you (like cntlm or px) in {}, or list in NO_PROXY what is reached directly",
        via.variable
    )]
    Unspoken { via: Via, offers: Printable },
    #[error("{via} opened no way to the target: {words}")]
    Answer { via: Via, words: Printable },
    #[error("{via} does not answer as an HTTP proxy: check its scheme, host and port")]
    NotHttp { via: Via },
    #[error("{via} broke off: {cause}")]
    Broken { via: Via, cause: io::Error },
    #[error(
        "{via} opened no way to {to} within {} s: it or what is behind it does not answer",
        PATIENCE.as_secs()
    )]
    Silent { via: Via, to: Printable },
}

impl Proxies {
    /// Returns the proxies from the environment of this process.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// Returns the proxies from variables: `HTTPS_PROXY` for `https://` and `wss://`, `http_proxy`
    /// for
    /// `http://` and `ws://`, `ALL_PROXY` if the one of the scheme is not set, `NO_PROXY` for hosts that
    /// are reached directly. Each may be in lower case, which takes precedence. An empty one counts
    /// as not set. `HTTP_PROXY` in upper case is ignored, as in other programs: a CGI request can
    /// set it.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((*name, value))
            })
        };
        let named = |names: &[&'static str]| {
            first(names)
                .map(|(variable, url)| Named { variable, proxy: Proxy::new(&url, variable) })
        };
        let plain = named(&["http_proxy", "all_proxy", "ALL_PROXY"]);
        let direct = first(&["no_proxy", "NO_PROXY"]).map(|(_, hosts)| hosts).unwrap_or_default();
        Self {
            secure: named(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            has_unused: plain.is_none() && first(&["HTTP_PROXY"]).is_some(),
            plain,
            direct: direct
                .split([',', ' '])
                .map(|host| host.trim().trim_start_matches("*.").trim_start_matches('.'))
                .filter(|host| !host.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    }

    /// Returns the proxy for a target, if any. This machine is always reached directly.
    pub(super) fn to(&self, target: &Destination) -> Result<Option<&Proxy>, ProxyError> {
        let named = if target.scheme.is_tls() { self.secure.as_ref() } else { self.plain.as_ref() };
        let Some(Named { variable, proxy }) = named.filter(|_| !self.is_direct(target)) else {
            return Ok(None);
        };
        proxy.as_ref().map(Some).map_err(|why| match why {
            Unusable::NoUrl => ProxyError::NoProxy(variable),
            Unusable::Https => ProxyError::Https(variable),
            Unusable::Socks4 => ProxyError::Socks4(variable),
        })
    }

    /// Returns whether a target is always reached directly.
    fn is_direct(&self, target: &Destination) -> bool {
        target.is_this_machine() || self.direct.iter().any(|name| is_meant(name, target))
    }

    /// Returns a hint about the unused `HTTP_PROXY` if it would apply to a target.
    pub(super) fn hint(&self, target: &Destination) -> &'static str {
        if self.has_unused && !target.scheme.is_tls() && !self.is_direct(target) {
            "; HTTP_PROXY in capitals is not used, because a web server can set it: name the proxy in http_proxy"
        } else {
            ""
        }
    }
}

/// Returns whether an entry of `NO_PROXY` matches a target: a host and its subdomains or an
/// address, with or without a port, or a network like `10.0.0.0/8`.
fn is_meant(entry: &str, target: &Destination) -> bool {
    let host = target.host.to_ascii_lowercase();
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return is_within(&host, network, bits).unwrap_or(false);
    }
    let (name, port) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => match entry.split_once(':') {
            // More than one colon: an IPv6 address without a port.
            Some((name, port)) if !port.contains(':') => (name, Some(port)),
            _ => (entry, None),
        },
    };
    if port.is_some_and(|port| port.parse() != Ok(target.port)) {
        return false;
    }
    match (host.parse::<IpAddr>(), name.parse::<IpAddr>()) {
        (Ok(host), Ok(name)) => host == name,
        _ => host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

/// Returns whether an address is in a network; `None` if one of them cannot be parsed.
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
    // A shift by all bits overflows: a prefix of 0 bits matches everything.
    let rest = u32::checked_sub(length, bits)?;
    Some(differ.checked_shr(rest).unwrap_or(0) == 0)
}

impl Proxy {
    /// Parses a URL. The login ends at the last `@`, because passwords often contain an unescaped
    /// `#`,
    /// `/` or `@`.
    fn new(url: &str, variable: &'static str) -> Result<Self, Unusable> {
        let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (scheme, rest) =
            url.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("http", url));
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" | "socks" => (Kind::Socks5, 1080),
            "socks4" | "socks4a" => return Err(Unusable::Socks4),
            "https" => return Err(Unusable::Https),
            _ => return Err(Unusable::NoUrl),
        };
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let place = place.split(['/', '?', '#']).next().unwrap_or_default();
        let place: Authority = place.parse().map_err(|_| Unusable::NoUrl)?;
        let host = place.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match place.port_u16() {
            Some(port) => port,
            // An invalid port, or an IPv6 address without brackets.
            None if place.as_str() != place.host() => return Err(Unusable::NoUrl),
            None => default_port,
        };
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (percent_decode_str(user).collect(), percent_decode_str(password).collect())
        });
        if host.is_empty() || port == 0 {
            return Err(Unusable::NoUrl);
        }
        Ok(Self { kind, host, port, login, variable })
    }

    /// Returns whether it forwards whole requests to the target instead of opening a tunnel.
    pub(super) fn is_forwarding(&self, target: &Destination) -> bool {
        self.kind == Kind::Http && target.scheme == Scheme::Http
    }

    /// Returns the value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.login.as_ref()?;
        let login = STANDARD.encode([user, b":".as_slice(), password].concat());
        let mut value = HeaderValue::try_from(format!("Basic {login}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// User name and password.
    pub(super) fn login(&self) -> Option<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.login.as_ref().map(|(user, password)| (text(user), text(password)))
    }

    fn via(&self) -> Via {
        let place = Printable::new(&authority(&self.host, self.port));
        Via { place, variable: self.variable }
    }

    /// Returns the error that the connection to it failed.
    pub(super) fn is_down(&self, target: &Destination, cause: io::Error) -> ProxyError {
        ProxyError::Down { via: self.via(), cause, around: Printable::new(&target.host) }
    }

    /// Returns the error that it requires a login (407), with the schemes that it offered.
    pub(super) fn wants_login(&self, offers: impl Iterator<Item = String>) -> ProxyError {
        let mut offers: Vec<_> = offers.flat_map(|offer| schemes(&offer)).collect();
        offers.dedup();
        let via = self.via();
        if !offers.is_empty() && !offers.iter().any(|offer| offer.eq_ignore_ascii_case("basic")) {
            let offers = Printable::new(&offers.join(", ")).cut(MAX_OFFERS);
            return ProxyError::Unspoken { via, offers };
        }
        if self.login.is_some() {
            return ProxyError::WrongLogin { via };
        }
        ProxyError::Login { via, scheme: "http" }
    }

    /// Returns the error that it requires a login, or rejected this one.
    pub(super) fn wants_socks_login(&self) -> ProxyError {
        let via = self.via();
        if self.login.is_some() {
            return ProxyError::WrongLogin { via };
        }
        ProxyError::Login { via, scheme: "socks5" }
    }

    /// Returns the error that it did not open a tunnel.
    pub(super) fn answered(&self, words: Printable) -> ProxyError {
        ProxyError::Answer { via: self.via(), words }
    }

    /// Returns the error that it uses another protocol.
    pub(super) fn is_no_proxy(&self) -> ProxyError {
        ProxyError::NotHttp { via: self.via() }
    }

    /// Returns the error that it did not answer in time.
    pub(super) fn is_silent(&self, target: &Destination) -> ProxyError {
        ProxyError::Silent { via: self.via(), to: Printable::new(&target.to_string()) }
    }

    /// Returns the error that the connection ended before its answer.
    pub(super) fn broke_off(&self, cause: io::Error) -> ProxyError {
        ProxyError::Broken { via: self.via(), cause }
    }
}

/// Returns host and port, with brackets for IPv6.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Returns the names of the schemes in a `Proxy-Authenticate` (RFC 9110, section 11.6.1): the first
/// word of each part between commas, unless it is a parameter.
fn schemes(offer: &str) -> Vec<String> {
    let mut is_quoted = false;
    let parts = offer.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    let first = parts.filter_map(|part| part.split_whitespace().next());
    first.filter(|word| !word.contains('=')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_variables(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn target(url: &str) -> Destination {
        let uri: http::Uri = url.parse().unwrap();
        let (scheme, port) = match uri.scheme_str().unwrap() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "ws" => (Scheme::Ws, 80),
            _ => (Scheme::Wss, 443),
        };
        let host = uri.host().unwrap().trim_matches(['[', ']']).to_owned();
        Destination { scheme, host, port: uri.port_u16().unwrap_or(port) }
    }

    fn way(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let proxies = proxies(variables);
        let proxy = proxies.to(&target(url)).unwrap()?;
        Some(format!("{}:{}", proxy.host, proxy.port))
    }

    fn proxy(url: &str) -> Result<Proxy, Unusable> {
        Proxy::new(url, "HTTPS_PROXY")
    }

    #[test]
    fn the_environment_says_which_way() {
        let set = [("HTTPS_PROXY", "http://p.example:3128")];
        assert_eq!(way(&set, "wss://relay.example").as_deref(), Some("p.example:3128"));
        assert_eq!(way(&set, "https://relay.example").as_deref(), Some("p.example:3128"));
        assert_eq!(way(&set, "ws://relay.example"), None);
        assert_eq!(way(&set, "wss://127.0.0.1:1"), None);
        let both = [("HTTPS_PROXY", "http://p.example"), ("https_proxy", "q.example:8")];
        assert_eq!(way(&both, "wss://relay.example").as_deref(), Some("q.example:8"));
        let empty = [("HTTPS_PROXY", "http://p.example"), ("https_proxy", "")];
        assert_eq!(way(&empty, "wss://relay.example").as_deref(), Some("p.example:80"));
        assert_eq!(way(&[], "wss://relay.example"), None);
        assert_eq!(way(&[("HTTP_PROXY", "http://p.example")], "ws://relay.example"), None);
        let set = [("http_proxy", "http://p.example")];
        for url in ["ws://relay.example", "http://relay.example"] {
            assert_eq!(way(&set, url).as_deref(), Some("p.example:80"), "{url}");
        }
    }

    #[test]
    fn a_variable_that_is_left_alone_is_pointed_out_where_it_could_be_meant() {
        let hint = |variables: &[(&str, &str)], url: &str| {
            proxies(variables).hint(&target(url)).contains("http_proxy")
        };
        let set = [("HTTP_PROXY", "http://p.example"), ("NO_PROXY", "near.example")];
        for (url, is_meant) in [
            ("http://far.example", true),
            ("ws://far.example", true),
            ("https://far.example", false),
            ("http://near.example", false),
            ("http://127.0.0.1", false),
        ] {
            assert_eq!(hint(&set, url), is_meant, "{url}");
        }
        assert!(!hint(&[], "http://far.example"));
        let both = [("HTTP_PROXY", "http://p.example"), ("ALL_PROXY", "http://q.example")];
        assert!(!hint(&both, "http://far.example"));
    }

    #[test]
    fn all_proxy_is_for_what_has_none_of_its_own() {
        for all in ["ALL_PROXY", "all_proxy"] {
            let set = [(all, "socks5h://s.example"), ("HTTPS_PROXY", "p.example")];
            assert_eq!(way(&set, "wss://relay.example").as_deref(), Some("p.example:80"));
            assert_eq!(way(&set, "ws://relay.example").as_deref(), Some("s.example:1080"));
            let set = [(all, "p.example:3"), ("NO_PROXY", "relay.example")];
            assert_eq!(way(&set, "https://other.example").as_deref(), Some("p.example:3"));
            assert_eq!(way(&set, "https://relay.example"), None);
        }
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
        let set = [("HTTPS_PROXY", "socks4://p.example"), ("NO_PROXY", "near.example")];
        for direct in ["ws://127.0.0.1:1", "ws://relay.example", "wss://near.example"] {
            assert_eq!(way(&set, direct), None, "{direct}");
        }
        let error = proxies(&set).to(&target("wss://relay.example")).unwrap_err();
        assert!(matches!(error, ProxyError::Socks4("HTTPS_PROXY")), "{error}");
    }

    #[test]
    fn what_is_no_proxy_is_named_by_its_variable_and_without_its_password() {
        for wrong in [
            "https://me:s3cret@p.example",
            "socks4://me:s3cret@p.example",
            "ftp://me:s3cret@p.example",
            "http://",
            "http://me:s3cret@",
            "http://me:s3cret@p.example:port",
            "http://me:s3cret@p.example:0",
            "http://me:s3cret@a b",
        ] {
            for variable in ["https_proxy", "ALL_PROXY"] {
                let set = proxies(&[(variable, wrong)]);
                let error = set.to(&target("wss://relay.example")).unwrap_err().to_string();
                assert!(error.starts_with(variable) && !error.contains("s3cret"), "{error}");
            }
        }
    }

    #[test]
    fn a_password_is_sent_as_it_is_written_and_not_shown() {
        for (url, login) in [
            ("http://me:p%40ss@p.example:1", "me:p@ss"),
            ("http://me:p@ss@p.example:1", "me:p@ss"),
            ("http://me:p#s%23/?:s@p.example:1", "me:p#s#/?:s"),
            ("me:100%@p.example:1/", "me:100%"),
            ("http://me@p.example:1", "me:"),
        ] {
            let proxy = proxy(url).unwrap();
            let sent = format!("Basic {}", STANDARD.encode(login));
            assert_eq!(proxy.authorization().unwrap(), sent.as_str(), "{url}");
            assert_eq!(format!("{proxy:?}"), "Proxy(p.example:1)");
            assert_eq!(format!("{:?}", proxy.authorization()), "Some(Sensitive)");
        }
        assert_eq!(proxy("http://[::1]:3128").unwrap().host, "::1");
        assert_eq!(proxy("http://p.example:1").unwrap().authorization(), None);
    }

    #[test]
    fn a_407_is_answered_by_what_the_proxy_offers() {
        let say = |url: &str, offers: &[&str]| {
            let offers = offers.iter().map(|&offer| offer.to_owned());
            proxy(url).unwrap().wants_login(offers).to_string()
        };
        for offers in [&[][..], &["Basic realm=\"a, b\""], &["NTLM", "basic realm=x"]] {
            let said = say("http://p.example:1", offers);
            let wanted = "put it into HTTPS_PROXY, as http://user:password@p.example:1";
            assert!(said.ends_with(wanted), "{said}");
            let said = say("http://me:s3cret@p.example:1", offers);
            assert!(said.contains("refused the login") && said.contains("p.example:1"), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
        let said =
            say("http://me:pw@p.example:1", &["Negotiate", "NTLM", "Digest a=\"Basic, x\", b=c"]);
        assert!(said.contains("only Negotiate, NTLM, Digest (407)"), "{said}");
        let said = say("http://p.example:1", &["\u{1b}[2J"]);
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}
