//! What one source of settings says: the flags, the variables or the file; nothing is decided yet.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use jiff::SignedDuration;

use super::value::{self, Color, ListenAddress, Output, Proxies, Secret, SignaturePolicy, Theme};
use super::{Key, Surroundings};
use crate::config::ConfigError;

/// The flags that every command shares.
// clap reads no variables for them: those are a layer of their own, so that an error names the
// variable it stands in. (A second paragraph of documentation here would become the program's.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Flags {
    /// The settings.
    #[command(flatten)]
    pub settings: Layer,
    /// Short for --output json
    #[arg(long, global = true, help_heading = HEADING)]
    pub json: bool,
    /// The configuration file to read instead of the default one.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = HEADING, help = CONFIG_HELP)]
    pub config: Option<PathBuf>,
}

const CONFIG_HELP: &str =
    "Configuration file [env: DUBWATCH_CONFIG] [default: $XDG_CONFIG_HOME/dubwatch/config.toml]";

/// The variable behind `--config`.
pub const CONFIG_VARIABLE: &str = "DUBWATCH_CONFIG";

const HEADING: &str = "Settings";

/// The settings that one source sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Layer {
    /// See [`Key::Listen`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "ADDRESS", value_delimiter = ',', value_parser = value::listen, help = Key::Listen.about())]
    pub listen: Option<Vec<ListenAddress>>,
    /// See [`Key::Path`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "PATH", value_parser = value::path, help = Key::Path.about())]
    pub path: Option<String>,
    /// See [`Key::PublicUrl`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "URL", value_hint = ValueHint::Url, value_parser = value::public_url, help = Key::PublicUrl.about())]
    pub public_url: Option<String>,
    /// See [`Key::PublicKey`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "PEM", value_hint = ValueHint::FilePath, help = Key::PublicKey.about())]
    pub public_key: Option<Vec<PathBuf>>,
    /// See [`Key::NoDevKey`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::NoDevKey.about())]
    pub no_dev_key: Option<bool>,
    /// See [`Key::Signature`]. Not global: of the commands only `watch` has a policy, and `verify`
    /// has a `--signature` of its own.
    #[arg(long, help_heading = HEADING, value_name = "POLICY", hide_possible_values = true, help = Key::Signature.about())]
    pub signature: Option<SignaturePolicy>,
    /// See [`Key::Db`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE", value_hint = ValueHint::FilePath, help = Key::Db.about())]
    pub db: Option<PathBuf>,
    /// See [`Key::Ephemeral`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::Ephemeral.about())]
    pub ephemeral: Option<bool>,
    /// See [`Key::Output`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "FORM", hide_possible_values = true, help = Key::Output.about())]
    pub output: Option<Output>,
    /// See [`Key::Color`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "WHEN", hide_possible_values = true, help = Key::Color.about())]
    pub color: Option<Color>,
    /// See [`Key::Theme`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "GROUND", hide_possible_values = true, help = Key::Theme.about())]
    pub theme: Option<Theme>,
    /// See [`Key::Ascii`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::Ascii.about())]
    pub ascii: Option<bool>,
    /// See [`Key::NoBell`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::NoBell.about())]
    pub no_bell: Option<bool>,
    /// See [`Key::NoConfirmQuit`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::NoConfirmQuit.about())]
    pub no_confirm_quit: Option<bool>,
    /// See [`Key::MaxBody`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "SIZE", value_parser = value::max_body, help = Key::MaxBody.about())]
    pub max_body: Option<usize>,
    /// See [`Key::Overdue`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "SPAN", value_parser = value::span, help = Key::Overdue.about())]
    pub overdue: Option<SignedDuration>,
    /// See [`Key::Keep`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "SPAN", value_parser = value::span, help = Key::Keep.about())]
    pub keep: Option<SignedDuration>,
    /// See [`Key::Relay`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "URL", value_hint = ValueHint::Url, value_parser = value::relay, help = Key::Relay.about())]
    pub relay: Option<String>,
    /// See [`Key::RelayName`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "NAME", value_parser = value::relay_name, help = Key::RelayName.about())]
    pub relay_name: Option<String>,
    /// See [`Key::RelayToken`]. Everybody on the machine can read a process's arguments.
    #[arg(skip)]
    pub relay_token: Option<Secret>,
    /// See [`Key::RelayTokenFile`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE", value_hint = ValueHint::FilePath, help = Key::RelayTokenFile.about())]
    pub relay_token_file: Option<PathBuf>,
    /// See [`Key::RelayInsecure`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::RelayInsecure.about())]
    pub relay_insecure: Option<bool>,
    /// See [`Key::Cacert`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "PEM", value_hint = ValueHint::FilePath, help = Key::Cacert.about())]
    pub cacert: Option<PathBuf>,
    /// See [`Key::NoListen`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help = Key::NoListen.about())]
    pub no_listen: Option<bool>,
    /// See [`Key::TrustForwardedFor`].
    #[arg(long, global = true, help_heading = HEADING, value_name = "IP", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = value::proxies, help = Key::TrustForwardedFor.about())]
    pub trust_forwarded_for: Option<Proxies>,
}

/// A setting as a source wrote it.
#[derive(Debug)]
pub(super) enum Written<'a> {
    Text(Cow<'a, str>),
    Flag(bool),
    List(Vec<Cow<'a, str>>),
}

impl Written<'_> {
    fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) if text.is_empty() => Err("it is empty".to_owned()),
            Self::Text(text) => Ok(text),
            Self::Flag(_) => Err("expected text, found true or false".to_owned()),
            Self::List(_) => Err("expected text, found a list".to_owned()),
        }
    }

    fn flag(&self) -> Result<bool, String> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            _ => Err("expected true or false".to_owned()),
        }
    }

    fn list(&self) -> Result<Vec<&str>, String> {
        match self {
            Self::List(texts) if texts.iter().any(|text| text.is_empty()) => {
                Err("one of the list is empty".to_owned())
            }
            Self::List(texts) => Ok(texts.iter().map(Cow::as_ref).collect()),
            _ => self.text().map(|text| vec![text]),
        }
    }
}

impl Layer {
    /// What the environment variables say.
    pub(super) fn of_variables(surroundings: &Surroundings) -> Result<Self, ConfigError> {
        let mut layer = Self::default();
        for setting in super::SETTINGS {
            let Some(text) = surroundings.variable(setting.env)? else { continue };
            let written = match setting.key {
                Key::NoDevKey
                | Key::Ephemeral
                | Key::Ascii
                | Key::NoBell
                | Key::NoConfirmQuit
                | Key::RelayInsecure
                | Key::NoListen => value::flag(text).map(Written::Flag),
                Key::PublicKey => {
                    // Like PATH: an empty piece, as a colon at the end leaves it, says nothing.
                    let pieces = text.split(':').filter(|piece| !piece.is_empty());
                    Ok(Written::List(pieces.map(Cow::Borrowed).collect()))
                }
                _ => Ok(Written::Text(text.into())),
            };
            written
                .and_then(|written| layer.set(setting.key, &written, &surroundings.working_dir))
                .map_err(|why| ConfigError::variable(setting.env, why))?;
        }
        Ok(layer)
    }

    /// The same with file names that are relative to `base` made absolute.
    pub(super) fn anchored(self, base: &Path) -> Self {
        let anchor = |file: PathBuf| base.join(file);
        Self {
            db: self.db.map(anchor),
            relay_token_file: self.relay_token_file.map(anchor),
            cacert: self.cacert.map(anchor),
            public_key: self.public_key.map(|files| files.into_iter().map(anchor).collect()),
            ..self
        }
    }

    /// Takes one setting; file names are relative to `base`. The error says what is expected.
    pub(super) fn set(
        &mut self,
        key: Key,
        written: &Written<'_>,
        base: &Path,
    ) -> Result<(), String> {
        match key {
            Key::Listen => self.listen = Some(value::listen_list(&written.list()?)?),
            Key::Path => self.path = Some(value::path(written.text()?)?),
            Key::PublicUrl => self.public_url = Some(value::public_url(written.text()?)?),
            Key::PublicKey => {
                let files = written.list()?;
                self.public_key = Some(files.into_iter().map(|file| base.join(file)).collect());
            }
            Key::NoDevKey => self.no_dev_key = Some(written.flag()?),
            Key::Signature => self.signature = Some(value::word(written.text()?)?),
            Key::Db => self.db = Some(base.join(written.text()?)),
            Key::Ephemeral => self.ephemeral = Some(written.flag()?),
            Key::Output => self.output = Some(value::word(written.text()?)?),
            Key::Color => self.color = Some(value::word(written.text()?)?),
            Key::Theme => self.theme = Some(value::word(written.text()?)?),
            Key::Ascii => self.ascii = Some(written.flag()?),
            Key::NoBell => self.no_bell = Some(written.flag()?),
            Key::NoConfirmQuit => self.no_confirm_quit = Some(written.flag()?),
            Key::MaxBody => self.max_body = Some(value::max_body(written.text()?)?),
            Key::Overdue => self.overdue = Some(value::span(written.text()?)?),
            Key::Keep => self.keep = Some(value::span(written.text()?)?),
            Key::Relay => self.relay = Some(value::relay(written.text()?)?),
            Key::RelayName => self.relay_name = Some(value::relay_name(written.text()?)?),
            Key::RelayToken => self.relay_token = Some(Secret::new(written.text()?)),
            Key::RelayTokenFile => self.relay_token_file = Some(base.join(written.text()?)),
            Key::RelayInsecure => self.relay_insecure = Some(written.flag()?),
            Key::Cacert => self.cacert = Some(base.join(written.text()?)),
            Key::NoListen => self.no_listen = Some(written.flag()?),
            Key::TrustForwardedFor => {
                self.trust_forwarded_for = Some(match written {
                    Written::Flag(trusted) => Proxies::on_loopback(*trusted),
                    written => value::proxies(&written.list()?.join(","))?,
                });
            }
        }
        Ok(())
    }
}
