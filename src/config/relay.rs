//! The settings of a relay that runs here: a row each, in the file's table `[relay]`.
//!
//! They are separate from the watcher's: the watcher's settings in the file do not apply to the
//! relay. After `dubwatch relay`, a flag that the watcher has as well sets the relay's. A variable
//! only applies if it means the same to both.

use std::path::Path;

use super::kind::{
    AddressList, BodySize, Bytes, Count, DataFile, FileList, FileName, ProxyList, RelayPublicUrl,
    SettingKind, TimeSpan, WrittenValue,
};
use super::origin::Origin;
use super::shown_value::ShownValue;
use super::table::{Flag, Layers, Setting, Table, settings};
use super::{ConfigError, Layer};

/// The table of the configuration file. The watcher has a key of that name, whose value is no table.
pub(super) const RELAY_TABLE: &str = "relay";

settings! {
    /// A setting of a relay that runs here.
    keys RelayKey;
    /// Every setting of a relay that runs here, in the order of `config show`.
    table RELAY_SETTINGS;
    /// The settings from one source for a relay that runs here.
    layer RelayLayer;
    shared Layer;
    /// Every setting of a relay that runs here, decided.
    values RelaySettings;

    /// The addresses to listen on, at least one; port 0 picks a free port.
    Listen = listen {
        name: "listen",
        flag: shared("--listen"),
        env: "",
        kind: AddressList,
        default: "127.0.0.1:3830",
        help: "Address and port to listen on; a port alone means 127.0.0.1, localhost both loopback addresses, port 0 any free port; repeatable",
    }
    /// The URL at which it is reached, without a trailing slash, if that is not its own.
    PublicUrl = public_url {
        name: "public-url",
        flag: shared("--public-url"),
        env: "",
        kind: RelayPublicUrl,
        unset: "what readers dial",
        help: "URL of the relay, if a proxy is in front of it",
    }
    /// PEM files of keys whose signatures count beside the vendor's.
    PublicKey = public_keys {
        name: "public-key",
        flag: shared("--public-key"),
        env: "DUBWATCH_PUBLIC_KEY",
        kind: FileList,
        default: "the vendor's alone",
        help: "PEM file of a sender's key, in addition to the vendor's; repeatable. The relay uses it only to decide which callbacks to drop first when space runs out",
    }
    /// The file of its store; empty if no place is known for it.
    Db = db {
        name: "db",
        flag: shared("--db"),
        env: "",
        kind: DataFile,
        default: "$XDG_DATA_HOME/dubwatch/relay.db",
        help: "The relay's store",
    }
    /// The longest accepted body, in bytes.
    MaxBody = max_body {
        name: "max-body",
        flag: shared("--max-body"),
        env: "DUBWATCH_MAX_BODY",
        kind: BodySize,
        default: "1MiB",
        help: "Largest body that is accepted, like 512k or 1MiB",
    }
    /// The proxies whose headers about the client are trusted.
    TrustForwardedFor = proxies {
        name: "trust-forwarded-for",
        flag: shared("--trust-forwarded-for"),
        env: "",
        kind: ProxyList,
        default: "false",
        help: "Trust X-Forwarded-For and -Proto of a proxy on this machine, or of the proxies named, like =10.0.0.2,172.16.0.0/12",
    }
    /// PEM file of its certificate chain, if it terminates TLS itself.
    TlsCert = tls_cert {
        name: "tls-cert",
        flag: own("--tls-cert", "PEM"),
        env: "DUBWATCH_TLS_CERT",
        kind: FileName,
        unset: "plain HTTP",
        help: "PEM file of the certificate chain, to serve TLS; needs --tls-key",
    }
    /// PEM file of the certificate's private key.
    TlsKey = tls_key {
        name: "tls-key",
        flag: own("--tls-key", "PEM"),
        env: "DUBWATCH_TLS_KEY",
        kind: FileName,
        unset: "plain HTTP",
        help: "PEM file of the certificate's private key",
    }
    /// Deliveries that an inbox keeps.
    MaxCount = max_count {
        name: "max-count",
        flag: under("Caps", "--max-count", "COUNT"),
        env: "",
        kind: Count<u64, 10, { u64::MAX }>,
        default: "100000",
        help: "Maximum number of deliveries that an inbox keeps",
    }
    /// Bytes that an inbox keeps.
    MaxBytes = max_bytes {
        name: "max-bytes",
        flag: under("Caps", "--max-bytes", "SIZE"),
        env: "",
        kind: Bytes,
        default: "256MiB",
        help: "Maximum size of an inbox, like 256MiB",
    }
    /// Bytes that all inboxes keep together.
    MaxTotal = max_total {
        name: "max-total",
        flag: under("Caps", "--max-total", "SIZE"),
        env: "",
        kind: Bytes,
        default: "8GiB",
        help: "Maximum size of all inboxes together",
    }
    /// How long a delivery is kept.
    MaxAge = max_age {
        name: "max-age",
        flag: under("Caps", "--max-age", "SPAN"),
        env: "",
        kind: TimeSpan,
        default: "7d",
        help: "How long a delivery is kept",
    }
    /// How long a reader can be away before its place is forgotten.
    MaxAbsence = max_absence {
        name: "max-absence",
        flag: under("Caps", "--max-absence", "SPAN"),
        env: "",
        kind: TimeSpan,
        default: "30d",
        help: "How long a reader can be away before its place is forgotten",
    }
    /// Requests a second that an inbox takes in the long run.
    MaxRate = max_rate {
        name: "max-rate",
        flag: under("Caps", "--max-rate", "COUNT"),
        env: "",
        kind: Count<u32, 1, 4_294_967_295>,
        default: "1000",
        help: "Callbacks per second that an inbox accepts on average; callbacks not signed by a known key have a separate limit of a tenth of it",
    }
    /// Inboxes.
    MaxInboxes = max_inboxes {
        name: "max-inboxes",
        flag: under("Caps", "--max-inboxes", "COUNT"),
        env: "",
        kind: Count<usize, 0, { u64::MAX }>,
        default: "10000",
        help: "Maximum number of inboxes",
    }
    /// Connections that read, together.
    MaxReaders = max_readers {
        name: "max-readers",
        flag: under("Caps", "--max-readers", "COUNT"),
        env: "",
        kind: Count<usize, 1, 65_535>,
        default: "8192",
        help: "Maximum number of reader connections",
    }
}

impl RelayLayer {
    /// Adds the flags that the watcher has as well.
    pub fn with_shared(mut self, flags: &Layer) -> Result<Self, ConfigError> {
        self.adopt(flags)?;
        Ok(self)
    }
}
