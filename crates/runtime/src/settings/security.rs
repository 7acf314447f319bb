//! The keys that seal secrets at rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{SettingsError, secret};

const KEY: &str = "security.encryption_keys";
const KEY_BYTES: usize = 32;

/// `[security]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// As given; read it through [`Security::encryption_keys`].
    #[serde(default, with = "secret::optional")]
    pub encryption_keys: Option<SecretString>,
}

impl Security {
    /// The keys in the order given: the first seals, all of them open.
    ///
    /// # Errors
    /// When none is given, or one is not base64 of 32 bytes; it is named by its place, never by
    /// its value. Keys that were given have been checked by `Settings::load`.
    pub fn encryption_keys(&self) -> Result<Vec<Vec<u8>>, SettingsError> {
        let keys = self
            .encryption_keys
            .as_ref()
            .ok_or_else(|| SettingsError::missing(KEY))?;
        let keys = keys.expose_secret().split(',').map(str::trim);
        keys.enumerate()
            .map(|(index, text)| decode(index + 1, text))
            .collect()
    }
}

fn decode(nth: usize, text: &str) -> Result<Vec<u8>, SettingsError> {
    let refuse = |why: String| SettingsError::rule(KEY, format!("its key number {nth} {why}"));
    if text.is_empty() {
        return Err(refuse("is empty".into()));
    }
    let key = STANDARD
        .decode(text)
        .map_err(|_| refuse("is not base64".into()))?;
    if key.len() == KEY_BYTES {
        Ok(key)
    } else {
        Err(refuse(format!(
            "has {} bytes instead of {KEY_BYTES}",
            key.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &str) -> Result<Vec<Vec<u8>>, String> {
        let security = Security {
            encryption_keys: Some(SecretString::from(keys)),
        };
        security
            .encryption_keys()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_keep_their_order() {
        let (new, old) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let keys = read(&format!("{new}, {old}"));
        assert_eq!(keys, Ok(vec![vec![1; 32], vec![2; 32]]));
    }

    #[test]
    fn a_bad_key_is_named_by_its_place() {
        let good = STANDARD.encode([1; 32]);
        let bad = [
            ("hunter2!".to_owned(), "its key number 2 is not base64"),
            (
                STANDARD.encode([1; 16]),
                "its key number 2 has 16 bytes instead of 32",
            ),
            (String::new(), "its key number 2 is empty"),
        ];
        for (key, expected) in bad {
            let error = read(&format!("{good},{key}")).expect_err("a bad key");
            assert_eq!(error, format!("security.encryption_keys: {expected}"));
        }
    }

    #[test]
    fn without_keys_the_variable_to_set_is_named() {
        let error = Security {
            encryption_keys: None,
        }
        .encryption_keys()
        .expect_err("no key");
        assert!(
            error
                .to_string()
                .contains("CARILLON__SECURITY__ENCRYPTION_KEY"),
            "{error}"
        );
    }
}
