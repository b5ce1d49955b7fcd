//! Tables of settings, and the macro that defines keys, flags, layers and values from the rows of
//! one.

use std::path::{Path, PathBuf};

use clap::Arg;

use super::kind::WrittenValue;
use super::origin::Origin;
use super::shown_value::ShownValue;
use super::{ConfigError, Environment};

/// One row of a table of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<K> {
    /// Which setting.
    pub key: K,
    /// Its key in the configuration file.
    pub name: &'static str,
    /// Its flag; empty where it has none, because it is a secret.
    pub flag: &'static str,
    /// Its environment variable; empty where it has none.
    pub env: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// The help, in one line.
    pub help: &'static str,
    pub(super) form: Flag,
}

impl<K> Setting<K> {
    /// Returns its help on the command line, with the variable and the default.
    pub fn about(&self) -> String {
        let Self { help, env, default, .. } = self;
        if env.is_empty() {
            return format!("{help} [default: {default}]");
        }
        format!("{help} [env: {env}] [default: {default}]")
    }

    /// Returns the beginning of the flag's definition; `None` if the table has no flag of its own
    /// for it.
    pub(super) fn arg(&self) -> Option<Arg> {
        let Flag { takes, heading, is_global, .. } = self.form;
        let takes = takes?;
        let arg = Arg::new(self.name).long(self.name).value_name(takes).help(self.about());
        Some(arg.help_heading(heading).global(is_global))
    }
}

/// The flag of a setting. Its clap id is the setting's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) long: &'static str,
    /// The name of its value; `None` if the table defines no flag.
    takes: Option<&'static str>,
    heading: Option<&'static str>,
    is_global: bool,
}

impl Flag {
    /// The heading of the flags that commands share.
    pub(super) const SHARED: &str = "Settings";

    /// Returns a flag that commands share.
    pub(super) const fn global(long: &'static str, takes: &'static str) -> Self {
        Self { long, takes: Some(takes), heading: Some(Self::SHARED), is_global: true }
    }

    /// Returns the same, but of one command alone.
    pub(super) const fn local(long: &'static str, takes: &'static str) -> Self {
        Self { is_global: false, ..Self::global(long, takes) }
    }

    /// Returns a flag of the one command that the table is for.
    pub(super) const fn own(long: &'static str, takes: &'static str) -> Self {
        Self { long, takes: Some(takes), heading: None, is_global: false }
    }

    /// Returns the same under a heading.
    pub(super) const fn under(
        heading: &'static str,
        long: &'static str,
        takes: &'static str,
    ) -> Self {
        Self { heading: Some(heading), ..Self::own(long, takes) }
    }

    /// Returns a flag that the watcher's table defines for all commands.
    pub(super) const fn shared(long: &'static str) -> Self {
        Self { long, takes: None, heading: None, is_global: true }
    }

    /// None: others can see arguments.
    pub(super) const fn none() -> Self {
        Self { long: "", takes: None, heading: None, is_global: false }
    }
}

/// A table of settings, as the layer that [`settings!`] defines for it. A layer has the settings of
/// one source, before anything is decided.
pub(super) trait Table: Clone + Default {
    /// Which setting.
    type Key: Copy + 'static;
    /// Every setting, decided.
    type Values;
    /// The layer of the flags that commands share.
    type Shared;

    /// The rows.
    const ROWS: &'static [Setting<Self::Key>];

    /// Sets a setting from the file; file names are relative to `base`.
    fn set(
        &mut self,
        key: Self::Key,
        written: &WrittenValue<'_>,
        base: &Path,
    ) -> Result<(), String>;

    /// Sets a setting from the text of a variable.
    fn set_text(&mut self, key: Self::Key, text: &str, base: &Path) -> Result<(), String>;

    /// Copies the flags that the watcher's table defines for this one as well.
    fn adopt(&mut self, flags: &Self::Shared) -> Result<(), ConfigError>;

    /// Makes file names that are relative to `base` absolute.
    #[must_use]
    fn anchored(self, base: &Path) -> Self;

    /// Decides each setting. Returns the values and the source of each.
    fn decide(
        layers: &Layers<Self>,
        data_dir: Option<&Path>,
    ) -> Result<(Self::Values, Vec<Origin>), ConfigError>;

    /// Returns the value of a setting as it is shown; `None` if it has none.
    fn show(values: &Self::Values, key: Self::Key) -> Option<ShownValue>;

    /// Returns the row of the setting that the configuration file calls `name`.
    fn row(name: &str) -> Option<&'static Setting<Self::Key>> {
        Self::ROWS.iter().find(|row| row.name == name)
    }

    /// Reads the environment variables.
    fn of_variables(environment: &Environment) -> Result<Self, ConfigError> {
        let mut layer = Self::default();
        for row in Self::ROWS.iter().filter(|row| !row.env.is_empty()) {
            let Some(text) = environment.variable(row.env)? else { continue };
            layer
                .set_text(row.key, text, &environment.working_dir)
                .map_err(|why| ConfigError::named(row.env, why))?;
        }
        Ok(layer)
    }
}

/// The layers of the sources, the strongest first.
#[derive(Debug)]
pub(super) struct Layers<L> {
    pub(super) flags: L,
    pub(super) variables: L,
    pub(super) file: L,
    pub(super) path: PathBuf,
}

impl<L> Layers<L> {
    /// Returns the setting from the strongest source that has it; `get` reads it from a layer.
    pub(super) fn find<K, T>(
        &self,
        row: &Setting<K>,
        get: impl Fn(&L) -> Option<T>,
    ) -> Option<(Origin, T)> {
        if let Some(value) = get(&self.flags) {
            Some((Origin::Flag(row.flag), value))
        } else if let Some(value) = get(&self.variables) {
            Some((Origin::Variable(row.env), value))
        } else {
            get(&self.file).map(|value| (Origin::File(self.path.clone()), value))
        }
    }
}

/// Defines the keys, the rows, the layer and the decided values of a table of settings.
///
/// A row is all that a setting needs apart from its use:
///
/// ```ignore
/// /// What the value means, as documentation.
/// Keep = keep {
///     name: "keep",                      // in the configuration file
///     flag: global("--keep", "SPAN"),    // see `Flag`, and what its value is called
///     env: "DUBWATCH_KEEP",              // "" where it has none
///     kind: TimeSpan,                    // how it is read and shown, see `kind`
///     unset: "everything",               // the default in words: the value is an `Option`;
///                                        // or `default: "90d"`, read as the variable is
///     help: "Delete assets that nothing was heard of for this long, like 90d",
/// }
/// ```
macro_rules! settings {
    (
        $(#[$keys:meta])* keys $Key:ident;
        $(#[$table:meta])* table $TABLE:ident;
        $(#[$layer:meta])* layer $Layer:ident;
        shared $Shared:ty;
        $(#[$values:meta])* values $Values:ident;
        $(
            $(#[$doc:meta])*
            $Variant:ident = $field:ident {
                name: $name:literal,
                flag: $scope:ident($($form:literal),*),
                env: $env:literal,
                kind: $Kind:ty,
                $how:ident: $default:literal,
                help: $help:literal,
            }
        )*
    ) => {
        $(#[$keys])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $Key {
            $($(#[$doc])* $Variant,)*
        }

        $(#[$table])*
        pub const $TABLE: [Setting<$Key>; [$($Key::$Variant),*].len()] = [$({
            let form = Flag::$scope($($form),*);
            Setting {
                key: $Key::$Variant,
                name: $name,
                flag: form.long,
                env: $env,
                default: $default,
                help: $help,
                form,
            }
        },)*];

        impl $Key {
            /// Returns its row.
            pub const fn setting(self) -> &'static Setting<Self> {
                &$TABLE[self as usize]
            }

            /// Returns its help on the command line, with the variable and the default.
            pub fn about(self) -> String {
                self.setting().about()
            }

            /// Returns the setting that the configuration file calls `name`.
            pub fn from_name(name: &str) -> Option<Self> {
                <$Layer as Table>::row(name).map(|row| row.key)
            }
        }

        $(#[$layer])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $Layer {
            $($(#[$doc])* pub $field: Option<<$Kind as SettingKind>::Value>,)*
        }

        $(#[$values])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Values {
            $($(#[$doc])* pub $field: settings!(@$how type $Kind),)*
        }

        impl Table for $Layer {
            type Key = $Key;
            type Values = $Values;
            type Shared = $Shared;

            const ROWS: &'static [Setting<$Key>] = &$TABLE;

            fn set(&mut self, key: $Key, written: &WrittenValue<'_>, base: &Path) -> Result<(), String> {
                match key {
                    $($Key::$Variant => self.$field = Some(<$Kind>::read(written, base)?),)*
                }
                Ok(())
            }

            fn set_text(&mut self, key: $Key, text: &str, base: &Path) -> Result<(), String> {
                let written = match key {
                    $($Key::$Variant => <$Kind>::of_text(text),)*
                };
                self.set(key, &written?, base)
            }

            fn adopt(&mut self, flags: &$Shared) -> Result<(), ConfigError> {
                $(settings!(@$scope adopt $Kind, flags.$field, self.$field, $Key::$Variant);)*
                let _ = flags;
                Ok(())
            }

            fn anchored(self, base: &Path) -> Self {
                Self {
                    $($field: self.$field.map(|value| <$Kind>::anchor(value, base)),)*
                }
            }

            fn decide(
                layers: &Layers<Self>,
                data_dir: Option<&Path>,
            ) -> Result<($Values, Vec<Origin>), ConfigError> {
                let mut origins = Vec::with_capacity(Self::ROWS.len());
                let values = $Values {
                    $($field: {
                        let row = $Key::$Variant.setting();
                        let found = layers.find(row, |layer| layer.$field.clone());
                        let (origin, value) = match found {
                            Some((origin, value)) => (origin, Some(value)),
                            None => (Origin::Default, None),
                        };
                        origins.push(origin);
                        settings!(@$how value $Kind, value, row, data_dir)
                    },)*
                };
                Ok((values, origins))
            }

            fn show(values: &$Values, key: $Key) -> Option<ShownValue> {
                match key {
                    $($Key::$Variant => settings!(@$how show $Kind, &values.$field),)*
                }
            }
        }

        impl clap::Args for $Layer {
            fn augment_args(command: clap::Command) -> clap::Command {
                $(let command = match $Key::$Variant.setting().arg() {
                    Some(arg) => command.arg(<$Kind>::flag(arg)),
                    None => command,
                };)*
                command
            }

            fn augment_args_for_update(command: clap::Command) -> clap::Command {
                Self::augment_args(command)
            }
        }

        impl clap::FromArgMatches for $Layer {
            fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
                Self::from_arg_matches_mut(&mut matches.clone())
            }

            fn from_arg_matches_mut(matches: &mut clap::ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self {
                    $($field: match $Key::$Variant.setting().arg() {
                        Some(arg) => <$Kind>::of_flag(matches, arg.get_id().as_str()),
                        None => None,
                    },)*
                })
            }

            fn update_from_arg_matches(
                &mut self,
                matches: &clap::ArgMatches,
            ) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
    (@shared adopt $Kind:ty, $flag:expr, $field:expr, $key:expr) => {
        if let Some(value) = $flag.clone() {
            let value = <$Kind>::adopt(value);
            $field = Some(value.map_err(|why| ConfigError::named($key.setting().flag, why))?);
        }
    };
    (@$scope:ident adopt $($rest:tt)*) => {};
    (@default type $Kind:ty) => { <$Kind as SettingKind>::Value };
    (@unset type $Kind:ty) => { Option<<$Kind as SettingKind>::Value> };
    (@default value $Kind:ty, $value:expr, $row:expr, $data_dir:expr) => {
        match $value {
            Some(value) => value,
            None => <$Kind>::default($row.default, $data_dir)
                .map_err(|why| ConfigError::named($row.name, why))?,
        }
    };
    (@unset value $Kind:ty, $value:expr, $row:expr, $data_dir:expr) => { $value };
    (@default show $Kind:ty, $value:expr) => { <$Kind>::show($value) };
    (@unset show $Kind:ty, $value:expr) => {
        $value.as_ref().and_then(|value| <$Kind>::show(value))
    };
}

pub(super) use settings;
