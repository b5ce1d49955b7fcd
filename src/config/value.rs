//! Parses the text of one setting: the same for flag, variable and file.
//!
//! The error of each function says what is wrong and what is expected, without naming the setting:
//! the caller knows where the text is from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use http::Uri;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::filter::Filter;
use crate::text::Printable;

/// How deliveries without a valid signature are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum SignaturePolicy {
    /// Only deliveries with a valid signature are accepted.
    Required,
    /// Every delivery is accepted, unchecked.
    Off,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Output {
    /// The dashboard, which takes the whole terminal.
    Tui,
    /// One line for each delivery, for people.
    Text,
    /// NDJSON.
    Json,
    /// Nothing.
    Quiet,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A text that neither `Debug` nor any message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What happens to deliveries while the target of a forward is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum WhenDown {
    /// They wait, and are forwarded in order once it is back.
    Wait,
    /// They are noted as not forwarded.
    Skip,
}

/// The background that the dashboard is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum ThemeChoice {
    /// As the terminal or `COLORFGBG` says; otherwise dark.
    Auto,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// The loopback addresses of IPv4 and IPv6, as far as the machine has them, on this port.
    Localhost(u16),
    /// One address.
    Socket(SocketAddr),
}

impl ListenAddress {
    /// Returns whether only this machine can reach it.
    pub const fn is_loopback(self) -> bool {
        match self {
            Self::Localhost(_) => true,
            Self::Socket(address) => address.ip().to_canonical().is_loopback(),
        }
    }

    /// Returns its port.
    pub const fn port(self) -> u16 {
        match self {
            Self::Localhost(port) => port,
            Self::Socket(address) => address.port(),
        }
    }

    /// Returns the address at which this machine itself reaches it, also for the unspecified
    /// address.
    pub fn reachable(self) -> SocketAddr {
        match self {
            Self::Localhost(port) => (Ipv4Addr::LOCALHOST, port).into(),
            Self::Socket(address) if address.ip().to_canonical().is_unspecified() => {
                let ip = match address {
                    SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                    SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                };
                (ip, address.port()).into()
            }
            Self::Socket(address) => address,
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Socket(address) => write!(f, "{address}"),
        }
    }
}

/// The proxies whose `X-Forwarded-For` is trusted: networks, each an address and a prefix length.
/// None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyNetworks(Vec<(IpAddr, u8)>);

impl ProxyNetworks {
    const LOOPBACK: [(IpAddr, u8); 2] =
        [(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];

    /// Returns those on this machine, or none.
    pub fn on_loopback(trusted: bool) -> Self {
        Self(if trusted { Self::LOOPBACK.to_vec() } else { Vec::new() })
    }

    /// Returns the networks.
    pub fn networks(&self) -> &[(IpAddr, u8)] {
        &self.0
    }
}

impl fmt::Display for ProxyNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() || self.0 == Self::LOOPBACK {
            return write!(f, "{}", !self.0.is_empty());
        }
        for (number, (address, prefix)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let whole = if address.is_ipv4() { 32 } else { 128 };
            write!(f, "{comma}{address}")?;
            if *prefix != whole {
                write!(f, "/{prefix}")?;
            }
        }
        Ok(())
    }
}

/// The bodies that `--max-body` may allow, in bytes.
const BODY: RangeInclusive<u64> = 1024..=64 * 1024 * 1024;

/// Parses an address with a port. A port alone, with or without its colon, and `localhost` mean
/// loopback: leaving something out must not make the listener reachable from outside.
pub(super) fn listen(text: &str) -> Result<ListenAddress, String> {
    let text = text.trim();
    if let Some(port) = text.strip_prefix("localhost:")
        && let Ok(port) = port.parse()
    {
        return Ok(ListenAddress::Localhost(port));
    }
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(ListenAddress::Socket((Ipv4Addr::LOCALHOST, port).into()));
    }
    text.parse().map(ListenAddress::Socket).map_err(|_| {
        no(
            text,
            "address to listen on",
            "an IP address and a port like 127.0.0.1:3829 or [::1]:3829, localhost:3829, or a port alone",
        )
    })
}

/// Parses one or several addresses, separated by commas or blanks.
pub(super) fn listen_list(texts: &[&str]) -> Result<Vec<ListenAddress>, String> {
    let pieces = texts.iter().flat_map(|text| text.split([',', ' '])).map(str::trim);
    let addresses: Vec<_> =
        pieces.filter(|piece| !piece.is_empty()).map(listen).collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        return Err("it names no address to listen on; --no-listen listens on none".to_owned());
    }
    Ok(addresses)
}

/// Parses `true` (proxies on this machine), `false`, or a list of addresses and networks.
pub(super) fn proxies(text: &str) -> Result<ProxyNetworks, String> {
    if let Ok(trusted) = flag(text) {
        return Ok(ProxyNetworks::on_loopback(trusted));
    }
    let mut networks = Vec::new();
    let pieces = text.split([',', ' ']).map(str::trim).filter(|piece| !piece.is_empty());
    for piece in pieces {
        match network(piece) {
            Some(network) => networks.push(network),
            None if matches!(piece, "loopback" | "localhost") => {
                networks.extend(ProxyNetworks::LOOPBACK);
            }
            None => {
                return Err(no(
                    piece,
                    "proxy",
                    "addresses and networks like 10.0.0.2,172.16.0.0/12,loopback, or true or false",
                ));
            }
        }
    }
    if networks.is_empty() {
        return Err(
            "it names no proxy; expected addresses like 10.0.0.2, or true or false".to_owned()
        );
    }
    Ok(ProxyNetworks(networks))
}

/// Parses an address, with or without a prefix length.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(whole);
    (prefix <= whole).then_some((address, prefix))
}

/// Parses a path that a request can have and that the router matches literally.
pub(super) fn path(text: &str) -> Result<String, String> {
    let expected = "one like /callback";
    let Some(rest) = text.strip_prefix('/') else {
        return Err(no(text, "path: it does not begin with /", expected));
    };
    // RFC 3986, section 3.3: unescaped characters of a path, and the percent sign of escapes.
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%/".contains(c);
    if let Some(c) = rest.chars().find(|c| !fits(*c)) {
        let c = Printable::new(c.encode_utf8(&mut [0; 4]));
        let what = format!("path: {c} cannot stand in one unescaped");
        return Err(no(text, &what, expected));
    }
    if rest.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(no(text, "path that arrives: senders resolve . and ..", expected));
    }
    if rest.split('/').any(|part| part.starts_with([':', '*'])) {
        return Err(no(text, "path: a part of it begins with : or *", expected));
    }
    let path = text.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(text);
    if path == "/healthz" {
        return Err(no(text, "path for callbacks: health is asked there", expected));
    }
    Ok(path.to_owned())
}

/// Parses a complete http or https URL without a user name.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    let expected = "one like https://hooks.example.com/callback";
    let uri: Uri = text.parse().map_err(|_| no(text, "URL", expected))?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(no(text, "http or https URL", expected));
    };
    if authority.as_str().contains('@') {
        // It is shown on screen, and its secret would be too.
        return Err("a public URL must not hold a user name or password".to_owned());
    }
    if authority.host().is_empty() || text.contains('#') || !text.is_ascii() {
        return Err(no(text, "URL that a sender can call", expected));
    }
    Ok(text.to_owned())
}

/// Parses the URL at which a relay is reached, without a trailing slash. Accepts what readers show
/// by the grammar of the relay protocol: nothing that is special in a shell.
pub(super) fn relay_public_url(text: &str) -> Result<String, String> {
    let url = public_url(text)?.trim_end_matches('/').to_owned();
    let means_nothing = |c: char| c.is_ascii_alphanumeric() || "-._~%/:+,=".contains(c);
    let is_shown = url.len() <= 2000
        && url.parse().is_ok_and(|uri: Uri| {
            let host = uri.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            uri.query().is_none() && host.chars().chain(uri.path().chars()).all(means_nothing)
        });
    if is_shown {
        Ok(url)
    } else {
        Err("a relay's is https://HOST[:PORT][/PATH] of letters, digits and - . _ ~ % : + , ="
            .to_owned())
    }
}

/// Returns the URL of a relay.
pub(super) fn relay(text: &str) -> Result<String, String> {
    let expected = "one like wss://relay.example.com";
    if text.contains('@') || text.contains('?') {
        // Not shown: it may contain the token.
        return Err(format!(
            "a relay's URL must hold no user name, password, token or query; expected {expected}"
        ));
    }
    let uri: Uri = text.parse().map_err(|_| no(text, "URL of a relay", expected))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("ws" | "wss"), Some(host)) if !host.is_empty() && text.is_ascii() => {
            Ok(text.to_owned())
        }
        _ => Err(no(text, "ws or wss URL", expected)),
    }
}

/// Returns the URL of the service's API.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    let expected = "one like https://api.panjaya.ai";
    if text.contains('@') || text.contains('?') {
        // Not shown: it may contain the key.
        return Err(format!(
            "the API's URL must hold no user name, password, key or query; expected {expected}"
        ));
    }
    let uri: Uri = text.parse().map_err(|_| no(text, "URL of the API", expected))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() && text.is_ascii() => {
            Ok(text.to_owned())
        }
        _ => Err(no(text, "https URL", expected)),
    }
}

/// Parses the name of a reader at a relay, by the grammar of the relay protocol.
pub(super) fn relay_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let sound =
        (1..=64).contains(&text.len()) && !text.starts_with(['.', '-']) && text.chars().all(fits);
    if sound {
        Ok(text.to_owned())
    } else {
        Err(no(text, "name of a reader", "1 to 64 letters, digits, . _ or -, like laptop"))
    }
}

/// Parses a word of one of the enums above.
pub(super) fn word<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let known: Vec<_> = T::value_variants().iter().filter_map(T::to_possible_value).collect();
        let known: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
        no(text, "choice here", &known.join(" or "))
    })
}

/// Parses yes or no, as environment variables spell it.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(no(text, "answer to yes or no", "true or false")),
    }
}

/// Parses a number of bytes; units count in 1024.
pub(super) fn max_body(text: &str) -> Result<usize, String> {
    let expected = "a size from 1KiB to 64MiB, like 512k, 1MiB or 1048576";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1024,
        "m" | "mb" | "mib" => 1024 * 1024,
        _ => return Err(no(text, "size", expected)),
    };
    let number: u64 = number.parse().map_err(|_| no(text, "size", expected))?;
    number
        .checked_mul(unit)
        .filter(|size| BODY.contains(size))
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| no(text, "size for a body", expected))
}

/// Parses a number of bytes to keep; units count in 1024.
pub fn size(text: &str) -> Result<u64, String> {
    let expected = "a size above zero like 512k, 256MiB or 8GiB";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(no(text, "size", expected)),
    };
    number
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(unit))
        .filter(|size| *size > 0)
        .ok_or_else(|| no(text, "size", expected))
}

/// Parses a number within a range.
pub(super) fn count<T: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        let expected = match range.into_inner() {
            (from, u64::MAX) => format!("a whole number from {from}"),
            (from, to) => format!("a whole number from {from} to {to}"),
        };
        no(text, "number that fits", &expected)
    })
}

/// Parses a span of time above zero; a day has 24 hours, and months are not accepted.
pub fn span(text: &str) -> Result<SignedDuration, String> {
    let expected = "one like 90m, 3h or 90d";
    let span: Span = text.parse().map_err(|_| no(text, "span of time", expected))?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| {
        no(text, "span of fixed length", "days instead of months and years, like 90d")
    })?;
    if span.is_positive() { Ok(span) } else { Err(no(text, "span above zero", expected)) }
}

/// The word for a start without a backfill.
pub(super) const NO_BACKFILL: &str = "none";

/// Parses how far back a first start reaches: a span of time, or `none`.
pub(super) fn backfill(text: &str) -> Result<Option<SignedDuration>, String> {
    if text == NO_BACKFILL {
        return Ok(None);
    }
    span(text).map(Some).map_err(|why| format!("{why}, or {NO_BACKFILL}"))
}

/// Checks a filter, and returns its text: spans in it count back from the start of the run.
pub(super) fn filter(text: &str) -> Result<String, String> {
    let filter = Filter::parse(text, Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())?;
    if filter.is_about_versions() {
        return Err("overdue and foreign are about versions, not about deliveries".to_owned());
    }
    Ok(text.to_owned())
}

fn no(text: &str, what: &str, expected: &str) -> String {
    format!("{} is no {what}; expected {expected}", Printable::new(text).cut(80))
}
