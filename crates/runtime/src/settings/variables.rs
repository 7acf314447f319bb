//! The environment layer: which variables there are, and what those that are set say.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use config::{ConfigError, Map, Source, Value, ValueKind};
use secrecy::{ExposeSecret, SecretString};

use super::{DEFAULTS, SettingsError};

const PREFIX: &str = "CARILLON__";

/// Keys whose values are never shown, and may be given as files. None has a default.
pub(super) const SECRETS: [&str; 6] = [
    "database.url",
    "database.direct_url",
    "amqp.url",
    "api.admin_token",
    "security.encryption_keys",
    "sandbox.signing_key",
];

/// The other keys without a default.
const OPTIONAL: [&str; 1] = ["api.public_url"];

/// Customary names beside the systematic ones.
const ALIASES: [(&str, &str); 5] = [
    ("DATABASE_URL", "database.url"),
    ("DATABASE_DIRECT_URL", "database.direct_url"),
    ("AMQP_URL", "amqp.url"),
    (
        "CARILLON__SECURITY__ENCRYPTION_KEY",
        "security.encryption_keys",
    ),
    ("RUST_LOG", "telemetry.filter"),
];

/// The variables of this process: the one place where the environment is read. What is not
/// UTF-8 is passed on with replacement characters, so that it is refused rather than overlooked.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Every key, as `section.key`: those of the compiled-in file and those without a default.
pub(super) fn keys() -> Vec<String> {
    let defaults: toml::Table = DEFAULTS
        .parse()
        .expect("a test parses the compiled-in file");
    let mut keys: Vec<String> = SECRETS
        .iter()
        .chain(&OPTIONAL)
        .map(ToString::to_string)
        .collect();
    for (section, values) in &defaults {
        let values = values
            .as_table()
            .expect("the compiled-in file consists of sections");
        keys.extend(values.keys().map(|key| format!("{section}.{key}")));
    }
    keys.sort_unstable();
    keys
}

/// The variables of a key; where several are set, the first counts.
pub(super) fn names_of(key: &str) -> Vec<String> {
    let systematic = format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
    let aliases = ALIASES
        .iter()
        .filter(|(_, of)| *of == key)
        .map(|(name, _)| (*name).to_owned());
    std::iter::once(systematic).chain(aliases).collect()
}

/// The name a person would use for a key.
pub(super) fn shortest(key: &str) -> String {
    names_of(key)
        .into_iter()
        .min_by_key(String::len)
        .expect("each key has a systematic name")
}

/// Every variable that is understood.
pub(super) fn all() -> Vec<String> {
    keys().iter().flat_map(|key| with_files(key)).collect()
}

/// The variables of a key, with those that are paths of files.
pub(super) fn with_files(key: &str) -> Vec<String> {
    let mut names = names_of(key);
    if SECRETS.contains(&key) {
        let files: Vec<String> = names.iter().map(|name| format!("{name}_FILE")).collect();
        names.extend(files);
    }
    names
}

/// The environment as a layer of settings.
#[derive(Clone, Debug)]
pub(super) struct Variables(Vec<Given>);

#[derive(Clone, Debug)]
struct Given {
    key: String,
    /// Named in errors about the value.
    name: String,
    value: SecretString,
}

impl Variables {
    /// Picks what concerns Carillon from `environment` and reads the files it names. A variable
    /// that is empty counts as not set.
    ///
    /// # Errors
    /// A variable of ours that means nothing, a secret given twice, a file that cannot be read.
    pub fn read(
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        refuse_unknown(&environment)?;
        let environment: BTreeMap<_, _> = environment
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut given = Vec::new();
        for key in keys() {
            for name in names_of(&key) {
                if let Some(value) = value_of(&name, SECRETS.contains(&&*key), &environment)? {
                    given.push(Given { key, name, value });
                    break;
                }
            }
        }
        Ok(Self(given))
    }
}

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let value = |given: &Given| {
            // Stays text whatever it looks like: a secret such as 00123 is not the number 123.
            let text = ValueKind::String(given.value.expose_secret().to_owned());
            Value::new(Some(&given.name), text)
        };
        Ok(self
            .0
            .iter()
            .map(|given| (given.key.clone(), value(given)))
            .collect())
    }
}

fn value_of(
    name: &str,
    is_secret: bool,
    environment: &BTreeMap<String, String>,
) -> Result<Option<SecretString>, SettingsError> {
    let file_name = format!("{name}_FILE");
    let file = environment.get(&file_name).filter(|_| is_secret);
    match (environment.get(name), file) {
        (Some(_), Some(_)) => Err(SettingsError::GivenTwice {
            name: name.to_owned(),
        }),
        (Some(value), None) => Ok(Some(value.clone().into())),
        (None, Some(path)) => read_secret(path, file_name).map(Some),
        (None, None) => Ok(None),
    }
}

fn read_secret(path: &str, from: String) -> Result<SecretString, SettingsError> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(SettingsError::Refused(format!(
            "{path} (from {from}) is empty"
        ))),
        Ok(text) => Ok(text.trim().into()),
        Err(source) => Err(SettingsError::Unreadable {
            path: PathBuf::from(path),
            from,
            source,
        }),
    }
}

fn refuse_unknown(environment: &BTreeMap<String, String>) -> Result<(), SettingsError> {
    let all = all();
    let unknown = |name: &&String| name.starts_with(PREFIX) && !all.contains(name);
    let Some(name) = environment.keys().find(unknown) else {
        return Ok(());
    };
    let section = name[PREFIX.len()..].split("__").next().unwrap_or_default();
    let section = format!("{PREFIX}{section}__");
    let mut expected: Vec<String> = all
        .iter()
        .filter(|name| name.starts_with(&section))
        .cloned()
        .collect();
    if expected.is_empty() {
        expected = all
            .into_iter()
            .filter(|name| name.starts_with(PREFIX))
            .collect();
    }
    Err(SettingsError::UnknownVariable {
        name: name.clone(),
        expected,
    })
}
