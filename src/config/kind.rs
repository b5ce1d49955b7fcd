//! The kinds of settings: how each is read from a flag, a variable and the file, and how it is shown.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, ValueEnum, ValueHint, value_parser};
use jiff::SignedDuration;

use super::header_source::HeaderSource;
use super::shown_value::{self, ShownValue};
use super::value::{self, ListenAddress, ProxyNetworks, Secret};
use crate::forward::ForwardTarget;
use crate::timeline::Expectation;

/// The value of a setting in a variable or the file.
#[derive(Debug)]
pub enum WrittenValue<'a> {
    /// A text, also a number.
    Text(Cow<'a, str>),
    /// True or false.
    Flag(bool),
    /// Several texts.
    List(Vec<Cow<'a, str>>),
}

impl WrittenValue<'_> {
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

/// A kind of settings. Its errors do not name the setting: the caller does.
pub trait SettingKind {
    /// The value of such a setting.
    type Value: Clone + Send + Sync + 'static;

    /// Completes the definition of the flag.
    fn flag(arg: Arg) -> Arg;

    /// Takes the value of the flag from the parsed arguments.
    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        matches.remove_one(id)
    }

    /// Reads the text of a variable, or of a default, as the file would have it.
    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        Ok(WrittenValue::Text(text.into()))
    }

    /// Reads the setting; file names are relative to `base`. The error says what is expected.
    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String>;

    /// Checks the value of a shared flag for a table with stricter requirements.
    fn adopt(value: Self::Value) -> Result<Self::Value, String> {
        Ok(value)
    }

    /// Makes file names that are relative to `base` absolute.
    fn anchor(value: Self::Value, base: &Path) -> Self::Value {
        let _ = base;
        value
    }

    /// Returns the value where no source sets one, given the default in the table and our directory
    /// for data.
    fn default(text: &str, data_dir: Option<&Path>) -> Result<Self::Value, String> {
        let _ = data_dir;
        Self::read(&Self::of_text(text)?, Path::new(""))
    }

    /// Returns the value for TOML and JSON; `None` if there is nothing to show.
    fn show(value: &Self::Value) -> Option<ShownValue>;
}

/// Makes the value of a flag optional; without a value the flag is true.
fn optional(arg: Arg, parser: impl Into<ValueParser>) -> Arg {
    arg.num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(parser.into())
}

/// Defines a kind whose value is written as one text.
macro_rules! texts {
    ($($(#[$doc:meta])* $Kind:ident: $Value:ty, $read:path, $show:expr $(, $hint:expr)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $Kind {}

        impl SettingKind for $Kind {
            type Value = $Value;

            fn flag(arg: Arg) -> Arg {
                arg.value_parser($read)$(.value_hint($hint))?
            }

            fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
                $read(written.text()?)
            }

            fn show(value: &Self::Value) -> Option<ShownValue> {
                let show: fn(&$Value) -> ShownValue = $show;
                Some(show(value))
            }
        }
    )*};
}

texts! {
    /// The path of a URL.
    UrlPath: String, value::path, |path| path.as_str().into();
    /// The URL that a sender calls.
    PublicUrl: String, value::public_url, |url| url.as_str().into(), ValueHint::Url;
    /// The URL of a relay to receive from.
    RelayUrl: String, value::relay, |url| url.as_str().into(), ValueHint::Url;
    /// The URL of the service's API.
    ApiUrl: String, value::api_url, |url| url.as_str().into(), ValueHint::Url;
    /// The name of a reader at a relay.
    RelayName: String, value::relay_name, |name| name.as_str().into();
    /// The size of a body.
    BodySize: usize, value::max_body, |size| shown_value::size(*size as u64).into();
    /// Bytes to keep.
    Bytes: u64, value::size, |bytes| shown_value::size(*bytes).into();
    /// A span of time.
    TimeSpan: SignedDuration, value::span, |span| shown_value::span(*span).into();
    /// How far back a first start reaches.
    Backfill: Option<SignedDuration>, value::backfill, |span| match span {
        Some(span) => shown_value::span(*span).into(),
        None => value::NO_BACKFILL.into(),
    };
}

/// Addresses to listen on.
#[derive(Debug, Clone, Copy)]
pub enum AddressList {}

impl SettingKind for AddressList {
    type Value = Vec<ListenAddress>;

    fn flag(arg: Arg) -> Arg {
        arg.action(ArgAction::Append).value_delimiter(',').value_parser(value::listen)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        value::listen_list(&written.list()?)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        let addresses: Vec<_> = value.iter().map(ToString::to_string).collect();
        Some(match addresses.as_slice() {
            [one] => one.as_str().into(),
            _ => ShownValue::List(addresses),
        })
    }
}

/// Targets to forward to. By default none, which the default in the table says in words.
#[derive(Debug, Clone, Copy)]
pub enum TargetList {}

impl SettingKind for TargetList {
    type Value = Vec<ForwardTarget>;

    fn flag(arg: Arg) -> Arg {
        arg.action(ArgAction::Append).value_parser(ForwardTarget::parse).value_hint(ValueHint::Url)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        // A URL holds no blank, but may hold a comma.
        Ok(WrittenValue::List(text.split_whitespace().map(Cow::Borrowed).collect()))
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        written.list()?.into_iter().map(ForwardTarget::parse).collect()
    }

    fn default(_: &str, _: Option<&Path>) -> Result<Self::Value, String> {
        Ok(Vec::new())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(ShownValue::List(value.iter().map(ToString::to_string).collect()))
    }
}

/// Filters, one for all targets or one for each. By default none, which the default in the table says
/// in words.
#[derive(Debug, Clone, Copy)]
pub enum FilterList {}

impl SettingKind for FilterList {
    type Value = Vec<String>;

    fn flag(arg: Arg) -> Arg {
        arg.action(ArgAction::Append).value_parser(value::filter)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        Ok(WrittenValue::List(text.lines().map(Cow::Borrowed).collect()))
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        match written {
            // An empty one lets everything through to its target.
            WrittenValue::List(texts) => texts.iter().map(|text| value::filter(text)).collect(),
            written => Ok(vec![value::filter(written.text()?)?]),
        }
    }

    fn default(_: &str, _: Option<&Path>) -> Result<Self::Value, String> {
        Ok(Vec::new())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(ShownValue::List(value.clone()))
    }
}

/// Headers to add: each `name:value`, or `@` and the name of a file of such lines. By default none,
/// which the default in the table says in words.
#[derive(Debug, Clone, Copy)]
pub enum HeaderList {}

impl SettingKind for HeaderList {
    type Value = Vec<HeaderSource>;

    fn flag(arg: Arg) -> Arg {
        arg.action(ArgAction::Append).short('H').value_parser(HeaderSource::parse)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        Ok(WrittenValue::List(text.lines().map(Cow::Borrowed).collect()))
    }

    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String> {
        let sources = written.list()?.into_iter().map(HeaderSource::parse);
        Ok(Self::anchor(sources.collect::<Result<_, _>>()?, base))
    }

    fn anchor(value: Self::Value, base: &Path) -> Self::Value {
        value.into_iter().map(|source| source.anchored(base)).collect()
    }

    fn default(_: &str, _: Option<&Path>) -> Result<Self::Value, String> {
        Ok(Vec::new())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        // A value may be a secret.
        let files = value.iter().map(HeaderSource::file);
        let files: Option<Vec<_>> =
            files.map(|file| Some(format!("@{}", shown_value::lossy(file?)))).collect();
        Some(files.map_or(ShownValue::Hidden, ShownValue::List))
    }
}

/// The URL at which a relay is reached, without a slash at its end.
#[derive(Debug, Clone, Copy)]
pub enum RelayPublicUrl {}

impl SettingKind for RelayPublicUrl {
    type Value = String;

    fn flag(arg: Arg) -> Arg {
        PublicUrl::flag(arg)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        value::relay_public_url(written.text()?)
    }

    fn adopt(value: Self::Value) -> Result<Self::Value, String> {
        value::relay_public_url(&value)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        PublicUrl::show(value)
    }
}

/// A number of things within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Count<T, const MIN: u64, const MAX: u64>(PhantomData<T>);

impl<T, const MIN: u64, const MAX: u64> Count<T, MIN, MAX>
where
    T: TryFrom<u64>,
{
    fn of(text: &str) -> Result<T, String> {
        value::count(text, MIN..=MAX)
    }
}

impl<T, const MIN: u64, const MAX: u64> SettingKind for Count<T, MIN, MAX>
where
    T: TryFrom<u64> + TryInto<u64> + Copy + Send + Sync + 'static,
{
    type Value = T;

    fn flag(arg: Arg) -> Arg {
        arg.value_parser(Self::of)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        Self::of(written.text()?)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        (*value).try_into().ok().map(ShownValue::Number)
    }
}

/// Names of files. By default none, which the default in the table says in words.
#[derive(Debug, Clone, Copy)]
pub enum FileList {}

impl SettingKind for FileList {
    type Value = Vec<PathBuf>;

    fn flag(arg: Arg) -> Arg {
        FileName::flag(arg).action(ArgAction::Append)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        // As in PATH: an empty part, as after a trailing colon, is ignored.
        let pieces = text.split(':').filter(|piece| !piece.is_empty());
        Ok(WrittenValue::List(pieces.map(Cow::Borrowed).collect()))
    }

    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String> {
        Ok(written.list()?.into_iter().map(|file| base.join(file)).collect())
    }

    fn anchor(value: Self::Value, base: &Path) -> Self::Value {
        value.into_iter().map(|file| base.join(file)).collect()
    }

    fn default(_: &str, _: Option<&Path>) -> Result<Self::Value, String> {
        Ok(Vec::new())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(ShownValue::List(value.iter().map(|file| shown_value::lossy(file)).collect()))
    }
}

/// Texts, each of its own. By default none, which the default in the table says in words.
#[derive(Debug, Clone, Copy)]
pub enum TextList {}

impl SettingKind for TextList {
    type Value = Vec<String>;

    fn flag(arg: Arg) -> Arg {
        arg.action(ArgAction::Append)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Some(matches.remove_many(id)?.collect())
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        let pieces = text.split(';').map(str::trim).filter(|piece| !piece.is_empty());
        Ok(WrittenValue::List(pieces.map(Cow::Borrowed).collect()))
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        Ok(written.list()?.into_iter().map(str::to_owned).collect())
    }

    fn default(_: &str, _: Option<&Path>) -> Result<Self::Value, String> {
        Ok(Vec::new())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(ShownValue::List(value.clone()))
    }
}

/// The versions that are expected of an asset: locales or a number.
#[derive(Debug, Clone, Copy)]
pub enum ExpectedVersions {}

impl SettingKind for ExpectedVersions {
    type Value = Expectation;

    fn flag(arg: Arg) -> Arg {
        arg.value_parser(Expectation::parse)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        Expectation::parse(&written.list()?.join(","))
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(value.to_string().as_str().into())
    }
}

/// The name of a file.
#[derive(Debug, Clone, Copy)]
pub enum FileName {}

impl SettingKind for FileName {
    type Value = PathBuf;

    fn flag(arg: Arg) -> Arg {
        arg.value_parser(value_parser!(PathBuf)).value_hint(ValueHint::FilePath)
    }

    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String> {
        Ok(base.join(written.text()?))
    }

    fn anchor(value: Self::Value, base: &Path) -> Self::Value {
        base.join(value)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(shown_value::lossy(value).into())
    }
}

/// The name of a file that by default is in our data directory; empty if that directory is not
/// known.
#[derive(Debug, Clone, Copy)]
pub enum DataFile {}

impl DataFile {
    /// The name of our data directory in the table.
    const DIRECTORY: &str = "$XDG_DATA_HOME/dubwatch/";
}

impl SettingKind for DataFile {
    type Value = PathBuf;

    fn flag(arg: Arg) -> Arg {
        FileName::flag(arg)
    }

    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String> {
        FileName::read(written, base)
    }

    fn anchor(value: Self::Value, base: &Path) -> Self::Value {
        FileName::anchor(value, base)
    }

    fn default(text: &str, data_dir: Option<&Path>) -> Result<Self::Value, String> {
        let name = text.strip_prefix(Self::DIRECTORY).unwrap_or(text);
        Ok(data_dir.map(|directory| directory.join(name)).unwrap_or_default())
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        (!value.as_os_str().is_empty()).then(|| shown_value::lossy(value).into())
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy)]
pub enum Switch {}

impl SettingKind for Switch {
    type Value = bool;

    fn flag(arg: Arg) -> Arg {
        optional(arg, value_parser!(bool))
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        value::flag(text).map(WrittenValue::Flag)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        written.flag()
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some((*value).into())
    }
}

/// Yes or no, of a setting whose name begins with `no-`: the value is the opposite of what is
/// written.
#[derive(Debug, Clone, Copy)]
pub enum NegatedSwitch {}

impl SettingKind for NegatedSwitch {
    type Value = bool;

    fn flag(arg: Arg) -> Arg {
        Switch::flag(arg)
    }

    fn of_flag(matches: &mut ArgMatches, id: &str) -> Option<Self::Value> {
        Switch::of_flag(matches, id).map(|flag| !flag)
    }

    fn of_text(text: &str) -> Result<WrittenValue<'_>, String> {
        Switch::of_text(text)
    }

    fn read(written: &WrittenValue<'_>, base: &Path) -> Result<Self::Value, String> {
        Switch::read(written, base).map(|flag| !flag)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Switch::show(&!value)
    }
}

/// One of the words of an enum.
#[derive(Debug, Clone, Copy)]
pub struct OneOf<T>(PhantomData<T>);

impl<T: ValueEnum + Clone + Send + Sync + 'static> SettingKind for OneOf<T> {
    type Value = T;

    fn flag(arg: Arg) -> Arg {
        arg.value_parser(clap::builder::EnumValueParser::<T>::new()).hide_possible_values(true)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        value::word(written.text()?)
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        let word = value.to_possible_value();
        Some(word.as_ref().map_or("", |word| word.get_name()).into())
    }
}

/// Trusted proxies.
#[derive(Debug, Clone, Copy)]
pub enum ProxyList {}

impl SettingKind for ProxyList {
    type Value = ProxyNetworks;

    fn flag(arg: Arg) -> Arg {
        optional(arg, value::proxies as fn(&str) -> Result<ProxyNetworks, String>)
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        match written {
            WrittenValue::Flag(trusted) => Ok(ProxyNetworks::on_loopback(*trusted)),
            written => value::proxies(&written.list()?.join(",")),
        }
    }

    fn show(value: &Self::Value) -> Option<ShownValue> {
        Some(match value.to_string().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            list => list.into(),
        })
    }
}

/// A text that is never shown. It has no flag: other users can see arguments.
#[derive(Debug, Clone, Copy)]
pub enum SecretText {}

impl SettingKind for SecretText {
    type Value = Secret;

    fn flag(arg: Arg) -> Arg {
        arg
    }

    fn read(written: &WrittenValue<'_>, _: &Path) -> Result<Self::Value, String> {
        written.text().map(Secret::new)
    }

    fn show(_: &Self::Value) -> Option<ShownValue> {
        Some(ShownValue::Hidden)
    }
}
