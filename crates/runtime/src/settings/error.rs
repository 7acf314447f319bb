//! Why settings were refused: each message is one line and says what to change.

use std::io;
use std::path::PathBuf;

use super::variables;

/// What is wrong with the settings. No message shows the value of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file given by `--config`, or one that should hold a secret, cannot be read.
    #[error("cannot read {} (from {from})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// `--config`, or the variable that names the file.
        from: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file given by `--config` is not TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says, without the line's text: it may hold a secret.
        message: String,
    },
    /// A variable starts with `CARILLON__` and means nothing.
    #[error("unknown variable {name}, expected one of {}", expected.join(", "))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The variables of its section, or of all sections if that is unknown too.
        expected: Vec<String>,
    },
    /// A secret is given both as a value and as a file.
    #[error("both {name} and {name}_FILE are set: only one can be meant")]
    GivenTwice {
        /// The variable without `_FILE`.
        name: String,
    },
    /// A value has the wrong type, or the file has a key that means nothing.
    #[error("{0}")]
    Refused(String),
    /// A required key is given nowhere.
    #[error("{key} is missing: set {variable}, or {key} in the file given by --config")]
    Missing {
        /// The key, as `section.key`.
        key: &'static str,
        /// Its shortest variable.
        variable: String,
    },
    /// A value breaks a rule beyond its type.
    #[error("{key}: {rule}")]
    Rule {
        /// The key, as `section.key`.
        key: &'static str,
        /// What is wrong, in words.
        rule: String,
    },
}

impl SettingsError {
    pub(super) fn missing(key: &'static str) -> Self {
        Self::Missing {
            key,
            variable: variables::shortest(key),
        }
    }

    pub(super) fn rule(key: &'static str, rule: impl Into<String>) -> Self {
        Self::Rule {
            key,
            rule: rule.into(),
        }
    }
}

impl From<config::ConfigError> for SettingsError {
    fn from(error: config::ConfigError) -> Self {
        Self::Refused(error.to_string())
    }
}
