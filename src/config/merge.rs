//! Decides each setting from the layers, and remembers which one decided.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::SignedDuration;

use super::error::shown;
use super::file;
use super::layer::{CONFIG_VARIABLE, Flags, Layer};
use super::{
    Color, Config, ConfigError, Key, ListenAddress, Output, SETTINGS, SignaturePolicy,
    Surroundings, Theme,
};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// This configuration file.
    File(PathBuf),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", shown(path)),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where each setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins([Origin; SETTINGS.len()]);

impl Origins {
    /// Where the setting came from.
    pub const fn of(&self, key: Key) -> &Origin {
        &self.0[key as usize]
    }
}

/// A source of settings, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Flags,
    Variables,
    File,
}

/// What the sources say, and what has been decided so far.
struct Merge {
    layers: [(Source, Layer); 3],
    file: PathBuf,
    origins: Origins,
}

impl Merge {
    /// The strongest source that sets `key`, and what it says; `get` finds it in a layer.
    fn find<T>(&self, get: impl Fn(&Layer) -> Option<T>) -> Option<(Source, T)> {
        self.layers.iter().find_map(|(source, layer)| Some((*source, get(layer)?)))
    }

    fn origin(&self, key: Key, source: Source) -> Origin {
        match source {
            Source::Flags => Origin::Flag(key.setting().flag),
            Source::Variables => Origin::Variable(key.setting().env),
            Source::File => Origin::File(self.file.clone()),
        }
    }

    /// Decides `key`, if any source sets it, and notes the origin.
    fn pick<T>(&mut self, key: Key, get: impl Fn(&Layer) -> Option<T>) -> Option<T> {
        let (source, value) = self.find(get)?;
        self.origins.0[key as usize] = self.origin(key, source);
        Some(value)
    }
}

/// See [`Config::load`].
pub(super) fn load(flags: Flags, surroundings: &Surroundings) -> Result<Config, ConfigError> {
    let Flags { mut settings, json, config } = flags;
    if json {
        if settings.output.is_some_and(|output| output != Output::Json) {
            return Err(ConfigError::Conflict(
                "--json is short for --output json and cannot go with another --output: leave one out"
                    .to_owned(),
            ));
        }
        settings.output = Some(Output::Json);
    }
    let (file, from_file, caution) = read_file(config, surroundings)?;
    let variables = Layer::of_variables(surroundings)?;
    let mut merge = Merge {
        layers: [
            (Source::Flags, settings.anchored(&surroundings.working_dir)),
            (Source::Variables, variables),
            (Source::File, from_file),
        ],
        file,
        origins: Origins([const { Origin::Default }; SETTINGS.len()]),
    };

    let output = merge.pick(Key::Output, |layer| layer.output);
    if json {
        merge.origins.0[Key::Output as usize] = Origin::Flag("--json");
    }
    let db = merge.pick(Key::Db, |layer| layer.db.clone());
    let ephemeral = is_ephemeral(&mut merge)?;
    let listen = merge.pick(Key::Listen, |layer| layer.listen.clone());
    let path = merge.pick(Key::Path, |layer| layer.path.clone());
    let public_url = merge.pick(Key::PublicUrl, |layer| layer.public_url.clone());
    let no_dev_key = merge.pick(Key::NoDevKey, |layer| layer.no_dev_key);
    let signature = merge.pick(Key::Signature, |layer| layer.signature);
    let color = merge.pick(Key::Color, |layer| layer.color);
    let theme = merge.pick(Key::Theme, |layer| layer.theme);
    let ascii = merge.pick(Key::Ascii, |layer| layer.ascii);
    let no_bell = merge.pick(Key::NoBell, |layer| layer.no_bell);
    let no_confirm_quit = merge.pick(Key::NoConfirmQuit, |layer| layer.no_confirm_quit);
    let max_body = merge.pick(Key::MaxBody, |layer| layer.max_body);
    let overdue = merge.pick(Key::Overdue, |layer| layer.overdue);
    Ok(Config {
        listen: listen.unwrap_or_else(|| vec![DEFAULT_LISTEN]),
        path: path.unwrap_or_else(|| "/callback".to_owned()),
        public_keys: merge
            .pick(Key::PublicKey, |layer| layer.public_key.clone())
            .unwrap_or_default(),
        // Behind a tunnel, loopback is where the whole world comes from.
        dev_key: !no_dev_key.unwrap_or(public_url.is_some()),
        public_url,
        signature: signature.unwrap_or(SignaturePolicy::Required),
        db: db
            .or_else(|| Some(surroundings.data_dir.as_ref()?.join("journal.db")))
            .unwrap_or_default(),
        ephemeral,
        output,
        color: color.unwrap_or(Color::Auto),
        theme: theme.unwrap_or(Theme::Auto),
        ascii,
        bell: !no_bell.unwrap_or(false),
        confirm_quit: !no_confirm_quit.unwrap_or(false),
        max_body: max_body.unwrap_or(1024 * 1024),
        overdue: overdue.unwrap_or(SignedDuration::from_hours(3)),
        keep: merge.pick(Key::Keep, |layer| layer.keep),
        relay: merge.pick(Key::Relay, |layer| layer.relay.clone()),
        relay_name: merge.pick(Key::RelayName, |layer| layer.relay_name.clone()),
        relay_token: merge.pick(Key::RelayToken, |layer| layer.relay_token.clone()),
        relay_token_file: merge.pick(Key::RelayTokenFile, |layer| layer.relay_token_file.clone()),
        relay_insecure: merge
            .pick(Key::RelayInsecure, |layer| layer.relay_insecure)
            .unwrap_or(false),
        cacert: merge.pick(Key::Cacert, |layer| layer.cacert.clone()),
        listens: !merge.pick(Key::NoListen, |layer| layer.no_listen).unwrap_or(false),
        proxies: merge
            .pick(Key::TrustForwardedFor, |layer| layer.trust_forwarded_for.clone())
            .unwrap_or_default(),
        data_dir: surroundings.data_dir.clone(),
        state_dir: surroundings.state_dir.clone(),
        origins: merge.origins,
        cautions: caution.into_iter().collect(),
    })
}

/// Loopback and our port.
const DEFAULT_LISTEN: ListenAddress =
    ListenAddress::Socket(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3829));

/// The configuration file and what it says, and what a person should know of how it was read.
fn read_file(
    flag: Option<PathBuf>,
    surroundings: &Surroundings,
) -> Result<(PathBuf, Layer, Option<String>), ConfigError> {
    let variable = surroundings.variable(CONFIG_VARIABLE)?.map(PathBuf::from);
    if let Some(path) = flag.or(variable) {
        let path = surroundings.working_dir.join(path);
        let layer = file::read(&path)?.ok_or_else(|| ConfigError::Read {
            path: shown(&path),
            why: "there is no such file".to_owned(),
        })?;
        return Ok((path, layer, None));
    }
    let Some(path) = surroundings.config_file.clone() else {
        return Ok((PathBuf::new(), Layer::default(), None));
    };
    // A directory that this user may not look into, as `/root` in a container that runs as another
    // user: it cannot be known whether there is a file, and none was named.
    if let Err(error) = path.symlink_metadata()
        && error.kind() == ErrorKind::PermissionDenied
    {
        let caution = format!(
            "cannot look for the configuration file {}: {error}; went on without one, --config names another",
            shown(&path)
        );
        return Ok((path, Layer::default(), Some(caution)));
    }
    let layer = file::read(&path)?.unwrap_or_default();
    Ok((path, layer, None))
}

/// Whether the journal is in memory. A file for it, named by a stronger source, says no; named by
/// the same source, it is a contradiction.
fn is_ephemeral(merge: &mut Merge) -> Result<bool, ConfigError> {
    let Some((asked, true)) = merge.find(|layer| layer.ephemeral) else {
        return Ok(merge.pick(Key::Ephemeral, |layer| layer.ephemeral).unwrap_or(false));
    };
    match merge.find(|layer| layer.db.is_some().then_some(())) {
        Some((named, ())) if named < asked => {
            merge.origins.0[Key::Ephemeral as usize] = merge.origin(Key::Db, named);
            Ok(false)
        }
        Some((named, ())) if named == asked => {
            let (ephemeral, db) = (Key::Ephemeral.setting(), Key::Db.setting());
            let both = match asked {
                Source::Flags => format!("{} and {}", ephemeral.flag, db.flag),
                Source::Variables => format!("{} and {}", ephemeral.env, db.env),
                Source::File => {
                    format!("{} and {} in {}", ephemeral.name, db.name, shown(&merge.file))
                }
            };
            Err(ConfigError::Conflict(format!(
                "{both} exclude each other: a journal in memory has no file; leave one out"
            )))
        }
        _ => Ok(merge.pick(Key::Ephemeral, |layer| layer.ephemeral).unwrap_or(false)),
    }
}
