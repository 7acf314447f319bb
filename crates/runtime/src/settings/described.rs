//! Every setting as operators are told of it, read from the compiled-in file, which documents them all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::variables::{SECRETS, keys, with_files};
use super::{DEFAULTS, Settings};

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Described {
    /// `section.key`, as in a file.
    pub key: String,
    /// The environment variables that give it, of which the first that is set counts. One that ends
    /// with `_FILE` is the path of a file with the value.
    pub variables: Vec<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its value if nobody gives one; null if it has none then.
    pub default: Option<toml::Value>,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// What it says.
    pub description: String,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Anything else.
    Text,
}

impl Settings {
    /// Every setting, in the order of the keys.
    #[must_use]
    pub fn described() -> Vec<Described> {
        let defaults: toml::Table = DEFAULTS
            .parse()
            .expect("a test parses the compiled-in file");
        let mut descriptions = descriptions(DEFAULTS);
        let described = keys().into_iter().map(|key| {
            let (section, name) = key.split_once('.').unwrap_or_default();
            let default = defaults.get(section).and_then(|values| values.get(name));
            Described {
                variables: with_files(&key),
                kind: Kind::of(default),
                default: default.cloned(),
                is_secret: SECRETS.contains(&&*key),
                description: descriptions.remove(&key).unwrap_or_default(),
                key,
            }
        });
        described.collect()
    }
}

impl Kind {
    const fn of(default: Option<&toml::Value>) -> Self {
        match default {
            Some(toml::Value::Boolean(_)) => Self::Boolean,
            Some(toml::Value::Integer(_)) => Self::Integer,
            Some(toml::Value::Float(_)) => Self::Number,
            // All that have no default are text.
            _ => Self::Text,
        }
    }
}

/// The comment before each key; a key without one shares that of the key before it. A key without a
/// default stands in the comment itself, which then ends with a blank line.
fn descriptions(file: &str) -> BTreeMap<String, String> {
    let all = keys();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let (mut section, mut comment, mut last) = ("", String::new(), String::new());
    let mut without_default: Option<String> = None;
    for line in file.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            let named = text
                .split_once(": ")
                .map(|(name, rest)| (format!("{section}.{name}"), rest));
            match (named, &without_default) {
                (Some((key, rest)), _) if all.contains(&key) => {
                    found.insert(key.clone(), rest.to_owned());
                    without_default = Some(key);
                }
                (_, Some(key)) => append(found.entry(key.clone()).or_default(), text),
                (_, None) => append(&mut comment, text),
            }
        } else if let Some((name, _)) = line.split_once(" = ") {
            if !comment.is_empty() {
                last = std::mem::take(&mut comment);
            }
            found.insert(format!("{section}.{name}"), last.clone());
        } else {
            without_default = None;
            comment.clear();
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
        }
    }
    found
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_described_with_its_variables_type_and_default() {
        let all = Settings::described();
        let of = |key: &str| all.iter().find(|setting| setting.key == key).unwrap();
        for setting in &all {
            assert!(!setting.description.is_empty(), "{}", setting.key);
            let is_optional = setting.default.is_none();
            assert!(is_optional || !setting.is_secret, "{}", setting.key);
        }
        assert_eq!(
            *of("database.max_connections"),
            Described {
                key: "database.max_connections".to_owned(),
                variables: vec!["CARILLON__DATABASE__MAX_CONNECTIONS".to_owned()],
                kind: Kind::Integer,
                default: Some(toml::Value::Integer(16)),
                is_secret: false,
                description: "The most connections of one process.".to_owned(),
            }
        );
        let url = of("database.url");
        assert!(url.is_secret && url.variables.contains(&"DATABASE_URL_FILE".to_owned()));
        assert!(
            url.description.ends_with("host:port/database"),
            "{}",
            url.description
        );
        assert_eq!(of("retry.scale").kind, Kind::Number);
        assert_eq!(of("callbacks.allow_private_targets").kind, Kind::Boolean);
        let shared = of("limits.email_daily_limit");
        assert_eq!(shared.description, of("limits.sms_daily_limit").description);
        let names: Vec<String> = all
            .into_iter()
            .flat_map(|setting| setting.variables)
            .collect();
        assert_eq!(names, Settings::variables());
    }
}
